//! The answers to the source: packed into containers of their own, sent back by the same road (R45).

use mailferry_rules::ids::ContainerName;
use mailferry_rules::session::Act;

use crate::engine::agent::{Agent, Halt};
use crate::prv::Record;
use crate::state::ledger::{inbound, stock, switch};

impl Agent {
    pub(super) fn answer_all(&mut self) -> Result<(), Halt> {
        for mailbox in self.db.read(|db| Ok(inbound::mailboxes_to_answer(db)?))? {
            let (receipts, wanted) = self.db.read(|db| Ok((inbound::receipts_to_send(db, mailbox)?, stock::wanted(db, mailbox)?)))?;
            let verdict = self.db.read(|db| Ok(switch::to_send(db, mailbox)?))?.filter(|_| self.may(Act::Switch));
            if receipts.is_empty() && wanted.is_empty() && verdict.is_none() {
                continue;
            }
            let verdict = verdict.map(|(switch, question, refused)| {
                let ContainerName { sequence, epoch, .. } = question;
                Record::Confirmed { switch, sequence, epoch, refused }
            });
            let wishes = wanted.into_iter().map(|token| Record::Wanted { token });
            let mut packing = self.open_container(mailbox)?;
            for record in receipts.into_iter().map(Record::Receipt).chain(wishes).chain(verdict) {
                packing.writer.record(&record).map_err(|error| self.pack_failed(error))?;
                packing.records.push(record);
            }
            self.seal_container(packing)?;
        }
        Ok(())
    }
}
