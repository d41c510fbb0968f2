//! What a manifest is made of (R84): items as they were delivered, items that were left out, and the manifests made before.

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::target::folder_id;
use super::{from_json, to_json, token};
use crate::model::{Digest, FolderPath, Token};
use crate::state::statements::Statements;

/// A folder at the target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Folder {
    pub target: FolderPath,
    /// Its path at the source, where it is known.
    pub source: Option<FolderPath>,
}

/// An item that is not at the target, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeftOut {
    pub token: Token,
    /// At the source.
    pub folder: Option<FolderPath>,
    pub container: (Sequence, Epoch),
    pub size: Option<u64>,
    pub digest: Option<Digest>,
    pub reason: String,
}

/// A manifest that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    pub number: u64,
    pub digest: Digest,
    pub key: [u8; 32],
    pub position: (Sequence, Epoch),
    pub score: String,
    pub made_ms: u64,
}

/// In rising order of the bytes of their paths, as JSON.
pub fn folders(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<Folder>> {
    let mut query = db.prepare_cached("SELECT path, source FROM target_folder WHERE mailbox = ?1 ORDER BY path")?;
    let rows = query.query_map([mailbox.0], |row| Ok(Folder { target: FolderPath(from_json(row, 0)?), source: path(row, 1)? }))?;
    rows.collect()
}

/// Where a folder comes from.
pub fn came_from(db: &Connection, mailbox: MailboxId, target: &FolderPath, source: &FolderPath) -> rusqlite::Result<()> {
    let id = folder_id(db, mailbox, target)?;
    let sql = "UPDATE target_folder SET source = ?3 WHERE mailbox = ?1 AND id = ?2 AND source IS NOT ?3";
    db.run(sql, params![mailbox.0, id, to_json(&source.0)?])?;
    Ok(())
}

pub fn leave_out(db: &Connection, mailbox: MailboxId, item: &LeftOut) -> rusqlite::Result<()> {
    let path = item.folder.as_ref().map(|path| to_json(&path.0)).transpose()?;
    let ((seq, epoch), size) = (item.container, item.size.map_or(-1, |size| size as i64));
    db.run(
        "INSERT OR REPLACE INTO left_out (mailbox, token, path, seq, epoch, size, digest, reason) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
         WHERE NOT EXISTS (SELECT 1 FROM tracking WHERE mailbox = ?1 AND token = ?2)",
        params![mailbox.0, item.token.0, path, seq.0 as i64, epoch.0 as i64, size, item.digest.map(|digest| digest.0), item.reason],
    )?;
    Ok(())
}

/// It has come after all, or has gone at the source.
pub fn settled(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<()> {
    db.run("DELETE FROM left_out WHERE mailbox = ?1 AND token = ?2", params![mailbox.0, token.0])?;
    Ok(())
}

pub fn leaves_out_any(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM left_out WHERE mailbox = ?1 LIMIT 1")?.exists([mailbox.0])
}

/// Behind this token, at most so many, by token.
pub fn left_out(db: &Connection, mailbox: MailboxId, behind: Option<Token>, limit: usize) -> rusqlite::Result<Vec<LeftOut>> {
    let mut query = db.prepare_cached(
        "SELECT token, path, seq, epoch, size, digest, reason FROM left_out
         WHERE mailbox = ?1 AND (?2 IS NULL OR token > ?2) ORDER BY token LIMIT ?3",
    )?;
    let rows = query.query_map(params![mailbox.0, behind.map(|token| token.0), limit as i64], |row| {
        Ok(LeftOut {
            token: token(row, 0)?,
            folder: path(row, 1)?,
            container: (Sequence(row.get::<_, i64>(2)? as u64), Epoch(row.get::<_, i64>(3)? as u64)),
            size: u64::try_from(row.get::<_, i64>(4)?).ok(),
            digest: row.get::<_, Option<[u8; 32]>>(5)?.map(Digest),
            reason: row.get(6)?,
        })
    })?;
    rows.collect()
}

/// Tokens of items that were left out, between two.
pub fn left_out_between(db: &Connection, mailbox: MailboxId, from: Token, through: Token) -> rusqlite::Result<Vec<Token>> {
    let mut query = db.prepare_cached("SELECT token FROM left_out WHERE mailbox = ?1 AND token >= ?2 AND token <= ?3 ORDER BY token")?;
    let rows = query.query_map(params![mailbox.0, from.0, through.0], |row| token(row, 0))?;
    rows.collect()
}

/// Items that a census names and that have not come, by token.
pub fn awaited(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<Token>> {
    let mut query = db.prepare_cached("SELECT token FROM wanted WHERE mailbox = ?1 ORDER BY token")?;
    let rows = query.query_map([mailbox.0], |row| token(row, 0))?;
    rows.collect()
}

/// Containers of a mailbox that were given up (R44).
pub fn archived(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<ContainerName>> {
    // An index holds the bad ones alone: they are few.
    let mut query = db.prepare_cached(
        "SELECT mailbox, seq, epoch FROM taken INDEXED BY taken_bad WHERE outcome > 1 AND mailbox = ?1 AND outcome = 3 ORDER BY seq, epoch",
    )?;
    let rows = query.query_map([mailbox.0], |row| super::container(row, 0))?;
    rows.collect()
}

pub fn newest(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<Made>> {
    db.prepare_cached(
        "SELECT number, digest, key, seq, epoch, score, made_ms FROM manifest WHERE mailbox = ?1 ORDER BY number DESC LIMIT 1",
    )?
    .query_row([mailbox.0], |row| {
        let number = |at: usize| row.get::<_, i64>(at).map(|number| number as u64);
        Ok(Made {
            number: number(0)?,
            digest: super::digest(row, 1)?,
            key: row.get(2)?,
            position: (Sequence(number(3)?), Epoch(number(4)?)),
            score: row.get(5)?,
            made_ms: number(6)?,
        })
    })
    .optional()
}

pub fn record(db: &Connection, mailbox: MailboxId, made: &Made) -> rusqlite::Result<()> {
    db.run(
        "INSERT INTO manifest (mailbox, number, digest, key, seq, epoch, score, made_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            mailbox.0,
            made.number as i64,
            made.digest.0,
            made.key,
            made.position.0.0 as i64,
            made.position.1.0 as i64,
            made.score,
            made.made_ms as i64
        ],
    )?;
    Ok(())
}

pub(super) fn path(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<FolderPath>> {
    if row.get_ref(at)?.as_str_or_null().is_ok_and(|text| text.is_none()) { Ok(None) } else { Ok(Some(FolderPath(from_json(row, at)?))) }
}
