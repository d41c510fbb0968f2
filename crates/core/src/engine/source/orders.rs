//! The console's orders to move requests (R80): taken from every source node that can be read, done once, and then deleted everywhere.
//!
//! An order is recorded as done in the transaction that does it. Its files go only once that is replicated: a node that takes over
//! before finds them again, and knows by their id whether they were done.

use std::collections::BTreeMap;

use mailferry_rules::ids::MailboxId;
use mailferry_rules::moves::{Order as To, Phase, Request, State, Wishes, may};
use mailferry_rules::session::Replicated;

use crate::engine::agent::{Agent, Halt};
use crate::orders::{Ask, ORDER_AGE_MAX_MS, ORDER_BYTES_MAX, Order, What, is_order};
use crate::ports::{Level, Share, SharePath};
use crate::spool;
use crate::state::Connection;
use crate::state::SqlResult;
use crate::state::ledger::moves::{self, Done, Kept};
use crate::state::ledger::switch;
use crate::trouble::Trouble;

/// Orders taken in one go; the rest comes next time.
const ORDERS_MAX: usize = 10_000;

/// What an order came to: words for people, or why it was refused.
type Verdict = Result<String, String>;

/// Files of orders by name, with the nodes where they lie.
type Waiting = BTreeMap<String, Vec<String>>;

impl Agent {
    pub(super) fn take_orders(&mut self) -> Result<(), Halt> {
        let waiting = self.waiting_orders();
        if waiting.is_empty() {
            return Ok(());
        }
        self.still_active()?;
        let mut done = Vec::new();
        for (name, nodes) in waiting {
            match self.read_order(&name, &nodes) {
                Some(Ok(order)) => {
                    self.take_order(&order)?;
                    done.push((name, nodes));
                }
                Some(Err(why)) => self.put_order_aside(&name, &nodes, &why),
                // No node that has it can be read: later.
                None => {}
            }
        }
        if done.is_empty() {
            return Ok(());
        }
        let since = self.now_ms().saturating_sub(2 * ORDER_AGE_MAX_MS);
        self.db.write(|tx| Ok(moves::forget_orders(tx, since)?))?;
        self.after_item()?;
        if self.replicated == Replicated::Yes {
            self.remove_orders(&done);
        }
        Ok(())
    }

    fn waiting_orders(&self) -> Waiting {
        let mut waiting = Waiting::new();
        for node in self.around.own.nodes() {
            for entry in self.share(node).list(&spool::orders()).unwrap_or_default() {
                if is_order(&entry.name) && (waiting.len() < ORDERS_MAX || waiting.contains_key(&entry.name)) {
                    waiting.entry(entry.name).or_default().push(node.clone());
                }
            }
        }
        waiting
    }

    /// The first copy that is whole. `Some(Err)`: every copy can be read, and none is an order.
    fn read_order(&self, name: &str, nodes: &[String]) -> Option<Result<Order, String>> {
        let file = spool::orders().join(name)?;
        let mut bad = None;
        let mut unread = false;
        for node in nodes {
            match read(self.share(node).as_ref(), &file) {
                Ok(bytes) => match Order::parse(&bytes) {
                    Ok(order) if order.file_name() == name => return Some(Ok(order)),
                    Ok(_) => bad = Some("its name is not that of the order in it".to_owned()),
                    Err(why) => bad = Some(why),
                },
                Err(_) => unread = true,
            }
        }
        bad.filter(|_| !unread).map(Err)
    }

