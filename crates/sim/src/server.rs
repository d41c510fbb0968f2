//! A target store behind a network: every call is a step of its own, no token is kept, and items are known again by their bytes.
//!
//! ```text
//! append     waits in a group; its id is a ticket until `settled` tells the real one
//! any other  sends the group first, then acts at once
//! move       gives the item another id
//! locate     the first item with these bytes, or like them, that nobody is known to own
//! ```

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read;
use std::sync::Arc;

use mailferry_core::model::{Beside, Digest, FolderInfo, FolderPath, Marks, TargetId, Token};
use mailferry_core::ports::{Appended, Blast, KeepsBeside, MailTarget, May, NewItem, Retry, StoreError, Wanted};

use crate::process::Process;
use crate::store::{Shelf, SimItem, SimMailbox, locked};

pub(crate) struct SimServer {
    shelf: Shelf,
    url: String,
    process: Arc<Process>,
    tickets: u64,
    waiting: Vec<(FolderPath, SimItem)>,
    settled: Vec<(TargetId, Result<Appended, StoreError>)>,
    /// Real ids of tickets that were settled.
    answers: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Items that are not those looked for.
    taken: BTreeSet<Vec<u8>>,
    asked: BTreeSet<FolderPath>,
    made: Vec<FolderPath>,
}

impl SimServer {
    pub fn new(shelf: Shelf, url: &str, process: Arc<Process>) -> SimServer {
        SimServer {
            shelf,
            url: url.into(),
            process,
            tickets: 0,
            waiting: Vec::new(),
            settled: Vec::new(),
            answers: BTreeMap::new(),
            taken: BTreeSet::new(),
            asked: BTreeSet::new(),
            made: Vec::new(),
        }
    }

    /// One command to the server.
    fn act<T>(&self, what: impl Fn() -> String, effect: impl FnOnce(&mut SimMailbox) -> T) -> Result<T, StoreError> {
        let failed = |cause: String| StoreError::new(Blast::Store, Retry::Later, "ask a mail server", &self.url, cause);
        let effect = || match locked(&self.shelf).get_mut(&self.url) {
            Some(mailbox) => Ok(effect(mailbox)),
            None => Err(StoreError::new(Blast::Mailbox, Retry::Never, "ask a mail server", &self.url, "there is no such mailbox")),
        };
        self.process.act(|| format!("server {} {}", self.url, what()), effect, failed)
    }

    fn send(&mut self) -> Result<(), StoreError> {
        for (folder, item) in std::mem::take(&mut self.waiting) {
            let (ticket, kept) = (item.key.clone(), kept_of(&item.bytes));
            let key = self.act(
                || format!("append {folder} {} of {}", String::from_utf8_lossy(&item.bytes), item.date.seconds),
                |mailbox| {
                    let key = mailbox.new_key();
                    mailbox.folders.entry(folder.clone()).or_default().push(SimItem {
                        key: key.clone(),
                        bytes: kept.to_vec(),
                        ..item.clone()
                    });
                    key
                },
            )?;
            self.taken.insert(key.clone());
            self.answers.insert(ticket.clone(), key.clone());
            let likeness = (kept.len() < item.bytes.len()).then(|| Digest::of(kept));
            self.settled.push((TargetId(ticket), Ok(Appended { likeness, ..Appended::unaltered(TargetId(key)) })));
        }
        Ok(())
    }

    fn resolve(&mut self, id: &TargetId) -> Result<Vec<u8>, StoreError> {
        self.send()?;
        Ok(self.answers.get(&id.0).unwrap_or(&id.0).clone())
    }
}

/// It drops a `~` at the end of a message: servers change some bytes.
pub(crate) fn kept_of(bytes: &[u8]) -> &[u8] {
    bytes.strip_suffix(b"~").unwrap_or(bytes)
}

impl MailTarget for SimServer {
    fn describe(&self) -> String {
        self.url.clone()
    }

    fn ensure_folder(&mut self, folder: &FolderInfo) -> Result<FolderPath, StoreError> {
        for depth in 1..=folder.path.0.len() {
            let path = FolderPath(folder.path.0[..depth].to_vec());
            if !locked(&self.shelf)[&self.url].folders.contains_key(&path) {
                self.act(|| format!("create {path}"), |mailbox| mailbox.create(&path))?;
                self.made.push(path);
            }
        }
        Ok(folder.path.clone())
    }

    fn new_folders(&mut self) -> Vec<FolderPath> {
        std::mem::take(&mut self.made)
    }

    fn keeps_beside(&mut self) -> Result<KeepsBeside, StoreError> {
        Ok(KeepsBeside { rights: true, annotations: false })
    }

