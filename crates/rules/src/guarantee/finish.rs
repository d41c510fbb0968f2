//! Before and during the finalisation (R75).
//!
//! The source is locked only when replay is close; then the last flush is waited for with a limit. When it comes to nothing,
//! the source is unlocked, nothing is switched, and the operator may resume.

use alloc::format;
use alloc::string::String;

use super::Answer;
use super::health::seconds;

/// What copies must have flushed before the source may be locked: what was committed longer before than this.
pub fn gate(commit_ms: u64, lag_max_ms: u64) -> u64 {
    commit_ms.saturating_sub(lag_max_ms)
}

/// How long is waited, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FinalWait {
    /// Flush lag with which the source may be locked.
    pub lag_max_ms: u64,
    pub ask_every_ms: u64,
    /// Then the target is asked, once, to roll its journal.
    pub roll_after_ms: u64,
    pub wait_max_ms: u64,
}

impl FinalWait {
    pub const DEFAULT: FinalWait =
        FinalWait { lag_max_ms: 5 * 60_000, ask_every_ms: 10_000, roll_after_ms: 60_000, wait_max_ms: 30 * 60_000 };
}

/// A finalisation that waits for its flush, the source being locked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finish {
    began_ms: u64,
    rolled: bool,
}

/// What is done next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FinishStep {
    /// Everything is guaranteed: go on to the switch.
    Flushed,
    Wait {
        /// When to ask again.
        ask_ms: u64,
        /// Ask the target to roll its journal first.
        roll: bool,
    },
    /// Unlock the source, switch nothing; only an operator resumes.
    Failed(String),
}

impl Finish {
    pub fn begin(now_ms: u64) -> Self {
        Finish { began_ms: now_ms, rolled: false }
    }

    /// After a flush check was answered at `now_ms`.
    pub fn after(&mut self, answer: &Answer, now_ms: u64, times: &FinalWait) -> FinishStep {
        self.began_ms = self.began_ms.min(now_ms);
        let waited_ms = now_ms - self.began_ms;
        let Some(why) = answer.reason() else { return FinishStep::Flushed };
        if waited_ms >= times.wait_max_ms {
            let waited = seconds(times.wait_max_ms);
            return FinishStep::Failed(format!("not guaranteed within {waited}; the source is unlocked and nothing is switched: {why}"));
        }
        let roll = !self.rolled && waited_ms >= times.roll_after_ms;
        self.rolled |= roll;
        let until_ms = self.began_ms.saturating_add(times.wait_max_ms);
        FinishStep::Wait { ask_ms: now_ms.saturating_add(times.ask_every_ms).min(until_ms), roll }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::guarantee::FLUSH_SKEW_MS;

    const TIMES: FinalWait = FinalWait::DEFAULT;
    const MINUTE: u64 = 60_000;

    fn bad() -> Answer {
        Answer::NotSatisfied("copy B has replayed until 3 s before the commit".into())
    }

    #[test]
    fn the_source_is_locked_only_with_a_flush_lag_of_five_minutes_at_most() {
        let (commit_ms, skew_ms) = (100 * MINUTE, FLUSH_SKEW_MS);
        let asked_ms = gate(commit_ms, TIMES.lag_max_ms);
        for (until_ms, open) in [
            (Some(95 * MINUTE + skew_ms), false),
            (Some(95 * MINUTE + skew_ms + 1), true),
            (Some(94 * MINUTE), false),
            (Some(200 * MINUTE), true),
            (None, false),
        ] {
            assert_eq!(until_ms.is_some_and(|until_ms| until_ms > asked_ms + skew_ms), open, "{until_ms:?}");
        }
        assert_eq!(gate(MINUTE, TIMES.lag_max_ms), 0);
    }

    #[test]
    fn a_finalisation_asks_every_ten_seconds_rolls_the_journal_once_after_a_minute_and_fails_after_thirty() {
        let mut finish = Finish::begin(7);
        let (mut now_ms, mut rolls, mut asked) = (7, Vec::new(), 0);
        let end = loop {
            match finish.after(&bad(), now_ms, &TIMES) {
                FinishStep::Wait { ask_ms, roll } => {
                    assert_eq!(ask_ms, now_ms + 10_000);
                    rolls.extend(roll.then_some(now_ms - 7));
                    (now_ms, asked) = (ask_ms, asked + 1);
                }
                end => break end,
            }
        };
        assert_eq!((rolls, asked, now_ms), (alloc::vec![MINUTE], 180, 7 + 30 * MINUTE));
        assert!(matches!(end, FinishStep::Failed(why) if why.contains("unlocked") && why.contains("copy B")));
    }

    #[test]
    fn each_limit_of_the_final_wait_counts_to_the_millisecond() {
        let at = |ms| Finish::begin(0).after(&bad(), ms, &TIMES);
        assert!(matches!(at(MINUTE - 1), FinishStep::Wait { roll: false, .. }));
        assert!(matches!(at(MINUTE), FinishStep::Wait { roll: true, .. }));
        assert!(matches!(at(MINUTE + 1), FinishStep::Wait { roll: true, .. }));
        assert_eq!(at(30 * MINUTE - 1), FinishStep::Wait { ask_ms: 30 * MINUTE, roll: true });
        assert!(matches!(at(30 * MINUTE), FinishStep::Failed(_)));
        assert!(matches!(at(30 * MINUTE + 1), FinishStep::Failed(_)));
    }

    #[test]
    fn what_is_guaranteed_goes_on_whenever_it_is_told() {
        for now_ms in [0, MINUTE, 29 * MINUTE, 31 * MINUTE] {
            assert_eq!(Finish::begin(0).after(&Answer::Satisfied, now_ms, &TIMES), FinishStep::Flushed);
        }
    }

    #[test]
    fn a_clock_that_was_set_back_makes_the_lock_last_no_longer() {
        let mut finish = Finish::begin(60 * MINUTE);
        assert_eq!(finish.after(&bad(), 10 * MINUTE, &TIMES), FinishStep::Wait { ask_ms: 10 * MINUTE + 10_000, roll: false });
        assert!(matches!(finish.after(&bad(), 40 * MINUTE, &TIMES), FinishStep::Failed(_)));
    }
}
