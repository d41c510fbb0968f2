//! Mailboxes of one user.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub struct World {
    pub separator: char,
    pub mailboxes: BTreeMap<String, Mailbox>,
    pub subscriptions: BTreeSet<String>,
    pub keywords_may_be_new: bool,
    /// The next UIDVALIDITY.
    validity: u64,
    next_id: u64,
}

pub struct Mailbox {
    pub uid_validity: u64,
    pub uid_next: u64,
    pub modseq: u64,
    /// Besides what follows from the others: `\Noselect`, `\Sent`.
    pub attributes: Vec<String>,
    /// Bytes of the largest message that it takes; STATUS tells it (RFC 7889).
    pub append_limit: Option<u64>,
    /// Letters by who has them (RFC 4314); a new mailbox has those of the one above it.
    pub rights: BTreeMap<String, String>,
    /// By UID, ascending.
    pub messages: Vec<Message>,
    /// The removed: UID and the mod-sequence of its end.
    pub vanished: Vec<(u64, u64)>,
    /// Counts what sessions must be told.
    pub(super) version: u64,
}

#[derive(Clone)]
pub struct Message {
    pub uid: u64,
    pub modseq: u64,
    pub flags: BTreeSet<String>,
    /// As it is shown.
    pub internal_date: String,
    pub body: Body,
    /// X-GM-MSGID, the same in every label.
    pub id: u64,
    pub labels: Vec<String>,
    /// Looks at its size so far.
    pub(super) looks: u64,
}

#[derive(Clone)]
pub enum Body {
    Bytes(Arc<[u8]>),
    /// A header, and then so many bytes of text in lines of 64: never held.
    Long {
        header: Arc<[u8]>,
        length: u64,
    },
}

impl Body {
    pub fn len(&self) -> u64 {
        match self {
            Body::Bytes(bytes) => bytes.len() as u64,
            Body::Long { header, length } => header.len() as u64 + length,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What may be looked into: of a long one its header.
    pub fn head(&self) -> &[u8] {
        match self {
            Body::Bytes(bytes) => bytes,
            Body::Long { header, .. } => header,
        }
    }

    /// A part of it in pieces of bounded size.
    pub fn pieces(&self, from: u64, to: u64) -> impl Iterator<Item = Vec<u8>> + '_ {
        const PIECE: u64 = 64 << 10;
        let to = to.min(self.len());
        (0..).map(move |number| from + number * PIECE).take_while(move |at| *at < to).map(move |at| self.piece(at, (at + PIECE).min(to)))
    }

    fn piece(&self, from: u64, to: u64) -> Vec<u8> {
        let head = self.head();
        let length = head.len() as u64;
        let mut piece = head[from.min(length) as usize..to.min(length) as usize].to_vec();
        let line = |at: u64| match at % 64 {
            62 => b'\r',
            63 => b'\n',
            column => b'a' + (column % 26) as u8,
        };
        piece.extend((from.max(length)..to).map(|at| line(at - length)));
        piece
    }
}

impl World {
    pub(super) fn new(separator: char) -> Self {
        let mut world = World {
            separator,
            mailboxes: BTreeMap::new(),
            subscriptions: BTreeSet::new(),
            keywords_may_be_new: true,
            validity: 1_000_000,
            next_id: 1 << 40,
        };
        world.create("INBOX");
        world
    }

    /// The mailbox, made when it is not there. The name is as it goes over the wire.
    pub fn create(&mut self, name: &str) -> &mut Mailbox {
        let name = canonical(name);
        if !self.mailboxes.contains_key(&name) {
            self.validity += 1;
        }
        let validity = self.validity;
        let above = name.rsplit_once(self.separator).map_or("INBOX", |(above, _)| above);
        let rights = self.mailboxes.get(above).map(|above| above.rights.clone()).unwrap_or_default();
        self.mailboxes.entry(name).or_insert_with(|| Mailbox { rights, ..Mailbox::new(validity) })
    }

    pub fn find(&mut self, name: &str) -> Option<&mut Mailbox> {
        self.mailboxes.get_mut(&canonical(name))
    }

