//! What a new active node had to do again because its predecessor's last change sets had not arrived: kept until it is told, so that a
//! kill in the middle of the first sessions of an epoch loses none of it. Local tables: it is this node's report.

use mailferry_rules::ids::Epoch;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::StateError;
use super::log::sql;
use crate::state::statements::Statements;

/// How this node became active.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Takeover {
    pub epoch: Epoch,
    /// The activation it followed, in words.
    pub before: String,
    /// The report of its first sessions is told; what is found later is told by itself.
    pub told: bool,
}

/// One thing done again or finished.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redone {
    pub kind: String,
    /// A container or a mailbox.
    pub what: String,
    pub count: u64,
}

/// In the transaction that records the epoch.
pub fn begin(transaction: &Transaction<'_>, epoch: Epoch, before: &str) -> Result<(), StateError> {
    transaction.run("DELETE FROM local_redone", [])?;
    let insert = "INSERT OR REPLACE INTO local_takeover (only, epoch, before, told) VALUES (1, ?1, ?2, 0)";
    transaction.run(insert, params![sql(epoch.0), before])?;
    Ok(())
}

pub fn standing(connection: &Connection) -> Result<Option<Takeover>, StateError> {
    let row = connection.row("SELECT epoch, before, told FROM local_takeover", [], |row| {
        let epoch = Epoch(u64::try_from(row.get::<_, i64>(0)?).unwrap_or(0));
        Ok(Takeover { epoch, before: row.get(1)?, told: row.get(2)? })
    });
    Ok(row.optional()?)
}

pub fn note(transaction: &Transaction<'_>, redone: &Redone) -> Result<(), StateError> {
    let insert =
        "INSERT INTO local_redone (kind, what, count) VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET count = count + excluded.count";
    transaction.run(insert, params![redone.kind, redone.what, sql(redone.count)])?;
    Ok(())
}

pub fn redone(connection: &Connection) -> Result<Vec<Redone>, StateError> {
    let mut statement = connection.prepare_cached("SELECT kind, what, count FROM local_redone ORDER BY kind, what")?;
    let rows = statement.query_map([], |row| {
        Ok(Redone { kind: row.get(0)?, what: row.get(1)?, count: u64::try_from(row.get::<_, i64>(2)?).unwrap_or(0) })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

pub fn told(transaction: &Transaction<'_>) -> Result<(), StateError> {
    Ok(transaction.execute_batch("DELETE FROM local_redone; UPDATE local_takeover SET told = 1")?)
}
