//! The target agent's tracking map: where each item went.

use mailferry_rules::ids::MailboxId;
use rusqlite::{Connection, OptionalExtension, params};

use super::{digest, keywords_text, marks, token};
use crate::model::{Digest, FolderPath, Marks, TargetId, Token};
use crate::state::statements::Statements;

/// An item as it stands at the target, as far as we know.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tracked {
    pub token: Token,
    pub folder: FolderPath,
    pub id: TargetId,
    pub digest: Digest,
    pub marks: Marks,
    /// Gone at the source; kept here unless deletions are applied.
    pub gone: bool,
    /// Internal date as it came, in seconds since 1970; `None` of items of before schema 7.
    pub date: Option<i64>,
}

pub fn tracked(db: &Connection, mailbox: MailboxId, wanted: &Token) -> rusqlite::Result<Option<Tracked>> {
    db.prepare_cached(
        "SELECT token, path, target_id, digest, flags, keywords, gone, date FROM tracking
         JOIN target_folder ON target_folder.mailbox = tracking.mailbox AND target_folder.id = tracking.folder
         WHERE tracking.mailbox = ?1 AND token = ?2",
    )?
    .query_row(params![mailbox.0, wanted.0], |row| {
        Ok(Tracked {
            token: token(row, 0)?,
            folder: FolderPath(super::from_json(row, 1)?),
            id: TargetId(row.get(2)?),
            digest: digest(row, 3)?,
            marks: marks(row, 4)?,
            gone: row.get(6)?,
            date: row.get(7)?,
        })
    })
    .optional()
}

pub fn track(db: &Connection, mailbox: MailboxId, item: &Tracked) -> rusqlite::Result<()> {
    let folder = folder_id(db, mailbox, &item.folder)?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO tracking (mailbox, token, folder, target_id, digest, flags, keywords, gone, date)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        mailbox.0,
        item.token.0,
        folder,
        item.id.0,
        item.digest.0,
        item.marks.flags.bits(),
        keywords_text(&item.marks.keywords),
        item.gone,
        item.date
    ])?;
    Ok(())
}

pub fn untrack(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM tracking WHERE mailbox = ?1 AND token = ?2")?.execute(params![mailbox.0, token.0])?;
    Ok(())
}

/// Ids of all items tracked in a folder.
pub fn ids_in(db: &Connection, mailbox: MailboxId, folder: &FolderPath) -> rusqlite::Result<Vec<TargetId>> {
    let mut query = db.prepare_cached(
        "SELECT target_id FROM tracking WHERE mailbox = ?1
         AND folder = (SELECT id FROM target_folder WHERE mailbox = ?1 AND path = ?2)",
    )?;
    let rows = query.query_map(params![mailbox.0, super::to_json(&folder.0)?], |row| Ok(TargetId(row.get(0)?)))?;
    rows.collect()
}

pub(super) fn folder_id(db: &Connection, mailbox: MailboxId, path: &FolderPath) -> rusqlite::Result<i64> {
    let path = super::to_json(&path.0)?;
    let known = db
        .prepare_cached("SELECT id FROM target_folder WHERE mailbox = ?1 AND path = ?2")?
        .query_row(params![mailbox.0, path], |row| row.get(0))
        .optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    let id: i64 = db
        .prepare_cached("SELECT coalesce(max(id), 0) + 1 FROM target_folder WHERE mailbox = ?1")?
        .query_row([mailbox.0], |row| row.get(0))?;
    db.run("INSERT INTO target_folder (mailbox, id, path) VALUES (?1, ?2, ?3)", params![mailbox.0, id, path])?;
    Ok(id)
}

/// Whether anything that was delivered to this mailbox is still at the target, deleted at the source or not. Looks at one row.
pub fn tracks_any(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM tracking WHERE mailbox = ?1 AND token >= ?2 LIMIT 1")?.exists(params![mailbox.0, Token::FIRST.0])
}

/// Items tracked in a mailbox, for `status`.
pub fn count(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM tracking WHERE mailbox = ?1")?
        .query_row([mailbox.0], |row| row.get::<_, i64>(0))
        .map(|n| n as u64)
}
