//! What differs between the source store and what was last published.
//!
//! A folder is compared item by item against its rows, so memory does not grow with the mailbox: of the items seen only a
//! hash is kept, of those to send at most `CHANGES_MAX` at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use mailferry_rules::ids::MailboxId;

use crate::model::{Digest, FolderInfo, Identity, ItemKey, Marks, Token};
use crate::ports::{Delta, MailSource, SeenItem, StoreError};
use crate::state::ledger::source::{self, KnownFolder, KnownItem};
use crate::state::ledger::stamps::{self, Stamps};
use crate::state::{Database, StateError};

use super::MailboxHalt;
use super::pack::Folders;

/// Changes collected from one folder before they are packed.
pub(super) const CHANGES_MAX: usize = 10_000;

/// One difference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Change {
    /// New here; perhaps moved from elsewhere.
    New(SeenItem),
    /// Known, but its content is to be sent again (R40).
    Again(SeenItem, Token),
    Marked {
        token: Token,
        marks: Marks,
    },
}

impl Change {
    /// Of an item whose bytes are to be read.
    pub fn key(&self) -> Option<&ItemKey> {
        match self {
            Change::New(seen) | Change::Again(seen, _) => Some(&seen.key),
            Change::Marked { .. } => None,
        }
    }
}

/// Items gone from their folders, found again when they turn up in another, or in their own under another key: by the key that
/// outlives moves where the store has one, else by their bytes (T02).
#[derive(Default)]
pub(super) struct Gone {
    items: HashMap<ItemKey, Vec<KnownItem>>,
    /// Keys by size, and by what the store calls them; some may have been taken meanwhile.
    sizes: BTreeMap<u64, Vec<ItemKey>>,
    /// The same by what their bytes are.
    digests: HashMap<Digest, Vec<ItemKey>>,
    identities: HashMap<Identity, Vec<ItemKey>>,
    /// Those that were astray before (R83).
    astray: BTreeSet<Token>,
    /// A switch has been taken back: what turns up again bears a key of its own, and is known by its bytes alone.
    brought_back: bool,
}

impl Gone {
    /// Takes an item that may be the one now seen.
    pub fn candidate(&mut self, seen: &SeenItem) -> Option<KnownItem> {
        let list = self.items.get_mut(&ItemKey(seen.move_hint.clone()?))?;
        let at = list.iter().position(|item| seen.size.is_none_or(|size| size == item.size))?;
        Some(list.swap_remove(at))
    }

    /// Takes an item of this size that the store calls as it calls this one, and whose bytes are known.
    pub fn named(&mut self, seen: &SeenItem) -> Option<KnownItem> {
        let (identity, size) = (seen.identity?, seen.size?);
        let keys = self.identities.get(&identity)?;
        let is_it = |item: &KnownItem| item.identity == Some(identity) && item.size == size && !item.again;
        keys.iter().find_map(|key| {
            let list = self.items.get_mut(key)?;
            let at = list.iter().position(is_it)?;
            Some(list.swap_remove(at))
        })
    }

    /// Whether it is worth reading an item of this size to find out.
    pub fn may_have(&self, seen: &SeenItem) -> bool {
        let Some(size) = seen.size else { return false };
        let any = |keys: &Vec<ItemKey>| keys.iter().any(|key| self.items.get(key).is_some_and(|items| !items.is_empty()));
        if self.brought_back {
            // A key that outlives moves has the first word. What was brought back may end its lines otherwise.
            let is_here = |hint: &Vec<u8>| self.items.get(&ItemKey(hint.clone())).is_some_and(|items| !items.is_empty());
            let of_about_that_size = || self.sizes.range(size / 2..=size.saturating_mul(2)).any(|(_, keys)| any(keys));
            return !seen.move_hint.as_ref().is_some_and(is_here) && of_about_that_size();
        }
        seen.move_hint.is_none() && self.sizes.get(&size).is_some_and(any)
    }

