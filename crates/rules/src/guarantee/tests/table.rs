//! Constraints over sites, copies and what is known of them (R71).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::*;

/// What is known of a copy: good, unknown or bad.
type Known = u8;
const GOOD: Known = 0;
const UNKNOWN: Known = 1;

/// The law in plain words, for a world in which everything is known: `sites[0]` is the active copy's.
fn holds(reach: Reach, mounted: bool, sites: &[usize], good: &[bool]) -> bool {
    let passive = || sites[1..].iter().zip(good);
    if sites.len() == 1 {
        return true;
    }
    match reach {
        Reach::NoReplication => true,
        Reach::SecondCopy => good.contains(&true),
        Reach::SecondDatacenter => passive().any(|(site, good)| *good && *site != sites[0]),
        Reach::AllDatacenters => mounted && sites.iter().all(|wanted| passive().any(|(site, good)| *good && site == wanted)),
        Reach::AllCopies => mounted && good.iter().all(|good| *good),
    }
}

/// Whatever is unknown may turn out either way: satisfied when all worlds agree that it holds, not when all agree that it does not.
fn oracle(reach: Reach, mounted: Known, sites: &[usize], known: &[Known]) -> &'static str {
    let everything: Vec<Known> = known.iter().copied().chain([mounted]).collect();
    let unknown: Vec<usize> = (0..everything.len()).filter(|at| everything[*at] == UNKNOWN).collect();
    let mut seen = [false, false];
    for world in 0..1_u32 << unknown.len() {
        let mut facts: Vec<bool> = everything.iter().map(|known| *known == GOOD).collect();
        unknown.iter().enumerate().for_each(|(bit, at)| facts[*at] = world & (1 << bit) != 0);
        let mounted = facts.pop() == Some(true);
        seen[usize::from(holds(reach, mounted, sites, &facts))] = true;
    }
    match seen {
        [false, true] => "good",
        [true, false] => "bad",
        _ => "unknown",
    }
}

/// Every number to the base `base` with so many digits.
fn digits(base: usize, count: usize) -> impl Iterator<Item = Vec<usize>> {
    (0..base.pow(count as u32)).map(move |number| (0..count).map(|at| number / base.pow(at as u32) % base).collect())
}

fn state_of(known: Known, good: State) -> State {
    match known {
        GOOD => good,
        UNKNOWN => State::Unreachable("no answer".into()),
        _ => State::Other("Failed".into()),
    }
}

/// Up to three passive copies and an active one over up to three sites, each good, unknown or bad: 10 constraints, all worlds.
#[test]
fn constraints_add_up_over_sites_copies_and_states_as_the_truth_table_says() {
    let mut worlds = 0;
    for passives in 0..=3 {
        for sites in digits(3, passives + 1) {
            for known in digits(3, passives + 1) {
                let known: Vec<Known> = known.iter().map(|known| *known as Known).collect();
                let mut copies = Vec::from([active("A", &format!("site {}", sites[0]))]);
                copies[0].state = state_of(known[passives], State::Mounted);
                for at in 0..passives {
                    let copy = passive(&format!("P{at}"), &format!("SITE {}", sites[at + 1]));
                    copies.push(Copy { state: state_of(known[at], State::Healthy), ..copy });
                }
                for (name, constraint) in Constraint::WORDS {
                    let expected = oracle(constraint.reach, known[passives], &sites, &known[..passives]);
                    let healthy = check_health(constraint, &copies, "", &mut Means::default());
                    assert_eq!(answer_word(healthy.clone()), expected, "{name} {sites:?} {known:?}: {healthy:?}");
                    worlds += 1;
                }
            }
        }
    }
    assert_eq!(worlds, 10 * (9 + 81 + 729 + 6561));
}

/// The same over the flush: replayed later, not later, no answer.
#[test]
fn flushes_add_up_over_sites_copies_and_states_as_the_truth_table_says() {
    let commit = 500_000;
    for passives in 0..=3 {
        for (sites, known) in digits(3, passives + 1).flat_map(|sites| digits(3, passives).map(move |known| (sites.clone(), known))) {
            let known: Vec<Known> = known.iter().map(|known| *known as Known).collect();
            let mut copies = Vec::from([active("A", &format!("{}", sites[0]))]);
            for at in 0..passives {
                let copy = passive(&format!("P{at}"), &format!("{}", sites[at + 1]));
                let state = state_of(known[at].min(1), State::Healthy);
                let until = if known[at] == GOOD { commit + 5_001 } else { commit + 5_000 };
                copies.push(Copy { state, replayed_until_ms: Some(until), ..copy });
            }
            for at in 0..passives {
                if known[at] == 2 {
                    copies[at + 1].state = State::Healthy;
                }
            }
            for (name, constraint) in Constraint::WORDS {
                let expected = oracle(constraint.reach, GOOD, &sites, &known);
                let answer = check_flush(constraint, &copies, commit);
                assert_eq!(answer_word(answer.clone()), expected, "{name} {sites:?} {known:?}: {answer:?}");
                let until = guaranteed_until(constraint, &copies);
                assert_eq!(until.is_some_and(|until| until > commit + FLUSH_SKEW_MS), expected == "good", "{name} {sites:?} {known:?}");
            }
        }
    }
}

#[test]
fn without_a_constraint_or_without_copies_everything_is_satisfied() {
    let bad = Copy { state: State::Other("Failed".into()), ..passive("B", "X") };
    assert_eq!(check_flush(Constraint::NONE, &[active("A", "X"), bad.clone()], u64::MAX), Answer::Satisfied);
    assert_eq!(check_flush(Constraint::NONE, &[bad], 0), Answer::Satisfied);
    for (_, constraint) in Constraint::WORDS {
        assert_eq!(check_flush(constraint, &[], u64::MAX), Answer::Satisfied);
        assert_eq!(check_health(constraint, &[active("A", "X")], "", &mut Means::default()), Answer::Satisfied);
    }
}

