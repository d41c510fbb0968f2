//! Orders to move requests as a session tells of them: the fate of each, however many have come (R80).

use mailferry_core::orders::{Ask, What};
use mailferry_core::settings::AgentKind;
use mailferry_rules::topology::Side;
use mailferry_sim::world::World;

/// More than a list of the last ones ever had.
const MANY: usize = 150;

fn told(world: &mut World) -> (usize, Option<Vec<Option<String>>>) {
    let report = world.session("SRC", AgentKind::Source).expect("it lives");
    let moves = report.moves.map_or(0, |moves| moves.requests.len());
    (moves, report.fates.map(|fates| fates.into_iter().map(|fate| fate.refused).collect()))
}

#[test]
fn the_fate_of_every_order_is_told_however_many_come_at_once() {
    let mut world = World::new(Side::standalone("SRC"), Side::standalone("TGT"), std::sync::Arc::default()).expect("a database in memory");
    (0..MANY).for_each(|number| world.add_mailbox(&format!("user{number:03}"), 0));
    assert_eq!(told(&mut world).1, Some(Vec::new()), "whoever begins tells what there is");
    for number in 0..MANY {
        world.order(&format!("user{number:03}"), What::New(Box::new(Ask { suspend_when_ready: Some(true), ..Ask::default() })));
    }
    world.order("user000", What::Undo);
    let (requests, fates) = told(&mut world);
    let fates = fates.expect("orders have come");
    assert_eq!((requests, fates.len(), fates.iter().flatten().count()), (MANY, MANY + 1, 1));
    assert_eq!(told(&mut world).1, None, "no order has come since");
}
