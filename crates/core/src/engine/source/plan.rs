//! What the next pass would do to a mailbox, without doing it (`--dry-run`).

use std::collections::BTreeMap;

use serde::Serialize;

use super::MailboxHalt;
use super::changes::{self, Change};
use crate::engine::Mailbox;
use crate::model::FolderInfo;
use crate::ports::{MailSource, StoreError};
use crate::state::Database;
use crate::state::ledger::source::{self, KnownFolder};
use crate::state::ledger::stamps;
use crate::trouble::Trouble;

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct MailboxPlan {
    pub folders: u64,
    /// Items of the store, and their bytes where the store knows them without reading.
    pub items: u64,
    pub bytes: u64,
    /// Items to be sent, moved ones among them, and their bytes.
    pub to_send: u64,
    pub to_send_bytes: u64,
    pub marks_changed: u64,
    /// Not where they were: moved or deleted.
    pub gone: u64,
}

/// Compares a store with what was last published. `db`: `None` when nothing ever was.
pub fn plan(db: Option<&Database>, mailbox: &Mailbox, store: &mut dyn MailSource) -> Result<MailboxPlan, Trouble> {
    let known = db.map_or(Ok(Vec::new()), |db| db.read(|db| Ok(source::folders(db, mailbox.id)?)));
    let known = known.map_err(|error| trouble(error.into()))?;
    let infos = changes::folders(store, &known)?;
    match db {
        Some(db) => against(db, mailbox, store, (&known, &infos)).map_err(trouble),
        None => {
            let mut plan = MailboxPlan::default();
            for info in infos.iter().filter(|info| info.selectable) {
                let counted = plan.count(store, info)?;
                plan.send(counted);
            }
            Ok(plan)
        }
    }
}

impl MailboxPlan {
    /// Counts the items of a folder and their bytes.
    fn count(&mut self, store: &mut dyn MailSource, info: &FolderInfo) -> Result<(u64, u64), StoreError> {
        let (mut items, mut bytes) = (0, 0);
        store.scan(&info.path, &mut |item| {
            items += 1;
            bytes += item.size.unwrap_or(0);
            Ok::<(), StoreError>(())
        })?;
        self.holds((items, bytes));
        Ok((items, bytes))
    }

    fn holds(&mut self, (items, bytes): (u64, u64)) {
        self.folders += 1;
        self.items += items;
        self.bytes += bytes;
    }

    fn send(&mut self, (items, bytes): (u64, u64)) {
        self.to_send += items;
        self.to_send_bytes += bytes;
    }
}

fn against(
    db: &Database,
    mailbox: &Mailbox,
    store: &mut dyn MailSource,
    (known, infos): (&[KnownFolder], &[FolderInfo]),
) -> Result<MailboxPlan, MailboxHalt> {
    let mut plan = MailboxPlan::default();
    let find = |id: u32| {
        known.iter().find(|folder| folder.id == id).and_then(|folder| infos.iter().find(|info| info.path == folder.info.path)).cloned()
    };
    let folders: BTreeMap<u32, Option<FolderInfo>> = known.iter().map(|folder| (folder.id, find(folder.id))).collect();
    let (unchanged, _) = changes::unchanged(db, mailbox.id, store, &folders)?;
    let mut findings = changes::look(db, mailbox.id, store, &folders, &unchanged)?;
    plan.gone = std::mem::take(&mut findings.gone).into_missing().len() as u64;
    for info in infos.iter().filter(|info| info.selectable) {
        let id = folders.iter().find(|(_, known)| known.as_ref() == Some(info)).map(|(id, _)| *id);
        if let Some(id) = id.filter(|id| unchanged.contains(id)) {
            plan.holds(db.read(|db| Ok(stamps::count(db, mailbox.id, id)?))?);
            continue;
        }
        let counted = match id.and_then(|id| findings.counted.get(&id)) {
            Some(counted) => {
                plan.holds(*counted);
                *counted
            }
            None => plan.count(store, info)?,
        };
        match id.and_then(|id| findings.changes.get(&id)) {
            Some(changes) => plan.take(changes),
            // New, or more changes than are kept at once: the whole folder counts as to be sent.
            None => plan.send(counted),
        }
    }
    Ok(plan)
}

impl MailboxPlan {
    fn take(&mut self, changes: &[Change]) {
        for change in changes {
            match change {
                Change::New(seen) | Change::Again(seen, _) => self.send((1, seen.size.unwrap_or(0))),
                Change::Marked { .. } => self.marks_changed += 1,
            }
        }
    }
}

fn trouble(halt: MailboxHalt) -> Trouble {
    match halt {
        MailboxHalt::Agent(halt) => Trouble::new(halt.to_string()),
        MailboxHalt::Store(error) => error.into(),
        MailboxHalt::Ordered => Trouble::new("an order has ended the pass"),
    }
}