#[test]
fn with_no_active_copy_or_with_two_it_cannot_be_told() {
    let good = [passive("B", "X"), passive("C", "Y")];
    let two = [active("A", "X"), active("D", "Y"), passive("B", "X"), passive("C", "Y")];
    for (word, constraint) in Constraint::WORDS.into_iter().filter(|(_, constraint)| *constraint != Constraint::NONE) {
        assert_eq!(check_flush(constraint, &good, 0), Answer::Retry("no copy is active".into()), "{word}");
        let both = Answer::Retry("copies A and D both say that they are active".into());
        assert_eq!(check_flush(constraint, &two, 0), both, "{word}");
    }
}

#[test]
fn another_copy_that_serves_is_another_answer() {
    let copies = |a: Option<u64>, b: Option<u64>| {
        let copy = |name: &str, since: Option<u64>| Copy { active: since.is_some(), active_since_ms: since, ..passive(name, "X") };
        serving(&[copy("A", a), copy("B", b)])
    };
    let same = |one: Result<String, String>, other: Result<String, String>| same_serves(&one.unwrap(), &other.unwrap());
    assert!(same(copies(Some(5), None), copies(Some(5), None)));
    assert!(same(copies(Some(5), None), copies(Some(10_005), None)), "a time that wavers");
    assert!(!same(copies(Some(5), None), copies(Some(10_006), None)), "the same copy, which was not active in between");
    assert!(!same(copies(Some(5), None), copies(None, Some(5))), "the other copy");
    let named = |name| serving(&[active(name, "X"), passive("C", "X")]);
    assert!(same(named("A"), named("a")) && same(named("A"), copies(Some(5), None)) && !same(named("A"), named("B")));
    assert!(!same_serves("", "A"), "a mending that was cut off");
    assert!(copies(None, None).is_err() && copies(Some(5), Some(5)).is_err());
}

#[test]
fn a_site_that_is_not_known_leaves_the_answer_open_unless_it_does_not_matter() {
    let nowhere = |copy: Copy| Copy { site: None, ..copy };
    let asked = |word: &str, copies: &[Copy]| answer_word(check_flush(word.parse().unwrap(), copies, 0));
    let copies = [active("A", "X"), passive("B", "X"), nowhere(passive("C", "Y"))];
    assert_eq!(asked("SecondCopy", &copies), "good");
    assert_eq!(asked("SecondDatacenter", &copies), "unknown");
    assert_eq!(asked("AllDatacenters", &copies), "unknown");
    assert_eq!(asked("AllCopies", &copies), "good");
    let copies = [nowhere(active("A", "X")), passive("B", "X"), passive("C", "Y")];
    assert_eq!(asked("SecondDatacenter", &copies), "unknown");
    assert_eq!(asked("AllDatacenters", &copies), "unknown");
}

#[test]
fn the_forms_with_an_index_want_it_up_to_date_on_the_active_copy_and_on_each_copy_that_counts() {
    let with = |copy: Copy, index| Copy { index, ..copy };
    let (a, b, c) = (active("A", "X"), passive("B", "X"), passive("C", "Y"));
    let stale = Index::Behind;
    // Constraint; index of the active copy, of B and of C; the answer.
    let rows = [
        ("CINoReplication", Index::UpToDate, stale, stale, "good"),
        ("CINoReplication", stale, Index::UpToDate, Index::UpToDate, "bad"),
        ("CINoReplication", Index::Unknown, Index::UpToDate, Index::UpToDate, "unknown"),
        ("CISecondCopy", Index::UpToDate, stale, Index::UpToDate, "good"),
        ("CISecondCopy", Index::UpToDate, stale, stale, "bad"),
        ("CISecondCopy", Index::UpToDate, stale, Index::Unknown, "unknown"),
        ("CISecondCopy", stale, Index::UpToDate, Index::UpToDate, "bad"),
        ("CISecondDatacenter", Index::UpToDate, Index::UpToDate, stale, "bad"),
        ("CISecondDatacenter", Index::UpToDate, stale, Index::UpToDate, "good"),
        ("CIAllDatacenters", Index::UpToDate, Index::UpToDate, Index::UpToDate, "good"),
        ("CIAllDatacenters", Index::UpToDate, stale, Index::UpToDate, "bad"),
        ("CIAllCopies", Index::UpToDate, Index::UpToDate, stale, "bad"),
        ("CIAllCopies", Index::UpToDate, Index::UpToDate, Index::Unknown, "unknown"),
        ("AllCopies", stale, stale, Index::Unknown, "good"),
    ];
    for (word, of_a, of_b, of_c, expected) in rows {
        let copies = [with(a.clone(), of_a), with(b.clone(), of_b), with(c.clone(), of_c)];
        let constraint: Constraint = word.parse().unwrap();
        let health = check_health(constraint, &copies, "", &mut Means::default());
        assert_eq!(answer_word(health), expected, "health {word} {of_a:?} {of_b:?} {of_c:?}");
        assert_eq!(answer_word(check_flush(constraint, &copies, 0)), expected, "flush {word} {of_a:?} {of_b:?} {of_c:?}");
    }
}

#[test]
fn constraints_are_read_without_case_and_written_as_exchange_writes_them() {
    for (word, constraint) in Constraint::WORDS {
        assert_eq!(word.to_ascii_lowercase().parse(), Ok(constraint));
        assert_eq!(constraint.to_string(), word);
    }
    assert!("ThirdCopy".parse::<Constraint>().is_err());
}
