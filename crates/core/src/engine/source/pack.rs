//! One pass over a mailbox: what changed, into containers, until the mailbox is caught up (R21, R23).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use mailferry_rules::ids::MailboxId;

use super::MailboxHalt;
use super::changes::{self, Change, Gone};
use crate::compare::forms;
use crate::engine::agent::{Agent, Mailbox};
use crate::engine::packing::Packing;
use crate::model::{Envelope, FolderInfo, ItemKey, Token, Unread};
use crate::ports::{Blast, Level, MailSource, SeenItem, StoreError, Walked};
use crate::prv::{self, PrvError, Record};
use crate::state::ledger::inbound;
use crate::state::ledger::source::{self, KnownItem};
use crate::state::ledger::stamps::{self, Stamps};
use crate::state::ledger::switch;

/// Folders of the store and of the ledger by id; `None` for those the store no longer has.
pub(super) type Folders = BTreeMap<u32, Option<FolderInfo>>;

pub(super) struct Pass<'a> {
    pub mailbox: &'a Mailbox,
    pub(super) store: Box<dyn MailSource>,
    pub(super) folders: Folders,
    gone: Gone,
    /// Changes found at the first look.
    found: BTreeMap<u32, Vec<Change>>,
    /// Items that could not be read in this pass.
    pub(super) unreadable: HashSet<(u32, ItemKey)>,
    /// The same, for the target and for a move request (R81).
    pub(super) unread: Vec<Unread>,
    /// What the folders say of themselves; those that did not give all they showed are taken out.
    stamps: Stamps,
    open: Option<Packing>,
    /// Containers that this pass has sealed.
    sealed: u32,
    /// Nothing was known of the mailbox when the pass began.
    is_first: bool,
    /// What the store calls its items has been found wrong: bytes alone count.
    identities_lie: bool,
    /// The mailbox is switched: the target is what its users work with, and only what is new here is brought over.
    pub(super) only_new: bool,
    /// Its switch has once been taken back (R83).
    undone: bool,
}

impl Agent {
    pub(super) fn pack_changes(&mut self, mailbox: &Mailbox) -> Result<(), MailboxHalt> {
        let mut store = self.around.stores.source(&mailbox.source)?;
        let (folders, new) = self.folders_of(mailbox.id, store.as_mut())?;
        let gone_again = self.db.read(|db| Ok(source::gone_again(db, mailbox.id)?))?;
        let (unchanged, stamps) = changes::unchanged(&self.db, mailbox.id, store.as_mut(), &folders)?;
        let findings = changes::look(&self.db, mailbox.id, store.as_mut(), &folders, &unchanged)?;
        let (mut gone, found) = (findings.gone, findings.changes);
        let undone = self.db.read(|db| Ok(switch::is_undone(db, mailbox.id)?))?;
        if let Some(looked_at) = undone {
            if !looked_at {
                // What went while the mailbox was switched its users have not deleted: they were elsewhere.
                self.db.write(|tx| Ok(switch::looked_at(tx, mailbox.id, gone.tokens())?))?;
            }
            self.look_for_astray(mailbox.id, &findings.seen_whole, &mut gone)?;
        }
        let is_first = !self.db.read(|db| Ok(source::knows_any_at_all(db, mailbox.id)?))?;
        let mut pass = Pass {
            mailbox,
            store,
            folders,
            gone,
            found,
            unreadable: HashSet::new(),
            unread: Vec::new(),
            stamps,
            open: None,
            sealed: 0,
            is_first,
            identities_lie: false,
            only_new: self.db.read(|db| Ok(switch::is_past_return(db, mailbox.id)?))?,
            undone: undone.is_some(),
        };
        for id in new {
            self.announce(&mut pass, id)?;
        }
        if !pass.only_new {
            self.pack_beside(&mut pass)?;
            if pass.undone {
                // Before what is new: what was brought back may be what the census does not name.
                self.take_stock(&mut pass)?;
            }
        }
        // Damaged receipts are asked for again on the way forward (R40).
        for receipt in self.db.read(|db| Ok(inbound::receipts_to_send(db, mailbox.id)?))? {
            self.write(&mut pass, Record::Receipt(receipt))?;
        }
        for record in gone_again {
            self.write(&mut pass, record)?;
        }
        for id in pass.folders.keys().copied().collect::<Vec<_>>() {
            self.pack_folder(&mut pass, id)?;
        }
        self.pack_gone(&mut pass)?;
        for id in pass.folders.iter().filter(|(_, info)| info.is_none()).map(|(id, _)| *id).collect::<Vec<_>>() {
            self.write(&mut pass, Record::FolderGone { id })?;
        }
        self.tell_unread(&mut pass)?;
        self.seal(&mut pass)?;
        if undone == Some(false) {
            self.tell_missing(&pass)?;
        }
        self.record_stamps(&pass)?;
        self.count_unreadable(&pass)?;
        if !pass.only_new {
            self.take_stock(&mut pass)?;
        }
        self.ask_for_answers(&mut pass)?;
        self.ask_for_switch(&mut pass)?;
        self.seal(&mut pass)?;
        self.calm("store.failed");
        Ok(())
    }

