//! What a published container says about its mailbox, entered in the same transaction as "published" (R21).
//!
//! The records come from memory right after packing, or from the container itself after a crash: both give the same rows.

use mailferry_rules::ids::{ContainerName, Sequence};

use crate::model::Token;
use crate::prv::Record;
use crate::state::ledger::source::{self, KnownItem};
use crate::state::ledger::{beside, epochs, inbound, stock, switch, unread};
use crate::state::{Connection, SqlResult};

pub(super) fn apply_records(db: &Connection, name: ContainerName, records: &[Record]) -> SqlResult<()> {
    records.iter().try_for_each(|record| apply(db, name, record))?;
    if matches!(records.first(), Some(Record::Adopt { spares: true })) {
        return records.iter().filter_map(token_there).try_for_each(|token| switch::found(db, name.mailbox, token));
    }
    Ok(())
}

/// Of an item that is there, whatever was thought of it before.
fn token_there(record: &Record) -> Option<&Token> {
    match record {
        Record::Item { envelope, .. } => Some(&envelope.token),
        Record::Moved { token, .. } => Some(token),
        _ => None,
    }
}

fn apply(db: &Connection, name: ContainerName, record: &Record) -> SqlResult<()> {
    let ContainerName { mailbox, sequence, .. } = name;
    match record {
        Record::Folder { id, info } => source::record_folder(db, mailbox, *id, info),
        Record::FolderGone { id } => {
            beside::forget(db, mailbox, *id)?;
            source::forget_folder(db, mailbox, *id)
        }
        Record::Beside { folder, beside } => beside::record(db, mailbox, *folder, beside),
        Record::Item { folder, envelope, size, digest } => {
            let item = KnownItem {
                folder: *folder,
                key: envelope.key.clone(),
                token: envelope.token,
                size: *size,
                digest: Some(*digest),
                marks: envelope.marks.clone(),
                body: sequence,
                identity: None,
                again: false,
                date: Some(envelope.date.seconds),
            };
            source::record_item(db, mailbox, &item, sequence)
        }
        Record::Marks { token, marks, .. } => change(db, name, token, |item| item.marks = marks.clone()),
        Record::Moved { token, to, key, marks, .. } => change(db, name, token, |item| {
            item.folder = *to;
            item.key = key.clone();
            item.marks = marks.clone();
        }),
        Record::Gone { folder, token, was } => source::record_gone(db, mailbox, *folder, token, *was, sequence),
        Record::Unread { first, items } => {
            let tokens: Vec<Token> = items.iter().map(|item| item.token).collect();
            unread::tell(db, mailbox, *first, &tokens, sequence)
        }
        Record::Census(census) if census.through == Token::LAST => census_sent(db, name, census.incomplete),
        Record::Census(_) | Record::Unanswered { .. } | Record::Adopt { .. } => Ok(()),
        Record::Ready { switch, last } => switch::asked(db, name, *switch, *last),
        Record::Confirmed { sequence: of, epoch, .. } => {
            switch::sent(db, ContainerName { mailbox, sequence: *of, epoch: *epoch }, sequence)
        }
        Record::Wanted { token } => stock::wish_sent(db, mailbox, token, sequence),
        Record::Receipt(receipt) => inbound::receipt_sent(db, &receipt.container, Sequence(sequence.0)),
    }
}

/// One that a predecessor has sent says nothing of what was lost when this node took over.
fn census_sent(db: &Connection, name: ContainerName, incomplete: bool) -> SqlResult<()> {
    match epochs::latest(db)? {
        Some((epoch, _)) if name.epoch < epoch => Ok(()),
        _ if incomplete => stock::told(db, name.mailbox),
        _ => stock::taken(db, name.mailbox),
    }
}

fn change(db: &Connection, name: ContainerName, token: &Token, edit: impl FnOnce(&mut KnownItem)) -> SqlResult<()> {
    match source::by_token(db, name.mailbox, token)? {
        Some(mut item) => {
            edit(&mut item);
            source::record_item(db, name.mailbox, &item, name.sequence)
        }
        None => Ok(()),
    }
}
