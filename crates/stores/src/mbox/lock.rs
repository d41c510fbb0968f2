//! Keeping other programs away from an mbox file while it is written: a dotlock `<file>.lock`, which nearly all of them
//! honour, and the system's own file lock on top.
//!
//! Our dotlock is itself locked while its owner lives, so a dotlock of a killed Mailferry is told from a living one at once.
//! Those of other programs are stale by age, as those programs hold it.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use mailferry_core::ports::{Blast, Retry, StoreError};

use super::folder_error;
use crate::files;

const OURS: &[u8] = b"mailferry\n";
/// Age at which other programs consider a dotlock dead.
const STALE: Duration = Duration::from_secs(300);

/// Held while an mbox file is written; given back when dropped.
#[derive(Debug)]
pub(super) struct FileLock {
    path: PathBuf,
    dotlock: Option<File>,
}

impl FileLock {
    pub(super) fn take(mbox: &Path) -> Result<Self, StoreError> {
        let path = dotlock_path(mbox);
        let dotlock = create(&path).map_err(|error| folder_error("lock an mbox file", &path, &error))?;
        match dotlock {
            Some(_) => Ok(FileLock { path, dotlock }),
            None => Err(busy(mbox)),
        }
    }
}

impl FileLock {
    /// Another program that took it for dead has put its own in its place. Windows does not let it while ours is open.
    fn still_stands(&self) -> bool {
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let own = self.dotlock.as_ref().and_then(|file| file.metadata().ok()).map(|meta| (meta.dev(), meta.ino()));
            own.is_some() && own == files::identity(&self.path)
        }
        #[cfg(not(unix))]
        {
            true
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        if !self.still_stands() {
            return;
        }
        // Windows deletes no open file; elsewhere it goes while it is still locked, so that no taker finds it unlocked.
        if cfg!(windows) {
            self.dotlock = None;
        }
        let _ = fs::remove_file(&self.path);
    }
}

/// `None`: somebody else holds it.
fn create(path: &Path) -> io::Result<Option<File>> {
    for _ in 0..2 {
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(mut file) => {
                // Locked before it says whose it is: what says so and is not locked has no owner any more.
                if file.try_lock().is_err() {
                    return Ok(None);
                }
                // Synced: what a power cut leaves empty would be somebody else's, and respected until it is old.
                // And one that cannot be written is no lock.
                if let Err(error) = file.write_all(OURS).and_then(|()| file.sync_data()) {
                    let _ = fs::remove_file(path);
                    return Err(error);
                }
                return Ok(Some(file));
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (),
            Err(error) => return Err(error),
        }
        if !is_stale(path)? {
            return Ok(None);
        }
        files::remove_if_there(path)?;
    }
    Ok(None)
}

fn is_stale(path: &Path) -> io::Result<bool> {
    let file = match files::open_plain(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut owner = Vec::new();
    match (&file).take(64).read_to_end(&mut owner) {
        // Windows lets nobody read what another has locked.
        Err(_) if cfg!(windows) => return Ok(false),
        read => read?,
    };
    if owner == OURS {
        return match file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        };
    }
    Ok(SystemTime::now().duration_since(file.metadata()?.modified()?).is_ok_and(|age| age > STALE))
}

/// Whether another program is writing the file now; for readers, who lock nothing that would leave a trace.
pub(super) fn is_busy(mbox: &Path, file: &File) -> io::Result<bool> {
    let path = dotlock_path(mbox);
    if path.symlink_metadata().is_ok() && !is_stale(&path)? {
        return Ok(true);
    }
    Ok(matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
}

/// The system's lock on an open mbox file. On Windows it would keep our own readers out: the dotlock has to do.
pub(super) fn lock_open(mbox: &Path, file: &File) -> Result<(), StoreError> {
    if cfg!(windows) {
        return Ok(());
    }
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(busy(mbox)),
        Err(TryLockError::Error(error)) => Err(folder_error("lock an mbox file", mbox, &error)),
    }
}

pub(super) fn busy(mbox: &Path) -> StoreError {
    // Of the mailbox: who waits for another program has not failed.
    StoreError::new(Blast::Mailbox, Retry::Later, "lock an mbox file", mbox.display().to_string(), "another program is using it")
        .hint("if no program is, delete the file of the same name that ends in .lock")
}

fn dotlock_path(mbox: &Path) -> PathBuf {
    let mut path = mbox.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}
