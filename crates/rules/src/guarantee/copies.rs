//! What a provider says of one copy of a store (R77).
//!
//! Everything may be unknown. A provider leaves out what it cannot tell; it never guesses.

use alloc::format;
use alloc::string::String;

use super::Verdict;

/// One copy of a target store. Times in milliseconds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Copy {
    pub name: String,
    /// Datacenter; `None` is not known.
    pub site: Option<String>,
    /// The copy that serves users. The others are passive.
    pub active: bool,
    pub state: State,
    /// Of the active copy: since when it serves, by whatever clock.
    pub active_since_ms: Option<u64>,
    /// What waits to be copied to it.
    pub copy_queue: Option<u64>,
    /// How far its replay is behind what has been copied.
    pub replay_behind_ms: Option<u64>,
    /// How far its replay is meant to be behind.
    pub replay_lag_ms: u64,
    /// Commit time up to which it has replayed.
    pub replayed_until_ms: Option<u64>,
    pub index: Index,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum State {
    /// A passive copy that copies and replays.
    Healthy,
    /// The active copy, serving.
    Mounted,
    /// It does not answer, and why.
    Unreachable(String),
    /// Any other word, as its system says it.
    Other(String),
}

/// The copy that serves users. `Err` when it cannot be told.
pub(super) fn active_of(copies: &[Copy]) -> Result<&Copy, String> {
    let mut active = copies.iter().filter(|copy| copy.active);
    match (active.next(), active.next()) {
        (Some(copy), None) => Ok(copy),
        (None, _) => Err("no copy is active".into()),
        (Some(one), Some(two)) => Err(format!("copies {} and {} both say that they are active", one.name, two.name)),
    }
}

/// Its name, and since when it serves, where that is told: to be compared by `same_serves` later.
pub fn serving(copies: &[Copy]) -> Result<String, String> {
    active_of(copies).map(|copy| match copy.active_since_ms {
        Some(since_ms) => format!("{}{SINCE}{since_ms}", copy.name),
        None => copy.name.clone(),
    })
}

const SINCE: &str = " since ";
/// What a time that is computed from the age of something may waver by.
const SINCE_SKEW_MS: u64 = 10_000;

/// Whether two answers of `serving` are of the same copy that has served all the while (R78). Names are compared without case, times
/// where both tell one.
pub fn same_serves(before: &str, now: &str) -> bool {
    let parts = |said: &str| match said.rsplit_once(SINCE).and_then(|(name, since)| Some((name.to_lowercase(), since.parse::<u64>().ok()?)))
    {
        Some((name, since_ms)) => (name, Some(since_ms)),
        None => (said.to_lowercase(), None),
    };
    let ((one, one_ms), (other, other_ms)) = (parts(before), parts(now));
    let near = one_ms.zip(other_ms).is_none_or(|(one_ms, other_ms)| one_ms.abs_diff(other_ms) <= SINCE_SKEW_MS);
    one == other && near
}

/// The content index of a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Index {
    UpToDate,
    Behind,
    Unknown,
}

impl Copy {
    /// A copy of which nothing else is known.
    pub fn new(name: impl Into<String>, active: bool, state: State) -> Self {
        Copy {
            name: name.into(),
            site: None,
            active,
            state,
            active_since_ms: None,
            copy_queue: None,
            replay_behind_ms: None,
            replay_lag_ms: 0,
            replayed_until_ms: None,
            index: Index::Unknown,
        }
    }

    /// Whether its site is this one; `None` is not known.
    pub(super) fn is_in(&self, site: &str) -> Option<bool> {
        self.site.as_ref().map(|own| own.eq_ignore_ascii_case(site))
    }

    /// As an active copy.
    pub(super) fn mounted(&self) -> Verdict {
        self.must_be(&State::Mounted, "Mounted")
    }

    /// As a passive copy.
    pub(super) fn healthy(&self) -> Verdict {
        self.must_be(&State::Healthy, "Healthy")
    }

    fn must_be(&self, state: &State, word: &str) -> Verdict {
        let name = &self.name;
        match &self.state {
            own if own == state => Verdict::Good,
            State::Unreachable(why) => Verdict::Unknown(format!("copy {name} does not answer: {why}")),
            other => Verdict::Bad(format!("copy {name} is {}, not {word}", other.word())),
        }
    }

    pub(super) fn index_verdict(&self) -> Verdict {
        match self.index {
            Index::UpToDate => Verdict::Good,
            Index::Behind => Verdict::Bad(format!("the content index of copy {} is not up to date", self.name)),
            Index::Unknown => Verdict::Unknown(format!("the content index of copy {} is not known", self.name)),
        }
    }
}

impl State {
    pub fn word(&self) -> &str {
        match self {
            State::Healthy => "Healthy",
            State::Mounted => "Mounted",
            State::Unreachable(_) => "Unreachable",
            State::Other(word) => word,
        }
    }
}
