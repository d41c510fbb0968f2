//! DataMoveReplicationConstraint (R71): which copies must be good, and how they add up over sites.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::copies::active_of;
use super::{Answer, Copy, Verdict, all, any};

/// How far a commit must have reached.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Reach {
    /// No copy but the active one.
    #[default]
    NoReplication,
    /// At least one passive copy.
    SecondCopy,
    /// At least one passive copy in another site than the active one.
    SecondDatacenter,
    /// The active copy is mounted, and at least one passive copy in each site.
    AllDatacenters,
    /// The active copy is mounted, and all passive copies.
    AllCopies,
}

/// With `index`, the active copy and each copy that counts must also have an up-to-date content index: the CI forms.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Constraint {
    pub reach: Reach,
    pub index: bool,
}

impl Constraint {
    pub const NONE: Constraint = Constraint { reach: Reach::NoReplication, index: false };

    /// All values, with the names that Exchange gives them.
    pub const WORDS: [(&'static str, Constraint); 10] = [
        ("None", Constraint::NONE),
        ("SecondCopy", Constraint { reach: Reach::SecondCopy, index: false }),
        ("SecondDatacenter", Constraint { reach: Reach::SecondDatacenter, index: false }),
        ("AllDatacenters", Constraint { reach: Reach::AllDatacenters, index: false }),
        ("AllCopies", Constraint { reach: Reach::AllCopies, index: false }),
        ("CINoReplication", Constraint { reach: Reach::NoReplication, index: true }),
        ("CISecondCopy", Constraint { reach: Reach::SecondCopy, index: true }),
        ("CISecondDatacenter", Constraint { reach: Reach::SecondDatacenter, index: true }),
        ("CIAllDatacenters", Constraint { reach: Reach::AllDatacenters, index: true }),
        ("CIAllCopies", Constraint { reach: Reach::AllCopies, index: true }),
    ];

    pub fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, constraint)| *constraint == self).map_or("None", |(word, _)| word)
    }

    /// Asks `good` of each passive copy and adds up. Without a constraint, and for a store without copies: satisfied.
    pub fn ask(self, copies: &[Copy], mut good: impl FnMut(&Copy) -> Verdict) -> Answer {
        let passive = copies.iter().filter(|copy| !copy.active);
        let judged: Vec<(&Copy, Verdict)> = passive.map(|copy| (copy, self.with_index(copy, good(copy)))).collect();
        if self == Constraint::NONE || copies.is_empty() {
            return Answer::Satisfied;
        }
        match active_of(copies) {
            Ok(active) => Answer::from(self.add_up(active, &judged)),
            Err(why) => Answer::Retry(why),
        }
    }

    fn with_index(self, copy: &Copy, verdict: Verdict) -> Verdict {
        if self.index { all([verdict, copy.index_verdict()]) } else { verdict }
    }

    fn add_up(self, active: &Copy, passive: &[(&Copy, Verdict)]) -> Verdict {
        let served = self.with_index(active, Verdict::Good);
        if passive.is_empty() {
            return served;
        }
        let verdicts = || passive.iter().map(|(_, verdict)| verdict.clone());
        match self.reach {
            Reach::NoReplication => served,
            Reach::SecondCopy => all([served, any(verdicts(), String::new)]),
            Reach::SecondDatacenter => all([served, elsewhere(active, passive)]),
            Reach::AllDatacenters => all([served, active.mounted(), everywhere(active, passive)]),
            Reach::AllCopies => all([served, active.mounted(), all(verdicts())]),
        }
    }
}

fn elsewhere(active: &Copy, passive: &[(&Copy, Verdict)]) -> Verdict {
    let Some(site) = &active.site else { return site_unknown(active) };
    let far = passive.iter().filter_map(|(copy, verdict)| match copy.is_in(site) {
        Some(true) => None,
        Some(false) => Some(verdict.clone()),
        None => Some(all([verdict.clone(), site_unknown(copy)])),
    });
    any(far, || format!("no passive copy is outside site {site}, where copy {} is active", active.name))
}

fn everywhere(active: &Copy, passive: &[(&Copy, Verdict)]) -> Verdict {
    let copies = || passive.iter().map(|(copy, _)| *copy).chain([active]);
    let sites: BTreeMap<String, &String> =
        copies().filter_map(|copy| copy.site.as_ref()).map(|site| (site.to_ascii_lowercase(), site)).collect();
    let unknown = copies().filter(|copy| copy.site.is_none()).map(site_unknown);
    all(sites.values().map(|site| within(site, passive)).chain(unknown))
}

fn within(site: &str, passive: &[(&Copy, Verdict)]) -> Verdict {
    let near = passive.iter().filter_map(|(copy, verdict)| match copy.is_in(site) {
        Some(true) => Some(verdict.clone()),
        Some(false) => None,
        None => Some(all([verdict.clone(), site_unknown(copy)])),
    });
    match any(near, || format!("site {site} has no passive copy")) {
        Verdict::Bad(why) if !why.starts_with("site ") => Verdict::Bad(format!("in site {site}: {why}")),
        verdict => verdict,
    }
}

fn site_unknown(copy: &Copy) -> Verdict {
    Verdict::Unknown(format!("the site of copy {} is not known", copy.name))
}

impl fmt::Display for Constraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoSuchConstraint(pub String);

impl fmt::Display for NoSuchConstraint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no DataMoveReplicationConstraint", self.0)
    }
}

impl core::error::Error for NoSuchConstraint {}

impl FromStr for Constraint {
    type Err = NoSuchConstraint;

    /// Compared without case.
    fn from_str(text: &str) -> Result<Self, NoSuchConstraint> {
        let found = Self::WORDS.iter().find(|(word, _)| word.eq_ignore_ascii_case(text.trim()));
        found.map(|(_, constraint)| *constraint).ok_or_else(|| NoSuchConstraint(text.into()))
    }
}