    fn set_beside(&mut self, folder: &FolderPath, beside: &Beside) -> Result<Vec<String>, StoreError> {
        self.send()?;
        self.act(|| format!("set rights {folder} {:?}", beside.rights), |mailbox| mailbox.set_rights(folder, beside))?;
        Ok(Beside { annotations: beside.annotations.clone(), ..Beside::default() }.lines(folder))
    }

    fn locate(&mut self, folder: &FolderPath, wanted: &[Wanted]) -> Result<Vec<Option<TargetId>>, StoreError> {
        self.send()?;
        self.process.pause();
        let shelf = locked(&self.shelf);
        let items = shelf[&self.url].folders.get(folder).map(Vec::as_slice).unwrap_or_default();
        let mut found = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let dated = |item: &SimItem| wanted.date.is_none_or(|date| date == item.date.seconds);
            let fits = |digest: Digest| digest == wanted.digest || Some(digest) == wanted.likeness;
            let same = |item: &&SimItem| !self.taken.contains(&item.key) && fits(Digest::of(&item.bytes)) && dated(item);
            let key = items.iter().find(same).map(|item| item.key.clone());
            self.taken.extend(key.clone());
            found.push(key.map(TargetId));
        }
        Ok(found)
    }

    fn adopt(&mut self, _: HashSet<Token>) -> Result<(), StoreError> {
        Ok(())
    }

    fn tells_by_bytes(&self) -> bool {
        true
    }

    fn date_of(&mut self, folder: &FolderPath, id: &TargetId) -> Result<Option<i64>, StoreError> {
        self.send()?;
        self.process.pause();
        let shelf = locked(&self.shelf);
        let items = shelf[&self.url].folders.get(folder).map(Vec::as_slice).unwrap_or_default();
        Ok(items.iter().find(|item| item.key == id.0).map(|item| item.date.seconds))
    }

    fn asks_for_claims(&mut self, folder: &FolderPath) -> Result<bool, StoreError> {
        let there = locked(&self.shelf)[&self.url].folders.contains_key(folder);
        Ok(there && self.asked.insert(folder.clone()))
    }

    fn claim(&mut self, _: &FolderPath, taken: Vec<TargetId>) {
        self.taken.extend(taken.into_iter().map(|id| id.0));
    }

    fn append(&mut self, folder: &FolderPath, item: &NewItem<'_>, body: &mut dyn Read) -> Result<Appended, StoreError> {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(|error| StoreError::io(Blast::Item, "append", &self.url, &error))?;
        self.tickets += 1;
        let ticket = format!("ticket {}", self.tickets).into_bytes();
        let (marks, date) = (item.envelope.marks.clone(), item.envelope.date);
        self.waiting.push((folder.clone(), SimItem { key: ticket.clone(), bytes, marks, date, token: None }));
        Ok(Appended::unaltered(TargetId(ticket)))
    }

    fn set_marks(&mut self, folder: &FolderPath, id: &TargetId, marks: &Marks) -> Result<Option<TargetId>, StoreError> {
        let key = self.resolve(id)?;
        let done = self.act(
            || format!("store flags {folder} {marks:?}"),
            |mailbox| mailbox.find(folder, &key).map(|item| item.marks = marks.clone()).is_some(),
        )?;
        Ok(done.then(|| id.clone()))
    }

    fn move_item(&mut self, from: &FolderPath, id: &TargetId, to: &FolderPath) -> Result<Option<TargetId>, StoreError> {
        let key = self.resolve(id)?;
        let moved = self.act(
            || format!("move {from} to {to}: {}", String::from_utf8_lossy(&key)),
            |mailbox| {
                let item = mailbox.take(from, &key)?;
                let key = mailbox.new_key();
                mailbox.folders.entry(to.clone()).or_default().push(SimItem { key: key.clone(), ..item });
                Some(key)
            },
        )?;
        self.taken.extend(moved.clone());
        Ok(moved.map(TargetId))
    }

    fn remove(&mut self, folder: &FolderPath, id: &TargetId) -> Result<(), StoreError> {
        let key = self.resolve(id)?;
        self.act(|| format!("expunge {folder} {}", String::from_utf8_lossy(&key)), |mailbox| _ = mailbox.take(folder, &key))
    }

    fn flush_while(&mut self, may: May<'_>) -> Result<(), StoreError> {
        may()?;
        self.send()
    }

    fn settled(&mut self) -> Vec<(TargetId, Result<Appended, StoreError>)> {
        self.answers.clear();
        std::mem::take(&mut self.settled)
    }
}
