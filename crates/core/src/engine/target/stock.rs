//! What the source says there is, against what is here (R14); and what a refused container may have left behind (R3).

use std::collections::BTreeSet;

use mailferry_rules::ids::{ContainerName, MailboxId, Sequence};
use mailferry_rules::import::Arrival;

use super::apply::ApplyError;
use super::changes::Changes;
use super::items::{Import, TellsBy, locate_in, strict_then_loose, tell_claims};
use crate::engine::agent::{Agent, Halt};
use crate::engine::intake::Incoming;
use crate::model::{Census, Digest, FolderPath, Marks, Outcome, Receipt, TargetId, Token};
use crate::passage::Passage;
use crate::ports::{Level, MailTarget};
use crate::prv::Record;
use crate::state::ledger::target::{self, Tracked};
use crate::state::ledger::{inbound, manifest, stock, switch};
use crate::state::{Connection, SqlResult};
use crate::trouble::Trouble;

/// The source has no answer to this container, which stands before its census in the chain. Not known here it has been forgotten,
/// or passed over: nothing of it is applied any more, and its content comes again.
pub(super) fn answer_again(db: &Connection, name: ContainerName, now_ms: u64) -> SqlResult<()> {
    if inbound::is_taken(db, &name)? {
        switch::send_again(db, &name)?;
        return inbound::send_receipt_again(db, &name);
    }
    let base = Sequence(name.sequence.0.saturating_sub(1));
    let arrival = Arrival { sequence: name.sequence, epoch: name.epoch, base, previous_epoch: name.epoch };
    inbound::take(db, &refused(name, Digest::default()), arrival, true, now_ms)
}

/// An item of this container, of which no place is known.
fn sought(name: &ContainerName, token: Token, digest: Digest) -> Tracked {
    let (folder, id, marks) = (FolderPath(Vec::new()), TargetId(Vec::new()), Marks::default());
    let passage = Passage { container: Some((name.sequence, name.epoch)), ..Passage::default() };
    Tracked { passage, ..Tracked::found(token, folder, id, digest, marks) }
}

fn refused(container: ContainerName, digest: Digest) -> Receipt {
    Receipt { container, digest, outcome: Outcome::Refused, applied: 0, already: 0, found: 0, skipped: Vec::new() }
}

impl Agent {
    /// Items that the source does not know any more go the way of every deletion; the others come to their folder and marks;
    /// what is not here is asked for.
    pub(super) fn compare(&mut self, import: &mut Import, census: &Census) -> Result<(), ApplyError> {
        // The ledger is compared as a whole: what is staged is committed first.
        self.commit_batch(import)?;
        let mailbox = import.mailbox;
        let here = self.db.read(|db| Ok(stock::tracked(db, mailbox, census.from, census.through)?))?;
        let known: BTreeSet<Token> = census.items.iter().map(|item| item.token).collect();
        for item in &census.items {
            self.may_still_change()?;
            match (self.tracked(import, &item.token)?, import.place(item.folder)) {
                (None, _) => import.changes.want(item.token),
                (Some(tracked), Ok(place)) => import.update(&self.db, tracked, Some(place), item.marks.clone())?,
                (Some(_), Err(reason)) => import.skip(item.token, reason)?,
            }
            self.commit_when_full(import)?;
        }
        if census.incomplete {
            return Ok(());
        }
        for token in self.db.read(|db| Ok(manifest::left_out_between(db, mailbox, census.from, census.through)?))? {
            if !known.contains(&token) {
                import.changes.set(token, None);
            }
        }
        // What is spared may be brought back, and is known again then only if it is nobody's meanwhile (R83).
        let applies = self.policy.apply_deletions && !import.spares;
        for token in here.into_iter().filter(|token| !known.contains(token)) {
            if let Some(tracked) = self.tracked(import, &token)? {
                import.gone(&self.db, tracked, applies)?;
                import.released |= import.spares;
            }
            self.commit_when_full(import)?;
        }
        Ok(())
    }

    /// A container that is not applied counts as taken all the same, and its receipt says "refused". A predecessor may
    /// have applied some of it all the same: its items that stand at the target are tracked, so that a census finds them.
    pub(in crate::engine) fn refuse(&mut self, mut incoming: Incoming, why: &str) -> Result<bool, Halt> {
        let (name, digest, arrival) = (incoming.name, incoming.digest, incoming.arrival);
        self.predecessor_has_let_go()?;
        let left = match self.left_behind(&mut incoming) {
            Ok(left) => left,
            Err(ApplyError::Halt(halt)) => return Err(halt),
            Err(ApplyError::Store(error)) => {
                self.stall(name.to_string(), error.to_string());
                let trouble = Trouble::from(error).now("what the refused container has left behind is looked for first; its mailbox waits");
                self.tell("import.failed", Level::Warning, format!("container {name}: {trouble}"));
                self.held_up(name.mailbox, &trouble.to_string());
                return Ok(false);
            }
        };
        self.still_active()?;
        self.commit_refused(&refused(name, digest), arrival, &left)?;
        self.event("container.refused", Level::Warning, format!("{name} is not applied, its content will come again: {why}"));
        Ok(true)
    }

