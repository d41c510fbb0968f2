//! Mail stores in memory: the source that users change, the target that agents fill.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::{Cursor, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailferry_core::model::{Beside, Digest, Envelope, FolderInfo, FolderPath, InternalDate, ItemKey, Marks, TargetId, Token};
use mailferry_core::ports::{
    Appended, Blast, Delta, KeepsBeside, MailSource, MailTarget, May, NewItem, OpenItem, Retry, SeenBeside, SeenItem, StoreError, Stores,
    Wanted,
};

use crate::process::Process;
use crate::server::SimServer;

/// One message of a simulated mailbox.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimItem {
    pub key: Vec<u8>,
    pub bytes: Vec<u8>,
    pub marks: Marks,
    pub date: InternalDate,
    pub token: Option<Token>,
}

/// Folders in order of creation do not matter; items in order of arrival do.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SimMailbox {
    pub folders: BTreeMap<FolderPath, Vec<SimItem>>,
    /// Of others, by folder and name. A new folder has those of INBOX.
    pub rights: BTreeMap<FolderPath, BTreeMap<String, String>>,
    /// Folders that the store cannot read as such at the moment, as under a mount point without its mount.
    pub hidden: BTreeSet<FolderPath>,
    /// Something in the store cannot be read, and may be a folder.
    pub closed: bool,
    /// Users and new mail are kept out.
    pub locked: bool,
    /// Users and new mail go elsewhere.
    pub redirected: bool,
    /// Its switch was taken back once.
    pub undone: bool,
    /// Its lock does not hold what comes.
    pub leaks: bool,
    /// Messages with this word are refused.
    pub refuses: Option<String>,
    /// Messages with this word cannot be read.
    pub torn: Option<String>,
    /// Keys of what came here because mail was led here.
    pub led_here: BTreeSet<Vec<u8>>,
    /// What it held when it was taken out of service.
    pub abolished: Option<Box<SimMailbox>>,
    pub(crate) next: u64,
    /// How often users have changed it: a stamp does not come again.
    pub(crate) changes: u64,
}

impl SimMailbox {
    pub fn add(&mut self, folder: &str, bytes: &[u8], marks: Marks) -> Vec<u8> {
        let number = self.next_number();
        let key = format!("m{number:04}").into_bytes();
        let date = InternalDate { seconds: 1_700_000_000 + number as i64, nanos: 0, offset_minutes: None };
        let item = SimItem { key: key.clone(), bytes: bytes.into(), marks, date, token: None };
        self.folders.entry(FolderPath(vec![folder.into()])).or_default().push(item);
        self.changes += 1;
        key
    }

    fn next_number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// A key that no item has had.
    pub(crate) fn new_key(&mut self) -> Vec<u8> {
        format!("u{:04}", self.next_number()).into_bytes()
    }

    pub(crate) fn create(&mut self, folder: &FolderPath) {
        if !self.folders.contains_key(folder) {
            let inherited = self.rights.get(&FolderPath::inbox()).cloned();
            self.folders.insert(folder.clone(), Vec::new());
            self.rights.extend(inherited.map(|rights| (folder.clone(), rights)));
        }
    }

    pub(crate) fn set_rights(&mut self, folder: &FolderPath, beside: &Beside) {
        let rights = self.rights.entry(folder.clone()).or_default();
        rights.retain(|_, _| !beside.closed);
        rights.extend(beside.rights.clone());
        rights.retain(|_, letters| !letters.is_empty());
    }

    pub(crate) fn find(&mut self, folder: &FolderPath, key: &[u8]) -> Option<&mut SimItem> {
        self.folders.get_mut(folder)?.iter_mut().find(|item| item.key == key)
    }

    pub(crate) fn take(&mut self, folder: &FolderPath, key: &[u8]) -> Option<SimItem> {
        let items = self.folders.get_mut(folder)?;
        let at = items.iter().position(|item| item.key == key)?;
        Some(items.remove(at))
    }

