//! The console's orders to move requests (R80): files, taken from every source node that can be read, done once, and then deleted everywhere.
//!
//! An order is recorded as done in the transaction that does it. Its files go only once that is replicated: a node that takes over
//! before finds them again, and knows by their id whether they were done.

use std::collections::BTreeMap;

use mailferry_rules::moves::Part;
use mailferry_rules::session::Replicated;

use super::carrying::{Frame, Meant, carry_out};
use crate::engine::agent::{Agent, Halt};
use crate::orders::{ORDER_AGE_MAX_MS, ORDER_BYTES_MAX, Order, What, is_order};
use crate::ports::{Level, Share, SharePath};
use crate::spool;
use crate::state::ledger::moves::{self, Done, Tie};
use crate::state::{Connection, SqlResult};
use crate::trouble::Trouble;

/// Orders taken in one go; the rest comes next time.
const ORDERS_MAX: usize = 10_000;

/// Files of orders by name, with the nodes where they lie.
type Waiting = BTreeMap<String, Vec<String>>;

impl Agent {
    pub(super) fn take_orders(&mut self) -> Result<(), Halt> {
        let waiting = self.waiting_orders();
        if waiting.is_empty() {
            return Ok(());
        }
        self.still_active()?;
        self.orders_have_come = true;
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
        let meant = self.meant(order)?;
        let unknown = meant.iter().find(|part| self.mailbox(part.mailbox).is_none()).map(|part| part.label.clone());
        let (history, can_switch) = (self.policy.move_history, self.around.flow.can_switch());
        let verdict = self.db.write(|tx| {
            if moves::is_done(tx, &order.id)? {
                return Ok(None);
            }
            let verdict = match &unknown {
                _ if now_ms.saturating_sub(order.issued_ms) > ORDER_AGE_MAX_MS => {
                    Err("it is older than 30 days: nobody means it any more".into())
                }
                // It lay at a node that nobody reached: whoever gave it does not mean it any more as things have become.
                _ if let Some(newer) = newer(tx, &meant, order)? => {
                    Err(format!("a newer order, to {newer}, was done before this one came: give it again if it is still meant"))
                }
                Some(label) if order.what != What::Remove => Err(format!("the committed project does not name mailbox {label}")),
                _ => carry_out(tx, &Frame { order, now_ms, history, can_switch: &can_switch }, &meant)?,
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

    /// The mailboxes that an order is about: primary and archive that are moved as one are so together (R76).
    fn meant(&self, order: &Order) -> Result<Vec<Meant>, Halt> {
        let Some(mailbox) = order.mailbox() else { return Ok(Vec::new()) };
        let tie = match &order.what {
            What::New(ask) => ask.archive().map(|partner| Tie { partner, part: Part::Primary }),
            _ => self.db.read(|db| Ok(moves::tie_of(db, mailbox)?))?,
        };
        let meant = |mailbox, tie| Meant { mailbox, label: self.label(mailbox), tie };
        let other = tie.map(|tie| meant(tie.partner, Some(Tie { partner: mailbox, part: tie.part.other() })));
        let mut all: Vec<Meant> = [Some(meant(mailbox, tie)), other].into_iter().flatten().collect();
        // The primary mailbox first, whichever of the two was named.
        all.sort_by_key(|part| part.tie.is_some_and(|tie| tie.part == Part::Archive));
        Ok(all)
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

fn newer(db: &Connection, meant: &[Meant], order: &Order) -> SqlResult<Option<String>> {
    let mut newer = meant.iter().map(|part| moves::newer_than(db, part.mailbox, order.issued_ms));
    newer.find_map(Result::transpose).transpose()
}

fn read(share: &dyn Share, file: &SharePath) -> std::io::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let opened = share.open(file).map_err(|error| std::io::Error::other(error.to_string()))?;
    opened.take(ORDER_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
