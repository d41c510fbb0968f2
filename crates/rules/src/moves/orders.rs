//! What may be ordered in which state; where not, why not (R80).

use alloc::string::String;

use super::{Request, State, Wishes};

/// An order to a request that there is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    Suspend,
    Resume,
    Complete,
    Remove,
    Set,
    /// Takes its switch back (R83).
    Undo,
    /// What the target has refused is sent once more.
    RetryRefused,
}

impl Order {
    pub const ALL: [Order; 7] =
        [Order::Suspend, Order::Resume, Order::Complete, Order::Remove, Order::Set, Order::Undo, Order::RetryRefused];
}

/// `Err`: why not in this state.
pub fn may(order: Order, state: State) -> Result<(), &'static str> {
    use State::*;
    match (order, state) {
        (Order::Remove, CompletionInProgress) => Err("it is being completed, and ends by itself"),
        // Whether there is a switch to be taken back, its phase says.
        (Order::Remove, _) | (Order::Undo, CompletionInProgress | Completed | CompletedWithWarning) => Ok(()),
        (Order::Undo, _) => Err("it is not switched"),
        (_, Completed | CompletedWithWarning) => Err("it is completed: it can only be removed, or undone"),
        (_, CompletionInProgress) => Err("it is being completed, and ends by itself"),
        (Order::Suspend, Suspended) => Err("it is suspended already"),
        (Order::Suspend, Failed) => Err("it has failed: nothing is done until it is resumed"),
        (Order::Resume, Queued | InProgress) => Err("it is not suspended: it goes on by itself"),
        (Order::Resume, Retrying) => Err("it is tried again by itself"),
        (Order::Resume, AutoSuspended) => Err("it is ready and kept in step: `complete` finishes it"),
        (Order::Complete, Suspended | Failed) => Err("nothing is done with it until it is resumed"),
        (Order::Suspend | Order::Resume | Order::Complete | Order::Set | Order::RetryRefused, _) => Ok(()),
    }
}

/// What is ordered is so already, or as good as so: of two that are moved as one the other alone is meant (R76).
pub fn is_moot(order: Order, state: State) -> bool {
    use State::*;
    match order {
        Order::Suspend => matches!(state, Suspended | Failed),
        Order::Resume => matches!(state, Queued | InProgress | AutoSuspended | Retrying),
        Order::Complete | Order::Remove | Order::Set | Order::Undo | Order::RetryRefused => false,
    }
}

impl Request {
    pub fn suspend(&mut self, now_ms: u64) -> Result<(), String> {
        may(Order::Suspend, self.state)?;
        self.enter(State::Suspended, now_ms);
        Ok(())
    }

    /// Its switch is taken back: nothing more is done until somebody resumes it.
    pub fn undo(&mut self, now_ms: u64) -> Result<(), String> {
        may(Order::Undo, self.state)?;
        self.wishes.suspend_when_ready = true;
        self.wishes.complete_after_ms = 0;
        self.enter(State::Suspended, now_ms);
        Ok(())
    }

    /// From the front of the queue on: what is at the target is known, and only the rest is packed. Items that failed it may have been
    /// deleted or mended at the source: that a pass and its answers tell, and until then they are held against it no more.
    pub fn resume(&mut self, now_ms: u64) -> Result<(), String> {
        may(Order::Resume, self.state)?;
        self.retries = 0;
        self.packed_ms = 0;
        self.failure = self.failure.filter(|failure| failure.is_of_items());
        self.message.clear();
        self.enter(State::Queued, now_ms);
        Ok(())
    }

    /// What was refused is to be packed once more, from the front of the queue on; where it is suspended, as soon as it is resumed. A pass
    /// under way ends there: it may have gone by what is marked now.
    pub fn retry_refused(&mut self, now_ms: u64) -> Result<(), String> {
        may(Order::RetryRefused, self.state)?;
        self.retries = 0;
        self.packed_ms = 0;
        self.failure = self.failure.filter(|failure| failure.is_of_items());
        if self.state != State::Suspended {
            self.message.clear();
            self.enter(State::Queued, now_ms);
        }
        Ok(())
    }

    /// Ordered to complete as soon as it is ready; what has to be waited for no longer is.
    pub fn complete(&mut self) -> Result<(), String> {
        may(Order::Complete, self.state)?;
        if self.wishes.prevent_completion {
            return Err("PreventCompletion stands: take it away first".into());
        }
        self.wishes.suspend_when_ready = false;
        self.wishes.complete_after_ms = 0;
        Ok(())
    }

    pub fn set(&mut self, wishes: Wishes) -> Result<(), String> {
        may(Order::Set, self.state)?;
        wishes.check()?;
        self.wishes = wishes;
        Ok(())
    }
}
