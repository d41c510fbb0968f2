//! A node's disk in memory, and the share that one process sees of it.

use std::collections::BTreeMap;
use std::io::{self, Cursor, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailferry_core::ports::{Claim, Entry, PartWriter, ReadSeek, Removed, Share, ShareError, ShareErrorKind, SharePath, Space};

use crate::process::{Process, unanswered};

/// The files of one node; survives its processes.
pub struct Disk {
    name: String,
    files: Mutex<BTreeMap<String, Vec<u8>>>,
    away: AtomicBool,
    cut_off: AtomicBool,
    full: AtomicBool,
    refuses_deletion: AtomicBool,
}

impl Disk {
    pub fn new(name: &str) -> Arc<Self> {
        Arc::new(Disk {
            name: name.into(),
            files: Mutex::default(),
            away: AtomicBool::new(false),
            cut_off: AtomicBool::new(false),
            full: AtomicBool::new(false),
            refuses_deletion: AtomicBool::new(false),
        })
    }

    /// The node is down or its share is not reachable.
    pub fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::Relaxed);
    }

    pub fn is_away(&self) -> bool {
        self.away.load(Ordering::Relaxed)
    }

    /// Reached by processes of its own node only.
    pub fn set_cut_off(&self, cut_off: bool) {
        self.cut_off.store(cut_off, Ordering::Relaxed);
    }

    /// Nothing new can be written.
    pub fn set_full(&self, full: bool) {
        self.full.store(full, Ordering::Relaxed);
    }

    /// Deletions in OUT and IN are denied, everything else works.
    pub fn set_refuses_deletion(&self, refuses: bool) {
        self.refuses_deletion.store(refuses, Ordering::Relaxed);
    }

    pub fn files(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Names of the files below a folder.
    pub fn below(&self, folder: &str) -> Vec<String> {
        let prefix = format!("{folder}/");
        self.files().keys().filter(|path| path.starts_with(&prefix)).cloned().collect()
    }
}

/// What one process sees of a disk.
pub struct SimShare {
    disk: Arc<Disk>,
    process: Arc<Process>,
    /// The disk of the process's own node.
    own: bool,
}

impl SimShare {
    pub fn new(disk: Arc<Disk>, process: Arc<Process>, own: bool) -> Arc<Self> {
        Arc::new(SimShare { disk, process, own })
    }

    fn reach(&self) -> Result<(), ShareError> {
        self.process.alive(&self.disk.name)?;
        self.reachable()
    }

    fn reachable(&self) -> Result<(), ShareError> {
        let cut_off = self.disk.cut_off.load(Ordering::Relaxed) && !self.own;
        if self.disk.is_away() || cut_off { Err(self.error(ShareErrorKind::Unreachable, "", "the node is away")) } else { Ok(()) }
    }

    fn room(&self, path: &SharePath) -> Result<(), ShareError> {
        let full = self.disk.full.load(Ordering::Relaxed);
        if full { Err(self.error(ShareErrorKind::NoSpace, path.as_str(), "the disk is full")) } else { Ok(()) }
    }

    fn error(&self, kind: ShareErrorKind, path: &str, cause: &str) -> ShareError {
        ShareError { kind, place: format!("{}/{path}", self.disk.name), cause: cause.into() }
    }

    /// One durable step: a change of the files.
    fn change<T>(
        &self,
        what: &str,
        path: &SharePath,
        effect: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> Result<T, ShareError>,
    ) -> Result<T, ShareError> {
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
        self.reach()?;
        let prefix = format!("{folder}/");
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
        bytes
            .map(|bytes| Box::new(Cursor::new(bytes)) as Box<dyn ReadSeek>)
            .ok_or_else(|| self.error(ShareErrorKind::NotFound, file.as_str(), "not found"))
    }

    fn part(&self, file: &SharePath, keep: u64) -> Result<Box<dyn PartWriter>, ShareError> {
        self.change("begin", file, |files| {
            self.room(file)?;
            files.entry(file.as_str().into()).or_default().truncate(keep as usize);
            Ok(())
        })?;
        let part = SimPart { disk: self.disk.clone(), process: self.process.clone(), path: file.clone(), pending: Vec::new() };
        Ok(Box::new(part))
    }

