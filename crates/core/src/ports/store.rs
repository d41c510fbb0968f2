//! Mail stores. The contracts here are laws in `crates/conformance`, which every store passes.

use std::collections::HashSet;
use std::io::Read;

use crate::model::{Beside, Digest, Envelope, FolderInfo, FolderPath, Identity, InternalDate, ItemKey, Marks, TargetId, Token};
use crate::passage::Altered;

/// One mailbox, read only (R20): nothing here may change a byte, a name or a timestamp of the source, access times set
/// aside.
pub trait MailSource: Send {
    /// For people, such as `maildir:/var/mail/alice`.
    fn describe(&self) -> String;

    /// All folders, parents before children, each once. A mailbox without any folder is an error, never a success (T18).
    fn folders(&mut self) -> Result<Vec<FolderInfo>, StoreError>;

    /// Asked of a folder that held items once and that `folders` does not name as one that does: fine only if it is gone for certain.
    /// Whatever stands in its place, as a mount point, a damaged file or a link, is an error of that folder: of what cannot be read
    /// nobody knows that it is gone.
    fn confirm_gone(&mut self, folder: &FolderPath) -> Result<(), StoreError>;

    /// Every item of a folder, in a stable order (arrival order where the store knows it). Items that appear or vanish
    /// meanwhile may or may not be seen. Must not read message bytes where the store can avoid it: this runs on every pass.
    fn scan(&mut self, folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError>;

    /// The same for items behind this one in the order of a scan; a store that cannot begin there begins at the first. Ends early
    /// when `each` answers false.
    fn scan_after(
        &mut self,
        folder: &FolderPath,
        after: Option<&ItemKey>,
        each: &mut dyn FnMut(SeenItem) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        let _ = after;
        let mut enough = false;
        self.scan(folder, &mut |item| {
            enough = enough || !each(item)?;
            Ok(())
        })
    }

    /// How many items a folder has.
    fn count(&mut self, folder: &FolderPath) -> Result<u64, StoreError> {
        let mut count = 0;
        self.scan(folder, &mut |_| {
            count += 1;
            Ok(())
        })?;
        Ok(count)
    }

    /// Whether there is any item in any folder. What cannot be read may hold some.
    fn holds_any(&mut self) -> bool {
        let Ok(folders) = self.folders() else { return true };
        folders.iter().filter(|folder| folder.selectable).any(|folder| {
            let mut any = false;
            let scanned = self.scan_after(&folder.path, None, &mut |_| {
                any = true;
                Ok(false)
            });
            scanned.is_err() || any
        })
    }

    /// Some bytes that stay the same while nothing in the folder changes, as it was when `folders` was last called, and that never come
    /// again once something has, not even where the folder is as it was. `None`: a scan must tell.
    fn stamp(&mut self, folder: &FolderPath) -> Result<Option<Vec<u8>>, StoreError> {
        let _ = folder;
        Ok(None)
    }

    /// What differs in a folder from how it was when it had this stamp. `None`: the store cannot tell, or it is more than should be held,
    /// and a scan must tell.
    fn changes_since(&mut self, folder: &FolderPath, stamp: &[u8]) -> Result<Option<Delta>, StoreError> {
        let (_, _) = (folder, stamp);
        Ok(None)
    }

    /// Says which items will be opened next, in this order, so that a store at the end of a long line can fetch ahead.
    fn expect(&mut self, folder: &FolderPath, keys: &mut dyn Iterator<Item = &ItemKey>) -> Result<(), StoreError> {
        let (_, _) = (folder, keys);
        Ok(())
    }

    /// What stands beside the items of each folder, as far as the store keeps such things: the rights of others than the owner, and
    /// annotations that people made.
    fn beside(&mut self) -> Result<Vec<SeenBeside>, StoreError> {
        Ok(Vec::new())
    }

    /// The bytes of one item, streamed. `None` when it is no longer there.
    fn open<'a>(&'a mut self, folder: &FolderPath, key: &ItemKey) -> Result<Option<OpenItem<'a>>, StoreError>;

    /// An item as people look for it in this store.
    fn name_of(&self, key: &ItemKey) -> String {
        key.text()
    }

    /// What would make passes faster, and this store does not have.
    fn lacks(&mut self) -> Vec<Lack> {
        Vec::new()
    }

    /// Under which key a scan shows the item that a target of this store calls so. A store whose keys are those names need not tell.
    fn shown_as(&mut self, folder: &FolderPath, id: &TargetId) -> Result<ShownAs, StoreError> {
        let _ = folder;
        Ok(ShownAs::Key(ItemKey(id.0.clone())))
    }

