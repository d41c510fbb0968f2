//! The target's part of the switch: may the source be locked, and is everything there (R82, R75)?
//!
//! Everything up to the question has been applied, for it came in the chain behind it. What is left to ask: whether a container has been
//! given up, whether something is still asked for, and whether enough copies hold it. While that cannot be said, nothing is said.

use std::collections::BTreeMap;

use mailferry_rules::guarantee::{Answer, Finish, FinishStep, gate};
use mailferry_rules::ids::{ContainerName, MailboxId};
use mailferry_rules::session::Act;

use crate::engine::agent::{Agent, Halt};
use crate::model::SwitchId;
use crate::ports::Level;
use crate::state::ledger::switch::{self, Asked};
use crate::state::ledger::{inbound, manifest, serving, stock};

/// Questions that wait for their copies.
pub(in crate::engine) type Finishing = BTreeMap<MailboxId, (SwitchId, bool, Finish)>;

impl Agent {
    pub(super) fn confirm_switches(&mut self) -> Result<(), Halt> {
        let mut open = self.db.read(|db| Ok(switch::open(db)?))?;
        open.sort_by_key(|asked| !asked.last);
        self.prove_before(&open)?;
        for asked in open {
            let mailbox = asked.container.mailbox;
            // A confirmation is a promise of whoever takes over too: it has to know what was applied (R12).
            if self.mailbox(mailbox).is_none() || !self.may(Act::Switch) {
                continue;
            }
            let Some(verdict) = self.verdict_on(&asked)? else { continue };
            self.finishing.remove(&mailbox);
            self.still_active()?;
            self.db.write(|tx| Ok(switch::decide(tx, &asked, &verdict)?))?;
            self.counts.move_steps += 1;
            self.after_item()?;
            let label = self.label(mailbox);
            match (verdict, asked.last) {
                (Ok(()), false) => self.event("switch.may-begin", Level::Info, format!("mailbox {label}: the source may be locked")),
                (Ok(()), true) => {
                    let text = format!("mailbox {label}: everything up to {} is applied and guaranteed", asked.container);
                    self.event("switch.confirmed", Level::Info, text);
                }
                (Err(why), _) => {
                    self.event("switch.refused", Level::Warning, format!("mailbox {label}: the switch is refused: {why}"));
                }
            }
        }
        Ok(())
    }

    /// `None`: cannot be said yet.
    fn verdict_on(&mut self, asked: &Asked) -> Result<Option<Result<(), String>>, Halt> {
        let mailbox = asked.container.mailbox;
        let (archived, wanted) = self.lacks(mailbox)?;
        if let Some(name) = archived.first() {
            return Ok(Some(Err(format!("container {name} is kept in ARCHIVE and not applied"))));
        }
        let answer = match wanted {
            true => Answer::NotSatisfied("items that a census names are asked for and have not come".into()),
            false => self.guaranteed_for(asked)?,
        };
        let (now_ms, times) = (self.now_ms(), self.policy.final_wait);
        let known = self.finishing.remove(&mailbox).filter(|(id, last, _)| (*id, *last) == (asked.id, asked.last));
        let mut finish = known.map_or_else(|| Finish::begin(asked.asked_ms), |(.., finish)| finish);
        let step = finish.after(&answer, now_ms, &times);
        self.finishing.insert(mailbox, (asked.id, asked.last, finish));
        match step {
            FinishStep::Flushed if asked.last => Ok(Some(Ok(()))),
            FinishStep::Flushed if self.proves_switches() => {
                let proved = self.proof_for(asked).cloned();
                if proved.is_none() {
                    self.switch_waits(mailbox, Level::Info, "its switch waits: its manifest is made when no other source may be locked");
                }
                Ok(proved)
            }
            FinishStep::Flushed => Ok(Some(Ok(()))),
            FinishStep::Failed(why) => Ok(Some(Err(why))),
            FinishStep::Wait { ask_ms, roll } => {
                if roll {
                    self.roll_journal_now(mailbox);
                }
                let why = answer.reason().unwrap_or_default().to_owned();
                self.switch_waits(mailbox, Level::Info, format!("its switch waits: {why}"));
                self.wants_next_in(ask_ms.saturating_sub(now_ms));
                Ok(None)
            }
        }
    }

