//! A node's disk in memory, and the share that one process sees of it.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailferry_core::ports::{Claim, Entry, PartWriter, ReadSeek, Removed, Share, ShareError, ShareErrorKind, SharePath, Space};

use crate::network::Network;
use crate::process::{Process, unanswered};
use crate::watch::Act;

/// "Input/output error", as Linux numbers it.
const EIO: i32 = 5;

type Files = BTreeMap<String, Vec<u8>>;

/// Where the console leaves its orders.
pub(crate) const ORDERS: &str = "NTA/ORDERS";

/// The files of one node; survives its processes.
pub struct Disk {
    name: String,
    files: Mutex<Files>,
    /// Folders stay when their last file goes.
    folders: Mutex<BTreeSet<String>>,
    writers: Mutex<Writers>,
    /// Removed from OUT, IN and REP: what a restored backup may bring back.
    removed: Mutex<Files>,
    network: Arc<Network>,
    away: AtomicBool,
    full: AtomicBool,
    refuses_deletion: AtomicBool,
    /// What is told of free space; `u64::MAX`: nothing.
    free_bytes: AtomicU64,
}

impl Disk {
    pub fn new(name: &str, network: Arc<Network>) -> Arc<Self> {
        Arc::new(Disk {
            name: name.into(),
            files: Mutex::default(),
            folders: Mutex::default(),
            writers: Mutex::default(),
            removed: Mutex::default(),
            network,
            away: AtomicBool::new(false),
            full: AtomicBool::new(false),
            refuses_deletion: AtomicBool::new(false),
            free_bytes: AtomicU64::new(u64::MAX),
        })
    }

    /// From now on this is told of free space.
    pub fn set_free(&self, bytes: u64) {
        self.free_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The node is down or its share is not reachable.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether processes of a node see this disk.
    pub fn is_reached_by(&self, node: &str) -> bool {
        !self.is_away() && self.network.reaches(node, &self.name)
    }

    /// Not every deletion succeeds here.
    pub fn is_in_trouble(&self) -> bool {
        self.is_away() || self.refuses_deletion.load(Ordering::Relaxed)
    }

    /// Nothing new can be written.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// Deletions in OUT and IN are denied, everything else works.
    pub fn set_refuses_deletion(&self, refuses: bool) {
        self.refuses_deletion.store(refuses, Ordering::Relaxed);
    }

    pub fn set_right(&self) {
        for trouble in [&self.away, &self.full, &self.refuses_deletion] {
            trouble.store(false, Ordering::Relaxed);
        }
    }

    pub fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Files that were removed and are not there again, by path.
    pub fn removed(&self) -> MutexGuard<'_, Files> {
        self.removed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names of the files below a folder.
    pub fn below(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{folder}/");
        self.files().keys().filter(|path| path.starts_with(&prefix)).cloned().collect()
    }
}

/// Where what is written into each open file lands: its name follows the file, and is gone with it.
#[derive(Default)]
struct Writers {
    places: BTreeMap<u64, String>,
    last: u64,
}

/// What one process sees of a disk.
#[derive(Clone)]
pub struct SimShare {
    disk: Arc<Disk>,
    process: Arc<Process>,
}

impl SimShare {
    pub fn new(disk: Arc<Disk>, process: Arc<Process>) -> Arc<Self> {
        Arc::new(SimShare { disk, process })
    }

    fn reach(&self) -> Result<(), ShareError> {
        self.process.look(&self.disk.name)?;
        self.reachable()
    }

    fn reachable(&self) -> Result<(), ShareError> {
        match self.disk.is_reached_by(self.process.node()) {
            true => Ok(()),
            false => Err(self.error(ShareErrorKind::Unreachable, "", "the node is away")),
        }
    }

    fn act<'a>(&'a self, path: &'a SharePath) -> Act<'a> {
        Act { node: self.process.node(), disk: &self.disk.name, path: path.as_str() }
    }

    fn room(&self, path: &SharePath) -> Result<(), ShareError> {
        let full = self.disk.full.load(Ordering::Relaxed);
        if full { Err(self.error(ShareErrorKind::NoSpace, path.as_str(), "the disk is full")) } else { Ok(()) }
    }

    fn error(&self, kind: ShareErrorKind, path: &str, cause: &str) -> ShareError {
        ShareError { kind, place: format!("{}/{path}", self.disk.name), cause: cause.into() }
    }

    /// One durable step: a change of the files.
    fn change<T>(&self, what: &str, path: &SharePath, effect: impl FnOnce(&mut Files) -> Result<T, ShareError>) -> Result<T, ShareError> {
        let effect = || {
            self.reachable()?;
            effect(&mut self.disk.files())
        };
        self.process.act(|| format!("{what} {}/{path}", self.disk.name), effect, |cause| unanswered(&self.disk.name, cause))
    }
}

impl Share for SimShare {
    fn describe(&self) -> String {
        self.disk.name.clone()
    }

