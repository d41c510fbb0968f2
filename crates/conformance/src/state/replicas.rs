//! Active and standby: ship, replay, snapshots (R14).

use std::sync::Arc;

use mailferry_core::ports::UnwatchedSteps;
use mailferry_core::state::{Database, StateError};
use mailferry_rules::ids::Epoch;

use super::kit::*;

fn pair(bench: &dyn Bench, kill: &Arc<Kill>) -> (Database, Database) {
    let mut active = bench.open("N1", Arc::new(UnwatchedSteps));
    active.begin_epoch(Epoch(1)).unwrap();
    owe(&mut active, 1, 1).unwrap();
    (active, bench.open("N2", kill.clone()))
}

fn assert_equal(one: &Database, two: &Database) {
    assert_eq!((one.position().unwrap(), one.row_digest().unwrap()), (two.position().unwrap(), two.row_digest().unwrap()));
    assert_eq!((debts(one), one.lineage().unwrap()), (debts(two), two.lineage().unwrap()));
    two.integrity().unwrap();
}

pub fn a_standby_that_replays_is_equal(bench: &dyn Bench) {
    let kill = Arc::default();
    let (mut active, mut standby) = pair(bench, &kill);
    for round in 0..4 {
        let shipped = ship(&*bench.share("N2"), "N1", &mut active, "N2").unwrap();
        assert_eq!(shipped.snapshot.is_some(), round == 0, "the first is a snapshot, then change files follow");
        replay(&*bench.share("N2"), "N2", &mut standby).unwrap();
        assert_equal(&active, &standby);
        standby = bench.again("N2", standby, kill.clone());
        assert_equal(&active, &standby);
        (0..5).for_each(|number| owe(&mut active, number, round + 2).unwrap());
    }
}

pub fn a_standby_does_not_write(bench: &dyn Bench) {
    let kill = Arc::default();
    let (mut active, mut standby) = pair(bench, &kill);
    ship(&*bench.share("N2"), "N1", &mut active, "N2").unwrap();
    replay(&*bench.share("N2"), "N2", &mut standby).unwrap();
    standby = bench.again("N2", standby, kill);
    assert!(matches!(owe(&mut standby, 2, 1), Err(StateError::Standby(Epoch(1)))));
    assert!(matches!(standby.begin_epoch(Epoch(1)), Err(StateError::StaleEpoch { .. })));
    assert_equal(&active, &standby);
    standby.begin_epoch(Epoch(2)).unwrap();
    owe(&mut standby, 2, 1).unwrap();
}

/// A node that was active alone is overwritten by the next epoch of the other.
pub fn a_snapshot_takes_the_place_of_everything(bench: &dyn Bench) {
    let kill = Arc::default();
    let (mut one, mut two) = pair(bench, &kill);
    ship(&*bench.share("N2"), "N1", &mut one, "N2").unwrap();
    replay(&*bench.share("N2"), "N2", &mut two).unwrap();
    (10..15).for_each(|number| owe(&mut one, number, 1).unwrap());
    two.begin_epoch(Epoch(2)).unwrap();
    owe(&mut two, 2, 1).unwrap();
    ship(&*bench.share("N1"), "N2", &mut two, "N1").unwrap();
    let replayed = replay(&*bench.share("N1"), "N1", &mut one).unwrap();
    assert_eq!(replayed.discarded.map(|gone| (gone.first, gone.last)), Some((2, 6)));
    assert_equal(&two, &one);
    assert_equal(&two, &bench.again("N1", one, Arc::new(UnwatchedSteps)));
}

pub fn a_replay_that_is_killed_is_done_again(bench: &dyn Bench) {
    let kill: Arc<Kill> = Arc::default();
    let (mut active, mut standby) = pair(bench, &kill);
    for (before, after) in [(true, false), (false, true), (true, false), (false, true)] {
        ship(&*bench.share("N2"), "N1", &mut active, "N2").unwrap();
        let stood = everything(&standby);
        kill.set(before, after);
        replay(&*bench.share("N2"), "N2", &mut standby).unwrap_err();
        kill.set(false, false);
        standby = bench.again("N2", standby, kill.clone());
        assert_eq!(everything(&standby) == stood, before, "whole or not at all");
        replay(&*bench.share("N2"), "N2", &mut standby).unwrap();
        assert_equal(&active, &standby);
        let word = active.position().unwrap().lsn + 100;
        (0..3).for_each(|number| owe(&mut active, number, word).unwrap());
    }
}
