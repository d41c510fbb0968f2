//! What all sessions share.

use std::collections::BTreeMap;

use super::quirk::{Armed, Occasion, Quirk};
use super::world::World;

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub user: String,
    pub mailbox: String,
    pub uid: u64,
    pub flags: Vec<String>,
    /// As the client wrote it.
    pub date: Option<String>,
    pub bytes: Vec<u8>,
}

pub(crate) struct State {
    worlds: BTreeMap<String, World>,
    separator: char,
    pub quirks: Vec<Armed>,
    pub secrets: Vec<String>,
    pub commands: Vec<String>,
    pub stored: Vec<Stored>,
    pub happened: Vec<Quirk>,
    pub receipts: Vec<String>,
    pub open: usize,
    pub open_most: usize,
    /// Logged in, for each user.
    pub sessions: BTreeMap<String, usize>,
}

impl State {
    pub fn new(separator: char, secrets: Vec<String>) -> Self {
        State {
            worlds: BTreeMap::new(),
            separator,
            quirks: Vec::new(),
            secrets,
            commands: Vec::new(),
            stored: Vec::new(),
            happened: Vec::new(),
            receipts: Vec::new(),
            open: 0,
            open_most: 0,
            sessions: BTreeMap::new(),
        }
    }

    pub fn world(&mut self, user: &str) -> &mut World {
        let separator = self.separator;
        self.worlds.entry(user.into()).or_insert_with(|| World::new(separator))
    }

    /// The first armed quirk for which `pick` finds something and whose conditions hold. It has happened then.
    pub fn meets<T>(&mut self, occasion: Occasion<'_>, pick: impl Fn(&Quirk) -> Option<T>) -> Option<T> {
        let found = self.quirks.iter_mut().find_map(|armed| {
            let picked = pick(&armed.quirk)?;
            armed.happens(&occasion).then(|| (picked, armed.quirk.clone()))
        });
        let (picked, quirk) = found?;
        self.happened.push(quirk);
        self.quirks.retain(|armed| !armed.is_spent());
        Some(picked)
    }

    pub fn meets_quirk(&mut self, occasion: Occasion<'_>, quirk: &Quirk) -> bool {
        self.meets(occasion, |armed| (armed == quirk).then_some(())).is_some()
    }
}