    /// Those that are where they were are astray no more; the others are looked for among what is new.
    fn look_for_astray(&mut self, mailbox: MailboxId, seen_whole: &BTreeSet<u32>, gone: &mut Gone) -> Result<(), MailboxHalt> {
        let astray = self.db.read(|db| Ok(source::astray(db, mailbox)?))?;
        let (there, astray): (Vec<_>, Vec<_>) = astray.into_iter().partition(|item| seen_whole.contains(&item.folder) && !gone.holds(item));
        if !there.is_empty() {
            self.db.write(|tx| Ok(there.iter().try_for_each(|item| switch::found(tx, mailbox, &item.token))?))?;
        }
        gone.know_astray(astray);
        Ok(())
    }

    fn pack_gone(&mut self, pass: &mut Pass<'_>) -> Result<(), MailboxHalt> {
        let missing = std::mem::take(&mut pass.gone).into_missing();
        missing.into_iter().try_for_each(|item| self.write(pass, item.gone()))
    }

    /// Of the first look after an undo: what is not there, and has not turned up elsewhere.
    fn tell_missing(&mut self, pass: &Pass<'_>) -> Result<(), MailboxHalt> {
        let missing = self.db.read(|db| Ok(source::astray(db, pass.mailbox.id)?))?;
        if !missing.is_empty() {
            let text = format!("mailbox {}: {} messages are not in it any more since it was switched", pass.mailbox.name, missing.len());
            self.event("switch.missing", Level::Warning, format!("{text}; at the target they stay"));
        }
        Ok(())
    }

    fn record_stamps(&mut self, pass: &Pass<'_>) -> Result<(), MailboxHalt> {
        if pass.stamps.is_empty() {
            return Ok(());
        }
        let mut stamps = pass.stamps.iter();
        Ok(self.db.write(|tx| Ok(stamps.try_for_each(|(id, stamp)| stamps::record(tx, pass.mailbox.id, *id, stamp))?))?)
    }

    /// Ids for all folders, and those the target has not been told of.
    fn folders_of(&self, mailbox: MailboxId, store: &mut dyn MailSource) -> Result<(Folders, Vec<u32>), MailboxHalt> {
        let known = self.db.read(|db| Ok(source::folders(db, mailbox)?))?;
        let mut folders: Folders = known.iter().map(|folder| (folder.id, None)).collect();
        let mut next = known.iter().map(|folder| folder.id + 1).max().unwrap_or(1);
        let mut new = Vec::new();
        for info in changes::folders(store, &known)? {
            let old = known.iter().find(|folder| folder.info.path == info.path);
            let id = old.map_or(next, |folder| folder.id);
            next += u32::from(old.is_none());
            if old.is_none_or(|folder| folder.info != info || !folder.sent) {
                new.push(id);
            }
            folders.insert(id, Some(info));
        }
        Ok((folders, new))
    }

    fn pack_folder(&mut self, pass: &mut Pass<'_>, id: u32) -> Result<(), MailboxHalt> {
        let Some(info) = pass.folders.get(&id).cloned().flatten().filter(|info| info.selectable) else { return Ok(()) };
        if let Some(changes) = pass.found.remove(&id) {
            return self.pack_found(pass, id, &info, changes);
        }
        if self.pack_new_folder(pass, id, &info)? {
            return Ok(());
        }
        let mut after = None;
        loop {
            let store = pass.store.as_mut();
            let (changes, more) = changes::of_folder(&self.db, pass.mailbox.id, store, (id, &info), after.as_ref(), &pass.unreadable)?;
            after = changes.iter().rev().find_map(Change::key).cloned().or(after);
            self.pack_found(pass, id, &info, changes)?;
            if !more {
                return Ok(());
            }
            // What is packed must be recorded before the folder is compared again.
            self.seal(pass)?;
        }
    }

