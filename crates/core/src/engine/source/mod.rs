//! The source agent: scan, pack, publish; take receipts (R20-R23, R40, R45).
//!
//! ```text
//! mod       one mailbox after another
//! beside    rights and annotations of folders
//! census    taking stock after a takeover
//! orders    the console's orders to move requests
//! carrying  what an order does
//! pairs     primary and archive moved as one
//! requests  move requests govern which mailbox is packed
//! places    at which store and server a mailbox lies
//! changes   what differs between the store and what was last published
//! pack      one pass over a mailbox: changes into containers
//! receipts  the target's answers
//! plan      what the next pass would do
//! switching the source's part of the switch
//! unread    what cannot be read, told to the target
//! ```

mod beside;
mod carrying;
mod census;
mod changes;
mod orders;
mod pack;
mod pairs;
mod places;
mod plan;
mod receipts;
mod requests;
mod switching;
mod unread;

pub use beside::mapped as mapped_rights;
pub use plan::{MailboxPlan, plan};

use super::agent::{Agent, Halt};
use crate::ports::{Blast, Level, StoreError};
use crate::trouble::Trouble;

/// Why a mailbox is left for this session; the others go on.
pub(super) enum MailboxHalt {
    Agent(Halt),
    Store(StoreError),
    /// An order has come that ends the pass.
    Ordered,
}

impl From<Halt> for MailboxHalt {
    fn from(halt: Halt) -> Self {
        MailboxHalt::Agent(halt)
    }
}

impl From<crate::state::StateError> for MailboxHalt {
    fn from(error: crate::state::StateError) -> Self {
        MailboxHalt::Agent(Halt::State(error))
    }
}

impl From<StoreError> for MailboxHalt {
    fn from(error: StoreError) -> Self {
        MailboxHalt::Store(error)
    }
}

impl Agent {
    pub(super) fn source_work(&mut self) -> Result<(), Halt> {
        // What was placed but not recorded may have been answered already: it is recorded before answers are looked at.
        self.clear_leftovers()?;
        self.take_orders()?;
        self.take_receipts()?;
        let mailboxes = self.go_by_requests()?;
        if self.packing_paused {
            return Ok(());
        }
        for mailbox in mailboxes {
            self.may_take_next_item()?;
            if !self.pass_is_due(mailbox.id)? {
                continue;
            }
            match self.pack_changes(&mailbox) {
                Ok(()) => {
                    self.passed.insert(mailbox.id, self.now_ms());
                    self.request_packed(mailbox.id)?;
                }
                Err(MailboxHalt::Ordered) => {}
                Err(MailboxHalt::Agent(halt)) => return Err(halt),
                Err(MailboxHalt::Store(error)) => {
                    self.request_failed(mailbox.id, &error)?;
                    self.store_failed(&mailbox.name, error);
                }
            }
        }
        Ok(())
    }

    pub(super) fn store_failed(&mut self, mailbox: &str, error: StoreError) {
        self.stall(mailbox, error.to_string());
        let level = if error.blast == Blast::Item { Level::Warning } else { Level::Error };
        let trouble = Trouble::from(error).now("the mailbox waits for the next session; the others go on");
        self.tell("store.failed", level, format!("mailbox {mailbox}: {trouble}"));
    }
}
