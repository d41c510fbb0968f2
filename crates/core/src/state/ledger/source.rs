//! The source agent's memory of a mailbox: its folders and items as last published.

use mailferry_rules::ids::{MailboxId, Sequence};
use rusqlite::{Connection, OptionalExtension, params};

use super::{digest, keywords_text, marks, token};
use crate::model::{Digest, FolderInfo, FolderPath, Identity, ItemKey, Marks, Token, Was};
use crate::prv::Record;
use crate::state::statements::Statements;

/// An item as last published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownItem {
    pub folder: u32,
    pub key: ItemKey,
    pub token: Token,
    pub size: u64,
    /// `None`: was to be sent again at a time when digests of such items were not kept.
    pub digest: Option<Digest>,
    /// The target has asked for its content once more (R40).
    pub again: bool,
    pub marks: Marks,
    /// The container that carried its bytes.
    pub body: Sequence,
    pub identity: Option<Identity>,
    /// Internal date in seconds since 1970. `None`: recorded at a time when dates were not kept.
    pub date: Option<i64>,
}

impl KnownItem {
    pub fn gone(&self) -> Record {
        Record::Gone { folder: self.folder, token: self.token, was: was(self.digest, self.size, self.date) }
    }
}

fn was(digest: Option<Digest>, size: u64, date: Option<i64>) -> Option<Was> {
    digest.zip(date).map(|(digest, date)| Was { digest, size, date })
}

/// A folder as last published.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownFolder {
    pub id: u32,
    pub info: FolderInfo,
    /// Cleared when the target asked for it again (R40).
    pub sent: bool,
}

pub fn folders(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<KnownFolder>> {
    let mut query = db.prepare_cached("SELECT id, path, info, sent FROM source_folder WHERE mailbox = ?1 ORDER BY id")?;
    let rows = query.query_map([mailbox.0], |row| {
        let path: Vec<String> = super::from_json(row, 1)?;
        let (selectable, subscribed, special_use): (bool, bool, Option<String>) = super::from_json(row, 2)?;
        let info = FolderInfo { path: FolderPath(path), selectable, subscribed, special_use };
        Ok(KnownFolder { id: row.get(0)?, info, sent: row.get(3)? })
    })?;
    rows.collect()
}

pub fn record_folder(db: &Connection, mailbox: MailboxId, id: u32, info: &FolderInfo) -> rusqlite::Result<()> {
    let about = (info.selectable, info.subscribed, &info.special_use);
    db.prepare_cached("INSERT OR REPLACE INTO source_folder (mailbox, id, path, info, sent) VALUES (?1, ?2, ?3, ?4, 1)")?
        .execute(params![mailbox.0, id, super::to_json(&info.path.0)?, super::to_json(&about)?])?;
    Ok(())
}

pub fn forget_folder(db: &Connection, mailbox: MailboxId, id: u32) -> rusqlite::Result<()> {
    db.run("DELETE FROM source_folder WHERE mailbox = ?1 AND id = ?2", params![mailbox.0, id])?;
    Ok(())
}

const ITEM: &str = "folder, key, token, size, digest, flags, keywords, body_seq, identity, again, date";

fn digest_or_none(row: &rusqlite::Row<'_>, at: usize) -> rusqlite::Result<Option<Digest>> {
    if row.get_ref(at)? == rusqlite::types::ValueRef::Null { Ok(None) } else { digest(row, at).map(Some) }
}

fn known(row: &rusqlite::Row<'_>) -> rusqlite::Result<KnownItem> {
    Ok(KnownItem {
        folder: row.get(0)?,
        key: ItemKey(row.get(1)?),
        token: token(row, 2)?,
        size: row.get::<_, i64>(3)? as u64,
        digest: digest_or_none(row, 4)?,
        marks: marks(row, 5)?,
        body: Sequence(row.get::<_, i64>(7)? as u64),
        identity: row.get::<_, Option<[u8; 16]>>(8)?.map(Identity),
        again: row.get(9)?,
        date: row.get(10)?,
    })
}

pub fn item(db: &Connection, mailbox: MailboxId, folder: u32, key: &ItemKey) -> rusqlite::Result<Option<KnownItem>> {
    db.prepare_cached(&format!("SELECT {ITEM} FROM source_item WHERE mailbox = ?1 AND folder = ?2 AND key = ?3"))?
        .query_row(params![mailbox.0, folder, key.0], known)
        .optional()
}

pub fn knows_any(db: &Connection, mailbox: MailboxId, folder: u32) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM source_item WHERE mailbox = ?1 AND folder = ?2 LIMIT 1")?.exists(params![mailbox.0, folder])
}

/// Whether there is a row of any item of this mailbox. Looks at one.
pub fn knows_any_at_all(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM source_item WHERE mailbox = ?1 AND token >= ?2 LIMIT 1")?.exists(params![mailbox.0, Token::FIRST.0])
}

