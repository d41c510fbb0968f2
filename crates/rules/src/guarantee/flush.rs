//! CheckReplicationFlush: has a copy replayed past a commit? (R73)

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;

use super::health::seconds;
use super::{Answer, Constraint, Copy, Reach, State, Verdict};

/// What clocks may differ by.
pub const FLUSH_SKEW_MS: u64 = 5_000;

pub fn check_flush(constraint: Constraint, copies: &[Copy], commit_ms: u64) -> Answer {
    constraint.ask(copies, |copy| flushed(copy, commit_ms))
}

/// Whether a passive copy has replayed past a commit. Equal is not later, unknown is not flushed; a copy that does not answer
/// says nothing of what it has replayed.
pub fn flushed(copy: &Copy, commit_ms: u64) -> Verdict {
    let name = &copy.name;
    if let State::Unreachable(why) = &copy.state {
        return Verdict::Unknown(format!("copy {name} does not answer: {why}"));
    }
    let Some(until_ms) = copy.replayed_until_ms else {
        return Verdict::Bad(format!("copy {name} does not say how far it has replayed"));
    };
    // At the end of time nothing can be later.
    if commit_ms.checked_add(FLUSH_SKEW_MS).is_some_and(|wanted_ms| until_ms > wanted_ms) {
        return Verdict::Good;
    }
    let (by, side) = if until_ms < commit_ms { (commit_ms - until_ms, "before") } else { (until_ms - commit_ms, "after") };
    Verdict::Bad(format!(
        "copy {name} has replayed until {} {side} the commit (must be more than {} after it)",
        seconds(by),
        seconds(FLUSH_SKEW_MS)
    ))
}

/// The time up to which the constraint holds: `None` when a copy that it needs does not say. Where no copy is needed, the end
/// of time.
pub fn guaranteed_until(constraint: Constraint, copies: &[Copy]) -> Option<u64> {
    let passive = || copies.iter().filter(|copy| !copy.active);
    if constraint.reach == Reach::NoReplication || passive().next().is_none() {
        return Some(u64::MAX);
    }
    let active = copies.iter().find(|copy| copy.active)?;
    let newest = |site: Option<&str>, inside: bool| {
        let counts = |copy: &&Copy| site.is_none_or(|site| copy.is_in(site) == Some(inside));
        passive().filter(counts).filter_map(replayed).max()
    };
    match constraint.reach {
        Reach::NoReplication => Some(u64::MAX),
        Reach::SecondCopy => newest(None, true),
        Reach::SecondDatacenter => newest(Some(active.site.as_deref()?), false),
        Reach::AllDatacenters => {
            let sites: Option<BTreeSet<String>> =
                copies.iter().map(|copy| copy.site.as_ref().map(|site| site.to_ascii_lowercase())).collect();
            sites?.iter().map(|site| newest(Some(site), true)).min()?
        }
        Reach::AllCopies => passive().map(replayed).min()?,
    }
}

fn replayed(copy: &Copy) -> Option<u64> {
    if matches!(copy.state, State::Unreachable(_)) { None } else { copy.replayed_until_ms }
}
