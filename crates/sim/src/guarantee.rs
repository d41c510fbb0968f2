//! A data guarantee whose answers trouble can change, and that remembers what it has answered.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailferry_core::ports::DataGuarantee;
use mailferry_rules::guarantee::Answer;

#[derive(Default)]
pub struct SimGuarantee(Mutex<State>);

#[derive(Default)]
struct State {
    /// Stores whose copies lag behind.
    lagging: BTreeSet<String>,
    unreachable: bool,
    /// Who was told "satisfied" at last, and of which store.
    satisfied: BTreeSet<(String, String)>,
    /// Commit times that were asked about, and how often a journal was to be rolled.
    asked: Vec<u64>,
    rolled: u32,
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

    pub fn set_unreachable(&self, unreachable: bool) {
        self.lock().unreachable = unreachable;
    }

    pub fn set_right(&self) {
        let mut state = self.lock();
        state.lagging.clear();
        state.unreachable = false;
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
        let answer = state.answer(store);
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

    fn roll(&self, _store: &str) -> Result<(), String> {
        self.world.lock().rolled += 1;
        Ok(())
    }
}

/// A long life need not remember everything.
const ASKED_MAX: usize = 1_000;

impl State {
    fn answer(&self, store: &str) -> Answer {
        match () {
            () if self.unreachable => Answer::Retry("the copy does not answer".into()),
            () if self.lagging.contains(store) => Answer::NotSatisfied("the copy lags behind".into()),
            () => Answer::Satisfied,
        }
    }
}
