//! The message files of one folder: `new/` first, then `cur/`, so that a file that a client moves meanwhile is seen twice
//! rather than not at all; a directory that changed while it was read is read again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::message_name::{by_arrival, split};
use crate::files;

/// How often a folder that keeps changing is read before the last sight of it is taken.
const ATTEMPTS: u32 = 5;
/// File systems stamp directories no finer than this: within it, "unchanged" proves nothing.
const STAMP_GRAIN: Duration = Duration::from_secs(2);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Sub {
    New,
    Cur,
}

impl Sub {
    pub(super) fn of(self, folder: &Path) -> PathBuf {
        folder.join(match self {
            Sub::New => "new",
            Sub::Cur => "cur",
        })
    }
}

/// A message file: which directory, full name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Spot {
    pub(super) sub: Sub,
    pub(super) name: Box<[u8]>,
}

impl Spot {
    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        self.sub.of(folder).join(files::name_of(&self.name))
    }

    pub(super) fn base(&self) -> &[u8] {
        split(&self.name).0
    }

    pub(super) fn letters(&self) -> &[u8] {
        split(&self.name).1
    }
}

/// State of the two directories when they were read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    changed: [Option<SystemTime>; 2],
    taken: SystemTime,
}

impl Stamp {
    pub(super) fn of(folder: &Path) -> Self {
        let changed = |sub: Sub| fs::symlink_metadata(sub.of(folder)).and_then(|meta| meta.modified()).ok();
        Stamp { changed: [changed(Sub::New), changed(Sub::Cur)], taken: SystemTime::now() }
    }

    /// Whether the folder is for certain as it was when this stamp was taken: what changed just before is not settled.
    pub(super) fn holds(&self, folder: &Path) -> bool {
        let settled =
            |time: &Option<SystemTime>| time.is_some_and(|time| self.taken.duration_since(time).is_ok_and(|age| age > STAMP_GRAIN));
        self.changed == Stamp::of(folder).changed && self.changed.iter().all(settled)
    }
}

/// Every message file in arrival order. A base name that several files bear is kept as often as it is there.
pub(super) fn list(folder: &Path) -> io::Result<(Vec<Spot>, Stamp)> {
    let mut attempt = 1;
    loop {
        let before = Stamp::of(folder);
        let mut spots = Vec::new();
        read_into(folder, Sub::New, &mut spots)?;
        read_into(folder, Sub::Cur, &mut spots)?;
        if before.changed == Stamp::of(folder).changed || attempt == ATTEMPTS {
            spots.sort_unstable_by(|a, b| by_arrival(a.base(), b.base()).then_with(|| (a.sub, &a.name).cmp(&(b.sub, &b.name))));
            return Ok((spots, before));
        }
        attempt += 1;
    }
}

fn read_into(folder: &Path, sub: Sub, spots: &mut Vec<Spot>) -> io::Result<()> {
    let dir = sub.of(folder);
    match fs::symlink_metadata(&dir) {
        Ok(meta) if meta.is_dir() => (),
        Ok(_) => return Err(io::Error::other(format!("{} is no directory", dir.display()))),
        // Some programs make `new` only when they need it. Without `cur` it is no folder, and not an empty one.
        Err(error) if error.kind() == io::ErrorKind::NotFound && sub == Sub::New => return Ok(()),
        Err(error) => return Err(error),
    }
    for entry in fs::read_dir(&dir)? {
        let entry = entry?;
        let name = files::bytes_of(&entry.file_name());
        if !name.starts_with(b".") && !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            spots.push(Spot { sub, name: name.into() });
        }
    }
    Ok(())
}
