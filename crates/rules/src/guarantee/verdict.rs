//! Good, not good, or not to be told now; and how verdicts add up.
//!
//! `any` and `all` are those of three-valued logic: one good copy is enough for `any` whatever the others are, one bad copy
//! for the end of `all`. Where the answer hangs on what nobody knows, it is unknown. Reasons of all that matter are kept.

use alloc::string::String;
use alloc::vec::Vec;

#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    Good,
    /// Cannot be told now, and why.
    Unknown(String),
    Bad(String),
}

/// Good when one is good. `nothing` is said when there is none at all.
pub fn any(verdicts: impl IntoIterator<Item = Verdict>, nothing: impl FnOnce() -> String) -> Verdict {
    let verdicts: Vec<Verdict> = verdicts.into_iter().collect();
    let unknown = verdicts.iter().any(|verdict| matches!(verdict, Verdict::Unknown(_)));
    match () {
        () if verdicts.contains(&Verdict::Good) => Verdict::Good,
        () if verdicts.is_empty() => Verdict::Bad(nothing()),
        () if unknown => Verdict::Unknown(reasons(&verdicts, |_| true)),
        () => Verdict::Bad(reasons(&verdicts, |_| true)),
    }
}

/// Good when none is not.
pub fn all(verdicts: impl IntoIterator<Item = Verdict>) -> Verdict {
    let verdicts: Vec<Verdict> = verdicts.into_iter().collect();
    let bad = |verdict: &Verdict| matches!(verdict, Verdict::Bad(_));
    match () {
        () if verdicts.iter().any(bad) => Verdict::Bad(reasons(&verdicts, bad)),
        () if verdicts.iter().all(|verdict| *verdict == Verdict::Good) => Verdict::Good,
        () => Verdict::Unknown(reasons(&verdicts, |_| true)),
    }
}

/// Each reason once, in order.
fn reasons(verdicts: &[Verdict], wanted: impl Fn(&Verdict) -> bool) -> String {
    let mut told: Vec<&str> = Vec::new();
    for verdict in verdicts.iter().filter(|verdict| wanted(verdict)) {
        if let Verdict::Unknown(why) | Verdict::Bad(why) = verdict
            && !told.contains(&why.as_str())
        {
            told.push(why);
        }
    }
    told.join("; ")
}