    fn publish(&self, part: &SharePath, file: &SharePath) -> Result<(), ShareError> {
        self.change("publish", file, |files| {
            if files.contains_key(file.as_str()) {
                return Err(self.error(ShareErrorKind::Exists, file.as_str(), "the name is taken"));
            }
            self.rename(files, part, file)
        })
    }

    fn replace(&self, file: &SharePath, content: &[u8]) -> Result<(), ShareError> {
        self.change("replace", file, |files| {
            self.room(file)?;
            files.insert(file.as_str().into(), content.into());
            Ok(())
        })
    }

    fn claim(&self, file: &SharePath, content: &[u8]) -> Result<Claim, ShareError> {
        self.change("claim", file, |files| {
            if files.contains_key(file.as_str()) {
                return Ok(Claim::Taken);
            }
            self.room(file)?;
            files.insert(file.as_str().into(), content.into());
            Ok(Claim::Won)
        })
    }

    fn move_to(&self, file: &SharePath, to: &SharePath) -> Result<(), ShareError> {
        self.change("move", to, |files| self.rename(files, file, to))
    }

    fn remove(&self, file: &SharePath) -> Result<Removed, ShareError> {
        self.reach()?;
        if !self.disk.files().contains_key(file.as_str()) {
            return Ok(Removed::NotFound);
        }
        self.change("remove", file, |files| {
            let spool = ["NTA/OUT/", "NTA/IN/"].iter().any(|folder| file.as_str().starts_with(folder));
            if spool && self.disk.refuses_deletion.load(Ordering::Relaxed) {
                return Err(self.error(ShareErrorKind::Denied, file.as_str(), "access denied"));
            }
            Ok(files.remove(file.as_str()).map_or(Removed::NotFound, |_| Removed::Deleted))
        })
    }

    /// A rename of this disk is durable at once.
    fn settle(&self, _folder: &SharePath) -> Result<(), ShareError> {
        self.reach()
    }

    fn space(&self) -> Result<Option<Space>, ShareError> {
        self.reach().map(|()| None)
    }
}

impl SimShare {
    fn rename(&self, files: &mut BTreeMap<String, Vec<u8>>, from: &SharePath, to: &SharePath) -> Result<(), ShareError> {
        let bytes = files.remove(from.as_str()).ok_or_else(|| self.error(ShareErrorKind::NotFound, from.as_str(), "not found"))?;
        files.insert(to.as_str().into(), bytes);
        Ok(())
    }
}

/// A file in the making: what is not synced when its process dies is torn in the middle.
struct SimPart {
    disk: Arc<Disk>,
    process: Arc<Process>,
    path: SharePath,
    pending: Vec<u8>,
}

impl SimPart {
    fn land(&mut self, bytes: usize) {
        let landed: Vec<u8> = self.pending.drain(..bytes).collect();
        self.disk.files().entry(self.path.as_str().into()).or_default().extend(landed);
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
        let (disk, process, path) = (self.disk.clone(), self.process.clone(), self.path.clone());
        let place = disk.name.clone();
        let error = |kind, cause: &str| ShareError { kind, place: place.clone(), cause: cause.into() };
        let (mut whole, was_alive) = (false, !process.is_dead());
        let written = process.act(
            || format!("write {place}/{path}"),
            || match (disk.is_away(), disk.full.load(Ordering::Relaxed)) {
                (true, _) => Err(error(ShareErrorKind::Unreachable, "the node is away")),
                (_, true) => Err(error(ShareErrorKind::NoSpace, "the disk is full")),
                _ => {
                    whole = true;
                    Ok(())
                }
            },
            |cause| unanswered(&place, cause),
        );
        if was_alive && !disk.is_away() {
            self.land(if whole { self.pending.len() } else { self.pending.len() / 2 });
        }
        written
    }
}
