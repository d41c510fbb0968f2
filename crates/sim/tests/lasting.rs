//! What holds a mailbox up for long calls a person, once, and says when it is over (R41, R44).

mod common;

use std::sync::Arc;

use mailferry_core::settings::AgentKind;
use mailferry_rules::topology::Side;
use mailferry_sim::check;
use mailferry_sim::process::Fate;
use mailferry_sim::world::World;

use common::{mail, settle};

const HALF_AN_HOUR_MS: u64 = 1_800_000;

fn world() -> World {
    let mut world = World::new(Side::standalone("SRC"), Side::standalone("TGT"), Arc::new(Fate::default())).expect("a database in memory");
    world.policy.container_items_max = 1;
    world.add_mailbox("alice", 0);
    mail(&world, &["first"]);
    settle(&mut world);
    mail(&world, &["second", "third"]);
    world.session("SRC", AgentKind::Source);
    world.session("SRC", AgentKind::Transmission);
    world
}

/// The target agent's sessions of so many half hours.
fn half_hours(world: &mut World, count: u64) {
    for _ in 0..count {
        world.session("TGT", AgentKind::Target);
        world.pass_time(HALF_AN_HOUR_MS);
    }
}

fn told(world: &World) -> (usize, usize) {
    (world.told.named("mailbox.stuck").len(), world.told.named("mailbox.goes-on").len())
}

#[test]
fn a_target_store_that_stays_away_becomes_an_alarm_once_and_its_end_is_told() {
    let mut world = world();
    world.store_trouble.set("TGT", true);
    half_hours(&mut world, 2);
    assert_eq!((world.told.named("import.failed").len(), told(&world)), (1, (0, 0)), "a warning at first");
    half_hours(&mut world, 6);
    assert_eq!(told(&world), (1, 0), "once, however long it lasts");
    world.store_trouble.set("TGT", false);
    settle(&mut world);
    assert_eq!(told(&world), (1, 1));
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

#[test]
fn a_gap_that_nothing_closes_becomes_an_alarm_once_and_its_end_is_told() {
    let mut world = world();
    let disk = world.disks["TGT"].clone();
    let path = disk.below("NTA/IN").into_iter().find(|path| path.ends_with(".prv")).expect("a container waits");
    let bytes = disk.files().remove(&path).expect("its bytes");
    half_hours(&mut world, 4);
    assert_eq!((world.told.named("mailbox.gap").len(), told(&world)), (1, (0, 0)), "a warning at first");
    half_hours(&mut world, 6);
    assert_eq!(told(&world), (1, 0), "once, however long it lasts");
    disk.files().insert(path, bytes);
    settle(&mut world);
    assert_eq!(told(&world), (1, 1));
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}
