//! The records of a container, each exactly once (R42).
//!
//! An item is known by its token. Tracked: it is there, only its marks or folder may change. Not tracked: it is looked for at
//! the target, and appended only when it is not there; where an activation was before this one, which is so on a cluster or
//! after a lost database, in every folder. Items go in batches: staged, made durable by one flush, then entered in the ledger in
//! one transaction. A kill leaves at most a batch whose items stand at the target without their rows; a predecessor that was not
//! replicated may leave more. All are found by token.
//!
//! The road not taken: looking only after an interruption. How far a predecessor got beyond what it replicated, nobody knows.

use std::collections::HashMap;

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};

use crate::engine::agent::{Agent, Halt};
use crate::engine::intake::Incoming;
use crate::model::{Digest, Envelope, FolderInfo, FolderPath, Marks, Outcome, Skipped, TargetId, Token};
use crate::ports::{Appended, Blast, Level, MailTarget, NewItem, ReadSeek, Retry, StoreError, Wanted};
use crate::prv::{Reader, Record};
use crate::state::ledger::stock;
use crate::state::ledger::target::{self, Tracked};
use crate::state::{Connection, SqlResult, StateError};

pub(super) enum ApplyError {
    Halt(Halt),
    Store(StoreError),
}

impl From<Halt> for ApplyError {
    fn from(halt: Halt) -> Self {
        ApplyError::Halt(halt)
    }
}

impl From<StateError> for ApplyError {
    fn from(error: StateError) -> Self {
        ApplyError::Halt(Halt::State(error))
    }
}

