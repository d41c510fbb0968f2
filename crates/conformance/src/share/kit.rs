//! What the laws of a share are written with.

use std::io::{Read, Write};
use std::sync::Arc;

use mailferry_core::ports::{Share, ShareError, ShareErrorKind, SharePath};

/// A disk, empty at first, and what may happen to it.
pub trait Bench {
    fn share(&self) -> Arc<dyn Share>;

    /// The node goes away, or comes back.
    fn set_away(&self, away: bool);

    /// From now on nothing more fits. False, loudly, where the bench cannot do that.
    fn fill_up(&self) -> bool;

    /// From now on nobody may delete this file. False, loudly, where the bench cannot do that.
    fn deny_deletion(&self, file: &SharePath) -> bool;
}

/// A path of our own: its names are path components.
pub fn path(text: &str) -> SharePath {
    SharePath::of(&text.split('/').collect::<Vec<_>>()).unwrap()
}

/// Writes a file as agents do: everything, then a sync. The error of whichever step failed.
pub fn put(share: &dyn Share, file: &SharePath, keep: u64, bytes: &[u8]) -> Result<(), ShareErrorKind> {
    let mut part = share.part(file, keep).map_err(|error| error.kind)?;
    part.write_all(bytes).map_err(|error| match error.kind() {
        std::io::ErrorKind::StorageFull => ShareErrorKind::NoSpace,
        _ => ShareErrorKind::Other,
    })?;
    part.sync().map_err(|error| error.kind)
}

/// The bytes of a file.
pub fn read(share: &dyn Share, file: &SharePath) -> Result<Vec<u8>, ShareErrorKind> {
    let mut bytes = Vec::new();
    share.open(file).map_err(|error| error.kind)?.read_to_end(&mut bytes).unwrap();
    Ok(bytes)
}

pub(super) fn kind<T>(answer: Result<T, ShareError>) -> Option<ShareErrorKind> {
    answer.err().map(|error| error.kind)
}

/// Names and sizes of a folder.
pub(super) fn listed(share: &dyn Share, folder: &str) -> Vec<(String, u64)> {
    let folder = if folder.is_empty() { SharePath::root() } else { path(folder) };
    share.list(&folder).unwrap().into_iter().map(|entry| (entry.name, entry.size)).collect()
}
