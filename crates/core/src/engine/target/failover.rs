//! A target store that has failed over: what the copy that serves now never got is applied again from the containers that are kept (R78).
//!
//! A container is kept until copies have flushed what it committed, and goes in the order in which it was applied. So what a failover can
//! have lost is in the kept ones, all that follow the first of them. They are applied again, all and in their order, as if
//! nothing of them were known: the copy may have any of it.
//!
//! ```text
//! mark    from now on until the end no copy counts as the one that has everything: a kill, or a way back, begins all of it anew
//! recall  what the ledger says of their items is forgotten or looked up anew: ids of the lost tail may be other mail's by now;
//!         what they removed and the copy still has goes. Of containers that were begun and not finished, the same
//! apply   as ever: an item that is not tracked is looked for in every folder, and appended where it is not found
//! give    rights and annotations of folders, as they were set last
//! ```
//! One that is damaged on every node is of no use: then every item that the ledger tracks is looked for (`verify`).
//!
//!
//! What a user has deleted at the target since comes back with the container that holds it; to tell that from a loss is not possible,
//! and a loss would be worse.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use mailferry_rules::guarantee::{Answer, same_serves};
use mailferry_rules::ids::{ContainerName, MailboxId};

use super::apply::{ApplyError, unreadable};
use super::changes::Changes;
use super::items::{TellsBy, WAYS, claim_all, locate_one, strict_then_loose};
use crate::engine::agent::{Agent, Halt};
use crate::engine::intake::{Incoming, Unusable};
use crate::model::{Digest, FolderPath, Skipped, TargetId, Token};
use crate::ports::{Blast, Level, Retry, ShareError, SharePath, StoreError, Wanted};
use crate::prv::{Kind, Record};
use crate::spool;
use crate::state::ledger::serving::{self, TakenAway};
use crate::state::ledger::target::{self, Tracked};
use crate::state::ledger::{beside, inbound};
use crate::trouble::Trouble;

/// Stands for the copy that serves while nobody has everything; no copy has no name.
const MENDING: &str = "";

/// What containers name.
#[derive(Default)]
struct Named {
    /// Items that came with them.
    brought: BTreeSet<Token>,
    /// Items that were there before and were moved, with the folders they were moved from.
    moved: BTreeMap<Token, Vec<FolderPath>>,
    away: Vec<TakenAway>,
}

