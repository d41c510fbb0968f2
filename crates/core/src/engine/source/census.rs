//! Taking stock (R14): after a takeover that may have lost something, the target is told which items there are, so that it
//! can drop what nobody knows of any more, bring the others to their folder and marks, and ask for what it lacks.
//!
//! Sent behind everything that has changed: at its place in the chain it says what the ledger says. Before it go the containers
//! that have no answer: what was lost may have been their receipts (R45). These are also asked for alone, where nobody answers: a target
//! that has forgotten what it took does not know what to say, until something comes that follows it.

use mailferry_rules::ids::ContainerName;

use super::MailboxHalt;
use super::pack::Pass;
use crate::engine::agent::Agent;
use crate::model::{Census, Counted, Token};
use crate::ports::Level;
use crate::prv::Record;
use crate::state::ledger::{outbound, stock};

/// One record of a census holds no more items, and about no more bytes.
const ITEMS_MAX: usize = 2_000;
const BYTES_MAX: usize = 256 << 10;
/// So many questions fit into a container beside anything else. Each in a container of its own, there would be twice as many to ask for
/// the next time.
const NAMES_MAX: usize = 10_000;

impl Agent {
    /// An item that could not be read is there all the same: then the census says that it is not all, once, and a whole one follows as
    /// soon as everything can be read.
    pub(super) fn take_stock(&mut self, pass: &mut Pass<'_>) -> Result<(), MailboxHalt> {
        let (mailbox, incomplete) = (pass.mailbox.id, !pass.unreadable.is_empty());
        let Some(why) = self.db.read(|db| Ok(stock::due(db, mailbox)?))? else { return Ok(()) };
        if incomplete && !self.db.read(|db| Ok(stock::owed(db, mailbox)?))? {
            return Ok(());
        }
        self.name_unanswered(pass)?;
        let (mut from, mut count) = (Token::FIRST, 0);
        loop {
            let items = self.db.read(|db| Ok(stock::items(db, mailbox, from, ITEMS_MAX + 1)?))?;
            let (items, through) = piece(items);
            count += items.len();
            self.write(pass, Record::Census(Census { from, through, incomplete, items }))?;
            match after(through) {
                Some(next) => from = next,
                None => break,
            }
        }
        self.seal(pass)?;
        let which = if incomplete { format!("of {count} items, all that can be read") } else { format!("of all {count} items") };
        self.event("stock.taken", Level::Warning, format!("mailbox {}: the target is told {which}: {why}", pass.mailbox.name));
        Ok(())
    }

    /// Nothing has been sent for long, and what was sent has no answer.
    pub(super) fn ask_for_answers(&mut self, pass: &mut Pass<'_>) -> Result<(), MailboxHalt> {
        let since_ms = self.db.read(|db| Ok(outbound::unanswered_since(db, pass.mailbox.id)?))?;
        let waited_ms = since_ms.map_or(0, |since_ms| self.now_ms().saturating_sub(since_ms));
        if waited_ms < self.policy.answer_wait_ms {
            return Ok(());
        }
        let count = self.name_unanswered(pass)?;
        let text = format!("mailbox {}: {count} containers have no answer, the newest for {} h", pass.mailbox.name, waited_ms / 3_600_000);
        self.event("answers.asked-for", Level::Warning, format!("{text}: the target is asked for them"));
        Ok(())
    }

    fn name_unanswered(&mut self, pass: &mut Pass<'_>) -> Result<usize, MailboxHalt> {
        let names = self.db.read(|db| Ok(outbound::unanswered(db, pass.mailbox.id)?))?;
        for names in names.chunks(NAMES_MAX) {
            let records =
                names.iter().map(|ContainerName { sequence, epoch, .. }| Record::Unanswered { sequence: *sequence, epoch: *epoch });
            self.write_together(pass, records)?;
        }
        Ok(names.len())
    }
}

/// As many items as one record holds, and the last token it speaks of.
fn piece(mut items: Vec<Counted>) -> (Vec<Counted>, Token) {
    let mut bytes = 0;
    let mut fits = |item: &Counted| {
        bytes += 32 + item.marks.keywords.iter().map(|keyword| keyword.len() + 2).sum::<usize>();
        bytes <= BYTES_MAX
    };
    let count = items.iter().take_while(|item| fits(item)).count().clamp(1, ITEMS_MAX);
    if items.len() <= count {
        return (items, Token::LAST);
    }
    items.truncate(count);
    let through = items.last().map_or(Token::LAST, |item| item.token);
    (items, through)
}

/// The token after this one; none after the last.
fn after(token: Token) -> Option<Token> {
    u128::from_be_bytes(token.0).checked_add(1).map(|next| Token(next.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Marks;

    #[test]
    fn pieces_follow_each_other_without_a_gap_and_the_last_one_reaches_to_the_end() {
        let all: Vec<Counted> =
            (0..5_000u128).map(|n| Counted { token: Token((n * 7).to_be_bytes()), folder: 1, marks: Marks::default() }).collect();
        let (mut from, mut found) = (Token::FIRST, Vec::new());
        loop {
            let rest: Vec<Counted> = all.iter().filter(|item| item.token >= from).take(ITEMS_MAX + 1).cloned().collect();
            let (items, through) = piece(rest);
            assert!(items.len() <= ITEMS_MAX);
            assert!(items.iter().all(|item| item.token >= from && item.token <= through));
            found.extend(items);
            match after(through) {
                Some(next) => from = next,
                None => break,
            }
        }
        assert_eq!(found, all);
    }
}
