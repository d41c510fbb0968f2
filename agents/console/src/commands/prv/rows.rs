//! Records of a container as lines and as JSON.

use std::collections::BTreeMap;

use mailferry_core::model::{Digest, Envelope, FolderInfo, Marks, Outcome, Receipt};
use mailferry_core::prv::{Header, Kind, Record};
use serde::Serialize;
use serde_json::{Value, json};

use crate::text;

/// Folders by the numbers the records so far gave them.
#[derive(Default)]
pub struct Folders(BTreeMap<u32, FolderInfo>);

impl Folders {
    pub fn note(&mut self, record: &Record) {
        if let Record::Folder { id, info } = record {
            self.0.insert(*id, info.clone());
        }
    }

    /// Its path, or its number where no record has named it.
    pub fn name(&self, id: u32) -> String {
        self.0.get(&id).map_or_else(|| format!("(folder {id})"), |info| text::folder(&info.path))
    }

    fn path(&self, id: u32) -> Option<&[String]> {
        self.0.get(&id).map(|info| info.path.0.as_slice())
    }
}

/// One item of a container.
#[derive(Serialize)]
pub struct ItemRow<'a> {
    /// Counted from 1 in the order of the container.
    pub number: u64,
    pub token: String,
    pub folder_id: u32,
    pub folder: Option<&'a [String]>,
    pub key: String,
    pub size: u64,
    pub digest: String,
    pub marks: Vec<String>,
    /// Seconds since 1970-01-01T00:00:00Z.
    pub date_s: i64,
    pub date_nanos: u32,
    pub date_offset_minutes: Option<i16>,
    /// mbox envelope sender.
    pub sender: Option<&'a str>,
}

impl<'a> ItemRow<'a> {
    pub fn of(number: u64, folders: &'a Folders, folder: u32, envelope: &'a Envelope, size: u64, digest: Digest) -> Self {
        ItemRow {
            number,
            token: envelope.token.to_string(),
            folder_id: folder,
            folder: folders.path(folder),
            key: envelope.key.text(),
            size,
            digest: digest.to_string(),
            marks: marks(&envelope.marks),
            date_s: envelope.date.seconds,
            date_nanos: envelope.date.nanos,
            date_offset_minutes: envelope.date.offset_minutes,
            sender: envelope.sender.as_deref(),
        }
    }
}

fn marks(marks: &Marks) -> Vec<String> {
    marks.flags.to_string().split_whitespace().map(String::from).chain(marks.keywords.iter().cloned()).collect()
}

pub fn header_json(header: &Header) -> Value {
    json!({
        "kind": kind(header.kind),
        "name": header.name.to_string(),
        "mailbox": header.name.mailbox.to_string(),
        "sequence": header.name.sequence.0,
        "epoch": header.name.epoch.0,
        "base": header.base.0,
        "previous_epoch": header.previous.0,
        "cluster": header.cluster,
        "node": header.node,
        "created_ms": header.created_ms,
    })
}

pub fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Mail => "mail",
        Kind::Receipts => "receipts",
    }
}

/// `number` is that of the item, where the record is one.
pub fn record_json(record: &Record, folders: &Folders, number: u64) -> Value {
    match record {
        Record::Folder { id, info } => json!({
            "record": "folder", "folder_id": id, "folder": info.path.0, "selectable": info.selectable,
            "subscribed": info.subscribed, "special_use": info.special_use,
        }),
        Record::Item { folder, envelope, size, digest } => {
            json!({ "record": "item", "item": ItemRow::of(number, folders, *folder, envelope, *size, *digest) })
        }
        Record::Marks { folder, token, marks: new } => json!({
            "record": "marks", "folder_id": folder, "folder": folders.path(*folder), "token": token.to_string(), "marks": marks(new),
        }),
        Record::Moved { token, from, to, key, marks: new } => json!({
            "record": "moved", "token": token.to_string(), "from_id": from, "from": folders.path(*from), "to_id": to,
            "to": folders.path(*to), "key": key.text(), "marks": marks(new),
        }),
        Record::Gone { folder, token, was } => json!({
            "record": "gone", "folder_id": folder, "folder": folders.path(*folder), "token": token.to_string(),
            "digest": was.map(|was| was.digest.to_string()), "size": was.map(|was| was.size), "date": was.map(|was| was.date),
        }),
        Record::FolderGone { id } => json!({ "record": "folder-gone", "folder_id": id, "folder": folders.path(*id) }),
        Record::Receipt(receipt) => receipt_json(receipt),
        Record::Census(census) => json!({
            "record": "census", "from": census.from.to_string(), "through": census.through.to_string(), "items": census.items.len(),
        }),
        Record::Unread { first, items } => json!({
            "record": "unread", "first": first, "tokens": items.iter().map(|item| item.token.to_string()).collect::<Vec<_>>(),
        }),
        Record::Wanted { token } => json!({ "record": "wanted", "token": token.to_string() }),
        Record::Unanswered { sequence, epoch } => json!({ "record": "unanswered", "sequence": sequence.0, "epoch": epoch.0 }),
        Record::Beside { folder, beside } => json!({
            "record": "beside", "folder_id": folder, "folder": folders.path(*folder), "rights": beside.rights,
            "closed": beside.closed, "annotations": beside.annotations.keys().collect::<Vec<_>>(),
        }),
        Record::Ready { switch, last } => json!({ "record": "ready", "switch": switch.to_string(), "last": last }),
        Record::Confirmed { switch, sequence, epoch, refused } => json!({
            "record": "confirmed", "switch": switch.to_string(), "sequence": sequence.0, "epoch": epoch.0, "refused": refused,
        }),
        Record::Adopt { spares } => json!({ "record": "adopt", "spares": spares }),
    }
}

