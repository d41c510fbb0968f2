//! The states of a request, and the time it spends in each: every millisecond of its life is in one of them, so they add up to the
//! whole (R80).

/// In the order of `State::ALL`, which is that of the ledger: new ones go behind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum State {
    /// Waits for its time, or for a place among those under way.
    Queued,
    /// The first copy, up to the answer to its last container.
    InProgress,
    /// Everything is there, and kept in step by periodic incrementals, until somebody finishes it.
    AutoSuspended,
    /// By an operator: nothing more is packed.
    Suspended,
    /// The last delta and its confirmation (R82).
    CompletionInProgress,
    Completed,
    /// Completed, with items that were left behind within the limits.
    CompletedWithWarning,
    /// Given up until an operator resumes it (R76).
    Failed,
    /// A trouble that may pass: tried again after a delay.
    Retrying,
}

impl State {
    pub const ALL: [State; 9] = [
        State::Queued,
        State::InProgress,
        State::AutoSuspended,
        State::Suspended,
        State::CompletionInProgress,
        State::Completed,
        State::CompletedWithWarning,
        State::Failed,
        State::Retrying,
    ];

    pub fn name(self) -> &'static str {
        match self {
            State::Queued => "Queued",
            State::InProgress => "InProgress",
            State::AutoSuspended => "AutoSuspended",
            State::Suspended => "Suspended",
            State::CompletionInProgress => "CompletionInProgress",
            State::Completed => "Completed",
            State::CompletedWithWarning => "CompletedWithWarning",
            State::Failed => "Failed",
            State::Retrying => "Retrying",
        }
    }

    pub fn named(name: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.name().eq_ignore_ascii_case(name))
    }

    /// Nothing more is done.
    pub fn is_over(self) -> bool {
        matches!(self, State::Completed | State::CompletedWithWarning)
    }

    /// Takes a place among those under way (F72).
    pub fn is_under_way(self) -> bool {
        matches!(self, State::InProgress | State::CompletionInProgress)
    }

    /// Goes on only when an operator says so.
    pub fn needs_an_order(self) -> bool {
        matches!(self, State::Suspended | State::Failed)
    }
}

/// Milliseconds by state, in the order of `State::ALL`, up to the beginning of the present one.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spent(pub [u64; State::ALL.len()]);

impl Spent {
    pub fn add(&mut self, state: State, ms: u64) {
        let at = &mut self.0[state as usize];
        *at = at.saturating_add(ms);
    }

    pub fn of(&self, state: State) -> u64 {
        self.0[state as usize]
    }

    pub fn whole(&self) -> u64 {
        self.0.iter().sum()
    }
}
