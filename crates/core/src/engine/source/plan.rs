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
    let known = db.map_or(Ok(Vec::new()), |db| db.read(|db| Ok(source::folders(db, mailbox.id)?)));
    let known = known.map_err(|error| trouble(error.into()))?;
    let infos = changes::folders(store, &known)?;
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
        against(db, mailbox, store, (&known, &infos), &mut plan).map_err(trouble)?;
    }
    Ok(plan)
}

fn against(
    db: &Database,
    mailbox: &Mailbox,
    store: &mut dyn MailSource,
    (known, infos): (&[KnownFolder], &[FolderInfo]),
    plan: &mut MailboxPlan,
) -> Result<(), MailboxHalt> {
    let find = |id: u32| {
        known.iter().find(|folder| folder.id == id).and_then(|folder| infos.iter().find(|info| info.path == folder.info.path)).cloned()
    };
    let folders: BTreeMap<u32, Option<FolderInfo>> = known.iter().map(|folder| (folder.id, find(folder.id))).collect();
    let mut findings = changes::look(db, mailbox.id, store, &folders)?;
    plan.gone = std::mem::take(&mut findings.gone).into_missing().len() as u64;
    for info in infos.iter().filter(|info| info.selectable) {
        let Some((id, _)) = folders.iter().find(|(_, known)| known.as_ref() == Some(info)) else { continue };
        // More changes than are kept at once: the whole folder counts as to be sent.
        let Some(changes) = findings.changes.get(id) else { continue };
        let mut unchanged = 0;
        let mut unchanged_bytes = 0;
        store.scan(&info.path, &mut |item| {
            unchanged += 1;
            unchanged_bytes += item.size.unwrap_or(0);
            Ok::<(), StoreError>(())
        })?;
        for change in changes {
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
