//! What holds a mailbox up for long calls a person, once, and says when it is over (R41, R44).

mod common;

use std::sync::Arc;

use mailferry_core::settings::{AgentKind, ByteSize, Floor};
use mailferry_rules::topology::Side;
use mailferry_sim::check;
use mailferry_sim::process::Fate;
use mailferry_sim::store::locked;
use mailferry_sim::world::World;

use common::{mail, settle};

const HALF_AN_HOUR_MS: u64 = 1_800_000;

fn world() -> World {
    let mut world = World::new(Side::standalone("SRC"), Side::standalone("TGT"), Arc::new(Fate::default())).expect("a database in memory");
    world.add_mailbox("alice", 0);
    mail(&world, &["first"]);
    settle(&mut world);
    world.policy.container_items_max = 1;
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
fn an_entry_of_the_target_store_that_cannot_be_read_is_waited_for_and_no_container_given_up() {
    let (source, target) = (Side::standalone("SRC"), Side::cluster("TGT", &["TGT1", "TGT2"]));
    let mut world = World::new(source, target, Arc::new(Fate::default())).expect("a database in memory");
    world.add_mailbox("alice", 0);
    mail(&world, &["first", "second"]);
    let close = |world: &World, closed| {
        locked(&world.shelf).get_mut("sim:new-alice").expect("the target store").closed = closed;
    };
    close(&world, true);
    world.session("SRC", AgentKind::Source);
    world.session("SRC", AgentKind::Transmission);
    for _ in 0..2 * world.policy.import_attempts_max {
        let report = world.session("TGT1", AgentKind::Target).expect("it lives");
        assert!(report.counts.taken == 0 && !report.stalls.is_empty(), "{report:?}");
    }
    assert_eq!((world.told.named("container.archived").len(), world.told.named("import.failed").len()), (0, 1));
    close(&world, false);
    settle(&mut world);
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

#[test]
fn a_gap_that_nothing_closes_becomes_an_alarm_once_and_its_end_is_told() {
    let mut world = world();
    let disk = world.disks["TGT"].clone();
    let path = disk.below("NTA/IN").into_iter().find(|path| path.ends_with(".prv")).expect("a container waits");
    let bytes = disk.files().remove(&path).expect("its bytes");
    half_hours(&mut world, 4);
    assert_eq!((world.told.named("mailbox.gap").len(), told(&world)), (1, (0, 0)), "a warning at first: {:#?}", world.told.all());
    half_hours(&mut world, 6);
    assert_eq!(told(&world), (1, 0), "once, however long it lasts");
    disk.files().insert(path, bytes);
    settle(&mut world);
    assert_eq!(told(&world), (1, 1));
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

#[test]
fn a_disk_that_stays_nearly_full_is_told_of_once_though_the_number_changes_and_again_the_next_time() {
    let mut world = world();
    world.policy.free_space_floor = Floor::Bytes(ByteSize::gib(1));
    let warnings = |world: &World| world.told.named("space.below-floor").len();
    let sessions = |world: &mut World, free: [u64; 3]| {
        for bytes in free {
            world.disks["SRC"].set_free(bytes);
            world.session("SRC", AgentKind::Source);
        }
    };
    mail(&world, &["fourth"]);
    sessions(&mut world, [3_000, 2_000, 1_000]);
    assert_eq!(warnings(&world), 1);
    sessions(&mut world, [1 << 31, 1 << 31, 1 << 31]);
    mail(&world, &["fifth"]);
    sessions(&mut world, [900, 800, 700]);
    assert_eq!(warnings(&world), 2, "it was over");
}

/// The transmission agent's sessions while the disk of a node is away, and when it is back.
fn outage(world: &mut World, disk: &str) {
    for away in [true, true, false] {
        world.disks[disk].set_away(away);
        world.session("SRC", AgentKind::Source);
        world.session("SRC", AgentKind::Transmission);
        world.pass_time(HALF_AN_HOUR_MS);
    }
}

#[test]
fn a_node_that_goes_away_once_more_is_told_of_once_more() {
    let mut world = world();
    for outages in 1..=2 {
        mail(&world, &[["fourth", "fifth"][outages - 1]]);
        outage(&mut world, "TGT");
        let told = |name: &str| world.told.named(name).len();
        assert_eq!((told("node.unreachable"), told("node.answers-again")), (outages, outages));
    }
}
