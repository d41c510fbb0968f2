//! The target's answers (R40, R45).

use crate::engine::agent::{Agent, Halt};
use crate::engine::intake::{Handled, Incoming};
use crate::engine::takeover::Trace;
use crate::model::{Outcome, Receipt};
use crate::ports::Level;
use crate::prv::{Kind, Record};
use crate::state::ledger::{inbound, outbound, source};
use crate::state::{Connection, SqlResult};
use crate::trouble::Trouble;

impl Agent {
    pub(super) fn take_receipts(&mut self) -> Result<(), Halt> {
        self.take_all(Kind::Receipts, &mut |agent, incoming| agent.take_receipt_container(incoming))
    }

    fn take_receipt_container(&mut self, mut incoming: Incoming) -> Result<Handled, Halt> {
        let mut receipts = Vec::new();
        loop {
            match incoming.reader.next() {
                Ok(Some(Record::Receipt(receipt))) => receipts.push(receipt),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    self.stall(incoming.name.to_string(), error.to_string());
                    return Ok(Handled::Waits);
                }
            }
        }
        let now_ms = self.now_ms();
        let taken = Receipt {
            container: incoming.name,
            digest: incoming.digest,
            outcome: Outcome::Applied,
            applied: receipts.len() as u64,
            already: 0,
            found: 0,
            skipped: Vec::new(),
        };
        let unknown = self.db.write(|tx| {
            let mut unknown = Vec::new();
            for receipt in &receipts {
                if !answer(tx, receipt, now_ms)? {
                    unknown.push(receipt.container);
                }
            }
            inbound::take(tx, &taken, incoming.arrival, false, now_ms)?;
            Ok(unknown)
        })?;
        for name in &unknown {
            self.of_the_past(Trace::Answered, name)?;
        }
        receipts.iter().for_each(|receipt| self.tell_answer(receipt));
        Ok(Handled::Taken)
    }

    fn tell_answer(&mut self, receipt: &Receipt) {
        let name = receipt.container;
        for skipped in &receipt.skipped {
            self.event(
                "item.skipped",
                Level::Warning,
                format!("item {} of {name} is not at the target: {}", skipped.token, skipped.reason),
            );
        }
        match receipt.outcome {
            Outcome::Applied => self.event(
                "receipt.applied",
                Level::Info,
                format!("{name} is applied: {} new, {} already there", receipt.applied, receipt.already),
            ),
            Outcome::Damaged => self.event(
                "receipt.damaged",
                Level::Warning,
                format!("{name} arrived damaged: its content is sent again in a new container"),
            ),
            Outcome::Archived => {
                let trouble = Trouble::new(format!("the target gave up on {name}"))
                    .now("it is kept in the target's ARCHIVE and blocks the switch of its mailbox")
                    .hint("see `mailferry status` on the target");
                self.event("receipt.archived", Level::Error, trouble.to_string());
            }
        }
    }
}

/// False: no container of that name is known here.
fn answer(db: &Connection, receipt: &Receipt, now_ms: u64) -> SqlResult<bool> {
    let name = &receipt.container;
    if outbound::answer(db, name, receipt.outcome, now_ms)?.is_none() {
        // Of an activation whose end was lost: its number may be that of another container here.
        return Ok(false);
    }
    match receipt.outcome {
        Outcome::Applied => source::confirm(db, name.mailbox, name.sequence)?,
        Outcome::Damaged => {
            source::send_again(db, name.mailbox, name.sequence)?;
            inbound::send_receipts_again(db, name.mailbox, name.sequence)?;
        }
        Outcome::Archived => {}
    }
    Ok(true)
}
