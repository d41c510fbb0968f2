#![allow(clippy::unwrap_used, clippy::panic)]

use rusqlite::{Connection, Transaction};

use super::*;

const SCHEMA: &str = "
    CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, size INTEGER, note BLOB, ratio REAL) STRICT;
    CREATE TABLE mark (item INTEGER NOT NULL, word TEXT NOT NULL, PRIMARY KEY (item, word)) STRICT, WITHOUT ROWID;
    CREATE TABLE word (text TEXT PRIMARY KEY, n INTEGER) STRICT;";

fn database() -> Connection {
    let connection = Connection::open_in_memory().unwrap();
    connection.execute_batch(SCHEMA).unwrap();
    connection
}

fn tables(connection: &Connection) -> Tables {
    Tables::of(connection, &["item", "mark", "word"]).unwrap()
}

fn record(connection: &mut Connection, work: impl FnOnce(&Transaction<'_>)) -> Vec<u8> {
    let tables = tables(connection);
    let transaction = connection.transaction().unwrap();
    let recorder = Recorder::start(&transaction, &tables).unwrap();
    work(&transaction);
    let changes = recorder.finish().unwrap();
    transaction.commit().unwrap();
    changes
}

fn replay(connection: &mut Connection, changes: &[u8]) -> Result<Applied, Error> {
    let tables = tables(connection);
    let transaction = connection.transaction().unwrap();
    let applied = apply(&transaction, &tables, changes);
    transaction.commit().unwrap();
    applied
}

fn rows(connection: &Connection) -> Vec<String> {
    let sql = "SELECT quote(id) || quote(name) || quote(size) || quote(note) || quote(ratio) FROM item
               UNION ALL SELECT quote(item) || quote(word) FROM mark UNION ALL SELECT quote(text) || quote(n) FROM word ORDER BY 1";
    connection.prepare(sql).unwrap().query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

fn fill(tx: &Transaction<'_>) {
    tx.execute_batch(
        "INSERT INTO item VALUES (1, 'a', 10, x'00ff', 0.5), (2, 'b', NULL, NULL, NULL), (3, 'c', 7, zeroblob(5000), -1e300);
         INSERT INTO mark VALUES (1, 'seen'), (1, 'x'), (2, 'y'); INSERT INTO word VALUES ('ä', 1), ('', 2)",
    )
    .unwrap();
}

fn stir(tx: &Transaction<'_>) {
    tx.execute_batch(
        "UPDATE item SET size = 11, name = 'aa' WHERE id = 1; DELETE FROM item WHERE id = 2; UPDATE word SET text = 'ö' WHERE text = 'ä';
         INSERT INTO item VALUES (4, 'b', 1, NULL, 2.0); UPDATE mark SET word = 'z' WHERE word = 'x'",
    )
    .unwrap();
}

fn pair() -> (Connection, Connection, Vec<u8>) {
    let (mut origin, mut replica) = (database(), database());
    let changes = record(&mut origin, fill);
    replay(&mut replica, &changes).unwrap();
    (origin, replica, changes)
}

fn conflict(result: Result<Applied, Error>) -> (String, Operation, ConflictKind) {
    match result {
        Err(Error::Conflict(conflict)) => (conflict.table, conflict.operation, conflict.kind),
        other => panic!("{other:?}"),
    }
}

#[test]
fn this_sqlite_has_the_session_extension() {
    assert!(available());
}

#[test]
fn a_replica_that_applies_every_change_set_is_equal() {
    let (mut origin, mut replica, _) = pair();
    assert_eq!(rows(&origin), rows(&replica));
    let changes = record(&mut origin, stir);
    assert_eq!(replay(&mut replica, &changes).unwrap(), Applied { changes: 7, already: false });
    assert_eq!(rows(&origin), rows(&replica));
}

#[test]
fn rowid_tables_and_tables_without_rowid_are_both_recorded() {
    let mut origin = database();
    for sql in ["INSERT INTO item VALUES (9, 'n', 1, NULL, NULL)", "INSERT INTO mark VALUES (9, 'w')", "INSERT INTO word VALUES ('t', 1)"] {
        assert!(!record(&mut origin, |tx| tx.execute_batch(sql).unwrap()).is_empty(), "{sql}");
    }
}

#[test]
fn a_transaction_without_changes_has_an_empty_change_set() {
    let (mut origin, _, _) = pair();
    assert!(record(&mut origin, |_| ()).is_empty());
    assert!(
        record(&mut origin, |tx| tx.execute_batch("UPDATE item SET size = 10 WHERE id = 1; DELETE FROM item WHERE id = 77").unwrap())
            .is_empty()
    );
    assert!(
        record(&mut origin, |tx| tx.execute_batch("INSERT INTO word VALUES ('gone', 1); DELETE FROM word WHERE text = 'gone'").unwrap())
            .is_empty()
    );
    assert!(
        record(&mut origin, |tx| tx.execute_batch("SAVEPOINT s; INSERT INTO word VALUES ('gone', 1); ROLLBACK TO s; RELEASE s").unwrap())
            .is_empty()
    );
}

#[test]
fn an_exact_replay_changes_nothing_and_says_so() {
    let (mut origin, mut replica, first) = pair();
    assert_eq!(replay(&mut replica, &first).unwrap(), Applied { changes: 8, already: true });
    let second = record(&mut origin, stir);
    replay(&mut replica, &second).unwrap();
    assert_eq!(replay(&mut replica, &second).unwrap(), Applied { changes: 7, already: true });
    assert_eq!(rows(&origin), rows(&replica));
}

#[test]
fn a_change_set_that_is_half_there_is_refused_whole() {
    let (mut origin, mut replica, _) = pair();
    let changes = record(&mut origin, stir);
    replica.execute_batch("UPDATE item SET size = 11, name = 'aa' WHERE id = 1").unwrap();
    let before = rows(&replica);
    assert_eq!(conflict(replay(&mut replica, &changes)), ("*".into(), Operation::All, ConflictKind::PartlyApplied));
    assert_eq!(rows(&replica), before);
}

#[test]
fn a_diverged_replica_refuses_and_names_table_and_kind() {
    let cases = [
        (
            "UPDATE item SET size = 1 WHERE id = 1",
            "UPDATE item SET size = 5 WHERE id = 1",
            "item",
            Operation::Update,
            ConflictKind::OtherValues,
        ),
        ("DELETE FROM word WHERE text = ''", "UPDATE word SET n = 7 WHERE text = ''", "word", Operation::Update, ConflictKind::Missing),
        ("UPDATE word SET n = 5 WHERE text = ''", "DELETE FROM word WHERE text = ''", "word", Operation::Delete, ConflictKind::OtherValues),
        ("INSERT INTO word VALUES ('k', 1)", "INSERT INTO word VALUES ('k', 2)", "word", Operation::Insert, ConflictKind::Present),
        (
            "UPDATE item SET name = 'taken' WHERE id = 3",
            "INSERT INTO item VALUES (8, 'taken', 1, NULL, NULL)",
            "item",
            Operation::Insert,
            ConflictKind::Constraint,
        ),
    ];
    for (divergence, change, table, operation, kind) in cases {
        let (mut origin, mut replica, _) = pair();
        replica.execute_batch(divergence).unwrap();
        let before = rows(&replica);
        let changes = record(&mut origin, |tx| tx.execute_batch(change).unwrap());
        assert_eq!(conflict(replay(&mut replica, &changes)), (table.into(), operation, kind), "{change}");
        assert_eq!(rows(&replica), before, "{change}");
    }
}

/// Done at the origin and replayed: both are equal. The replica, and the changes.
fn carried(sql: &str) -> (Connection, Vec<u8>) {
    let (mut origin, mut replica, _) = pair();
    let changes = record(&mut origin, |tx| tx.execute_batch(sql).unwrap());
    replay(&mut replica, &changes).unwrap();
    assert_eq!(rows(&origin), rows(&replica));
    (replica, changes)
}

#[test]
fn names_can_be_swapped_under_a_unique_constraint() {
    carried("UPDATE item SET name = '?' WHERE id = 1; UPDATE item SET name = 'a' WHERE id = 3; UPDATE item SET name = 'c' WHERE id = 1");
}

#[test]
fn a_row_may_take_the_name_of_one_that_goes_later() {
    let (mut replica, changes) =
        carried("DELETE FROM item WHERE id = 3; UPDATE item SET name = 'c' WHERE id = 2; INSERT INTO item VALUES (0, 'b', 1, NULL, 1.5)");
    assert_eq!(replay(&mut replica, &changes).unwrap(), Applied { changes: 3, already: true });
}

#[test]
fn a_swap_onto_a_name_that_is_taken_is_refused_whole() {
    let (mut origin, mut replica, _) = pair();
    let swap = "UPDATE item SET name = '?' WHERE id = 1; UPDATE item SET name = 'a' WHERE id = 3; UPDATE item SET name = 'd' WHERE id = 1";
    let changes = record(&mut origin, |tx| tx.execute_batch(swap).unwrap());
    replica.execute_batch("INSERT INTO item VALUES (9, 'd', 1, NULL, NULL)").unwrap();
    let before = rows(&replica);
    assert_eq!(conflict(replay(&mut replica, &changes)).2, ConflictKind::Constraint);
    assert_eq!(rows(&replica), before);
}

#[test]
fn a_table_without_a_key_that_is_never_null_is_refused() {
    let connection = database();
    connection
        .execute_batch("CREATE TABLE a (x INTEGER) STRICT; CREATE TABLE b (x TEXT PRIMARY KEY); CREATE TABLE c (x INTEGER PRIMARY KEY)")
        .unwrap();
    for name in ["a", "b"] {
        assert!(matches!(Tables::of(&connection, &[name]), Err(Error::NoKey(_))), "{name}");
    }
    connection.execute_batch("CREATE TABLE d (x INTEGER PRIMARY KEY REFERENCES c) STRICT").unwrap();
    assert!(matches!(Tables::of(&connection, &["d"]), Err(Error::Refers(_))));
    assert!(matches!(Tables::of(&connection, &["none"]), Err(Error::NoTable(_))));
    assert!(Tables::of(&connection, &["c"]).is_ok());
}

#[test]
fn a_change_set_of_another_schema_is_refused_instead_of_skipped() {
    let (mut origin, mut replica, _) = pair();
    origin.execute_batch("ALTER TABLE word ADD COLUMN extra TEXT").unwrap();
    let changes = record(&mut origin, |tx| tx.execute_batch("INSERT INTO word VALUES ('n', 1, 'e')").unwrap());
    assert!(matches!(replay(&mut replica, &changes), Err(Error::OtherShape(table)) if table == "word"));
    let only_items = Tables::of(&replica, &["item"]).unwrap();
    let tx = replica.transaction().unwrap();
    assert!(matches!(apply(&tx, &only_items, &changes), Err(Error::NotReplicated(table)) if table == "word"));
}

#[test]
fn outside_a_transaction_nothing_is_applied() {
    let (origin, replica, changes) = pair();
    assert!(matches!(apply(&replica, &tables(&origin), &changes), Err(Error::NoTransaction)));
}

#[test]
fn no_damaged_change_set_crashes_or_half_applies() {
    let (mut origin, mut replica, _) = pair();
    let changes = record(&mut origin, stir);
    let before = rows(&replica);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    for round in 0..2000 {
        let mut damaged = changes.clone();
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let place = usize::try_from(seed >> 33).unwrap() % damaged.len();
        if round % 3 == 0 {
            damaged.truncate(place)
        } else {
            damaged[place] ^= (seed >> 20) as u8 | 1
        }
        let tables = tables(&replica);
        let tx = replica.transaction().unwrap();
        let applied = apply(&tx, &tables, &damaged);
        if applied.is_err() {
            tx.commit().unwrap();
            assert_eq!(rows(&replica), before, "round {round}");
        }
    }
}
