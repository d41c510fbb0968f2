//! A Maildir++ as a target.
//!
//! `append` writes and closes a file in `tmp`; `flush` makes the data of all of them durable, then renames them into `cur`,
//! then makes the directories durable. A name in `cur` therefore always stands for a whole message, and a kill before
//! `flush` leaves nothing but files in `tmp` that the next run sweeps. Everything else is a rename, done in order at
//! `flush`.
//!
//! What is found counts as delivered, so the first `flush` makes the directories of every folder in use durable, whoever
//! changed them: an earlier run may have been killed between its renames and their sync, and the power may fail next.
//!
//! Folders are made at once, not at `flush`: an empty folder is no item, and making it twice is making it once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailferry_core::model::{FolderInfo, FolderPath, InternalDate, Marks, TargetId, Token};
use mailferry_core::ports::{Appended, Blast, MailTarget, May, NewItem, Retry, StoreError, Wanted};

use super::layout::{self, is_maildir};
use super::listing::{Spot, Sub};
use super::steps::{Step, tmp_path};
use super::target_folder::TargetFolder;
use super::{folder_error, message_name, subscriptions};
use crate::files;

/// From this many files on, one `syncfs` is cheaper than a sync of each.
#[cfg(target_os = "linux")]
const SYNC_EACH_MAX: usize = 8;
/// Indexes of folders are dropped, the largest first, when they know more messages than this together.
const INDEXED_MAX: usize = 150_000;

pub struct MaildirTarget {
    root: PathBuf,
    folders: HashMap<FolderPath, TargetFolder>,
    staged: Vec<(FolderPath, Step)>,
    /// Directories that got new names outside `staged`, or may have got some in a run that was killed.
    made_in: BTreeSet<PathBuf>,
    subscribed: BTreeSet<FolderPath>,
    /// What others have put here may be what is looked for; the tokens of what is being brought.
    adopts: Option<Arc<HashSet<Token>>>,
}

