//! Transactions, the log, epochs, digests, and what outlives a process.

use std::sync::Arc;

use mailferry_core::ports::UnwatchedSteps;
use mailferry_core::state::ledger::debts as table;
use mailferry_core::state::{Database, Outbox, StateError};
use mailferry_rules::ids::Epoch;

use super::kit::*;

fn open(bench: &dyn Bench, node: &str) -> Database {
    bench.open(node, Arc::new(UnwatchedSteps))
}

pub fn a_database_begins_empty(bench: &dyn Bench) {
    let database = open(bench, "N1");
    let position = database.position().unwrap();
    assert_eq!((position.epoch, position.lsn), (Epoch(0), 0));
    assert_eq!((debts(&database), database.outbox().unwrap()), (vec![], Outbox::default()));
    assert!(database.tables().count() > 0 && database.tables().all(|name| !name.starts_with("local_")));
    database.integrity().unwrap();
}

pub fn a_write_is_one_change_set(bench: &dyn Bench) {
    let mut database = open(bench, "N1");
    owe(&mut database, 1, 1).unwrap();
    database.write(|tx| Ok((2..9).try_for_each(|number| table::owe(tx, &debt(number, 1)))?)).unwrap();
    let outbox = database.outbox().unwrap();
    assert_eq!((database.position().unwrap().lsn, outbox.sets, outbox.first), (2, 2, Some(1)));
    assert_eq!(debts(&database).len(), 8);
}

pub fn a_write_that_changes_nothing_leaves_the_log_alone(bench: &dyn Bench) {
    let mut database = open(bench, "N1");
    owe(&mut database, 1, 1).unwrap();
    let before = everything(&database);
    database.write(|_| Ok(())).unwrap();
    owe(&mut database, 1, 1).unwrap();
    database.write(|tx| Ok(table::paid(tx, &debt(2, 1))?)).unwrap();
    database.write(|tx| Ok(table::owe(tx, &debt(3, 1)).and_then(|()| table::paid(tx, &debt(3, 1)))?)).unwrap();
    assert_eq!(everything(&database), before);
}

pub fn a_write_that_fails_leaves_nothing(bench: &dyn Bench) {
    let mut database = open(bench, "N1");
    owe(&mut database, 1, 1).unwrap();
    let before = everything(&database);
    let failed = database.write(|tx| {
        table::owe(tx, &debt(2, 1))?;
        table::paid(tx, &debt(1, 1))?;
        Err::<(), _>(StateError::Busy)
    });
    assert!(matches!(failed, Err(StateError::Busy)));
    assert_eq!(everything(&database), before);
}

pub fn killed_before_the_commit_it_is_not_there(bench: &dyn Bench) {
    let kill = Arc::new(Kill::default());
    let mut database = bench.open("N1", kill.clone());
    database.begin_epoch(Epoch(1)).unwrap();
    owe(&mut database, 1, 1).unwrap();
    let before = everything(&database);
    kill.set(true, false);
    assert!(matches!(owe(&mut database, 2, 1), Err(StateError::Stopped(_))));
    assert!(matches!(database.begin_epoch(Epoch(2)), Err(StateError::Stopped(_))));
    assert!(matches!(database.prune(&[]), Err(StateError::Stopped(_))));
    assert_eq!(everything(&database), before);
    kill.set(false, false);
    let mut database = bench.again("N1", database, kill);
    assert_eq!(everything(&database), before);
    owe(&mut database, 2, 1).unwrap();
    assert_eq!((debts(&database), database.position().unwrap().lsn), (vec![(1, 1), (2, 1)], 2));
}

pub fn killed_after_the_commit_it_is_there(bench: &dyn Bench) {
    let kill = Arc::new(Kill::default());
    let mut database = bench.open("N1", kill.clone());
    kill.set(false, true);
    assert!(matches!(database.begin_epoch(Epoch(1)), Err(StateError::Stopped(_))));
    assert!(matches!(owe(&mut database, 1, 1), Err(StateError::Stopped(_))));
    kill.set(false, false);
    let database = bench.again("N1", database, kill);
    assert_eq!((database.position().unwrap().epoch, database.position().unwrap().lsn), (Epoch(1), 1));
    assert_eq!(debts(&database), [(1, 1)]);
}

pub fn what_was_written_outlives_the_process(bench: &dyn Bench) {
    let mut database = open(bench, "N1");
    database.begin_epoch(Epoch(3)).unwrap();
    for number in 0..20 {
        owe(&mut database, number, number).unwrap();
        let before = everything(&database);
        database = bench.again("N1", database, Arc::new(UnwatchedSteps));
        assert_eq!(everything(&database), before);
    }
    database.integrity().unwrap();
}

pub fn a_reader_changes_nothing(bench: &dyn Bench) {
    let database = open(bench, "N1");
    let before = everything(&database);
    database.read(|db| Ok(table::owe(db, &debt(1, 1))?)).unwrap();
    assert_eq!(everything(&database), before);
}

