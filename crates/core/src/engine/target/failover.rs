//! A target store that has failed over: what the copy that serves now never got is applied again from the containers that are kept (R78).
//!
//! A container is kept until copies have flushed what it committed, and goes in the order of the chain. So what a failover can have lost
//! is in the kept ones, the newest that were applied without a gap. They are applied again, all and in their order, as if nothing
//! of them were known: the copy may have any of it.
//!
//! ```text
//! recall      what the ledger says of their items is forgotten or looked up anew: ids of the lost tail may be other mail's by now;
//!             what they removed and the copy still has goes
//! apply       as ever: an item that is not tracked is looked for in every folder, and appended where it is not found
//! ```
//!
//! The new name is written last: a kill in between begins all of it again. What a user has deleted at the target since comes back
//! with the container that holds it; to tell that from a loss is not possible, and a loss would be worse.

use std::collections::{BTreeSet, HashSet};

use mailferry_rules::guarantee::Answer;
use mailferry_rules::ids::{ContainerName, MailboxId, Sequence};

use super::apply::{ApplyCounts, ApplyError, unreadable};
use super::changes::Changes;
use crate::engine::agent::{Agent, Halt};
use crate::engine::intake::{Incoming, Unusable};
use crate::model::{Digest, FolderPath, Outcome, TargetId, Token};
use crate::ports::{Blast, Level, Retry, StoreError, Wanted};
use crate::prv::{Kind, Record};
use crate::spool;
use crate::state::ledger::serving::{self, TakenAway};
use crate::state::ledger::target::{self, Tracked};
use crate::state::ledger::{debts, inbound};
use crate::trouble::Trouble;

/// What the kept containers of a mailbox name.
#[derive(Default)]
struct Named {
    /// Items that came with them.
    brought: BTreeSet<Token>,
    /// Items that were there before, and were moved.
    moved: BTreeSet<Token>,
    away: Vec<TakenAway>,
}

impl Agent {
    /// Whether the copy that serves a mailbox's target store is the one that has everything that was applied; where another has taken
    /// over, once it has everything again.
    pub(in crate::engine) fn same_copy_serves(&mut self, mailbox: MailboxId) -> Result<Answer, Halt> {
        let now = match self.around.guarantee.serving(&self.target_store(mailbox)) {
            Ok(None) => return Ok(Answer::Satisfied),
            Ok(Some(now)) => now,
            Err(why) => return Ok(Answer::Retry(why)),
        };
        match self.db.read(|db| Ok(serving::copy(db, mailbox)?))? {
            Some(before) if before == now => Ok(Answer::Satisfied),
            Some(before) => self.failed_over(mailbox, &before, &now),
            None => {
                self.db.write(|tx| Ok(serving::set_copy(tx, mailbox, &now)?))?;
                Ok(Answer::Satisfied)
            }
        }
    }

    fn failed_over(&mut self, mailbox: MailboxId, before: &str, now: &str) -> Result<Answer, Halt> {
        let label = self.label(mailbox);
        let kept = self.kept_containers(mailbox)?;
        let what = format!("the target store of mailbox {label} has failed over from copy {before} to copy {now}");
        let text = format!("{what}; {} containers that are kept are applied again", kept.len());
        self.tell("store.failed-over", Level::Warning, text);
        self.predecessor_has_let_go()?;
        self.still_active()?;
        // It may lead to the copy that was.
        self.open_store = None;
        match self.apply_again(mailbox, &kept) {
            Ok(counts) => {
                let now_ms = self.now_ms();
                self.db.write(|tx| {
                    kept.iter().try_for_each(|name| inbound::taken_again(tx, name, now_ms))?;
                    Ok(serving::set_copy(tx, mailbox, now)?)
                })?;
                for told in ["store.failed-over", "store.not-mended"] {
                    self.calm_about(told, std::slice::from_ref(&what));
                }
                let text = format!("{what}; {} kept containers applied again, {} items appended again", kept.len(), counts.appended);
                self.event("store.mended", Level::Info, text);
                self.after_item()?;
                Ok(Answer::Satisfied)
            }
            Err(ApplyError::Halt(halt)) => Err(halt),
            Err(ApplyError::Store(error)) => {
                let trouble = Trouble::from(error).now("the mailbox waits, and it is tried again; its containers are kept");
                self.tell("store.not-mended", Level::Error, format!("{what}: {trouble}"));
                Ok(Answer::Retry(format!("{what}, and what it may have lost could not be applied again: {trouble}")))
            }
        }
    }

