//! Activations of this agent (R3).

use crate::state::statements::Statements;
use mailferry_rules::ids::Epoch;
use rusqlite::{Connection, OptionalExtension, params};

/// The newest epoch recorded, and the node that claimed it.
pub fn latest(db: &Connection) -> rusqlite::Result<Option<(Epoch, String)>> {
    db.row("SELECT epoch, node FROM epoch ORDER BY epoch DESC LIMIT 1", [], |row| Ok((Epoch(row.get::<_, i64>(0)? as u64), row.get(1)?)))
        .optional()
}

/// When this database learnt that the epoch was claimed.
pub fn claimed_ms(db: &Connection, epoch: Epoch) -> rusqlite::Result<Option<u64>> {
    db.row("SELECT claimed_ms FROM epoch WHERE epoch = ?1", [epoch.0 as i64], |row| Ok(row.get::<_, i64>(0)? as u64)).optional()
}

pub fn record(db: &Connection, epoch: Epoch, node: &str, now_ms: u64) -> rusqlite::Result<()> {
    db.run("INSERT OR IGNORE INTO epoch (epoch, node, claimed_ms) VALUES (?1, ?2, ?3)", params![epoch.0 as i64, node, now_ms as i64])?;
    Ok(())
}
