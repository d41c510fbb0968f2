//! What several tests do with a world.

use mailferry_core::model::Marks;
use mailferry_sim::world::World;

const ROUNDS_MAX: usize = 60;

/// Messages with these bodies for alice.
pub fn mail(world: &World, bodies: &[&str]) {
    world.edit("alice", |alice| bodies.iter().for_each(|body| drop(alice.add("INBOX", body.as_bytes(), Marks::default()))));
}

pub fn settle(world: &mut World) {
    for _ in 0..2 {
        world.settle(ROUNDS_MAX).expect("mail comes to rest");
        world.pass_time(3_600_000);
    }
}
