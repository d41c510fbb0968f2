//! The target agent's memory for a store that fails over: which copy served, what kept containers took away (R78).

use mailferry_rules::ids::{ContainerName, MailboxId};
use rusqlite::{Connection, OptionalExtension, params};

use super::target::{Tracked, folder_id};
use super::{container, digest, from_json, token};
use crate::model::{Digest, FolderPath, TargetId, Token};
use crate::state::statements::Statements;

/// The copy that served when the containers of a mailbox were applied.
pub fn copy(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<String>> {
    db.prepare_cached("SELECT copy FROM serving WHERE mailbox = ?1")?.query_row([mailbox.0], |row| row.get(0)).optional()
}

pub fn set_copy(db: &Connection, mailbox: MailboxId, copy: &str) -> rusqlite::Result<()> {
    db.run("INSERT OR REPLACE INTO serving (mailbox, copy) VALUES (?1, ?2)", params![mailbox.0, copy])?;
    Ok(())
}

/// An item as it stood before a container took it away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TakenAway {
    pub token: Token,
    pub folder: FolderPath,
    pub id: TargetId,
    pub digest: Digest,
    pub date: Option<i64>,
}

pub fn take_away(db: &Connection, by: &ContainerName, item: &Tracked) -> rusqlite::Result<()> {
    let folder = folder_id(db, by.mailbox, &item.folder)?;
    db.run(
        "INSERT OR IGNORE INTO taken_away (mailbox, seq, epoch, token, folder, target_id, digest, date)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![by.mailbox.0, by.sequence.0 as i64, by.epoch.0 as i64, item.token.0, folder, item.id.0, item.digest.0, item.date],
    )?;
    Ok(())
}

/// What a container took away, in the order of the tokens.
pub fn taken_away(db: &Connection, by: &ContainerName) -> rusqlite::Result<Vec<TakenAway>> {
    let mut query = db.prepare_cached(
        "SELECT token, path, target_id, digest, date FROM taken_away
         JOIN target_folder ON target_folder.mailbox = taken_away.mailbox AND target_folder.id = taken_away.folder
         WHERE taken_away.mailbox = ?1 AND seq = ?2 AND epoch = ?3 ORDER BY token, target_id",
    )?;
    let rows = query.query_map(params![by.mailbox.0, by.sequence.0 as i64, by.epoch.0 as i64], |row| {
        Ok(TakenAway {
            token: token(row, 0)?,
            folder: FolderPath(from_json(row, 1)?),
            id: TargetId(row.get(2)?),
            digest: digest(row, 3)?,
            date: row.get(4)?,
        })
    })?;
    rows.collect()
}

/// A container of this mailbox was applied, and is kept until copies have flushed it. Where no copy is asked for, none is.
pub fn keep(db: &Connection, name: &ContainerName) -> rusqlite::Result<()> {
    db.run(
        "UPDATE taken SET kept = 1 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3 AND EXISTS (SELECT 1 FROM serving WHERE mailbox = ?1)",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64],
    )?;
    Ok(())
}

pub fn is_kept(db: &Connection, name: &ContainerName) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM taken WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3 AND kept = 1")?.exists(params![
        name.mailbox.0,
        name.sequence.0 as i64,
        name.epoch.0 as i64
    ])
}

/// It is kept no longer. Said before its files go.
pub fn release(db: &Connection, name: &ContainerName) -> rusqlite::Result<()> {
    let which = params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64];
    db.run("UPDATE taken SET kept = 0 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3", which)?;
    let which = params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64];
    db.run("DELETE FROM taken_away WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3", which)?;
    Ok(())
}

/// Those that are kept, in the order of their epochs and sequences, with the time of their receipts.
pub fn kept(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<(ContainerName, u64)>> {
    let mut query =
        db.prepare_cached("SELECT mailbox, seq, epoch, taken_ms FROM taken WHERE mailbox = ?1 AND kept = 1 ORDER BY epoch, seq")?;
    let rows = query.query_map([mailbox.0], |row| Ok((container(row, 0)?, row.get::<_, i64>(3)? as u64)))?;
    rows.collect()
}

/// Containers of a mailbox whose import has begun, or was given up in the middle: something of them may be at the target.
pub fn begun(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<ContainerName>> {
    let mut query = db.prepare_cached("SELECT mailbox, seq, epoch FROM attempt WHERE mailbox = ?1 ORDER BY epoch, seq")?;
    let rows = query.query_map([mailbox.0], |row| container(row, 0))?;
    rows.collect()
}