impl MaildirTarget {
    /// Opens the mailbox, making it when it is not there, and sweeps what a killed run left in `tmp`.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        let failed = |error: &io::Error| StoreError::io(Blast::Mailbox, "open a Maildir", root.display().to_string(), error);
        files::make_dirs(root).map_err(|error| failed(&error))?;
        let mut target = MaildirTarget {
            root: root.into(),
            folders: HashMap::new(),
            staged: Vec::new(),
            made_in: BTreeSet::new(),
            subscribed: BTreeSet::new(),
            adopts: None,
        };
        target.make(root)?;
        target.made_in.extend(root.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_path_buf));
        target.sweep().map_err(|error| failed(&error))?;
        Ok(target)
    }

    fn make(&mut self, dir: &Path) -> Result<(), StoreError> {
        let subs = ["tmp", "new", "cur"].map(|sub| dir.join(sub));
        let through_link = dir != self.root && dir.is_symlink();
        if through_link || subs.iter().all(|sub| files::is_dir(sub)) {
            return Ok(()); // A link is refused when the folder is opened.
        }
        for path in std::iter::once(dir).chain(subs.iter().map(PathBuf::as_path)) {
            match fs::create_dir(path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(folder_error("make a folder", path, &error)),
                _ => (),
            }
        }
        if dir != self.root {
            File::create(dir.join("maildirfolder")).map_err(|error| folder_error("make a folder", dir, &error))?;
            self.made_in.insert(self.root.clone());
        }
        self.made_in.insert(dir.into());
        Ok(())
    }

    fn sweep(&self) -> io::Result<()> {
        sweep_tmp(&self.root)?;
        for entry in fs::read_dir(&self.root)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() && entry.file_name().to_string_lossy().starts_with('.') {
                match sweep_tmp(&entry.path()) {
                    // No folder of ours: one is made readable when it is used, or fails then by itself.
                    Err(error) if error.kind() == io::ErrorKind::PermissionDenied => (),
                    swept => swept?,
                }
            }
        }
        Ok(())
    }

    /// On a disk that does not tell cases apart, another folder may answer to this name: they are not merged.
    fn refuse_other_case(&self, folder: &FolderPath, dir: &Path) -> Result<(), StoreError> {
        let Some(name) = dir.strip_prefix(&self.root).ok().and_then(Path::file_name) else { return Ok(()) };
        if !dir.exists() || self.folders.contains_key(folder) {
            return Ok(());
        }
        let entries = fs::read_dir(&self.root).map_err(|error| folder_error("list a directory", &self.root, &error))?;
        if entries.flatten().any(|entry| entry.file_name() == name) {
            return Ok(());
        }
        let cause = "a folder whose name differs in upper and lower case only is there, and this disk cannot hold both";
        Err(StoreError::new(Blast::Folder, Retry::Never, "make a folder", folder.to_string(), cause)
            .hint("rename one of the two at the source"))
    }

    fn folder(&mut self, path: &FolderPath) -> Result<&mut TargetFolder, StoreError> {
        self.drop_indexes(path);
        if !self.folders.contains_key(path) {
            let dir = layout::target_dir(&self.root, path)?;
            self.folders.insert(path.clone(), TargetFolder::open(&self.root, &dir)?);
            self.made_in.extend([dir.join("cur"), dir.join("new"), dir, self.root.clone()]);
        }
        self.folders
            .get_mut(path)
            .ok_or_else(|| StoreError::new(Blast::Folder, Retry::Later, "use a folder", path.to_string(), "it is not open"))
    }

    fn drop_indexes(&mut self, keep: &FolderPath) {
        if self.staged.is_empty() && self.folders.values().map(TargetFolder::len).sum::<usize>() > INDEXED_MAX {
            self.folders.iter_mut().filter(|(path, _)| *path != keep).for_each(|(_, folder)| folder.forget());
        }
    }

    /// Data first: a name in `cur` must never stand for less than the whole message.
    fn sync_data(&self) -> Result<(), StoreError> {
        let delivered = self.staged.iter().filter_map(|(_, step)| match step {
            Step::Deliver { stem, to } => Some((&*to.dir, stem)),
            _ => None,
        });
        let staged: Vec<PathBuf> = delivered.map(|(dir, stem)| tmp_path(dir, stem)).collect();
        sync_staged(&staged)
            .map_err(|error| StoreError::io(Blast::Mailbox, "write messages to disk", self.root.display().to_string(), &error))
    }

    fn sync_directories(&mut self) -> Result<(), StoreError> {
        let mut directories = std::mem::take(&mut self.made_in);
        directories.extend(self.staged.iter().flat_map(|(_, step)| step.directories()));
        directories.iter().try_for_each(|dir| files::sync_dir(dir).map_err(|error| folder_error("write a directory to disk", dir, &error)))
    }

    fn commit(&mut self, may: May<'_>) -> Result<(), StoreError> {
        self.sync_data()?;
        for folder in self.folders.values_mut() {
            folder.keywords.save(&folder.dir).map_err(|error| folder_error("write the keywords of a folder", &folder.dir, &error))?;
        }
        self.staged.iter().try_for_each(|(_, step)| may().and_then(|()| step.act()))?;
        if !self.subscribed.is_empty() {
            subscriptions::add(&self.root, &self.subscribed)
                .map_err(|error| folder_error("write the subscriptions", &self.root, &error))?;
        }
        self.sync_directories()
    }

    fn settle(&mut self) {
        self.subscribed.clear();
        for (path, step) in self.staged.drain(..) {
            if let (Step::Deliver { to, .. } | Step::Rename { to, .. }, Some(folder)) = (&step, self.folders.get_mut(&path)) {
                folder.settle(&to.spot);
            }
        }
        self.folders.values_mut().for_each(TargetFolder::none_leaves);
    }

    /// After an error nothing is assumed: what was staged is dropped, what was known is read again.
    fn abandon(&mut self) {
        for (_, step) in self.staged.drain(..) {
            if let Step::Deliver { stem, to } = &step {
                let _ = fs::remove_file(tmp_path(&to.dir, stem));
            }
        }
        self.folders.clear();
    }
}

impl MailTarget for MaildirTarget {
    fn describe(&self) -> String {
        format!("maildir:{}", self.root.display())
    }

    fn ensure_folder(&mut self, folder: &FolderInfo) -> Result<FolderPath, StoreError> {
        let dir = layout::target_dir(&self.root, &folder.path)?;
        self.refuse_other_case(&folder.path, &dir)?;
        if folder.selectable || is_maildir(&dir) {
            self.make(&dir)?;
            self.folder(&folder.path)?;
        }
        if folder.subscribed {
            self.subscribed.insert(folder.path.clone());
        }
        Ok(folder.path.clone())
    }