    /// An edit of a mailbox to which mail is led: only what is new counts.
    pub(crate) fn led_here(&mut self, edit: impl FnOnce(&mut SimMailbox)) {
        let before = self.clone();
        edit(self);
        let keys =
            |mailbox: &SimMailbox| -> BTreeSet<Vec<u8>> { mailbox.folders.values().flatten().map(|item| item.key.clone()).collect() };
        let new: Vec<Vec<u8>> = keys(self).difference(&keys(&before)).cloned().collect();
        match keys(self).len() > keys(&before).len() {
            true => self.led_here.extend(new),
            false => *self = before,
        }
    }

    /// Adds what another holds and this one does not, by bytes and date; what it does hold comes to the same folder and marks.
    pub(crate) fn take_over(&mut self, other: &SimMailbox) {
        let mut left = std::mem::take(&mut self.folders);
        left.keys().for_each(|folder| drop(self.folders.insert(folder.clone(), Vec::new())));
        let all = other.folders.iter().flat_map(|(folder, items)| items.iter().map(move |item| (folder, item)));
        for (folder, wanted) in all {
            let same = |item: &SimItem| item.bytes == wanted.bytes && item.date == wanted.date;
            let place = |(path, items): (&FolderPath, &Vec<SimItem>)| Some((path.clone(), items.iter().position(same)?));
            let here = left.get_key_value(folder).and_then(place).or_else(|| left.iter().find_map(place));
            let known = here.map(|(path, at)| left.entry(path).or_default().remove(at));
            let key = known.map_or_else(|| self.new_key(), |item| item.key);
            self.folders.entry(folder.clone()).or_default().push(SimItem { key, token: None, ..wanted.clone() });
        }
        left.into_iter().for_each(|(folder, items)| self.folders.entry(folder).or_default().extend(items));
        self.changes += 1;
    }

    pub fn change(&mut self, folder: &str, at: usize, marks: Marks) {
        if let Some(item) = self.folders.get_mut(&FolderPath(vec![folder.into()])).and_then(|items| items.get_mut(at)) {
            item.marks = marks;
            self.changes += 1;
        }
    }

    pub fn remove(&mut self, folder: &str, at: usize) -> Option<SimItem> {
        self.changes += 1;
        let items = self.folders.get_mut(&FolderPath(vec![folder.into()]))?;
        (at < items.len()).then(|| items.remove(at))
    }

    pub fn move_item(&mut self, from: &str, at: usize, to: &str) {
        if let Some(item) = self.remove(from, at) {
            self.folders.entry(FolderPath(vec![to.into()])).or_default().push(item);
        }
    }
}

pub type Shelf = Arc<Mutex<BTreeMap<String, SimMailbox>>>;

pub fn locked(shelf: &Shelf) -> MutexGuard<'_, BTreeMap<String, SimMailbox>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The stores as one process reaches them.
#[derive(Clone)]
pub struct SimStores {
    pub shelf: Shelf,
    pub process: Arc<Process>,
    /// The servers that hold the mailboxes do not answer.
    pub trouble: Arc<StoreTrouble>,
    /// Targets keep no tokens.
    pub tokenless: bool,
}

/// Nodes that do not reach the store of their side.
#[derive(Default)]
pub struct StoreTrouble(Mutex<BTreeSet<String>>);

impl StoreTrouble {
    pub fn set(&self, node: &str, away: bool) {
        let mut nodes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if away {
            nodes.insert(node.into())
        } else {
            nodes.remove(node)
        };
    }

    pub fn set_right(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn is_away(&self, node: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(node)
    }
}

impl SimStores {
    fn known(&self, url: &str) -> Result<(), StoreError> {
        if self.process.is_dead() {
            return Err(dead());
        }
        if self.trouble.is_away(self.process.node()) {
            return Err(StoreError::new(Blast::Store, Retry::Later, "reach a store", url, "the server does not answer"));
        }
        let known = locked(&self.shelf).contains_key(url);
        if known { Ok(()) } else { Err(StoreError::new(Blast::Mailbox, Retry::Never, "open a store", url, "there is no such store")) }
    }
}

fn dead() -> StoreError {
    StoreError::new(Blast::Store, Retry::Later, "reach a store", "", "the process is dead")
}

impl Stores for SimStores {
    fn source(&self, url: &str) -> Result<Box<dyn MailSource>, StoreError> {
        self.known(url)?;
        Ok(Box::new(SimSource { shelf: self.shelf.clone(), url: url.into() }))
    }

