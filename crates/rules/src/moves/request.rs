//! One request: what happens to it, and what becomes of it (R80, R81).
//!
//! The state is what is written down; times come in as parameters. A clock that was set back lets no time pass until it has caught up:
//! the durations add up to the whole under any clock.

use alloc::format;
use alloc::string::String;

use super::{Spent, State, Wishes};
use crate::session::has_come;

/// Why a request has failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Failure {
    /// More bad items than BadItemLimit.
    BadItems,
    /// More items that are too large than LargeItemLimit.
    LargeItems,
    /// The source cannot be read, and that does not pass by itself.
    Source,
    /// Tried again as often as is allowed.
    Retries,
    /// The target has given up a container (R44).
    Archived,
    /// The target has not confirmed that everything is there (R82).
    NotConfirmed,
    /// The source could not be locked, or mail not be led to the target (R82).
    Switch,
}

impl Failure {
    pub const ALL: [Failure; 7] = [
        Failure::BadItems,
        Failure::LargeItems,
        Failure::Source,
        Failure::Retries,
        Failure::Archived,
        Failure::NotConfirmed,
        Failure::Switch,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Failure::BadItems => "FailedBadItemLimit",
            Failure::LargeItems => "FailedLargeItemLimit",
            Failure::Source => "FailedSource",
            Failure::Retries => "FailedRetryLimit",
            Failure::Archived => "FailedContainerArchived",
            Failure::NotConfirmed => "FailedNotConfirmed",
            Failure::Switch => "FailedSwitch",
        }
    }

    /// Over a limit of items.
    pub(super) fn is_of_items(self) -> bool {
        matches!(self, Failure::BadItems | Failure::LargeItems)
    }

    pub fn named(name: &str) -> Option<Failure> {
        Failure::ALL.into_iter().find(|failure| failure.name() == name)
    }
}

/// What a request is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    None,
    CopyingMessages,
    IncrementalSync,
    FinalIncrementalSync,
    SyncFinished,
}

impl Stage {
    pub fn name(self) -> &'static str {
        match self {
            Stage::None => "None",
            Stage::CopyingMessages => "CopyingMessages",
            Stage::IncrementalSync => "IncrementalSync",
            Stage::FinalIncrementalSync => "FinalIncrementalSync",
            Stage::SyncFinished => "SyncFinished",
        }
    }
}

/// The state, more closely.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Detail {
    /// StartAfter has not come.
    StartAfter,
    Queued,
    CopyingMessages,
    /// Everything is packed: the target's answers are waited for.
    WaitingForTarget,
    /// Ready; SuspendWhenReadyToComplete.
    AutoSuspended,
    /// Ready; CompleteAfter has not come.
    CompleteAfter,
    /// Ready; PreventCompletion.
    PreventCompletion,
    /// Ready, and would be completed if the source agent had a SwitchCommand.
    ReadyToComplete,
    Suspended,
    Completion,
    Completed,
    Failed(Failure),
    TransientFailureSource,
}

impl Detail {
    pub fn name(self) -> &'static str {
        match self {
            Detail::StartAfter => "StartAfter",
            Detail::Queued => "Queued",
            Detail::CopyingMessages => "CopyingMessages",
            Detail::WaitingForTarget => "WaitingForTarget",
            Detail::AutoSuspended => "AutoSuspended",
            Detail::CompleteAfter => "CompleteAfter",
            Detail::PreventCompletion => "PreventCompletion",
            Detail::ReadyToComplete => "ReadyToComplete",
            Detail::Suspended => "Suspended",
            Detail::Completion => "Completion",
            Detail::Completed => "Completed",
            Detail::Failed(failure) => failure.name(),
            Detail::TransientFailureSource => "TransientFailureSource",
        }
    }
}

/// How often, and after how long, a trouble that may pass is tried again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retries {
    pub most: u64,
    pub delay_ms: u64,
}

/// What the ledger says about the mailbox of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Progress {
    /// Containers without an answer.
    pub unanswered: u64,
    /// Containers that the target has given up.
    pub archived: u64,
    /// Corrupt and missing items.
    pub bad_items: u64,
    pub large_items: u64,
}