    /// Takes an item with the bytes of the one that is seen: exactly those, or, of one that was brought back, with other ends of lines.
    pub fn with_bytes(&mut self, seen: &SeenItem, forms: &[Digest]) -> Option<KnownItem> {
        let (exact, size) = (forms.first()?, seen.size?);
        for digest in forms {
            for key in self.digests.get(digest).into_iter().flatten() {
                let of_key = self.items.get(key).into_iter().flatten();
                let may =
                    |item: &KnownItem| self.brought_back || digest == exact && item.size == size && seen.move_hint.is_none() && !item.again;
                let is_it = |item: &KnownItem| item.digest == Some(*digest) && may(item);
                let at = of_key.enumerate().find(|(_, item)| is_it(item)).map(|(at, _)| at);
                if let Some((at, list)) = at.zip(self.items.get_mut(key)) {
                    return Some(list.swap_remove(at));
                }
            }
        }
        None
    }

    pub fn is_empty(&self) -> bool {
        self.items.values().all(Vec::is_empty)
    }

    pub fn put_back(&mut self, item: KnownItem) {
        self.sizes.entry(item.size).or_default().push(item.key.clone());
        if let Some(digest) = item.digest {
            self.digests.entry(digest).or_default().push(item.key.clone());
        }
        if let Some(identity) = item.identity {
            self.identities.entry(identity).or_default().push(item.key.clone());
        }
        self.items.entry(item.key.clone()).or_default().push(item);
    }

    pub fn holds(&self, item: &KnownItem) -> bool {
        self.items.get(&item.key).into_iter().flatten().any(|other| other.token == item.token)
    }

    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.items.values().flatten().map(|item| &item.token)
    }

    /// From now on these are among them, and any other may be one too: a switch has been taken back, and something brings back at any time
    /// what the target has.
    pub fn know_astray(&mut self, items: Vec<KnownItem>) {
        self.brought_back = true;
        self.astray.extend(items.iter().map(|item| item.token));
        self.items.values_mut().for_each(|list| list.retain(|item| !self.astray.contains(&item.token)));
        items.into_iter().for_each(|item| self.put_back(item));
    }

    /// What did not turn up anywhere and was not known to be astray, in a stable order.
    pub fn into_missing(self) -> Vec<KnownItem> {
        let astray = self.astray;
        let mut items: Vec<KnownItem> = self.items.into_values().flatten().filter(|item| !astray.contains(&item.token)).collect();
        items.sort_by_key(|item| item.token);
        items
    }
}

/// What one look at every folder found.
#[derive(Default)]
pub(super) struct Findings {
    /// Items that are not where they were.
    pub gone: Gone,
    /// Changes by folder. A folder whose changes would not fit is left out: it is looked at again when its turn comes.
    pub changes: BTreeMap<u32, Vec<Change>>,
    /// Items and bytes of the folders that were looked at.
    pub counted: BTreeMap<u32, (u64, u64)>,
    /// Folders of which every item was seen: what is known in them and not gone is there.
    pub seen_whole: BTreeSet<u32>,
}

impl Findings {
    /// What a store says has changed in a folder. False: it does not add up, or is more than there is room for, and a scan must tell.
    fn take(&mut self, db: &Database, (mailbox, id): (MailboxId, u32), delta: Delta, room: &mut usize) -> Result<bool, StateError> {
        let row = |key: &ItemKey| db.look_up(|db| source::item(db, mailbox, id, key));
        let mut gone = Vec::new();
        for key in &delta.gone {
            gone.extend(row(key)?);
        }
        let (mut changes, mut new, mut new_bytes) = (Vec::new(), 0, 0);
        for seen in delta.seen {
            let change = difference(row(&seen.key)?, seen);
            if let Some(Change::New(seen)) = &change {
                new += 1;
                new_bytes += seen.size.unwrap_or(0);
            }
            changes.extend(change);
        }
        let (known, bytes) = db.read(|db| Ok(stamps::count(db, mailbox, id)?))?;
        if (known + new).checked_sub(gone.len() as u64) != Some(delta.items) || changes.len() > *room {
            return Ok(false);
        }
        let gone_bytes: u64 = gone.iter().map(|item| item.size).sum();
        self.counted.insert(id, (delta.items, (bytes + new_bytes).saturating_sub(gone_bytes)));
        *room -= changes.len();
        self.changes.insert(id, changes);
        gone.into_iter().for_each(|item| self.gone.put_back(item));
        Ok(true)
    }
}

