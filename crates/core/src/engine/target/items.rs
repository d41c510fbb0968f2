//! The items of one container, on their way into the target store: found or appended, moved, marked, removed; what came of each is staged.

use std::collections::HashMap;

use mailferry_rules::ids::{ContainerName, MailboxId, Sequence};

use super::apply::{ApplyCounts, ApplyError};
use super::changes::Changes;
use crate::model::{Beside, Digest, Envelope, FolderInfo, FolderPath, Marks, Skipped, SwitchId, TargetId, Token, Unread, Was};
use crate::passage::Passage;
use crate::ports::{Appended, Blast, MailTarget, NewItem, ReadSeek, Retry, StoreError, Wanted};
use crate::prv::Reader;
use crate::state::Database;
use crate::state::ledger::beside;
use crate::state::ledger::manifest::LeftOut;
use crate::state::ledger::target::{self, Tracked};
use crate::state::ledger::unread::Known;

/// One container being applied.
pub(super) struct Import {
    pub(super) mailbox: MailboxId,
    container: ContainerName,
    pub(super) store: Box<dyn MailTarget>,
    pub(super) reader: Reader<Box<dyn ReadSeek>>,
    /// Folders of the mailbox in which an untracked item may lie, besides its own.
    pub(super) everywhere: Vec<FolderPath>,
    /// Folders of this container: where they are at the target, or why they cannot be there.
    folders: HashMap<u32, Result<FolderPath, String>>,
    /// What they are called at the source.
    sources: HashMap<u32, FolderPath>,
    /// Out of the archive, or kept and applied again: older than what has been applied since.
    pub(super) restored: bool,
    /// What is here already may be what is sent; of items that the source has deleted, and that stand here all the same, whose they were.
    pub(super) adopts: Option<HashMap<(FolderPath, TargetId), Token>>,
    /// What a census does not name stays: it may be gone without having been deleted (R83).
    pub(super) spares: bool,
    /// Items that were somebody's are nobody's any more.
    pub(super) released: bool,
    /// Once it was asked.
    pub(super) tells_by: Option<TellsBy>,
    /// A predecessor may have moved items without this ledger's knowing (R14).
    pub(super) forgot: bool,
    pub(super) changes: Changes,
    pub(super) counts: ApplyCounts,
    pub(super) skipped: Vec<Skipped>,
    pub(super) staged_bytes: u64,
    pub(super) keywords_lost: Vec<String>,
    /// What of that which stands beside items is not kept.
    pub(super) beside_lost: Vec<String>,
    pub(super) receipts_again: Vec<Sequence>,
    pub(super) unanswered: Vec<ContainerName>,
    /// The source's question about its switch, and whether it is the last one.
    pub(super) ready: Option<(SwitchId, bool)>,
}

impl Import {
    pub(super) fn new(
        container: ContainerName,
        store: Box<dyn MailTarget>,
        reader: Reader<Box<dyn ReadSeek>>,
        everywhere: Vec<FolderPath>,
        changes: Changes,
    ) -> Import {
        Import {
            mailbox: container.mailbox,
            container,
            store,
            reader,
            everywhere,
            folders: HashMap::new(),
            sources: HashMap::new(),
            restored: false,
            adopts: None,
            spares: false,
            released: false,
            tells_by: None,
            forgot: false,
            changes,
            counts: ApplyCounts::default(),
            skipped: Vec::new(),
            staged_bytes: 0,
            keywords_lost: Vec::new(),
            beside_lost: Vec::new(),
            receipts_again: Vec::new(),
            unanswered: Vec::new(),
            ready: None,
        }
    }

    pub(super) fn folder(&mut self, db: &Database, id: u32, info: &FolderInfo) -> Result<(), ApplyError> {
        let place = match self.store.ensure_folder(info) {
            Ok(path) => {
                self.close_new_folders(db)?;
                Ok(path)
            }
            // A folder that can never be there takes only its own items with it, each listed.
            Err(error) if error.blast <= Blast::Folder && error.retry == Retry::Never => Err(error.to_string()),
            Err(error) => return Err(error.into()),
        };
        if let (Ok(place), true) = (&place, info.selectable) {
            self.changes.came_from(place.clone(), info.path.clone());
        }
        self.folders.insert(id, place);
        self.sources.insert(id, info.path.clone());
        Ok(())
    }

