//! The records of a container, each exactly once (R42).
//!
//! An item is known by its token. Tracked: it is there, only its marks or folder may change. Not tracked: it is looked for at
//! the target, and appended only when it is not there; where an activation was before this one, which is so on a cluster or
//! after a lost database, in every folder. Items go in batches: staged, made durable by one flush, then entered in the ledger in
//! one transaction. A kill leaves at most a batch whose items stand at the target without their rows; a predecessor that was not
//! replicated may leave more. All are found by token.
//!
//! The road not taken: looking only after an interruption. How far a predecessor got beyond what it replicated, nobody knows.

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};

use super::changes::Changes;
use super::items::{Import, TellsBy};
use crate::engine::agent::{Agent, Halt};
use crate::engine::intake::Incoming;
use crate::model::{FolderPath, Outcome, Skipped, SwitchId, Token};
use crate::ports::{Blast, Level, MailTarget, Retry, StoreError};
use crate::prv::Record;
use crate::state::StateError;
use crate::state::ledger::target::{self, Tracked};
use crate::state::ledger::{inbound, serving, stock};
use crate::trouble::Trouble;

/// A store that stays open from one container of its mailbox to the next.
pub(in crate::engine) struct OpenStore {
    mailbox: MailboxId,
    store: Box<dyn MailTarget>,
    /// That it keeps dates need not be asked again.
    tells_by: Option<TellsBy>,
}

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

/// A container applied as far as the store is concerned; `changes` are still to be committed.
pub(super) struct Applied {
    pub changes: Changes,
    pub counts: ApplyCounts,
    pub skipped: Vec<Skipped>,
    /// Containers of receipts that the source could not use.
    pub receipts_again: Vec<Sequence>,
    /// Containers whose receipts it lacks.
    pub unanswered: Vec<ContainerName>,
    /// The source's question about its switch, and whether it is the last one.
    pub ready: Option<(SwitchId, bool)>,
}

impl Agent {
    pub(super) fn apply_container(&mut self, incoming: Incoming) -> Result<Applied, ApplyError> {
        let mailbox = incoming.name.mailbox;
        let url = self.target_store(mailbox);
        // First, so that a store behind a network lends the connection of this look to the one that writes.
        let everywhere = self.everywhere(mailbox, &url)?;
        self.apply_to(incoming, &url, everywhere)
    }

    /// `everywhere`: folders in which an item may stand that is not tracked.
    pub(super) fn apply_to(&mut self, incoming: Incoming, url: &str, everywhere: Vec<FolderPath>) -> Result<Applied, ApplyError> {
        let mailbox = incoming.name.mailbox;
        let (store, tells_by) = match self.open_store.take() {
            Some(open) if open.mailbox == mailbox => (open.store, open.tells_by),
            _ => (self.open_target(mailbox, url)?, None),
        };
        if store.tells_by_bytes() {
            self.intend(&incoming)?;
        }
        let (guarded, has_forgotten) =
            self.db.read(|db| Ok((serving::copy(db, mailbox)?.is_some(), stock::due(db, mailbox)?.is_some())))?;
        let changes = Changes::of(guarded.then_some(incoming.name));
        let mut import = Import::new(incoming.name, store, incoming.reader, everywhere, changes);
        import.restored = incoming.restored;
        import.forgot = has_forgotten;
        import.tells_by = tells_by;
        while let Some(record) = import.reader.next().map_err(|error| unreadable(&incoming.name, &error))? {
            self.may_still_change()?;
            match record {
                Record::Adopt { spares } => self.adopt_existing(&mut import, spares, url)?,
                record => self.apply_record(&mut import, record)?,
            }
            self.commit_when_full(&mut import)?;
        }
        self.flush(&mut import)?;
        if !import.keywords_lost.is_empty() {
            import.keywords_lost.sort();
            import.keywords_lost.dedup();
            let text = format!("{}: the store cannot keep these keywords: {}", incoming.name, import.keywords_lost.join(" "));
            self.event("keywords.lost", Level::Warning, text);
        }
        if !import.beside_lost.is_empty() {
            let text = format!("{}: not kept at the target: {}", incoming.name, import.beside_lost.join("; "));
            self.event("beside.lost", Level::Warning, text);
        }
        // What it was told to be others' may be nobody's since: the next container opens it anew.
        let tells_by = import.tells_by.filter(|by| *by == TellsBy::BytesAndDate);
        self.open_store = (!import.released).then_some(OpenStore { mailbox, store: import.store, tells_by });
        let Import { changes, counts, skipped, receipts_again, unanswered, ready, .. } = import;
        Ok(Applied { changes, counts, skipped, receipts_again, unanswered, ready })
    }

