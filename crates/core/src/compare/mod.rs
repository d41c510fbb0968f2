//! Whether two mailboxes hold the same mail: folders, and in each folder every item by its bytes, as often as it is there, with
//! its flags, keywords and internal date.
//!
//! ```text
//! items     one folder read to its digests         pairs    equal bytes matched one to one
//! report    what was counted and what differs
//! digests   by which a message is known again   likeness  what stays of one that a server changes
//! forms     the same with every end of line
//! ```
//!
//! Holds: both sides are only read (R20); what could not be read is a difference of its own, so that "none" means all was seen; equal items
//! count (R42: nothing is there twice). Nothing of a message but place, size and digest enters the report: no subject, no address.
//!
//! What two stores can keep in common decides what is compared:
//! - dates to the second, offsets and envelope senders not at all: IMAP keeps no finer date, and only mbox has a sender;
//! - keywords without case, as RFC 9051 has them;
//! - an inbox that is not there is an empty inbox, and a folder that cannot hold items is none;
//! - subscriptions and special uses only when each side shows one: a store that holds none looks like one that cannot.
//!
//! The road not taken: reading both sides side by side in order of arrival. It needs less memory, but stores order
//! differently, and one item too many would shift all others. Memory is that of the largest folder, about 150 bytes an item.

mod digests;
mod forms;
mod items;
mod likeness;
mod pairs;
mod report;

use std::collections::{BTreeMap, BTreeSet};

pub use digests::{Digests, Hashing};
pub use forms::forms;
pub use likeness::Likeness;
pub use report::{Comparison, Difference, Holding, ItemPlace, MarksText, What};

use crate::model::{FolderInfo, FolderPath};
use crate::ports::{Blast, MailSource, StoreError};
use crate::settings::Side;
use items::{Item, read_items};
use pairs::Matched;

/// What the caller wants.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Choices {
    /// What only the target has is no difference, as when users work there already. An item that is there more often than
    /// at the source stays one.
    pub allow_extra: bool,
    /// Differences that are listed; all are counted.
    pub listed_max: usize,
}

/// How far the comparison has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress<'a> {
    pub side: Side,
    pub folder: &'a FolderPath,
    /// Read so far, of both sides.
    pub items: u64,
    pub bytes: u64,
}

/// Compares two mailboxes. A folder or an item that cannot be read is a difference; an error that reaches further ends it.
pub fn compare(
    source: &mut dyn MailSource,
    target: &mut dyn MailSource,
    choices: Choices,
    watch: &mut dyn FnMut(Progress<'_>),
) -> Result<Comparison, StoreError> {
    let (here, there) = (Folders::of(source)?, Folders::of(target)?);
    let mut report = Comparison::new(source.describe(), target.describe(), choices.listed_max);
    report.subscriptions_compared = here.any(|info| info.subscribed) && there.any(|info| info.subscribed);
    report.special_uses_compared = here.any(|info| info.special_use.is_some()) && there.any(|info| info.special_use.is_some());
    report.source.folders = here.selectable().count() as u64;
    report.target.folders = there.selectable().count() as u64;
    let paths: BTreeSet<FolderPath> = here.selectable().chain(there.selectable()).map(|info| info.path.clone()).collect();
    let mut comparing = Comparing { source, target, here, there, choices, report, watch };
    paths.iter().try_for_each(|path| comparing.folder(path))?;
    Ok(comparing.report)
}

/// Every folder of one side by its path.
struct Folders(BTreeMap<FolderPath, FolderInfo>);

impl Folders {
    fn of(store: &mut dyn MailSource) -> Result<Self, StoreError> {
        Ok(Folders(store.folders()?.into_iter().map(|info| (info.path.clone(), info)).collect()))
    }

    fn selectable(&self) -> impl Iterator<Item = &FolderInfo> {
        self.0.values().filter(|info| info.selectable)
    }

    fn any(&self, is: impl Fn(&FolderInfo) -> bool) -> bool {
        self.selectable().any(is)
    }

    fn get(&self, path: &FolderPath) -> Option<&FolderInfo> {
        self.0.get(path).filter(|info| info.selectable)
    }
}

struct Comparing<'a> {
    source: &'a mut dyn MailSource,
    target: &'a mut dyn MailSource,
    here: Folders,
    there: Folders,
    choices: Choices,
    report: Comparison,
    watch: &'a mut dyn FnMut(Progress<'_>),
}