impl From<StoreError> for ApplyError {
    fn from(error: StoreError) -> Self {
        ApplyError::Store(error)
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ApplyCounts {
    pub applied: u64,
    pub appended: u64,
    pub already: u64,
    pub found: u64,
}

/// Rows of the tracking map that wait for the flush of their items.
#[derive(Default)]
pub(super) struct Changes {
    tracked: HashMap<Token, Option<Tracked>>,
    order: Vec<Token>,
    /// Items that a census names and that are not here.
    wanted: Vec<Token>,
}

impl Changes {
    pub fn want(&mut self, token: Token) {
        self.wanted.push(token);
    }

    /// Changes that wait for a flush.
    fn len(&self) -> usize {
        self.order.len()
    }

    /// As if nothing had been staged for this item.
    fn forget(&mut self, token: &Token) {
        self.tracked.remove(token);
        self.order.retain(|there| there != token);
    }

    pub fn set(&mut self, token: Token, tracked: Option<Tracked>) {
        if self.tracked.insert(token, tracked).is_none() {
            self.order.push(token);
        }
    }

    fn ids_in<'a>(&'a self, folder: &'a FolderPath) -> impl Iterator<Item = TargetId> + 'a {
        self.tracked.values().flatten().filter(move |tracked| tracked.folder == *folder).map(|tracked| tracked.id.clone())
    }

    pub fn write(&self, db: &Connection, mailbox: MailboxId) -> SqlResult<()> {
        let wished = stock::wants_any(db, mailbox)?;
        for token in &self.order {
            match self.tracked.get(token) {
                Some(Some(tracked)) => target::track(db, mailbox, tracked)?,
                Some(None) => target::untrack(db, mailbox, token)?,
                None => {}
            }
            if wished {
                stock::unwant(db, mailbox, token)?;
            }
        }
        self.wanted.iter().try_for_each(|token| stock::want(db, mailbox, token))
    }
}

/// A container applied as far as the store is concerned; `changes` are still to be committed.
pub(super) struct Applied {
    pub changes: Changes,
    pub counts: ApplyCounts,
    pub skipped: Vec<Skipped>,
    /// Containers of receipts that the source could not use.
    pub receipts_again: Vec<Sequence>,
    /// Containers whose receipts it lacks.
    pub unanswered: Vec<ContainerName>,
}

/// One container being applied.
pub(super) struct Import {
    pub mailbox: MailboxId,
    store: Box<dyn MailTarget>,
    reader: Reader<Box<dyn ReadSeek>>,
    /// Folders of the mailbox in which an untracked item may lie, besides its own.
    everywhere: Vec<FolderPath>,
    /// Folders of this container: where they are at the target, or why they cannot be there.
    folders: HashMap<u32, Result<FolderPath, String>>,
    pub changes: Changes,
    counts: ApplyCounts,
    skipped: Vec<Skipped>,
    staged_bytes: u64,
    keywords_lost: Vec<String>,
    receipts_again: Vec<Sequence>,
    unanswered: Vec<ContainerName>,
}

impl Agent {
    pub(super) fn apply_container(&mut self, incoming: Incoming) -> Result<Applied, ApplyError> {
        let mailbox = incoming.name.mailbox;
        let url = self.mailbox(mailbox).map(|mailbox| mailbox.target.clone()).unwrap_or_default();
        // First, so that a store behind a network lends the connection of this look to the one that writes.
        let everywhere = self.everywhere(mailbox, &url)?;
        let store = match self.open_store.take() {
            Some((owner, store)) if owner == mailbox => store,
            _ => self.open_target(mailbox, &url)?,
        };
        let mut import = Import {
            mailbox,
            store,
            reader: incoming.reader,
            everywhere,
            folders: HashMap::new(),
            changes: Changes::default(),
            counts: ApplyCounts::default(),
            skipped: Vec::new(),
            staged_bytes: 0,
            keywords_lost: Vec::new(),
            receipts_again: Vec::new(),
            unanswered: Vec::new(),
        };
        while let Some(record) = import.reader.next().map_err(|error| unreadable(&incoming.name, &error))? {
            self.may_still_change()?;
            self.apply_record(&mut import, record)?;
            self.commit_when_full(&mut import)?;
        }
        self.flush(&mut import)?;
        if !import.keywords_lost.is_empty() {
            import.keywords_lost.sort();
            import.keywords_lost.dedup();
            let text = format!("{}: the store cannot keep these keywords: {}", incoming.name, import.keywords_lost.join(" "));
            self.event("keywords.lost", Level::Warning, text);
        }
        self.open_store = Some((mailbox, import.store));
        let Import { changes, counts, skipped, receipts_again, unanswered, .. } = import;
        Ok(Applied { changes, counts, skipped, receipts_again, unanswered })
    }

    /// A store that was delivered to and is not there any more is not made anew: its file system may not be mounted, and what is
    /// tracked would never be appended again.
    pub(super) fn open_target(&self, mailbox: MailboxId, url: &str) -> Result<Box<dyn MailTarget>, ApplyError> {
        if self.db.read(|db| Ok(target::tracks_any(db, mailbox)?))? {
            let there = self.around.stores.source(url).and_then(|mut store| store.folders());
            there.map_err(|error| {
                let cause = format!("items were delivered to it, and now: {}", error.cause);
                StoreError::new(Blast::Mailbox, Retry::Later, "use the store of a mailbox", error.place, cause)
                    .hint("mount its file system; if it was removed on purpose, make an empty inbox there")
            })?;
        }
        Ok(self.around.stores.target(url)?)
    }

    /// Every folder, where items may stand at the target that this ledger does not know: of another node, of an activation before
    /// the database was lost, or of a whole installation whose databases and claims are gone.
    fn everywhere(&mut self, mailbox: MailboxId, url: &str) -> Result<Vec<FolderPath>, ApplyError> {
        if self.around.own.is_cluster() || self.epoch > Epoch(1) {
            return Ok(self.target_folders(url)?);
        }
        let (noted, known) = self.db.read(|db| Ok((stock::due(db, mailbox)?.is_some(), target::tracks_any(db, mailbox)?)))?;
        if known && !noted {
            return Ok(Vec::new());
        }
        let folders = self.target_folders(url)?;
        if !noted && !folders.is_empty() {
            let now_ms = self.now_ms();
            self.db.write(|tx| Ok(stock::call(tx, mailbox, "the store was there before its ledger", now_ms)?))?;
        }
        Ok(folders)
    }

    /// A store that is not there yet has no folders. An entry of it that cannot be read may be one, with items in it: that is waited
    /// for, and says nothing about the container.
    pub(super) fn target_folders(&self, url: &str) -> Result<Vec<FolderPath>, StoreError> {
        match self.around.stores.source(url).and_then(|mut store| store.folders()) {
            Ok(folders) => Ok(folders.into_iter().filter(|info| info.selectable).map(|info| info.path).collect()),
            Err(error) if error.away || error.retry == Retry::Later => Err(error),
            Err(error) if error.blast <= Blast::Folder => Err(StoreError { blast: Blast::Mailbox, retry: Retry::Later, ..error }
                .hint("let the service account read it, or move it out of the store")),
            Err(_) => Ok(Vec::new()),
        }
    }

    pub(super) fn commit_when_full(&mut self, import: &mut Import) -> Result<(), ApplyError> {
        let full = import.changes.len() >= self.policy.import_batch_items || import.staged_bytes >= self.policy.import_batch_bytes;
        if full { self.commit_batch(import) } else { Ok(()) }
    }

    pub(super) fn commit_batch(&mut self, import: &mut Import) -> Result<(), ApplyError> {
        self.flush(import)?;
        self.check_stop()?;
        let changes = std::mem::take(&mut import.changes);
        self.db.write(|tx| Ok(changes.write(tx, import.mailbox)?))?;
        import.staged_bytes = 0;
        Ok(())
    }

    /// The moment in which the target store changes. Whether this node may still change it (R2) is asked before, and before each single
    /// step whenever the last answer is older than its lease: a flush may take long, and its node may freeze in the middle of it.
    fn flush(&self, import: &mut Import) -> Result<(), ApplyError> {
        self.still_active()?;
        let mut halt = None;
        let flushed = import.store.flush_while(&mut || {
            self.may_still_change().map_err(|why| {
                let refused = StoreError::new(Blast::Store, Retry::Later, "change a store", String::new(), why.to_string());
                halt = Some(why);
                refused
            })
        });
        if let Some(halt) = halt {
            return Err(halt.into());
        }
        flushed?;
        import.settle();
        Ok(())
    }

    /// A store without tokens tells items apart by their bytes alone: it must know which of them are others (T11).
    fn tell_claims(&self, import: &mut Import, place: &FolderPath) -> Result<(), ApplyError> {
        let Import { store, everywhere, changes, mailbox, .. } = import;
        for folder in std::iter::once(place).chain(everywhere.iter()) {
            if store.asks_for_claims(folder)? {
                let mut taken = self.db.read(|db| Ok(target::ids_in(db, *mailbox, folder)?))?;
                taken.extend(changes.ids_in(folder));
                store.claim(folder, taken);
            }
        }
        Ok(())
    }

    fn apply_record(&mut self, import: &mut Import, record: Record) -> Result<(), ApplyError> {
        // A store behind a network is changed by the call itself, not by the flush.
        self.may_still_change()?;
        match record {
            Record::Folder { id, info } => import.folder(id, &info),
            Record::Item { folder, envelope, size, digest } => {
                let token = envelope.token;
                let tracked = match self.tracked(import, &token)? {
                    Some(old) if old.digest != digest && import.place(folder).is_ok() => {
                        self.old_version_goes(import, old).map(|()| None)?
                    }
                    tracked => tracked,
                };
                if tracked.is_none()
                    && let Ok(place) = import.place(folder)
                {
                    self.tell_claims(import, &place)?;
                }
                match import.item(folder, envelope, size, digest, tracked) {
                    Err(error) if error.blast == Blast::Item => import.skip(token, error.to_string()),
                    other => Ok(other?),
                }
            }
            Record::Marks { token, marks, .. } => match self.tracked(import, &token)? {
                Some(tracked) => import.update(tracked, None, marks),
                None => Ok(()),
            },
            Record::Moved { token, to, marks, .. } => match (self.tracked(import, &token)?, import.place(to)) {
                (Some(tracked), Ok(to)) => import.update(tracked, Some(to), marks),
                (Some(_), Err(reason)) => import.skip(token, reason),
                (None, _) => Ok(()),
            },
            Record::Gone { token, .. } => match self.tracked(import, &token)? {
                Some(tracked) => import.gone(tracked, self.policy.apply_deletions),
                None => import.gone_untracked(token, self.policy.apply_deletions),
            },
            Record::Receipt(receipt) => {
                import.receipts_again.extend((receipt.outcome == Outcome::Damaged).then_some(receipt.container.sequence));
                Ok(())
            }
            Record::Unanswered { sequence, epoch } => {
                import.unanswered.push(ContainerName { mailbox: import.mailbox, sequence, epoch });
                Ok(())
            }
            Record::Census(census) => self.compare(import, &census),
            Record::FolderGone { .. } | Record::Wanted { .. } => Ok(()),
        }
    }

    /// The same item with other bytes: both versions bear one token, by which a store would take the new one for the old. So the old
    /// one goes first, durably; the container holds the new one until it is there.
    fn old_version_goes(&mut self, import: &mut Import, old: Tracked) -> Result<(), ApplyError> {
        import.store.remove(&old.folder, &old.id)?;
        import.changes.set(old.token, None);
        self.commit_batch(import)
    }

    /// What is known of an item, this batch included.
    pub(super) fn tracked(&self, import: &Import, token: &Token) -> Result<Option<Tracked>, ApplyError> {
        match import.changes.tracked.get(token) {
            Some(staged) => Ok(staged.clone()),
            None => Ok(self.db.look_up(|db| target::tracked(db, import.mailbox, token))?),
        }
    }
}

impl Import {
    fn folder(&mut self, id: u32, info: &FolderInfo) -> Result<(), ApplyError> {
        let place = match self.store.ensure_folder(info) {
            Ok(path) => Ok(path),
            // A folder that can never be there takes only its own items with it, each listed.
            Err(error) if error.blast <= Blast::Folder && error.retry == Retry::Never => Err(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        self.folders.insert(id, place);
        Ok(())
    }

    /// Takes in what became of appends whose answers came with the flush.
    fn settle(&mut self) {
        let mut settled: HashMap<TargetId, Result<Appended, StoreError>> = self.store.settled().into_iter().collect();
        if settled.is_empty() {
            return;
        }
        let mut refused = Vec::new();
        for tracked in self.changes.tracked.values_mut().flatten() {
            match settled.remove(&tracked.id) {
                Some(Ok(appended)) => {
                    tracked.id = appended.id;
                    self.keywords_lost.extend(appended.keywords_lost);
                }
                Some(Err(error)) => refused.push((tracked.token, error.to_string())),
                None => {}
            }
        }
        for (token, reason) in refused {
            self.changes.forget(&token);
            self.counts.applied -= 1;
            self.counts.appended -= 1;
            self.skipped.push(Skipped { token, reason });
        }
    }

    pub(super) fn place(&self, id: u32) -> Result<FolderPath, String> {
        self.folders.get(&id).cloned().unwrap_or_else(|| Err(format!("its container does not say what folder {id} is")))
    }

    pub(super) fn skip(&mut self, token: Token, reason: String) -> Result<(), ApplyError> {
        self.skipped.push(Skipped { token, reason });
        Ok(())
    }

    fn item(&mut self, folder: u32, envelope: Envelope, size: u64, digest: Digest, tracked: Option<Tracked>) -> Result<(), StoreError> {
        let place = match self.place(folder) {
            Ok(place) => place,
            Err(reason) => {
                self.skipped.push(Skipped { token: envelope.token, reason });
                return Ok(());
            }
        };
        if let Some(tracked) = tracked {
            self.counts.already += 1;
            let to = (tracked.folder != place).then_some(place);
            return self.update_store(tracked, to, envelope.marks);
        }
        let wanted = Wanted { token: envelope.token, digest, size };
        let id = match self.find(&place, wanted, &envelope.marks)? {
            Some(id) => {
                self.counts.found += 1;
                id
            }
            None => {
                let appended = self.store.append(&place, &NewItem { envelope: &envelope, size }, &mut self.reader.body())?;
                self.keywords_lost.extend(appended.keywords_lost);
                self.counts.applied += 1;
                self.counts.appended += 1;
                self.staged_bytes += size;
                appended.id
            }
        };
        self.changes
            .set(envelope.token, Some(Tracked { token: envelope.token, folder: place, id, digest, marks: envelope.marks, gone: false }));
        Ok(())
    }

    /// Finds an item that an earlier run has appended, and brings it to its place with its marks.
    fn find(&mut self, place: &FolderPath, wanted: Wanted, marks: &Marks) -> Result<Option<TargetId>, StoreError> {
        let wanted = [wanted];
        let mut found = self.store.locate(place, &wanted)?.into_iter().next().flatten();
        for folder in &self.everywhere {
            if found.is_some() {
                break;
            }
            if let Some(id) = self.store.locate(folder, &wanted)?.into_iter().next().flatten() {
                found = self.store.move_item(folder, &id, place)?;
            }
        }
        match found {
            Some(id) => Ok(Some(self.store.set_marks(place, &id, marks)?.unwrap_or(id))),
            None => Ok(None),
        }
    }

    pub(super) fn update(&mut self, tracked: Tracked, to: Option<FolderPath>, marks: Marks) -> Result<(), ApplyError> {
        self.counts.applied += 1;
        Ok(self.update_store(tracked, to, marks)?)
    }

    /// Brings folder and marks of a tracked item to what they should be. An item that a user has deleted at the target
    /// stays deleted.
    fn update_store(&mut self, mut tracked: Tracked, to: Option<FolderPath>, marks: Marks) -> Result<(), StoreError> {
        if let Some(to) = to.filter(|to| *to != tracked.folder)
            && let Some(id) = self.move_there(&tracked, &to)?
        {
            tracked.id = id;
            tracked.folder = to;
        }
        // Even when the ledger knows these marks: a predecessor that was not replicated may have set others.
        if let Some(id) = self.store.set_marks(&tracked.folder, &tracked.id, &marks)? {
            tracked.id = id;
        }
        tracked.marks = marks;
        tracked.gone = false;
        self.changes.set(tracked.token, Some(tracked));
        Ok(())
    }

    /// After an interrupted run the item may have been moved already.
    fn move_there(&mut self, tracked: &Tracked, to: &FolderPath) -> Result<Option<TargetId>, StoreError> {
        if let Some(id) = self.store.move_item(&tracked.folder, &tracked.id, to)? {
            return Ok(Some(id));
        }
        let wanted = [Wanted { token: tracked.token, digest: tracked.digest, size: 0 }];
        Ok(self.store.locate(to, &wanted)?.into_iter().next().flatten())
    }

    pub(super) fn gone(&mut self, mut tracked: Tracked, apply: bool) -> Result<(), ApplyError> {
        self.counts.applied += 1;
        if apply {
            self.store.remove(&tracked.folder, &tracked.id)?;
            self.changes.set(tracked.token, None);
        } else {
            tracked.gone = true;
            self.changes.set(tracked.token, Some(tracked));
        }
        Ok(())
    }

    /// A predecessor that was not replicated may have appended it. A store that keeps no tokens cannot find it: no bytes are known.
    fn gone_untracked(&mut self, token: Token, apply: bool) -> Result<(), ApplyError> {
        let wanted = Wanted { token, digest: Digest::default(), size: 0 };
        match locate_in(self.store.as_mut(), &self.everywhere, wanted)? {
            Some((folder, id)) => {
                self.gone(Tracked { token, folder, id, digest: Digest::default(), marks: Marks::default(), gone: false }, apply)
            }
            None => Ok(()),
        }
    }
}

/// The first of these folders that holds the item.
pub(super) fn locate_in(
    store: &mut dyn MailTarget,
    folders: &[FolderPath],
    wanted: Wanted,
) -> Result<Option<(FolderPath, TargetId)>, StoreError> {
    let wanted = [wanted];
    for folder in folders {
        if let Some(id) = store.locate(folder, &wanted)?.into_iter().next().flatten() {
            return Ok(Some((folder.clone(), id)));
        }
    }
    Ok(None)
}

pub(super) fn unreadable(name: &mailferry_rules::ids::ContainerName, error: &crate::prv::PrvError) -> StoreError {
    StoreError::new(Blast::Mailbox, Retry::Later, "read a container", name.to_string(), error.to_string())
}