    /// Begins to go once through a folder of which nothing is known: of each item that `step` shows, the bytes come next, for `open`.
    /// False: this store gains nothing by it, and is asked by `scan` and `open`.
    fn walk(&mut self, folder: &FolderPath) -> Result<bool, StoreError> {
        let _ = folder;
        Ok(false)
    }

    /// The next item of the walk.
    fn step(&mut self) -> Result<Walked, StoreError> {
        Ok(Walked::Unsure)
    }
}

/// An item of a target, seen from the source side.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ShownAs {
    Key(ItemKey),
    NotThere,
    /// The store has given every item of the folder another name since; how that is seen.
    Renamed(String),
}

/// Where a walk has come to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Walked {
    Item(SeenItem),
    /// Every item of the folder has been shown.
    End,
    /// No more is shown; whether that was all, a scan must tell.
    Unsure,
}

/// An item as a scan sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenItem {
    pub key: ItemKey,
    /// The key this item has, or had, in another folder if it was moved from there. `None`: this store cannot tell a move
    /// from a deletion and a new item.
    pub move_hint: Option<Vec<u8>>,
    /// By what else the store knows it again, where keys do not outlive moves.
    pub identity: Option<Identity>,
    pub marks: Marks,
    pub date: InternalDate,
    /// The store gives the date itself; else it is taken from elsewhere, as from a header, or there is none.
    pub dated: bool,
    /// mbox envelope sender.
    pub sender: Option<String>,
    /// Bytes, where the store knows without reading them.
    pub size: Option<u64>,
}

/// What stands beside the items of a folder, as a store shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenBeside {
    pub folder: FolderPath,
    pub beside: Beside,
    /// Whether all rights, and all annotations, are shown: of what is not, nobody knows that it is gone.
    pub all_rights: bool,
    pub all_annotations: bool,
    /// What is there and too large to be brought over, for people.
    pub left: Vec<String>,
}

/// What a target keeps beside items.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct KeepsBeside {
    pub rights: bool,
    pub annotations: bool,
}

/// What differs in a folder from how it was.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Delta {
    /// New items, those with other marks, and perhaps others.
    pub seen: Vec<SeenItem>,
    /// Items that are gone, and perhaps some that were never known. A store that cannot tell names none: their number tells.
    pub gone: Vec<ItemKey>,
    /// How many items there are now.
    pub items: u64,
}

/// An opened item: read to the end; the length is what the reader yields, whatever `size` of the scan said (T05).
pub struct OpenItem<'a> {
    pub reader: Box<dyn Read + 'a>,
}

/// One mailbox, written.
///
/// Changes are staged in the order of the calls and need not be durable or visible before `flush` returns; after `flush`
/// they are both. After an error or a kill, any prefix of the staged changes may have happened; `locate` finds out.
pub trait MailTarget: Send {
    fn describe(&self) -> String;

    /// What the mailbox may hold and holds, as far as the store has quotas and tells.
    fn quotas(&mut self) -> Result<Vec<Quota>, StoreError> {
        Ok(Vec::new())
    }

    /// Makes the folder, with its parents, and returns the path it really has there. Doing it twice is doing it once.
    fn ensure_folder(&mut self, folder: &FolderInfo) -> Result<FolderPath, StoreError>;

    /// Folders that this store has made since it was asked last: they may have inherited rights.
    fn new_folders(&mut self) -> Vec<FolderPath> {
        Vec::new()
    }

    /// Looks for items that an earlier, interrupted run may have appended (R42), and answers in the order asked.
    /// An item that was flushed is found even if a client has changed its flags since.
    fn locate(&mut self, folder: &FolderPath, wanted: &[Wanted]) -> Result<Vec<Option<TargetId>>, StoreError>;

    /// From now on an item counts as what its bytes are, too, unless it bears one of these tokens: it may be one that is looked for,
    /// whoever has put it there. A store without tokens knows no others. Without a default: who wraps a store must pass it on.
    fn adopt(&mut self, ours: HashSet<Token>) -> Result<(), StoreError>;

    /// Whether items are told apart by what they are, because this store keeps no tokens, or adopts what bears none.
    fn tells_by_bytes(&self) -> bool {
        false
    }

    /// The internal date of an item as the store has it, in seconds since 1970: whether it keeps dates shows in one that was given.
    /// `None`: the item is not there, or the store knows items by their tokens and is not asked.
    fn date_of(&mut self, folder: &FolderPath, id: &TargetId) -> Result<Option<i64>, StoreError>;