    /// What was applied and is kept, from the last container of the chain back to the first that is gone; in the order it was applied in.
    /// One that was deleted and is there again is none of these.
    fn kept_containers(&mut self, mailbox: MailboxId) -> Result<Vec<ContainerName>, Halt> {
        let inbox = self.inbox();
        let mut there = BTreeSet::new();
        for node in self.around.own.nodes().to_vec() {
            let listed = self.share(&node).list(&inbox.path()).unwrap_or_default();
            there.extend(listed.iter().filter_map(|entry| entry.name.parse::<ContainerName>().ok()));
        }
        let restored = self.own_share().list(&spool::restore(self.around.other.in_folder())).unwrap_or_default();
        let restored: BTreeSet<ContainerName> = restored.iter().filter_map(|entry| entry.name.parse().ok()).collect();
        let area = inbox.to_string();
        self.db
            .read(|db| {
                let (mut kept, mut late) = (Vec::new(), Vec::new());
                for sequence in (1..=inbound::position(db, mailbox)?.last.0).rev().map(Sequence) {
                    let applied = inbound::outcomes(db, mailbox, sequence)?.into_iter().filter(|(_, outcome)| *outcome == Outcome::Applied);
                    for (name, _) in applied {
                        let leaves = !debts::of(db, &area, &name)?.is_empty() || debts::is_buried(db, &area, &name)?;
                        match () {
                            () if there.contains(&name) && !leaves => kept.push(name),
                            () if restored.contains(&name) => late.push(name),
                            () => {
                                kept.reverse();
                                late.reverse();
                                kept.append(&mut late);
                                return Ok(kept);
                            }
                        }
                    }
                }
                kept.reverse();
                late.reverse();
                kept.append(&mut late);
                Ok(kept)
            })
            .map_err(Halt::from)
    }

    fn apply_again(&mut self, mailbox: MailboxId, kept: &[ContainerName]) -> Result<ApplyCounts, ApplyError> {
        let url = self.target_store(mailbox);
        let named = self.read_names(kept)?;
        let folders = self.target_folders(&url)?;
        if folders.is_empty() {
            // A copy that never got anything. Where something is still tracked behind this, it is no copy of that store.
            self.db.write(|tx| Ok(named.brought.iter().try_for_each(|token| target::untrack(tx, mailbox, token))?))?;
        } else if !kept.is_empty() {
            self.recall(mailbox, &url, &folders, named)?;
        }
        let mut sum = ApplyCounts::default();
        for name in kept {
            let incoming = self.kept_container(name)?;
            let folders = self.target_folders(&url)?;
            let applied = self.apply_to(incoming, &url, folders)?;
            self.db.write(|tx| Ok(applied.changes.write(tx, mailbox)?))?;
            sum.appended += applied.counts.appended;
        }
        Ok(sum)
    }

    fn read_names(&mut self, kept: &[ContainerName]) -> Result<Named, ApplyError> {
        let mut named = Named::default();
        for name in kept {
            let mut incoming = self.kept_container(name)?;
            while let Some(record) = incoming.reader.next().map_err(|error| unreadable(name, &error))? {
                match record {
                    Record::Item { envelope, .. } => _ = named.brought.insert(envelope.token),
                    Record::Moved { token, .. } => _ = named.moved.insert(token),
                    _ => {}
                }
            }
            named.away.extend(self.db.read(|db| Ok(serving::taken_away(db, name)?))?);
        }
        named.moved.retain(|token| !named.brought.contains(token));
        Ok(named)
    }

