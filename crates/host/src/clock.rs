//! The wall clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use mailferry_core::ports::Clock;

static BEATS: AtomicU64 = AtomicU64::new(0);

#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_ms(&self) -> u64 {
        beat();
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
    }
}

/// A sign of life.
pub(crate) fn beat() {
    BEATS.fetch_add(1, Ordering::Relaxed);
}

/// How often this process has given a sign of life: where it does not grow, the process hangs.
#[cfg(not(windows))]
pub(crate) fn beats() -> u64 {
    BEATS.load(Ordering::Relaxed)
}
