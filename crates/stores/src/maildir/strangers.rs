//! Messages of a target folder that are not known to be ours: others have put them there, a client, a delivery, another migration.
//! Looked at only where they may be what is sent (R83), and then each is read once.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::Path;

use mailferry_core::compare::forms;
use mailferry_core::model::{Digest, Token};
use mailferry_core::ports::Wanted;

use super::listing::{self, Spot};
use super::message_name::token_of;
use super::target_folder::Known;
use crate::files;

#[derive(Default)]
pub(super) struct Strangers {
    pub(super) known: HashMap<Vec<u8>, Known>,
    /// Base names and dates by the bytes, whatever ends their lines, in order of arrival.
    digests: HashMap<Digest, Vec<(Vec<u8>, i64)>>,
    /// Known as other items than those that are looked for.
    taken: HashSet<Vec<u8>>,
}

impl Strangers {
    /// `ours`: tokens of what is being brought; who bears one of them is found by it.
    pub(super) fn list(dir: &Path, ours: &HashSet<Token>) -> io::Result<Strangers> {
        let mut strangers = Strangers::default();
        for spot in listing::list(dir)?.0.into_iter().filter(|spot| token_of(spot.base()).is_none_or(|token| !ours.contains(&token))) {
            match strangers.learn(dir, spot) {
                // A client has renamed or removed it since.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                learnt => learnt?,
            }
        }
        Ok(strangers)
    }

    fn learn(&mut self, dir: &Path, spot: Spot) -> io::Result<()> {
        let (path, base) = (spot.path(dir), spot.base().to_vec());
        let meta = path.symlink_metadata()?;
        // Two files of one base name are one message that a client is moving.
        if !meta.is_file() || self.known.contains_key(&base) {
            return Ok(());
        }
        let date = files::date_of(meta.modified()?).seconds;
        for digest in forms(files::open_plain(&path)?)? {
            self.digests.entry(digest).or_default().push((base.clone(), date));
        }
        // Of our own names the index knows where they are.
        if token_of(&base).is_none() {
            self.known.insert(base, Known { spot, staged: false });
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.digests.is_empty()
    }

    pub(super) fn take(&mut self, base: Vec<u8>) {
        self.taken.insert(base);
    }

    /// Those that it may be, by bytes and date.
    pub(super) fn candidates(&self, wanted: &Wanted) -> Vec<Vec<u8>> {
        let dated = |date: i64| wanted.date.is_none_or(|wanted| wanted == date);
        let same = self.digests.get(&wanted.digest).into_iter().flatten();
        same.filter(|(base, date)| dated(*date) && !self.taken.contains(base)).map(|(base, _)| base.clone()).collect()
    }
}
