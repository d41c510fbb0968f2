//! DeletedDataFiles and tombstones (R50-R56).

use mailferry_rules::cleanup::Debt;
use mailferry_rules::ids::ContainerName;
use rusqlite::{Connection, params};

use super::{container, digest};
use crate::model::Digest;
use crate::state::statements::Statements;

/// A container in one folder of the spool: `OUT/<lane>` or `IN/<origin>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Doomed {
    pub area: String,
    pub name: ContainerName,
    pub digest: Digest,
}

/// A row of DeletedDataFiles (R53).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DeletionDebt {
    pub node: String,
    pub path: String,
    pub doomed: Doomed,
    pub time: Debt,
    pub attempts: u64,
    pub last_error: String,
}

const COLUMNS: &str = "node, path, area, mailbox, seq, epoch, digest, first_failure_ms, next_attempt_ms, attempts, last_error";

fn debt(row: &rusqlite::Row<'_>) -> rusqlite::Result<DeletionDebt> {
    let number = |at: usize| row.get::<_, i64>(at).map(|value| value as u64);
    Ok(DeletionDebt {
        node: row.get(0)?,
        path: row.get(1)?,
        doomed: Doomed { area: row.get(2)?, name: container(row, 3)?, digest: digest(row, 6)? },
        time: Debt { first_failure_ms: number(7)?, next_attempt_ms: number(8)? },
        attempts: number(9)?,
        last_error: row.get(10)?,
    })
}

pub fn all(db: &Connection) -> rusqlite::Result<Vec<DeletionDebt>> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM DeletedDataFiles ORDER BY first_failure_ms, node, path"))?;
    let rows = query.query_map([], debt)?;
    rows.collect()
}

/// The oldest of them, for `status`.
pub fn oldest(db: &Connection, limit: usize) -> rusqlite::Result<Vec<DeletionDebt>> {
    let mut query = db.prepare_cached(&format!("SELECT {COLUMNS} FROM DeletedDataFiles ORDER BY first_failure_ms, node, path LIMIT ?1"))?;
    let rows = query.query_map([limit as i64], debt)?;
    rows.collect()
}

/// The rows of one container in one folder.
pub fn of(db: &Connection, area: &str, name: &ContainerName) -> rusqlite::Result<Vec<DeletionDebt>> {
    let mut query =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM DeletedDataFiles WHERE area = ?1 AND mailbox = ?2 AND seq = ?3 AND epoch = ?4"))?;
    let rows = query.query_map(params![area, name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64], debt)?;
    rows.collect()
}

pub fn owe(db: &Connection, debt: &DeletionDebt) -> rusqlite::Result<()> {
    let name = &debt.doomed.name;
    db.run(
        &format!("INSERT OR REPLACE INTO DeletedDataFiles ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"),
        params![
            debt.node,
            debt.path,
            debt.doomed.area,
            name.mailbox.0,
            name.sequence.0 as i64,
            name.epoch.0 as i64,
            debt.doomed.digest.0,
            debt.time.first_failure_ms as i64,
            debt.time.next_attempt_ms as i64,
            debt.attempts as i64,
            debt.last_error,
        ],
    )?;
    Ok(())
}

pub fn paid(db: &Connection, debt: &DeletionDebt) -> rusqlite::Result<()> {
    db.run("DELETE FROM DeletedDataFiles WHERE node = ?1 AND path = ?2", params![debt.node, debt.path])?;
    Ok(())
}

pub fn bury(db: &Connection, doomed: &Doomed, now_ms: u64) -> rusqlite::Result<()> {
    let name = &doomed.name;
    db.run(
        "INSERT OR IGNORE INTO tombstone (area, mailbox, seq, epoch, digest, since_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![doomed.area, name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, doomed.digest.0, now_ms as i64],
    )?;
    Ok(())
}

pub fn is_buried(db: &Connection, area: &str, name: &ContainerName) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM tombstone WHERE area = ?1 AND mailbox = ?2 AND seq = ?3 AND epoch = ?4")?.exists(params![
        area,
        name.mailbox.0,
        name.sequence.0 as i64,
        name.epoch.0 as i64
    ])
}

/// Tombstones standing, for `debts`.
pub fn tombstones(db: &Connection) -> rusqlite::Result<Vec<Doomed>> {
    let mut query = db.prepare_cached("SELECT area, mailbox, seq, epoch, digest FROM tombstone ORDER BY since_ms, area, mailbox, seq")?;
    let rows = query.query_map([], |row| Ok(Doomed { area: row.get(0)?, name: container(row, 1)?, digest: digest(row, 4)? }))?;
    rows.collect()
}
