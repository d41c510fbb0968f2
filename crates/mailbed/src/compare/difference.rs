//! What one snapshot has and the other has not.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::snapshot::{Entry, Folder, Snapshot};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Messages of the source.
    pub compared: usize,
    pub differences: Vec<Difference>,
}

/// Each names the folder; messages by their UID at the source, or at the target where the source has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Difference {
    FolderMissing(String),
    FolderExtra(String),
    SpecialUses {
        folder: String,
        source: BTreeSet<String>,
        target: BTreeSet<String>,
    },
    NotSubscribed(String),
    SubscribedExtra(String),
    Missing {
        folder: String,
        uid: u64,
        bytes: u64,
    },
    /// The source has it as well, fewer times.
    Doubled {
        folder: String,
        uid: u64,
    },
    /// The source has nothing like it.
    Extra {
        folder: String,
        uid: u64,
    },
    /// Other bytes; the same Message-ID, or the same date and flags.
    Altered {
        folder: String,
        uid: u64,
        bytes: [u64; 2],
    },
    Flags {
        folder: String,
        uid: u64,
        lost: Vec<String>,
        extra: Vec<String>,
    },
    Date {
        folder: String,
        uid: u64,
        source: Option<i64>,
        target: Option<i64>,
    },
}

impl Report {
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }

    fn word(difference: &Difference) -> &'static str {
        match difference {
            Difference::FolderMissing(_) => "folders missing",
            Difference::FolderExtra(_) => "folders extra",
            Difference::SpecialUses { .. } => "special uses differ",
            Difference::NotSubscribed(_) => "subscriptions missing",
            Difference::SubscribedExtra(_) => "subscriptions extra",
            Difference::Missing { .. } => "messages missing",
            Difference::Doubled { .. } => "messages doubled",
            Difference::Extra { .. } => "messages extra",
            Difference::Altered { .. } => "messages altered",
            Difference::Flags { .. } => "flags differ",
            Difference::Date { .. } => "dates differ",
        }
    }

    pub fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        self.differences.iter().for_each(|difference| *counts.entry(Report::word(difference)).or_default() += 1);
        counts
    }
}

/// One line of counts, then the first differences.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} messages compared", self.compared)?;
        self.counts().into_iter().try_for_each(|(word, count)| write!(f, ", {count} {word}"))?;
        self.differences.iter().take(20).try_for_each(|difference| write!(f, "\n  {difference:?}"))
    }
}

impl Snapshot {
    pub fn differences(&self, target: &Snapshot) -> Report {
        let mut report = Report { compared: self.messages(), differences: Vec::new() };
        let found = &mut report.differences;
        for (name, folder) in &self.folders {
            match target.folders.get(name) {
                Some(other) => folder.differences(other, name, found),
                None => {
                    found.push(Difference::FolderMissing(name.clone()));
                    found.extend(folder.messages.iter().map(|entry| missing(name, entry)));
                }
            }
        }
        found.extend(target.folders.keys().filter(|name| !self.folders.contains_key(*name)).cloned().map(Difference::FolderExtra));
        found.extend(self.subscriptions.difference(&target.subscriptions).cloned().map(Difference::NotSubscribed));
        found.extend(target.subscriptions.difference(&self.subscriptions).cloned().map(Difference::SubscribedExtra));
        report
    }
}

fn missing(folder: &str, entry: &Entry) -> Difference {
    Difference::Missing { folder: folder.into(), uid: entry.uid, bytes: entry.bytes }
}

impl Folder {
    fn differences(&self, target: &Folder, name: &str, found: &mut Vec<Difference>) {
        if self.special_uses != target.special_uses {
            let (source, target) = (self.special_uses.clone(), target.special_uses.clone());
            found.push(Difference::SpecialUses { folder: name.into(), source, target });
        }
        let mut left: BTreeMap<[u8; 32], Vec<&Entry>> = BTreeMap::new();
        target.messages.iter().for_each(|entry| left.entry(*entry.digest.as_bytes()).or_default().push(entry));
        let mut unmatched = Vec::new();
        for (entry, other) in pairs(&self.messages, &mut left) {
            match other {
                Some(other) => marks(name, entry, other, found),
                None => unmatched.push(entry),
            }
        }
        let known: BTreeSet<[u8; 32]> = self.messages.iter().map(|entry| *entry.digest.as_bytes()).collect();
        let mut surplus: Vec<&Entry> = left.into_values().flatten().collect();
        for entry in unmatched {
            match surplus.iter().position(|other| !known.contains(other.digest.as_bytes()) && resembles(entry, other)) {
                Some(at) => {
                    let other = surplus.remove(at);
                    found.push(Difference::Altered { folder: name.into(), uid: entry.uid, bytes: [entry.bytes, other.bytes] });
                    marks(name, entry, other, found);
                }
                None => found.push(missing(name, entry)),
            }
        }
        surplus.sort_by_key(|entry| entry.uid);
        for Entry { uid, digest, .. } in surplus {
            let folder = name.into();
            found.push(if known.contains(digest.as_bytes()) {
                Difference::Doubled { folder, uid: *uid }
            } else {
                Difference::Extra { folder, uid: *uid }
            });
        }
    }
}

/// Equal bytes; of several the one with equal marks first.
fn pairs<'e>(entries: &'e [Entry], left: &mut BTreeMap<[u8; 32], Vec<&'e Entry>>) -> Vec<(&'e Entry, Option<&'e Entry>)> {
    let mut pairs: Vec<(&Entry, Option<&Entry>)> = entries.iter().map(|entry| (entry, None)).collect();
    for exact in [true, false] {
        for (entry, other) in pairs.iter_mut().filter(|(_, other)| other.is_none()) {
            let Some(candidates) = left.get_mut(entry.digest.as_bytes()) else { continue };
            let fits = |candidate: &&Entry| !exact || (candidate.flags == entry.flags && candidate.date_s == entry.date_s);
            if let Some(at) = candidates.iter().position(fits) {
                *other = Some(candidates.remove(at));
            }
        }
    }
    pairs
}

fn resembles(entry: &Entry, other: &Entry) -> bool {
    match (&entry.message_id, &other.message_id) {
        (Some(one), Some(other)) => one == other,
        _ => entry.date_s == other.date_s && entry.flags == other.flags,
    }
}

fn marks(folder: &str, entry: &Entry, other: &Entry, found: &mut Vec<Difference>) {
    if entry.flags != other.flags {
        let lost = entry.flags.difference(&other.flags).cloned().collect();
        let extra = other.flags.difference(&entry.flags).cloned().collect();
        found.push(Difference::Flags { folder: folder.into(), uid: entry.uid, lost, extra });
    }
    if entry.date_s != other.date_s {
        found.push(Difference::Date { folder: folder.into(), uid: entry.uid, source: entry.date_s, target: other.date_s });
    }
}
