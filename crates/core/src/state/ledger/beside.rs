//! What stands beside items: rights and annotations of folders. At the source as last published, at the target as last set.

use std::collections::BTreeMap;

use mailferry_rules::ids::MailboxId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::target::folder_id;
use crate::model::{Beside, FolderPath};
use crate::state::statements::Statements;

/// As last published, and whether the target need not be told again.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Known {
    pub beside: Beside,
    pub sent: bool,
}

/// By folder.
pub fn known(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<BTreeMap<u32, Known>> {
    let mut query = db.prepare_cached("SELECT rights, annotations, closed, folder, sent FROM source_beside WHERE mailbox = ?1")?;
    let rows = query.query_map([mailbox.0], |row| Ok((row.get(3)?, Known { beside: beside(row)?, sent: row.get(4)? })))?;
    rows.collect()
}

pub fn record(db: &Connection, mailbox: MailboxId, folder: u32, beside: &Beside) -> rusqlite::Result<()> {
    let (rights, annotations) = (super::to_json(&beside.rights)?, super::to_json(&beside.annotations)?);
    db.run(
        "INSERT OR REPLACE INTO source_beside (mailbox, folder, rights, annotations, closed, sent) VALUES (?1, ?2, ?3, ?4, ?5, 1)",
        params![mailbox.0, folder, rights, annotations, beside.closed],
    )?;
    Ok(())
}

/// The folder is gone.
pub fn forget(db: &Connection, mailbox: MailboxId, folder: u32) -> rusqlite::Result<()> {
    db.run("DELETE FROM source_beside WHERE mailbox = ?1 AND folder = ?2", params![mailbox.0, folder])?;
    Ok(())
}

/// The target may lack what a container said: all of it goes again. Folders are few.
pub fn send_again(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("UPDATE source_beside SET sent = 0 WHERE mailbox = ?1", [mailbox.0])?;
    Ok(())
}

/// Target agent: what a folder was given last.
pub fn given(db: &Connection, mailbox: MailboxId, folder: &FolderPath) -> rusqlite::Result<Option<Beside>> {
    let mut query = db.prepare_cached(
        "SELECT rights, annotations, closed FROM target_beside WHERE mailbox = ?1
         AND folder = (SELECT id FROM target_folder WHERE mailbox = ?1 AND path = ?2)",
    )?;
    query.query_row(params![mailbox.0, super::to_json(&folder.0)?], beside).optional()
}

/// The same of every folder, parents first.
pub fn given_all(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<BTreeMap<FolderPath, Beside>> {
    let mut query = db.prepare_cached(
        "SELECT rights, annotations, closed, path FROM target_beside
         JOIN target_folder ON target_folder.mailbox = target_beside.mailbox AND target_folder.id = target_beside.folder
         WHERE target_beside.mailbox = ?1",
    )?;
    let rows = query.query_map([mailbox.0], |row| Ok((FolderPath(super::from_json(row, 3)?), beside(row)?)))?;
    rows.collect()
}

pub fn give(db: &Connection, mailbox: MailboxId, folder: &FolderPath, beside: &Beside) -> rusqlite::Result<()> {
    let folder = folder_id(db, mailbox, folder)?;
    let (rights, annotations) = (super::to_json(&beside.rights)?, super::to_json(&beside.annotations)?);
    db.run(
        "INSERT OR REPLACE INTO target_beside (mailbox, folder, rights, annotations, closed) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![mailbox.0, folder, rights, annotations, beside.closed],
    )?;
    Ok(())
}

/// From the first three columns.
fn beside(row: &Row<'_>) -> rusqlite::Result<Beside> {
    Ok(Beside { rights: super::from_json(row, 0)?, annotations: super::from_json(row, 1)?, closed: row.get(2)? })
}
