#![allow(clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mailferry_rules::ids::Epoch;
use rusqlite::Transaction;

use super::*;
use crate::model::Digest;
use crate::ports::{Steps, UnwatchedSteps};

pub const PROBE: &str = "CREATE TABLE probe (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID";

fn open(path: &std::path::Path, steps: Arc<dyn Steps>) -> Result<Database, StateError> {
    Database::open_trial(Some(path), steps, PROBE)
}

pub fn database() -> Database {
    Database::open_trial(None, Arc::new(UnwatchedSteps), PROBE).unwrap()
}

pub fn set(db: &mut Database, name: &str, value: &str) -> Result<(), StateError> {
    db.write(|tx| put(tx, name, value))
}

fn put(tx: &Transaction<'_>, name: &str, value: &str) -> Result<(), StateError> {
    tx.execute("INSERT INTO probe VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value", [name, value])?;
    Ok(())
}

fn get(db: &Database, name: &str) -> Option<String> {
    use rusqlite::OptionalExtension;
    db.read(|c| Ok(c.query_row("SELECT value FROM probe WHERE name = ?1", [name], |row| row.get(0)).optional()?)).unwrap()
}

#[derive(Default)]
struct Kill {
    before: AtomicBool,
    after: AtomicBool,
}

impl Steps for Kill {
    fn before_commit(&self) -> Result<(), String> {
        if self.before.load(Ordering::Relaxed) { Err("killed before".into()) } else { Ok(()) }
    }

    fn after_commit(&self) -> Result<(), String> {
        if self.after.load(Ordering::Relaxed) { Err("killed after".into()) } else { Ok(()) }
    }
}

