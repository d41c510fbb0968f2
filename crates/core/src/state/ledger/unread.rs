//! Items that cannot be read at the source: what the target was told of them (source agent), and what it knows (target agent).

use mailferry_rules::ids::{MailboxId, Sequence};
use rusqlite::{Connection, OptionalExtension, params};

use super::manifest::path;
use super::{to_json, token};
use crate::model::{FolderPath, Token};
use crate::state::statements::Statements;

/// An item as the target knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    pub token: Token,
    /// At the source.
    pub folder: Option<FolderPath>,
    pub size: Option<u64>,
    pub reason: String,
}

/// Source: whether exactly these, in rising order, were told last.
pub fn is_told(db: &Connection, mailbox: MailboxId, tokens: &[Token]) -> rusqlite::Result<bool> {
    let told = db
        .prepare_cached("SELECT tokens, last FROM unread_told WHERE mailbox = ?1")?
        .query_row([mailbox.0], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, i64>(1)?)))
        .optional()?;
    Ok(told.map_or(tokens.is_empty(), |(told, last)| last != 0 && told == bytes(tokens)))
}

/// Source: container `sequence` tells of these; `first`: in place of those told before.
pub fn tell(db: &Connection, mailbox: MailboxId, first: bool, tokens: &[Token], sequence: Sequence) -> rusqlite::Result<()> {
    let sql = match first {
        true => "INSERT OR REPLACE INTO unread_told (mailbox, tokens, first, last) VALUES (?1, ?2, ?3, ?3)",
        false => "UPDATE unread_told SET tokens = CAST(tokens || ?2 AS BLOB), last = ?3 WHERE mailbox = ?1",
    };
    db.run(sql, params![mailbox.0, bytes(tokens), sequence.0 as i64])?;
    Ok(())
}

/// Source: the target could not use container `sequence`.
pub fn tell_again(db: &Connection, mailbox: MailboxId, sequence: Sequence) -> rusqlite::Result<()> {
    db.run("UPDATE unread_told SET last = 0 WHERE mailbox = ?1 AND first <= ?2 AND last >= ?2", params![mailbox.0, sequence.0 as i64])?;
    Ok(())
}

/// Source: what the target was told of is not known any more.
pub fn forget_told(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("INSERT OR REPLACE INTO unread_told (mailbox, tokens, first, last) VALUES (?1, x'', 0, 0)", [mailbox.0])?;
    Ok(())
}

/// Target: nothing of what was told before counts any more.
pub fn clear(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("DELETE FROM unread WHERE mailbox = ?1", [mailbox.0])?;
    Ok(())
}

pub fn record(db: &Connection, mailbox: MailboxId, item: &Known) -> rusqlite::Result<()> {
    let (path, size) = (item.folder.as_ref().map(|path| to_json(&path.0)).transpose()?, item.size.map_or(-1, |size| size as i64));
    db.run(
        "INSERT OR REPLACE INTO unread (mailbox, token, path, size, reason) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![mailbox.0, item.token.0, path, size, item.reason],
    )?;
    Ok(())
}

/// Target: those that are not at the target and were not refused by it either, by token.
pub fn known(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<Known>> {
    let mut query = db.prepare_cached(
        "SELECT token, path, size, reason FROM unread WHERE mailbox = ?1
         AND NOT EXISTS (SELECT 1 FROM tracking WHERE tracking.mailbox = ?1 AND tracking.token = unread.token)
         AND NOT EXISTS (SELECT 1 FROM left_out WHERE left_out.mailbox = ?1 AND left_out.token = unread.token) ORDER BY token",
    )?;
    let rows = query.query_map([mailbox.0], |row| {
        let size = u64::try_from(row.get::<_, i64>(2)?).ok();
        Ok(Known { token: token(row, 0)?, folder: path(row, 1)?, size, reason: row.get(3)? })
    })?;
    rows.collect()
}

fn bytes(tokens: &[Token]) -> Vec<u8> {
    tokens.iter().flat_map(|token| token.0).collect()
}