    fn target(&self, url: &str) -> Result<Box<dyn MailTarget>, StoreError> {
        self.known(url)?;
        if self.tokenless {
            return Ok(Box::new(SimServer::new(self.shelf.clone(), url, self.process.clone())));
        }
        let view = locked(&self.shelf)[url].clone();
        let (shelf, process) = (self.shelf.clone(), self.process.clone());
        Ok(Box::new(SimTarget {
            shelf,
            url: url.into(),
            process,
            view,
            staged: Vec::new(),
            adopts: None,
            ours: HashSet::new(),
            made: Vec::new(),
        }))
    }
}

struct SimSource {
    shelf: Shelf,
    url: String,
}

impl MailSource for SimSource {
    fn describe(&self) -> String {
        self.url.clone()
    }

    fn folders(&mut self) -> Result<Vec<FolderInfo>, StoreError> {
        let shelf = locked(&self.shelf);
        let mailbox = &shelf[&self.url];
        if mailbox.closed {
            return Err(StoreError::new(Blast::Folder, Retry::Never, "list a directory", &self.url, "permission denied"));
        }
        let folders: Vec<_> =
            mailbox.folders.keys().filter(|path| !mailbox.hidden.contains(path)).cloned().map(FolderInfo::plain).collect();
        if folders.is_empty() {
            return Err(StoreError::new(
                Blast::Mailbox,
                Retry::Never,
                "read the folders of a mailbox",
                &self.url,
                "there is no folder in it",
            ));
        }
        Ok(folders)
    }

    fn confirm_gone(&mut self, folder: &FolderPath) -> Result<(), StoreError> {
        let stands_there = locked(&self.shelf)[&self.url].hidden.contains(folder);
        let unsure = || StoreError::new(Blast::Folder, Retry::Later, "read a folder", folder.to_string(), "it is hidden");
        if stands_there { Err(unsure()) } else { Ok(()) }
    }

    fn scan(&mut self, folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let items = locked(&self.shelf)[&self.url].folders.get(folder).cloned();
        let gone = || StoreError::no_folder(folder.to_string());
        items.ok_or_else(gone)?.into_iter().try_for_each(|item| {
            each(SeenItem {
                identity: None,
                move_hint: Some(item.key.clone()),
                key: ItemKey(item.key),
                marks: item.marks,
                date: item.date,
                dated: true,
                sender: None,
                size: Some(item.bytes.len() as u64),
            })
        })
    }

    fn stamp(&mut self, folder: &FolderPath) -> Result<Option<Vec<u8>>, StoreError> {
        let shelf = locked(&self.shelf);
        let items = shelf[&self.url].folders.get(folder);
        Ok(items.map(|items| {
            let mut text = format!("{}\n", shelf[&self.url].changes);
            items.iter().for_each(|item| text.push_str(&format!("{:?} {:?} {:?}\n", item.key, item.marks, item.bytes)));
            Digest::of(text.as_bytes()).0.to_vec()
        }))
    }

    /// Every other time it can tell; then more than has changed, and not what is gone.
    fn changes_since(&mut self, folder: &FolderPath, _: &[u8]) -> Result<Option<Delta>, StoreError> {
        if locked(&self.shelf)[&self.url].changes % 2 == 1 {
            return Ok(None);
        }
        let mut delta = Delta::default();
        self.scan(folder, &mut |item| {
            delta.seen.push(item);
            Ok(())
        })?;
        delta.items = delta.seen.len() as u64;
        Ok(Some(delta))
    }

    fn beside(&mut self) -> Result<Vec<SeenBeside>, StoreError> {
        let shelf = locked(&self.shelf);
        let mailbox = &shelf[&self.url];
        let seen = mailbox.folders.keys().map(|folder| {
            let rights = mailbox.rights.get(folder).cloned().unwrap_or_default();
            let beside = Beside { rights, ..Beside::default() };
            SeenBeside { folder: folder.clone(), beside, all_rights: true, all_annotations: true, left: Vec::new() }
        });
        Ok(seen.collect())
    }

