//! What the laws are written with.

use std::collections::BTreeMap;
use std::io::Read;

use mailferry_core::model::{Digest, Envelope, Flags, FolderInfo, FolderPath, InternalDate, ItemKey, Keywords, Marks, TargetId, Token};
use mailferry_core::ports::{Appended, MailSource, MailTarget, NewItem, SeenItem, Wanted};

/// One mailbox, empty at first.
pub trait Bench {
    fn name(&self) -> String;

    /// Opens the mailbox for writing, as a new run would; an earlier one has been dropped, flushed or not.
    fn target(&self) -> Box<dyn MailTarget>;

    fn source(&self) -> Box<dyn MailSource>;

    /// What a user's client does to the first item of a folder: marks it as seen, where the bench can play the client.
    fn client_marks_seen(&self, folder: &FolderPath) -> bool {
        let _ = folder;
        false
    }

    /// What a user's client does: deletes every item of a folder, where the bench can play the client.
    fn client_empties(&self, folder: &FolderPath) -> bool {
        let _ = folder;
        false
    }

    /// What a user's client does: puts a message into a folder, where the bench can play the client and the store can adopt it.
    fn client_adds(&self, folder: &FolderPath, body: &[u8], date: i64) -> bool {
        let (_, _, _) = (folder, body, date);
        false
    }

    /// The mailbox as a source before there is any folder, where it can be opened then.
    fn empty_source(&self) -> Option<Box<dyn MailSource>> {
        None
    }

    fn limits(&self) -> Limits {
        Limits::default()
    }
}

/// What a store need not keep.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Keywords an item can have besides `$Forwarded`.
    pub keywords_max: usize,
    /// Dates are kept to the nanosecond, not to the second.
    pub nanos: bool,
    pub dates: std::ops::RangeInclusive<i64>,
    /// Bytes come back exactly, whatever they are (IMAP servers refuse NUL and mend line ends).
    pub any_bytes: bool,
    /// Unflushed appends are gone after a kill, not merely perhaps there.
    pub unflushed_is_gone: bool,
    /// Folder names may hold any character.
    pub any_names: bool,
    /// The source tells moves from new items.
    pub move_hints: bool,
    /// An item that is there is not appended again. Where not, doubling by an agent is seen.
    pub dedupes: bool,
    /// A reader that had the folder open may still be given what has been removed (RFC 2180, 4.1.1).
    pub removed_lingers: bool,
    /// Clients wait for a lock while anything is staged.
    pub clients_wait: bool,
}

impl Default for Limits {
    fn default() -> Self {
        let dates = -2_000_000_000..=4_000_000_000;
        Limits {
            keywords_max: 26,
            nanos: true,
            dates,
            any_bytes: true,
            unflushed_is_gone: true,
            any_names: true,
            move_hints: true,
            dedupes: true,
            removed_lingers: false,
            clients_wait: false,
        }
    }
}

/// An item as the laws see it from the source side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seen {
    pub item: SeenItem,
    pub body: Vec<u8>,
}

pub fn folder(name: &str) -> FolderPath {
    FolderPath(vec![name.into()])
}

pub fn envelope(number: u8) -> Envelope {
    let date = InternalDate { seconds: 1_600_000_000 + i64::from(number), nanos: 0, offset_minutes: None };
    Envelope { token: Token([number; 16]), key: ItemKey(vec![number]), marks: Marks::default(), date, sender: None }
}

pub fn body(number: u8) -> Vec<u8> {
    format!("Subject: item {number}\nMessage-ID: <{number}@mailferry.test>\n\nText of item {number}.\n").into_bytes()
}

pub fn keywords(names: &[&str]) -> Keywords {
    names.iter().map(|name| name.to_string()).collect()
}

pub fn marks(flags: Flags, names: &[&str]) -> Marks {
    Marks { flags, keywords: keywords(names) }
}

pub fn ensure(target: &mut dyn MailTarget, path: &FolderPath) -> FolderPath {
    target.ensure_folder(&FolderInfo::plain(path.clone())).expect("a folder")
}

pub fn append(target: &mut dyn MailTarget, folder: &FolderPath, envelope: &Envelope, body: &[u8]) -> Appended {
    let item = NewItem { envelope, size: body.len() as u64 };
    target.append(folder, &item, &mut &body[..]).expect("an append")
}

/// Appends and flushes items of these numbers; their ids.
pub fn fill(target: &mut dyn MailTarget, folder: &FolderPath, numbers: std::ops::Range<u8>) -> Vec<TargetId> {
    ensure(target, folder);
    let ids = numbers.map(|number| append(target, folder, &envelope(number), &body(number)).id).collect();
    target.flush().expect("a flush");
    ids
}

pub fn wanted(number: u8) -> Wanted {
    let body = body(number);
    Wanted { token: Token([number; 16]), digest: Digest::of(&body), likeness: None, size: body.len() as u64, date: None }
}

pub fn locate(target: &mut dyn MailTarget, folder: &FolderPath, numbers: std::ops::Range<u8>) -> Vec<Option<TargetId>> {
    let wanted: Vec<Wanted> = numbers.map(wanted).collect();
    target.locate(folder, &wanted).expect("an answer")
}

/// Everything in a folder, read through a fresh source.
pub fn seen(bench: &dyn Bench, folder: &FolderPath) -> Vec<Seen> {
    let mut source = bench.source();
    let mut items = Vec::new();
    source
        .scan(folder, &mut |item| {
            items.push(item);
            Ok(())
        })
        .expect("a scan");
    items.into_iter().map(|item| Seen { body: read(&mut *source, folder, &item.key).expect("the item is there"), item }).collect()
}

pub fn read(source: &mut dyn MailSource, folder: &FolderPath, key: &ItemKey) -> Option<Vec<u8>> {
    let mut item = source.open(folder, key).expect("an answer")?;
    let mut body = Vec::new();
    item.reader.read_to_end(&mut body).expect("readable");
    Some(body)
}

/// The bodies of every folder, sorted, so that two states can be compared whatever their order.
pub fn contents(bench: &dyn Bench) -> BTreeMap<FolderPath, Vec<Vec<u8>>> {
    let folders = bench.source().folders().expect("folders");
    let selectable = folders.into_iter().filter(|info| info.selectable).map(|info| info.path);
    selectable
        .map(|path| {
            let mut bodies: Vec<Vec<u8>> = seen(bench, &path).into_iter().map(|seen| seen.body).collect();
            bodies.sort();
            (path, bodies)
        })
        .collect()
}
