//! What a target has staged: one rename or removal each, done in the order of the calls.
//!
//! Between staging and doing, a client may have changed the flags of a file, which renames it: what is not at its place is
//! looked for by its base name, and what is nowhere has been deleted by its user.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailferry_core::ports::{Blast, Retry, StoreError};

use super::folder_error;
use super::listing::{self, Spot};
use super::message_name::split;
use crate::files;

/// A message file of a target.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) dir: Arc<Path>,
    pub(super) spot: Spot,
}

#[derive(Debug)]
pub(super) enum Step {
    /// `tmp/<stem>` of the folder becomes visible.
    Deliver {
        stem: String,
        to: Place,
    },
    Rename {
        from: Place,
        to: Place,
    },
    Remove(Place),
}

impl Step {
    pub(super) fn act(&self) -> Result<(), StoreError> {
        match self {
            Step::Deliver { stem, to } => deliver(&tmp_path(&to.dir, stem), &to.path()),
            Step::Rename { from, to } => rename(from, to),
            Step::Remove(place) => remove(place),
        }
    }

    /// Directories whose names this step changes.
    pub(super) fn directories(&self) -> Vec<PathBuf> {
        let of = |place: &Place| place.spot.sub.of(&place.dir);
        match self {
            Step::Deliver { to, .. } => vec![of(to)],
            Step::Rename { from, to } => vec![of(to), of(from)],
            Step::Remove(place) => vec![of(place)],
        }
    }
}

impl Place {
    pub(super) fn path(&self) -> PathBuf {
        self.spot.path(&self.dir)
    }

    /// Where the message is now, whatever its flags.
    fn found_again(&self) -> Result<Option<PathBuf>, StoreError> {
        let (spots, _) = listing::list(&self.dir).map_err(|error| folder_error("list the messages of a folder", &self.dir, &error))?;
        Ok(spots.iter().find(|spot| spot.base() == split(&self.spot.name).0).map(|spot| spot.path(&self.dir)))
    }
}

pub(super) fn tmp_path(dir: &Path, stem: &str) -> PathBuf {
    dir.join("tmp").join(stem)
}

fn deliver(tmp: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(tmp, to).map_err(|error| match error.kind() {
        // Another run on this store swept it away: the item is not there, and must not be taken for delivered.
        io::ErrorKind::NotFound => {
            let cause = "the staged file has gone: another program cleaned up, or another Mailferry writes to this mailbox";
            StoreError::new(Blast::Mailbox, Retry::Later, "deliver a message", tmp.display().to_string(), cause)
        }
        _ => folder_error("deliver a message", tmp, &error),
    })
}

fn rename(from: &Place, to: &Place) -> Result<(), StoreError> {
    let target = to.path();
    let attempt = |path: &Path| match fs::rename(path, &target) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(folder_error("rename a message", path, &error)),
    };
    if attempt(&from.path())? {
        return Ok(());
    }
    match from.found_again()? {
        Some(path) if path != target => attempt(&path).map(|_| ()),
        _ => Ok(()),
    }
}

fn remove(place: &Place) -> Result<(), StoreError> {
    let path = place.path();
    match fs::remove_file(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => (),
        done => return done.map_err(|error| folder_error("delete a message", &path, &error)),
    }
    let Some(path) = place.found_again()? else { return Ok(()) };
    files::remove_if_there(&path).map_err(|error| folder_error("delete a message", &path, &error))
}