    /// A folder that somebody had removed at the target and that is there again has what it inherits: before any mail comes into it, it
    /// gets what it had.
    fn close_new_folders(&mut self, db: &Database) -> Result<(), ApplyError> {
        for folder in self.store.new_folders() {
            if let Some(given) = db.read(|db| Ok(beside::given(db, self.mailbox, &folder)?))? {
                self.beside_lost.extend(self.store.set_beside(&folder, &given)?);
            }
        }
        Ok(())
    }

    pub(super) fn beside(&mut self, folder: u32, beside: Beside) -> Result<(), ApplyError> {
        match self.place(folder) {
            Ok(place) => {
                self.beside_lost.extend(self.store.set_beside(&place, &beside)?);
                self.changes.give(place, beside);
            }
            Err(reason) => self.beside_lost.push(reason),
        }
        Ok(())
    }

    /// Takes in what became of appends whose answers came with the flush.
    pub(super) fn settle(&mut self) {
        let mut settled: HashMap<TargetId, Result<Appended, StoreError>> = self.store.settled().into_iter().collect();
        if settled.is_empty() {
            return;
        }
        let mut refused = Vec::new();
        for tracked in self.changes.tracked.values_mut().flatten() {
            match settled.remove(&tracked.id) {
                Some(Ok(appended)) => {
                    self.keywords_lost.extend(appended.keywords_lost.iter().cloned());
                    let Appended { id, keywords_lost, altered, likeness } = appended;
                    tracked.id = id;
                    tracked.passage = Passage { keywords_lost, altered, likeness, ..std::mem::take(&mut tracked.passage) };
                }
                Some(Err(error)) => refused.push((tracked.clone(), error.to_string())),
                None => {}
            }
        }
        for (Tracked { token, folder, digest, passage, .. }, reason) in refused {
            self.changes.forget(&token);
            self.counts.applied -= 1;
            self.counts.appended -= 1;
            let known = self.folders.iter().find(|(_, place)| place.as_ref() == Ok(&folder)).map(|(id, _)| *id);
            self.leave_out(token, known, Some((passage.size.unwrap_or(0), digest)), reason);
        }
    }

    pub(super) fn place(&self, id: u32) -> Result<FolderPath, String> {
        self.folders.get(&id).cloned().unwrap_or_else(|| Err(format!("its container does not say what folder {id} is")))
    }

    pub(super) fn unread(&mut self, first: bool, items: Vec<Unread>) {
        let known = items.into_iter().map(|Unread { token, folder, size, reason }| Known {
            token,
            folder: self.sources.get(&folder).cloned(),
            size,
            reason,
        });
        self.changes.unread(first, known);
    }

    pub(super) fn skip(&mut self, token: Token, reason: String) -> Result<(), ApplyError> {
        self.leave_out(token, None, None, reason);
        Ok(())
    }

    /// `folder`: where it is at the source, `bytes`: their number and digest, as far as the container says so.
    pub(super) fn leave_out(&mut self, token: Token, folder: Option<u32>, bytes: Option<(u64, Digest)>, reason: String) {
        let ContainerName { sequence, epoch, .. } = self.container;
        self.changes.leave_out(LeftOut {
            token,
            folder: folder.and_then(|id| self.sources.get(&id).cloned()),
            container: (sequence, epoch),
            size: bytes.map(|(size, _)| size),
            digest: bytes.map(|(_, digest)| digest),
            reason: reason.clone(),
        });
        self.skipped.push(Skipped { token, reason });
    }

