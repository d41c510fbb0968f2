//! Messages of a target folder that bear no token: others have put them there. Looked at only where they may be what is sent (R83).

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::path::Path;

use mailferry_core::model::Digest;
use mailferry_core::ports::Wanted;
use mailferry_core::prv::file_digest;

use super::listing::{self, Spot};
use super::message_name::token_of;
use super::target_folder::Known;
use crate::files;

#[derive(Default)]
pub(super) struct Strangers {
    pub(super) known: HashMap<Vec<u8>, Known>,
    /// Base names and dates by size, in order of arrival.
    sizes: HashMap<u64, Vec<(Vec<u8>, i64)>>,
    /// Known as other items than those that are looked for.
    taken: HashSet<Vec<u8>>,
}

impl Strangers {
    pub(super) fn list(dir: &Path) -> io::Result<Strangers> {
        let mut strangers = Strangers::default();
        for spot in listing::list(dir)?.0.into_iter().filter(|spot| token_of(spot.base()).is_none()) {
            let meta = match spot.path(dir).symlink_metadata() {
                Ok(meta) => meta,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            // Two files of one base name are one message that a client is moving.
            let base = spot.base().to_vec();
            if meta.is_file() && strangers.known.insert(base.clone(), Known { spot, staged: false }).is_none() {
                strangers.sizes.entry(meta.len()).or_default().push((base, files::date_of(meta.modified()?).seconds));
            }
        }
        Ok(strangers)
    }

    pub(super) fn take(&mut self, base: Vec<u8>) {
        self.taken.insert(base);
    }

    /// Those that may be it, by size and date.
    pub(super) fn candidates(&self, wanted: &Wanted) -> Vec<Vec<u8>> {
        let dated = |date: i64| wanted.date.is_none_or(|wanted| wanted == date);
        let of_size = self.sizes.get(&wanted.size).into_iter().flatten();
        of_size.filter(|(base, date)| dated(*date) && !self.taken.contains(base)).map(|(base, _)| base.clone()).collect()
    }
}

/// What the bytes of a message are; `None`: it is not there any more.
pub(super) fn digest_at(dir: &Path, spot: &Spot) -> io::Result<Option<Digest>> {
    let opened: io::Result<File> = files::open_plain(&spot.path(dir));
    match opened {
        Ok(file) => file_digest(file).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