#[test]
fn a_write_moves_the_log_by_one_and_keeps_its_change_set() {
    let mut db = database();
    assert_eq!(db.position().unwrap().lsn, 0);
    set(&mut db, "a", "1").unwrap();
    set(&mut db, "b", "2").unwrap();
    let position = db.position().unwrap();
    assert_eq!(position.lsn, 2);
    let sets = db.changes(0, 9, 1 << 20).unwrap();
    assert_eq!(sets.iter().map(|set| set.lsn).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(sets[1].digest, position.digest);
    assert_eq!(db.outbox().unwrap().bytes, sets.iter().map(|set| set.changes.len() as u64).sum::<u64>());
}

#[test]
fn a_write_that_changes_no_replicated_row_leaves_the_log_alone() {
    let mut db = database();
    set(&mut db, "a", "1").unwrap();
    let before = db.position().unwrap();
    set(&mut db, "a", "1").unwrap();
    db.write(|tx| Ok(tx.execute("INSERT INTO local_replica (node, epoch, lsn) VALUES ('N', 1, 1)", [])?)).unwrap();
    assert_eq!(db.position().unwrap(), before);
    assert_eq!(db.replicas().unwrap().len(), 1);
}

#[test]
fn a_failed_write_leaves_no_trace() {
    let mut db = database();
    let failed = db.write(|tx| {
        put(tx, "a", "1")?;
        Err::<(), _>(StateError::NoSpace)
    });
    assert!(matches!(failed, Err(StateError::NoSpace)));
    assert_eq!((get(&db, "a"), db.position().unwrap().lsn), (None, 0));
}

#[test]
fn an_error_before_the_commit_undoes_and_one_after_it_does_not() {
    let kill = Arc::new(Kill::default());
    let mut db = Database::open_trial(None, kill.clone(), PROBE).unwrap();
    kill.before.store(true, Ordering::Relaxed);
    assert!(matches!(set(&mut db, "a", "1"), Err(StateError::Stopped(_))));
    assert_eq!((get(&db, "a"), db.position().unwrap().lsn), (None, 0));
    kill.before.store(false, Ordering::Relaxed);
    kill.after.store(true, Ordering::Relaxed);
    assert!(matches!(set(&mut db, "a", "1"), Err(StateError::Stopped(_))));
    assert_eq!((get(&db, "a"), db.position().unwrap().lsn), (Some("1".into()), 1));
}

#[test]
fn a_reader_changes_nothing() {
    let db = database();
    db.read(|c| Ok(c.execute("INSERT INTO probe VALUES ('a', '1')", [])?)).unwrap();
    assert_eq!(get(&db, "a"), None);
}

#[test]
fn an_epoch_is_larger_than_every_one_seen_or_it_does_not_begin() {
    let mut db = database();
    db.begin_epoch(Epoch(3)).unwrap();
    db.begin_epoch(Epoch(3)).unwrap();
    for stale in [0, 1, 2] {
        assert!(matches!(db.begin_epoch(Epoch(stale)), Err(StateError::StaleEpoch { .. })));
    }
    assert_eq!(db.position().unwrap().epoch, Epoch(3));
}

#[test]
fn a_standby_applies_but_does_not_write() {
    let (mut active, mut standby) = (database(), database());
    active.begin_epoch(Epoch(1)).unwrap();
    set(&mut active, "a", "1").unwrap();
    let sets = active.changes(0, 9, 1 << 20).unwrap();
    standby.apply(Epoch(1), &sets).unwrap();
    assert_eq!(standby.position().unwrap(), active.position().unwrap());
    assert_eq!(standby.row_digest().unwrap(), active.row_digest().unwrap());
    assert!(matches!(set(&mut standby, "b", "2"), Err(StateError::Standby(Epoch(1)))));
    assert_eq!(get(&standby, "b"), None);
    standby.begin_epoch(Epoch(2)).unwrap();
    set(&mut standby, "b", "2").unwrap();
}

#[test]
fn change_sets_are_applied_in_order_and_unaltered_or_not_at_all() {
    let (mut active, mut standby) = (database(), database());
    active.begin_epoch(Epoch(1)).unwrap();
    ["1", "2", "3"].iter().for_each(|value| set(&mut active, "a", value).unwrap());
    let sets = active.changes(0, 9, 1 << 20).unwrap();
    let mut altered = sets.clone();
    altered[2].changes.push(0);
    for wrong in [&sets[1..], &[sets[0].clone(), sets[2].clone()], &altered] {
        assert!(matches!(standby.apply(Epoch(1), wrong), Err(StateError::Discontinuous(_))));
        assert_eq!(standby.position().unwrap().lsn, 0);
    }
    standby.apply(Epoch(1), &sets).unwrap();
    assert!(matches!(standby.apply(Epoch(0), &[]), Err(StateError::StaleEpoch { .. })));
}

#[test]
fn the_outbox_never_outgrows_its_limit_and_drops_the_oldest_first() {
    let mut db = database();
    db.set_outbox_bytes_max(1000);
    for n in 0..100 {
        set(&mut db, &format!("name {n}"), &"x".repeat(n)).unwrap();
        let outbox = db.outbox().unwrap();
        let sets = db.changes(0, u64::MAX, u64::MAX).unwrap();
        assert!(outbox.bytes <= 1000);
        assert_eq!(outbox.bytes, sets.iter().map(|set| set.changes.len() as u64).sum::<u64>());
        assert_eq!((outbox.sets, outbox.first), (sets.len() as u64, sets.first().map(|set| set.lsn)));
        assert_eq!(sets.last().unwrap().lsn, n as u64 + 1);
    }
}

#[test]
fn pruning_keeps_what_some_standby_misses() {
    let mut db = database();
    db.begin_epoch(Epoch(1)).unwrap();
    (0..5).for_each(|n| set(&mut db, "a", &n.to_string()).unwrap());
    for (node, epoch, lsn) in [("B", 1, 4), ("C", 1, 2), ("OLD", 1, 1)] {
        db.saw_replica(&Replica { node: node.into(), epoch: Epoch(epoch), lsn, seen_ms: 0 }).unwrap();
    }
    db.prune(&["B", "C"]).unwrap();
    assert_eq!(db.outbox().unwrap().first, Some(3));
    assert_eq!(db.replicas().unwrap().len(), 2);
    db.prune(&["B", "NEW"]).unwrap();
    assert_eq!(db.outbox().unwrap().first, Some(3));
    db.prune(&[]).unwrap();
    assert_eq!(db.outbox().unwrap(), Outbox { sets: 0, bytes: 0, first: None });
}

#[test]
fn the_row_digest_sees_every_value_and_only_replicated_rows() {
    let mut db = database();
    let digest = |db: &Database| db.row_digest().unwrap();
    let empty = digest(&db);
    set(&mut db, "a", "1").unwrap();
    let one = digest(&db);
    db.saw_replica(&Replica { node: "N".into(), epoch: Epoch(1), lsn: 1, seen_ms: 0 }).unwrap();
    assert_eq!(digest(&db), one);
    set(&mut db, "a", "2").unwrap();
    let two = digest(&db);
    db.write(|tx| Ok(tx.execute("DELETE FROM probe", [])?)).unwrap();
    assert_eq!(digest(&db), empty);
    assert!(empty != one && one != two && empty != Digest::default());
}

#[test]
fn a_file_database_keeps_what_was_written_and_syncs_each_commit() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.db");
    let mut db = open(&path, Arc::new(UnwatchedSteps)).unwrap();
    set(&mut db, "a", "1").unwrap();
    db.prune(&[]).unwrap();
    let pragma = |db: &Database, name: &str| {
        db.read(|c| {
            Ok(c.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, String>(0))
                .or_else(|_| c.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i64>(0).map(|n| n.to_string())))?)
        })
        .unwrap()
    };
    assert_eq!(["journal_mode", "synchronous", "foreign_keys"].map(|name| pragma(&db, name)), ["wal", "2", "1"]);
    let position = db.position().unwrap();
    drop(db);
    let db = open(&path, Arc::new(UnwatchedSteps)).unwrap();
    assert_eq!((get(&db, "a"), db.position().unwrap()), (Some("1".into()), position));
    db.integrity().unwrap();
}

