//! What the next pass would do to a mailbox, without doing it (`--dry-run`).

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;

use super::MailboxHalt;
use super::changes::{self, Change};
use crate::engine::Mailbox;
use crate::model::FolderInfo;
use crate::ports::{MailSource, StoreError};
use crate::state::Database;
use crate::state::ledger::source;
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
    let mut plan = MailboxPlan::default();
    let infos = store.folders()?;
    for info in infos.iter().filter(|info| info.selectable) {
        plan.folders += 1;
        store.scan(&info.path, &mut |item| {
            plan.items += 1;
            plan.bytes += item.size.unwrap_or(0);
            Ok::<(), StoreError>(())
        })?;
    }
    (plan.to_send, plan.to_send_bytes) = (plan.items, plan.bytes);
    if let Some(db) = db {
        against(db, mailbox, store, &infos, &mut plan).map_err(trouble)?;
    }
    Ok(plan)
}

fn against(
    db: &Database,
    mailbox: &Mailbox,
    store: &mut dyn MailSource,
    infos: &[FolderInfo],
    plan: &mut MailboxPlan,
) -> Result<(), MailboxHalt> {
    let known = db.read(|db| Ok(source::folders(db, mailbox.id)?))?;
    let find = |id: u32| {
        known.iter().find(|folder| folder.id == id).and_then(|folder| infos.iter().find(|info| info.path == folder.info.path)).cloned()
    };
    let folders: BTreeMap<u32, Option<FolderInfo>> = known.iter().map(|folder| (folder.id, find(folder.id))).collect();
    plan.gone = changes::find_gone(db, mailbox.id, store, &folders)?.into_missing().len() as u64;
    for info in infos.iter().filter(|info| info.selectable) {
        let Some((id, _)) = folders.iter().find(|(_, known)| known.as_ref() == Some(info)) else { continue };
        let (changes, more) = changes::of_folder(db, mailbox.id, store, *id, info, &HashSet::new())?;
        if more {
            continue;
        }
        let mut unchanged = 0;
        let mut unchanged_bytes = 0;
        store.scan(&info.path, &mut |item| {
            unchanged += 1;
            unchanged_bytes += item.size.unwrap_or(0);
            Ok::<(), StoreError>(())
        })?;
        for change in &changes {
            match change {
                Change::New(seen) | Change::Again(seen, _) => {
                    unchanged -= 1;
                    unchanged_bytes -= seen.size.unwrap_or(0);
                }
                Change::Marked { .. } => plan.marks_changed += 1,
            }
        }
        plan.to_send -= unchanged;
        plan.to_send_bytes -= unchanged_bytes;
    }
    Ok(())
}

fn trouble(halt: MailboxHalt) -> Trouble {
    match halt {
        MailboxHalt::Agent(halt) => Trouble::new(halt.to_string()),
        MailboxHalt::Store(error) => error.into(),
    }
}
