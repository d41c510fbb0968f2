//! The switch of one mailbox: a handshake in two phases, and what the source does next (R82, R75).
//!
//! ```text
//! Asking     the target is asked whether the source may be locked: nothing given up, and its copies close enough behind?
//! Locking    it may: written down before the source is locked
//! Locked     the last delta goes out, and behind it the question whether everything up to there is applied and guaranteed
//! Switching  it is: written down before mail is led to the target
//! Testing    a delivery is to arrive at the target, where that is asked for
//! Sweeping   what came to the source all the same is brought over
//! Telling    the user is told, where that is asked for
//! Done       the source is no source any more
//! Unlocking  something came in between: nothing is switched, and the source is to be open again
//! Returning  an operator takes the switch back (R83): mail is to be led to the source again, and the source to be open
//! ```
//! The source alone acts. Without a confirmation it does not switch, and one that comes too late is of a switch that is over: its
//! number says so.

use alloc::format;
use alloc::string::String;

use super::Failure;
use crate::guarantee::seconds;
use crate::ids::Epoch;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    Asking,
    Locking,
    Locked,
    Switching,
    Testing,
    Sweeping,
    Telling,
    Done,
    Unlocking,
    Returning,
}

impl Phase {
    pub const ALL: [Phase; 10] = [
        Phase::Asking,
        Phase::Locking,
        Phase::Locked,
        Phase::Switching,
        Phase::Testing,
        Phase::Sweeping,
        Phase::Telling,
        Phase::Done,
        Phase::Unlocking,
        Phase::Returning,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Phase::Asking => "Asking",
            Phase::Locking => "Locking",
            Phase::Locked => "Locked",
            Phase::Switching => "Switching",
            Phase::Testing => "Testing",
            Phase::Sweeping => "Sweeping",
            Phase::Telling => "Telling",
            Phase::Done => "Done",
            Phase::Unlocking => "Unlocking",
            Phase::Returning => "Returning",
        }
    }

    pub fn named(name: &str) -> Option<Phase> {
        Phase::ALL.into_iter().find(|phase| phase.name() == name)
    }

    /// Which question the phase puts to the target; true: the last one.
    pub fn question(self) -> Option<bool> {
        match self {
            Phase::Asking => Some(false),
            Phase::Locked => Some(true),
            _ => None,
        }
    }

    /// Mail goes to the target: what is left holds nobody up.
    pub fn is_led_over(self) -> bool {
        matches!(self, Phase::Testing | Phase::Sweeping | Phase::Telling | Phase::Done)
    }

    /// Mail may be led to the target already: there is no way back by itself.
    pub fn is_past_return(self) -> bool {
        matches!(self, Phase::Switching | Phase::Testing | Phase::Sweeping | Phase::Telling | Phase::Done | Phase::Returning)
    }
}

/// A switch under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Switch {
    pub phase: Phase,
    /// Since when the source is locked, or about to be; 0: it is not.
    pub locked_ms: u64,
    /// The activation that has locked it.
    pub locked_under: Epoch,
    /// While `Unlocking`: why.
    pub why: String,
}

/// What the ledger says about it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Known {
    /// A pass has come to its end in this phase.
    pub packed: bool,
    /// Containers without an answer.
    pub unanswered: u64,
    /// The target's answer to the question of this phase.
    pub verdict: Option<Result<(), String>>,
    /// This activation.
    pub epoch: Epoch,
}

/// What the source does next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Next {
    Wait,
    Lock,
    Redirect,
    /// Tests whether mail arrives at the target, where that is asked for.
    Test,
    /// Everything is over there: tells the user, where that is asked for, and that was all.
    Tell,
    Nothing,
    /// Nothing is switched; the source is opened again where it may be locked.
    GiveUp(Failure, String),
    Unlock,
    Restore,
}

impl Switch {
    pub fn begin() -> Self {
        Switch { phase: Phase::Asking, locked_ms: 0, locked_under: Epoch(0), why: String::new() }
    }

    /// `wait_max_ms`: how long the source may be locked without a confirmation.
    pub fn next(&mut self, known: &Known, now_ms: u64, wait_max_ms: u64) -> Next {
        // A clock that was set back makes the lock last no longer.
        self.locked_ms = self.locked_ms.min(now_ms);
        let refused = || match &known.verdict {
            Some(Err(why)) => Some(Next::GiveUp(Failure::NotConfirmed, format!("the target has refused: {why}"))),
            _ => None,
        };
        let all_there = known.packed && known.unanswered == 0;
        // A predecessor may have opened the source again when nobody could be told.
        let is_locked = self.locked_under == known.epoch;
        match self.phase {
            Phase::Asking => refused().unwrap_or(if known.verdict.is_some() && all_there { Next::Lock } else { Next::Wait }),
            Phase::Locking if self.lasts_too_long(now_ms, wait_max_ms) => {
                Next::GiveUp(Failure::Switch, format!("the source could not be locked within {}", seconds(wait_max_ms)))
            }
            Phase::Locking => Next::Lock,
            Phase::Locked if is_locked && known.verdict == Some(Ok(())) && all_there => Next::Redirect,
            Phase::Locked => refused().unwrap_or_else(|| match self.lasts_too_long(now_ms, wait_max_ms) {
                true => Next::GiveUp(Failure::NotConfirmed, format!("the target has not confirmed within {}", seconds(wait_max_ms))),
                false if is_locked => Next::Wait,
                false => Next::Lock,
            }),
            Phase::Switching => Next::Redirect,
            Phase::Testing => Next::Test,
            Phase::Sweeping if all_there => Next::Tell,
            Phase::Sweeping => Next::Wait,
            Phase::Telling => Next::Tell,
            Phase::Done => Next::Nothing,
            Phase::Unlocking => Next::Unlock,
            Phase::Returning => Next::Restore,
        }
    }

    /// The source is locked, or may be, and nobody can work: this ends whatever stands in the way of a session (R11).
    pub fn is_to_be_opened(&mut self, now_ms: u64, wait_max_ms: u64) -> bool {
        self.locked_ms = self.locked_ms.min(now_ms);
        match self.phase {
            Phase::Locking | Phase::Locked => self.lasts_too_long(now_ms, wait_max_ms),
            Phase::Unlocking => true,
            _ => false,
        }
    }

    fn lasts_too_long(&self, now_ms: u64, wait_max_ms: u64) -> bool {
        now_ms.saturating_sub(self.locked_ms) >= wait_max_ms
    }
}