    fn list(&self, folder: &SharePath) -> Result<Vec<Entry>, ShareError> {
        // A life without orders plays as it did before there were any: nobody has a turn more for it.
        if folder.as_str() == ORDERS && self.disk.below(ORDERS).is_empty() {
            return self.reachable().map(|()| Vec::new());
        }
        self.reach()?;
        let prefix = if folder.as_str().is_empty() { String::new() } else { format!("{folder}/") };
        let files = self.disk.files();
        let inside = files.iter().filter_map(|(path, bytes)| path.strip_prefix(&prefix).map(|name| (name, bytes)));
        Ok(inside
            .filter(|(name, _)| !name.contains('/'))
            .map(|(name, bytes)| Entry { name: name.into(), size: bytes.len() as u64 })
            .collect())
    }

    fn size(&self, file: &SharePath) -> Result<Option<u64>, ShareError> {
        self.reach()?;
        Ok(self.disk.files().get(file.as_str()).map(|bytes| bytes.len() as u64))
    }

    fn open(&self, file: &SharePath) -> Result<Box<dyn ReadSeek>, ShareError> {
        self.reach()?;
        let bytes = self.disk.files().get(file.as_str()).cloned();
        let bytes = bytes.ok_or_else(|| self.error(ShareErrorKind::NotFound, file.as_str(), "not found"))?;
        match self.process.breaks_off(bytes.len() as u64) {
            Some(at) => Ok(Box::new(BreaksOff { bytes: Cursor::new(bytes), at })),
            None => Ok(Box::new(Cursor::new(bytes))),
        }
    }

    fn part(&self, file: &SharePath, keep: u64) -> Result<Box<dyn PartWriter>, ShareError> {
        self.change("begin", file, |files| {
            self.room(file)?;
            self.cut(files, file, keep)
        })?;
        let id = self.disk.writers(|writers| {
            writers.last += 1;
            writers.places.insert(writers.last, file.as_str().into());
            writers.last
        });
        Ok(Box::new(SimPart { share: self.clone(), path: file.clone(), id, at: keep as usize, pending: Vec::new() }))
    }

    fn publish(&self, part: &SharePath, file: &SharePath) -> Result<(), ShareError> {
        let watch = self.process.watch();
        self.change("publish", file, |files| {
            watch.publishing(&self.act(file));
            if !self.disk.is_folder(files, file.parent().as_str()) {
                return Err(self.error(ShareErrorKind::NotFound, file.as_str(), "there is no such folder"));
            }
            self.rename(files, part, file)
        })
    }

    fn replace(&self, file: &SharePath, content: &[u8]) -> Result<(), ShareError> {
        self.change("replace", file, |files| {
            self.room(file)?;
            self.make_folders(files, file)?;
            self.free_of_folders(files, file)?;
            files.insert(file.as_str().into(), content.into());
            self.disk.writers(|writers| writers.places.retain(|_, place| place != file.as_str()));
            Ok(())
        })
    }

    fn claim(&self, file: &SharePath, content: &[u8]) -> Result<Claim, ShareError> {
        self.change("claim", file, |files| {
            self.make_folders(files, file)?;
            if files.contains_key(file.as_str()) || self.disk.is_folder(files, file.as_str()) {
                return Ok(Claim::Taken);
            }
            self.room(file)?;
            files.insert(file.as_str().into(), content.into());
            self.process.watch().claimed(self.process.node(), file.as_str());
            Ok(Claim::Won)
        })
    }

    fn move_to(&self, file: &SharePath, to: &SharePath) -> Result<(), ShareError> {
        self.change("move", to, |files| {
            self.make_folders(files, to)?;
            self.rename(files, file, to)
        })
    }

    fn remove(&self, file: &SharePath) -> Result<Removed, ShareError> {
        self.reach()?;
        if !self.disk.files().contains_key(file.as_str()) {
            return Ok(Removed::NotFound);
        }
        let watch = self.process.watch();
        watch.trying_to_remove(&self.act(file));
        self.change("remove", file, |files| {
            watch.removing(&self.act(file), files.get(file.as_str()));
            let spool = ["NTA/OUT/", "NTA/IN/"].iter().any(|folder| file.as_str().starts_with(folder));
            if spool && self.disk.refuses_deletion.load(Ordering::Relaxed) {
                return Err(self.error(ShareErrorKind::Denied, file.as_str(), "access denied"));
            }
            self.disk.writers(|writers| writers.places.retain(|_, place| place != file.as_str()));
            let Some(bytes) = files.remove(file.as_str()) else { return Ok(Removed::NotFound) };
            if spool || file.as_str().starts_with("NTA/REP/") {
                self.disk.removed().insert(file.to_string(), bytes);
            }
            Ok(Removed::Deleted)
        })
    }

    /// A rename of this disk is durable at once.
    fn settle(&self, _folder: &SharePath) -> Result<(), ShareError> {
        self.reach()
    }

