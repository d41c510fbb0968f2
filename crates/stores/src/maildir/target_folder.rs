//! One folder of a target: where its messages are, by token (R42).
//!
//! The index is built by one listing when the folder is first used and kept up to date with what is staged, so that it
//! tells where each message will be once everything staged is done. Messages of others are not in it: they are found by
//! listing, if anyone asks, and indexed only where they may be adopted.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;
use std::sync::Arc;

use mailferry_core::model::Token;
use mailferry_core::ports::{Blast, Retry, StoreError, Wanted};

use super::folder_error;
use super::keywords::KeywordTable;
use super::listing::{self, Spot, Stamp};
use super::message_name::{split, token_of};
use super::steps::Place;
use super::strangers::Strangers;
use crate::files;

pub(super) struct TargetFolder {
    pub(super) dir: Arc<Path>,
    pub(super) keywords: KeywordTable,
    index: Option<Index>,
    strangers: Option<Strangers>,
    /// Whether it has been asked whose the strangers are.
    asked: bool,
    /// Base names that are still on disk here and will not be after the next flush.
    leaving: HashSet<Vec<u8>>,
}

struct Index {
    known: HashMap<Token, Known>,
    stamp: Stamp,
}

pub(super) struct Known {
    pub(super) spot: Spot,
    /// Not on disk like this before the next flush.
    pub(super) staged: bool,
}

impl TargetFolder {
    /// The root itself may be reached through a link: the administrator has named it.
    pub(super) fn open(root: &Path, dir: &Path) -> Result<Self, StoreError> {
        let subs = ["cur", "new", "tmp"].map(|sub| dir.join(sub));
        let own = (dir != root).then(|| dir.to_path_buf());
        if let Some(bad) = own.into_iter().chain(subs).find(|path| !files::is_dir(path)) {
            let cause = "it is not there, or is no directory; a symbolic link is never followed";
            let error = StoreError::new(Blast::Folder, Retry::Never, "use a folder", bad.display().to_string(), cause);
            return Err(error.hint("put a directory in its place, or let Mailferry make the folder"));
        }
        let keywords = KeywordTable::read(dir).map_err(|error| folder_error("read the keywords of a folder", dir, &error))?;
        Ok(TargetFolder { dir: dir.into(), keywords, index: None, strangers: None, asked: false, leaving: HashSet::new() })
    }

    /// The message that bears this token, seen to be there.
    pub(super) fn by_token(&mut self, token: Token) -> Result<Option<Spot>, StoreError> {
        let Some(known) = self.index()?.known.get(&token) else { return Ok(None) };
        let base = known.spot.base().to_vec();
        self.by_base(&base)
    }

    /// Where the message of this base name is, after everything staged. A client may have renamed it since we last looked.
    pub(super) fn by_base(&mut self, base: &[u8]) -> Result<Option<Spot>, StoreError> {
        if let Some(spot) = self.expected(base)? {
            return Ok(Some(spot));
        }
        let dir = self.dir.clone();
        if self.index.as_ref().is_some_and(|index| index.stamp.holds(&dir)) && token_of(base).is_some() {
            return Ok(None);
        }
        self.reload(base)
    }

    fn expected(&mut self, base: &[u8]) -> Result<Option<Spot>, StoreError> {
        let dir = self.dir.clone();
        let known = match token_of(base) {
            Some(token) => self.index()?.known.get(&token).filter(|known| split(&known.spot.name).0 == base),
            None => self.strangers.as_ref().and_then(|strangers| strangers.known.get(base)),
        };
        let Some(known) = known else { return Ok(None) };
        Ok((known.staged || known.spot.path(&dir).symlink_metadata().is_ok()).then(|| known.spot.clone()))
    }

    fn strangers(&mut self, ours: &HashSet<Token>) -> Result<&mut Strangers, StoreError> {
        match &mut self.strangers {
            Some(strangers) => Ok(strangers),
            empty => {
                let failed = |error: io::Error| folder_error("read the messages of a folder", &self.dir, &error);
                Ok(empty.insert(Strangers::list(&self.dir, ours).map_err(failed)?))
            }
        }
    }

