//! Move requests govern which mailbox is packed (R80, R81). A mailbox without one is kept in step all the time, as it always was.
//!
//! The rules decide (`rules::moves`); here they are told what the ledger says, and what they answer is written down with its line of
//! history. Nothing of it lives in memory: a node that takes over goes on with what stands in its database (F75).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use mailferry_rules::ids::MailboxId;
use mailferry_rules::moves::{After, Phase, Place, State, Under, admit};

use super::MailboxHalt;
use super::pack::Pass;
use super::places::place_of;
use crate::engine::agent::{Agent, Halt, Mailbox};
use crate::model::{Token, Unread};
use crate::ports::{Level, Retry, StoreError};
use crate::state::ledger::moves::{self, Kept, Kind, NotThere};
use crate::state::ledger::{inbound, stock, switch};
use crate::state::{Connection, SqlResult};
use crate::trouble::Trouble;

impl Agent {
    /// Requests that are ready, over a limit, or get a place among those under way. Answers the mailboxes of the project; those with a
    /// request by its priority.
    pub(super) fn go_by_requests(&mut self) -> Result<Vec<Mailbox>, Halt> {
        self.move_holds.clear();
        let mut requests: BTreeMap<MailboxId, Kept> =
            self.db.read(|db| Ok(moves::all(db)?))?.into_iter().map(|kept| (kept.mailbox, kept)).collect();
        // Whoever has left the project keeps its request, and nothing is done with it.
        let (named, mut left): (BTreeMap<_, _>, BTreeMap<_, _>) =
            requests.into_iter().partition(|(mailbox, _)| self.mailbox(*mailbox).is_some());
        requests = named;
        for kept in left.values_mut() {
            self.leave_switch(kept)?;
        }
        let completes = self.around.flow.can_switch().is_ok();
        let mut under = self.under_way(&requests)?;
        for kept in requests.values_mut() {
            if kept.tie.is_some()
                && let Some(now) = self.db.read(|db| Ok(moves::of(db, kept.mailbox)?))?
            {
                // Its other part may have changed it.
                *kept = now;
            }
            let (was, now_ms) = (kept.request.state, self.now_ms());
            let progress = self.db.read(|db| Ok(moves::progress(db, kept.mailbox)?))?;
            let under_way = self.db.read(|db| Ok(switch::of(db, kept.mailbox)?))?;
            // Past the point of return no limit stops it.
            let past_return = under_way.as_ref().is_some_and(|under_way| under_way.switch.phase.is_past_return());
            // Whoever waits to be completed needs a place as those do that wait to begin: many that are locked at a time are locked for long.
            let place = self.place_of(&kept.mailbox);
            let full = if was.is_under_way() { Ok(()) } else { under.may_add(&place, &self.policy.moves) };
            let alone = completes && kept.tie.is_none();
            if !past_return && kept.request.look_at(&progress, alone && full.is_ok(), now_ms) == After::Changed {
                if kept.request.state.is_under_way() && !was.is_under_way() {
                    under.add(&place);
                }
                self.keep_request(kept, was)?;
            }
            if let Some(tie) = kept.tie {
                if completes {
                    self.complete_together(kept, tie, &progress, &mut under)?;
                }
                self.go_on_together(kept, tie)?;
                continue;
            }
            if let (Err(full), State::AutoSuspended, true) = (full, kept.request.state, completes && kept.request.may_complete(now_ms)) {
                self.move_holds.insert(kept.mailbox, full.0);
            }
            self.go_on_with_switch(kept, under_way)?;
        }
        self.start_requests(&mut requests)?;
        let priority = |id: &MailboxId| requests.get(id).map(|kept| kept.request.wishes.priority).unwrap_or_default();
        let mut mailboxes = self.mailboxes.clone();
        mailboxes.sort_by_key(|mailbox| Reverse(priority(&mailbox.id)));
        Ok(mailboxes)
    }

    pub(super) fn place_of(&self, mailbox: &MailboxId) -> Place {
        self.mailbox(*mailbox).map(place_of).unwrap_or_default()
    }

    /// Those that hold a place: with mail led to the target nobody waits for anything but a test and a message any more. Two parts that
    /// are completed together hold one.
    fn under_way(&self, requests: &BTreeMap<MailboxId, Kept>) -> Result<Under, Halt> {
        let mut holders = BTreeMap::new();
        for (id, kept) in requests.iter().filter(|(_, kept)| kept.request.state.is_under_way()) {
            let phase = self.db.read(|db| Ok(switch::of(db, *id)?))?.map(|kept| kept.switch.phase);
            if !phase.is_some_and(Phase::is_led_over) {
                holders.insert(*id, kept);
            }
        }
        let mut under = Under::default();
        for (id, kept) in &holders {
            let completing = |kept: &&Kept| kept.request.state == State::CompletionInProgress;
            let with = Some(*kept).filter(completing).and_then(|kept| kept.tie).map(|tie| tie.partner);
            match with.filter(|partner| holders.get(partner).is_some_and(completing)) {
                Some(partner) if partner < *id => {}
                Some(partner) => under.add_together(&[self.place_of(id), self.place_of(&partner)]),
                None => under.add(&self.place_of(id)),
            }
        }
        Ok(under)
    }

