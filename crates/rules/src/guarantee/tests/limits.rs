//! Every limit at itself, one below and one above (R72, R73).

use alloc::format;
use alloc::vec::Vec;

use super::*;

fn healthy(copy: &Copy) -> Verdict {
    health(copy, "caller", &mut Means::default())
}

#[test]
fn only_the_status_healthy_is_healthy_and_no_answer_is_no_status() {
    for other in ["Failed", "FailedAndSuspended", "Suspended", "Seeding", "Initializing", "Resynchronizing", "DisconnectedAndHealthy"] {
        let copy = Copy { state: State::Other(other.into()), ..passive("B", "X") };
        assert_eq!(healthy(&copy), Verdict::Bad(format!("copy B is {other}, not Healthy")));
    }
    assert_eq!(word(&healthy(&Copy { state: State::Mounted, ..passive("B", "X") })), "bad");
    assert_eq!(word(&healthy(&Copy { state: State::Unreachable("timed out".into()), ..passive("B", "X") })), "unknown");
    assert_eq!(healthy(&passive("B", "X")), Verdict::Good);
}

#[test]
fn a_copy_queue_is_healthy_below_ten() {
    for (queue, expected) in
        [(Some(0), "good"), (Some(9), "good"), (Some(10), "bad"), (Some(11), "bad"), (Some(u64::MAX), "bad"), (None, "unknown")]
    {
        // Nothing waited before, so that the mean alone would be fine.
        let mut means = Means::default();
        for _ in 0..9 {
            health(&passive("B", "X"), "caller", &mut means);
        }
        let verdict = health(&Copy { copy_queue: queue, ..passive("B", "X") }, "caller", &mut means);
        assert_eq!(word(&verdict), expected, "{queue:?}: {verdict:?}");
    }
}

#[test]
fn replay_is_healthy_within_ten_minutes_of_its_configured_lag() {
    let lag = 40 * MINUTE;
    for (configured, behind, expected) in [
        (0, Some(10 * MINUTE - 1), "good"),
        (0, Some(10 * MINUTE), "good"),
        (0, Some(10 * MINUTE + 1), "bad"),
        (lag, Some(50 * MINUTE - 1), "good"),
        (lag, Some(50 * MINUTE), "good"),
        (lag, Some(50 * MINUTE + 1), "bad"),
        (lag, Some(30 * MINUTE + 1), "good"),
        (lag, Some(30 * MINUTE), "good"),
        (lag, Some(30 * MINUTE - 1), "bad"),
        (lag, None, "unknown"),
    ] {
        let copy = Copy { replay_lag_ms: configured, replay_behind_ms: behind, ..passive("B", "X") };
        assert_eq!(word(&healthy(&copy)), expected, "{configured} {behind:?}");
    }
}

/// Asks once for each queue; what the last question says.
fn asked(queues: &[u64]) -> Verdict {
    let mut means = Means::default();
    let verdicts = queues.iter().map(|queue| health(&Copy { copy_queue: Some(*queue), ..passive("B", "X") }, "caller", &mut means));
    verdicts.last().unwrap_or(Verdict::Good)
}

#[test]
fn the_mean_copy_queue_is_healthy_below_ten() {
    assert_eq!(word(&asked(&[19, 0])), "good");
    assert_eq!(word(&asked(&[20, 0])), "bad");
    assert_eq!(word(&asked(&[21, 0])), "bad");
    assert_eq!(word(&asked(&[20, 0, 0])), "good");
    // 9.99, 10.00 and 10.01 over a hundred questions.
    for (rest, expected) in [(99, "good"), (100, "bad"), (101, "bad")] {
        let queues: Vec<u64> = core::iter::once(900 + rest).chain([0; 99]).collect();
        assert_eq!(word(&asked(&queues)), expected, "{rest}");
    }
    assert_eq!(asked(&[20, 5]), Verdict::Bad("copy B has a mean copy queue of 12.5 over 2 questions (must be below 10)".into()));
}

#[test]
fn the_mean_belongs_to_one_caller_and_one_copy() {
    let mut means = Means::default();
    let copies =
        |b, c| [active("A", "X"), Copy { copy_queue: Some(b), ..passive("B", "X") }, Copy { copy_queue: Some(c), ..passive("C", "X") }];
    let second: Constraint = "SecondCopy".parse().unwrap();
    let all: Constraint = "AllCopies".parse().unwrap();
    assert_eq!(answer_word(check_health(all, &copies(90, 0), "one", &mut means)), "bad");
    assert_eq!(answer_word(check_health(all, &copies(0, 0), "one", &mut means)), "bad");
    assert_eq!(answer_word(check_health(second, &copies(0, 0), "one", &mut means)), "good");
    assert_eq!(answer_word(check_health(all, &copies(0, 0), "two", &mut means)), "good");
    means.forget("one");
    assert_eq!(answer_word(check_health(all, &copies(0, 0), "one", &mut means)), "good");
}

#[test]
fn a_bad_condition_is_bad_whatever_else_is_not_known() {
    let copy = Copy { copy_queue: None, replay_behind_ms: None, state: State::Other("Failed".into()), ..passive("B", "X") };
    assert_eq!(healthy(&copy), Verdict::Bad("copy B is Failed, not Healthy".into()));
}

#[test]
fn a_copy_has_flushed_when_it_has_replayed_later_than_five_seconds_after_the_commit() {
    let commit = 1_000_000;
    for (until, expected) in [
        (Some(commit), "bad"),
        (Some(commit + 4_999), "bad"),
        (Some(commit + 5_000), "bad"),
        (Some(commit + 5_001), "good"),
        (Some(u64::MAX), "good"),
        (None, "bad"),
    ] {
        let copy = Copy { replayed_until_ms: until, ..passive("B", "X") };
        assert_eq!(word(&flushed(&copy, commit)), expected, "{until:?}");
    }
    for commit in [u64::MAX, u64::MAX - 5_000, u64::MAX - 5_001] {
        let copy = Copy { replayed_until_ms: Some(u64::MAX), ..passive("B", "X") };
        assert_eq!(flushed(&copy, commit) == Verdict::Good, commit == u64::MAX - 5_001);
    }
}

#[test]
fn a_copy_that_does_not_answer_leaves_the_flush_open_whatever_it_said_before() {
    let copy = Copy { state: State::Unreachable("timed out".into()), replayed_until_ms: Some(u64::MAX), ..passive("B", "X") };
    assert_eq!(flushed(&copy, 0), Verdict::Unknown("copy B does not answer: timed out".into()));
}
