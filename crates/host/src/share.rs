//! A folder, a mount or a UNC path as a node's share.
//!
//! The share itself is never made here: a mount that is missing must look away, not empty. Where the share is the mount point
//! itself, what is left is an empty folder: once this process has seen `NTA` in it, a share without is away. What is synced when, and why, is a
//! table in docs/formats/spool.md.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mailferry_core::ports::{Claim, Entry, PartWriter, ReadSeek, Removed, Share, ShareError, ShareErrorKind, SharePath, Space};
use walkdir::WalkDir;

use crate::clock::beat;
use crate::files;

#[derive(Clone, Debug)]
pub struct LocalShare {
    root: PathBuf,
    /// The folder of the agents has been seen in it.
    used: Arc<AtomicBool>,
    /// Folders whose names this process knows to be durable.
    settled: Arc<Mutex<BTreeSet<PathBuf>>>,
}

impl LocalShare {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        LocalShare { root: root.into(), used: Arc::default(), settled: Arc::default() }
    }

    pub(crate) fn place(&self, path: &SharePath) -> PathBuf {
        path.names().fold(self.root.clone(), |place, name| place.join(name))
    }

    /// The share must be there for anything to be said about what is in it.
    fn reach(&self) -> Result<(), ShareError> {
        match fs::metadata(&self.root) {
            Ok(about) if about.is_dir() => self.is_itself(),
            Ok(_) => Err(self.away("it is not a folder")),
            Err(error) => Err(self.away(&error.to_string())),
        }
    }

    fn is_itself(&self) -> Result<(), ShareError> {
        match fs::metadata(self.root.join("NTA")) {
            Ok(_) => self.used.store(true, Ordering::Relaxed),
            Err(_) if self.used.load(Ordering::Relaxed) => return Err(self.away("its folder NTA is gone; a disk that is not mounted?")),
            Err(_) => {}
        }
        Ok(())
    }

    fn away(&self, cause: &str) -> ShareError {
        ShareError { kind: ShareErrorKind::Unreachable, place: self.describe(), cause: format!("the share is not there: {cause}") }
    }

    pub(crate) fn make_folder_of(&self, place: &Path) -> Result<(), ShareError> {
        self.reach()?;
        let folder = place.parent().unwrap_or(&self.root);
        self.make_folders(folder).map_err(|error| said(folder, &error))
    }

    /// Makes a folder and its parents below the share, each durable in its own parent. One that is there is settled as well, once:
    /// whoever made it may have died before.
    fn make_folders(&self, folder: &Path) -> io::Result<()> {
        if folder == self.root || (self.settled().contains(folder) && folder.is_dir()) {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.make_folders(parent)?;
        }
        files::make_folder(folder)?;
        self.settled().insert(folder.into());
        Ok(())
    }

    fn settled(&self) -> std::sync::MutexGuard<'_, BTreeSet<PathBuf>> {
        self.settled.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A folder is never read, moved or removed as if it were a file, and its name is taken.
