//! The data guarantee: do enough copies of the target store hold what was committed? (R70-R73)
//!
//! A pure rule over the copy statuses that a provider delivers. The content-index forms of the constraints are not decided
//! here yet.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// DataMoveReplicationConstraint (R71).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Constraint {
    #[default]
    None,
    SecondCopy,
    SecondDatacenter,
    AllDatacenters,
    AllCopies,
}

/// One copy of a target store, as its provider reports it. Times in milliseconds.
#[derive(Clone, PartialEq, Debug)]
pub struct CopyStatus {
    pub name: String,
    pub site: String,
    /// The active, mounted copy.
    pub active: bool,
    pub healthy: bool,
    pub copy_queue: u64,
    pub copy_queue_mean: f64,
    /// How far replay is behind.
    pub replay_lag_ms: u64,
    /// How far replay is meant to be behind.
    pub replay_lag_configured_ms: u64,
    /// Commit time of the last transaction replayed; `None` is unknown.
    pub replayed_until_ms: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    Satisfied,
    /// Cannot be told now.
    Retry(String),
    /// Names the copy and the number.
    NotSatisfied(String),
}

const REPLAY_BEHIND_MAX_MS: u64 = 10 * 60 * 1000;
const COPY_QUEUE_LIMIT: u64 = 10;
const FLUSH_SKEW_MS: u64 = 5_000;

/// Whether a passive copy is healthy; the reason when not (R72).
pub fn health(copy: &CopyStatus) -> Result<(), String> {
    let name = &copy.name;
    if !copy.healthy {
        return Err(format!("copy {name} is not Healthy"));
    }
    let behind_ms = copy.replay_lag_ms.abs_diff(copy.replay_lag_configured_ms);
    if behind_ms > REPLAY_BEHIND_MAX_MS {
        return Err(format!("copy {name} replays {behind_ms} ms beside its configured lag (limit {REPLAY_BEHIND_MAX_MS} ms)"));
    }
    if copy.copy_queue >= COPY_QUEUE_LIMIT {
        return Err(format!("copy {name} has a copy queue of {} (limit {COPY_QUEUE_LIMIT})", copy.copy_queue));
    }
    if copy.copy_queue_mean >= COPY_QUEUE_LIMIT as f64 {
        return Err(format!("copy {name} has a mean copy queue of {:.1} (limit {COPY_QUEUE_LIMIT})", copy.copy_queue_mean));
    }
    Ok(())
}

/// Whether a passive copy has replayed past a commit; equal is not later, unknown is not flushed (R73).
pub fn flushed(copy: &CopyStatus, commit_ms: u64) -> Result<(), String> {
    match copy.replayed_until_ms {
        Some(until_ms) if until_ms > commit_ms + FLUSH_SKEW_MS => Ok(()),
        Some(until_ms) => {
            Err(format!("copy {} has replayed until {until_ms} ms, wanted later than {} ms", copy.name, commit_ms + FLUSH_SKEW_MS))
        }
        None => Err(format!("copy {} does not say how far it has replayed", copy.name)),
    }
}

/// Asks `good` of the passive copies and adds the answers up as the constraint wants (R71). A store without copies, or
/// without a constraint, is satisfied.
pub fn ask(constraint: Constraint, copies: &[CopyStatus], good: impl Fn(&CopyStatus) -> Result<(), String>) -> Answer {
    if constraint == Constraint::None || copies.is_empty() {
        return Answer::Satisfied;
    }
    let Some(active) = copies.iter().find(|copy| copy.active) else {
        return Answer::Retry("no copy is active".into());
    };
    let (passed, failed): (Vec<_>, Vec<_>) =
        copies.iter().filter(|copy| !copy.active).map(|copy| (copy, good(copy))).partition(|(_, answer)| answer.is_ok());
    let reason = || {
        failed
            .iter()
            .filter_map(|(_, answer)| answer.as_ref().err())
            .next()
            .cloned()
            .unwrap_or_else(|| "there is no passive copy that could count".into())
    };
    let in_site = |site: &str| passed.iter().any(|(copy, _)| copy.site == site);
    let satisfied = match constraint {
        Constraint::None => true,
        Constraint::SecondCopy => !passed.is_empty(),
        Constraint::SecondDatacenter => passed.iter().any(|(copy, _)| copy.site != active.site),
        Constraint::AllDatacenters => copies.iter().all(|copy| in_site(&copy.site)),
        Constraint::AllCopies => failed.is_empty(),
    };
    if satisfied { Answer::Satisfied } else { Answer::NotSatisfied(reason()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copy(name: &str, site: &str, active: bool) -> CopyStatus {
        CopyStatus {
            name: name.into(),
            site: site.into(),
            active,
            healthy: true,
            copy_queue: 0,
            copy_queue_mean: 0.0,
            replay_lag_ms: 0,
            replay_lag_configured_ms: 0,
            replayed_until_ms: Some(10_000),
        }
    }

    #[test]
    fn each_health_condition_counts_at_its_limit() {
        let good = copy("B", "X", false);
        assert!(health(&good).is_ok());
        for bad in [
            CopyStatus { healthy: false, ..good.clone() },
            CopyStatus { copy_queue: 10, ..good.clone() },
            CopyStatus { copy_queue_mean: 10.0, ..good.clone() },
            CopyStatus { replay_lag_ms: 600_001, ..good.clone() },
        ] {
            assert!(health(&bad).is_err(), "{bad:?}");
        }
        for fine in [CopyStatus { copy_queue: 9, ..good.clone() }, CopyStatus { replay_lag_ms: 600_000, ..good.clone() }] {
            assert!(health(&fine).is_ok(), "{fine:?}");
        }
    }

    #[test]
    fn a_copy_has_flushed_only_when_it_replayed_later_than_five_seconds_after_the_commit() {
        let at = |until_ms| CopyStatus { replayed_until_ms: until_ms, ..copy("B", "X", false) };
        assert!(flushed(&at(Some(5_000)), 0).is_err());
        assert!(flushed(&at(Some(5_001)), 0).is_ok());
        assert!(flushed(&at(None), 0).is_err());
    }

    #[test]
    fn constraints_add_up_over_sites_and_copies() {
        let copies = [copy("A", "X", true), copy("B", "X", false), copy("C", "Y", false)];
        let only = |names: &'static [&str]| {
            move |copy: &CopyStatus| if names.contains(&copy.name.as_str()) { Ok(()) } else { Err(copy.name.clone()) }
        };
        let cases: [(Constraint, &'static [&str], bool); 9] = [
            (Constraint::None, &[], true),
            (Constraint::SecondCopy, &[], false),
            (Constraint::SecondCopy, &["B"], true),
            (Constraint::SecondDatacenter, &["B"], false),
            (Constraint::SecondDatacenter, &["C"], true),
            (Constraint::AllDatacenters, &["C"], false),
            (Constraint::AllDatacenters, &["B", "C"], true),
            (Constraint::AllCopies, &["B"], false),
            (Constraint::AllCopies, &["B", "C"], true),
        ];
        for (constraint, passing, expected) in cases {
            assert_eq!(ask(constraint, &copies, only(passing)) == Answer::Satisfied, expected, "{constraint:?} {passing:?}");
        }
        assert_eq!(ask(Constraint::AllCopies, &[], |_| Ok(())), Answer::Satisfied);
        assert!(matches!(ask(Constraint::SecondCopy, &copies[1..], |_| Ok(())), Answer::Retry(_)));
    }
}
