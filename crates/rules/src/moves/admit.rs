//! How many requests are under way at the same time: at a source store, a source server, a target store, a target server, and in all (R81).

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use core::slice;

use super::Priority;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    pub source_store: u64,
    pub source_server: u64,
    pub target_store: u64,
    pub target_server: u64,
    pub total: u64,
}

/// Where the two ends of a mailbox lie. An empty name is limited by nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    pub source_store: String,
    pub source_server: String,
    pub target_store: String,
    pub target_server: String,
}

/// Which limit keeps a request waiting.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Full(pub String);

/// Requests under way.
#[derive(Clone, Debug, Default)]
pub struct Under {
    at: BTreeMap<(usize, String), u64>,
    total: u64,
}

impl Place {
    fn names(&self) -> [&str; 4] {
        [&self.source_store, &self.source_server, &self.target_store, &self.target_server]
    }
}

impl Under {
    pub fn add(&mut self, place: &Place) {
        self.add_together(slice::from_ref(place));
    }

    /// One request over several mailboxes: it counts once, wherever it lies (R76).
    pub fn add_together(&mut self, places: &[Place]) {
        self.total += 1;
        let names = places.iter().flat_map(|place| place.names().into_iter().enumerate()).filter(|(_, name)| !name.is_empty());
        for (kind, name) in names.collect::<BTreeSet<_>>() {
            *self.at.entry((kind, name.into())).or_default() += 1;
        }
    }

    pub fn may_add_together(&self, places: &[Place], limits: &Limits) -> Result<(), Full> {
        places.iter().try_for_each(|place| self.may_add(place, limits))
    }

    pub fn may_add(&self, place: &Place, limits: &Limits) -> Result<(), Full> {
        let Limits { source_store, source_server, target_store, target_server, total } = *limits;
        if self.total >= total {
            return Err(Full(format!("{} requests are under way (at most {total})", self.total)));
        }
        let kinds = [
            ("source store", source_store),
            ("source server", source_server),
            ("target store", target_store),
            ("target server", target_server),
        ];
        for (kind, (name, (what, most))) in place.names().into_iter().zip(kinds).enumerate() {
            let there = if name.is_empty() { 0 } else { self.at.get(&(kind, name.into())).copied().unwrap_or_default() };
            if !name.is_empty() && there >= most {
                return Err(Full(format!("{there} requests are under way at {what} {name} (at most {most})")));
            }
        }
        Ok(())
    }
}

/// Who of those that wait gets a place: by priority, then by age, then by key. One that has no place at its store stands in nobody's way at
/// another. Each is answered for.
pub fn admit<K: Ord + Clone>(mut under: Under, waiting: &[(Priority, u64, K, Place)], limits: &Limits) -> BTreeMap<K, Result<(), Full>> {
    let mut order: alloc::vec::Vec<_> = waiting.iter().collect();
    order.sort_by(|a, b| (core::cmp::Reverse(a.0), a.1, &a.2).cmp(&(core::cmp::Reverse(b.0), b.1, &b.2)));
    let mut answers = BTreeMap::new();
    for (_, _, key, place) in order {
        let may = under.may_add(place, limits);
        if may.is_ok() {
            under.add(place);
        }
        answers.insert(key.clone(), may);
    }
    answers
}