    fn space(&self) -> Result<Option<Space>, ShareError> {
        let free_bytes = self.disk.free_bytes.load(Ordering::Relaxed);
        self.reach().map(|()| (free_bytes < u64::MAX).then_some(Space { free_bytes, total_bytes: u64::MAX }))
    }
}

impl Disk {
    fn is_folder(&self, files: &Files, path: &str) -> bool {
        let below = format!("{path}/");
        path.is_empty()
            || self.folders.lock().unwrap_or_else(PoisonError::into_inner).contains(path)
            || files.range(below.clone()..).next().is_some_and(|(file, _)| file.starts_with(&below))
    }

    fn writers<T>(&self, work: impl FnOnce(&mut Writers) -> T) -> T {
        work(&mut self.writers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a real disk does with names.
impl SimShare {
    fn make_folders(&self, files: &Files, file: &SharePath) -> Result<(), ShareError> {
        let mut folders = self.disk.folders.lock().unwrap_or_else(PoisonError::into_inner);
        for (end, _) in file.as_str().match_indices('/') {
            let folder = &file.as_str()[..end];
            if files.contains_key(folder) {
                return Err(self.error(ShareErrorKind::Exists, folder, "a file stands where a folder must be"));
            }
            if !folders.contains(folder) {
                folders.insert(folder.into());
            }
        }
        Ok(())
    }

    fn free_of_folders(&self, files: &Files, file: &SharePath) -> Result<(), ShareError> {
        let taken = self.disk.is_folder(files, file.as_str());
        if taken { Err(self.error(ShareErrorKind::Exists, file.as_str(), "a folder has this name")) } else { Ok(()) }
    }

    fn cut(&self, files: &mut Files, file: &SharePath, keep: u64) -> Result<(), ShareError> {
        if keep == 0 {
            self.make_folders(files, file)?;
        }
        self.free_of_folders(files, file)?;
        match files.get_mut(file.as_str()) {
            None if keep == 0 => drop(files.insert(file.as_str().into(), Vec::new())),
            None => return Err(self.error(ShareErrorKind::NotFound, file.as_str(), "not found")),
            Some(bytes) if (bytes.len() as u64) < keep => {
                return Err(self.error(ShareErrorKind::Other, file.as_str(), "it is shorter than what is to be kept"));
            }
            Some(bytes) => bytes.truncate(keep as usize),
        }
        Ok(())
    }

    fn rename(&self, files: &mut Files, from: &SharePath, to: &SharePath) -> Result<(), ShareError> {
        if !files.contains_key(from.as_str()) {
            return Err(self.error(ShareErrorKind::NotFound, from.as_str(), "not found"));
        }
        if files.contains_key(to.as_str()) || self.disk.is_folder(files, to.as_str()) {
            return Err(self.error(ShareErrorKind::Exists, to.as_str(), "the name is taken"));
        }
        let bytes = files.remove(from.as_str()).unwrap_or_default();
        files.insert(to.as_str().into(), bytes);
        self.disk.writers(|writers| {
            let moved = writers.places.values_mut().filter(|place| *place == from.as_str());
            moved.for_each(|place| *place = to.as_str().into());
        });
        Ok(())
    }
}

/// A file that cannot be read to its end.
struct BreaksOff {
    bytes: Cursor<Vec<u8>>,
    at: u64,
}

impl Read for BreaksOff {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.at.saturating_sub(self.bytes.position());
        if left == 0 {
            return Err(io::Error::from_raw_os_error(EIO));
        }
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        self.bytes.read(&mut buffer[..most])
    }
}

impl Seek for BreaksOff {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// A file in the making: what is not synced when its process dies is torn in the middle.
struct SimPart {
    share: SimShare,
    path: SharePath,
    id: u64,
    at: usize,
    pending: Vec<u8>,
}

impl SimPart {
    /// Into the file that was opened, whatever it is called now; if it was removed, nobody sees these bytes.
    fn land(&mut self, bytes: usize) {
        let landed: Vec<u8> = self.pending.drain(..bytes).collect();
        let mut files = self.share.disk.files();
        let place = self.share.disk.writers(|writers| writers.places.get(&self.id).cloned());
        if let Some(file) = place.filter(|_| !landed.is_empty()).and_then(|place| files.get_mut(&place)) {
            let end = self.at + landed.len();
            file.resize(file.len().max(end), 0);
            file[self.at..end].copy_from_slice(&landed);
        }
        self.at += landed.len();
    }
}

impl Drop for SimPart {
    fn drop(&mut self) {
        self.share.disk.writers(|writers| writers.places.remove(&self.id));
    }
}

impl Write for SimPart {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl PartWriter for SimPart {
    fn sync(&mut self) -> Result<(), ShareError> {
        let (share, path) = (self.share.clone(), self.path.clone());
        let (mut whole, was_alive) = (false, !share.process.is_dead());
        let written = share.process.act(
            || format!("write {}/{path}", share.disk.name),
            || {
                share.reachable()?;
                share.room(&path)?;
                whole = true;
                Ok(())
            },
            |cause| unanswered(&share.disk.name, cause),
        );
        if was_alive && share.reachable().is_ok() {
            if let Some((byte, bit)) = share.process.lie(self.pending.len()) {
                self.pending[byte] ^= bit;
            }
            self.land(if whole { self.pending.len() } else { self.pending.len() / 2 });
        }
        written
    }
}
