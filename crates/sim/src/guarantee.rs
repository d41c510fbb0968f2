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
    fn flushed(&self, store: &str, _commit_ms: u64) -> Answer {
        let mut state = self.world.lock();
        let answer = match () {
            () if state.unreachable => Answer::Retry("the copy does not answer".into()),
            () if state.lagging.contains(store) => Answer::NotSatisfied("the copy lags behind".into()),
            () => Answer::Satisfied,
        };
        if answer == Answer::Satisfied {
            state.satisfied.insert((self.node.clone(), store.into()))
        } else {
            state.satisfied.remove(&(self.node.clone(), store.into()))
        };
        answer
    }
}
