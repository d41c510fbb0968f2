//! Whether a target store still holds what a manifest says, with nothing else at hand (X01).
//!
//! The manifest is read twice: first to its seal, so that nothing of a forged one is believed; then beside the store, folder by folder,
//! each item by its id. Held in memory: 24 bytes for each item of the folder at hand, and what was not found or has been added.
//!
//! What the users of the target do is told and is no difference: mail they add, mail they move. What they delete or change cannot be told
//! from a loss and is one. Flags are theirs and are not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use mailferry_rules::score::Score;
use serde::Serialize;

use super::lines::{Folder, Header, Item};
use super::reader::{Entry, ManifestError, Reader};
use super::reread::{self, BATCH_ITEMS, Shown};
use crate::model::key_text;
use crate::model::{Digest, FolderPath, ItemKey, TargetId};
use crate::ports::{Blast, MailSource, ShownAs, StoreError};

#[derive(Clone, Copy, Debug)]
pub struct Choices {
    /// Findings that are listed; all are counted.
    pub listed_max: usize,
}

#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What was found, and in which folder of the target.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    pub folder: Vec<String>,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    Missing {
        token: String,
        id: String,
    },
    Changed {
        token: String,
        id: String,
        expected: String,
        found: String,
    },
    Unreadable {
        token: String,
        id: String,
        cause: String,
    },
    FolderMissing,
    FolderUnreadable {
        cause: String,
    },
    /// The store has given all its items other names: the manifest is outdated, and items are known by their bytes alone.
    Renamed {
        how: String,
    },
    /// The same bytes stand elsewhere now.
    Moved {
        token: String,
        id: String,
        to: Vec<String>,
        now: String,
    },
    /// Items that came after the manifest.
    Added {
        items: u64,
    },
}

impl What {
    /// As in the JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            What::Missing { .. } => "missing",
            What::Changed { .. } => "changed",
            What::Unreadable { .. } => "unreadable",
            What::FolderMissing => "folder-missing",
            What::FolderUnreadable { .. } => "folder-unreadable",
            What::Renamed { .. } => "renamed",
            What::Moved { .. } => "moved",
            What::Added { .. } => "added",
        }
    }

    /// What users do.
    pub fn is_information(&self) -> bool {
        matches!(self, What::Moved { .. } | What::Added { .. })
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub header: Header,
    pub digest: String,
    pub score: String,
    /// What the manifest itself says has not arrived, or is to be looked into: the store may hold all that was signed and still lack this.
    pub said: BTreeMap<&'static str, u64>,
    /// Items that the manifest says are at the target, and those that were read with the same bytes.
    pub expected: u64,
    pub holds: u64,
    /// How many of each kind.
    pub counts: BTreeMap<&'static str, u64>,
    pub findings: Vec<Finding>,
    #[serde(skip)]
    differing: u64,
    #[serde(skip)]
    listed_max: usize,
}

impl Report {
    /// Findings that are no information.
    pub fn differing(&self) -> u64 {
        self.differing
    }

    fn add(&mut self, folder: &FolderPath, what: What) {
        let count = if let What::Added { items } = &what { *items } else { 1 };
        *self.counts.entry(what.kind()).or_default() += count;
        self.differing += u64::from(!what.is_information());
        if self.findings.len() < self.listed_max {
            self.findings.push(Finding { folder: folder.0.clone(), what });
        }
    }
}

