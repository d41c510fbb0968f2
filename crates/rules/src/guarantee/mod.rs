//! The data guarantee: do enough copies of the target store hold what was committed? (R70-R76)
//!
//! A pure rule over what a provider says of the copies. Three values go all the way through: a copy is good, it is not, or it
//! cannot be told now; what cannot be told never counts as good (`verdict`).
//!
//! ```text
//! copies      what a provider says of a store and its copies         R77 R78
//! constraint  DataMoveReplicationConstraint, and how copies add up       R71
//! health      the four conditions of a healthy copy                      R72
//! means       the mean copy queue over the questions of one caller       R72
//! flush       has a copy replayed past a commit?                         R73
//! recommend   which constraint suits a topology; copies that lag         R71
//! stall       while copying: stalled, resumed, failed                    R74 R76
//! finish      before and during the finalisation                         R75
//! ```

mod constraint;
mod copies;
mod finish;
mod flush;
mod health;
mod means;
mod recommend;
mod stall;
mod verdict;

#[cfg(test)]
mod tests;

use alloc::string::String;

pub use constraint::{Constraint, Reach};
pub use copies::{Copy, Index, State, same_serves, serving};
pub use finish::{FinalWait, Finish, FinishStep, gate};
pub use flush::{FLUSH_SKEW_MS, check_flush, flushed, guaranteed_until};
pub(crate) use health::seconds;
pub use health::{COPY_QUEUE_LIMIT, REPLAY_BESIDE_MAX_MS, check_health, health};
pub use means::Means;
pub use recommend::{Recommendation, recommend, warnings};
pub use stall::{Copying, StallTimes};
pub use verdict::{Verdict, all, any};

/// What CheckReplicationHealth and CheckReplicationFlush say (R70).
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Satisfied,
    /// Cannot be told now.
    Retry(String),
    /// Names the copy and the number.
    NotSatisfied(String),
}

impl Answer {
    pub fn is_satisfied(&self) -> bool {
        *self == Answer::Satisfied
    }

    /// Why not; nothing when satisfied.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Answer::Satisfied => None,
            Answer::Retry(reason) | Answer::NotSatisfied(reason) => Some(reason),
        }
    }

    /// Primary and archive mailbox moved together must both be guaranteed (R76).
    pub fn and(self, other: Answer) -> Answer {
        Answer::from(all([Verdict::from(self), Verdict::from(other)]))
    }
}

impl From<Verdict> for Answer {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Answer::Satisfied,
            Verdict::Unknown(why) => Answer::Retry(why),
            Verdict::Bad(why) => Answer::NotSatisfied(why),
        }
    }
}

impl From<Answer> for Verdict {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Satisfied => Verdict::Good,
            Answer::Retry(why) => Verdict::Unknown(why),
            Answer::NotSatisfied(why) => Verdict::Bad(why),
        }
    }
}
