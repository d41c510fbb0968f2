//! The schema, as numbered scripts: a database remembers in `user_version` how many it has had.
//!
//! Each script runs once, in a transaction of its own that also writes the new number, on every node by itself: a migration is
//! not replicated, so it must do the same to equal rows everywhere. The schema a change set was recorded under travels with it.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use super::StateError;
use crate::model::Digest;
use crate::ports::Steps;

/// `MFRY`, in the header of the file: a database of another program is left alone.
pub const APPLICATION_ID: u32 = 0x4d46_5259;

/// In order; the first makes schema 1. A script that has left the house is never edited.
pub const SCRIPTS: &[&[&str]] = &[
    &[LOCAL, include_str!("schema.sql")],
    &[LOCAL_2, include_str!("schema_2.sql"), include_str!("stock.sql")],
    &[include_str!("schema_3.sql")],
    &[include_str!("schema_4.sql")],
    &[include_str!("schema_5.sql")],
    &[include_str!("schema_6.sql")],
    &[LOCAL_3, include_str!("schema_7.sql")],
    &[include_str!("schema_8.sql")],
    &[include_str!("schema_9.sql")],
    &[include_str!("schema_10.sql")],
    &[include_str!("schema_11.sql")],
    &[include_str!("schema_12.sql")],
    &[include_str!("schema_13.sql")],
    &[include_str!("schema_14.sql")],
    &[include_str!("schema_15.sql")],
];

/// The tables of the node alone, which every schema needs.
pub const LOCAL: &str = include_str!("local.sql");
pub const LOCAL_2: &str = include_str!("local_2.sql");
pub const LOCAL_3: &str = include_str!("local_3.sql");

/// The shape of the replicated tables: an equal digest on both ends, or nothing is applied. The version says who is newer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schema {
    pub version: u32,
    pub digest: Digest,
}

/// Brings the schema up to date.
pub fn migrate(connection: &mut Connection, scripts: &[&[&str]], steps: &dyn Steps, place: &str) -> Result<(), StateError> {
    let found = accepted_version(connection, scripts.len(), place)?;
    (found + 1..).zip(scripts.iter().skip(found as usize)).try_for_each(|(version, script)| step(connection, steps, version, script))
}

/// The schema of the database; an error, before anything is written, when it is not ours or is newer than this program.
pub fn accepted_version(connection: &Connection, known: usize, place: &str) -> Result<u32, StateError> {
    let application: u32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let version: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if application == APPLICATION_ID {
        let known = u32::try_from(known).unwrap_or(u32::MAX);
        return if version > known { Err(StateError::FromTheFuture { found: version, known }) } else { Ok(version) };
    }
    let tables: bool = connection.query_row("SELECT EXISTS (SELECT 1 FROM sqlite_schema)", [], |row| row.get(0))?;
    if application == 0 && version == 0 && !tables { Ok(0) } else { Err(StateError::Foreign(place.into())) }
}

fn step(connection: &mut Connection, steps: &dyn Steps, version: u32, scripts: &[&str]) -> Result<(), StateError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    scripts.iter().try_for_each(|script| transaction.execute_batch(script))?;
    transaction.execute_batch(&format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {version}"))?;
    super::database::commit(transaction, steps)
}

/// Names of the replicated tables in rising order: all but `local_*` and SQLite's own.
pub fn replicated(connection: &Connection) -> Result<Vec<String>, StateError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT GLOB 'local_*' AND name NOT GLOB 'sqlite_*' ORDER BY name";
    let mut statement = connection.prepare(sql)?;
    let names = statement.query_map([], |row| row.get(0))?;
    Ok(names.collect::<Result<_, _>>()?)
}

/// A trigger would fire again where its effects are applied: replicated tables have none.
pub fn refuse_triggers(connection: &Connection) -> Result<(), StateError> {
    let sql = "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name NOT GLOB 'local_*' LIMIT 1";
    let found: Option<String> = connection.query_row(sql, [], |row| row.get(0)).optional()?;
    found.map_or(Ok(()), |name| Err(StateError::Corrupt(format!("trigger `{name}` on a replicated table"))))
}

/// Over tables, columns, types and keys; not over the text of the scripts.
pub fn schema_of(connection: &Connection, tables: &[&str]) -> Result<Schema, StateError> {
    let mut hasher = blake3::Hasher::new();
    let mut statement =
        connection.prepare("SELECT name || '\n' || type || '\n' || \"notnull\" || '\n' || pk FROM pragma_table_info(?1) ORDER BY cid")?;
    for table in tables {
        hasher.update(table.as_bytes()).update(b"\0");
        let mut rows = statement.query([table])?;
        while let Some(row) = rows.next()? {
            hasher.update(row.get::<_, String>(0)?.as_bytes()).update(b"\0");
        }
    }
    let version = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    Ok(Schema { version, digest: Digest(*hasher.finalize().as_bytes()) })
}