    fn take_order(&mut self, order: &Order) -> Result<(), Halt> {
        let (Some(mailbox), now_ms) = (order.mailbox(), self.now_ms()) else { return Ok(()) };
        let known = self.mailbox(mailbox).is_some();
        let (history, can_switch) = (self.policy.move_history, self.around.flow.can_switch());
        let verdict = self.db.write(|tx| {
            if moves::is_done(tx, &order.id)? {
                return Ok(None);
            }
            let verdict = match order {
                _ if now_ms.saturating_sub(order.issued_ms) > ORDER_AGE_MAX_MS => {
                    Err("it is older than 30 days: nobody means it any more".into())
                }
                _ if !known && order.what != What::Remove => Err("the committed project does not name its mailbox".into()),
                _ => carry_out(tx, order, now_ms, history, &can_switch)?,
            };
            let (what, refused) = (order.what.name().to_owned(), verdict.as_ref().err().cloned());
            moves::done(tx, &Done { id: order.id.clone(), mailbox, what, issued_ms: order.issued_ms, done_ms: now_ms, refused })?;
            Ok(Some(verdict))
        })?;
        let Some(verdict) = verdict else { return Ok(()) };
        self.counts.move_steps += 1;
        let label = self.label(mailbox);
        match verdict {
            Ok(did) => self.event("move.ordered", Level::Info, format!("mailbox {label}: {did}")),
            Err(why) => {
                let trouble = Trouble::new(format!("refused to {} the move request of mailbox {label}", order.what.name())).cause(why);
                self.event("move.refused", Level::Warning, trouble.now("nothing has changed").to_string());
            }
        }
        Ok(())
    }

    fn put_order_aside(&mut self, name: &str, nodes: &[String], why: &str) {
        let Some(file) = spool::orders().join(name) else { return };
        for node in nodes {
            // What cannot be moved now is met again.
            let _ = self.set_aside(self.share(node).as_ref(), &file, &format!("it is no order that can be carried out: {why}"));
        }
    }

    fn remove_orders(&self, done: &[(String, Vec<String>)]) {
        for (name, nodes) in done {
            for node in nodes {
                if let Some(file) = spool::orders().join(name) {
                    // Left behind, it is known by its id.
                    let _ = self.share(node).remove(&file);
                }
            }
        }
    }
}

