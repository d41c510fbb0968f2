//! The disk of a node as every agent sees it: its own, or the other node's over a mounted share or UNC path.

use std::fmt;
use std::io::{Read, Seek, Write};
use std::path::PathBuf;

use crate::model::Digest;

/// A place below a share: names joined by `/`, each checked, so that a name from elsewhere can never leave the share.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharePath(String);

impl SharePath {
    /// The share itself.
    pub fn root() -> Self {
        SharePath(String::new())
    }

    /// Adds one name. `None` when the name could mean another place, or cannot exist on every file system we serve:
    /// empty, `.`, `..`, a separator, a drive or stream colon, a control character, a trailing dot or space.
    pub fn join(&self, name: &str) -> Option<Self> {
        let bad = |c: char| c.is_control() || matches!(c, '/' | '\\' | ':' | '<' | '>' | '"' | '|' | '?' | '*');
        if name.is_empty() || name.len() > 255 || name.ends_with(['.', ' ']) || name.chars().any(bad) {
            return None;
        }
        Some(SharePath(if self.0.is_empty() { name.into() } else { format!("{}/{name}", self.0) }))
    }

    /// For paths written in our own code. Names that come from a file, a server or a person go through `join`.
    pub fn of(names: &[&str]) -> Option<Self> {
        names.iter().try_fold(SharePath::root(), |path, name| path.join(name))
    }

    pub fn parent(&self) -> SharePath {
        SharePath(self.0.rsplit_once('/').map_or(String::new(), |(parent, _)| parent.into()))
    }

    /// Another file of the same folder, named in our own code.
    pub fn parent_join(&self, name: &str) -> SharePath {
        self.parent().join(name).expect("our own names are path components")
    }

    pub fn name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|name| !name.is_empty())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SharePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for SharePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SharePath({})", self.0)
    }
}

/// A file found in a folder. Folders are not listed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    pub name: String,
    pub size: u64,
}

/// Room on a disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Space {
    pub free_bytes: u64,
    pub total_bytes: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Removed {
    Deleted,
    /// Counts as deleted (R50).
    NotFound,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    Won,
    /// The file was there already.
    Taken,
}

pub trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// A file in the making.
pub trait PartWriter: Write + Send {
    /// Every byte written so far is on the disk when this returns. Its name is, once it is published.
    fn sync(&mut self) -> Result<(), ShareError>;
}

/// A node's disk. A folder is no file: it has no size, cannot be opened, moved or removed, and its name is taken. Each call that changes something is one durable step: when it has returned `Ok`, a power cut does not
/// undo it.
pub trait Share: Send + Sync {
    /// For people: the path or UNC name of the share.
    fn describe(&self) -> String;

    /// The files of a folder, sorted by name; a folder that is not there is empty. A share that is not there is an error. A file
    /// in the making is listed, with any size up to what was written.
    fn list(&self, folder: &SharePath) -> Result<Vec<Entry>, ShareError>;

    fn size(&self, file: &SharePath) -> Result<Option<u64>, ShareError>;

    /// What is opened stays readable whatever becomes of its name.
    fn open(&self, file: &SharePath) -> Result<Box<dyn ReadSeek>, ShareError>;

    /// Opens a temporary file for writing at `keep` bytes, making its folders; what lay beyond is cut off. With `keep` 0 it
    /// may exist or not; it is an error to keep more than is there.
    fn part(&self, file: &SharePath, keep: u64) -> Result<Box<dyn PartWriter>, ShareError>;

    /// Gives a finished, synced file its final name in the same folder. Fails with `NotFound` when there is no such file, else
    /// with `Exists` when that name is taken.
    fn publish(&self, part: &SharePath, file: &SharePath) -> Result<(), ShareError>;

    /// Writes a small file, replacing the old one whole or not at all. One writer at a time; `<name>.part` is used on the way.
    fn replace(&self, file: &SharePath, content: &[u8]) -> Result<(), ShareError>;

    /// Creates a file if it is not there: of any number of callers on any node, one wins (R3). It is taken before its content is
    /// there to read.
    fn claim(&self, file: &SharePath, content: &[u8]) -> Result<Claim, ShareError>;

    /// Moves a file to another folder of the same share, making the folder. Fails like `publish`.
    fn move_to(&self, file: &SharePath, to: &SharePath) -> Result<(), ShareError>;

    fn remove(&self, file: &SharePath) -> Result<Removed, ShareError>;

    /// Makes the names of a folder durable as they are seen now. Asked for before something that was found is built upon: whoever
    /// gave it its name may have died before that was durable.
    fn settle(&self, folder: &SharePath) -> Result<(), ShareError>;

    /// Room on the disk behind the share; `None` where the system cannot tell.
    fn space(&self) -> Result<Option<Space>, ShareError>;

    /// This process has just written this file, synced it, and knows its digest.
    fn vouch(&self, _file: &SharePath, _digest: Digest) {}

    /// A file that this process itself has written and that nobody else writes to: it need not be read to know its bytes. Where
    /// nodes share disks and networks nobody can say so, and every share that says nothing about it is such a one.
    fn vouched(&self, _file: &SharePath) -> Option<Vouched> {
        None
    }

    /// Gives a file that is vouched for another name, durably, if it lies on the same disk as this share. Fails like `publish`; false
    /// where it cannot be done and the bytes have to be copied.
    fn link(&self, _original: &Vouched, _file: &SharePath) -> Result<bool, ShareError> {
        Ok(false)
    }
}

/// A file whose bytes are known without reading it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Vouched {
    pub place: PathBuf,
    pub digest: Digest,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShareErrorKind {
    NotFound,
    /// The name is taken.
    Exists,
    Denied,
    /// Another program holds the file open (Windows).
    Busy,
    NoSpace,
    /// The share, the network or the node is away.
    Unreachable,
    Other,
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{cause} ({place})")]
pub struct ShareError {
    pub kind: ShareErrorKind,
    /// Full path or UNC name.
    pub place: String,
    pub cause: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leads_out_of_the_share() {
        for name in ["", ".", "..", "a/b", "a\\b", "C:", "a\0", "a\n", "x.", "x ", "a:b", "*", &"n".repeat(256)] {
            assert_eq!(SharePath::root().join(name), None, "{name:?}");
        }
        assert_eq!(SharePath::of(&["NTA", "OUT", "TGT1"]).map(|path| path.to_string()), Some("NTA/OUT/TGT1".into()));
    }
}
