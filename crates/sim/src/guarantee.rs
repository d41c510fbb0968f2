//! A data guarantee whose answers trouble can change, and that remembers what it has answered; and stores with a second copy that takes over
//! as it is, without what it never got.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailferry_core::model::FolderPath;
use mailferry_core::ports::DataGuarantee;
use mailferry_rules::guarantee::Answer;

use crate::store::SimMailbox;

#[derive(Default)]
pub struct SimGuarantee(Mutex<State>);

#[derive(Default)]
struct State {
    /// Stores whose copies lag behind.
    lagging: BTreeSet<String>,
    unreachable: bool,
    /// Only the name of the copy that serves is told, not since when.
    names_alone: bool,
    /// Stores that have a second copy.
    copies: BTreeMap<String, Copies>,
    /// Who was told "satisfied" at last, and of which store.
    satisfied: BTreeSet<(String, String)>,
    /// Commit times that were asked about, and how often a journal was to be rolled.
    asked: Vec<u64>,
    rolled: u32,
}

/// A store and its passive copy.
struct Copies {
    /// How often another has taken over.
    takeovers: u64,
    passive: SimMailbox,
    /// What was committed before then the passive copy has.
    until_ms: u64,
}

impl SimGuarantee {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_lagging(&self, store: &str, lagging: bool) {
        let mut state = self.lock();
        if lagging {
            state.lagging.insert(store.into())
        } else {
            state.lagging.remove(store)
        };
    }

    pub fn tell_names_alone(&self) {
        self.lock().names_alone = true;
    }

    pub fn set_unreachable(&self, unreachable: bool) {
        self.lock().unreachable = unreachable;
    }

    pub fn set_right(&self) {
        let mut state = self.lock();
        state.lagging.clear();
        state.unreachable = false;
        state.copies.values_mut().for_each(|copies| copies.until_ms = u64::MAX);
    }

    /// The passive copy has all of it now.
    pub fn replicate(&self, store: &str, mailbox: &SimMailbox, now_ms: u64) {
        let mut state = self.lock();
        let takeovers = state.copies.get(store).map_or(0, |copies| copies.takeovers);
        state.copies.insert(store.into(), Copies { takeovers, passive: mailbox.clone(), until_ms: now_ms });
    }

    /// The passive copy takes over as it is. What it never got is lost with the ids that it had: they are given again.
    pub fn take_over(&self, store: &str, mailbox: &mut SimMailbox) {
        if let Some(copies) = self.lock().copies.get_mut(store) {
            copies.takeovers += 1;
            let changes = mailbox.changes + 1;
            *mailbox = SimMailbox { changes, ..copies.passive.clone() };
            // One that never got anything is a mailbox all the same.
            mailbox.folders.entry(FolderPath::inbox()).or_default();
        }
    }

    /// What a passive copy has that has been brought everything up to some time.
    pub fn passive(&self, store: &str) -> Option<SimMailbox> {
        let state = self.lock();
        state.copies.get(store).filter(|copies| copies.until_ms != u64::MAX).map(|copies| copies.passive.clone())
    }

    /// Commit times that were asked about since the last call.
    pub fn take_asked(&self) -> Vec<u64> {
        std::mem::take(&mut self.lock().asked)
    }

    pub fn rolled(&self) -> u32 {
        self.lock().rolled
    }

    /// Whether a node's last question about a store was answered with "satisfied".
    pub fn is_satisfied(&self, node: &str, store: &str) -> bool {
        self.lock().satisfied.contains(&(node.to_owned(), store.to_owned()))
    }
}

/// The guarantee as the agents of one node ask it.
pub struct NodeGuarantee {
    pub world: Arc<SimGuarantee>,
    pub node: String,
}

impl DataGuarantee for NodeGuarantee {
    fn flushed(&self, store: &str, commit_ms: u64) -> Answer {
        let mut state = self.world.lock();
        state.asked.truncate(ASKED_MAX);
        state.asked.push(commit_ms);
        let answer = state.answer(store, commit_ms);
        if answer == Answer::Satisfied {
            state.satisfied.insert((self.node.clone(), store.into()))
        } else {
            state.satisfied.remove(&(self.node.clone(), store.into()))
        };
        answer
    }

    /// A copy that lags may be healthy all the same.
    fn healthy(&self, _caller: &str, _store: &str) -> Answer {
        if self.world.lock().unreachable { Answer::Retry("the copy does not answer".into()) } else { Answer::Satisfied }
    }

    fn serving(&self, store: &str) -> Result<Option<String>, String> {
        let state = self.world.lock();
        match state.copies.get(store) {
            Some(_) if state.unreachable => Err("the copy does not answer".into()),
            copies => Ok(copies.map(|copies| match state.names_alone {
                true => format!("copy {}", copies.takeovers % 2),
                false => format!("copy {} since {}", copies.takeovers % 2, copies.takeovers * HOUR_MS),
            })),
        }
    }

    fn roll(&self, _store: &str) -> Result<(), String> {
        self.world.lock().rolled += 1;
        Ok(())
    }
}

const HOUR_MS: u64 = 3_600_000;
/// A long life need not remember everything.
const ASKED_MAX: usize = 1_000;

impl State {
    fn answer(&self, store: &str, commit_ms: u64) -> Answer {
        let has = |copies: &Copies| copies.until_ms > commit_ms;
        match () {
            () if !self.copies.get(store).is_none_or(has) => Answer::NotSatisfied("the copy has not replayed it".into()),
            () if self.unreachable => Answer::Retry("the copy does not answer".into()),
            () if self.lagging.contains(store) => Answer::NotSatisfied("the copy lags behind".into()),
            () => Answer::Satisfied,
        }
    }
}
