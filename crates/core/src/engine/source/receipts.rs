//! The target's answers (R40, R45).

use mailferry_rules::ids::ContainerName;

use crate::engine::agent::{Agent, Halt};
use crate::engine::intake::{Handled, Incoming};
use crate::engine::takeover::Trace;
use crate::model::{Outcome, Receipt};
use crate::ports::Level;
use crate::prv::{Kind, Record};
use crate::state::ledger::{beside, inbound, moves, outbound, source, stock, switch};
use crate::state::{Connection, SqlResult};
use crate::trouble::Trouble;

impl Agent {
    pub(super) fn take_receipts(&mut self) -> Result<(), Halt> {
        self.take_all(Kind::Receipts, &mut |agent, incoming| agent.take_receipt_container(incoming))
    }

    fn take_receipt_container(&mut self, mut incoming: Incoming) -> Result<Handled, Halt> {
        let (mut receipts, mut wanted, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
        loop {
            match incoming.reader.next() {
                Ok(Some(Record::Receipt(receipt))) => receipts.push(receipt),
                Ok(Some(Record::Wanted { token })) => wanted.push(token),
                Ok(Some(Record::Confirmed { switch, sequence, epoch, refused })) => {
                    let question = ContainerName { sequence, epoch, ..incoming.name };
                    verdicts.push((question, switch, refused.map_or(Ok(()), Err)));
                }
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(error) => {
                    self.stall(incoming.name.to_string(), error.to_string());
                    self.tell("container.unreadable", Level::Warning, format!("container {} of receipts: {error}", incoming.name));
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
            if !wanted.is_empty() {
                moves::pack_again(tx, incoming.name.mailbox)?;
            }
            for token in &wanted {
                stock::send_again(tx, incoming.name.mailbox, token)?;
            }
            for (question, id, verdict) in verdicts {
                switch::answered(tx, question, id, verdict)?;
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
            Outcome::Refused => self.event(
                "receipt.refused",
                Level::Warning,
                format!("{name} came from an activation that had been replaced: the mailbox is compared as a whole"),
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
    let was_archived = moves::archived(db, name.mailbox)?.contains(name);
    let Some((published, items)) = outbound::answer(db, name, receipt.outcome, now_ms)? else {
        // Of an activation whose end was lost: its number may be that of another container here. What was in it nobody knows.
        stock::call(db, name.mailbox, &format!("{name} was sent, which this database does not know"), now_ms)?;
        return Ok(false);
    };
    let surprise = match receipt.outcome {
        Outcome::Applied if receipt.digest != published => Some("was applied with other bytes than it was published with"),
        Outcome::Refused => Some("was refused: another activation had gone on before it"),
        // A census goes without items, and nothing else remembers it.
        Outcome::Damaged if items == 0 => Some("arrived damaged: it may have held a census"),
        _ => None,
    };
    if let Some(surprise) = surprise {
        stock::call(db, name.mailbox, &format!("{name} {surprise}"), now_ms)?;
    }
    if was_archived && receipt.outcome == Outcome::Applied {
        // What came behind it spoke of items that were not there yet, and was passed over.
        stock::call(db, name.mailbox, &format!("{name} was restored out of the archive"), now_ms)?;
        moves::pack_again(db, name.mailbox)?;
    }
    match receipt.outcome {
        Outcome::Applied if surprise.is_none() => {
            moves::applied(db, name.mailbox, name.sequence, &receipt.skipped, now_ms)?;
            source::confirm(db, name.mailbox, name.sequence)?;
        }
        Outcome::Applied | Outcome::Damaged | Outcome::Refused => {
            moves::pack_again(db, name.mailbox)?;
            source::send_again(db, name.mailbox, name.sequence)?;
            inbound::send_receipts_again(db, name.mailbox, name.sequence)?;
        }
        // What is restored later is no news about rights: they go again in a container of their own.
        Outcome::Archived => beside::send_again(db, name.mailbox)?,
    }
    Ok(true)
}