    pub(super) fn item(
        &mut self,
        db: &Database,
        folder: u32,
        envelope: Envelope,
        size: u64,
        digest: Digest,
        tracked: Option<Tracked>,
    ) -> Result<(), ApplyError> {
        let place = match self.place(folder) {
            Ok(place) => place,
            Err(reason) => {
                self.leave_out(envelope.token, Some(folder), Some((size, digest)), reason);
                return Ok(());
            }
        };
        if let Some(tracked) = tracked {
            self.counts.already += 1;
            let to = (tracked.folder != place).then_some(place);
            return self.update_store(db, tracked, to, envelope.marks);
        }
        let date = Some(envelope.date.seconds);
        let wanted = Wanted { token: envelope.token, digest, likeness: None, size, date };
        let ContainerName { sequence, epoch, .. } = self.container;
        let mut passage = Passage { container: Some((sequence, epoch)), size: Some(size), ..Passage::default() };
        let id = match self.find(db, &place, wanted, &envelope)? {
            Some(id) => {
                self.counts.found += 1;
                id
            }
            None => {
                let appended = self.store.append(&place, &NewItem { envelope: &envelope, size }, &mut self.reader.body())?;
                self.keywords_lost.extend(appended.keywords_lost.iter().cloned());
                self.counts.applied += 1;
                self.counts.appended += 1;
                self.staged_bytes += size;
                let Appended { id, keywords_lost, altered, likeness } = appended;
                passage = Passage { keywords_lost, altered, likeness, ..passage };
                id
            }
        };
        let tracked = Tracked { token: envelope.token, folder: place, id, digest, marks: envelope.marks, gone: false, date, passage };
        self.changes.set(tracked.token, Some(tracked));
        Ok(())
    }

    /// Finds an item that an earlier run has appended, and brings it to its place with its marks. Where nothing but the bytes tells, the
    /// one with its date is looked for everywhere first: another with the same bytes is its twin.
    fn find(&mut self, db: &Database, place: &FolderPath, wanted: Wanted, envelope: &Envelope) -> Result<Option<TargetId>, ApplyError> {
        let mut found = self.find_one(place, &wanted)?;
        let usual = wanted.date.is_some_and(|date| USUAL_DATES.contains(&date));
        // Where a switch was taken back, twins of other dates are expected, and ours have kept theirs.
        let loose = found.is_none() && self.store.tells_by_bytes() && !self.spares;
        if loose && (!usual || self.tells_by(db)? == TellsBy::Bytes) {
            found = self.find_one(place, &Wanted { date: None, ..wanted })?;
        }
        match found {
            Some(id) => Ok(Some(self.store.set_marks(place, &id, &envelope.marks)?.unwrap_or(id))),
            None => Ok(None),
        }
    }

    fn tells_by(&mut self, db: &Database) -> Result<TellsBy, ApplyError> {
        // What others have put there may have come without its date.
        if self.adopts.is_some() {
            return Ok(TellsBy::at_least(self.store.as_ref()));
        }
        if let Some(known) = self.tells_by {
            return Ok(known);
        }
        let by = TellsBy::of(db, self.store.as_mut(), self.mailbox)?;
        self.tells_by = Some(by);
        Ok(by)
    }

    fn find_one(&mut self, place: &FolderPath, wanted: &Wanted) -> Result<Option<TargetId>, StoreError> {
        let mut found = locate_one(self.store.as_mut(), place, wanted)?;
        let adopts = self.adopts.is_some();
        let mut was = found.clone().filter(|_| adopts).map(|id| (place.clone(), id));
        for folder in &self.everywhere {
            if found.is_some() {
                break;
            }
            if let Some(id) = locate_one(self.store.as_mut(), folder, wanted)? {
                found = self.store.move_item(folder, &id, place)?;
                was = adopts.then(|| (folder.clone(), id));
            }
        }
        // It was another item before, which its source has deleted.
        if let Some(old) = self.adopts.as_mut().zip(was).and_then(|(left, was)| left.remove(&was)).filter(|old| *old != wanted.token) {
            self.changes.set(old, None);
        }
        Ok(found)
    }

    /// Where a switch was taken back, what has the bytes of a message that is gone bears its token: with another date it is another one,
    /// which stands in its place.
    pub(super) fn is_twin(&self, tracked: &Tracked, envelope: &Envelope) -> bool {
        self.spares && tracked.date.is_some_and(|date| date != envelope.date.seconds)
    }

    /// Tells the store which items of a folder are others than those that are looked for.
    pub(super) fn tell_claims(&mut self, db: &Database, folder: &FolderPath) -> Result<(), ApplyError> {
        let mailbox = self.mailbox;
        let Some(left) = &mut self.adopts else { return tell_claims(db, self.store.as_mut(), mailbox, &self.changes, folder) };
        let known = || {
            let rows = db.read(|db| Ok(target::owned_in(db, mailbox, folder)?))?;
            // What the source has deleted and this target has kept is nobody's any more.
            let (gone, there): (Vec<_>, Vec<_>) = rows.into_iter().partition(|(.., gone)| *gone);
            left.extend(gone.into_iter().map(|(id, token, _)| ((folder.clone(), id), token)));
            Ok(there.into_iter().map(|(id, ..)| id).collect())
        };
        claim_all(self.store.as_mut(), &self.changes, folder, known)
    }