    /// Whether there are messages of others of which it is to be asked whose they are.
    pub(super) fn has_unclaimed(&mut self, ours: &HashSet<Token>) -> Result<bool, StoreError> {
        Ok(!std::mem::replace(&mut self.asked, true) && !self.strangers(ours)?.is_empty())
    }

    pub(super) fn claim(&mut self, base: Vec<u8>) {
        if let Some(strangers) = &mut self.strangers {
            strangers.take(base);
        }
    }

    /// A message of others that has these bytes; from now on it is nobody else's.
    pub(super) fn adopt(&mut self, wanted: &Wanted, ours: &HashSet<Token>) -> Result<Option<Spot>, StoreError> {
        for base in self.strangers(ours)?.candidates(wanted) {
            if let Some(spot) = self.by_base(&base)? {
                self.claim(base);
                return Ok(Some(spot));
            }
        }
        Ok(None)
    }

    fn reload(&mut self, base: &[u8]) -> Result<Option<Spot>, StoreError> {
        let staged = self.index.take().map(|index| index.known.into_iter().filter(|(_, known)| known.staged)).into_iter().flatten();
        let (mut index, found) =
            load(&self.dir, Some(base)).map_err(|error| folder_error("list the messages of a folder", &self.dir, &error))?;
        index.known.retain(|_, known| !self.leaving.contains(known.spot.base()));
        index.known.extend(staged);
        self.index = Some(index);
        Ok(found.filter(|_| !self.leaving.contains(base)))
    }

    fn index(&mut self) -> Result<&mut Index, StoreError> {
        match &mut self.index {
            Some(index) => Ok(index),
            empty => {
                let (index, _) = load(&self.dir, None).map_err(|error| folder_error("list the messages of a folder", &self.dir, &error))?;
                Ok(empty.insert(index))
            }
        }
    }

    pub(super) fn place(&self, spot: Spot) -> Place {
        Place { dir: self.dir.clone(), spot }
    }

    /// From now on the message will be there.
    pub(super) fn put(&mut self, spot: &Spot) {
        self.leaving.remove(spot.base());
        let known = Known { spot: spot.clone(), staged: true };
        match (token_of(spot.base()), &mut self.index, &mut self.strangers) {
            (Some(token), Some(index), _) => drop(index.known.insert(token, known)),
            (None, _, Some(strangers)) => drop(strangers.known.insert(spot.base().to_vec(), known)),
            _ => {}
        }
    }

    pub(super) fn take(&mut self, base: &[u8]) {
        self.leaving.insert(base.to_vec());
        match (token_of(base), &mut self.index, &mut self.strangers) {
            (Some(token), Some(index), _) => drop(index.known.remove(&token)),
            (None, _, Some(strangers)) => drop(strangers.known.remove(base)),
            _ => {}
        }
    }

    /// What was staged is on disk.
    pub(super) fn settle(&mut self, spot: &Spot) {
        let known = match token_of(spot.base()) {
            Some(token) => self.index.as_mut().and_then(|index| index.known.get_mut(&token)),
            None => self.strangers.as_mut().and_then(|strangers| strangers.known.get_mut(spot.base())),
        };
        if let Some(known) = known {
            known.staged = false;
        }
    }

    /// Everything staged is on disk.
    pub(super) fn none_leaves(&mut self) {
        self.leaving.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.index.as_ref().map_or(0, |index| index.known.len())
    }

    pub(super) fn forget(&mut self) {
        self.index = None;
    }
}

/// The index, and on the way the file of one base name.
fn load(dir: &Path, wanted: Option<&[u8]>) -> io::Result<(Index, Option<Spot>)> {
    let (spots, stamp) = listing::list(dir)?;
    let found = wanted.and_then(|base| spots.iter().find(|spot| spot.base() == base)).cloned();
    let ours = spots.into_iter().filter_map(|spot| token_of(spot.base()).map(|token| (token, Known { spot, staged: false })));
    Ok((Index { known: ours.collect(), stamp }, found))
}
