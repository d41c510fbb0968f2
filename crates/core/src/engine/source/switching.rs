//! The source's part of the switch: ask, lock, ask again, lead mail to the target (R82), and back where that is ordered (R83). The rules
//! say what is next (`rules::moves::switch`); what is about to be done outside is written down and replicated before it is done.

use mailferry_rules::ids::MailboxId;
use mailferry_rules::moves::{Failure, Known, Next, Phase, Progress, State, Switch};
use mailferry_rules::session;

use super::MailboxHalt;
use super::pack::Pass;
use crate::engine::agent::{Agent, Halt};
use crate::model::SwitchId;
use crate::ports::{Level, MailFlow, Switching};
use crate::prv::Record;
use crate::state::ledger::moves::{self, Kept};
use crate::state::ledger::{stock, switch};
use crate::trouble::Trouble;

/// What is done outside: one of the calls of the port.
type Act = fn(&dyn MailFlow, Switching<'_>) -> Result<(), String>;

impl Agent {
    /// Goes on with the switch of a request, or puts an end to it where the request is not being completed any more.
    pub(super) fn go_on_with_switch(&mut self, kept: &mut Kept, under_way: Option<switch::Kept>) -> Result<(), Halt> {
        let mailbox = kept.mailbox;
        match (kept.request.state, under_way) {
            (State::CompletionInProgress, Some(under_way)) => self.take_steps(kept, under_way),
            (State::CompletionInProgress, None) => {
                let begun = switch::Kept { mailbox, id: self.switch_id(kept), switch: Switch::begin(), asked: None, verdict: None };
                kept.request.pack_again();
                self.db.write(|tx| {
                    moves::put(tx, kept)?;
                    Ok(switch::put(tx, &begun)?)
                })?;
                self.counts.move_steps += 1;
                Ok(())
            }
            (_, None) => Ok(()),
            (_, Some(under_way)) if under_way.switch.phase == Phase::Returning => self.restore_source(kept, under_way),
            (_, Some(under_way)) if under_way.switch.phase.is_past_return() => Ok(()),
            (_, Some(under_way)) if under_way.switch.phase == Phase::Unlocking => self.unlock_source(kept, under_way),
            (state, Some(under_way)) => {
                let (failure, why) = (Failure::Switch, format!("the move request is {}", state.name()));
                self.give_up_switch(kept, under_way, failure, why)
            }
        }
    }

    fn switch_id(&self, kept: &Kept) -> SwitchId {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&kept.mailbox.0).update(&self.epoch.0.to_le_bytes()).update(&self.now_ms().to_le_bytes()).update(kept.id.as_bytes());
        let mut id = SwitchId([0; 16]);
        id.0.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        id
    }

    fn take_steps(&mut self, kept: &mut Kept, mut under_way: switch::Kept) -> Result<(), Halt> {
        loop {
            let (known, progress) = self.known(kept, &under_way)?;
            let (now_ms, wait_max_ms, locked_ms) = (self.now_ms(), self.policy.final_wait.wait_max_ms, under_way.switch.locked_ms);
            let next = under_way.switch.next(&known, now_ms, wait_max_ms);
            if under_way.switch.locked_ms != locked_ms {
                self.db.write(|tx| Ok(switch::put(tx, &under_way)?))?;
            }
            match next {
                // An answer may be lost: after a while the question is put once more, behind what has changed since.
                Next::Wait
                    if under_way.switch.phase == Phase::Asking
                        && known.packed
                        && now_ms.abs_diff(kept.request.packed_ms) >= wait_max_ms =>
                {
                    return self.pack_for(kept, &mut under_way, Phase::Asking);
                }
                Next::Wait => return Ok(()),
                // From there on the source may be locked, or no time-out opens it: entered only where the other node can be told.
                Next::Lock | Next::Redirect if !self.may_switch(kept, session::Act::Switch) => return Ok(()),
                Next::Lock => {
                    if let Err(why) = self.around.flow.can_switch() {
                        self.switch_waits(kept.mailbox, Level::Warning, why);
                        return Ok(());
                    }
                    if under_way.switch.phase == Phase::Asking {
                        under_way.switch.locked_ms = now_ms.max(1);
                        self.enter_phase(&mut under_way, Phase::Locking)?;
                    }
                    let Some(done) = self.act_on_flow(kept, &under_way, |flow, what| flow.lock(what))? else { return Ok(()) };
                    if let Err(why) = done {
                        return self.give_up_switch(kept, under_way, Failure::Switch, format!("the source could not be locked: {why}"));
                    }
                    under_way.switch.locked_under = self.epoch;
                    self.pack_for(kept, &mut under_way, Phase::Locked)?;
                }
                Next::Redirect => {
                    if under_way.switch.phase == Phase::Locked {
                        self.enter_phase(&mut under_way, Phase::Switching)?;
                    }
                    let Some(done) = self.act_on_flow(kept, &under_way, |flow, what| flow.redirect(what))? else { return Ok(()) };
                    if let Err(why) = done {
                        self.not_redirected(kept, &why);
                        return Ok(());
                    }
                    self.calm_about("switch.not-redirected", &[self.label(kept.mailbox)]);
                    let lasted_ms = self.now_ms().saturating_sub(under_way.switch.locked_ms);
                    let text = format!("mail goes to the target; the source was locked for {:.1} s until then", lasted_ms as f64 / 1000.0);
                    self.db.write(|tx| Ok(moves::note(tx, kept, now_ms, &text)?))?;
                    self.event("switch.done", Level::Info, format!("mailbox {}: {text}", self.label(kept.mailbox)));
                    self.enter_phase(&mut under_way, Phase::Testing)?;
                }
                Next::Test => {
                    let Some(done) = self.act_on_flow(kept, &under_way, |flow, what| flow.test(what))? else { return Ok(()) };
                    if let Err(why) = done {
                        self.test_failed(kept, &why);
                        return Ok(());
                    }
                    self.calm_about("switch.not-delivered", &[self.label(kept.mailbox)]);
                    self.pack_for(kept, &mut under_way, Phase::Sweeping)?;
                }
                Next::Tell => {
                    if under_way.switch.phase == Phase::Sweeping {
                        self.enter_phase(&mut under_way, Phase::Telling)?;
                    }
                    let Some(done) = self.act_on_flow(kept, &under_way, |flow, what| flow.notify(what))? else { return Ok(()) };
                    if let Err(why) = done {
                        self.user_not_told(kept, &why);
                        return Ok(());
                    }
                    self.calm_about("switch.not-told", &[self.label(kept.mailbox)]);
                    let was = kept.request.state;
                    kept.request.completed(&progress, now_ms);
                    under_way.enter(Phase::Done);
                    return self.keep_request_and(kept, was, &|tx| switch::put(tx, &under_way));
                }
                Next::Nothing => return Ok(()),
                Next::GiveUp(failure, why) => return self.give_up_switch(kept, under_way, failure, why),
                Next::Unlock => return self.unlock_source(kept, under_way),
                Next::Restore => return self.restore_source(kept, under_way),
            }
        }
    }

    /// What the ledger says of a switch under way, and of its request.
    pub(super) fn known(&self, kept: &Kept, under_way: &switch::Kept) -> Result<(Known, Progress), Halt> {
        let (progress, owed) = self.db.read(|db| Ok((moves::progress(db, kept.mailbox)?, stock::owed(db, kept.mailbox)?)))?;
        // After the switch no stock is taken any more.
        let packed = kept.request.packed_ms != 0 && (!owed || under_way.switch.phase.is_past_return());
        let known = Known { packed, unanswered: progress.unanswered, verdict: under_way.verdict.clone(), epoch: self.epoch };
        Ok((known, progress))
    }

    /// Mail may be led over already, in part: there is no way back but on.
    fn not_redirected(&mut self, kept: &Kept, why: &str) {
        let label = self.label(kept.mailbox);
        self.stall(label.clone(), format!("mail could not be led to the target: {why}"));
        let trouble = Trouble::new(format!("mail of mailbox {label} could not be led to the target")).cause(why);
        let trouble = trouble.now("everything is at the target and confirmed; the source stays locked, and it is tried in every session");
        self.tell("switch.not-redirected", Level::Error, trouble.hint("see what SwitchCommand says").to_string());
    }

    /// What is sent does not arrive, as far as the program can tell.
    fn test_failed(&mut self, kept: &Kept, why: &str) {
        let label = self.label(kept.mailbox);
        self.stall(label.clone(), format!("its test delivery has not arrived at the target: {why}"));
        let trouble = Trouble::new(format!("a test delivery to mailbox {label} has not arrived at the target")).cause(why);
        let trouble = trouble.now("mail is led to the target; it is tested in every session, and the request completes once it arrives");
        let hint = "see where the message has stayed; `mailferry moves undo` leads mail back to the source";
        self.tell("switch.not-delivered", Level::Error, trouble.hint(hint).to_string());
    }

    fn user_not_told(&mut self, kept: &Kept, why: &str) {
        let label = self.label(kept.mailbox);
        self.stall(label.clone(), format!("its user could not be told: {why}"));
        let trouble = Trouble::new(format!("the user of mailbox {label} could not be told of the switch")).cause(why);
        let trouble = trouble.now("the mailbox is switched; it is tried in every session, and then the request completes");
        self.tell("switch.not-told", Level::Warning, trouble.hint("see what SwitchCommand says, and SwitchMessage").to_string());
    }

    /// Mail goes to the source again (R83). It may have been led back in part already: tried in every session until it is done. What the
    /// source does not hold any more has not been deleted by its users, and the target may hold what the source will have.
    fn restore_source(&mut self, kept: &mut Kept, under_way: switch::Kept) -> Result<(), Halt> {
        let label = self.label(kept.mailbox);
        let Some(done) = self.act_on_flow(kept, &under_way, |flow, what| flow.restore(what))? else { return Ok(()) };
        if let Err(why) = done {
            self.stall(label.clone(), format!("mail could not be led back to the source: {why}"));
            let trouble = Trouble::new(format!("mail of mailbox {label} could not be led back to its source")).cause(why);
            let trouble = trouble.now("nothing is deleted anywhere, and mail may go to either side; it is tried in every session");
            self.tell("switch.not-undone", Level::Error, trouble.hint("see what SwitchCommand says").to_string());
            return Ok(());
        }
        let now_ms = self.now_ms();
        self.db.write(|tx| {
            switch::end(tx, kept.mailbox)?;
            switch::undone(tx, kept.mailbox, now_ms)?;
            Ok(moves::note(tx, kept, now_ms, "mail goes to the source again")?)
        })?;
        self.counts.move_steps += 1;
        ["switch.not-undone", "switch.not-redirected", "switch.not-delivered", "switch.not-told"]
            .iter()
            .for_each(|name| self.calm_about(name, std::slice::from_ref(&label)));
        let hint = "`mailferry migrate TARGET SOURCE --adopt-existing` brings back what has come to the target meanwhile";
        self.event("switch.undone", Level::Warning, format!("mailbox {label}: mail goes to the source again; {hint}"));
        Ok(())
    }

    /// Written down, and known to the other node, before anything is done outside.
    fn enter_phase(&mut self, under_way: &mut switch::Kept, phase: Phase) -> Result<(), Halt> {
        under_way.enter(phase);
        self.db.write(|tx| Ok(switch::put(tx, under_way)?))?;
        self.counts.move_steps += 1;
        self.after_item()
    }

    /// The next phase begins with a pass over the mailbox.
    fn pack_for(&mut self, kept: &mut Kept, under_way: &mut switch::Kept, phase: Phase) -> Result<(), Halt> {
        under_way.enter(phase);
        kept.request.pack_again();
        self.counts.move_steps += 1;
        Ok(self.db.write(|tx| {
            moves::put(tx, kept)?;
            Ok(switch::put(tx, under_way)?)
        })?)
    }

    /// What is about to be done is known to the other node, whatever may go on without (R12).
    pub(super) fn may_switch(&mut self, kept: &Kept, kind: session::Act) -> bool {
        let may = self.may(kind);
        if !may {
            self.switch_waits(kept.mailbox, Level::Info, "its switch waits until the other node holds what this one knows");
        }
        may
    }

    /// `None`: not now, as `may_switch` says.
    fn act_on_flow(&mut self, kept: &Kept, under_way: &switch::Kept, act: Act) -> Result<Option<Result<(), String>>, Halt> {
        let kind = if under_way.switch.phase == Phase::Unlocking { session::Act::OpenSource } else { session::Act::Switch };
        if !self.may_switch(kept, kind) {
            return Ok(None);
        }
        // Whoever was active before may be at the same: it has its time to see that it is not any more.
        self.predecessor_has_let_go()?;
        self.still_active()?;
        let (name, id, switch) = (self.label(kept.mailbox), kept.mailbox.to_string(), under_way.id.to_string());
        let what = Switching { mailbox: &name, id: &id, switch: &switch };
        Ok(Some(act(self.around.flow.as_ref(), what)))
    }

    /// Nothing is switched: the request fails, and the source is opened again where it may be locked.
    fn give_up_switch(&mut self, kept: &mut Kept, mut under_way: switch::Kept, failure: Failure, why: String) -> Result<(), Halt> {
        let was = kept.request.state;
        if was == State::CompletionInProgress {
            kept.request.fail(failure, format!("{why}; nothing is switched"), self.now_ms());
        }
        if under_way.switch.phase == Phase::Asking {
            return self.keep_request_and(kept, was, &|tx| switch::end(tx, kept.mailbox));
        }
        under_way.enter(Phase::Unlocking);
        under_way.switch.why = why;
        self.keep_request_and(kept, was, &|tx| switch::put(tx, &under_way))?;
        match self.after_item() {
            // Told when it can be: whoever takes over without it locks again before it goes on.
            Err(Halt::NotReplicated) => {}
            other => other?,
        }
        self.unlock_source(kept, under_way)
    }

    /// The other node cannot be told (R11, R12). Sources that are locked for too long are opened all the same: their users wait. One that
    /// cannot be opened holds up no other.
    pub(in crate::engine) fn open_sources(&mut self) -> Result<(), Halt> {
        let mut first = Ok(());
        for mailbox in self.db.read(|db| Ok(switch::all(db)?))? {
            self.check_stop()?;
            let opened = self.open_source(mailbox);
            first = first.and(opened);
        }
        first
    }

    fn open_source(&mut self, mailbox: MailboxId) -> Result<(), Halt> {
        let (kept, under_way) = self.db.read(|db| Ok((moves::of(db, mailbox)?, switch::of(db, mailbox)?)))?;
        let Some((mut kept, mut under_way)) = kept.zip(under_way) else { return Ok(()) };
        let (now_ms, wait_max_ms, locked_ms) = (self.now_ms(), self.policy.final_wait.wait_max_ms, under_way.switch.locked_ms);
        let is_due = under_way.switch.is_to_be_opened(now_ms, wait_max_ms);
        if under_way.switch.locked_ms != locked_ms {
            self.db.write(|tx| Ok(switch::put(tx, &under_way)?))?;
        }
        match under_way.switch.phase {
            _ if !is_due => Ok(()),
            Phase::Unlocking => self.unlock_source(&mut kept, under_way),
            _ => {
                let why = "the other node does not hold what this one knows".into();
                self.give_up_switch(&mut kept, under_way, Failure::Switch, why)
            }
        }
    }

    /// The project does not name the mailbox any more: its source does not stay locked for that.
    pub(super) fn leave_switch(&mut self, kept: &mut Kept) -> Result<(), Halt> {
        let Some(under_way) = self.db.read(|db| Ok(switch::of(db, kept.mailbox)?))? else { return Ok(()) };
        match under_way.switch.phase {
            Phase::Unlocking => self.unlock_source(kept, under_way),
            Phase::Returning => self.restore_source(kept, under_way),
            phase if phase.is_past_return() => Ok(()),
            _ => self.give_up_switch(kept, under_way, Failure::Switch, "the project does not name the mailbox any more".into()),
        }
    }

    /// Tried in every session until it is done.
    fn unlock_source(&mut self, kept: &mut Kept, under_way: switch::Kept) -> Result<(), Halt> {
        let label = self.label(kept.mailbox);
        match self.act_on_flow(kept, &under_way, |flow, what| flow.unlock(what))? {
            None => Ok(()),
            Some(Ok(())) => {
                self.db.write(|tx| Ok(switch::end(tx, kept.mailbox)?))?;
                self.calm_about("switch.locked", std::slice::from_ref(&label));
                self.event(
                    "switch.given-up",
                    Level::Warning,
                    format!("mailbox {label}: the source is open again: {}", under_way.switch.why),
                );
                Ok(())
            }
            Some(Err(why)) => {
                self.stall(label.clone(), format!("the source could not be unlocked: {why}"));
                let trouble = Trouble::new(format!("the source of mailbox {label} could not be unlocked")).cause(why);
                let trouble = trouble.now("nothing is switched, and users cannot work; it is tried in every session");
                self.tell("switch.locked", Level::Error, trouble.hint("see what SwitchCommand says, or unlock it by hand").to_string());
                Ok(())
            }
        }
    }

    /// Behind everything that a pass has packed: the question of the phase, unless it is under way.
    pub(super) fn ask_for_switch(&mut self, pass: &mut Pass<'_>) -> Result<(), MailboxHalt> {
        let mailbox = pass.mailbox.id;
        let Some(under_way) = self.db.read(|db| Ok(switch::of(db, mailbox)?))? else { return Ok(()) };
        match under_way.switch.phase.question() {
            Some(last) if under_way.asked.is_none() => self.write(pass, Record::Ready { switch: under_way.id, last }),
            _ => Ok(()),
        }
    }
}