    fn open<'a>(&'a mut self, folder: &FolderPath, key: &ItemKey) -> Result<Option<OpenItem<'a>>, StoreError> {
        let shelf = locked(&self.shelf);
        let mailbox = &shelf[&self.url];
        let item = mailbox.folders.get(folder).and_then(|items| items.iter().find(|item| item.key == key.0));
        if let (Some(item), Some(word)) = (item, &mailbox.torn)
            && String::from_utf8_lossy(&item.bytes).contains(word)
        {
            return Err(StoreError::new(Blast::Item, Retry::Later, "read a message", folder.to_string(), "it is torn"));
        }
        Ok(item.map(|item| OpenItem { reader: Box::new(Cursor::new(item.bytes.clone())) }))
    }
}

/// A staged change.
#[derive(Clone, Debug)]
enum Op {
    Folder(FolderPath),
    Append(FolderPath, SimItem),
    Marks(FolderPath, Vec<u8>, Marks),
    Move(FolderPath, Vec<u8>, FolderPath),
    Remove(FolderPath, Vec<u8>),
    Beside(FolderPath, Beside),
}

impl Op {
    fn apply(&self, mailbox: &mut SimMailbox) -> bool {
        match self {
            Op::Folder(path) => {
                mailbox.create(path);
                true
            }
            Op::Beside(path, beside) => {
                mailbox.set_rights(path, beside);
                true
            }
            Op::Append(path, item) => {
                mailbox.folders.entry(path.clone()).or_default().push(item.clone());
                true
            }
            Op::Marks(path, key, marks) => match mailbox.find(path, key) {
                Some(item) => {
                    item.marks = marks.clone();
                    true
                }
                None => false,
            },
            Op::Move(from, key, to) => match mailbox.take(from, key) {
                Some(item) => {
                    mailbox.folders.entry(to.clone()).or_default().push(item);
                    true
                }
                None => false,
            },
            Op::Remove(path, key) => mailbox.take(path, key).is_some(),
        }
    }
}

/// Only `flush` changes the store, one step per change.
struct SimTarget {
    shelf: Shelf,
    url: String,
    process: Arc<Process>,
    view: SimMailbox,
    staged: Vec<Op>,
    /// What bears no token may be what is looked for, but for these keys.
    adopts: Option<BTreeSet<Vec<u8>>>,
    /// Who bears one of these tokens is found by it.
    ours: HashSet<Token>,
    made: Vec<FolderPath>,
}

impl SimTarget {
    /// The store as it is now, with what is staged: another process may have changed it meanwhile.
    fn look(&mut self) -> Result<(), StoreError> {
        self.process.pause();
        if self.process.is_dead() {
            return Err(dead());
        }
        self.view = locked(&self.shelf)[&self.url].clone();
        for op in &self.staged {
            op.apply(&mut self.view);
        }
        Ok(())
    }

    fn stage(&mut self, op: Op) -> Result<bool, StoreError> {
        self.look()?;
        let done = op.apply(&mut self.view);
        if done {
            self.staged.push(op);
        }
        Ok(done)
    }
}

impl MailTarget for SimTarget {
    fn describe(&self) -> String {
        self.url.clone()
    }