    fn proves_switches(&self) -> bool {
        self.policy.switch_proof && self.signs.is_some()
    }

    /// What the manifest of this switch came to, where it has been made.
    fn proof_for(&self, asked: &Asked) -> Option<&Result<(), String>> {
        self.proved.get(&asked.container.mailbox).filter(|(id, _)| *id == asked.id).map(|(_, verdict)| verdict)
    }

    /// A manifest and its score before a source is locked (R84), once for each switch: the source may have put its question again meanwhile.
    /// It takes as long as a mailbox takes to be read, and nothing is confirmed meanwhile. So those of all that have asked are made before
    /// any of them may begin, and none is made while a source may be locked.
    fn prove_before(&mut self, open: &[Asked]) -> Result<(), Halt> {
        if open.is_empty() || !self.proves_switches() {
            return Ok(());
        }
        let now_ms = self.now_ms();
        // As long as it may have waited for its answer, and its source may then be locked.
        let since_ms = now_ms.saturating_sub(2 * self.policy.final_wait.wait_max_ms);
        if open.iter().any(|asked| asked.last) || self.db.read(|db| Ok(switch::has_let_begin(db, since_ms, now_ms)?))? {
            return Ok(());
        }
        for asked in open {
            let mailbox = asked.container.mailbox;
            if self.proof_for(asked).is_some() || self.mailbox(mailbox).is_none() || !self.may(Act::Switch) {
                continue;
            }
            if !matches!(self.lacks(mailbox)?, (archived, false) if archived.is_empty()) {
                continue;
            }
            let made = self.prove(mailbox);
            // Whoever is stopped in the middle says nothing.
            self.check_stop()?;
            let verdict = match made {
                Ok(made) if made.may_complete() => Ok(()),
                Ok(made) => Err(format!("manifest {} scores {}: `mailferry manifest show {}`", made.number, made.score, made.place)),
                Err(trouble) => Err(format!("no manifest could be made: {trouble}")),
            };
            self.proved.insert(mailbox, (asked.id, verdict));
        }
        Ok(())
    }

    /// Containers of a mailbox that were given up, and whether anything is asked for.
    fn lacks(&self, mailbox: MailboxId) -> Result<(Vec<ContainerName>, bool), Halt> {
        Ok(self.db.read(|db| Ok((manifest::archived(db, mailbox)?, stock::wants_any(db, mailbox)?)))?)
    }

    fn guaranteed_for(&mut self, asked: &Asked) -> Result<Answer, Halt> {
        let mailbox = asked.container.mailbox;
        let Some(taken_ms) = self.db.read(|db| Ok(inbound::taken_at(db, &asked.container)?))? else {
            return Ok(Answer::NotSatisfied(format!("{} has not been applied", asked.container)));
        };
        let store = self.target_store(mailbox);
        let newest = |agent: &Agent| -> Result<u64, Halt> {
            let kept = agent.db.read(|db| Ok(serving::kept(db, mailbox)?))?;
            Ok(kept.into_iter().map(|(_, taken_ms)| taken_ms).fold(taken_ms, u64::max))
        };
        // What was restored out of the archive may be newer than the question.
        let committed_ms = newest(self)?;
        let commit_ms = if asked.last { committed_ms } else { gate(committed_ms, self.policy.final_wait.lag_max_ms) };
        let flushed = self.around.guarantee.flushed(&store, commit_ms);
        // Behind that question: the copies may agree on what the one that serves now has never had.
        let same = self.same_copy_serves(mailbox)?;
        if newest(self)? != committed_ms {
            return Ok(Answer::Retry("kept containers have just been applied again".into()));
        }
        Ok(same.and(flushed))
    }
}
