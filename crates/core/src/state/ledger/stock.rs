//! Taking stock after a takeover that may have lost something: who has to, what there is, what is missing (R14).

use mailferry_rules::ids::{MailboxId, Sequence};
use rusqlite::{Connection, params};

use super::{marks, token};
use crate::model::{Counted, Token};
use crate::state::statements::Statements;

/// Source: a census of this mailbox has to be sent. Target: more may have been done than its ledger knows.
pub fn call(db: &Connection, mailbox: MailboxId, why: &str, now_ms: u64) -> rusqlite::Result<()> {
    let sql = "INSERT INTO stock (mailbox, since_ms, why) VALUES (?1, ?2, ?3) ON CONFLICT (mailbox) DO UPDATE SET told = 0";
    db.run(sql, params![mailbox.0, now_ms as i64, why])?;
    super::unread::forget_told(db, mailbox)?;
    // Whatever was asked before is asked once more, behind the census.
    super::switch::ask_again(db, mailbox)
}

/// Why, where it has been called for.
pub fn due(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<String>> {
    let mut query = db.prepare_cached("SELECT why FROM stock WHERE mailbox = ?1")?;
    let mut rows = query.query([mailbox.0])?;
    rows.next()?.map(|row| row.get(0)).transpose()
}

/// Source: the target has not been told of what can be read either.
pub fn owed(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM stock WHERE mailbox = ?1 AND told = 0")?.exists([mailbox.0])
}

/// Source: a census of what can be read has been sent.
pub fn told(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("UPDATE stock SET told = 1 WHERE mailbox = ?1", [mailbox.0])?;
    Ok(())
}

pub fn taken(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("DELETE FROM stock WHERE mailbox = ?1", [mailbox.0])?;
    Ok(())
}

/// Source: the items of a mailbox from this token on, at most so many; without those that are astray, of which nothing is said.
pub fn items(db: &Connection, mailbox: MailboxId, from: Token, limit: usize) -> rusqlite::Result<Vec<Counted>> {
    let mut query = db.prepare_cached(
        "SELECT token, folder, flags, keywords FROM source_item WHERE mailbox = ?1 AND token >= ?2
         AND NOT EXISTS (SELECT 1 FROM astray WHERE astray.mailbox = ?1 AND astray.token = source_item.token)
         ORDER BY token LIMIT ?3",
    )?;
    let rows = query.query_map(params![mailbox.0, from.0, limit as i64], |row| {
        Ok(Counted { token: token(row, 0)?, folder: row.get(1)?, marks: marks(row, 2)? })
    })?;
    rows.collect()
}

/// Source: an item is to be sent again, where it is known.
pub fn send_again(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<()> {
    db.run("UPDATE source_item SET again = 1 WHERE mailbox = ?1 AND token = ?2", params![mailbox.0, token.0])?;
    super::stamps::forget(db, mailbox)
}

/// Target: the tokens tracked between two.
pub fn tracked(db: &Connection, mailbox: MailboxId, from: Token, through: Token) -> rusqlite::Result<Vec<Token>> {
    let mut query = db.prepare_cached("SELECT token FROM tracking WHERE mailbox = ?1 AND token >= ?2 AND token <= ?3 ORDER BY token")?;
    let rows = query.query_map(params![mailbox.0, from.0, through.0], |row| token(row, 0))?;
    rows.collect()
}

/// Target: an item that a census names is not here.
pub fn want(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<()> {
    db.run("INSERT OR REPLACE INTO wanted (mailbox, token, seq) VALUES (?1, ?2, 0)", params![mailbox.0, token.0])?;
    Ok(())
}

/// Target: it has come.
pub fn unwant(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<()> {
    db.run("DELETE FROM wanted WHERE mailbox = ?1 AND token = ?2", params![mailbox.0, token.0])?;
    Ok(())
}

/// Target: whether any wish of a mailbox is open.
pub fn wants_any(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM wanted WHERE mailbox = ?1")?.exists([mailbox.0])
}

/// Target: wishes that have not been sent.
pub fn wanted(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<Token>> {
    let mut query = db.prepare_cached("SELECT token FROM wanted WHERE mailbox = ?1 AND seq = 0 ORDER BY token")?;
    let rows = query.query_map([mailbox.0], |row| token(row, 0))?;
    rows.collect()
}

/// Target: the wish went out in container `sequence` of the way back.
pub fn wish_sent(db: &Connection, mailbox: MailboxId, token: &Token, sequence: Sequence) -> rusqlite::Result<()> {
    db.run("UPDATE wanted SET seq = ?3 WHERE mailbox = ?1 AND token = ?2", params![mailbox.0, token.0, sequence.0 as i64])?;
    Ok(())
}
