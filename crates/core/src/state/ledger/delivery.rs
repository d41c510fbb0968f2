//! What the transmission agent has delivered, per lane (R33).

use mailferry_rules::ids::ContainerName;
use rusqlite::{Connection, OptionalExtension, params};

use crate::model::Digest;
use crate::state::statements::Statements;

/// Digest of the container as it was delivered.
pub fn delivered(db: &Connection, lane: &str, name: &ContainerName) -> rusqlite::Result<Option<Digest>> {
    db.prepare_cached("SELECT digest FROM delivery WHERE lane = ?1 AND mailbox = ?2 AND seq = ?3 AND epoch = ?4")?
        .query_row(params![lane, name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64], |row| Ok(Digest(row.get(0)?)))
        .optional()
}

pub fn is_delivered(db: &Connection, lane: &str, name: &ContainerName) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM delivery WHERE lane = ?1 AND mailbox = ?2 AND seq = ?3 AND epoch = ?4")?.exists(params![
        lane,
        name.mailbox.0,
        name.sequence.0 as i64,
        name.epoch.0 as i64
    ])
}

pub fn record(db: &Connection, lane: &str, name: &ContainerName, digest: Digest, now_ms: u64) -> rusqlite::Result<()> {
    db.run(
        "INSERT OR IGNORE INTO delivery (lane, mailbox, seq, epoch, digest, delivered_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![lane, name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, digest.0, now_ms as i64],
    )?;
    Ok(())
}
