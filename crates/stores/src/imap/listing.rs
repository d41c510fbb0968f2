//! What stands in a target folder. It is read when something is to be found there: the UIDs and sizes of all messages, and the bytes
//! of those that may be the one looked for, each at most once.
//!
//! A message of Unix went over the wire with CRLF, and its digest is of the bytes with LF: both forms are compared.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::RangeInclusive;

use mailferry_core::compare::{Digests, Hashing, Likeness};
use mailferry_core::model::Digest;
use mailferry_core::ports::Wanted;
use mailferry_imap::{Command, Connection, Event, ImapError, Response};

use super::{dates, receipts};

#[derive(Default)]
pub struct Listing {
    pub validity: u32,
    /// Size by UID, of every message.
    sizes: BTreeMap<u32, u64>,
    /// Known as another item than those looked for.
    taken: HashSet<u32>,
    /// Size and UID of those nobody claims whose bytes were not read.
    unread: BTreeSet<(u64, u32)>,
    /// Those whose bytes were read, by each of their digests, in the order of arrival.
    read: HashMap<Digest, BTreeSet<u32>>,
    /// Their internal dates, in seconds.
    dates: HashMap<u32, i64>,
}

impl Listing {
    /// Of a folder in which there is nothing.
    pub fn of_new(validity: u32) -> Listing {
        Listing { validity, ..Listing::default() }
    }

    /// Reads UIDs and sizes of the folder that is selected.
    pub async fn read(connection: &mut Connection, validity: u32, exists: u32) -> Result<Listing, ImapError> {
        let mut listing = Listing { validity, ..Listing::default() };
        if exists > 0 {
            let each = |response| {
                if let Response::Fetch(fetch) = response
                    && let (Some(uid), Some(size)) = (fetch.uid, fetch.size)
                {
                    listing.sizes.insert(uid, size);
                    listing.unread.insert((size, uid));
                }
            };
            connection.run(Command::new("UID FETCH 1:* (UID RFC822.SIZE)"), each).await?;
        }
        Ok(listing)
    }

    pub fn take(&mut self, uid: u32) {
        self.taken.insert(uid);
        if let Some(size) = self.sizes.get(&uid) {
            self.unread.remove(&(*size, uid));
        }
    }

    pub fn remove(&mut self, uid: u32) {
        if let Some(size) = self.sizes.remove(&uid) {
            self.unread.remove(&(size, uid));
        }
        self.taken.insert(uid);
    }

    pub fn highest(&self) -> u32 {
        self.sizes.last_key_value().map_or(0, |(uid, _)| *uid)
    }

    pub fn is_empty(&self) -> bool {
        self.sizes.is_empty()
    }

    /// What was known of this folder before it was read again.
    pub fn inherit(&mut self, before: Option<Listing>) {
        if let Some(before) = before.filter(|before| before.validity == self.validity) {
            before.taken.iter().for_each(|uid| self.take(*uid));
        }
    }

    /// Whether a message that was just appended may be this one.
    pub fn may_be_new(&self, uid: u32) -> bool {
        !self.taken.contains(&uid) && !self.sizes.contains_key(&uid)
    }

    pub fn first_free_behind(&self, uid: u32) -> Option<(u32, u32)> {
        let free = self.sizes.keys().copied().find(|there| *there > uid && !self.taken.contains(there))?;
        Some((self.validity, free))
    }

    /// Whether it is worth going to the server.
    pub fn may_have(&self, wanted: &Wanted) -> bool {
        // No bytes are known of an item that is only named.
        wanted.digest != Digest::default() && (self.found(wanted).is_some() || self.unread.range(sizes_of(wanted)).next().is_some())
    }

    /// The first message nobody claims that has these bytes; it is taken then.
    pub async fn find(&mut self, connection: &mut Connection, wanted: &Wanted) -> Result<Option<u32>, ImapError> {
        let unread: Vec<u32> = self.unread.range(sizes_of(wanted)).map(|(_, uid)| *uid).collect();
        self.digest(connection, &unread).await?;
        let found = self.found(wanted);
        found.into_iter().for_each(|uid| self.take(uid));
        Ok(found)
    }

    /// Whether anything that nobody claims may be this message, changed a little by the server.
    pub fn may_have_changed(&self, bytes: &[u8]) -> bool {
        let unread = !self.unread.is_empty() && self.unread_of(bytes).next().is_some();
        unread || !self.read.is_empty() && self.first(&Likeness::of(bytes)).is_some()
    }

    /// The first message nobody claims that is like this one; it is taken then.
    pub async fn find_changed(&mut self, connection: &mut Connection, bytes: &[u8]) -> Result<Option<u32>, ImapError> {
        let unread: Vec<u32> = self.unread_of(bytes).collect();
        self.digest(connection, &unread).await?;
        let found = self.first(&Likeness::of(bytes));
        found.into_iter().for_each(|uid| self.take(uid));
        Ok(found)
    }

