//! The shares of a run in which one process has all agents in it, on one disk: what it has written itself is not copied from folder to
//! folder but gets another name there, and is not read again to know what it is.
//!
//! Nothing else writes below such a share while the run has hold of it. After a kill nobody vouches for anything: what is found is
//! read and checked as everywhere (R32, R40). What is synced, and when, stays the same.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use mailferry_core::model::Digest;
use mailferry_core::ports::{Claim, Entry, PartWriter, ReadSeek, Removed, Share, ShareError, SharePath, Space, Vouched};

use crate::files;
use crate::share::{LocalShare, said};

#[derive(Debug)]
pub struct DirectShare {
    share: LocalShare,
    known: Mutex<HashMap<SharePath, Known>>,
}

/// A file as it was when it was vouched for.
#[derive(PartialEq, Eq, Debug)]
struct Known {
    digest: Digest,
    bytes: u64,
    modified: Option<SystemTime>,
}

impl DirectShare {
    pub fn new(root: impl Into<PathBuf>) -> Self {
        DirectShare { share: LocalShare::new(root), known: Mutex::default() }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<SharePath, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn forget(&self, file: &SharePath) {
        self.known().remove(file);
    }
}

fn look(place: &std::path::Path) -> Option<(u64, Option<SystemTime>)> {
    let about = fs::symlink_metadata(place).ok().filter(fs::Metadata::is_file)?;
    Some((about.len(), about.modified().ok()))
}

impl Share for DirectShare {
    fn describe(&self) -> String {
        self.share.describe()
    }

    fn list(&self, folder: &SharePath) -> Result<Vec<Entry>, ShareError> {
        self.share.list(folder)
    }

    fn size(&self, file: &SharePath) -> Result<Option<u64>, ShareError> {
        self.share.size(file)
    }

    fn open(&self, file: &SharePath) -> Result<Box<dyn ReadSeek>, ShareError> {
        self.share.open(file)
    }

    fn part(&self, file: &SharePath, keep: u64) -> Result<Box<dyn PartWriter>, ShareError> {
        self.forget(file);
        self.share.part(file, keep)
    }

    fn publish(&self, part: &SharePath, file: &SharePath) -> Result<(), ShareError> {
        self.share.publish(part, file)
    }

    fn replace(&self, file: &SharePath, content: &[u8]) -> Result<(), ShareError> {
        self.forget(file);
        self.share.replace(file, content)
    }

    fn claim(&self, file: &SharePath, content: &[u8]) -> Result<Claim, ShareError> {
        self.share.claim(file, content)
    }

    fn move_to(&self, file: &SharePath, to: &SharePath) -> Result<(), ShareError> {
        self.forget(file);
        self.share.move_to(file, to)
    }

    fn remove(&self, file: &SharePath) -> Result<Removed, ShareError> {
        self.forget(file);
        self.share.remove(file)
    }

    fn settle(&self, folder: &SharePath) -> Result<(), ShareError> {
        self.share.settle(folder)
    }

    fn space(&self) -> Result<Option<Space>, ShareError> {
        self.share.space()
    }

    fn vouch(&self, file: &SharePath, digest: Digest) {
        if let Some((bytes, modified)) = look(&self.share.place(file)) {
            self.known().insert(file.clone(), Known { digest, bytes, modified });
        }
    }

    /// A file that has changed since is not the one that was vouched for.
    fn vouched(&self, file: &SharePath) -> Option<Vouched> {
        let place = self.share.place(file);
        let (bytes, modified) = look(&place)?;
        let known = self.known();
        let known = known.get(file).filter(|known| known.bytes == bytes && known.modified == modified)?;
        Some(Vouched { place, digest: known.digest })
    }

    fn link(&self, original: &Vouched, file: &SharePath) -> Result<bool, ShareError> {
        let place = self.share.place(file);
        self.share.make_folder_of(&place)?;
        match fs::hard_link(&original.place, &place) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists || error.kind() == io::ErrorKind::NotFound => {
                return Err(said(&place, &error));
            }
            // A file system without links: it is copied.
            Err(_) => return Ok(false),
        }
        files::sync_folder_of(&place).map_err(|error| said(&place, &error))?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(name: &str) -> SharePath {
        SharePath::root().join("NTA").and_then(|folder| folder.join(name)).expect("a path")
    }

    fn write(share: &DirectShare, name: &str, content: &[u8]) {
        let mut part = share.part(&path("x.part"), 0).expect("a part");
        part.write_all(content).expect("written");
        part.sync().expect("synced");
        share.publish(&path("x.part"), &path(name)).expect("published");
    }

    #[test]
    fn what_is_vouched_for_gets_another_name_and_what_has_changed_is_not_vouched_for() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        for side in ["a", "b"] {
            fs::create_dir(dir.path().join(side)).expect("made");
        }
        let (a, b) = (DirectShare::new(dir.path().join("a")), DirectShare::new(dir.path().join("b")));
        write(&a, "x", b"mail");
        assert_eq!(a.vouched(&path("x")), None, "nobody has said so");
        let digest = Digest::of(b"mail");
        a.vouch(&path("x"), digest);
        let vouched = a.vouched(&path("x")).expect("vouched for");
        assert!(b.link(&vouched, &path("x")).expect("linked"));
        assert_eq!(b.vouched(&path("x")), None, "whoever links says so");
        assert_eq!(b.size(&path("x")).expect("there"), Some(4));
        let taken = b.link(&vouched, &path("x")).expect_err("the name is taken");
        assert_eq!(taken.kind, mailferry_core::ports::ShareErrorKind::Exists);
        fs::write(dir.path().join("a/NTA/x"), "other").expect("written");
        assert_eq!(a.vouched(&path("x")), None, "it has changed");
        a.vouch(&path("x"), digest);
        a.remove(&path("x")).expect("removed");
        write(&a, "x", b"other");
        assert_eq!(a.vouched(&path("x")), None, "another file of the same name");
        assert_eq!(DirectShare::new(dir.path().join("b")).vouched(&path("x")), None, "another process");
    }
}