    /// A container that is kept, checked as a whole again.
    fn kept_container(&mut self, name: &ContainerName) -> Result<Incoming, ApplyError> {
        if let Ok(incoming) = self.restorable(name) {
            return Ok(incoming);
        }
        let opened = match self.open_checked(Kind::Mail, name) {
            Err(_) if self.fetch_from_passive(name) => self.open_checked(Kind::Mail, name),
            opened => opened,
        };
        let refuse = |retry, cause| StoreError::new(Blast::Mailbox, retry, "read a container that is kept", name.to_string(), cause);
        match opened {
            Ok((header, digest, reader)) => Ok(Incoming::new(*name, &header, digest, reader)),
            Err(Unusable::Away(error)) => Err(refuse(Retry::Later, error.to_string()).into()),
            Err(Unusable::Damaged { reason, .. }) => {
                Err(refuse(Retry::Never, reason).hint("put a sound copy of the container in its place").into())
            }
        }
    }

    fn recall(&mut self, mailbox: MailboxId, url: &str, folders: &[FolderPath], named: Named) -> Result<(), ApplyError> {
        let mut store = self.open_target(mailbox, url)?;
        let (brought, moved) = (self.rows(mailbox, &named.brought)?, self.rows(mailbox, &named.moved)?);
        // Their ids may be those of other mail by now: they claim nothing.
        let void: HashSet<(FolderPath, TargetId)> =
            brought.iter().chain(&moved).map(|item| (item.folder.clone(), item.id.clone())).collect();
        let mut found = Changes::default();
        let mut look = |agent: &Agent, found: &Changes, folder: &FolderPath, wanted: Wanted| -> Result<Option<TargetId>, ApplyError> {
            agent.may_still_change()?;
            if store.asks_for_claims(folder)? {
                let mut taken = agent.db.read(|db| Ok(target::ids_in(db, mailbox, folder)?))?;
                taken.retain(|id| !void.contains(&(folder.clone(), id.clone())));
                taken.extend(found.ids_in(folder));
                store.claim(folder, taken);
            }
            Ok(store.locate(folder, &[wanted])?.into_iter().next().flatten())
        };
        for item in moved {
            // Where the ledger has it first: the copy may have got the move.
            for folder in std::iter::once(&item.folder).chain(folders.iter().filter(|folder| **folder != item.folder)) {
                let wanted = Wanted { token: item.token, digest: item.digest, size: 0 };
                if let Some(id) = look(self, &found, folder, wanted)? {
                    found.set(item.token, Some(Tracked { folder: folder.clone(), id, ..item }));
                    break;
                }
            }
        }
        let mut stale = Vec::new();
        for item in named.away {
            if let Some(id) = still_there(&item, &mut |wanted| look(self, &found, &item.folder, wanted))? {
                stale.push((item.folder, id));
            }
        }
        self.db.write(|tx| {
            named.brought.iter().chain(&named.moved).try_for_each(|token| target::untrack(tx, mailbox, token))?;
            Ok(found.write(tx, mailbox)?)
        })?;
        for (folder, id) in stale {
            self.may_still_change()?;
            store.remove(&folder, &id)?;
        }
        self.still_active()?;
        Ok(store.flush()?)
    }

    fn rows(&self, mailbox: MailboxId, tokens: &BTreeSet<Token>) -> Result<Vec<Tracked>, ApplyError> {
        let mut rows = Vec::new();
        for token in tokens {
            rows.extend(self.db.look_up(|db| target::tracked(db, mailbox, token))?);
        }
        Ok(rows)
    }
}

/// An item that was taken away and stands there all the same. A store that keeps tokens knows it by these; in any other it is what has
/// its bytes *and* its id: mail of a user may have the same bytes.
fn still_there(
    item: &TakenAway,
    look: &mut dyn FnMut(Wanted) -> Result<Option<TargetId>, ApplyError>,
) -> Result<Option<TargetId>, ApplyError> {
    let mut with = |digest| look(Wanted { token: item.token, digest, size: 0 });
    match with(Digest::default())? {
        Some(id) => Ok(Some(id)),
        None if item.digest == Digest::default() => Ok(None),
        None => Ok(with(item.digest)?.filter(|id| *id == item.id)),
    }
}
