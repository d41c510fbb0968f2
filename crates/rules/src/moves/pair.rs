//! Primary and archive of one user, moved as one (R76): neither is completed, locked or led to the target alone.
//!
//! Each part is a request with a switch of its own; what each would do by itself is asked first, and then whether the other is as far.
//! The steps that cannot be left again are taken by both in one transaction: what is written down of one is written down of the other.

use super::{Next, Phase};

/// Which half of a user's mail a request is about, where the other half is moved with it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    Primary,
    Archive,
}

impl Part {
    pub const ALL: [Part; 2] = [Part::Primary, Part::Archive];

    pub fn name(self) -> &'static str {
        match self {
            Part::Primary => "primary",
            Part::Archive => "archive",
        }
    }

    pub fn named(name: &str) -> Option<Part> {
        Part::ALL.into_iter().find(|part| part.name() == name)
    }

    pub fn other(self) -> Part {
        match self {
            Part::Primary => Part::Archive,
            Part::Archive => Part::Primary,
        }
    }
}

/// How far the switch of a part is, and what it would do next by itself; one that is not begun is as good as asking.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    pub phase: Phase,
    pub next: Next,
}

/// What a part does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Together {
    /// What it would do by itself.
    GoOn,
    /// It is as far, and the other is not.
    Wait,
    /// Both begin to be locked.
    Lock,
    /// Both begin to be led to the target.
    Redirect,
    /// The other is not being switched any more: nothing is switched here either.
    StepBack,
}

/// `other`: `None` where its request is not being completed.
pub fn together(own: &Standing, other: Option<&Standing>) -> Together {
    if own.phase.is_past_return() || own.phase == Phase::Unlocking {
        return Together::GoOn;
    }
    let Some(other) = other else { return Together::StepBack };
    match (own.phase, other.phase) {
        (Phase::Asking, Phase::Asking) if own.next == Next::Lock && other.next == Next::Lock => Together::Lock,
        (Phase::Asking, Phase::Asking) if own.next == Next::Lock => Together::Wait,
        (Phase::Locked, Phase::Locked) if own.next == Next::Redirect && other.next == Next::Redirect => Together::Redirect,
        (Phase::Locked, Phase::Locking | Phase::Locked) if own.next == Next::Redirect => Together::Wait,
        (Phase::Asking, Phase::Asking) | (Phase::Locking | Phase::Locked, Phase::Locking | Phase::Locked) => Together::GoOn,
        _ => Together::StepBack,
    }
}
