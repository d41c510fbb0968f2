//! What of a mailbox cannot be read, told to the target (R84): nothing else says there that these items are missing.

use super::MailboxHalt;
use super::pack::Pass;
use crate::engine::agent::Agent;
use crate::model::{Token, Unread};
use crate::prv::Record;
use crate::state::ledger::unread;

/// One record tells of no more, and a reason is no longer.
const ITEMS_MAX: usize = 500;
const REASON_BYTES_MAX: usize = 300;

impl Agent {
    /// Where they are others than at the last time.
    pub(super) fn tell_unread(&mut self, pass: &mut Pass<'_>) -> Result<(), MailboxHalt> {
        // The target goes its own way once its users work with it.
        if pass.only_new {
            return Ok(());
        }
        let mut items: Vec<Unread> = pass.unread.iter().map(shortened).collect();
        items.sort_by_key(|item| item.token);
        let tokens: Vec<Token> = items.iter().map(|item| item.token).collect();
        let mailbox = pass.mailbox.id;
        if self.db.read(|db| Ok(unread::is_told(db, mailbox, &tokens)?))? {
            return Ok(());
        }
        let mut pieces = items.chunks(ITEMS_MAX);
        let first = pieces.next().unwrap_or_default().to_vec();
        self.write(pass, Record::Unread { first: true, items: first })?;
        pieces.try_for_each(|piece| self.write(pass, Record::Unread { first: false, items: piece.to_vec() }))
    }
}

fn shortened(item: &Unread) -> Unread {
    let mut item = item.clone();
    item.reason.truncate(item.reason.floor_char_boundary(REASON_BYTES_MAX));
    item
}