/// What came of applying a mailbox's kept containers again.
#[derive(Default)]
struct Again {
    appended: u64,
    skipped: Vec<(ContainerName, Vec<Skipped>)>,
    /// Because of containers that nobody can read.
    asked_for: u64,
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
            Some(before) if same_serves(&before, &now) => Ok(Answer::Satisfied),
            Some(before) => self.failed_over(mailbox, &before, &now),
            None => {
                self.db.write(|tx| Ok(serving::set_copy(tx, mailbox, &now)?))?;
                Ok(Answer::Satisfied)
            }
        }
    }

    fn failed_over(&mut self, mailbox: MailboxId, before: &str, now: &str) -> Result<Answer, Halt> {
        let label = self.label(mailbox);
        let what = match before {
            MENDING => format!("the target store of mailbox {label} has failed over, at last to copy {now}"),
            _ => format!("the target store of mailbox {label} has failed over from copy {before} to copy {now}"),
        };
        let kept = self.db.read(|db| Ok(serving::kept(db, mailbox)?))?;
        self.tell("store.failed-over", Level::Warning, format!("{what}; {} containers that are kept are applied again", kept.len()));
        self.predecessor_has_let_go()?;
        self.still_active()?;
        // It may lead to the copy that was.
        self.open_store = None;
        match self.apply_again(mailbox, kept) {
            Ok((names, again)) => {
                self.mended(mailbox, now, &names, &again)?;
                for told in ["store.failed-over", "store.not-mended"] {
                    self.calm_about(told, std::slice::from_ref(&what));
                }
                let asked_for = match again.asked_for {
                    0 => String::new(),
                    items => format!(", {items} asked for at the source"),
                };
                let applied = format!("{} kept containers applied again, {} items appended again", names.len(), again.appended);
                let text = format!("{what}; {applied}{asked_for}");
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

    /// What they hold is committed now, in the order in which it was applied.
    fn mended(&mut self, mailbox: MailboxId, now: &str, names: &[ContainerName], again: &Again) -> Result<(), Halt> {
        let now_ms = self.now_ms();
        self.db.write(|tx| {
            names.iter().try_for_each(|name| inbound::taken_again(tx, name, now_ms))?;
            again.skipped.iter().try_for_each(|(name, skipped)| inbound::skipped_again(tx, name, skipped))?;
            Ok(serving::set_copy(tx, mailbox, now)?)
        })?;
        for (name, skip) in again.skipped.iter().flat_map(|(name, skipped)| skipped.iter().map(move |skip| (name, skip))) {
            let text = format!("item {} of {name} was lost in a failover and could not be applied again: {}", skip.token, skip.reason);
            self.event("item.skipped", Level::Warning, text);
        }
        Ok(())
    }

    fn apply_again(&mut self, mailbox: MailboxId, kept: Vec<(ContainerName, u64)>) -> Result<(Vec<ContainerName>, Again), ApplyError> {
        let url = self.target_store(mailbox);
        let names = self.in_order(kept)?;
        let mut named = Named::default();
        let (mut unreadable, mut readable, mut read) = (0, Vec::new(), names.clone());
        for name in &names {
            match self.kept_container(name)? {
                Some(incoming) => {
                    self.read_names(incoming, &mut named)?;
                    readable.push(*name);
                }
                None => unreadable += 1,
            }
        }
        for name in self.db.read(|db| Ok(serving::begun(db, mailbox)?))? {
            // Whatever of it was committed is to be applied as if it were not. One that is gone brings nothing any more.
            match self.kept_container(&name) {
                Ok(Some(incoming)) => self.read_names(incoming, &mut named)?,
                Ok(None) => unreadable += 1,
                Err(error) if self.listed(&self.inbox().path()).0.contains(&name) => return Err(error),
                Err(_) => continue,
            }
            read.push(name);
        }
        for name in read {
            named.away.extend(self.db.read(|db| Ok(serving::taken_away(db, &name)?))?);
        }
        let (folders, brought) = (self.target_folders(&url)?, named.brought.clone());
        self.recall(mailbox, &url, &folders, named)?;
        let mut again = Again::default();
        for name in readable {
            // Read a moment ago, and recalled: with the next look all of it begins anew.
            let incoming = self.kept_container(&name)?.ok_or_else(|| not_read(&name, "it has been damaged since it was read".into()))?;
            let folders = self.target_folders(&url)?;
            let applied = self.apply_to(Incoming { restored: true, ..incoming }, &url, folders)?;
            self.db.write(|tx| Ok(applied.changes.write(tx, mailbox)?))?;
            again.appended += applied.counts.appended;
            if !applied.skipped.is_empty() {
                again.skipped.push((name, applied.skipped));
            }
        }
        if unreadable > 0 {
            again.asked_for = self.verify_tracked(mailbox, &url, &brought)?;
        }
        self.give_again(mailbox, &url)?;
        Ok((names, again))
    }

    /// Rights and annotations, as they were set last: what is kept may tell of earlier ones, and a container that nobody can read of the
    /// withdrawal of one.
    fn give_again(&mut self, mailbox: MailboxId, url: &str) -> Result<(), ApplyError> {
        let given = self.db.read(|db| Ok(beside::given_all(db, mailbox)?))?;
        if given.is_empty() {
            return Ok(());
        }
        let (mut store, folders) = (self.open_target(mailbox, url)?, self.target_folders(url)?);
        let mut lost = Vec::new();
        for (folder, beside) in given.iter().filter(|(folder, _)| folders.contains(folder)) {
            self.may_still_change()?;
            lost.extend(store.set_beside(folder, beside)?);
        }
        self.still_active()?;
        store.flush()?;
        if !lost.is_empty() {
            let text = format!("mailbox {}: not kept at the target: {}", self.label(mailbox), lost.join("; "));
            self.event("beside.lost", Level::Warning, text);
        }
        Ok(())
    }

    /// As they were applied: along the chain, and one that was archived and restored where its receipt's time puts it.
    fn in_order(&mut self, kept: Vec<(ContainerName, u64)>) -> Result<Vec<ContainerName>, ApplyError> {
        let (restored, unlisted) = self.listed(&spool::restore(self.around.other.in_folder()));
        let (waiting, unread) = self.listed(&self.inbox().path());
        let is_there = |name: &ContainerName| waiting.contains(name) || restored.contains(name);
        let (kept, gone): (Vec<_>, Vec<_>) = kept.into_iter().partition(|(name, _)| is_there(name));
        if let Some((name, _)) = gone.first() {
            // One whose deletion a predecessor did not replicate is nowhere. But where a node cannot be asked, it may be there.
            if let Some(error) = unlisted.or(unread) {
                let cause = format!("it may be there: {}", error.cause);
                return Err(StoreError::new(Blast::Mailbox, Retry::Later, format!("find container {name}"), error.place, cause).into());
            }
            let text = format!(
                "{} containers that should be kept are nowhere, the first is {name}: what they brought is not applied again",
                gone.len()
            );
            self.event("store.kept-missing", Level::Warning, text);
        }
        let (late, mut order): (Vec<_>, Vec<_>) = kept.into_iter().partition(|(name, _)| restored.contains(name));
        for (name, taken_ms) in late {
            let at = order.iter().rposition(|(_, before_ms)| *before_ms <= taken_ms).map_or(0, |at| at + 1);
            order.insert(at, (name, taken_ms));
        }
        for (name, _) in gone {
            self.db.write(|tx| Ok(serving::release(tx, &name)?))?;
        }
        Ok(order.into_iter().map(|(name, _)| name).collect())
    }

    /// Containers in a folder of any node of this side, and what could not be listed.
    fn listed(&self, folder: &SharePath) -> (BTreeSet<ContainerName>, Option<ShareError>) {
        let (mut there, mut unread) = (BTreeSet::new(), None);
        for node in self.around.own.nodes() {
            match self.share(node).list(folder) {
                Ok(entries) => there.extend(entries.iter().filter_map(|entry| entry.name.parse::<ContainerName>().ok())),
                Err(error) => unread = Some(error),
            }
        }
        (there, unread)
    }

    fn read_names(&mut self, mut incoming: Incoming, named: &mut Named) -> Result<(), ApplyError> {
        let name = incoming.name;
        let mut folders = HashMap::new();
        while let Some(record) = incoming.reader.next().map_err(|error| unreadable(&name, &error))? {
            match record {
                Record::Folder { id, info } => _ = folders.insert(id, info.path),
                Record::Item { envelope, .. } => _ = named.brought.insert(envelope.token),
                Record::Moved { token, from, .. } => named.moved.entry(token).or_default().extend(folders.get(&from).cloned()),
                _ => {}
            }
        }
        Ok(())
    }

    /// A container that is kept, checked as a whole again. `None`: it is damaged, on every node.
    fn kept_container(&mut self, name: &ContainerName) -> Result<Option<Incoming>, ApplyError> {
        self.check_stop()?;
        if let Ok(incoming) = self.restorable(name) {
            return Ok(Some(incoming));
        }
        let opened = match self.open_checked(Kind::Mail, name) {
            Err(Unusable::Damaged { reason, digest, .. }) if self.replace_kept(name, &reason, digest) => {
                self.open_checked(Kind::Mail, name)
            }
            Err(Unusable::Away(_)) if self.fetch_from_passive(name) => self.open_checked(Kind::Mail, name),
            opened => opened,
        };
        let cause = match opened {
            Ok((header, digest, reader)) => return Ok(Some(Incoming::new(*name, &header, digest, reader))),
            Err(Unusable::Away(error)) => error.to_string(),
            Err(Unusable::Damaged { reason, .. }) => match self.listed(&self.inbox().path()).1 {
                None => {
                    let text =
                        format!("{name} is kept for such a case and damaged on every node: {reason}; all that was delivered is looked for");
                    self.tell("store.kept-damaged", Level::Error, text);
                    return Ok(None);
                }
                Some(unlisted) => format!("{reason}; a sound copy may lie where it cannot be asked for: {}", unlisted.cause),
            },
        };
        Err(not_read(name, cause))
    }

    fn recall(&mut self, mailbox: MailboxId, url: &str, folders: &[FolderPath], mut named: Named) -> Result<(), ApplyError> {
        let mut store = self.open_target(mailbox, url)?;
        named.moved.retain(|token, _| !named.brought.contains(token));
        let (brought, moved) = (self.rows(mailbox, named.brought.iter())?, self.rows(mailbox, named.moved.keys())?);
        // Their ids may be those of other mail by now: they claim nothing.
        let void: HashSet<(FolderPath, TargetId)> =
            brought.iter().chain(&moved).map(|item| (item.folder.clone(), item.id.clone())).collect();
        let by = TellsBy::at_least(store.as_ref());
        let mut found = Changes::default();
        let mut look = |agent: &Agent, found: &Changes, folder: &FolderPath, wanted: Wanted| -> Result<Option<TargetId>, ApplyError> {
            agent.may_still_change()?;
            if !folders.contains(folder) {
                return Ok(None);
            }
            claim_all(store.as_mut(), found, folder, || {
                let mut taken = agent.db.read(|db| Ok(target::ids_in(db, mailbox, folder)?))?;
                taken.retain(|id| !void.contains(&(folder.clone(), id.clone())));
                Ok(taken)
            })?;
            Ok(locate_one(store.as_mut(), folder, &wanted)?)
        };
        let mut sought = moved;
        // With their dates all are looked for first: who is left may be taken for any of the same bytes.
        for round in 0..WAYS {
            let mut left = Vec::new();
            for item in sought {
                let Some(wanted) = strict_then_loose(&item, by).nth(round) else { continue };
                // Known by its token it may be anywhere. Known by its bytes, only where it was or should be: elsewhere it may be a user's.
                let before = named.moved.get(&item.token).into_iter().flatten();
                let of_bytes = std::iter::once(&item.folder).chain(before).map(|folder| (folder, item.digest));
                let mut places = folders.iter().map(|folder| (folder, Digest::default())).chain(of_bytes);
                let there = places.find_map(|(folder, digest)| {
                    let looked = look(self, &found, folder, Wanted { digest, ..wanted.clone() });
                    looked.map(|id| id.map(|id| (folder.clone(), id))).transpose()
                });
                match there.transpose()? {
                    Some((folder, id)) => found.set(item.token, Some(Tracked { folder, id, ..item })),
                    None => left.push(item),
                }
            }
            sought = left;
        }
        let mut stale = Vec::new();
        for item in named.away {
            if let Some(id) = still_there(&item, by, &mut |wanted| look(self, &found, &item.folder, wanted))? {
                stale.push((item.folder, id));
            }
        }
        self.db.write(|tx| {
            serving::set_copy(tx, mailbox, MENDING)?;
            named.brought.iter().chain(named.moved.keys()).try_for_each(|token| target::untrack(tx, mailbox, token))?;
            Ok(found.write(tx, mailbox)?)
        })?;
        for (folder, id) in stale {
            self.may_still_change()?;
            store.remove(&folder, &id)?;
        }
        self.still_active()?;
        Ok(store.flush()?)
    }

    pub(super) fn rows<'a>(&self, mailbox: MailboxId, tokens: impl Iterator<Item = &'a Token>) -> Result<Vec<Tracked>, ApplyError> {
        let mut rows = Vec::new();
        for token in tokens {
            rows.extend(self.db.look_up(|db| target::tracked(db, mailbox, token))?);
        }
        Ok(rows)
    }
}

fn not_read(name: &ContainerName, cause: String) -> ApplyError {
    StoreError::new(Blast::Mailbox, Retry::Later, "read a container that is kept", name.to_string(), cause).into()
}

/// An item that was taken away and stands there all the same. A store that keeps tokens knows it by these; in any other it is what has
/// its bytes *and* its id: mail of a user may have the same bytes.
fn still_there(
    item: &TakenAway,
    by: TellsBy,
    look: &mut dyn FnMut(Wanted) -> Result<Option<TargetId>, ApplyError>,
) -> Result<Option<TargetId>, ApplyError> {
    let wanted = Wanted { token: item.token, digest: Digest::default(), likeness: None, size: 0, date: None };
    if let Some(id) = look(wanted.clone())? {
        return Ok(Some(id));
    }
    if item.digest == Digest::default() {
        return Ok(None);
    }
    let date = item.date.filter(|_| by != TellsBy::Token);
    let mut ways = date.map(Some).into_iter().chain([None]).map(|date| look(Wanted { digest: item.digest, date, ..wanted.clone() }));
    ways.find_map(|found| found.map(|id| id.filter(|id| *id == item.id)).transpose()).transpose()
}