    fn ensure_folder(&mut self, folder: &FolderInfo) -> Result<FolderPath, StoreError> {
        for depth in 1..=folder.path.0.len() {
            let path = FolderPath(folder.path.0[..depth].to_vec());
            if !self.view.folders.contains_key(&path) {
                self.stage(Op::Folder(path.clone()))?;
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
        self.stage(Op::Beside(folder.clone(), beside.clone()))?;
        Ok(Beside { annotations: beside.annotations.clone(), ..Beside::default() }.lines(folder))
    }

    fn locate(&mut self, folder: &FolderPath, wanted: &[Wanted]) -> Result<Vec<Option<TargetId>>, StoreError> {
        self.look()?;
        // As a Maildir does.
        let items = self.view.folders.get(folder).ok_or_else(|| StoreError::no_folder(folder.to_string()))?;
        let mut found = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let by_token = items.iter().find(|item| item.token == Some(wanted.token)).map(|item| item.key.clone());
            let dated = |item: &SimItem| wanted.date.is_none_or(|date| date == item.date.seconds);
            let key = by_token.or_else(|| {
                let taken = self.adopts.as_mut()?;
                let same = |item: &&SimItem| {
                    item.token.is_none_or(|token| !self.ours.contains(&token))
                        && !taken.contains(&item.key)
                        && dated(item)
                        && Digest::of(&item.bytes) == wanted.digest
                };
                let key = items.iter().find(same)?.key.clone();
                taken.insert(key.clone());
                Some(key)
            });
            found.push(key.map(TargetId));
        }
        Ok(found)
    }

    fn adopt(&mut self, ours: HashSet<Token>) -> Result<(), StoreError> {
        self.adopts.get_or_insert_default();
        self.ours = ours;
        Ok(())
    }

    fn tells_by_bytes(&self) -> bool {
        self.adopts.is_some()
    }

    fn asks_for_claims(&mut self, _: &FolderPath) -> Result<bool, StoreError> {
        Ok(self.adopts.is_some())
    }

    fn claim(&mut self, _: &FolderPath, taken: Vec<TargetId>) {
        if let Some(known) = &mut self.adopts {
            known.extend(taken.into_iter().map(|id| id.0));
        }
    }

    fn date_of(&mut self, _: &FolderPath, _: &TargetId) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }

    fn append(&mut self, folder: &FolderPath, item: &NewItem<'_>, body: &mut dyn Read) -> Result<Appended, StoreError> {
        let Envelope { token, marks, date, .. } = item.envelope.clone();
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes).map_err(|error| StoreError::io(Blast::Item, "append", &self.url, &error))?;
        let refuses = locked(&self.shelf).get(&self.url).and_then(|mailbox| mailbox.refuses.clone());
        if refuses.is_some_and(|word| String::from_utf8_lossy(&bytes).contains(&word)) {
            return Err(StoreError::new(Blast::Item, Retry::Never, "append", &self.url, "it is not taken here"));
        }
        // Every append makes another item, whatever its token: doubling must be seen.
        let number = locked(&self.shelf).get_mut(&self.url).map_or(0, SimMailbox::next_number);
        let key = format!("t{number:04}-{token}").into_bytes();
        self.stage(Op::Append(folder.clone(), SimItem { key: key.clone(), bytes, marks, date, token: Some(token) }))?;
        Ok(Appended::unaltered(TargetId(key)))
    }

    fn set_marks(&mut self, folder: &FolderPath, id: &TargetId, marks: &Marks) -> Result<Option<TargetId>, StoreError> {
        Ok(self.stage(Op::Marks(folder.clone(), id.0.clone(), marks.clone()))?.then(|| id.clone()))
    }

    fn move_item(&mut self, from: &FolderPath, id: &TargetId, to: &FolderPath) -> Result<Option<TargetId>, StoreError> {
        let moved = from != to && self.stage(Op::Move(from.clone(), id.0.clone(), to.clone()))?;
        self.look()?;
        // Moved before, it is there.
        Ok((moved || self.view.find(to, &id.0).is_some()).then(|| id.clone()))
    }

    fn remove(&mut self, folder: &FolderPath, id: &TargetId) -> Result<(), StoreError> {
        self.stage(Op::Remove(folder.clone(), id.0.clone())).map(|_| ())
    }

    fn flush_while(&mut self, may: May<'_>) -> Result<(), StoreError> {
        for op in std::mem::take(&mut self.staged) {
            let failed = |cause: String| StoreError::new(Blast::Store, Retry::Later, "change a store", &self.url, cause);
            // Others may have had their turns since the last step: asked is behind the pause, as a real store asks right before it acts.
            let effect = || {
                may()?;
                self.process.watch().changing(self.process.node(), &self.url);
                if let Some(mailbox) = locked(&self.shelf).get_mut(&self.url) {
                    if let Op::Append(_, item) = &op {
                        self.process.watch().appending(mailbox, &self.url, item.token);
                    }
                    op.apply(mailbox);
                }
                Ok(())
            };
            self.process.act(|| format!("store {} {op:.60?}", self.url), effect, failed)?;
        }
        Ok(())
    }
}