/// Folders, items and bytes of a mailbox as last published.
pub fn totals(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<(u64, u64, u64)> {
    let folders = folders(db, mailbox)?.iter().filter(|folder| folder.info.selectable).count() as u64;
    db.prepare_cached("SELECT count(*), coalesce(sum(size), 0) FROM source_item WHERE mailbox = ?1")?
        .query_row([mailbox.0], |row| Ok((folders, row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))
}

/// Calls `each` for every item known in a folder, in key order.
pub fn items(db: &Connection, mailbox: MailboxId, folder: u32, each: &mut dyn FnMut(KnownItem)) -> rusqlite::Result<()> {
    let mut query = db.prepare_cached(&format!("SELECT {ITEM} FROM source_item WHERE mailbox = ?1 AND folder = ?2 ORDER BY key"))?;
    let mut rows = query.query(params![mailbox.0, folder])?;
    while let Some(row) = rows.next()? {
        each(known(row)?);
    }
    Ok(())
}

pub fn has_token(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM source_item WHERE mailbox = ?1 AND token = ?2")?.exists(params![mailbox.0, token.0])
}

/// Where a person can look for an item; `None`: nothing of it was published.
pub fn place(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<Option<(FolderPath, ItemKey)>> {
    let mut query = db.prepare_cached(
        "SELECT path, key FROM source_item CROSS JOIN source_folder ON source_folder.mailbox = source_item.mailbox AND id = folder
         WHERE source_item.mailbox = ?1 AND token = ?2",
    )?;
    query.query_row(params![mailbox.0, token.0], |row| Ok((FolderPath(super::from_json(row, 0)?), ItemKey(row.get(1)?)))).optional()
}

/// Container `sequence` said something about an item: its row is replaced, wherever it was.
pub fn record_item(db: &Connection, mailbox: MailboxId, item: &KnownItem, sequence: Sequence) -> rusqlite::Result<()> {
    forget_item(db, mailbox, &item.token)?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO source_item (mailbox, folder, key, token, size, digest, flags, keywords, body_seq, seq, identity, again, date)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?
    .execute(params![
        mailbox.0,
        item.folder,
        item.key.0,
        item.token.0,
        item.size as i64,
        item.digest.map(|digest| digest.0),
        item.marks.flags.bits(),
        keywords_text(&item.marks.keywords),
        item.body.0 as i64,
        sequence.0 as i64,
        item.identity.map(|identity| identity.0),
        item.again,
        item.date,
    ])?;
    Ok(())
}

/// Items that were missing when a switch was taken back, and have not turned up since (R83).
pub fn astray(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<KnownItem>> {
    let mut query =
        db.prepare_cached(&format!("SELECT {ITEM} FROM astray CROSS JOIN source_item USING (mailbox, token) WHERE mailbox = ?1"))?;
    query.query_map([mailbox.0], known)?.collect()
}

/// What its store calls an item that was just recorded.
pub fn identify(db: &Connection, mailbox: MailboxId, token: &Token, identity: Identity) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE source_item SET identity = ?3 WHERE mailbox = ?1 AND token = ?2")?
        .execute(params![mailbox.0, token.0, identity.0])?;
    Ok(())
}

pub fn by_token(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<Option<KnownItem>> {
    db.prepare_cached(&format!("SELECT {ITEM} FROM source_item WHERE mailbox = ?1 AND token = ?2"))?
        .query_row(params![mailbox.0, token.0], known)
        .optional()
}

pub fn forget_item(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM source_item WHERE mailbox = ?1 AND token = ?2")?.execute(params![mailbox.0, token.0])?;
    Ok(())
}

/// An item was reported gone in container `sequence`: its row becomes a note that lasts until the target confirms.
pub fn record_gone(
    db: &Connection,
    mailbox: MailboxId,
    folder: u32,
    token: &Token,
    was: Option<Was>,
    sequence: Sequence,
) -> rusqlite::Result<()> {
    forget_item(db, mailbox, token)?;
    db.prepare_cached(
        "INSERT OR REPLACE INTO source_gone (mailbox, token, folder, seq, digest, size, date) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?
    .execute(params![
        mailbox.0,
        token.0,
        folder,
        sequence.0 as i64,
        was.map(|was| was.digest.0),
        was.map(|was| was.size as i64),
        was.map(|was| was.date),
    ])?;
    Ok(())
}

/// Items to be reported gone again.
pub fn gone_again(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<Record>> {
    let mut query =
        db.prepare_cached("SELECT folder, token, digest, size, date FROM source_gone WHERE mailbox = ?1 AND seq = 0 ORDER BY token")?;
    let rows = query.query_map([mailbox.0], |row| {
        let size = row.get::<_, Option<i64>>(3)?.unwrap_or_default() as u64;
        let was = was(digest_or_none(row, 2)?, size, row.get(4)?);
        Ok(Record::Gone { folder: row.get(0)?, token: token(row, 1)?, was })
    })?;
    rows.collect()
}

/// The target has applied container `sequence`: what it reported gone needs no note any more.
pub fn confirm(db: &Connection, mailbox: MailboxId, sequence: Sequence) -> rusqlite::Result<()> {
    db.run("DELETE FROM source_gone WHERE mailbox = ?1 AND seq = ?2", params![mailbox.0, sequence.0 as i64])?;
    Ok(())
}

/// The target could not use container `sequence`: whatever it carried last is to be sent again (R40).
/// Folders are few; all of them go again.
pub fn send_again(db: &Connection, mailbox: MailboxId, sequence: Sequence) -> rusqlite::Result<u64> {
    let which = params![mailbox.0, sequence.0 as i64];
    // Two statements: with OR between them SQLite would walk the whole mailbox.
    let last = db.run("UPDATE source_item SET again = 1 WHERE mailbox = ?1 AND seq = ?2", which)?;
    let bodies = db.run("UPDATE source_item SET again = 1 WHERE mailbox = ?1 AND body_seq = ?2 AND seq <> ?2", which)?;
    db.run("UPDATE source_gone SET seq = 0 WHERE mailbox = ?1 AND seq = ?2", which)?;
    db.run("UPDATE source_folder SET sent = 0 WHERE mailbox = ?1", [mailbox.0])?;
    super::stamps::forget(db, mailbox)?;
    super::beside::send_again(db, mailbox)?;
    super::unread::tell_again(db, mailbox, sequence)?;
    Ok((last + bodies) as u64)
}
