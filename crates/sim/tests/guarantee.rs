//! The data guarantee in the target agent: kept until flushed, asked again in time, told when it lasts (R43, R70, R74).

mod common;

use std::sync::Arc;

use mailferry_core::engine::SessionReport;
use mailferry_core::settings::AgentKind;
use mailferry_rules::topology::Side;
use mailferry_sim::check;
use mailferry_sim::process::Fate;
use mailferry_sim::world::World;

use common::{mail, settle};

const SECOND_MS: u64 = 1_000;
const STORE: &str = "sim:new-alice";

/// With a container that waits in IN of the target.
fn world() -> World {
    let mut world = World::new(Side::standalone("SRC"), Side::standalone("TGT"), Arc::new(Fate::default())).expect("a database in memory");
    world.add_mailbox("alice", 0);
    mail(&world, &["first"]);
    world.session("SRC", AgentKind::Source);
    world.session("SRC", AgentKind::Transmission);
    world
}

fn target(world: &mut World) -> SessionReport {
    world.session("TGT", AgentKind::Target).expect("it lives")
}

fn in_inbox(world: &World) -> usize {
    world.disks["TGT"].below("NTA/IN").iter().filter(|path| path.ends_with(".prv")).count()
}

fn told(world: &World, name: &str) -> usize {
    world.told.named(name).len()
}

#[test]
fn a_container_is_kept_until_the_flush_of_its_receipt_is_guaranteed_and_its_mailbox_goes_on() {
    let mut world = world();
    world.guarantee.set_lagging(STORE, true);
    let report = target(&mut world);
    assert_eq!((report.counts.taken, in_inbox(&world)), (1, 1), "imported and kept");
    let stall = &report.stalls[0];
    assert!(stall.what.contains("alice") && stall.why == "StalledDueToHA for 0 s: the copy lags behind", "{stall:?}");
    let asked = world.guarantee.take_asked();
    assert_eq!(asked.len(), 1);
    world.pass_time(40 * SECOND_MS);
    target(&mut world);
    assert_eq!(world.guarantee.take_asked(), asked, "asked again for the same time, that of the receipt");
    mail(&world, &["second"]);
    world.session("SRC", AgentKind::Source);
    world.session("SRC", AgentKind::Transmission);
    assert_eq!(target(&mut world).counts.taken, 1, "more is imported meanwhile");
    assert_eq!(in_inbox(&world), 2);
    world.guarantee.set_lagging(STORE, false);
    settle(&mut world);
    assert_eq!(in_inbox(&world), 0);
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

#[test]
fn a_stall_is_asked_about_again_after_thirty_seconds_and_not_before() {
    let mut world = world();
    world.guarantee.set_lagging(STORE, true);
    target(&mut world);
    assert_eq!(world.guarantee.take_asked().len(), 1);
    let mut asked = Vec::new();
    for _ in 0..65 {
        world.pass_time(SECOND_MS);
        let report = target(&mut world);
        assert_eq!(report.stalls.len(), 1, "said in each session");
        asked.push(world.guarantee.take_asked().len());
    }
    assert_eq!(asked.iter().sum::<usize>(), 2, "{asked:?}");
}

#[test]
fn a_stall_that_lasts_rolls_the_journal_after_a_minute_and_calls_a_person_after_fifteen_once() {
    let mut world = world();
    world.guarantee.set_lagging(STORE, true);
    target(&mut world);
    world.pass_time(59 * SECOND_MS);
    target(&mut world);
    assert_eq!(world.guarantee.rolled(), 0);
    world.pass_time(SECOND_MS);
    target(&mut world);
    assert_eq!(world.guarantee.rolled(), 1);
    world.pass_time(30 * SECOND_MS);
    target(&mut world);
    assert_eq!(world.guarantee.rolled(), 1, "asked again, and not rolled again yet");
    world.pass_time(30 * SECOND_MS);
    target(&mut world);
    assert_eq!(world.guarantee.rolled(), 2, "the copy may have been away");
    world.pass_time(12 * 60 * SECOND_MS);
    target(&mut world);
    assert_eq!(told(&world, "guarantee.lasts"), 0);
    for _ in 0..5 {
        world.pass_time(60 * SECOND_MS);
        target(&mut world);
    }
    assert_eq!((told(&world, "guarantee.lasts"), told(&world, "guarantee.holds")), (1, 0));
    world.guarantee.set_lagging(STORE, false);
    settle(&mut world);
    assert_eq!((told(&world, "guarantee.lasts"), told(&world, "guarantee.holds")), (1, 1));
    assert_eq!(in_inbox(&world), 0);
}

#[test]
fn nothing_is_imported_while_the_copies_are_not_healthy_and_it_resumes_by_itself() {
    let mut world = world();
    world.guarantee.set_unreachable(true);
    let report = target(&mut world);
    assert_eq!((report.counts.taken, in_inbox(&world)), (0, 1));
    assert_eq!(report.stalls[0].why, "StalledDueToHA for 0 s: the copy does not answer");
    world.guarantee.set_unreachable(false);
    assert_eq!(target(&mut world).counts.taken, 0, "asked again in time");
    world.pass_time(30 * SECOND_MS);
    assert_eq!(target(&mut world).counts.taken, 1);
    assert_eq!((told(&world, "guarantee.stalled"), told(&world, "guarantee.lasts")), (1, 0));
    settle(&mut world);
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}