#[test]
fn a_file_that_is_not_ours_is_refused_and_left_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.db");
    let refused = |content: &[u8]| {
        std::fs::write(&path, content).unwrap();
        let error = open(&path, Arc::new(UnwatchedSteps)).err().unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), content);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no journal is left beside it");
        error
    };
    assert!(matches!(refused(b"hello"), StateError::NotADatabase(_)));
    assert!(matches!(refused(&[b'x'; 5000]), StateError::NotADatabase(_)));
    assert!(matches!(
        refused(&[b"SQLite format 3\0".as_slice(), &[7; 5000]].concat()),
        StateError::NotADatabase(_) | StateError::Corrupt(_)
    ));
    let other = dir.path().join("other.db");
    rusqlite::Connection::open(&other).unwrap().execute_batch("CREATE TABLE t (x)").unwrap();
    let content = std::fs::read(&other).unwrap();
    std::fs::remove_file(&other).unwrap();
    assert!(matches!(refused(&content), StateError::Foreign(_)));
}

#[test]
fn a_database_of_a_newer_program_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.db");
    drop(open(&path, Arc::new(UnwatchedSteps)).unwrap());
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 9999").unwrap();
    assert!(matches!(open(&path, Arc::new(UnwatchedSteps)), Err(StateError::FromTheFuture { found: 9999, .. })));
}

#[test]
fn a_database_of_schema_1_is_brought_up_with_its_outbox_and_answers_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.db");
    // What a program of schema 1 left: its scripts, a container, a change set that no standby has.
    let old = rusqlite::Connection::open(&path).unwrap();
    for script in migrations::SCRIPTS[0] {
        old.execute_batch(script).unwrap();
    }
    old.execute_batch(
        "PRAGMA application_id = 1296454233; PRAGMA user_version = 1;
         INSERT INTO published VALUES (zeroblob(16), 1, 1, zeroblob(32), 5, 1, 7, NULL, NULL), (zeroblob(16), 2, 1, zeroblob(32), 6, 3, 8, 1, 9);
         INSERT INTO outbound VALUES (zeroblob(16), 2, 1, 1, 0);
         INSERT INTO inbound VALUES (zeroblob(16), 1, 1, 0);
         INSERT INTO taken VALUES (zeroblob(16), 1, 1, zeroblob(32), 1, 4, 2, 1, json_array(json_array('02020202020202020202020202020202', 'too large')), 9, 0);
         INSERT INTO local_outbox VALUES (1, zeroblob(32), x'00');
         UPDATE local_log SET epoch = 1, lsn = 1, outbox_bytes = 1;",
    )
    .unwrap();
    drop(old);
    let mut db = Database::open(&path, Arc::new(UnwatchedSteps)).unwrap();
    assert_eq!(db.schema().version as usize, migrations::SCRIPTS.len());
    assert_eq!(db.outbox().unwrap(), Outbox { sets: 1, bytes: 1, first: Some(1) });
    assert_eq!((db.tail(0).unwrap(), db.times().unwrap()), (Tail { bytes: 1, oldest_ms: 0 }, Times::default()));
    assert_eq!(db.changes(0, 9, 1 << 20).unwrap()[0].committed_ms, 0);
    let unanswered = |db: &Database| db.read(|c| Ok(ledger::outbound::unanswered_count(c, mailferry_rules::ids::MailboxId([0; 16]))?));
    assert_eq!(unanswered(&db).unwrap(), 1);
    let left_out = db.read(|c| Ok(ledger::manifest::left_out(c, mailferry_rules::ids::MailboxId([0; 16]), None, 9)?)).unwrap();
    assert_eq!(left_out.iter().map(|item| (item.token.0[0], item.reason.as_str())).collect::<Vec<_>>(), [(2, "too large")]);
    let sums = db.read(|c| Ok((ledger::totals::sent(c)?, ledger::totals::came(c)?))).unwrap();
    let (sent, came) = (sums.0.values().next().unwrap(), sums.1.values().next().unwrap());
    assert_eq!((sent.items, sent.bytes, sent.published_ms), (4, 11, 8), "what was sent before is counted");
    assert_eq!((came.applied, came.already, came.found, came.taken_ms), (4, 2, 1, 9));
    let fresh = Database::in_memory(Arc::new(UnwatchedSteps)).unwrap();
    assert_eq!(db.schema(), fresh.schema(), "an old database and a new one fit together");
    db.write(|tx| Ok(tx.execute("UPDATE published SET outcome = 1", [])?)).unwrap();
    assert_eq!((unanswered(&db).unwrap(), db.position().unwrap().lsn), (0, 2));
    db.integrity().unwrap();
}