/// What became of a request: something to be written down, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    Same,
    Changed,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request {
    pub wishes: Wishes,
    pub state: State,
    /// Of the state.
    pub since_ms: u64,
    pub spent: Spent,
    pub created_ms: u64,
    /// First begun; 0: not yet. The same for the next three.
    pub started_ms: u64,
    /// The first copy was there.
    pub ready_ms: u64,
    /// The last pass over the mailbox that came to its end and need not be repeated.
    pub packed_ms: u64,
    /// The last one whose containers were all answered.
    pub synced_ms: u64,
    pub retries: u64,
    /// While Retrying: not before.
    pub again_ms: u64,
    /// Why it has failed; of one that was over a limit of items and is resumed, until a pass has come to its end and is answered.
    pub failure: Option<Failure>,
    /// Why it failed or is tried again.
    pub message: String,
}

impl Request {
    /// As it is ordered.
    pub fn new(wishes: Wishes, now_ms: u64) -> Self {
        Request {
            wishes,
            state: State::Queued,
            since_ms: now_ms,
            spent: Spent::default(),
            created_ms: now_ms,
            started_ms: 0,
            ready_ms: 0,
            packed_ms: 0,
            synced_ms: 0,
            retries: 0,
            again_ms: 0,
            failure: None,
            message: String::new(),
        }
    }

    /// Of a mailbox that is switched, and whose own request is not there any more.
    pub fn switched(wishes: Wishes, now_ms: u64) -> Self {
        Request { state: State::Completed, ..Request::new(wishes, now_ms) }
    }

    pub(super) fn enter(&mut self, state: State, now_ms: u64) {
        let now_ms = now_ms.max(self.since_ms);
        self.spent.add(self.state, now_ms - self.since_ms);
        (self.state, self.since_ms) = (state, now_ms);
    }

    /// How long it was in a state until now.
    pub fn spent_in(&self, state: State, now_ms: u64) -> u64 {
        let running = if state == self.state { now_ms.saturating_sub(self.since_ms) } else { 0 };
        self.spent.of(state).saturating_add(running)
    }

    /// From its order until now.
    pub fn overall_ms(&self, now_ms: u64) -> u64 {
        now_ms.max(self.since_ms).saturating_sub(self.created_ms)
    }

    /// Whether it waits for a place among those under way. `delay_ms`: the longest wait of one that is tried again.
    pub fn wants_to_start(&self, now_ms: u64, delay_ms: u64) -> bool {
        match self.state {
            State::Queued => now_ms >= self.wishes.start_after_ms,
            State::Retrying => has_come(self.again_ms, now_ms, delay_ms),
            _ => false,
        }
    }

    /// It has got a place.
    pub fn start(&mut self, now_ms: u64) {
        self.started_ms = if self.started_ms == 0 { now_ms.max(1) } else { self.started_ms };
        self.packed_ms = 0;
        self.enter(State::InProgress, now_ms);
    }

    /// Whether a pass over its mailbox is due. `owed`: something is to be sent again, or asked for.
    pub fn wants_a_pass(&self, owed: bool, now_ms: u64) -> bool {
        match self.state {
            State::InProgress | State::CompletionInProgress => owed || self.packed_ms == 0,
            State::AutoSuspended => {
                let interval_ms = self.wishes.interval_ms;
                owed || self.packed_ms == 0 || has_come(self.packed_ms.saturating_add(interval_ms), now_ms, interval_ms)
            }
            _ => false,
        }
    }

    /// A pass has come to its end.
    pub fn packed(&mut self, now_ms: u64) {
        self.packed_ms = now_ms.max(1);
        self.retries = 0;
        self.message.clear();
    }

    /// What was packed last did not arrive as it was sent: it is to be packed again, without waiting for the interval.
    pub fn pack_again(&mut self) {
        self.packed_ms = 0;
    }

    /// A store could not be read. `lasts`: not before a person has changed something.
    pub fn store_failed(&mut self, lasts: bool, why: &str, now_ms: u64, retries: Retries) {
        self.retries += 1;
        let failure = match lasts {
            true => Some(Failure::Source),
            false => (self.retries > retries.most).then_some(Failure::Retries),
        };
        match failure {
            Some(failure) => self.fail(failure, why.into(), now_ms),
            None => {
                self.message = why.into();
                self.again_ms = now_ms.saturating_add(retries.delay_ms);
                self.enter(State::Retrying, now_ms);
            }
        }
    }

