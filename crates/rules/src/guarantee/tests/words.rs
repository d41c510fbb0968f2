//! Reasons, moves of two mailboxes, recommendations, warnings (R70, R71, R76).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::*;

#[test]
fn a_reason_names_every_copy_that_matters_and_its_number() {
    let copies = [
        active("A", "X"),
        Copy { copy_queue: Some(12), ..passive("B", "X") },
        Copy { replay_behind_ms: Some(660_000), ..passive("C", "Y") },
    ];
    let answer = check_health("SecondCopy".parse().unwrap(), &copies, "", &mut Means::default());
    let why = answer.reason().unwrap();
    assert!(why.contains("copy B has a copy queue of 12 (must be below 10)"), "{why}");
    assert!(why.contains("copy C replays 660 s behind, 660 s beside its lag of 0 s (must be within 600 s)"), "{why}");
    let copies = [active("A", "X"), Copy { replayed_until_ms: Some(998_500), ..passive("B", "Y") }];
    let answer = check_flush("AllDatacenters".parse().unwrap(), &copies, 1_000_000);
    let why = "site X has no passive copy; in site Y: copy B has replayed until 1.500 s before the commit (must be more than 5 s after it)";
    assert_eq!(answer, Answer::NotSatisfied(why.into()));
    let dismounted = [Copy { state: State::Other("Dismounted".into()), ..active("A", "X") }, passive("B", "X")];
    let answer = check_flush("AllCopies".parse().unwrap(), &dismounted, 0);
    assert_eq!(answer, Answer::NotSatisfied("copy A is Dismounted, not Mounted".into()));
}

#[test]
fn primary_and_archive_must_both_be_guaranteed() {
    let answers = [Answer::Satisfied, Answer::Retry("r".into()), Answer::NotSatisfied("n".into())];
    for (at, one) in answers.iter().enumerate() {
        for (other_at, other) in answers.iter().enumerate() {
            assert_eq!(one.clone().and(other.clone()), answers[at.max(other_at)]);
        }
    }
}

fn lagging(copy: Copy, minutes: u64) -> Copy {
    Copy { replay_lag_ms: minutes * MINUTE, ..copy }
}

#[test]
fn the_recommendation_follows_the_topology() {
    let rows: [(&str, Vec<Copy>); 9] = [
        ("None", Vec::new()),
        ("None", Vec::from([active("A", "X")])),
        ("SecondCopy", Vec::from([active("A", "X"), passive("B", "x")])),
        ("SecondDatacenter", Vec::from([active("A", "X"), passive("B", "Y")])),
        ("SecondDatacenter", Vec::from([active("A", "X"), passive("B", "X"), lagging(passive("C", "Y"), 29)])),
        ("SecondCopy", Vec::from([active("A", "X"), passive("B", "X"), lagging(passive("C", "Y"), 30)])),
        ("AllDatacenters", Vec::from([active("A", "X"), passive("B", "X"), passive("C", "Y"), passive("D", "Z")])),
        ("SecondDatacenter", Vec::from([active("A", "X"), passive("B", "X"), passive("C", "Y"), lagging(passive("D", "Z"), 40)])),
        ("None", Vec::from([active("A", "X"), lagging(passive("B", "X"), 40)])),
    ];
    for (expected, copies) in rows {
        let names: Vec<String> = copies.iter().map(|copy| format!("{}@{:?} {}", copy.name, copy.site, copy.replay_lag_ms)).collect();
        let recommended = recommend(&copies);
        assert_eq!(recommended.constraint.word(), expected, "{names:?}: {}", recommended.why);
        assert_eq!(warnings(recommended.constraint, &copies), Vec::<String>::new(), "{names:?}");
    }
    let unknown = Copy { site: None, ..passive("B", "Y") };
    assert_eq!(recommend(&[active("A", "X"), unknown]).constraint.word(), "SecondCopy");
}

#[test]
fn a_constraint_that_can_never_hold_is_told_up_front() {
    let only_lagging = [active("A", "X"), lagging(passive("B", "X"), 40)];
    assert_eq!(
        warnings("SecondCopy".parse().unwrap(), &only_lagging),
        ["SecondCopy can never hold: copy B lags 2400 s on purpose, and no wait is longer than 1800 s"]
    );
    let near = [active("A", "X"), passive("B", "X")];
    assert_eq!(
        warnings("SecondDatacenter".parse().unwrap(), &near),
        ["SecondDatacenter can never hold: no passive copy is outside site X, where copy A is active"]
    );
    assert_eq!(warnings("AllCopies".parse().unwrap(), &[active("A", "X")]), ["AllCopies asks for nothing: no passive copy is named"]);
    assert!(warnings("AllCopies".parse().unwrap(), &near).is_empty());
}