    fn commit_refused(&mut self, receipt: &Receipt, arrival: Arrival, left: &Changes) -> Result<(), Halt> {
        let now_ms = self.now_ms();
        Ok(self.db.write(|tx| {
            left.write(tx, receipt.container.mailbox)?;
            Ok(inbound::take(tx, receipt, arrival, true, now_ms)?)
        })?)
    }

    fn left_behind(&mut self, incoming: &mut Incoming) -> Result<Changes, ApplyError> {
        let mailbox = incoming.name.mailbox;
        let url = self.target_store(mailbox);
        let mut store = self.open_target(mailbox, &url)?;
        let folders = self.target_folders(&url)?;
        let by = TellsBy::of(&self.db, store.as_mut(), mailbox)?;
        let mut left = Changes::default();
        loop {
            let record = incoming.reader.next().map_err(|error| super::apply::unreadable(&incoming.name, &error))?;
            let Some(record) = record else { return Ok(left) };
            let Record::Item { envelope, size, digest, .. } = record else { continue };
            let mut item = sought(&incoming.name, envelope.token, digest);
            item.passage.size = Some(size);
            item.marks = envelope.marks;
            item.date = Some(envelope.date.seconds);
            self.look_for((store.as_mut(), by), &folders, mailbox, item, &mut left)?;
        }
    }

    /// A damaged container counts as taken. What its import had appended here already stands there without its row, and a store without
    /// tokens knows it by nothing but its bytes: these were noted before. False: that could not be looked for, and the container waits.
    pub(in crate::engine) fn take_damaged(&mut self, receipt: &Receipt, arrival: Arrival) -> Result<bool, Halt> {
        let left = match self.left_by_intent(&receipt.container) {
            Ok(left) => left,
            Err(ApplyError::Halt(halt)) => return Err(halt),
            Err(ApplyError::Store(error)) => {
                let (name, label) = (receipt.container, self.label(receipt.container.mailbox));
                self.stall(name.to_string(), error.to_string());
                let trouble = Trouble::from(error).now("what the damaged container has left behind is looked for first; its mailbox waits");
                self.tell("import.failed", Level::Warning, format!("mailbox {label}: {trouble}"));
                self.held_up(name.mailbox, &trouble.to_string());
                return Ok(false);
            }
        };
        self.still_active()?;
        self.commit_refused(receipt, arrival, &left)?;
        Ok(true)
    }

    /// Notes of containers that were taken meanwhile, by another node.
    pub(super) fn forget_intents(&mut self) -> Result<(), Halt> {
        if self.db.read(|db| Ok(inbound::has_old_intents(db)?))? {
            self.db.write(|tx| Ok(inbound::forget_old_intents(tx)?))?;
        }
        Ok(())
    }

    fn left_by_intent(&mut self, name: &ContainerName) -> Result<Changes, ApplyError> {
        let mut left = Changes::default();
        let Some(intended) = self.db.read(|db| Ok(inbound::intended(db, name)?))? else { return Ok(left) };
        self.predecessor_has_let_go()?;
        let url = self.target_store(name.mailbox);
        let mut store = self.open_target(name.mailbox, &url)?;
        let folders = self.target_folders(&url)?;
        let by = TellsBy::of(&self.db, store.as_mut(), name.mailbox)?;
        for (token, digest) in intended {
            self.check_stop()?;
            self.look_for((store.as_mut(), by), &folders, name.mailbox, sought(name, token, digest), &mut left)?;
        }
        Ok(left)
    }

    /// An item that may stand in any of these folders without its row.
    fn look_for(
        &self,
        (store, by): (&mut dyn MailTarget, TellsBy),
        folders: &[FolderPath],
        mailbox: MailboxId,
        item: Tracked,
        left: &mut Changes,
    ) -> Result<(), ApplyError> {
        if self.db.look_up(|db| target::tracked(db, mailbox, &item.token))?.is_some() {
            return Ok(());
        }
        for folder in folders {
            tell_claims(&self.db, store, mailbox, left, folder)?;
        }
        let mut ways = strict_then_loose(&item, by);
        let found = ways.find_map(|wanted| locate_in(store, folders, wanted).transpose()).transpose()?;
        if let Some((folder, id)) = found {
            left.set(item.token, Some(Tracked { folder, id, ..item }));
        }
        Ok(())
    }
}