    pub(super) fn update(&mut self, db: &Database, tracked: Tracked, to: Option<FolderPath>, marks: Marks) -> Result<(), ApplyError> {
        self.counts.applied += 1;
        self.update_store(db, tracked, to, marks)
    }

    /// Brings folder and marks of a tracked item to what they should be. An item that a user has deleted at the target
    /// stays deleted.
    fn update_store(&mut self, db: &Database, mut tracked: Tracked, to: Option<FolderPath>, marks: Marks) -> Result<(), ApplyError> {
        let place = to.unwrap_or_else(|| tracked.folder.clone());
        if place != tracked.folder
            && let Some(id) = self.move_there(db, &tracked, &place)?
        {
            tracked.id = id;
            tracked.folder = place.clone();
        }
        // Even when the ledger knows these marks: a predecessor that was not replicated may have set others.
        if let Some(id) = self.store.set_marks(&tracked.folder, &tracked.id, &marks)? {
            tracked.id = id;
        } else if let Some((folder, id)) = self.where_it_went(db, &tracked)? {
            let id = self.store.set_marks(&folder, &id, &marks)?.unwrap_or(id);
            (tracked.folder, tracked.id) = match self.store.move_item(&folder, &id, &place)? {
                Some(id) => (place, id),
                None => (folder, id),
            };
        }
        tracked.marks = marks;
        tracked.gone = false;
        self.changes.set(tracked.token, Some(tracked));
        Ok(())
    }

    /// After an interrupted run the item may have been moved already.
    fn move_there(&mut self, db: &Database, tracked: &Tracked, to: &FolderPath) -> Result<Option<TargetId>, ApplyError> {
        if let Some(id) = self.store.move_item(&tracked.folder, &tracked.id, to)? {
            return Ok(Some(id));
        }
        self.tell_claims(db, to)?;
        let by = self.tells_by(db)?;
        let mut ways = strict_then_loose(tracked, by);
        Ok(ways.find_map(|wanted| locate_one(self.store.as_mut(), to, &wanted).transpose()).transpose()?)
    }

    /// Where a predecessor that was not replicated has put an item that is not where the ledger has it.
    fn where_it_went(&mut self, db: &Database, tracked: &Tracked) -> Result<Option<(FolderPath, TargetId)>, ApplyError> {
        if !self.forgot {
            return Ok(None);
        }
        let strict = strict_then_loose(tracked, TellsBy::at_least(self.store.as_ref())).next();
        strict.map_or(Ok(None), |wanted| self.look_everywhere(db, wanted))
    }

    fn look_everywhere(&mut self, db: &Database, wanted: Wanted) -> Result<Option<(FolderPath, TargetId)>, ApplyError> {
        for folder in self.everywhere.clone() {
            self.tell_claims(db, &folder)?;
        }
        Ok(locate_in(self.store.as_mut(), &self.everywhere, wanted)?)
    }

    pub(super) fn gone(&mut self, db: &Database, mut tracked: Tracked, apply: bool) -> Result<(), ApplyError> {
        self.counts.applied += 1;
        if apply {
            if self.forgot
                && self.store.set_marks(&tracked.folder, &tracked.id, &tracked.marks)?.is_none()
                && let Some(place) = self.where_it_went(db, &tracked)?
            {
                (tracked.folder, tracked.id) = place;
            }
            self.store.remove(&tracked.folder, &tracked.id)?;
            self.changes.take_away(tracked);
        } else {
            tracked.gone = true;
            self.changes.set(tracked.token, Some(tracked));
        }
        Ok(())
    }

    /// A predecessor that was not replicated may have appended it. A store without tokens finds it by its bytes and its date.
    pub(super) fn gone_untracked(&mut self, db: &Database, token: Token, was: Option<Was>, apply: bool) -> Result<(), ApplyError> {
        let Was { digest, size, date } = was.unwrap_or(Was { digest: Digest::default(), size: 0, date: 0 });
        let date = self.store.tells_by_bytes().then_some(date);
        match self.look_everywhere(db, Wanted { token, digest, likeness: None, size, date })? {
            Some((folder, id)) => self.gone(db, Tracked::found(token, folder, id, digest, Marks::default()), apply),
            None => {
                // Where it was asked for, it will not come any more.
                self.changes.set(token, None);
                Ok(())
            }
        }
    }
}