    fn start_requests(&mut self, requests: &mut BTreeMap<MailboxId, Kept>) -> Result<(), Halt> {
        let (now_ms, delay_ms) = (self.now_ms(), self.policy.move_retries.delay_ms);
        let waiting: Vec<_> = requests
            .iter()
            .filter(|(_, kept)| kept.request.wants_to_start(now_ms, delay_ms))
            .map(|(id, kept)| (kept.request.wishes.priority, kept.request.created_ms, *id, self.place_of(id)))
            .collect();
        for (id, may) in admit(self.under_way(requests)?, &waiting, &self.policy.moves) {
            let Some(kept) = requests.get_mut(&id) else { continue };
            match may {
                Ok(()) => {
                    let was = kept.request.state;
                    kept.request.start(now_ms);
                    self.keep_request(kept, was)?;
                }
                Err(full) => drop(self.move_holds.insert(id, full.0)),
            }
        }
        Ok(())
    }

    /// Writes a request down; a new state is told.
    pub(super) fn keep_request(&mut self, kept: &Kept, was: State) -> Result<(), Halt> {
        self.keep_request_and(kept, was, &|_| Ok(()))
    }

    /// The same, with something that is true only together with it.
    pub(super) fn keep_request_and(&mut self, kept: &Kept, was: State, and: &dyn Fn(&Connection) -> SqlResult<()>) -> Result<(), Halt> {
        let (now_ms, state) = (self.now_ms(), kept.request.state);
        let what = match kept.request.message.as_str() {
            "" => format!("{} after {}", state.name(), was.name()),
            why => format!("{} after {}: {why}", state.name(), was.name()),
        };
        self.db.write(|tx| {
            moves::put(tx, kept)?;
            and(tx)?;
            if state != was {
                moves::note(tx, kept, now_ms, &what)?;
            }
            Ok(())
        })?;
        if state == was {
            return Ok(());
        }
        self.counts.move_steps += 1;
        let label = self.label(kept.mailbox);
        if state == State::Failed {
            let trouble = Trouble::new(format!("the move request of mailbox {label} has failed")).cause(&kept.request.message);
            let trouble = trouble.now("nothing more is packed of it; the others go on");
            let trouble =
                trouble.hint("`mailferry moves show` lists the items; mend the cause or raise the limit, then `mailferry moves resume`");
            self.event("move.failed", Level::Error, trouble.to_string());
        } else {
            let level = if state == State::Retrying { Level::Warning } else { Level::Info };
            self.event("move.changed", level, format!("mailbox {label}: the move request is {what}"));
        }
        Ok(())
    }

    /// Whether a mailbox is to be looked at now.
    pub(super) fn pass_is_due(&self, mailbox: MailboxId) -> Result<bool, Halt> {
        let now_ms = self.now_ms();
        Ok(self.db.read(|db| {
            if switch::is_done(db, mailbox)? {
                return Ok(false);
            }
            let Some(kept) = moves::of(db, mailbox)? else { return Ok(true) };
            let owed = stock::owed(db, mailbox)? || !inbound::receipts_to_send(db, mailbox)?.is_empty();
            Ok(kept.request.wants_a_pass(owed, now_ms))
        })?)
    }

    /// Between two containers of a pass: an order may have come that ends it.
    pub(super) fn still_wanted(&mut self, mailbox: MailboxId) -> Result<(), MailboxHalt> {
        let state = |agent: &Agent| -> Result<Option<State>, Halt> {
            Ok(agent.db.read(|db| Ok(moves::of(db, mailbox)?.map(|kept| kept.request.state)))?)
        };
        let Some(before) = state(self)? else { return Ok(()) };
        self.take_orders()?;
        match state(self)? {
            Some(now) if now != before => Err(MailboxHalt::Ordered),
            _ => Ok(()),
        }
    }

    /// A pass over a mailbox has come to its end.
    pub(super) fn request_packed(&mut self, mailbox: MailboxId) -> Result<(), Halt> {
        let Some(mut kept) = self.db.read(|db| Ok(moves::of(db, mailbox)?))? else { return Ok(()) };
        let (was, now_ms) = (kept.request.state, self.now_ms());
        kept.request.packed(now_ms);
        let (progress, past_return) = self.db.read(|db| Ok((moves::progress(db, mailbox)?, switch::is_past_return(db, mailbox)?)))?;
        if !past_return {
            kept.request.look_at(&progress, false, now_ms);
        }
        self.keep_request(&kept, was)
    }

    pub(super) fn request_failed(&mut self, mailbox: MailboxId, error: &StoreError) -> Result<(), Halt> {
        let Some(mut kept) = self.db.read(|db| Ok(moves::of(db, mailbox)?))? else { return Ok(()) };
        if self.db.read(|db| Ok(switch::is_past_return(db, mailbox)?))? {
            // Tried in the next session.
            return Ok(());
        }
        let was = kept.request.state;
        let (lasts, now_ms) = (error.retry == Retry::Never, self.now_ms());
        kept.request.store_failed(lasts, &error.to_string(), now_ms, self.policy.move_retries);
        self.keep_request(&kept, was)
    }

    /// Items that could not be read count against the limit of a request, as long as they cannot.
    pub(super) fn count_unreadable(&mut self, pass: &Pass<'_>) -> Result<(), MailboxHalt> {
        let mailbox = pass.mailbox.id;
        let known = self.db.read(|db| Ok((moves::of(db, mailbox)?.is_some(), moves::unreadable(db, mailbox)?)))?;
        let told: BTreeSet<Token> = known.1.iter().map(|item| item.token).collect();
        if !known.0 || told == pass.unread.iter().map(|item| item.token).collect() {
            return Ok(());
        }
        let not_there = |item: &Unread| NotThere { token: item.token, kind: Kind::Unreadable, reason: item.reason.clone() };
        let (items, now_ms): (Vec<NotThere>, u64) = (pass.unread.iter().map(not_there).collect(), self.now_ms());
        Ok(self.db.write(|tx| Ok(moves::set_unreadable(tx, mailbox, &items, now_ms)?))?)
    }
}
