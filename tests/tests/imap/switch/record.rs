//! What users and senders have done to one mailbox, and so what has to be there in the end: each message by its Message-ID.
//!
//! What was answered has happened. Of what was not - a session that was ended in the middle - either outcome is right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use mailferry_mailbed::compare::Snapshot;
use mailferry_mailbed::corpus::Random;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum There {
    Surely,
    Perhaps,
    Not,
}

#[derive(Clone, Debug)]
struct Message {
    there: There,
    /// It is in one of them.
    folders: BTreeSet<String>,
    /// What is not named is not set.
    flags: BTreeMap<String, Option<bool>>,
    /// Of its bytes; whoever delivers it adds to them.
    digest: Option<blake3::Hash>,
}

#[derive(Default)]
pub struct Record(Mutex<BTreeMap<String, Message>>);

impl Record {
    /// On its way into a folder.
    pub fn begun(&self, id: &str, folder: &str, bytes: Option<&[u8]>) {
        let folders = BTreeSet::from([folder.to_owned()]);
        let message = Message { there: There::Perhaps, folders, flags: BTreeMap::new(), digest: bytes.map(blake3::hash) };
        self.with(|all| all.insert(id.to_owned(), message));
    }

    pub fn is_there(&self, id: &str, there: There) {
        self.change(id, |message| message.there = there);
    }

    /// `None`: it may be set or not.
    pub fn is_marked(&self, id: &str, flag: &str, set: Option<bool>) {
        self.change(id, |message| {
            message.flags.insert(flag.to_owned(), set);
        });
    }

    pub fn may_be_in(&self, id: &str, folder: &str) {
        self.change(id, |message| {
            message.folders.insert(folder.to_owned());
        });
    }

    pub fn has_left(&self, id: &str, folder: &str) {
        self.change(id, |message| {
            message.folders.remove(folder);
        });
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Message)) {
        self.with(|all| change(all.get_mut(id).expect("it was begun")));
    }

    /// Of those of which everything is known: the folder, and a Message-ID.
    pub fn any(&self, random: &mut Random) -> Option<(String, String)> {
        self.with(|all| {
            let sure = |message: &&Message| message.there == There::Surely && message.folders.len() == 1;
            let known: Vec<_> = all.iter().filter(|(_, message)| sure(message)).collect();
            let (id, message) = known.get(random.below(known.len() as u64) as usize)?;
            Some((message.folders.first().cloned()?, (*id).clone()))
        })
    }

    pub fn len(&self) -> usize {
        self.with(|all| all.len())
    }

    /// In what a mailbox differs from what has been done to it.
    pub fn differences(&self, mailbox: &Snapshot) -> Vec<String> {
        let mut found: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        let mut out = Vec::new();
        for (folder, entry) in mailbox.folders.iter().flat_map(|(name, folder)| folder.messages.iter().map(move |entry| (name, entry))) {
            match &entry.message_id {
                Some(id) => found.entry(id).or_default().push((folder, entry)),
                None => out.push(format!("UID {} of {folder} has no Message-ID", entry.uid)),
            }
        }
        self.with(|all| {
            for (id, message) in all.iter() {
                let copies = found.remove(id.as_str()).unwrap_or_default();
                let may_be = match message.there {
                    There::Surely => 1..=1,
                    There::Perhaps => 0..=1,
                    There::Not => 0..=0,
                };
                if !may_be.contains(&copies.len()) {
                    let places: Vec<_> = copies.iter().map(|(folder, _)| folder.as_str()).collect();
                    out.push(format!("{id} is there {} times, in {places:?}: {message:?}", copies.len()));
                }
                for (folder, entry) in copies {
                    let marks = message.flags.iter().all(|(flag, set)| set.is_none_or(|set| entry.flags.contains(flag) == set));
                    let more = entry.flags.iter().all(|flag| message.flags.contains_key(flag));
                    let bytes = message.digest.is_none_or(|digest| digest == entry.digest);
                    if !(message.folders.contains(folder) && marks && more && bytes) {
                        out.push(format!("{id} is in {folder} with {:?}, its bytes are right: {bytes}; {message:?}", entry.flags));
                    }
                }
            }
        });
        out.extend(found.keys().map(|id| format!("nobody has put {id} anywhere")));
        out
    }

    fn with<T>(&self, look: impl FnOnce(&mut BTreeMap<String, Message>) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
