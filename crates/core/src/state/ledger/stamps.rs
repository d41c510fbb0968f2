//! Stamps of folders: a store that says by few bytes whether a folder has changed spares a look at every item (F10).
//!
//! A stamp is recorded only when everything the folder showed was published, and forgotten whenever something is to be sent again. What a
//! pass that was cut short has published needs no care: the stamp from before it does not come again (`MailSource::stamp`).

use std::collections::BTreeMap;

use mailferry_rules::ids::MailboxId;
use rusqlite::{Connection, params};

use crate::state::statements::Statements;

/// Stamps by folder.
pub type Stamps = BTreeMap<u32, Vec<u8>>;

pub fn all(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Stamps> {
    let mut query = db.prepare_cached("SELECT folder, stamp FROM source_stamp WHERE mailbox = ?1")?;
    let rows = query.query_map([mailbox.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    rows.collect()
}

pub fn record(db: &Connection, mailbox: MailboxId, folder: u32, stamp: &[u8]) -> rusqlite::Result<()> {
    db.run("INSERT OR REPLACE INTO source_stamp (mailbox, folder, stamp) VALUES (?1, ?2, ?3)", params![mailbox.0, folder, stamp])?;
    Ok(())
}

/// Every folder is looked at again.
pub fn forget(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("DELETE FROM source_stamp WHERE mailbox = ?1", [mailbox.0])?;
    Ok(())
}

/// Items of a folder and their bytes, as last published.
pub fn count(db: &Connection, mailbox: MailboxId, folder: u32) -> rusqlite::Result<(u64, u64)> {
    db.prepare_cached("SELECT count(*), coalesce(sum(size), 0) FROM source_item WHERE mailbox = ?1 AND folder = ?2")?
        .query_row(params![mailbox.0, folder], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)))
}