pub fn an_epoch_is_larger_than_every_one_seen_or_does_not_begin(bench: &dyn Bench) {
    let mut database = open(bench, "N1");
    database.begin_epoch(Epoch(3)).unwrap();
    database.begin_epoch(Epoch(3)).unwrap();
    database = bench.again("N1", database, Arc::new(UnwatchedSteps));
    for stale in [0, 1, 2] {
        assert!(matches!(database.begin_epoch(Epoch(stale)), Err(StateError::StaleEpoch { .. })));
    }
    assert_eq!((database.position().unwrap().epoch, database.is_writer().unwrap()), (Epoch(3), true));
}

pub fn a_new_epoch_begins_with_an_empty_outbox(bench: &dyn Bench) {
    let mut database = open(bench, "N1");
    database.begin_epoch(Epoch(1)).unwrap();
    (0..3).for_each(|number| owe(&mut database, number, 1).unwrap());
    let lsn = database.position().unwrap().lsn;
    database.begin_epoch(Epoch(2)).unwrap();
    assert_eq!((database.outbox().unwrap(), database.position().unwrap().lsn), (Outbox::default(), lsn));
    assert_eq!(
        database.lineage().unwrap().beginnings.iter().map(|begun| (begun.epoch.0, begun.base)).collect::<Vec<_>>(),
        [(1, 0), (2, 3)]
    );
}

pub fn equal_histories_have_equal_digests(bench: &dyn Bench) {
    let [mut one, mut two] = ["N1", "N2"].map(|node| open(bench, node));
    for database in [&mut one, &mut two] {
        database.begin_epoch(Epoch(1)).unwrap();
        (0..5).for_each(|number| owe(database, number, 1).unwrap());
    }
    assert_eq!(everything(&one), everything(&two));
    owe(&mut one, 0, 2).unwrap();
    owe(&mut two, 1, 2).unwrap();
    assert_ne!(one.position().unwrap().digest, two.position().unwrap().digest);
    owe(&mut one, 1, 2).unwrap();
    owe(&mut two, 0, 2).unwrap();
    assert_eq!(one.row_digest().unwrap(), two.row_digest().unwrap());
    assert_ne!(one.position().unwrap().digest, two.position().unwrap().digest, "equal rows by another way");
}

pub fn the_row_digest_sees_rows_alone(bench: &dyn Bench) {
    let mut database = open(bench, "N1");
    let empty = database.row_digest().unwrap();
    owe(&mut database, 1, 1).unwrap();
    let one = database.row_digest().unwrap();
    database.begin_epoch(Epoch(1)).unwrap();
    assert_eq!(database.row_digest().unwrap(), one);
    owe(&mut database, 1, 2).unwrap();
    assert!(![empty, one].contains(&database.row_digest().unwrap()));
    database.write(|tx| Ok(table::paid(tx, &debt(1, 2))?)).unwrap();
    assert_eq!(database.row_digest().unwrap(), empty);
}

pub fn the_outbox_keeps_within_its_limit(bench: &dyn Bench) {
    let mut database = open(bench, "N1");
    database.set_outbox_bytes_max(2000);
    for number in 0..40 {
        owe(&mut database, number, 1).unwrap();
        let (outbox, lsn) = (database.outbox().unwrap(), number + 1);
        assert!(outbox.bytes <= 2000 && outbox.sets > 0);
        assert_eq!(outbox.first, Some(lsn + 1 - outbox.sets), "the oldest go first, without a hole");
    }
}

pub fn pruning_keeps_what_some_standby_misses(bench: &dyn Bench) {
    let mut database = open(bench, "N1");
    let mut standby = open(bench, "N2");
    database.begin_epoch(Epoch(1)).unwrap();
    owe(&mut database, 1, 1).unwrap();
    ship(&*bench.share("N2"), "N1", &mut database, "N2").unwrap();
    replay(&*bench.share("N2"), "N2", &mut standby).unwrap();
    (2..6).for_each(|number| owe(&mut database, number, 1).unwrap());
    database.prune(&["N2"]).unwrap();
    assert_eq!(database.outbox().unwrap().first, Some(2));
    database.prune(&["N2", "N3"]).unwrap();
    assert_eq!(database.outbox().unwrap().first, Some(2));
    database.prune(&[]).unwrap();
    assert_eq!((database.outbox().unwrap(), database.replicas().unwrap()), (Outbox::default(), vec![]));
}

pub fn two_databases_live_apart(bench: &dyn Bench) {
    let [mut one, two] = ["N1", "N2"].map(|node| open(bench, node));
    let before = everything(&two);
    one.begin_epoch(Epoch(5)).unwrap();
    owe(&mut one, 1, 1).unwrap();
    assert_eq!(everything(&two), before);
    assert_eq!(one.schema(), two.schema());
}
