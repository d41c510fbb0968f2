//! While copying: stalled, resumed by itself, failed until an operator resumes (R74, R76).
//!
//! The state is what is written down; times come in as parameters. A clock that was set back makes nobody wait longer: a stall
//! that began in the future begins now.

use alloc::string::String;

use super::Answer;

/// How long is waited, in milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StallTimes {
    /// A stalled request asks again after this.
    pub ask_every_ms: u64,
    /// A request that has been stalled for so long fails.
    pub fail_after_ms: u64,
}

impl StallTimes {
    pub const DEFAULT: StallTimes = StallTimes { ask_every_ms: 30_000, fail_after_ms: 15 * 60_000 };
}

/// A request as the data guarantee leaves it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Copying {
    #[default]
    Goes,
    /// StalledDueToHA.
    Stalled { since_ms: u64, asked_ms: u64, why: String },
    /// FailedStallDueToHA: no answer ends it, only the operator.
    Failed { at_ms: u64, why: String },
}

impl Copying {
    /// After a question was answered at `now_ms`.
    pub fn after(self, answer: &Answer, now_ms: u64, times: &StallTimes) -> Self {
        let since_ms = match self {
            Copying::Failed { .. } => return self,
            Copying::Stalled { since_ms, .. } => since_ms.min(now_ms),
            Copying::Goes => now_ms,
        };
        match answer.reason() {
            None => Copying::Goes,
            Some(why) if now_ms - since_ms >= times.fail_after_ms => Copying::Failed { at_ms: now_ms, why: why.into() },
            Some(why) => Copying::Stalled { since_ms, asked_ms: now_ms, why: why.into() },
        }
    }

    /// Whether it is time to ask. Who goes asks before each step; who has failed does not ask.
    pub fn may_ask(&self, now_ms: u64, times: &StallTimes) -> bool {
        match self {
            Copying::Goes => true,
            Copying::Stalled { asked_ms, .. } => {
                crate::session::has_come(asked_ms.saturating_add(times.ask_every_ms), now_ms, times.ask_every_ms)
            }
            Copying::Failed { .. } => false,
        }
    }

    /// The operator resumes: what has failed, and what is stalled, begins anew.
    #[must_use]
    pub fn resumed(self) -> Self {
        Copying::Goes
    }

    pub fn stalled_ms(&self, now_ms: u64) -> u64 {
        match self {
            Copying::Stalled { since_ms, .. } => now_ms.saturating_sub(*since_ms),
            Copying::Goes | Copying::Failed { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIMES: StallTimes = StallTimes::DEFAULT;
    const MINUTE: u64 = 60_000;

    fn bad() -> Answer {
        Answer::NotSatisfied("copy B has a copy queue of 12".into())
    }

    fn retry() -> Answer {
        Answer::Retry("copy B does not answer".into())
    }

    #[test]
    fn retry_and_not_satisfied_both_stall_and_keep_their_reason() {
        for answer in [bad(), retry()] {
            let stalled = Copying::Goes.after(&answer, 1_000, &TIMES);
            let why = answer.reason().map(String::from).unwrap_or_default();
            assert_eq!(stalled, Copying::Stalled { since_ms: 1_000, asked_ms: 1_000, why });
        }
    }

    #[test]
    fn a_stalled_request_asks_again_after_thirty_seconds_and_not_before() {
        let stalled = Copying::Goes.after(&bad(), 1_000, &TIMES);
        assert!(!stalled.may_ask(1_000 + 29_999, &TIMES));
        assert!(stalled.may_ask(1_000 + 30_000, &TIMES));
        let again = stalled.after(&bad(), 31_000, &TIMES);
        assert!(!again.may_ask(60_999, &TIMES));
        assert!(again.may_ask(61_000, &TIMES));
    }

    #[test]
    fn a_stalled_request_resumes_by_itself_and_the_next_stall_counts_from_its_own_beginning() {
        let stalled = Copying::Goes.after(&retry(), 0, &TIMES).after(&bad(), 14 * MINUTE, &TIMES);
        assert_eq!(stalled.stalled_ms(14 * MINUTE), 14 * MINUTE);
        let resumed = stalled.after(&Answer::Satisfied, 14 * MINUTE + 30_000, &TIMES);
        assert_eq!(resumed, Copying::Goes);
        let again = resumed.after(&bad(), 20 * MINUTE, &TIMES);
        assert!(matches!(again.after(&bad(), 34 * MINUTE, &TIMES), Copying::Stalled { since_ms, .. } if since_ms == 20 * MINUTE));
    }

    #[test]
    fn a_stall_fails_after_fifteen_minutes_and_not_a_millisecond_earlier() {
        let stalled = || Copying::Goes.after(&bad(), 5, &TIMES);
        assert!(matches!(stalled().after(&bad(), 5 + 15 * MINUTE - 1, &TIMES), Copying::Stalled { .. }));
        for at_ms in [5 + 15 * MINUTE, 5 + 15 * MINUTE + 1] {
            assert!(matches!(stalled().after(&bad(), at_ms, &TIMES), Copying::Failed { at_ms: at, .. } if at == at_ms));
        }
        assert_eq!(stalled().after(&Answer::Satisfied, 5 + 16 * MINUTE, &TIMES), Copying::Goes);
    }

    #[test]
    fn failed_is_resumed_by_the_operator_alone() {
        let failed = Copying::Failed { at_ms: 0, why: "copy B is Failed".into() };
        for answer in [Answer::Satisfied, retry(), bad()] {
            assert_eq!(failed.clone().after(&answer, u64::MAX, &TIMES), failed);
        }
        assert!(!failed.may_ask(u64::MAX, &TIMES));
        assert_eq!(failed.resumed(), Copying::Goes);
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait_longer() {
        let stalled = Copying::Goes.after(&bad(), 60 * MINUTE, &TIMES);
        assert!(stalled.may_ask(10 * MINUTE, &TIMES));
        let back = stalled.after(&bad(), 10 * MINUTE, &TIMES);
        assert!(matches!(back, Copying::Stalled { since_ms, .. } if since_ms == 10 * MINUTE));
        assert!(matches!(back.after(&bad(), 25 * MINUTE, &TIMES), Copying::Failed { .. }));
    }
}