    /// Whether `claim` is to be told which items of this folder belong to others, before `locate` looks there. A store that keeps
    /// tokens need not know.
    fn asks_for_claims(&mut self, folder: &FolderPath) -> Result<bool, StoreError> {
        let _ = folder;
        Ok(false)
    }

    /// These items of the folder are known as other items than those that are looked for.
    fn claim(&mut self, folder: &FolderPath, taken: Vec<TargetId>) {
        let (_, _) = (folder, taken);
    }

    /// Stages one new item. `body` is read to its end. The id may stand for the append alone until `settled` tells the real one.
    fn append(&mut self, folder: &FolderPath, item: &NewItem<'_>, body: &mut dyn Read) -> Result<Appended, StoreError>;

    /// Stages new flags and keywords, replacing the old ones; answers the id the item has afterwards, `None` when the item
    /// is no longer there (a user deleted it).
    fn set_marks(&mut self, folder: &FolderPath, id: &TargetId, marks: &Marks) -> Result<Option<TargetId>, StoreError>;

    /// Stages a move; answers the id in the new folder, `None` when the item is no longer there.
    fn move_item(&mut self, from: &FolderPath, id: &TargetId, to: &FolderPath) -> Result<Option<TargetId>, StoreError>;

    /// Stages a deletion. An item that is not there counts as deleted.
    fn remove(&mut self, folder: &FolderPath, id: &TargetId) -> Result<(), StoreError>;

    /// Whether the store has rights and annotations at all.
    fn keeps_beside(&mut self) -> Result<KeepsBeside, StoreError> {
        Ok(KeepsBeside::default())
    }

    /// Sets, or stages, what stands beside the items of a folder. Nobody may get a right that is not named; where it is closed, nobody else
    /// keeps one either. The owner's own are left alone. Answers what could not be kept, for people. Doing it twice is doing it once.
    fn set_beside(&mut self, folder: &FolderPath, beside: &Beside) -> Result<Vec<String>, StoreError> {
        Ok(beside.lines(folder))
    }

    /// Makes everything staged so far durable and visible.
    fn flush(&mut self) -> Result<(), StoreError> {
        self.flush_while(&mut || Ok(()))
    }

    /// The same, but `may` is asked right before each step that others see, a rename or the rewrite of a file. Where it refuses,
    /// nothing more is changed and its error is given back: as after any error, a prefix has happened.
    fn flush_while(&mut self, may: May<'_>) -> Result<(), StoreError>;

    /// After a flush: what became of appends whose answer had to be waited for, by the id that `append` gave. An error is one of
    /// the item alone.
    fn settled(&mut self) -> Vec<(TargetId, Result<Appended, StoreError>)> {
        Vec::new()
    }
}

/// What a store could have and does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lack {
    /// Numbers that tell what has changed (CONDSTORE).
    ChangeNumbers,
    /// The name of what was just appended (UIDPLUS).
    AppendedNames,
}

/// A limit of what a mailbox may hold.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Quota {
    /// As the server calls it; may be empty.
    pub name: String,
    pub counted: Counted,
    pub used: u64,
    pub limit: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Counted {
    Bytes,
    Items,
}

impl Counted {
    pub fn unit(self) -> &'static str {
        match self {
            Counted::Bytes => "bytes",
            Counted::Items => "items",
        }
    }
}

impl Quota {
    pub fn free(&self) -> u64 {
        self.limit.saturating_sub(self.used)
    }

    /// How much of what is to come has no room.
    pub fn lacking(&self, items: u64, bytes: u64) -> u64 {
        self.of(items, bytes).saturating_sub(self.free())
    }

    /// Where it lacks room: what is to come and what is free.
    pub fn shortage(&self, items: u64, bytes: u64) -> String {
        let (unit, coming, free) = (self.counted.unit(), self.of(items, bytes), self.free());
        format!("{coming} {unit} are to come, {free} {unit} are free: {self}")
    }

    /// Of items and their bytes, what this quota counts.
    fn of(&self, items: u64, bytes: u64) -> u64 {
        match self.counted {
            Counted::Bytes => bytes,
            Counted::Items => items,
        }
    }
}

impl std::fmt::Display for Quota {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (unit, name) = (self.counted.unit(), self.name.as_str());
        let name = if name.is_empty() { String::new() } else { format!(" `{name}`") };
        write!(f, "the quota{name} is {} {unit}, {} of them used", self.limit, self.used)
    }
}

/// Asked whether the next step may be taken.
pub type May<'a> = &'a mut dyn FnMut() -> Result<(), StoreError>;