/// Reads the manifest, `open`ed anew each time, and then the store. `watch` is told the folder and how many items were read.
pub fn verify<R: BufRead>(
    open: &mut dyn FnMut() -> Result<Reader<R>, ManifestError>,
    store: &mut dyn MailSource,
    choices: Choices,
    watch: &mut dyn FnMut(&FolderPath, u64),
) -> Result<Report, VerifyError> {
    let (header, sealed) = open()?.check()?;
    let report = Report {
        header,
        digest: sealed.digest.to_string(),
        score: sealed.summary.score.clone(),
        said: sealed
            .summary
            .counts
            .found()
            .reasons()
            .filter(|reason| reason.score >= Score::Investigate)
            .map(|reason| (reason.what, reason.count))
            .collect(),
        expected: 0,
        holds: 0,
        counts: BTreeMap::new(),
        findings: Vec::new(),
        differing: 0,
        listed_max: choices.listed_max,
    };
    let selectable = store.folders()?.into_iter().filter(|info| info.selectable).map(|info| info.path).collect();
    let mut verifying =
        Verifying { store, selectable, report, watch, at: None, renamed: BTreeSet::new(), lost: Vec::new(), others: Vec::new() };
    let mut reader = open()?;
    while let Some(entry) = reader.next()? {
        match entry {
            Entry::Folder(folder) => verifying.enter(folder)?,
            Entry::Item(item) => verifying.item(*item)?,
            Entry::EndOfFolder(_) => verifying.leave()?,
        }
    }
    if reader.sealed().map(|sealed| sealed.digest) != Some(sealed.digest) {
        let what = "it was replaced while it was read".into();
        return Err(ManifestError::Forged { line: 0, what }.into());
    }
    Ok(verifying.moved()?)
}

/// The folder at hand.
struct Here {
    path: FolderPath,
    shown: Shown,
    batch: Vec<(Item, ItemKey)>,
    /// Nothing of it can be read.
    closed: bool,
}

/// An item that is not where it was.
struct Lost {
    digest: Digest,
    size: Option<u64>,
    token: String,
    id: String,
}

struct Verifying<'a> {
    store: &'a mut dyn MailSource,
    selectable: BTreeSet<FolderPath>,
    report: Report,
    watch: &'a mut dyn FnMut(&FolderPath, u64),
    at: Option<Here>,
    /// Folders whose ids are void.
    renamed: BTreeSet<FolderPath>,
    lost: Vec<(FolderPath, Lost)>,
    others: Vec<(FolderPath, ItemKey, Option<u64>)>,
}

