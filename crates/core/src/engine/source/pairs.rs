//! Primary and archive of one user, moved as one (R76): both begin to be completed when both are ready, and neither is locked or led to
//! the target unless the other is too (`rules::moves::pair`).
//!
//! The two steps that count, to be locked and to be led over, are written down of both in one transaction, before either is done. From
//! there on each goes its way, and whoever takes over finds both where they must be.

use mailferry_rules::ids::MailboxId;
use mailferry_rules::moves::{Next, Part, Phase, Progress, Standing, State, Together, Under, together};
use mailferry_rules::session::Act;

use crate::engine::agent::{Agent, Halt};
use crate::ports::Level;
use crate::state::ledger::moves::{self, Kept, Tie};
use crate::state::ledger::switch;

impl Agent {
    /// The other part, where the project still names it.
    fn partner(&self, kept: &Kept, tie: Tie) -> Result<Option<Kept>, Halt> {
        let partner = self.db.read(|db| Ok(moves::of(db, tie.partner)?))?.filter(|_| self.mailbox(tie.partner).is_some());
        Ok(partner.filter(|partner| partner.tie.is_some_and(|back| back.partner == kept.mailbox)))
    }

    /// Its name, and what it is to the other.
    fn name_of_partner(&self, tie: Tie) -> String {
        let what = match tie.part {
            Part::Primary => "its archive",
            Part::Archive => "its primary mailbox",
        };
        format!("{what} {}", self.label(tie.partner))
    }

    fn how_partner_is(&self, tie: Tie, partner: Option<&Kept>) -> String {
        let name = self.name_of_partner(tie);
        let Some(Kept { request, .. }) = partner else { return format!("{name}, which has no request any more or has left the project") };
        let why =
            if request.failure.is_some() || request.state == State::Retrying { format!(": {}", request.message) } else { String::new() };
        format!("{name}, which is {}{why}", request.state.name())
    }

    /// Both are ready, and there is a place for the two: they are completed. Until then a part that is ready is kept in step.
    pub(super) fn complete_together(&mut self, kept: &mut Kept, tie: Tie, progress: &Progress, under: &mut Under) -> Result<(), Halt> {
        let now_ms = self.now_ms();
        if !kept.request.is_ready(progress, now_ms) {
            return Ok(());
        }
        let partner = self.partner(kept, tie)?;
        let (ready, switching) = self.db.read(|db| {
            let progress = moves::progress(db, tie.partner)?;
            let ready = partner.as_ref().is_some_and(|partner| partner.request.is_ready(&progress, now_ms));
            Ok((ready, switch::of(db, kept.mailbox)?.is_some() || switch::of(db, tie.partner)?.is_some()))
        })?;
        let Some(mut partner) = partner.clone().filter(|_| ready) else {
            let why = self.how_partner_is(tie, partner.as_ref());
            self.move_holds.insert(kept.mailbox, format!("it waits for {why}"));
            return Ok(());
        };
        if switching {
            self.move_holds.insert(kept.mailbox, "it waits until the last switch of the two has come to its end".into());
            return Ok(());
        }
        let places = [self.place_of(&kept.mailbox), self.place_of(&tie.partner)];
        if let Err(full) = under.may_add_together(&places, &self.policy.moves) {
            self.move_holds.insert(kept.mailbox, full.0);
            return Ok(());
        }
        under.add_together(&places);
        for part in [kept, &mut partner] {
            part.request.begin_completion(now_ms);
            self.keep_request(part, State::AutoSuspended)?;
        }
        Ok(())
    }

    /// Goes on with the switch of a part as far as the other is, or puts an end to it where the other is not being switched any more.
    pub(super) fn go_on_together(&mut self, kept: &mut Kept, tie: Tie) -> Result<(), Halt> {
        let under_way = self.db.read(|db| Ok(switch::of(db, kept.mailbox)?))?;
        if kept.request.state != State::CompletionInProgress {
            return self.go_on_with_switch(kept, under_way);
        }
        let partner = self.partner(kept, tie)?;
        let completing = partner.as_ref().filter(|partner| partner.request.state == State::CompletionInProgress);
        let own = self.standing(kept)?;
        let other = completing.map(|partner| self.standing(partner)).transpose()?;
        match together(&own, other.as_ref()) {
            Together::GoOn => self.go_on_with_switch(kept, under_way),
            Together::Wait => self.wait_for_partner(kept, tie, own.phase),
            step @ (Together::Lock | Together::Redirect) => {
                if let Err(why) = self.around.flow.can_switch() {
                    self.switch_waits(kept.mailbox, Level::Warning, why);
                    return Ok(());
                }
                // Both are entered only where the other node can be told (R12).
                if !self.may_switch(kept, Act::Switch) {
                    return Ok(());
                }
                self.step_together([kept.mailbox, tie.partner], step)?;
                let under_way = self.db.read(|db| Ok(switch::of(db, kept.mailbox)?))?;
                self.go_on_with_switch(kept, under_way)
            }
            Together::StepBack => {
                kept.request.step_back(self.now_ms());
                kept.request.message = format!("nothing is switched, for {}", self.how_partner_is(tie, partner.as_ref()));
                self.keep_request(kept, State::CompletionInProgress)?;
                self.go_on_with_switch(kept, under_way)
            }
        }
    }

    /// What a part that is being completed would do by itself.
    fn standing(&self, kept: &Kept) -> Result<Standing, Halt> {
        let under_way = self.db.read(|db| Ok(switch::of(db, kept.mailbox)?))?;
        let Some(mut under_way) = under_way else { return Ok(Standing { phase: Phase::Asking, next: Next::Wait }) };
        let (known, _) = self.known(kept, &under_way)?;
        let next = under_way.switch.next(&known, self.now_ms(), self.policy.final_wait.wait_max_ms);
        Ok(Standing { phase: under_way.switch.phase, next })
    }

    /// Told with the name of whom it waits for. What changes meanwhile is brought over before the source is locked, as often as the
    /// question is put again: the lock stays short.
    fn wait_for_partner(&mut self, kept: &mut Kept, tie: Tie, phase: Phase) -> Result<(), Halt> {
        let partner = self.name_of_partner(tie);
        let what = if phase == Phase::Asking { "may not be locked yet" } else { "is not confirmed yet" };
        self.switch_waits(kept.mailbox, Level::Info, format!("its switch waits for {partner}, which {what}"));
        let waited_ms = self.now_ms().abs_diff(kept.request.packed_ms);
        if phase != Phase::Asking || waited_ms < self.policy.final_wait.wait_max_ms {
            return Ok(());
        }
        kept.request.pack_again();
        Ok(self.db.write(|tx| {
            moves::put(tx, kept)?;
            Ok(switch::ask_again(tx, kept.mailbox)?)
        })?)
    }

    /// Written down of both, and known to the other node, before anything is done outside.
    fn step_together(&mut self, parts: [MailboxId; 2], step: Together) -> Result<(), Halt> {
        let now_ms = self.now_ms().max(1);
        self.db.write(|tx| {
            for part in parts {
                let Some(mut under_way) = switch::of(tx, part)? else { continue };
                if step == Together::Lock {
                    under_way.switch.locked_ms = now_ms;
                }
                under_way.enter(if step == Together::Lock { Phase::Locking } else { Phase::Switching });
                switch::put(tx, &under_way)?;
            }
            Ok(())
        })?;
        self.counts.move_steps += 1;
        self.after_item()
    }
}