/// An item to append.
#[derive(Clone, Debug)]
pub struct NewItem<'a> {
    pub envelope: &'a Envelope,
    /// Length of the body in bytes.
    pub size: u64,
}

/// An item to look for. A store that keeps tokens compares these; another compares size and digest of the bytes, and the date.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub token: Token,
    pub digest: Digest,
    /// As `Appended` told it: one that is like it will do where none has the very bytes.
    pub likeness: Option<Digest>,
    pub size: u64,
    /// Internal date in seconds since 1970: with another it is another item; `None`: any will do.
    pub date: Option<i64>,
}

/// The answer to an append.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Appended {
    pub id: TargetId,
    /// Keywords that this store could not keep (T19); empty when all were kept.
    pub keywords_lost: Vec<String>,
    /// What else was changed so that it could be kept (X05).
    pub altered: Altered,
    /// Of the bytes that were given, where the store may have changed them.
    pub likeness: Option<Digest>,
}

impl Appended {
    /// Kept as it was given.
    pub fn unaltered(id: TargetId) -> Self {
        Appended { id, keywords_lost: Vec::new(), altered: Altered::NOTHING, likeness: None }
    }
}

/// Opens stores by their URL, such as `maildir:/srv/mail/alice`.
pub trait Stores: Send + Sync {
    fn source(&self, url: &str) -> Result<Box<dyn MailSource>, StoreError>;
    fn target(&self, url: &str) -> Result<Box<dyn MailTarget>, StoreError>;
}

/// How far an error reaches.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Blast {
    /// This item: the others of its folder go on.
    Item,
    Folder,
    Mailbox,
    /// Every mailbox of this store.
    Store,
}

/// Whether to try again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// At the next session: busy, unreachable, no space.
    Later,
    /// Not before a person has changed something.
    Never,
}

/// What a store could not do.
#[derive(Clone, Debug, thiserror::Error)]
#[error("could not {what}: {cause} ({place})")]
pub struct StoreError {
    pub blast: Blast,
    pub retry: Retry,
    /// As a phrase after "could not", such as `read a message`.
    pub what: String,
    /// Folder and file or item.
    pub place: String,
    pub cause: String,
    pub hint: Option<String>,
    /// The disk or quota of the store is full.
    pub no_space: bool,
    /// The disk of the store or the way to it is gone or dead: says nothing about what was to be read or written.
    pub away: bool,
    /// Nobody was let in.
    pub shut: Option<Shut>,
}

/// Why a store lets nobody in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shut {
    /// User and secret are refused.
    Login,
    /// It does not prove that it is the one that was meant.
    Certificate,
}

impl StoreError {
    pub fn new(blast: Blast, retry: Retry, what: impl Into<String>, place: impl Into<String>, cause: impl Into<String>) -> Self {
        StoreError {
            blast,
            retry,
            what: what.into(),
            place: place.into(),
            cause: cause.into(),
            hint: None,
            no_space: false,
            away: false,
            shut: None,
        }
    }

    /// A folder that was asked for by its path.
    pub fn no_folder(place: impl Into<String>) -> Self {
        StoreError::new(Blast::Folder, Retry::Later, "find a folder", place, "it is not there (any more)")
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Classifies an error of the file system.
    pub fn io(blast: Blast, what: impl Into<String>, place: impl Into<String>, error: &std::io::Error) -> Self {
        use std::io::ErrorKind as Kind;
        let no_space = matches!(error.kind(), Kind::StorageFull | Kind::QuotaExceeded);
        let retry = match error.kind() {
            Kind::PermissionDenied | Kind::InvalidData | Kind::InvalidInput | Kind::InvalidFilename => Retry::Never,
            _ => Retry::Later,
        };
        let blast = if no_space || error.kind() == Kind::ReadOnlyFilesystem { Blast::Store } else { blast };
        StoreError { no_space, away: is_away(error), ..StoreError::new(blast, retry, what, place, error.to_string()) }
    }
}

/// EIO, ENXIO, ENODEV and ESHUTDOWN have no kind of their own.
fn is_away(error: &std::io::Error) -> bool {
    use std::io::ErrorKind as Kind;
    let dead = cfg!(unix) && matches!(error.raw_os_error(), Some(5 | 6 | 19 | 108));
    dead || matches!(
        error.kind(),
        Kind::ReadOnlyFilesystem
            | Kind::StaleNetworkFileHandle
            | Kind::HostUnreachable
            | Kind::NetworkUnreachable
            | Kind::NetworkDown
            | Kind::NotConnected
            | Kind::TimedOut
    )
}