fn read(share: &dyn Share, file: &SharePath) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let opened = share.open(file).map_err(|error| std::io::Error::other(error.to_string()))?;
    opened.take(ORDER_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn carry_out(db: &Connection, order: &Order, now_ms: u64, history: u64, can_switch: &Result<(), String>) -> SqlResult<Verdict> {
    let Some(mailbox) = order.mailbox() else { return Ok(Err("its mailbox is none".into())) };
    let mut there = moves::of(db, mailbox)?;
    if let Some(kept) = there.as_mut()
        && kept.request.state == State::CompletionInProgress
        && switch::of(db, mailbox)?.is_none_or(|kept| kept.switch.phase == Phase::Asking)
    {
        // Nothing is locked yet: it is still as good as ready.
        kept.request.step_back(now_ms);
    }
    match (&order.what, there) {
        (What::New(_), None) if switch::is_done(db, mailbox)? => {
            Ok(Err("the mailbox has been switched: its source is no source any more".into()))
        }
        (What::New(ask), None) => match ask.on(Wishes::default()) {
            Ok(wishes) => {
                let (batch, comment) = (ask.batch.clone().unwrap_or_default(), ask.comment.clone().unwrap_or_default());
                let kept = Kept { mailbox, id: order.id.clone(), batch, comment, request: Request::new(wishes, now_ms) };
                moves::put(db, &kept)?;
                tell(db, &kept, order, now_ms, "a move request is queued")?;
                moves::forget_old(db, mailbox, history)?;
                Ok(Ok("a move request is queued".into()))
            }
            Err(why) => Ok(Err(why)),
        },
        (What::New(_), Some(kept)) => {
            Ok(Err(format!("the mailbox has a move request, which is {}: remove that one first", kept.request.state.name())))
        }
        (What::Undo, there) => undo(db, there, order, mailbox, now_ms, can_switch),
        (_, None) => Ok(Err("the mailbox has no move request".into())),
        (What::Remove, Some(kept)) => {
            if let Err(why) = may(To::Remove, kept.request.state) {
                return Ok(Err(why.into()));
            }
            match switch::of(db, mailbox)?.map(|kept| kept.switch.phase) {
                None | Some(Phase::Done) => {}
                Some(Phase::Asking) => switch::end(db, mailbox)?,
                Some(_) => return Ok(Err("its switch is not over, and its source may be locked: that ends by itself".into())),
            }
            let did = format!("the move request, which was {}, is removed", kept.request.state.name());
            tell(db, &kept, order, now_ms, &did)?;
            moves::remove(db, mailbox)?;
            Ok(Ok(did))
        }
        (What::Resume, Some(_)) if switch::of(db, mailbox)?.is_some_and(|kept| kept.switch.phase == Phase::Returning) => {
            Ok(Err("its switch is being taken back: resume it when mail goes to the source again".into()))
        }
        (what, Some(kept)) => change(db, kept, what, order, now_ms, can_switch),
    }
}

/// The switch is taken back, with or without its request (R83). What is to be done outside is done in the sessions that follow.
fn undo(
    db: &Connection,
    there: Option<Kept>,
    order: &Order,
    mailbox: MailboxId,
    now_ms: u64,
    can_switch: &Result<(), String>,
) -> SqlResult<Verdict> {
    let under_way = switch::of(db, mailbox)?;
    let mut under_way = match under_way.map(|kept| (kept.switch.phase, kept)) {
        Some((Phase::Returning, _)) => return Ok(Err("its switch is being taken back already".into())),
        Some((phase, kept)) if phase.is_past_return() => kept,
        Some((Phase::Locking | Phase::Locked | Phase::Unlocking, _)) => {
            return Ok(Err("it is not switched yet: `suspend` or wait, its source is opened again by itself".into()));
        }
        _ => return Ok(Err("it is not switched".into())),
    };
    if let Err(why) = can_switch {
        return Ok(Err(why.clone()));
    }
    // The request may have been removed since.
    let removed = || Kept {
        mailbox,
        id: order.id.clone(),
        batch: String::new(),
        comment: String::new(),
        request: Request::switched(Wishes::default(), now_ms),
    };
    let mut kept = there.unwrap_or_else(removed);
    if let Err(why) = kept.request.undo(now_ms) {
        return Ok(Err(why));
    }
    under_way.enter(Phase::Returning);
    moves::put(db, &kept)?;
    switch::put(db, &under_way)?;
    let did = "suspended, and its switch is taken back";
    tell(db, &kept, order, now_ms, did)?;
    Ok(Ok(format!("the move request is {did}")))
}

/// An order that leaves the request standing.
fn change(db: &Connection, mut kept: Kept, what: &What, order: &Order, now_ms: u64, can_switch: &Result<(), String>) -> SqlResult<Verdict> {
    let changed = match what {
        What::Suspend { comment } => kept.request.suspend(now_ms).map(|()| {
            if !comment.is_empty() {
                kept.comment = comment.clone();
            }
            "suspended".to_owned()
        }),
        What::Resume => kept.request.resume(now_ms).map(|()| "resumed".to_owned()),
        // A mailbox that nobody switches must not be called completed.
        What::Complete => {
            can_switch.clone().and_then(|()| kept.request.complete()).map(|()| "to be completed as soon as it is ready".into())
        }
        What::Set(ask) => set(&mut kept, ask),
        What::New(_) | What::Remove | What::Undo => Err("it is no change".into()),
    };
    if let Ok(did) = &changed {
        moves::put(db, &kept)?;
        tell(db, &kept, order, now_ms, did)?;
    }
    Ok(changed.map(|did| format!("the move request is {did}")))
}

fn set(kept: &mut Kept, ask: &Ask) -> Verdict {
    let wishes = ask.on(kept.request.wishes)?;
    kept.request.set(wishes)?;
    if let Some(batch) = &ask.batch {
        kept.batch = batch.clone();
    }
    if let Some(comment) = &ask.comment {
        kept.comment = comment.clone();
    }
    Ok("changed".into())
}

fn tell(db: &Connection, kept: &Kept, order: &Order, now_ms: u64, did: &str) -> SqlResult<()> {
    let by = if order.by.is_empty() { String::new() } else { format!(" by {}", order.by) };
    moves::note(db, kept, now_ms, &format!("{did}{by}"))
}