    /// Into the mailbox, made when it is not there.
    pub fn add(&mut self, mailbox: &str, bytes: &[u8], flags: &[&str]) -> u64 {
        self.next_id += 1;
        let id = self.next_id;
        let mut message = Message::new(Body::Bytes(bytes.into()), flags.iter().map(|&flag| flag.into()).collect());
        message.id = id;
        self.create(mailbox).put(message)
    }

    /// One message in several labels, as Gmail shows it: the same id and all labels at each place.
    pub fn add_labelled(&mut self, mailboxes: &[&str], labels: &[&str], bytes: &[u8]) {
        self.next_id += 1;
        let mut message = Message::new(Body::Bytes(bytes.into()), BTreeSet::new());
        message.id = self.next_id;
        message.labels = labels.iter().map(|&label| label.into()).collect();
        for mailbox in mailboxes {
            self.create(mailbox).put(message.clone());
        }
    }

    pub(super) fn fresh_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    pub(super) fn has_children(&self, name: &str) -> bool {
        let below = format!("{name}{}", self.separator);
        self.mailboxes.range(below.clone()..).next().is_some_and(|(other, _)| other.starts_with(&below))
    }
}

/// INBOX is the one name without case.
pub(super) fn canonical(name: &str) -> String {
    if name.eq_ignore_ascii_case("INBOX") { "INBOX".into() } else { name.into() }
}

impl Mailbox {
    fn new(uid_validity: u64) -> Self {
        Mailbox {
            uid_validity,
            uid_next: 1,
            modseq: 1,
            attributes: Vec::new(),
            append_limit: None,
            rights: BTreeMap::new(),
            messages: Vec::new(),
            vanished: Vec::new(),
            version: 0,
        }
    }

    /// With the next UID.
    pub fn put(&mut self, message: Message) -> u64 {
        let uid = self.uid_next;
        self.uid_next += 1;
        self.modseq += 1;
        self.version += 1;
        self.messages.push(Message { uid, modseq: self.modseq, ..message });
        uid
    }

    pub fn message(&mut self, uid: u64) -> Option<&mut Message> {
        let at = self.messages.binary_search_by_key(&uid, |message| message.uid).ok()?;
        self.messages.get_mut(at)
    }

    pub fn remove(&mut self, uid: u64) {
        if let Ok(at) = self.messages.binary_search_by_key(&uid, |message| message.uid) {
            self.messages.remove(at);
            self.modseq += 1;
            self.version += 1;
            self.vanished.push((uid, self.modseq));
        }
    }

    /// Flags of a message; its mod-sequence grows.
    pub fn set_flags(&mut self, uid: u64, flags: BTreeSet<String>) {
        self.modseq += 1;
        let modseq = self.modseq;
        if let Some(message) = self.message(uid) {
            message.flags = flags;
            message.modseq = modseq;
        }
    }

    /// All messages get new UIDs, from 1.
    pub fn renumber(&mut self, uid_validity: u64) {
        self.uid_validity = uid_validity;
        self.version += 1;
        for (uid, message) in (1..).zip(&mut self.messages) {
            message.uid = uid;
        }
        self.uid_next = self.messages.len() as u64 + 1;
    }

    /// Many messages that are all the same, quickly.
    pub fn put_many(&mut self, count: u64, message: &Message) {
        self.messages.reserve(count as usize);
        (0..count).for_each(|_| {
            self.put(message.clone());
        });
    }

    pub fn uids(&self) -> Vec<u64> {
        self.messages.iter().map(|message| message.uid).collect()
    }

    pub(super) fn keywords(&self) -> BTreeSet<&str> {
        let flags = self.messages.iter().flat_map(|message| &message.flags);
        flags.filter(|flag| !flag.starts_with('\\')).map(String::as_str).collect()
    }
}

impl Message {
    pub fn new(body: Body, flags: BTreeSet<String>) -> Self {
        let internal_date = "04-Jan-2010 10:00:00 +0000".into();
        Message { uid: 0, modseq: 0, flags, internal_date, body, id: 0, labels: Vec::new(), looks: 0 }
    }
}