    /// What stands here may be what is sent, though nothing here has brought it: it is looked for by its bytes, in every folder.
    fn adopt_existing(&mut self, import: &mut Import, spares: bool, url: &str) -> Result<(), ApplyError> {
        import.spares |= spares;
        import.adopts.get_or_insert_default();
        let ours = import.reader.index().iter().map(|item| item.token).collect();
        match import.store.adopt(ours) {
            // Mail goes on after an undo, also where it may come twice.
            Err(error) if spares => self.tell("store.cannot-adopt", Level::Warning, Trouble::from(error).to_string()),
            adopted => adopted?,
        }
        if import.everywhere.is_empty() {
            import.everywhere = self.target_folders(url)?;
        }
        Ok(())
    }

    /// What the index of the container names.
    fn intend(&mut self, incoming: &Incoming) -> Result<(), ApplyError> {
        let begun = self.db.read(|db| Ok(inbound::intended(db, &incoming.name)?.is_some() || inbound::is_taken(db, &incoming.name)?))?;
        if begun || incoming.reader.index().is_empty() {
            return Ok(());
        }
        let items: Vec<_> = incoming.reader.index().iter().map(|item| (item.token, item.digest)).collect();
        Ok(self.db.write(|tx| Ok(inbound::intend(tx, &incoming.name, &items)?))?)
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
    /// the database was lost, or of a whole installation whose databases and claims are gone. What is asked for at the source may be
    /// in another folder than it should.
    fn everywhere(&mut self, mailbox: MailboxId, url: &str) -> Result<Vec<FolderPath>, ApplyError> {
        if self.around.own.is_cluster() || self.epoch > Epoch(1) {
            return Ok(self.target_folders(url)?);
        }
        let (noted, known) = self.db.read(|db| {
            let noted = stock::due(db, mailbox)?.is_some() || stock::wants_any(db, mailbox)?;
            Ok((noted, target::tracks_any(db, mailbox)?))
        })?;
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
        let changes = import.changes.batch();
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

    fn apply_record(&mut self, import: &mut Import, record: Record) -> Result<(), ApplyError> {
        // A store behind a network is changed by the call itself, not by the flush.
        self.may_still_change()?;
        match record {
            Record::Folder { id, info } => import.folder(&self.db, id, &info),
            Record::Item { folder, envelope, size, digest } => {
                let token = envelope.token;
                let tracked = match self.tracked(import, &token)? {
                    Some(old) if (old.digest != digest || import.is_twin(&old, &envelope)) && import.place(folder).is_ok() => {
                        self.old_version_goes(import, old).map(|()| None)?
                    }
                    tracked => tracked,
                };
                if tracked.is_none()
                    && let Ok(place) = import.place(folder)
                {
                    let everywhere = std::mem::take(&mut import.everywhere);
                    for folder in std::iter::once(&place).chain(&everywhere) {
                        import.tell_claims(&self.db, folder)?;
                    }
                    import.everywhere = everywhere;
                }
                match import.item(&self.db, folder, envelope, size, digest, tracked) {
                    Err(ApplyError::Store(error)) if error.blast == Blast::Item => {
                        import.leave_out(token, Some(folder), Some((size, digest)), error.to_string());
                        Ok(())
                    }
                    other => other,
                }
            }
            Record::Marks { token, marks, .. } => match self.tracked(import, &token)? {
                Some(tracked) => import.update(&self.db, tracked, None, marks),
                None => Ok(()),
            },
            Record::Moved { token, to, marks, .. } => match (self.tracked(import, &token)?, import.place(to)) {
                (Some(tracked), Ok(to)) => import.update(&self.db, tracked, Some(to), marks),
                (Some(_), Err(reason)) => import.skip(token, reason),
                (None, _) => Ok(()),
            },
            Record::Gone { token, was, .. } => match self.tracked(import, &token)? {
                Some(tracked) => import.gone(&self.db, tracked, self.policy.apply_deletions),
                None => import.gone_untracked(&self.db, token, was, self.policy.apply_deletions),
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
            Record::Unread { first, items } => {
                if !import.restored {
                    import.unread(first, items);
                }
                Ok(())
            }
            // It is older than what was set since: the source has sent it again meanwhile, or the ledger knows what came last.
            Record::Beside { .. } if import.restored => Ok(()),
            Record::Beside { folder, beside } => import.beside(folder, beside),
            // Out of the archive it is a question of the past.
            Record::Ready { switch, last } => {
                import.ready = (!import.restored).then_some((switch, last));
                Ok(())
            }
            Record::FolderGone { .. } | Record::Wanted { .. } | Record::Confirmed { .. } | Record::Adopt { .. } => Ok(()),
        }
    }

    /// The same item with other bytes: both versions bear one token, by which a store would take the new one for the old. So the old
    /// one goes first, durably; the container holds the new one until it is there.
    fn old_version_goes(&mut self, import: &mut Import, old: Tracked) -> Result<(), ApplyError> {
        import.store.remove(&old.folder, &old.id)?;
        import.changes.take_away(old);
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

pub(super) fn unreadable(name: &mailferry_rules::ids::ContainerName, error: &crate::prv::PrvError) -> StoreError {
    StoreError::new(Blast::Mailbox, Retry::Later, "read a container", name.to_string(), error.to_string())
}