    fn unread_of(&self, bytes: &[u8]) -> impl Iterator<Item = u32> + use<'_> {
        let sizes = sizes_like(bytes);
        self.unread.range((*sizes.start(), 0)..=(*sizes.end(), u32::MAX)).map(|(_, uid)| *uid)
    }

    fn found(&self, wanted: &Wanted) -> Option<u32> {
        let by = |digest| self.free(digest).find(|uid| wanted.date.is_none() || self.dates.get(uid).copied() == wanted.date);
        by(&wanted.digest).or_else(|| wanted.likeness.as_ref().and_then(by))
    }

    fn first(&self, digest: &Digest) -> Option<u32> {
        self.free(digest).next()
    }

    fn free(&self, digest: &Digest) -> impl Iterator<Item = u32> {
        self.read.get(digest).into_iter().flatten().copied().filter(|uid| !self.taken.contains(uid))
    }

    /// Reads the bytes of those not read yet.
    async fn digest(&mut self, connection: &mut Connection, uids: &[u32]) -> Result<(), ImapError> {
        for some in uids.chunks(500) {
            let set: mailferry_imap::UidSet = some.iter().copied().collect();
            let tag = connection.send(Command::new(format!("UID FETCH {set} (UID INTERNALDATE BODY.PEEK[])"))).await?;
            connection.stream_bodies(true);
            let read = self.read_bodies(connection, &tag).await;
            connection.stream_bodies(false);
            read?;
        }
        Ok(())
    }

    fn note(&mut self, uid: u32, digests: Digests) {
        if let Some(size) = self.sizes.get(&uid) {
            self.unread.remove(&(*size, uid));
        }
        self.read.entry(digests.exact).or_default().insert(uid);
        self.read.entry(digests.unix).or_default().insert(uid);
        self.read.entry(digests.like).or_default().insert(uid);
    }

    fn date(&mut self, uid: Option<u32>, date: Option<&str>) {
        if let (Some(uid), Some(date)) = (uid, date.and_then(dates::parse)) {
            self.dates.insert(uid, date.seconds);
        }
    }

    async fn read_bodies(&mut self, connection: &mut Connection, tag: &mailferry_imap::Tag) -> Result<(), ImapError> {
        let (mut last, mut others) = (None, Vec::new());
        // What a server tells of a message may stand before its bytes or behind them.
        let mut before = (None, None);
        loop {
            match connection.event().await? {
                Event::Body { uid, internal_date, .. } => {
                    self.date(uid, internal_date.as_deref());
                    before = (uid, internal_date);
                    let digests = digested(connection).await?;
                    match uid {
                        Some(uid) => digests.into_iter().for_each(|digests| self.note(uid, digests)),
                        None => last = Some(digests),
                    }
                }
                Event::Response(Response::Fetch(fetch)) => {
                    let (uid, date) = (fetch.uid.or(before.0), fetch.internal_date.or(before.1.take()));
                    self.date(uid, date.as_deref());
                    if let (Some(uid), Some(digests)) = (fetch.uid, last.take()) {
                        digests.into_iter().for_each(|digests| self.note(uid, digests));
                    }
                }
                Event::Response(Response::Tagged { tag: ended, status, code, text }) if tag.is(&ended) => {
                    connection.keep(others);
                    return mailferry_imap::ended_as(status, code, text, "read messages of the target").map(|_| ());
                }
                // Appends under way are answered meanwhile.
                Event::Response(other @ Response::Tagged { .. }) => others.push(other),
                Event::Response(_) => {}
            }
        }
    }
}

/// With CRLF a message is at most twice as long. Zero: not known.
fn sizes_of(wanted: &Wanted) -> RangeInclusive<(u64, u32)> {
    match wanted.size {
        0 => (0, 0)..=(u64::MAX, u32::MAX),
        size => (size, 0)..=(size.saturating_mul(2), u32::MAX),
    }
}

/// Of the message as it stands there; and, where requests for receipts were disarmed in it, as it was before.
async fn digested(connection: &mut Connection) -> Result<Vec<Digests>, ImapError> {
    let mut head = Vec::new();
    while (head.len() as u64) < receipts::HEADER_BYTES_MAX {
        let bytes = connection.body().await?;
        let used = bytes.len().min(receipts::HEADER_BYTES_MAX as usize - head.len());
        if used == 0 {
            break;
        }
        head.extend_from_slice(&bytes[..used]);
        connection.body_used(used);
    }
    let mut forms = vec![Hashing::default()];
    forms[0].update(&head);
    if receipts::rearm(&mut head) {
        let mut before = Hashing::default();
        before.update(&head);
        forms.push(before);
    }
    loop {
        let bytes = connection.body().await?;
        if bytes.is_empty() {
            break;
        }
        forms.iter_mut().for_each(|form| form.update(bytes));
        let used = bytes.len();
        connection.body_used(used);
    }
    Ok(forms.into_iter().map(Hashing::finish).collect())
}

/// How many bytes may be left of a message that a server changes, or added to it.
fn sizes_like(bytes: &[u8]) -> RangeInclusive<u64> {
    let ends = memchr::memchr_iter(b'\n', bytes).filter(|at| *at > 0 && bytes[at - 1] == b'\r').count();
    let bare = memchr::memchr2_iter(b'\r', b'\n', bytes).count() - 2 * ends;
    let folds = bytes.split(|byte| *byte == b'\n').map(|line| line.len() / 990).sum::<usize>();
    let (least, most) = (bytes.len().saturating_sub(bare + 2), bytes.len() + bare + 3 * folds + 4);
    least as u64..=most as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_make_of_a_message_is_of_nearly_its_size() {
        let given = b"Subject: Gr\xfc\xdfe\r\n\r\na\rb\0\r\nend";
        for changed in [&b"Subject: GrXXe\r\n\r\na\rb\0\r\nend"[..], b"Subject: Gr\xfc\xdfe\r\n\r\nab\x80\r\nend\r\n"] {
            assert!(sizes_like(given).contains(&(changed.len() as u64)), "{changed:?}");
        }
        assert!(!sizes_like(given).contains(&10));
    }
}
