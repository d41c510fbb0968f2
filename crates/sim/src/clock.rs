//! Time: one for the world, and what the clock of each node shows of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use mailferry_core::ports::Clock;

const START_MS: u64 = 1_750_000_000_000;

/// The true time, and how far each node's clock is beside it.
pub struct WorldClock {
    now_ms: AtomicU64,
    beside_ms: Mutex<BTreeMap<String, i64>>,
}

impl Default for WorldClock {
    fn default() -> Self {
        WorldClock { now_ms: AtomicU64::new(START_MS), beside_ms: Mutex::default() }
    }
}

impl WorldClock {
    pub fn pass(&self, ms: u64) {
        self.now_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// The true time.
    pub fn true_ms(&self) -> u64 {
        self.now_ms.load(Ordering::Relaxed)
    }

    /// A node's clock is set, forwards or backwards.
    pub fn jump(&self, node: &str, beside_ms: i64) {
        self.beside_ms.lock().unwrap_or_else(PoisonError::into_inner).insert(node.into(), beside_ms);
    }

    /// Every clock shows the true time.
    pub fn set_right(&self) {
        self.beside_ms.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn shown_on(&self, node: &str) -> u64 {
        let beside = self.beside_ms.lock().unwrap_or_else(PoisonError::into_inner).get(node).copied().unwrap_or(0);
        self.true_ms().saturating_add_signed(beside)
    }
}

/// The clock on one node's wall.
pub struct NodeClock {
    pub world: Arc<WorldClock>,
    pub node: String,
}

impl Clock for NodeClock {
    fn now_ms(&self) -> u64 {
        self.world.shown_on(&self.node)
    }
}
