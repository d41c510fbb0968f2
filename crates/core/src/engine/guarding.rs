//! The data guarantee in the target agent: what is not guaranteed is kept and asked about again in time (R70, R74).
//!
//! Two questions. Before a container is imported: are the copies healthy? If not, its mailbox waits. Before a container is
//! deleted: have they flushed what was committed with its receipt? If not, it stays in IN, and its mailbox goes on.
//!
//! A stall ends by itself. When it lasts, a person is called, once; nothing is given up, for nothing is lost by waiting. The
//! time of a stall is kept in memory: an agent that starts anew gives it its time again.

use mailferry_rules::guarantee::{Answer, Copying, StallTimes};
use mailferry_rules::ids::{ContainerName, MailboxId};
use mailferry_rules::session::has_come;

use super::agent::{Agent, Halt};
use crate::ports::Level;
use crate::state::ledger::{inbound, serving};
use crate::trouble::Trouble;

/// Which of the two questions.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Question {
    Health,
    Flush,
}

/// How it stands with one mailbox.
#[derive(Default)]
pub(super) struct Guarding {
    copying: Copying,
    rolled_ms: Option<u64>,
    alarmed: bool,
}

impl Agent {
    /// Whether more may be imported into a mailbox.
    pub(super) fn is_healthy(&mut self, mailbox: MailboxId) -> Result<bool, Halt> {
        let store = self.target_store(mailbox);
        let caller = mailbox.to_string();
        self.guarded(mailbox, Question::Health, |agent| {
            // First: what a failover has lost is missed by users, healthy copies or not.
            let same = agent.same_copy_serves(mailbox)?;
            Ok(if same.is_satisfied() { agent.around.guarantee.healthy(&caller, &store) } else { same })
        })
    }

    /// Whether a container that was taken may go.
    pub(super) fn is_flushed(&mut self, name: &ContainerName) -> Result<bool, Halt> {
        let store = self.target_store(name.mailbox);
        // Buried and never taken: there is nothing of it at the target.
        let Some(taken_ms) = self.db.read(|db| Ok(inbound::taken_at(db, name)?))? else { return Ok(true) };
        let now_ms = self.now_ms();
        if taken_ms > now_ms && self.db.read(|db| Ok(serving::copy(db, name.mailbox)?))?.is_some() {
            // The clock was wrong then, and no copy can have replayed past that for as long.
            self.db.write(|tx| Ok(inbound::taken_again(tx, name, now_ms)?))?;
            return Ok(false);
        }
        let flushed = self.guarded(name.mailbox, Question::Flush, |agent| {
            let flushed = agent.around.guarantee.flushed(&store, taken_ms);
            // Behind that question: the copies may agree on what the one that serves now has never had.
            Ok(agent.same_copy_serves(name.mailbox)?.and(flushed))
        })?;
        // Applied again just now, it is committed anew.
        Ok(flushed && self.db.read(|db| Ok(inbound::taken_at(db, name)?))? == Some(taken_ms))
    }

    pub(super) fn target_store(&self, mailbox: MailboxId) -> String {
        self.mailbox(mailbox).map(|mailbox| mailbox.target.clone()).unwrap_or_default()
    }

    fn guarded(
        &mut self,
        mailbox: MailboxId,
        question: Question,
        ask: impl FnOnce(&mut Agent) -> Result<Answer, Halt>,
    ) -> Result<bool, Halt> {
        // Nothing fails here: a request that may fail is decided elsewhere.
        let times = StallTimes { ask_every_ms: self.policy.guarantee_ask_ms, fail_after_ms: u64::MAX };
        let mut guarding = self.guarding.remove(&(mailbox, question)).unwrap_or_default();
        if guarding.copying.may_ask(self.now_ms(), &times) {
            let answer = match ask(self) {
                Ok(answer) => answer,
                Err(halt) => {
                    self.guarding.insert((mailbox, question), guarding);
                    return Err(halt);
                }
            };
            guarding.copying = guarding.copying.after(&answer, self.now_ms(), &times);
        }
        let Copying::Stalled { why, .. } = guarding.copying.clone() else {
            self.guarantee_holds(mailbox, question, &guarding);
            return Ok(true);
        };
        self.stalls_for_guarantee(mailbox, question, &why, &mut guarding);
        self.guarding.insert((mailbox, question), guarding);
        Ok(false)
    }

    fn guarantee_holds(&mut self, mailbox: MailboxId, question: Question, guarding: &Guarding) {
        let what = told_of(&self.label(mailbox), question);
        ["guarantee.stalled", "guarantee.flushing"].iter().for_each(|name| self.calm_about(name, std::slice::from_ref(&what)));
        if guarding.alarmed {
            self.event("guarantee.holds", Level::Info, format!("no longer: {what}"));
        }
    }

    fn stalls_for_guarantee(&mut self, mailbox: MailboxId, question: Question, why: &str, guarding: &mut Guarding) {
        let label = self.label(mailbox);
        let stalled_ms = guarding.copying.stalled_ms(self.now_ms());
        let what = told_of(&label, question);
        if !self.stalls.iter().any(|stall| stall.what == what) {
            self.stall(what.clone(), format!("StalledDueToHA for {} s: {why}", stalled_ms / 1000));
        }
        if stalled_ms >= self.policy.journal_roll_ms {
            self.roll_journal(mailbox, guarding);
        }
        // No copy can have flushed at once: people are told when it lasts.
        if stalled_ms == 0 && question == Question::Flush {
            self.tell("guarantee.flushing", Level::Debug, what);
        } else if stalled_ms == 0 {
            let trouble = Trouble::new(what).cause(why).now("it is asked again, and the mailbox goes on by itself; the others go on");
            self.tell("guarantee.stalled", Level::Warning, trouble.to_string());
        } else if !guarding.alarmed && stalled_ms >= self.policy.guarantee_stall_max_ms {
            guarding.alarmed = true;
            let trouble = Trouble::new(format!("{what} since {} minutes ago", stalled_ms / 60_000))
                .cause(why)
                .now("nothing is lost: it is asked on, and its end will be told")
                .hint("`mailferry guarantee show` lists the copies");
            self.event("guarantee.lasts", Level::Error, trouble.to_string());
        }
    }

    /// Again when the last time was long ago: the copy may have been away then.
    fn roll_journal(&mut self, mailbox: MailboxId, guarding: &mut Guarding) {
        let now_ms = self.now_ms();
        let again_ms = guarding.rolled_ms.map_or(0, |rolled_ms| rolled_ms.saturating_add(self.policy.journal_roll_ms));
        if !has_come(again_ms, now_ms, self.policy.journal_roll_ms) {
            return;
        }
        guarding.rolled_ms = Some(now_ms);
        self.roll_journal_now(mailbox);
    }

    pub(super) fn roll_journal_now(&mut self, mailbox: MailboxId) {
        if let Err(cause) = self.around.guarantee.roll(&self.target_store(mailbox)) {
            let what = format!("the target store of mailbox {} could not be asked to roll its journal", self.label(mailbox));
            self.tell("guarantee.not-rolled", Level::Warning, Trouble::new(what).cause(cause).to_string());
        }
    }
}

fn told_of(label: &str, question: Question) -> String {
    match question {
        Question::Health => format!("mailbox {label} waits for healthy copies of its target store"),
        Question::Flush => format!("mailbox {label} keeps its containers until copies of its target store have flushed"),
    }
}