    fn locate(&mut self, folder: &FolderPath, wanted: &[Wanted]) -> Result<Vec<Option<TargetId>>, StoreError> {
        let ours = self.adopts.clone();
        let folder = self.folder(folder)?;
        let mut find = |wanted: &Wanted| match (folder.by_token(wanted.token)?, &ours) {
            (None, Some(ours)) => folder.adopt(wanted, ours),
            (found, _) => Ok(found),
        };
        wanted.iter().map(|wanted| Ok(find(wanted)?.map(|spot| TargetId(spot.base().to_vec())))).collect()
    }

    fn adopt(&mut self, ours: HashSet<Token>) -> Result<(), StoreError> {
        self.adopts = Some(Arc::new(ours));
        Ok(())
    }

    fn tells_by_bytes(&self) -> bool {
        self.adopts.is_some()
    }

    fn asks_for_claims(&mut self, folder: &FolderPath) -> Result<bool, StoreError> {
        let Some(ours) = self.adopts.clone() else { return Ok(false) };
        self.folder(folder)?.has_unclaimed(&ours)
    }

    fn claim(&mut self, folder: &FolderPath, taken: Vec<TargetId>) {
        if let Some(folder) = self.folders.get_mut(folder) {
            taken.into_iter().for_each(|id| folder.claim(id.0));
        }
    }

    fn date_of(&mut self, _: &FolderPath, _: &TargetId) -> Result<Option<i64>, StoreError> {
        Ok(None)
    }

    fn append(&mut self, path: &FolderPath, item: &NewItem<'_>, body: &mut dyn Read) -> Result<Appended, StoreError> {
        let envelope = item.envelope;
        let date = InternalDate { nanos: envelope.date.nanos.min(999_999_999), ..envelope.date };
        let folder = self.folder(path)?;
        let there = folder.by_token(envelope.token)?;
        let (letters, keywords_lost) = folder.keywords.letters_for(&envelope.marks);
        let stem = message_name::stem(envelope.token, date);
        let dir = folder.dir.clone();
        let staged_as = free_stem(&self.staged, &dir, &stem);
        let folder = self.folder(path)?;
        let tmp = tmp_path(&dir, &staged_as);
        if let Some(spot) = there {
            // Appended before, by this run or an earlier one: never doubled (R42).
            io::copy(body, &mut io::sink()).map_err(|error| item_error(&tmp, &error))?;
            return Ok(Appended { keywords_lost, ..Appended::unaltered(TargetId(spot.base().to_vec())) });
        }
        let sizes = write_body(&tmp, body, date).inspect_err(|_| drop(fs::remove_file(&tmp))).map_err(|error| item_error(&tmp, &error))?;
        let base = message_name::base(&stem, sizes.bytes, sizes.with_crlf, date).into_bytes();
        let name = message_name::with_letters(&base, envelope.marks.flags, &letters);
        let spot = Spot { sub: Sub::Cur, name: name.into() };
        folder.put(&spot);
        let to = folder.place(spot);
        self.staged.push((path.clone(), Step::Deliver { stem: staged_as, to }));
        Ok(Appended { keywords_lost, ..Appended::unaltered(TargetId(base)) })
    }

    fn set_marks(&mut self, path: &FolderPath, id: &TargetId, marks: &Marks) -> Result<Option<TargetId>, StoreError> {
        let folder = self.folder(path)?;
        let Some(spot) = folder.by_base(&id.0)? else { return Ok(None) };
        let (letters, _) = folder.keywords.letters_for(marks);
        let new = Spot { sub: Sub::Cur, name: message_name::with_letters(&id.0, marks.flags, &letters).into() };
        if new != spot {
            folder.put(&new);
            let step = Step::Rename { from: folder.place(spot), to: folder.place(new) };
            self.staged.push((path.clone(), step));
        }
        Ok(Some(id.clone()))
    }