#[test]
fn a_killed_migration_is_done_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.db");
    let kill = Arc::new(Kill::default());
    kill.before.store(true, Ordering::Relaxed);
    assert!(open(&path, kill.clone()).is_err());
    kill.before.store(false, Ordering::Relaxed);
    kill.after.store(true, Ordering::Relaxed);
    assert!(open(&path, kill).is_err());
    set(&mut open(&path, Arc::new(UnwatchedSteps)).unwrap(), "a", "1").unwrap();
}

#[test]
fn damage_inside_the_file_is_found_by_the_integrity_check() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("config.db");
    let mut db = open(&path, Arc::new(UnwatchedSteps)).unwrap();
    db.write(|tx| (0..2000).try_for_each(|n| put(tx, &format!("name {n}"), &"v".repeat(50)))).unwrap();
    drop(db);
    let mut content = std::fs::read(&path).unwrap();
    let middle = content.len() / 2 / 4096 * 4096;
    content[middle..middle + 4096].fill(0xaa);
    std::fs::write(&path, content).unwrap();
    let verdict = open(&path, Arc::new(UnwatchedSteps)).and_then(|db| db.integrity());
    assert!(matches!(verdict, Err(StateError::Corrupt(_))), "{verdict:?}");
}

#[test]
fn the_schema_of_the_agents_can_be_replicated() {
    let db = Database::in_memory(Arc::new(UnwatchedSteps)).unwrap();
    assert!(db.tables().count() > 0);
    assert!(db.tables().all(|name| !name.starts_with("local_")));
    db.integrity().unwrap();
}

#[test]
fn a_snapshot_brings_unique_indices_through() {
    let schema =
        "CREATE TABLE parent (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT; CREATE UNIQUE INDEX parent_name ON parent (name)";
    let open = || Database::open_trial(None, Arc::new(UnwatchedSteps), schema).unwrap();
    let (mut active, mut standby) = (open(), open());
    active.begin_epoch(Epoch(1)).unwrap();
    active.write(|tx| Ok(tx.execute_batch("INSERT INTO parent VALUES (1, 'a'), (2, 'b')")?)).unwrap();
    let mut stream = Vec::new();
    active.write_rows(&mut stream).unwrap();
    let (position, lineage) = (active.position().unwrap(), active.lineage().unwrap());
    let incoming = Incoming { position, lineage: &lineage, rows: active.row_digest().unwrap(), bulk: false, committed_ms: 0 };
    standby.take_over(&incoming, &mut stream.as_slice()).unwrap();
    assert_eq!(standby.row_digest().unwrap(), active.row_digest().unwrap());
    standby.begin_epoch(Epoch(2)).unwrap();
    assert!(standby.write(|tx| Ok(tx.execute_batch("INSERT INTO parent VALUES (3, 'a')")?)).is_err());
}

#[test]
fn databases_in_memory_begin_empty_and_live_apart() {
    let open = || Database::in_memory(Arc::new(UnwatchedSteps)).unwrap();
    let (mut a, b) = (open(), open());
    a.begin_epoch(Epoch(5)).unwrap();
    for fresh in [b, open()] {
        assert_eq!((fresh.position().unwrap().epoch, fresh.position().unwrap().lsn), (Epoch(0), 0));
        assert_eq!(fresh.schema(), a.schema());
    }
    assert_eq!(a.position().unwrap().epoch, Epoch(5));
}

#[test]
fn a_database_that_is_alone_has_the_schema_of_any_other_records_nothing_and_keeps_what_was_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("alone.db");
    let mailbox = mailferry_rules::ids::MailboxId([1; 16]);
    let mut alone = Database::open_alone(&path, Arc::new(UnwatchedSteps)).unwrap();
    assert_eq!(alone.schema(), Database::in_memory(Arc::new(UnwatchedSteps)).unwrap().schema());
    alone.write(|tx| Ok(ledger::stock::call(tx, mailbox, "a reason", 1)?)).unwrap();
    assert_eq!((alone.position().unwrap().lsn, alone.outbox().unwrap().sets), (0, 0));
    drop(alone);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
    let again = Database::open_alone(&path, Arc::new(UnwatchedSteps)).unwrap();
    again.integrity().unwrap();
    assert_eq!(again.read(|db| Ok(ledger::stock::due(db, mailbox)?)).unwrap().as_deref(), Some("a reason"));
}
