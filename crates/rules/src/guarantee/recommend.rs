//! Which constraint suits a topology, as the documentation of Exchange recommends it; and what a copy that lags on purpose
//! means for the constraint that is set (R71).

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::finish::FinalWait;
use super::health::seconds;
use super::{Answer, Constraint, Copy, Reach, Verdict};

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Recommendation {
    pub constraint: Constraint,
    pub why: String,
}

/// A copy that lags so far that no wait would see it flush is no help: it is left out.
pub fn recommend(copies: &[Copy]) -> Recommendation {
    let passive: Vec<&Copy> = copies.iter().filter(|copy| !copy.active).collect();
    let prompt: Vec<&Copy> = passive.iter().copied().filter(|copy| !lags_too_far(copy)).collect();
    let (reach, why) = match () {
        () if passive.is_empty() => (Reach::NoReplication, "the store has no second copy".into()),
        () if prompt.is_empty() => (Reach::NoReplication, format!("all {} passive copies lag too far to wait for", passive.len())),
        () => over_sites(copies, &prompt),
    };
    Recommendation { constraint: Constraint { reach, index: false }, why }
}

fn over_sites(copies: &[Copy], prompt: &[&Copy]) -> (Reach, String) {
    let site = |copy: &Copy| copy.site.as_ref().map(|site| site.to_ascii_lowercase());
    let all: Option<BTreeSet<String>> = copies.iter().map(site).collect();
    let Some(all) = all else { return (Reach::SecondCopy, "the site of a copy is not known".into()) };
    let covered: BTreeSet<String> = prompt.iter().filter_map(|copy| site(copy)).collect();
    let home = copies.iter().find(|copy| copy.active).and_then(site);
    let elsewhere = covered.iter().any(|site| Some(site) != home.as_ref());
    match all.len() {
        1 => (Reach::SecondCopy, "all copies are in one site".into()),
        _ if !elsewhere => (Reach::SecondCopy, "outside the site of the active copy only copies that lag".into()),
        3.. if covered == all => (Reach::AllDatacenters, format!("each of {} sites has a passive copy that does not lag", all.len())),
        sites => (Reach::SecondDatacenter, format!("the copies are in {sites} sites")),
    }
}

fn lags_too_far(copy: &Copy) -> bool {
    copy.replay_lag_ms >= FinalWait::DEFAULT.wait_max_ms
}

/// What is to be known of a constraint before anything is moved: that the topology can never meet it, and why.
pub fn warnings(constraint: Constraint, copies: &[Copy]) -> Vec<String> {
    let lagging = |copy: &Copy| {
        if lags_too_far(copy) {
            let wait = seconds(FinalWait::DEFAULT.wait_max_ms);
            return Verdict::Bad(format!(
                "copy {} lags {} on purpose, and no wait is longer than {wait}",
                copy.name,
                seconds(copy.replay_lag_ms)
            ));
        }
        Verdict::Good
    };
    // What changes by itself is left out: only sites and configured lags are looked at.
    let fixed: Vec<Copy> = copies.iter().map(at_its_best).collect();
    let mut told = Vec::new();
    if let Answer::NotSatisfied(why) = constraint.ask(&fixed, lagging) {
        told.push(format!("{constraint} can never hold: {why}"));
    }
    let passive = copies.iter().filter(|copy| !copy.active).count();
    if constraint.reach != Reach::NoReplication && passive == 0 {
        told.push(format!("{constraint} asks for nothing: no passive copy is named"));
    }
    told
}

fn at_its_best(copy: &Copy) -> Copy {
    let state = if copy.active { super::State::Mounted } else { super::State::Healthy };
    Copy { state, index: super::Index::UpToDate, ..copy.clone() }
}
