//! What a rehearsal found, counted: the hazards themselves were handed on as they were found.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::hazard::{Hazard, Kind, Weight};
use crate::model::FolderPath;
use crate::ports::Quota;

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Rehearsal {
    pub source: String,
    pub target: String,
    pub items: u64,
    pub bytes: u64,
    /// As the target would count them.
    pub bytes_at_target: u64,
    pub folders: Vec<FolderSum>,
    pub quotas: Vec<Quota>,
    /// By hazard, in the order of their weight.
    pub found: Vec<Found>,
    /// Everything was looked at.
    pub is_whole: bool,
}

/// How often a hazard was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Found {
    pub kind: Kind,
    pub weight: Weight,
    pub count: u64,
}

/// What a folder holds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FolderSum {
    #[serde(serialize_with = "levels")]
    pub folder: FolderPath,
    pub items: u64,
    pub bytes: u64,
    pub bytes_at_target: u64,
    /// Items whose bytes were read.
    pub read: u64,
}

fn levels<S: Serializer>(folder: &FolderPath, serializer: S) -> Result<S::Ok, S::Error> {
    folder.0.serialize(serializer)
}

impl FolderSum {
    pub(super) fn of(folder: &FolderPath) -> FolderSum {
        FolderSum { folder: folder.clone(), items: 0, bytes: 0, bytes_at_target: 0, read: 0 }
    }
}

impl Rehearsal {
    pub(super) fn new(source: String, target: String) -> Rehearsal {
        let (folders, quotas, found) = Default::default();
        Rehearsal { source, target, items: 0, bytes: 0, bytes_at_target: 0, folders, quotas, found, is_whole: true }
    }

    /// Of a pair of which one cannot even be opened.
    pub fn of_unopened(source: String, target: String, hazards: &[Hazard]) -> Rehearsal {
        let mut rehearsal = Rehearsal { is_whole: false, ..Rehearsal::new(source, target) };
        hazards.iter().for_each(|hazard| rehearsal.add(hazard));
        rehearsal
    }

    pub(super) fn add(&mut self, hazard: &Hazard) {
        let place = |found: &Found| (found.weight, found.kind);
        match self.found.binary_search_by_key(&(hazard.weight, hazard.kind), place) {
            Ok(at) => self.found[at].count += 1,
            Err(at) => self.found.insert(at, Found { kind: hazard.kind, weight: hazard.weight, count: 1 }),
        }
    }

    pub(super) fn take(&mut self, sum: FolderSum) {
        self.items += sum.items;
        self.bytes += sum.bytes;
        self.bytes_at_target += sum.bytes_at_target;
        self.folders.push(sum);
    }

    pub fn count(&self, weight: Weight) -> u64 {
        let by_kind: BTreeMap<Kind, u64> =
            self.found.iter().filter(|found| found.weight == weight).map(|found| (found.kind, found.count)).collect();
        by_kind.values().sum()
    }

    /// The worst of all.
    pub fn weight(&self) -> Option<Weight> {
        self.found.first().map(|found| found.weight)
    }
}
