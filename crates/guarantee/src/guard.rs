//! The data guarantee of target stores, by their providers (R70). A provider that cannot answer gives Retry.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use mailferry_core::ports::{Clock, DataGuarantee};
use mailferry_core::trouble::Trouble;
use mailferry_rules::guarantee::{Answer, Constraint, Copy, Means, check_flush, check_health, serving};

use crate::provider::sound;
use crate::settings::{self, Row};

pub struct Guard {
    rows: Vec<Row>,
    /// Of stores whose row names none, and of stores without a row.
    constraint: Constraint,
    means: Mutex<Means>,
    clock: Arc<dyn Clock>,
    /// What was said just now, by store: one session asks for many containers. An older answer proves less, never more.
    said: Mutex<BTreeMap<String, (u64, Said)>>,
}

type Said = Result<Vec<Copy>, String>;

/// How long an answer may serve.
const FRESH_MS: u64 = 2_000;
const SAID_MAX: usize = 1_000;

impl Guard {
    pub fn new(rows: Vec<Row>, constraint: Constraint, clock: Arc<dyn Clock>) -> Self {
        Guard { rows, constraint, means: Mutex::default(), clock, said: Mutex::default() }
    }

    /// `path`: guarantee.toml.
    pub fn load(path: &Path, constraint: Constraint, clock: Arc<dyn Clock>) -> Result<Self, Trouble> {
        Ok(Guard::new(settings::load(path, &clock)?, constraint, clock))
    }

    /// The first row counts that matches.
    pub fn row(&self, store: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.is_for(store))
    }

    pub fn constraint(&self, store: &str) -> Constraint {
        self.row(store).and_then(|row| row.constraint).unwrap_or(self.constraint)
    }

    /// What the provider of a store says now, if it makes sense.
    pub fn copies(&self, store: &str) -> Result<Vec<Copy>, String> {
        let row = self.row(store).ok_or_else(|| format!("no provider is set for store {store}"))?;
        row.provider.copies(store).and_then(|copies| sound(copies, self.clock.now_ms()))
    }

    fn said(&self, store: &str) -> Said {
        let asked_ms = self.clock.now_ms();
        let fresh = |at_ms: u64| at_ms <= asked_ms && asked_ms - at_ms < FRESH_MS;
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, answer)) = said.get(store).filter(|(at_ms, _)| fresh(*at_ms)) {
            return answer.clone();
        }
        let answer = self.copies(store);
        if said.len() >= SAID_MAX {
            said.clear();
        }
        said.insert(store.into(), (asked_ms, answer.clone()));
        answer
    }

    fn ask(&self, store: &str, check: impl FnOnce(Constraint, &[Copy]) -> Answer) -> Answer {
        let constraint = self.constraint(store);
        if constraint == Constraint::NONE {
            return Answer::Satisfied;
        }
        match self.said(store) {
            Ok(copies) => check(constraint, &copies),
            Err(why) => Answer::Retry(why),
        }
    }
}

impl DataGuarantee for Guard {
    fn healthy(&self, caller: &str, store: &str) -> Answer {
        let mut means = self.means.lock().unwrap_or_else(PoisonError::into_inner);
        self.ask(store, |constraint, copies| check_health(constraint, copies, caller, &mut means))
    }

    fn flushed(&self, store: &str, commit_ms: u64) -> Answer {
        self.ask(store, |constraint, copies| check_flush(constraint, copies, commit_ms))
    }

    fn serving(&self, store: &str) -> Result<Option<String>, String> {
        if self.constraint(store) == Constraint::NONE {
            return Ok(None);
        }
        serving(&self.said(store)?).map(Some)
    }

    fn roll(&self, store: &str) -> Result<(), String> {
        self.row(store).map_or(Ok(()), |row| row.provider.roll(store))
    }
}

#[cfg(test)]
mod tests {
    use mailferry_rules::guarantee::State;

    use super::*;
    use crate::open::At;
    use crate::provider::Provider;

    struct Says(Result<Vec<Copy>, String>);

    impl Provider for Says {
        fn copies(&self, _store: &str) -> Result<Vec<Copy>, String> {
            self.0.clone()
        }
    }

    fn guard(said: Result<Vec<Copy>, String>, constraint: Option<&str>) -> Guard {
        let constraint = constraint.map(|word| word.parse().unwrap());
        let row = Row { matches: "imap://*".into(), constraint, provider: Arc::new(Says(said)), kind: "test" };
        Guard::new(vec![row], "SecondCopy".parse().unwrap(), Arc::new(At(1_000_000)))
    }

    fn copies(until_ms: u64) -> Vec<Copy> {
        let passive = Copy {
            copy_queue: Some(0),
            replay_behind_ms: Some(0),
            replayed_until_ms: Some(until_ms),
            ..Copy::new("B", false, State::Healthy)
        };
        vec![Copy::new("A", true, State::Mounted), passive]
    }

    const STORE: &str = "imap://alice@b";

    #[test]
    fn a_provider_that_cannot_answer_gives_retry_and_never_satisfied() {
        let odd = [Err("timed out".to_owned()), Ok(Vec::new()), Ok(copies(0)[..1].to_vec()), Ok(copies(1_005_001)), Ok(copies(u64::MAX))];
        for said in odd {
            for word in ["SecondCopy", "SecondDatacenter", "AllDatacenters", "AllCopies", "CINoReplication", "CIAllCopies"] {
                let guard = guard(said.clone(), Some(word));
                assert!(matches!(guard.flushed(STORE, 0), Answer::Retry(_)), "{word} {said:?}");
                assert!(matches!(guard.healthy("alice", STORE), Answer::Retry(_)), "{word} {said:?}");
            }
        }
    }

    #[test]
    fn a_store_that_nobody_speaks_for_is_not_guaranteed_unless_nothing_is_asked() {
        let asked = guard(Ok(copies(1_000_000)), None);
        assert_eq!(asked.flushed("maildir:/srv/alice", 0), Answer::Retry("no provider is set for store maildir:/srv/alice".into()));
        let unasked = Guard::new(Vec::new(), Constraint::NONE, Arc::new(At(0)));
        assert_eq!(unasked.flushed("maildir:/srv/alice", u64::MAX), Answer::Satisfied);
        assert_eq!(unasked.healthy("alice", "maildir:/srv/alice"), Answer::Satisfied);
    }

    #[test]
    fn the_constraint_of_the_row_counts_before_the_setting() {
        let never = Err("down".to_owned());
        assert_eq!(guard(never.clone(), Some("None")).flushed(STORE, 0), Answer::Satisfied);
        assert_eq!(guard(never, None).constraint(STORE).word(), "SecondCopy");
    }

    #[test]
    fn a_flush_is_judged_by_the_time_of_the_commit() {
        let guard = guard(Ok(copies(1_000_000)), None);
        assert_eq!(guard.flushed(STORE, 994_999), Answer::Satisfied);
        assert!(matches!(guard.flushed(STORE, 995_000), Answer::NotSatisfied(_)));
        assert_eq!(guard.healthy("alice", STORE), Answer::Satisfied);
    }
}
