//! The target agent: import, receipts (R40-R45).
//!
//! ```text
//! mod       one container after another; failures and the archive
//! apply     the records of a container, each exactly once
//! items     its items, on their way into the store
//! changes   what waits for the flush
//! confirm   what the source asks before and at its switch
//! receipts  the answers, packed and sent back
//! failover  kept containers, applied again to the copy that took over
//! verify    whether what is tracked stands there, where such a container is damaged
//! stock     what the source says there is, against what is here
//! manifest  proof of migration: the ledger and the store read again, signed; evidence: what was found of each item
//! ```

mod apply;
mod changes;
mod confirm;
mod evidence;
mod failover;
mod items;
mod manifest;
mod receipts;
mod stock;
mod verify;

pub(super) use apply::OpenStore;
use apply::{Applied, ApplyError};
pub(super) use confirm::Finishing;
use mailferry_rules::ids::ContainerName;
use mailferry_rules::import::Arrival;
pub use manifest::Manifested;

use super::agent::{Agent, Halt};
use super::intake::{Handled, Incoming};
use super::takeover::Trace;
use crate::model::{Digest, Outcome, Receipt};
use crate::ports::{Blast, Level, Retry, StoreError};
use crate::prv::Kind;
use crate::spool;
use crate::state::ledger::stock::unwant;
use crate::state::ledger::switch::{self, Asked};
use crate::state::ledger::{inbound, serving};
use crate::trouble::Trouble;

impl Agent {
    pub(super) fn target_work(&mut self) -> Result<(), Halt> {
        self.clear_leftovers()?;
        self.forget_intents()?;
        self.take_all(Kind::Mail, &mut |agent, incoming| agent.import(incoming))?;
        self.restore_archived()?;
        self.confirm_switches()?;
        self.answer_all()
    }

    fn import(&mut self, incoming: Incoming) -> Result<Handled, Halt> {
        let name = incoming.name;
        if !self.is_healthy(name.mailbox)? {
            return Ok(Handled::Waits);
        }
        self.predecessor_has_let_go()?;
        self.still_active()?;
        let begun = self.db.read(|db| Ok(inbound::attempt(db, &name)?))?;
        let now_ms = self.now_ms();
        if begun.is_none() {
            self.db.write(|tx| Ok(inbound::begin_attempt(tx, &name, now_ms)?))?;
        }
        let (digest, arrival) = (incoming.digest, incoming.arrival);
        match self.apply_container(incoming) {
            Ok(applied) => {
                self.commit_import(name, digest, arrival, applied)?;
                self.calm_about("import.failed", &[format!("mailbox {}:", self.label(name.mailbox)), name.mailbox.to_string()]);
                Ok(Handled::Taken)
            }
            Err(ApplyError::Halt(halt)) => Err(halt),
            Err(ApplyError::Store(error)) => self.import_failed(name, digest, arrival, error),
        }
    }

    fn commit_import(&mut self, name: ContainerName, digest: Digest, arrival: Arrival, applied: Applied) -> Result<(), Halt> {
        let Applied { changes, counts, skipped, receipts_again, unanswered, ready } = applied;
        let mailbox = name.mailbox;
        let receipt = Receipt {
            container: name,
            digest,
            outcome: Outcome::Applied,
            applied: counts.applied,
            already: counts.already,
            found: counts.found,
            skipped,
        };
        let now_ms = self.now_ms();
        self.db.write(|tx| {
            changes.write(tx, mailbox)?;
            // What was asked for and cannot be there has been answered.
            receipt.skipped.iter().try_for_each(|skip| unwant(tx, mailbox, &skip.token))?;
            for sequence in &receipts_again {
                inbound::send_receipts_again(tx, mailbox, *sequence)?;
            }
            inbound::take(tx, &receipt, arrival, true, now_ms)?;
            serving::keep(tx, &name)?;
            if let Some((id, last)) = ready {
                switch::ask(tx, &Asked { container: name, id, last, asked_ms: now_ms })?;
            }
            Ok(unanswered.iter().try_for_each(|name| stock::answer_again(tx, *name, now_ms))?)
        })?;
        if counts.found > 0 {
            let label = self.label(mailbox);
            self.redone(Trace::Again, name, 1)?;
            self.redone(Trace::Found, format!("of {label}"), counts.found)?;
        }
        self.counts.applied += counts.applied;
        self.counts.appended += counts.appended;
        self.counts.already += counts.already;
        self.counts.found += counts.found;
        self.counts.skipped += receipt.skipped.len() as u64;
        for skip in &receipt.skipped {
            self.event("item.skipped", Level::Warning, format!("item {} of {name} was not applied: {}", skip.token, skip.reason));
        }
        let text = format!("{name} applied: {} new, {} already there, {} found again", counts.applied, counts.already, counts.found);
        self.event("container.applied", Level::Info, text);
        Ok(())
    }