    /// A folder without rows is gone through once, where its store gains by that: what it holds is new, as nothing is gone that may have
    /// been moved there. False: it is to be compared, as far as it has not been packed.
    fn pack_new_folder(&mut self, pass: &mut Pass<'_>, id: u32, info: &FolderInfo) -> Result<bool, MailboxHalt> {
        let mailbox = pass.mailbox.id;
        let is_new = pass.gone.is_empty() && !self.db.read(|db| Ok(source::knows_any(db, mailbox, id)?))?;
        if !is_new || !pass.store.walk(&info.path)? {
            return Ok(false);
        }
        loop {
            match pass.store.step()? {
                Walked::Item(seen) => {
                    // In a first pass nobody else can have the token: a walk shows each key once.
                    let token = if pass.is_first { token(mailbox, info, &seen, 0) } else { self.new_token(pass, info, &seen)? };
                    self.pack_item(pass, id, info, seen, token)?;
                }
                Walked::End => return Ok(true),
                Walked::Unsure => {
                    // What is packed must be recorded before the folder is compared.
                    self.seal(pass)?;
                    return Ok(false);
                }
            }
        }
    }

    fn pack_found(&mut self, pass: &mut Pass<'_>, id: u32, info: &FolderInfo, changes: Vec<Change>) -> Result<(), MailboxHalt> {
        let mut twins = twins(pass, info, &changes)?;
        let to_read = || changes.iter().filter_map(Change::key).filter(|key| !twins.contains_key(*key));
        if to_read().next().is_some() {
            pass.store.expect(&info.path, &mut to_read())?;
        }
        for change in changes {
            let twin = change.key().and_then(|key| twins.remove(key));
            self.pack_change(pass, id, info, change, twin)?;
        }
        Ok(())
    }

    /// `twin`: an item that has gone and has the same bytes.
    fn pack_change(
        &mut self,
        pass: &mut Pass<'_>,
        id: u32,
        info: &FolderInfo,
        change: Change,
        twin: Option<KnownItem>,
    ) -> Result<(), MailboxHalt> {
        let seen = match change {
            Change::Marked { token, marks } => return self.write(pass, Record::Marks { folder: id, token, marks }),
            Change::Again(seen, token) => return self.pack_item(pass, id, info, seen, token),
            Change::New(seen) => seen,
        };
        let moved = |item: KnownItem, seen: SeenItem| Record::Moved {
            token: item.token,
            from: item.folder,
            to: id,
            key: seen.key,
            marks: seen.marks,
        };
        if let Some(item) = twin {
            if pass.undone {
                // Nobody knows whether the target has ever got it: its bytes go too, under the name by which it would know it.
                return self.pack_item(pass, id, info, seen, item.token);
            }
            let (token, identity) = (item.token, seen.identity);
            self.write(pass, moved(item, seen))?;
            if let Some(open) = &mut pass.open {
                open.identities.extend(identity.map(|identity| (token, identity)));
            }
            return Ok(());
        }
        if let Some(item) = pass.gone.candidate(&seen) {
            if is_same(pass, info, &seen, &item) {
                return self.write(pass, moved(item, seen));
            }
            pass.gone.put_back(item);
        }
        let token = self.new_token(pass, info, &seen)?;
        self.pack_item(pass, id, info, seen, token)
    }

    /// The same item gets the same token, whichever node names it first; a salt only where another item has it already.
    fn new_token(&self, pass: &Pass<'_>, info: &FolderInfo, seen: &SeenItem) -> Result<Token, MailboxHalt> {
        let mut salt = 0u32;
        loop {
            let token = token(pass.mailbox.id, info, seen, salt);
            let in_container = pass.open.as_ref().is_some_and(|open| open.tokens.contains(&token));
            if !in_container && !self.db.look_up(|db| source::has_token(db, pass.mailbox.id, &token))? {
                return Ok(token);
            }
            salt += 1;
        }
    }