/// The folders of a store. That one is gone which was there before is believed only when the store confirms it: all its items would be
/// reported gone.
pub(super) fn folders(store: &mut dyn MailSource, known: &[KnownFolder]) -> Result<Vec<FolderInfo>, StoreError> {
    let now = store.folders()?;
    let is_there = |folder: &KnownFolder| now.iter().any(|info| info.selectable && info.path == folder.info.path);
    for folder in known.iter().filter(|folder| folder.info.selectable && !is_there(folder)) {
        store.confirm_gone(&folder.info.path)?;
    }
    Ok(now)
}

/// Looks at every folder once of which anything is known, but for those that say by their stamp that nothing has changed: what is gone
/// must be known before anything new is packed, or a move would be sent as new mail. From a folder without rows nothing can be gone: it
/// is looked at when its turn comes.
pub(super) fn look(
    db: &Database,
    mailbox: MailboxId,
    store: &mut dyn MailSource,
    folders: &Folders,
    unchanged: &BTreeSet<u32>,
) -> Result<Findings, MailboxHalt> {
    let mut findings = Findings::default();
    let mut room = CHANGES_MAX;
    let stamps = db.read(|db| Ok(stamps::all(db, mailbox)?))?;
    for (id, info) in folders {
        if unchanged.contains(id) {
            findings.changes.insert(*id, Vec::new());
            continue;
        }
        if !db.read(|db| Ok(source::knows_any(db, mailbox, *id)?))? {
            continue;
        }
        let mut seen = HashSet::new();
        if let Some(info) = info.as_ref().filter(|info| info.selectable) {
            if let Some(stamp) = stamps.get(id)
                && let Some(delta) = store.changes_since(&info.path, stamp)?
                && findings.take(db, (mailbox, *id), delta, &mut room)?
            {
                continue;
            }
            let counted = findings.counted.entry(*id).or_default();
            let mut see = |item: &SeenItem| {
                seen.insert(fingerprint(&item.key));
                *counted = (counted.0 + 1, counted.1 + item.size.unwrap_or(0));
            };
            let (changes, more) = Look { db, mailbox, id: *id, info, room }.compare(store, None, &HashSet::new(), Some(&mut see))?;
            if !more {
                room -= changes.len();
                findings.changes.insert(*id, changes);
            }
        }
        findings.seen_whole.insert(*id);
        db.read(|db| {
            Ok(source::items(db, mailbox, *id, &mut |item| {
                if !seen.contains(&fingerprint(&item.key)) {
                    findings.gone.put_back(item);
                }
            })?)
        })?;
    }
    Ok(findings)
}

/// The folders whose stamps are those recorded when all their changes had been published, and the stamps of the others.
pub(super) fn unchanged(
    db: &Database,
    mailbox: MailboxId,
    store: &mut dyn MailSource,
    folders: &Folders,
) -> Result<(BTreeSet<u32>, Stamps), MailboxHalt> {
    let known = db.read(|db| Ok(stamps::all(db, mailbox)?))?;
    let (mut unchanged, mut changed) = (BTreeSet::new(), Stamps::new());
    for (id, info) in folders.iter().filter_map(|(id, info)| Some((*id, info.as_ref().filter(|info| info.selectable)?))) {
        match store.stamp(&info.path)? {
            Some(stamp) if known.get(&id) == Some(&stamp) => drop(unchanged.insert(id)),
            Some(stamp) => drop(changed.insert(id, stamp)),
            None => {}
        }
    }
    Ok((unchanged, changed))
}