    /// Holds it against what the ledger says. `completes`: mailboxes can be switched here (R82).
    pub fn look_at(&mut self, progress: &Progress, completes: bool, now_ms: u64) -> After {
        if self.state.is_over() || self.state == State::Failed {
            return After::Same;
        }
        if self.packed_ms != 0 && progress.unanswered == 0 {
            self.failure = None;
        }
        if let Some((failure, why)) = self.over_a_limit(progress) {
            self.fail(failure, why, now_ms);
            return After::Changed;
        }
        if self.packed_ms == 0 || progress.unanswered > 0 {
            return After::Same;
        }
        let was = (self.synced_ms, self.state);
        self.synced_ms = self.packed_ms;
        if self.state == State::InProgress {
            self.ready_ms = if self.ready_ms == 0 { now_ms.max(1) } else { self.ready_ms };
            self.enter(State::AutoSuspended, now_ms);
        }
        if completes && self.is_ready(progress, now_ms) {
            self.begin_completion(now_ms);
        }
        if was == (self.synced_ms, self.state) { After::Same } else { After::Changed }
    }

    fn over_a_limit(&self, progress: &Progress) -> Option<(Failure, String)> {
        let Progress { archived, bad_items, large_items, .. } = *progress;
        let Wishes { bad_items_max, large_items_max, .. } = self.wishes;
        if archived > 0 {
            return Some((Failure::Archived, format!("the target has given up {archived} of its containers and keeps them in ARCHIVE")));
        }
        if self.failure.is_some_and(Failure::is_of_items) {
            return None;
        }
        if bad_items > bad_items_max {
            return Some((Failure::BadItems, format!("{bad_items} corrupt or missing items, BadItemLimit is {bad_items_max}")));
        }
        if large_items > large_items_max {
            return Some((
                Failure::LargeItems,
                format!("{large_items} items too large for the target, LargeItemLimit is {large_items_max}"),
            ));
        }
        None
    }

    pub fn fail(&mut self, failure: Failure, why: String, now_ms: u64) {
        (self.failure, self.message) = (Some(failure), why);
        self.enter(State::Failed, now_ms);
    }

    /// Whether it may be completed without a further order.
    pub fn may_complete(&self, now_ms: u64) -> bool {
        let Wishes { suspend_when_ready, prevent_completion, complete_after_ms, .. } = self.wishes;
        !suspend_when_ready && !prevent_completion && now_ms >= complete_after_ms
    }

    /// Everything is there, and nobody wants it kept waiting.
    pub fn is_ready(&self, progress: &Progress, now_ms: u64) -> bool {
        let in_step = self.packed_ms != 0 && progress.unanswered == 0;
        self.state == State::AutoSuspended && in_step && self.may_complete(now_ms)
    }

    pub fn begin_completion(&mut self, now_ms: u64) {
        self.enter(State::CompletionInProgress, now_ms);
    }

    /// Being completed, and nothing is done yet that could not be left.
    pub fn step_back(&mut self, now_ms: u64) {
        self.enter(State::AutoSuspended, now_ms);
    }

    /// The target has confirmed the last container (R82).
    pub fn completed(&mut self, progress: &Progress, now_ms: u64) {
        let left_behind = progress.bad_items + progress.large_items > 0;
        self.enter(if left_behind { State::CompletedWithWarning } else { State::Completed }, now_ms);
    }

    pub fn detail(&self, now_ms: u64) -> Detail {
        match self.state {
            State::Queued if now_ms < self.wishes.start_after_ms => Detail::StartAfter,
            State::Queued => Detail::Queued,
            State::InProgress if self.packed_ms == 0 => Detail::CopyingMessages,
            State::InProgress => Detail::WaitingForTarget,
            State::AutoSuspended if self.wishes.prevent_completion => Detail::PreventCompletion,
            State::AutoSuspended if self.wishes.suspend_when_ready => Detail::AutoSuspended,
            State::AutoSuspended if now_ms < self.wishes.complete_after_ms => Detail::CompleteAfter,
            State::AutoSuspended => Detail::ReadyToComplete,
            State::Suspended => Detail::Suspended,
            State::CompletionInProgress => Detail::Completion,
            State::Completed | State::CompletedWithWarning => Detail::Completed,
            State::Failed => Detail::Failed(self.failure.unwrap_or(Failure::Source)),
            State::Retrying => Detail::TransientFailureSource,
        }
    }

    pub fn stage(&self) -> Stage {
        match self.state {
            State::CompletionInProgress => Stage::FinalIncrementalSync,
            State::Completed | State::CompletedWithWarning => Stage::SyncFinished,
            _ if self.ready_ms != 0 => Stage::IncrementalSync,
            _ if self.started_ms != 0 => Stage::CopyingMessages,
            _ => Stage::None,
        }
    }
}