fn not_a_file(place: &Path) -> io::Result<()> {
    if place.is_dir() { Err(io::Error::new(io::ErrorKind::NotFound, "a folder has this name")) } else { Ok(()) }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn unwritten(place: &Path, error: &io::Error) -> ShareError {
    let error = said(place, error);
    if place.is_dir() { ShareError { kind: ShareErrorKind::Exists, ..error } } else { error }
}

pub(crate) fn said(place: &Path, error: &io::Error) -> ShareError {
    use io::ErrorKind as Kind;
    let kind = match error.kind() {
        _ if files::is_busy(error) => ShareErrorKind::Busy,
        // Below a file there is nothing.
        Kind::NotFound | Kind::NotADirectory => ShareErrorKind::NotFound,
        Kind::AlreadyExists => ShareErrorKind::Exists,
        Kind::PermissionDenied | Kind::ReadOnlyFilesystem => ShareErrorKind::Denied,
        Kind::StorageFull | Kind::QuotaExceeded => ShareErrorKind::NoSpace,
        Kind::HostUnreachable
        | Kind::NetworkUnreachable
        | Kind::NetworkDown
        | Kind::TimedOut
        | Kind::NotConnected
        | Kind::StaleNetworkFileHandle => ShareErrorKind::Unreachable,
        _ => ShareErrorKind::Other,
    };
    ShareError { kind, place: place.display().to_string(), cause: error.to_string() }
}

impl Share for LocalShare {
    fn describe(&self) -> String {
        self.root.display().to_string()
    }

    fn list(&self, folder: &SharePath) -> Result<Vec<Entry>, ShareError> {
        self.reach()?;
        let place = self.place(folder);
        let mut entries = Vec::new();
        for found in WalkDir::new(&place).min_depth(1).max_depth(1).follow_links(false).sort_by_file_name() {
            match found {
                Ok(found) if found.file_type().is_file() => {
                    // Deleted since it was listed: as good as never seen.
                    let Ok(about) = found.metadata() else { continue };
                    if let Some(name) = found.file_name().to_str() {
                        entries.push(Entry { name: name.into(), size: about.len() });
                    }
                }
                Ok(_) => {}
                Err(error) if error.io_error().is_some_and(is_missing) => {}
                Err(error) => return Err(said(&place, &error.into())),
            }
        }
        Ok(entries)
    }

    fn size(&self, file: &SharePath) -> Result<Option<u64>, ShareError> {
        let place = self.place(file);
        match fs::symlink_metadata(&place) {
            Ok(about) => Ok(about.is_file().then_some(about.len())),
            Err(error) if is_missing(&error) => self.reach().map(|()| None),
            Err(error) => Err(said(&place, &error)),
        }
    }

    fn open(&self, file: &SharePath) -> Result<Box<dyn ReadSeek>, ShareError> {
        let place = self.place(file);
        match not_a_file(&place).and_then(|()| File::open(&place)) {
            Ok(file) => Ok(Box::new(Opened(file))),
            Err(error) => self.reach().and(Err(said(&place, &error))),
        }
    }

    fn part(&self, file: &SharePath, keep: u64) -> Result<Box<dyn PartWriter>, ShareError> {
        let place = self.place(file);
        match keep {
            0 => self.make_folder_of(&place)?,
            _ => self.reach()?,
        }
        let opened = OpenOptions::new().write(true).create(keep == 0).truncate(keep == 0).open(&place).and_then(|mut file| {
            if file.metadata()?.len() < keep {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "it is shorter than what is to be kept"));
            }
            file.set_len(keep)?;
            file.seek(SeekFrom::Start(keep))?;
            Ok(file)
        });
        let file = opened.map_err(|error| unwritten(&place, &error))?;
        Ok(Box::new(Part { file, place }))
    }

    fn publish(&self, part: &SharePath, file: &SharePath) -> Result<(), ShareError> {
        let (part, place) = (self.place(part), self.place(file));
        let published = not_a_file(&part).and_then(|()| files::rename_new(&part, &place));
        published.or_else(|error| self.reach().and(Err(said(&place, &error))))
    }

    fn replace(&self, file: &SharePath, content: &[u8]) -> Result<(), ShareError> {
        let place = self.place(file);
        self.make_folder_of(&place)?;
        files::write_whole(&place, content).map_err(|error| unwritten(&place, &error))
    }

    fn claim(&self, file: &SharePath, content: &[u8]) -> Result<Claim, ShareError> {
        let place = self.place(file);
        self.make_folder_of(&place)?;
        let written = OpenOptions::new().write(true).create_new(true).open(&place).and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()?;
            files::sync_folder_of(&place)
        });
        match written {
            Ok(()) => Ok(Claim::Won),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(Claim::Taken),
            Err(error) => Err(said(&place, &error)),
        }
    }

    fn move_to(&self, file: &SharePath, to: &SharePath) -> Result<(), ShareError> {
        let (from, to) = (self.place(file), self.place(to));
        self.make_folder_of(&to)?;
        let moved = not_a_file(&from).and_then(|()| files::rename_new(&from, &to)).and_then(|()| files::sync_folder_of(&from));
        moved.map_err(|error| said(&from, &error))
    }

    fn remove(&self, file: &SharePath) -> Result<Removed, ShareError> {
        let place = self.place(file);
        match files::remove(&place) {
            Ok(()) => Ok(Removed::Deleted),
            Err(error) if is_missing(&error) || place.is_dir() => self.reach().map(|()| Removed::NotFound),
            Err(error) => Err(said(&place, &error)),
        }
    }

    fn settle(&self, folder: &SharePath) -> Result<(), ShareError> {
        let place = self.place(folder);
        self.reach()?;
        if !place.is_dir() {
            return Ok(());
        }
        self.make_folders(&place).and_then(|()| files::sync_folder(&place)).map_err(|error| said(&place, &error))
    }

    fn space(&self) -> Result<Option<Space>, ShareError> {
        self.reach()?;
        files::space(&self.root).map_err(|error| said(&self.root, &error))
    }
}

/// A file that is read; each read is a sign of life.
struct Opened(File);

impl Read for Opened {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        beat();
        self.0.read(bytes)
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

struct Part {
    file: File,
    place: PathBuf,
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        beat();
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl PartWriter for Part {
    fn sync(&mut self) -> Result<(), ShareError> {
        self.file.sync_all().map_err(|error| said(&self.place, &error))
    }
}
