//! The target agent's tracking map: where each item went.

use mailferry_rules::ids::{Epoch, MailboxId, Sequence};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{digest, keywords_text, marks, token};
use crate::model::{Digest, FolderPath, Marks, TargetId, Token};
use crate::passage::{Altered, Passage};
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
    /// How it came here.
    pub passage: Passage,
}

impl Tracked {
    /// Seen at the target, by whatever way it came.
    pub fn found(token: Token, folder: FolderPath, id: TargetId, digest: Digest, marks: Marks) -> Self {
        Tracked { token, folder, id, digest, marks, gone: false, date: None, passage: Passage::default() }
    }
}

/// What `read` reads, of `tracking` joined with `target_folder`.
const COLUMNS: &str = "token, path, target_id, digest, flags, keywords, gone, seq, epoch, size, altered, keywords_lost, likeness, date";

pub fn tracked(db: &Connection, mailbox: MailboxId, wanted: &Token) -> rusqlite::Result<Option<Tracked>> {
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM tracking
         JOIN target_folder ON target_folder.mailbox = tracking.mailbox AND target_folder.id = tracking.folder
         WHERE tracking.mailbox = ?1 AND token = ?2"
    ))?
    .query_row(params![mailbox.0, wanted.0], read)
    .optional()
}

/// A few items of a mailbox, whichever.
pub fn some(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<Tracked>> {
    let mut query = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM tracking
         JOIN target_folder ON target_folder.mailbox = tracking.mailbox AND target_folder.id = tracking.folder
         WHERE tracking.mailbox = ?1 AND token >= ?2 ORDER BY token LIMIT 8"
    ))?;
    query.query_map(params![mailbox.0, Token::FIRST.0], read)?.collect()
}

fn read(row: &Row<'_>) -> rusqlite::Result<Tracked> {
    let number = |at: usize| row.get::<_, i64>(at);
    let sequence = Sequence(number(7)? as u64);
    let lost: String = row.get(11)?;
    Ok(Tracked {
        token: token(row, 0)?,
        folder: FolderPath(super::from_json(row, 1)?),
        id: TargetId(row.get(2)?),
        digest: digest(row, 3)?,
        marks: marks(row, 4)?,
        gone: row.get(6)?,
        date: row.get(13)?,
        passage: Passage {
            container: (sequence != Sequence(0)).then_some((sequence, Epoch(number(8)? as u64))),
            size: u64::try_from(number(9)?).ok(),
            altered: u16::try_from(number(10)?).ok().and_then(Altered::from_bits).unwrap_or_default(),
            keywords_lost: lost.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            likeness: row.get::<_, Option<[u8; 32]>>(12)?.map(Digest),
        },
    })
}

/// Every tracked item: by folder, in the order of `manifest::folders`, there by its id at the target, of equal ones by token. Sorted outside of
/// memory where they are many. Ends early when `each` answers false.
pub fn each_in_place(db: &Connection, mailbox: MailboxId, each: &mut dyn FnMut(Tracked) -> bool) -> rusqlite::Result<()> {
    let mut query = db.prepare(&format!(
        "SELECT {COLUMNS} FROM tracking CROSS JOIN target_folder ON target_folder.mailbox = ?1 AND target_folder.id = tracking.folder
         WHERE tracking.mailbox = ?1 ORDER BY path, target_id, token"
    ))?;
    let mut rows = query.query([mailbox.0])?;
    while let Some(row) = rows.next()? {
        if !each(read(row)?) {
            break;
        }
    }
    Ok(())
}

pub fn track(db: &Connection, mailbox: MailboxId, item: &Tracked) -> rusqlite::Result<()> {
    let folder = folder_id(db, mailbox, &item.folder)?;
    let passage = &item.passage;
    let (sequence, epoch) = passage.container.unwrap_or_default();
    db.prepare_cached(
        "INSERT OR REPLACE INTO tracking
         (mailbox, token, folder, target_id, digest, flags, keywords, gone, seq, epoch, size, altered, keywords_lost, likeness, date)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
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
        sequence.0 as i64,
        epoch.0 as i64,
        passage.size.map_or(-1, |size| size as i64),
        passage.altered.bits(),
        passage.keywords_lost.join(" "),
        passage.likeness.map(|likeness| likeness.0),
        item.date,
    ])?;
    Ok(())
}

pub fn untrack(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM tracking WHERE mailbox = ?1 AND token = ?2")?.execute(params![mailbox.0, token.0])?;
    Ok(())
}

/// Ids of all items tracked in a folder.
pub fn ids_in(db: &Connection, mailbox: MailboxId, folder: &FolderPath) -> rusqlite::Result<Vec<TargetId>> {
    Ok(owned_in(db, mailbox, folder)?.into_iter().map(|(id, ..)| id).collect())
}

/// The same with their tokens, and whether their source has deleted them.
pub fn owned_in(db: &Connection, mailbox: MailboxId, folder: &FolderPath) -> rusqlite::Result<Vec<(TargetId, Token, bool)>> {
    let mut query = db.prepare_cached(
        "SELECT target_id, token, gone FROM tracking WHERE mailbox = ?1
         AND folder = (SELECT id FROM target_folder WHERE mailbox = ?1 AND path = ?2)",
    )?;
    let rows =
        query.query_map(params![mailbox.0, super::to_json(&folder.0)?], |row| Ok((TargetId(row.get(0)?), token(row, 1)?, row.get(2)?)))?;
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