    fn pack_item(&mut self, pass: &mut Pass<'_>, id: u32, info: &FolderInfo, seen: SeenItem, token: Token) -> Result<(), MailboxHalt> {
        self.make_room(pass, seen.size.unwrap_or(0))?;
        let is_first = pass.open.is_none();
        self.announce(pass, id)?;
        let (identity, size) = (seen.identity, seen.size);
        let envelope = Envelope { token, key: seen.key, marks: seen.marks, date: seen.date, sender: seen.sender };
        let Pass { store, open, unreadable, unread, stamps, mailbox, .. } = pass;
        let Some(packing) = open.as_mut() else { return Ok(()) };
        let failed = match store.open(&info.path, &envelope.key) {
            // Moved or deleted since the scan: the next pass sees where it is.
            Ok(None) => {
                stamps.remove(&id);
                return Ok(());
            }
            Ok(Some(mut opened)) => match packing.writer.item(id, &envelope, &mut opened.reader) {
                Ok(written) => {
                    packing.tokens.insert(token);
                    packing.identities.extend(identity.map(|identity| (token, identity)));
                    packing.records.push(Record::Item { folder: id, envelope, size: written.size, digest: written.digest });
                    return Ok(());
                }
                Err(PrvError::Body(error)) => {
                    StoreError::io(Blast::Item, "read a message", format!("{:?} in {}", envelope.key, info.path), &error)
                }
                Err(error) => return Err(self.pack_failed(error).into()),
            },
            Err(error) => error,
        };
        if failed.blast != Blast::Item {
            return Err(failed.into());
        }
        let begun = open.take_if(|_| is_first);
        unread.push(Unread { token, folder: id, size, reason: failed.to_string() });
        unreadable.insert((id, envelope.key));
        stamps.remove(&id);
        let name = mailbox.name.clone();
        self.store_failed(&name, failed);
        // Else a mailbox with one such message would send a container in each session.
        begun.into_iter().for_each(|packing| self.abandon_container(packing));
        Ok(())
    }

    /// Writes one record, opening a container where none is open.
    pub(super) fn write(&mut self, pass: &mut Pass<'_>, record: Record) -> Result<(), MailboxHalt> {
        if pass.only_new && changes_what_is_there(&record) {
            return Ok(());
        }
        self.make_room(pass, 0)?;
        for folder in folders_named(&record) {
            self.announce(pass, folder)?;
        }
        self.put(pass, record)
    }

    /// Small records that name no folder, in one container.
    pub(super) fn write_together(&mut self, pass: &mut Pass<'_>, records: impl IntoIterator<Item = Record>) -> Result<(), MailboxHalt> {
        self.make_room(pass, 0)?;
        records.into_iter().try_for_each(|record| self.put(pass, record))
    }

    fn put(&mut self, pass: &mut Pass<'_>, record: Record) -> Result<(), MailboxHalt> {
        let packing = self.opened(pass)?;
        packing.writer.record(&record).map(|()| packing.records.push(record)).map_err(|error| self.pack_failed(error).into())
    }

    /// Names a folder once in each container that speaks of it, so that every container explains itself.
    fn announce(&mut self, pass: &mut Pass<'_>, id: u32) -> Result<(), MailboxHalt> {
        let info = pass.folders.get(&id).cloned().flatten();
        let packing = self.opened(pass)?;
        match info {
            Some(info) if packing.folders.insert(id) => self.put(pass, Record::Folder { id, info }),
            _ => Ok(()),
        }
    }

    fn opened<'p>(&mut self, pass: &'p mut Pass<'_>) -> Result<&'p mut Packing, MailboxHalt> {
        if pass.open.is_none() {
            let mut packing = self.open_container(pass.mailbox.id)?;
            if pass.undone || self.policy.adopt_existing {
                let record = Record::Adopt { spares: pass.undone };
                packing.writer.record(&record).map_err(|error| self.pack_failed(error))?;
                packing.records.push(record);
            }
            pass.open = Some(packing);
        }
        Ok(pass.open.as_mut().expect("opened right above"))
    }

    /// Seals the open container when it is full, or when an item of this size would overfill it: an item larger than the
    /// limit gets a container of its own (R23).
    fn make_room(&mut self, pass: &mut Pass<'_>, size: u64) -> Result<(), MailboxHalt> {
        let most = self.policy.container_bytes(pass.sealed);
        let full = pass.open.as_ref().is_some_and(|open| {
            let records = open.records.len() as u64;
            let over = open.bytes() + size > most && open.writer.items() > 0;
            records >= self.policy.container_items_max || over
        });
        if full { self.seal(pass) } else { Ok(()) }
    }

    pub(super) fn seal(&mut self, pass: &mut Pass<'_>) -> Result<(), MailboxHalt> {
        match pass.open.take() {
            Some(packing) => {
                pass.sealed += 1;
                self.seal_container(packing)?;
                self.still_wanted(pass.mailbox.id)
            }
            None => Ok(()),
        }
    }
}