impl Verifying<'_> {
    fn enter(&mut self, folder: Folder) -> Result<(), StoreError> {
        let Some(path) = folder.target.map(FolderPath) else { return Ok(()) };
        let mut here = Here { path, shown: Shown::default(), batch: Vec::new(), closed: false };
        if !self.selectable.remove(&here.path) {
            if !here.path.is_inbox() {
                self.report.add(&here.path, What::FolderMissing);
            }
        } else {
            match Shown::of(self.store, &here.path) {
                Ok(shown) => here.shown = shown,
                Err(error) if error.blast <= Blast::Folder => {
                    here.closed = true;
                    self.report.add(&here.path, What::FolderUnreadable { cause: error.to_string() });
                }
                Err(error) => return Err(error),
            }
        }
        self.at = Some(here);
        Ok(())
    }

    fn item(&mut self, item: Item) -> Result<(), StoreError> {
        let (Some(here), Some(_)) = (&mut self.at, item.at_target()) else { return Ok(()) };
        self.report.expected += 1;
        if here.closed {
            return Ok(());
        }
        let id = TargetId(item.id.as_deref().and_then(crate::model::key_bytes).unwrap_or_default());
        let shown = if here.shown.is_empty() { ShownAs::NotThere } else { self.store.shown_as(&here.path, &id)? };
        match shown {
            ShownAs::Key(key) if here.shown.date(&key).is_some() => here.batch.push((item, key)),
            ShownAs::Renamed(how) => {
                if self.renamed.insert(here.path.clone()) {
                    self.report.add(&here.path, What::Renamed { how });
                }
                self.lose(item);
            }
            ShownAs::Key(_) | ShownAs::NotThere => self.lose(item),
        }
        if self.at.as_ref().is_some_and(|here| here.batch.len() >= BATCH_ITEMS) { self.read() } else { Ok(()) }
    }

    fn lose(&mut self, item: Item) {
        let (Some(here), Some(digest)) = (&self.at, item.at_target()) else { return };
        let size = item.reread_size.or(item.size);
        let lost = Lost { digest, size, token: item.token.to_string(), id: item.id.unwrap_or_default() };
        self.lost.push((here.path.clone(), lost));
    }

    /// Reads the batch.
    fn read(&mut self) -> Result<(), StoreError> {
        let Some(here) = &mut self.at else { return Ok(()) };
        let (path, batch) = (here.path.clone(), std::mem::take(&mut here.batch));
        self.store.expect(&path, &mut batch.iter().map(|(_, key)| key))?;
        for (item, key) in batch {
            let (token, id) = (item.token.to_string(), item.id.clone().unwrap_or_default());
            match reread::bytes(self.store, &path, &key)? {
                Ok(Some(bytes)) if Some(bytes.exact) == item.at_target() => self.report.holds += 1,
                Ok(Some(bytes)) => {
                    let expected = item.at_target().unwrap_or_default().to_string();
                    self.report.add(&path, What::Changed { token, id, expected, found: bytes.exact.to_string() });
                }
                Ok(None) => self.lose(item),
                Err(cause) => self.report.add(&path, What::Unreadable { token, id, cause }),
            }
            (self.watch)(&path, self.report.holds);
        }
        Ok(())
    }

    fn leave(&mut self) -> Result<(), StoreError> {
        self.read()?;
        let Some(here) = self.at.take() else { return Ok(()) };
        self.note_others(&here.path, &here.shown)
    }

    fn note_others(&mut self, path: &FolderPath, shown: &Shown) -> Result<(), StoreError> {
        let others = &mut self.others;
        shown.each_other(self.store, path, &mut |seen| others.push((path.clone(), seen.key, seen.size)))
    }

    /// What was not found is looked for, by its bytes, among what the manifest does not name.
    fn moved(mut self) -> Result<Report, StoreError> {
        for path in std::mem::take(&mut self.selectable) {
            let shown = match Shown::of(self.store, &path) {
                Err(error) if error.blast <= Blast::Folder => continue,
                shown => shown?,
            };
            self.note_others(&path, &shown)?;
        }
        let mut wanted: BTreeMap<Digest, Vec<(FolderPath, Lost)>> = BTreeMap::new();
        let sizes: BTreeSet<Option<u64>> = self.lost.iter().map(|(_, lost)| lost.size).collect();
        std::mem::take(&mut self.lost).into_iter().rev().for_each(|lost| wanted.entry(lost.1.digest).or_default().push(lost));
        let mut added: BTreeMap<FolderPath, u64> = BTreeMap::new();
        for (path, key, size) in std::mem::take(&mut self.others) {
            let may_be = !wanted.is_empty() && (size.is_none() || sizes.contains(&size) || sizes.contains(&None));
            let bytes = if may_be { reread::bytes(self.store, &path, &key)?.ok().flatten() } else { None };
            match bytes.and_then(|bytes| wanted.get_mut(&bytes.exact)).and_then(Vec::pop) {
                Some((from, lost)) => {
                    self.report.holds += 1;
                    let now = key_text(&key.0);
                    // Under another name in its own folder it was told with the folder.
                    if from != path || !self.renamed.contains(&path) {
                        self.report.add(&from, What::Moved { token: lost.token, id: lost.id, to: path.0, now });
                    }
                }
                None => *added.entry(path).or_default() += 1,
            }
        }
        let mut missing: Vec<(FolderPath, Lost)> = wanted.into_values().flatten().collect();
        missing.sort_by(|(a, x), (b, y)| (a, &x.id).cmp(&(b, &y.id)));
        missing.into_iter().for_each(|(path, lost)| self.report.add(&path, What::Missing { token: lost.token, id: lost.id }));
        added.into_iter().for_each(|(path, items)| self.report.add(&path, What::Added { items }));
        Ok(self.report)
    }
}
