//! The source agent's memory of what stands beside items: rights and annotations of folders, as last published.

use std::collections::BTreeMap;

use mailferry_rules::ids::MailboxId;
use rusqlite::{Connection, params};

use crate::model::Beside;
use crate::state::statements::Statements;

/// As last published, and whether the target need not be told again.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Known {
    pub beside: Beside,
    pub sent: bool,
}

/// By folder.
pub fn known(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<BTreeMap<u32, Known>> {
    let mut query = db.prepare_cached("SELECT folder, rights, annotations, sent FROM source_beside WHERE mailbox = ?1")?;
    let rows = query.query_map([mailbox.0], |row| {
        let beside = Beside { rights: super::from_json(row, 1)?, annotations: super::from_json(row, 2)? };
        Ok((row.get(0)?, Known { beside, sent: row.get(3)? }))
    })?;
    rows.collect()
}

pub fn record(db: &Connection, mailbox: MailboxId, folder: u32, beside: &Beside) -> rusqlite::Result<()> {
    let (rights, annotations) = (super::to_json(&beside.rights)?, super::to_json(&beside.annotations)?);
    db.run(
        "INSERT OR REPLACE INTO source_beside (mailbox, folder, rights, annotations, sent) VALUES (?1, ?2, ?3, ?4, 1)",
        params![mailbox.0, folder, rights, annotations],
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
