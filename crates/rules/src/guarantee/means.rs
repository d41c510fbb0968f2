//! The mean copy queue over the questions of one caller (R72).
//!
//! One caller, one copy, one mean: the questions of another move neither help nor harm. The mean is over all questions since
//! the caller's first; whoever is done is forgotten.

use alloc::collections::BTreeMap;
use alloc::string::String;

use super::Verdict;
use super::health::COPY_QUEUE_LIMIT;

#[derive(Clone, Default, Debug)]
pub struct Means(BTreeMap<(String, String), Asked>);

#[derive(Clone, Copy, Default, Debug)]
struct Asked {
    times: u64,
    sum: u64,
}

impl Means {
    /// Takes a number in, and says whether the mean is below the limit.
    pub(super) fn take(&mut self, caller: &str, copy: &str, copy_queue: u64) -> Verdict {
        let asked = self.0.entry((caller.into(), copy.into())).or_default();
        asked.times = asked.times.saturating_add(1);
        asked.sum = asked.sum.saturating_add(copy_queue);
        if asked.sum < COPY_QUEUE_LIMIT.saturating_mul(asked.times) {
            return Verdict::Good;
        }
        let tenths = asked.sum.saturating_mul(10) / asked.times;
        Verdict::Bad(alloc::format!(
            "copy {copy} has a mean copy queue of {}.{} over {} questions (must be below {COPY_QUEUE_LIMIT})",
            tenths / 10,
            tenths % 10,
            asked.times
        ))
    }

    /// Nothing is left of a caller that asks no more.
    pub fn forget(&mut self, caller: &str) {
        self.0.retain(|(asker, _), _| asker != caller);
    }
}
