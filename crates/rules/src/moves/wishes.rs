//! What an operator asks for (R81).

use alloc::format;
use alloc::string::String;

use super::Priority;

/// A limit of items above this needs AcceptLargeDataLoss.
pub const ITEM_LIMIT_ACCEPTED: u64 = 50;
/// Shorter intervals are what a mailbox without a request has.
pub const INTERVAL_MIN_MS: u64 = 60_000;
const DAY_MS: u64 = 86_400_000;
const INTERVAL_MAX_MS: u64 = 120 * DAY_MS;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wishes {
    pub priority: Priority,
    /// SuspendWhenReadyToComplete.
    pub suspend_when_ready: bool,
    /// PreventCompletion: nothing completes it while this stands, no time and no order.
    pub prevent_completion: bool,
    /// Not before; 0: at once.
    pub start_after_ms: u64,
    /// Not completed before; 0: as soon as it is ready.
    pub complete_after_ms: u64,
    /// IncrementalSyncInterval.
    pub interval_ms: u64,
    /// BadItemLimit: corrupt and missing items that are put up with.
    pub bad_items_max: u64,
    /// LargeItemLimit: items too large for the target that are put up with.
    pub large_items_max: u64,
    /// AcceptLargeDataLoss.
    pub accept_large_data_loss: bool,
}

impl Default for Wishes {
    fn default() -> Self {
        Wishes {
            priority: Priority::Normal,
            suspend_when_ready: false,
            prevent_completion: false,
            start_after_ms: 0,
            complete_after_ms: 0,
            interval_ms: DAY_MS,
            bad_items_max: 0,
            large_items_max: 0,
            accept_large_data_loss: false,
        }
    }
}

impl Wishes {
    /// `Err`: why nobody may ask for that.
    pub fn check(&self) -> Result<(), String> {
        for (name, limit) in [("BadItemLimit", self.bad_items_max), ("LargeItemLimit", self.large_items_max)] {
            if limit > ITEM_LIMIT_ACCEPTED && !self.accept_large_data_loss {
                return Err(format!("{name} is {limit}: above {ITEM_LIMIT_ACCEPTED} it needs AcceptLargeDataLoss"));
            }
        }
        if !(INTERVAL_MIN_MS..=INTERVAL_MAX_MS).contains(&self.interval_ms) {
            return Err(format!("IncrementalSyncInterval is {} s: from 60 s to 120 days are possible", self.interval_ms / 1000));
        }
        if self.complete_after_ms != 0 && self.complete_after_ms < self.start_after_ms {
            return Err("CompleteAfter lies before StartAfter".into());
        }
        Ok(())
    }
}