/// Whether an item that turned up has the very bytes of one that vanished.
fn is_same(pass: &mut Pass<'_>, info: &FolderInfo, seen: &SeenItem, item: &KnownItem) -> bool {
    let Some(digest) = item.digest.filter(|_| !item.again) else { return false };
    match pass.store.open(&info.path, &seen.key) {
        Ok(Some(mut opened)) => prv::file_digest(&mut opened.reader).is_ok_and(|found| found == digest),
        _ => false,
    }
}

/// Of the new items of a folder whose store knows no keys that outlive moves, or to which something may have been brought back: those that
/// have gone elsewhere with the same bytes. They
/// are known by what the store calls them, else they are read for it, and only where one of their size has gone.
fn twins(pass: &mut Pass<'_>, info: &FolderInfo, changes: &[Change]) -> Result<HashMap<ItemKey, KnownItem>, MailboxHalt> {
    let seen = changes.iter().filter_map(|change| if let Change::New(seen) = change { Some(seen) } else { None });
    let mut twins = HashMap::new();
    let mut to_read = Vec::new();
    for seen in seen {
        match named(pass, info, seen, twins.is_empty()) {
            Some(item) => drop(twins.insert(seen.key.clone(), item)),
            None if pass.gone.may_have(seen) => to_read.push(seen),
            None => {}
        }
    }
    if to_read.is_empty() {
        return Ok(twins);
    }
    pass.store.expect(&info.path, &mut to_read.iter().map(|seen| &seen.key))?;
    for seen in to_read {
        let found = match pass.store.open(&info.path, &seen.key) {
            Ok(Some(mut opened)) if pass.undone => forms(&mut opened.reader).ok(),
            Ok(Some(mut opened)) => prv::file_digest(&mut opened.reader).ok().map(|digest| vec![digest]),
            Ok(None) => None,
            // Told when it is packed.
            Err(error) if error.blast == Blast::Item => None,
            Err(error) => return Err(error.into()),
        };
        if let Some(item) = found.and_then(|forms| pass.gone.with_bytes(seen, &forms)) {
            twins.insert(seen.key.clone(), item);
        }
    }
    Ok(twins)
}

/// An item that has gone and that the store calls as it calls this one. A store that is wrong there would lose mail: the `first` of each
/// look is read all the same, and where its bytes are others, none is believed any more.
fn named(pass: &mut Pass<'_>, info: &FolderInfo, seen: &SeenItem, first: bool) -> Option<KnownItem> {
    if pass.identities_lie {
        return None;
    }
    let item = pass.gone.named(seen)?;
    if !first || is_same(pass, info, seen, &item) {
        return Some(item);
    }
    pass.identities_lie = true;
    let folder = info.path.to_string();
    tracing::warn!(
        event = "store.two-as-one",
        folder,
        "the store calls two different messages one: what it calls them is not believed in this pass"
    );
    pass.gone.put_back(item);
    None
}

fn changes_what_is_there(record: &Record) -> bool {
    matches!(record, Record::Marks { .. } | Record::Moved { .. } | Record::Gone { .. } | Record::FolderGone { .. } | Record::Beside { .. })
}

fn folders_named(record: &Record) -> Vec<u32> {
    match record {
        Record::Marks { folder, .. } | Record::Beside { folder, .. } => vec![*folder],
        Record::Moved { from, to, .. } => vec![*from, *to],
        Record::Unread { items, .. } => items.iter().map(|item| item.folder).collect::<BTreeSet<u32>>().into_iter().collect(),
        Record::Census(census) => census.items.iter().map(|item| item.folder).collect::<BTreeSet<u32>>().into_iter().collect(),
        _ => Vec::new(),
    }
}

/// Where a key outlives moves it names the item by itself: an agent that has lost its memory of a move gives the same token.
/// Elsewhere keys are unique only within their folder.
fn token(mailbox: MailboxId, info: &FolderInfo, seen: &SeenItem, salt: u32) -> Token {
    let path: &[String] = if seen.move_hint.as_ref() == Some(&seen.key.0) { &[] } else { &info.path.0 };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&mailbox.0).update(&salt.to_le_bytes()).update(&(path.len() as u64).to_le_bytes());
    for name in path {
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
    }
    hasher.update(&seen.key.0);
    let mut token = Token([0; 16]);
    token.0.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    token
}