impl Comparing<'_> {
    fn folder(&mut self, path: &FolderPath) -> Result<(), StoreError> {
        self.folder_itself(path);
        let here = self.items(Side::Source, path)?;
        let there = self.items(Side::Target, path)?;
        if let (Some(here), Some(there)) = (here, there) {
            self.matched(path, pairs::matched(here, there));
        }
        Ok(())
    }

    fn folder_itself(&mut self, path: &FolderPath) {
        let what = match (self.here.get(path), self.there.get(path)) {
            (Some(here), Some(there)) => return self.attributes(&here.clone(), &there.clone()),
            _ if path.is_inbox() => return,
            (_, None) => What::FolderMissing,
            (None, _) if self.here.0.contains_key(path) => return,
            (None, _) => What::FolderExtra,
        };
        self.add(path, what);
    }

    fn attributes(&mut self, here: &FolderInfo, there: &FolderInfo) {
        if self.report.subscriptions_compared && here.subscribed != there.subscribed {
            self.add(&here.path, What::Subscription { source: here.subscribed, target: there.subscribed });
        }
        if self.report.special_uses_compared && here.special_use != there.special_use {
            let (source, target) = (here.special_use.clone(), there.special_use.clone());
            self.add(&here.path, What::SpecialUse { source, target });
        }
    }

    /// `None`: the folder could not be read, so nothing can be said of its items.
    fn items(&mut self, side: Side, path: &FolderPath) -> Result<Option<Vec<Item>>, StoreError> {
        let (store, folders) = match side {
            Side::Source => (&mut *self.source, &self.here),
            Side::Target => (&mut *self.target, &self.there),
        };
        if folders.get(path).is_none() {
            return Ok(Some(Vec::new()));
        }
        let before = (self.report.source.items + self.report.target.items, self.report.source.bytes + self.report.target.bytes);
        let watch = &mut self.watch;
        let mut step = |items, bytes| watch(Progress { side, folder: path, items: before.0 + items, bytes: before.1 + bytes });
        match read_items(store, path, &mut step) {
            Ok(read) => {
                let holding = self.report.holding(side);
                holding.items += read.items.len() as u64;
                holding.bytes += read.items.iter().map(|item| item.size).sum::<u64>();
                read.failed.into_iter().for_each(|failed| self.add(path, failed.on(side)));
                Ok(Some(read.items))
            }
            Err(error) if error.blast <= Blast::Folder => {
                self.add(path, What::FolderUnreadable { side, cause: error.to_string() });
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn matched(&mut self, path: &FolderPath, matched: Matched) {
        matched.missing.iter().for_each(|item| self.add(path, What::ItemMissing { item: item.place() }));
        for (item, known) in &matched.extra {
            let item = item.place();
            self.add(path, if *known { What::ItemDoubled { item } } else { What::ItemExtra { item } });
        }
        for (here, there) in &matched.changed {
            if !pairs::same_marks(here, there) {
                let (source, target) = (MarksText::of(&here.marks), MarksText::of(&there.marks));
                self.add(path, What::MarksDiffer { item: here.place(), at_target: there.place(), source, target });
            }
            if here.seconds != there.seconds {
                let (source_s, target_s) = (here.seconds, there.seconds);
                self.add(path, What::DateDiffers { item: here.place(), at_target: there.place(), source_s, target_s });
            }
        }
    }

    fn add(&mut self, path: &FolderPath, what: What) {
        if self.choices.allow_extra && what.is_extra() {
            self.report.extra_allowed += 1;
        } else {
            self.report.add(Difference { folder: path.clone(), what });
        }
    }
}

#[cfg(test)]
mod tests;