/// New and changed items of one folder behind a key, at most `CHANGES_MAX`; true when there may be more.
pub(super) fn of_folder(
    db: &Database,
    mailbox: MailboxId,
    store: &mut dyn MailSource,
    (id, info): (u32, &FolderInfo),
    after: Option<&ItemKey>,
    skip: &HashSet<(u32, ItemKey)>,
) -> Result<(Vec<Change>, bool), MailboxHalt> {
    Look { db, mailbox, id, info, room: CHANGES_MAX }.compare(store, after, skip, None)
}

/// One folder beside its rows.
struct Look<'a> {
    db: &'a Database,
    mailbox: MailboxId,
    id: u32,
    info: &'a FolderInfo,
    room: usize,
}

impl Look<'_> {
    /// `see`: is shown every item; without it, the scan ends when there is no room for more.
    fn compare(
        self,
        store: &mut dyn MailSource,
        after: Option<&ItemKey>,
        skip: &HashSet<(u32, ItemKey)>,
        mut see: Option<&mut dyn FnMut(&SeenItem)>,
    ) -> Result<(Vec<Change>, bool), MailboxHalt> {
        let mut changes = Vec::new();
        let (mut more, mut failed): (bool, Option<StateError>) = (false, None);
        store.scan_after(&self.info.path, after, &mut |item| {
            see.iter_mut().for_each(|see| see(&item));
            let skipped = !skip.is_empty() && skip.contains(&(self.id, item.key.clone()));
            if failed.is_none() && !more && !skipped {
                match self.db.look_up(|db| source::item(db, self.mailbox, self.id, &item.key)) {
                    Ok(known) => match difference(known, item) {
                        Some(_) if changes.len() == self.room => more = true,
                        Some(change) => changes.push(change),
                        None => {}
                    },
                    Err(error) => failed = Some(error),
                }
            }
            Ok::<bool, StoreError>(failed.is_none() && (!more || see.is_some()))
        })?;
        match failed {
            Some(error) => Err(error.into()),
            None => Ok((changes, more)),
        }
    }
}

fn difference(known: Option<KnownItem>, seen: SeenItem) -> Option<Change> {
    match known {
        None => Some(Change::New(seen)),
        Some(known) if known.again => Some(Change::Again(seen, known.token)),
        Some(known) if known.marks != seen.marks => Some(Change::Marked { token: known.token, marks: seen.marks }),
        Some(_) => None,
    }
}

fn fingerprint(key: &ItemKey) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Digest::of(&key.0).0[..16]);
    short
}

#[cfg(test)]
mod tests {
    use mailferry_rules::ids::Sequence;

    use super::*;
    use crate::model::InternalDate;

    fn gone(again: bool) -> KnownItem {
        KnownItem {
            folder: 1,
            key: ItemKey(b"old".to_vec()),
            token: Token([7; 16]),
            size: 4,
            digest: Some(Digest::of(b"mail")),
            again,
            marks: Marks::default(),
            body: Sequence(1),
            identity: Some(Identity([1; 16])),
            date: Some(0),
        }
    }

    fn seen() -> SeenItem {
        SeenItem {
            key: ItemKey(b"new".to_vec()),
            marks: Marks::default(),
            date: InternalDate { seconds: 0, nanos: 0, offset_minutes: None },
            size: Some(4),
            sender: None,
            move_hint: None,
            dated: true,
            identity: Some(Identity([1; 16])),
        }
    }

    /// A move alone would not bring its content; after an undo the content goes too.
    #[test]
    fn what_is_to_be_sent_again_is_no_move_and_is_known_by_its_bytes_after_an_undo() {
        for again in [false, true] {
            let mut items = Gone::default();
            items.put_back(gone(again));
            assert_eq!(items.named(&seen()).is_some(), !again, "by its name");
            let mut items = Gone::default();
            items.put_back(gone(again));
            assert_eq!(items.with_bytes(&seen(), &[Digest::of(b"mail")]).is_some(), !again, "by its bytes");
            let mut items = Gone::default();
            items.put_back(gone(again));
            items.know_astray(Vec::new());
            assert!(items.may_have(&seen()) && items.with_bytes(&seen(), &[Digest::of(b"mail")]).is_some(), "after an undo");
        }
    }
}
