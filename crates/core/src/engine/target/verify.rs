//! Whether what the ledger tracks stands at the target, item by item: where a store has failed over and a container that is kept for
//! that is damaged on every node (R78). What is not there is asked for at the source, as after a census (R14).

use std::collections::BTreeSet;

use mailferry_rules::ids::MailboxId;

use super::apply::ApplyError;
use super::changes::Changes;
use super::items::{TellsBy, WAYS, claim_all, locate_one, strict_then_loose};
use crate::engine::agent::Agent;
use crate::model::{FolderPath, TargetId, Token};
use crate::ports::{MailTarget, Wanted};
use crate::state::ledger::stock;
use crate::state::ledger::target::Tracked;

impl Agent {
    /// How many items were not there. Those of `sure` were applied just now: they are, and nobody else is taken for them.
    pub(super) fn verify_tracked(&mut self, mailbox: MailboxId, url: &str, sure: &BTreeSet<Token>) -> Result<u64, ApplyError> {
        let mut store = self.open_target(mailbox, url)?;
        let folders = self.target_folders(url)?;
        let taken = self.rows(mailbox, sure.iter())?;
        let mut sought = self.db.read(|db| Ok(stock::tracked(db, mailbox, Token::FIRST, Token::LAST)?))?;
        sought.retain(|token| !sure.contains(token));
        let mut found = Changes::default();
        // With their dates all are looked for first: who is left may be taken for any of the same bytes.
        for round in 0..WAYS {
            let mut left = Vec::new();
            for token in sought {
                self.check_stop()?;
                self.may_still_change()?;
                let Some(item) = self.rows(mailbox, [&token].into_iter())?.pop() else { continue };
                let wanted = strict_then_loose(&item, TellsBy::at_least(store.as_ref())).nth(round);
                let id = wanted.map_or(Ok(None), |wanted| place(store.as_mut(), &folders, &taken, &found, (&item, wanted)))?;
                match id {
                    // What told its marks may be in the container that nobody can read.
                    Some(id) => match store.set_marks(&item.folder, &id, &item.marks)? {
                        Some(id) => found.set(token, Some(Tracked { id, ..item })),
                        None => found.set(token, Some(item)),
                    },
                    None => left.push(token),
                }
            }
            sought = left;
        }
        let mut missing = 0;
        for token in sought {
            found.set(token, None);
            // What is gone at the source nobody has to send.
            if self.rows(mailbox, [&token].into_iter())?.iter().any(|item| !item.gone) {
                found.want(token);
                missing += 1;
            }
        }
        self.still_active()?;
        store.flush()?;
        self.db.write(|tx| Ok(found.write(tx, mailbox)?))?;
        Ok(missing)
    }
}

/// Its id, in its own folder: ids of before may be those of other mail by now. What stands elsewhere was not moved there yet; when it
/// comes again it is found.
fn place(
    store: &mut dyn MailTarget,
    folders: &[FolderPath],
    taken: &[Tracked],
    found: &Changes,
    (item, wanted): (&Tracked, Wanted),
) -> Result<Option<TargetId>, ApplyError> {
    if !folders.contains(&item.folder) {
        return Ok(None);
    }
    let here = |other: &&Tracked| other.folder == item.folder;
    claim_all(store, found, &item.folder, || Ok(taken.iter().filter(here).map(|other| other.id.clone()).collect()))?;
    Ok(locate_one(store, &item.folder, &wanted)?)
}