    /// A store that is full or away says nothing about the container: the mailbox waits. A container that fails by itself
    /// is archived after its attempts are used up (R44).
    fn import_failed(&mut self, name: ContainerName, digest: Digest, arrival: Arrival, error: StoreError) -> Result<Handled, Halt> {
        let label = self.label(name.mailbox);
        self.stall(label.clone(), error.to_string());
        if error.no_space || error.away || error.blast == Blast::Store || error.retry == Retry::Later && error.blast != Blast::Folder {
            let trouble = Trouble::from(error).now("the mailbox waits for the next session; the others go on");
            self.tell("import.failed", Level::Warning, format!("mailbox {label}: {trouble}"));
            self.held_up(name.mailbox, &trouble.to_string());
            return Ok(Handled::Waits);
        }
        let (cause, now_ms) = (error.to_string(), self.now_ms());
        self.db.write(|tx| Ok(inbound::attempt_failed(tx, &name, &cause, now_ms)?))?;
        let failures = self.db.read(|db| Ok(inbound::attempt(db, &name)?))?.map_or(0, |attempt| attempt.failures);
        if failures < self.policy.import_attempts_max {
            let trouble = Trouble::from(error).now(format!("attempt {failures} of {}; the mailbox waits", self.policy.import_attempts_max));
            self.tell("import.failed", Level::Warning, format!("container {name}: {trouble}"));
            self.held_up(name.mailbox, &trouble.to_string());
            return Ok(Handled::Waits);
        }
        self.archive(name, digest, arrival, failures, error)
    }

    /// Archived containers that the operator has moved to RESTORE are applied after all (R44), and kept there like any other.
    fn restore_archived(&mut self) -> Result<(), Halt> {
        let folder = spool::restore(self.around.other.in_folder());
        let share = self.own_share();
        for name in share.list(&folder).unwrap_or_default().iter().filter_map(|entry| entry.name.parse::<ContainerName>().ok()) {
            match self.db.read(|db| Ok(inbound::outcome(db, &name)?))? {
                Some(Outcome::Archived) => match self.restorable(&name) {
                    Ok(incoming) => {
                        if let Handled::Waits = self.import(incoming)? {
                            continue;
                        }
                        self.after_item()?;
                    }
                    Err(reason) => {
                        self.not_restored(&name, &format!("cannot be restored: {reason}"));
                        continue;
                    }
                },
                Some(Outcome::Applied) => {}
                _ => {
                    self.not_restored(&name, "lies in RESTORE, but was never archived");
                    continue;
                }
            }
            if self.may_go(&name)? {
                self.release(&name)?;
                let _ = share.remove(&spool::file(&folder, &name));
            }
        }
        Ok(())
    }

    fn not_restored(&mut self, name: &ContainerName, why: &str) {
        self.stall(name.to_string(), why);
        self.tell("container.not-restored", Level::Warning, format!("container {name} {why}"));
    }

    fn archive(
        &mut self,
        name: ContainerName,
        digest: Digest,
        arrival: Arrival,
        failures: u64,
        error: StoreError,
    ) -> Result<Handled, Halt> {
        let origin = self.around.other.in_folder().to_owned();
        let from = spool::file(&self.inbox().path(), &name);
        let to = spool::file(&spool::archive(&origin), &name);
        self.still_active()?;
        let share = self.own_share();
        if let Err(cause) = spool::keep((share.as_ref(), &from), (share.as_ref(), &to), digest, &self.writer()) {
            self.stall(name.to_string(), cause.to_string());
            self.tell("container.not-kept", Level::Warning, format!("container {name} could not be copied to ARCHIVE: {cause}"));
            return Ok(Handled::Waits);
        }
        let receipt =
            Receipt { container: name, digest, outcome: Outcome::Archived, applied: 0, already: 0, found: 0, skipped: Vec::new() };
        let now_ms = self.now_ms();
        self.db.write(|tx| Ok(inbound::take(tx, &receipt, arrival, true, now_ms)?))?;
        let trouble = Trouble::from(error)
            .now(format!("after {failures} attempts the container is kept in ARCHIVE; it blocks the switch of its mailbox"))
            .hint(format!("when the cause is mended, move {to} to NTA/RESTORE/{origin} of this share"));
        self.event("container.archived", Level::Error, format!("container {name}: {trouble}"));
        Ok(Handled::Taken)
    }
}