/// A store without tokens tells items apart by their bytes alone: before it looks for one in a folder it must know which of those
/// there are others (T11).
pub(super) fn tell_claims(
    db: &Database,
    store: &mut dyn MailTarget,
    mailbox: MailboxId,
    staged: &Changes,
    folder: &FolderPath,
) -> Result<(), ApplyError> {
    claim_all(store, staged, folder, || Ok(db.read(|db| Ok(target::ids_in(db, mailbox, folder)?))?))
}

/// The same where others are `known` than those that the ledger tracks.
pub(super) fn claim_all(
    store: &mut dyn MailTarget,
    staged: &Changes,
    folder: &FolderPath,
    known: impl FnOnce() -> Result<Vec<TargetId>, ApplyError>,
) -> Result<(), ApplyError> {
    if store.asks_for_claims(folder)? {
        let mut taken = known()?;
        taken.extend(staged.ids_in(folder));
        store.claim(folder, taken);
    }
    Ok(())
}

/// By what a store tells items apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::engine) enum TellsBy {
    Token,
    /// It may have given them dates of its own.
    Bytes,
    BytesAndDate,
}

impl TellsBy {
    /// Without asking whether it keeps dates.
    pub(super) fn at_least(store: &dyn MailTarget) -> TellsBy {
        if store.tells_by_bytes() { TellsBy::Bytes } else { TellsBy::Token }
    }

    pub(super) fn of(db: &Database, store: &mut dyn MailTarget, mailbox: MailboxId) -> Result<TellsBy, ApplyError> {
        match TellsBy::at_least(store) {
            TellsBy::Bytes if keeps_dates(db, store, mailbox)? => Ok(TellsBy::BytesAndDate),
            by => Ok(by),
        }
    }
}

/// A store that has kept the date of one item keeps them: what has another date is another item.
fn keeps_dates(db: &Database, store: &mut dyn MailTarget, mailbox: MailboxId) -> Result<bool, ApplyError> {
    for item in db.read(|db| Ok(target::some(db, mailbox)?))? {
        if item.date.is_some() && store.date_of(&item.folder, &item.id)? == item.date {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Dates that every server can keep; others may have been changed on the way.
const USUAL_DATES: std::ops::RangeInclusive<i64> = 0..=i32::MAX as i64;

/// How often an item that is tracked is looked for, at most.
pub(super) const WAYS: usize = 3;

/// How an item that is tracked is looked for. Where bytes alone tell, with its date first: another with the same bytes is its twin. At
/// last by what the store may have made of them: nobody else with these bytes is left then.
pub(super) fn strict_then_loose(item: &Tracked, by: TellsBy) -> impl Iterator<Item = Wanted> + use<> {
    let by_bytes = by != TellsBy::Token;
    let strict = Wanted { token: item.token, digest: item.digest, likeness: None, size: 0, date: item.date.filter(|_| by_bytes) };
    let loose =
        strict.date.filter(|date| by == TellsBy::Bytes || !USUAL_DATES.contains(date)).map(|_| Wanted { date: None, ..strict.clone() });
    let alike = item.passage.likeness.filter(|_| by_bytes).map(|likeness| Wanted { likeness: Some(likeness), ..strict.clone() });
    std::iter::once(strict).chain(loose).chain(alike)
}

pub(super) fn locate_one(store: &mut dyn MailTarget, folder: &FolderPath, wanted: &Wanted) -> Result<Option<TargetId>, StoreError> {
    Ok(store.locate(folder, std::slice::from_ref(wanted))?.into_iter().next().flatten())
}

/// The first of these folders that holds the item.
pub(super) fn locate_in(
    store: &mut dyn MailTarget,
    folders: &[FolderPath],
    wanted: Wanted,
) -> Result<Option<(FolderPath, TargetId)>, StoreError> {
    for folder in folders {
        if let Some(id) = locate_one(store, folder, &wanted)? {
            return Ok(Some((folder.clone(), id)));
        }
    }
    Ok(None)
}