    fn move_item(&mut self, from: &FolderPath, id: &TargetId, to: &FolderPath) -> Result<Option<TargetId>, StoreError> {
        let source = self.folder(from)?;
        let spot = source.by_base(&id.0)?;
        let Some(spot) = spot.filter(|_| from != to) else {
            return Ok(self.folder(to)?.by_base(&id.0)?.map(|_| id.clone()));
        };
        let source = self.folder(from)?;
        let flags = message_name::flags_of(spot.letters());
        let marks = Marks { flags, keywords: source.keywords.keywords_of(spot.letters()) };
        source.take(&id.0);
        let place = source.place(spot);
        let target = self.folder(to)?;
        target.by_base(&id.0)?;
        let (letters, _) = target.keywords.letters_for(&marks);
        let new = Spot { sub: Sub::Cur, name: message_name::with_letters(&id.0, flags, &letters).into() };
        target.put(&new);
        let step = Step::Rename { from: place, to: target.place(new) };
        self.staged.push((to.clone(), step));
        Ok(Some(id.clone()))
    }

    fn remove(&mut self, path: &FolderPath, id: &TargetId) -> Result<(), StoreError> {
        let folder = self.folder(path)?;
        if let Some(spot) = folder.by_base(&id.0)? {
            folder.take(&id.0);
            let step = Step::Remove(folder.place(spot));
            self.staged.push((path.clone(), step));
        }
        Ok(())
    }

    fn flush_while(&mut self, may: May<'_>) -> Result<(), StoreError> {
        if let Err(error) = self.commit(may) {
            self.abandon();
            return Err(error);
        }
        self.settle();
        Ok(())
    }
}

/// The name in `tmp`: an item that was staged, removed and is staged again has a second one, for both are delivered in turn.
fn free_stem(staged: &[(FolderPath, Step)], dir: &Path, stem: &str) -> String {
    let taken = |path: &Path| staged.iter().any(|(_, step)| matches!(step, Step::Deliver { stem, to } if tmp_path(&to.dir, stem) == *path));
    let tmp = tmp_path(dir, stem);
    if tmp.symlink_metadata().is_ok() && taken(&tmp) { format!("{stem},{}", staged.len()) } else { stem.into() }
}

fn item_error(path: &Path, error: &io::Error) -> StoreError {
    StoreError::io(Blast::Folder, "write a message", path.display().to_string(), error)
}

struct Sizes {
    bytes: u64,
    /// As IMAP counts: each line end as two bytes.
    with_crlf: u64,
}

fn write_body(path: &Path, body: &mut dyn Read, date: InternalDate) -> io::Result<Sizes> {
    files::remove_if_there(path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(path)?;
    let mut sizes = Sizes { bytes: 0, with_crlf: 0 };
    let mut reader = BufReader::with_capacity(64 * 1024, body);
    let mut last = 0;
    loop {
        let chunk = reader.fill_buf()?;
        let Some(end) = chunk.last() else { break };
        file.write_all(chunk)?;
        sizes.with_crlf += bare_line_feeds(last, chunk);
        last = *end;
        let length = chunk.len();
        sizes.bytes += length as u64;
        reader.consume(length);
    }
    sizes.with_crlf += sizes.bytes;
    if let Some(time) = files::time_of(message_name::storable(date)) {
        file.set_times(FileTimes::new().set_modified(time))?;
    }
    Ok(sizes)
}

fn bare_line_feeds(before: u8, chunk: &[u8]) -> u64 {
    let mut last = before;
    let mut bare = 0;
    for byte in chunk {
        bare += u64::from(*byte == b'\n' && last != b'\r');
        last = *byte;
    }
    bare
}

/// Ours only, told by name: other programs deliver through `tmp` too.
fn sweep_tmp(folder: &Path) -> io::Result<()> {
    let tmp = folder.join("tmp");
    if !files::is_dir(&tmp) {
        return Ok(());
    }
    for entry in fs::read_dir(&tmp)? {
        let entry = entry?;
        if message_name::token_of(&files::bytes_of(&entry.file_name())).is_some() {
            files::remove_if_there(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn sync_staged(staged: &[PathBuf]) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;
    if staged.len() <= SYNC_EACH_MAX {
        return staged.iter().try_for_each(|path| files::sync_file(path));
    }
    let (mut seen_dirs, mut seen_disks) = (BTreeSet::new(), BTreeSet::new());
    for dir in staged.iter().filter_map(|path| path.parent()) {
        if seen_dirs.insert(dir) && seen_disks.insert(fs::metadata(dir)?.dev()) {
            files::sync_all_of(dir)?;
        }
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn sync_staged(staged: &[PathBuf]) -> io::Result<()> {
    staged.iter().try_for_each(|path| files::sync_file(path))
}