fn receipt_json(receipt: &Receipt) -> Value {
    let skipped = receipt.skipped.iter().map(|item| json!({ "token": item.token.to_string(), "reason": item.reason }));
    json!({
        "record": "receipt", "container": receipt.container.to_string(), "digest": receipt.digest.to_string(),
        "outcome": outcome(receipt.outcome), "applied": receipt.applied, "already": receipt.already, "found": receipt.found,
        "skipped": skipped.collect::<Vec<_>>(),
    })
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applied => "applied",
        Outcome::Damaged => "damaged",
        Outcome::Archived => "archived",
        Outcome::Refused => "refused",
    }
}

/// One line for any record.
pub fn describe(record: &Record, folders: &Folders) -> String {
    match record {
        Record::Folder { id, info } => format!("folder       {id} is {}{}", text::folder(&info.path), attributes(info)),
        Record::Item { folder, envelope, size, .. } => {
            let size = text::count(*size, "byte");
            format!("item         {} in {}, {size}, {}", envelope.token, folders.name(*folder), described(&envelope.marks))
        }
        Record::Marks { folder, token, marks } => format!("marks        {token} in {}: {}", folders.name(*folder), described(marks)),
        Record::Moved { token, from, to, marks, .. } => {
            format!("moved        {token} from {} to {}, {}", folders.name(*from), folders.name(*to), described(marks))
        }
        Record::Gone { folder, token, .. } => format!("gone         {token} from {}", folders.name(*folder)),
        Record::FolderGone { id } => format!("folder gone  {}", folders.name(*id)),
        Record::Receipt(receipt) => described_receipt(receipt),
        Record::Census(census) => format!("census       {}", text::count(census.items.len() as u64, "item")),
        Record::Unread { items, .. } => format!("unread       {}", text::count(items.len() as u64, "item")),
        Record::Wanted { token } => format!("wanted       {token}"),
        Record::Unanswered { sequence, epoch } => format!("unanswered   container {sequence} of epoch {epoch}"),
        Record::Beside { folder, beside } => {
            let (rights, annotations) = (beside.rights.len() as u64, beside.annotations.len() as u64);
            let (rights, annotations) = (text::count(rights, "name"), text::count(annotations, "annotation"));
            let others = if beside.closed { " and of nobody else" } else { "" };
            format!("beside       {}: rights of {rights}{others}, {annotations}", folders.name(*folder))
        }
        Record::Ready { switch, last: false } => format!("ready        may the source be locked for switch {switch}?"),
        Record::Ready { switch, last: true } => format!("ready        is everything there for switch {switch}?"),
        Record::Confirmed { switch, refused: None, .. } => format!("confirmed    switch {switch}"),
        Record::Confirmed { switch, refused: Some(why), .. } => format!("refused      switch {switch}: {}", text::line(why)),
        Record::Adopt { spares } => {
            let spares = if *spares { ", what is not named stays" } else { "" };
            format!("adopt        what follows may be at the target already{spares}")
        }
    }
}

fn attributes(info: &FolderInfo) -> String {
    let no_items = (!info.selectable).then(|| "holds no items".to_string());
    let subscribed = info.subscribed.then(|| "subscribed".to_string());
    let words: Vec<String> = [no_items, subscribed, info.special_use.as_deref().map(text::line)].into_iter().flatten().collect();
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

fn described(marks: &Marks) -> String {
    Some(text::marks(marks)).filter(|marks| !marks.is_empty()).unwrap_or_else(|| "no marks".into())
}

fn described_receipt(receipt: &Receipt) -> String {
    let Receipt { container, applied, already, found, skipped, .. } = receipt;
    let outcome = outcome(receipt.outcome);
    let mut line = format!("receipt      {container}: {outcome}, {applied} applied, {already} already there, {found} found again");
    for item in skipped {
        line += &format!("\n    skipped {}: {}", item.token, text::line(&item.reason));
    }
    line
}
