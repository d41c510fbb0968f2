//! Requests as tables: every state with every order; each limit, one below and one above.

use alloc::string::String;
use alloc::vec::Vec;

use super::*;
use crate::ids::Epoch;

const RETRIES: Retries = Retries { most: 60, delay_ms: 30_000 };
const ORDERLY: Progress = Progress { unanswered: 0, archived: 0, bad_items: 0, large_items: 0 };

fn in_state(state: State) -> Request {
    let mut request = Request::new(Wishes::default(), 1_000);
    request.enter(state, 2_000);
    request
}

/// Ready, as the only way there is leads to it.
fn ready(wishes: Wishes) -> Request {
    let mut request = Request::new(wishes, 1_000);
    request.start(2_000);
    request.packed(3_000);
    assert_eq!(request.look_at(&ORDERLY, false, 4_000), After::Changed);
    request
}

#[test]
fn every_order_is_allowed_or_refused_with_a_reason_in_every_state() {
    use State::*;
    // Suspend, Resume, Complete, Remove, Set, Undo, RetryRefused
    let table = [
        (Queued, [true, false, true, true, true, false, true]),
        (InProgress, [true, false, true, true, true, false, true]),
        (AutoSuspended, [true, false, true, true, true, false, true]),
        (Suspended, [false, true, false, true, true, false, true]),
        (CompletionInProgress, [false, false, false, false, false, true, false]),
        (Completed, [false, false, false, true, false, true, false]),
        (CompletedWithWarning, [false, false, false, true, false, true, false]),
        (Failed, [false, true, false, true, true, false, true]),
        (Retrying, [true, false, true, true, true, false, true]),
    ];
    assert_eq!(table.map(|(state, _)| state), State::ALL);
    for (state, allowed) in table {
        for (order, allowed) in Order::ALL.into_iter().zip(allowed) {
            let answer = may(order, state);
            assert_eq!(answer.is_ok(), allowed, "{order:?} while {state:?}");
            assert!(answer.err().is_none_or(|why| why.len() > 10));
        }
        assert_eq!(in_state(state).suspend(9).is_ok(), allowed[0]);
        assert_eq!(in_state(state).resume(9).is_ok(), allowed[1]);
        assert_eq!(in_state(state).complete().is_ok(), allowed[2]);
        assert_eq!(in_state(state).set(Wishes::default()).is_ok(), allowed[4]);
        let mut again = in_state(state);
        assert_eq!(again.retry_refused(9).is_ok(), allowed[6]);
        let is_kept = [Suspended, CompletionInProgress, Completed, CompletedWithWarning].contains(&state);
        assert_eq!(again.state, if is_kept { state } else { Queued }, "a pass under way ends, and what is suspended stays so");
        assert!(!allowed[6] || again.packed_ms == 0);
        let mut undone = in_state(state);
        assert_eq!(undone.undo(9).is_ok(), allowed[5]);
        assert!(
            !allowed[5] || undone.state == Suspended && !undone.may_complete(u64::MAX),
            "what is undone is not switched again by itself"
        );
    }
}

#[test]
fn an_order_that_is_refused_changes_nothing() {
    for state in State::ALL {
        let before = in_state(state);
        let mut request = before.clone();
        let bad = Wishes { bad_items_max: 51, ..Wishes::default() };
        assert!(request.set(bad).is_err());
        assert_eq!(request, before);
        if request.suspend(9_000).is_err() {
            assert_eq!(request, before);
        }
        let before = request.clone();
        if request.resume(9_999).is_err() {
            assert_eq!(request, before);
        }
    }
}

#[test]
fn names_read_back_as_themselves() {
    for state in State::ALL {
        assert_eq!(State::named(state.name()), Some(state));
    }
    for priority in Priority::ALL {
        assert_eq!(Priority::named(priority.name()), Some(priority));
    }
    for failure in Failure::ALL {
        assert_eq!(Failure::named(failure.name()), Some(failure));
    }
    assert_eq!(Priority::named("emergency"), Some(Priority::Emergency));
    assert_eq!(State::named("Done"), None);
}

#[test]
fn a_limit_of_items_above_fifty_needs_an_acceptance() {
    for (limit, accepted, good) in [(0, false, true), (49, false, true), (50, false, true), (51, false, false), (51, true, true)] {
        let bad = Wishes { bad_items_max: limit, accept_large_data_loss: accepted, ..Wishes::default() };
        let large = Wishes { large_items_max: limit, accept_large_data_loss: accepted, ..Wishes::default() };
        assert_eq!((bad.check().is_ok(), large.check().is_ok()), (good, good), "{limit}");
    }
    let why = Wishes { bad_items_max: 51, ..Wishes::default() }.check().unwrap_err();
    assert_eq!(why, "BadItemLimit is 51: above 50 it needs AcceptLargeDataLoss");
}

#[test]
fn an_interval_lies_between_a_minute_and_a_hundred_and_twenty_days() {
    let most = 120 * 86_400_000;
    for (interval_ms, good) in [(59_999, false), (60_000, true), (60_001, true), (most - 1, true), (most, true), (most + 1, false)] {
        assert_eq!(Wishes { interval_ms, ..Wishes::default() }.check().is_ok(), good, "{interval_ms}");
    }
    for (start_after_ms, complete_after_ms, good) in [(5, 4, false), (5, 5, true), (5, 6, true), (5, 0, true)] {
        assert_eq!(Wishes { start_after_ms, complete_after_ms, ..Wishes::default() }.check().is_ok(), good);
    }
}

#[test]
fn a_request_fails_with_one_item_more_than_its_limit_and_not_with_as_many() {
    for (bad, large, archived, failure) in [
        (2, 0, 0, None),
        (3, 3, 0, None),
        (4, 3, 0, Some(Failure::BadItems)),
        (3, 4, 0, Some(Failure::LargeItems)),
        (0, 0, 1, Some(Failure::Archived)),
    ] {
        for state in State::ALL.into_iter().filter(|state| !state.is_over() && *state != State::Failed) {
            let mut request = in_state(state);
            request.wishes = Wishes { bad_items_max: 3, large_items_max: 3, ..Wishes::default() };
            let progress = Progress { unanswered: 1, archived, bad_items: bad, large_items: large };
            let after = request.look_at(&progress, true, 5_000);
            assert_eq!(request.failure, failure, "{state:?}");
            assert_eq!((after == After::Changed, request.state == State::Failed), (failure.is_some(), failure.is_some()));
        }
    }
}

#[test]
fn items_that_failed_a_request_are_held_against_it_again_only_after_a_pass() {
    for (progress, failure) in
        [(Progress { bad_items: 1, ..ORDERLY }, Failure::BadItems), (Progress { large_items: 1, ..ORDERLY }, Failure::LargeItems)]
    {
        let mut request = in_state(State::InProgress);
        request.packed(2_000);
        assert_eq!(request.look_at(&progress, false, 3_000), After::Changed);
        request.resume(4_000).unwrap();
        assert_eq!(request.look_at(&progress, false, 5_000), After::Same);
        request.start(6_000);
        assert_eq!((request.look_at(&progress, false, 7_000), request.state), (After::Same, State::InProgress));
        request.packed(8_000);
        let waits = Progress { unanswered: 1, ..progress };
        assert_eq!((request.look_at(&waits, false, 8_500), request.state), (After::Same, State::InProgress));
        let mended = request.clone();
        assert_eq!((request.look_at(&progress, false, 9_000), request.failure), (After::Changed, Some(failure)));
        request = mended;
        assert_eq!((request.look_at(&ORDERLY, false, 9_000), request.state, request.failure), (After::Changed, State::AutoSuspended, None));
    }
    // A container that was given up is there until it is applied after all.
    let mut request = in_state(State::InProgress);
    let progress = Progress { archived: 1, ..ORDERLY };
    request.look_at(&progress, false, 3_000);
    request.resume(4_000).unwrap();
    assert_eq!((request.look_at(&progress, false, 5_000), request.state), (After::Changed, State::Failed));
}

#[test]
fn what_has_failed_or_is_completed_is_changed_by_no_progress() {
    let progress = Progress { unanswered: 0, archived: 1, bad_items: 9, large_items: 9 };
    for state in [State::Failed, State::Completed, State::CompletedWithWarning] {
        let mut request = in_state(state);
        request.packed_ms = 7;
        let before = request.clone();
        assert_eq!(request.look_at(&progress, true, u64::MAX), After::Same);
        assert_eq!(request.look_at(&ORDERLY, true, u64::MAX), After::Same);
        assert!(!request.wants_to_start(u64::MAX, 1) && !request.wants_a_pass(true, u64::MAX));
        assert_eq!(request, before);
    }
}

#[test]
fn a_request_starts_at_its_time_and_not_a_millisecond_earlier() {
    let request = Request::new(Wishes { start_after_ms: 5_000, ..Wishes::default() }, 1_000);
    for (now_ms, starts, detail) in [(4_999, false, Detail::StartAfter), (5_000, true, Detail::Queued), (5_001, true, Detail::Queued)] {
        assert_eq!((request.wants_to_start(now_ms, 1), request.detail(now_ms)), (starts, detail));
    }
}

#[test]
fn ready_is_what_is_packed_and_answered_and_nothing_less() {
    for (packed, unanswered, is_ready) in [(false, 0, false), (true, 1, false), (true, 0, true)] {
        let mut request = Request::new(Wishes::default(), 0);
        request.start(1);
        if packed {
            request.packed(2);
        }
        request.look_at(&Progress { unanswered, ..ORDERLY }, false, 3);
        assert_eq!(request.state == State::AutoSuspended, is_ready);
        assert_eq!((request.ready_ms != 0, request.synced_ms != 0), (is_ready, is_ready));
    }
    let mut request = Request::new(Wishes::default(), 0);
    request.start(1);
    request.packed(2);
    request.pack_again();
    assert_eq!(request.look_at(&ORDERLY, false, 3), After::Same, "what arrived damaged is packed again first");
}

#[test]
fn who_is_ready_is_completed_unless_something_is_waited_for() {
    for (wishes, completes, state, detail) in [
        (Wishes::default(), true, State::CompletionInProgress, Detail::Completion),
        (Wishes::default(), false, State::AutoSuspended, Detail::ReadyToComplete),
        (Wishes { suspend_when_ready: true, ..Wishes::default() }, true, State::AutoSuspended, Detail::AutoSuspended),
        (Wishes { prevent_completion: true, ..Wishes::default() }, true, State::AutoSuspended, Detail::PreventCompletion),
        (Wishes { complete_after_ms: 4_001, ..Wishes::default() }, true, State::AutoSuspended, Detail::CompleteAfter),
        (Wishes { complete_after_ms: 4_000, ..Wishes::default() }, true, State::CompletionInProgress, Detail::Completion),
        (Wishes { complete_after_ms: 3_999, ..Wishes::default() }, true, State::CompletionInProgress, Detail::Completion),
    ] {
        let mut request = Request::new(wishes, 1_000);
        request.start(2_000);
        request.packed(3_000);
        request.look_at(&ORDERLY, completes, 4_000);
        assert_eq!((request.state, request.detail(4_000)), (state, detail), "{wishes:?}");
    }
}

#[test]
fn prevent_completion_is_stronger_than_the_order_to_complete() {
    let mut request = ready(Wishes { prevent_completion: true, ..Wishes::default() });
    assert!(request.complete().unwrap_err().contains("PreventCompletion"));
    assert!(!request.may_complete(u64::MAX));
    let mut request = ready(Wishes { suspend_when_ready: true, complete_after_ms: u64::MAX, ..Wishes::default() });
    assert!(!request.may_complete(5_000));
    request.complete().unwrap();
    assert!(request.may_complete(5_000));
}

#[test]
fn a_completed_request_warns_when_something_was_left_behind() {
    for (bad_items, large_items, state) in
        [(0, 0, State::Completed), (1, 0, State::CompletedWithWarning), (0, 1, State::CompletedWithWarning)]
    {
        let mut request = in_state(State::CompletionInProgress);
        request.completed(&Progress { bad_items, large_items, ..ORDERLY }, 9_000);
        assert_eq!(request.state, state);
    }
}

#[test]
fn who_is_ready_is_looked_at_after_its_interval_and_at_once_when_something_is_owed() {
    let request = ready(Wishes { suspend_when_ready: true, interval_ms: 60_000, ..Wishes::default() });
    for (now_ms, due) in [(3_001, false), (62_999, false), (63_000, true), (63_001, true)] {
        assert_eq!(request.wants_a_pass(false, now_ms), due, "{now_ms}");
        assert!(request.wants_a_pass(true, now_ms));
    }
    let mut again = request.clone();
    again.pack_again();
    assert!(again.wants_a_pass(false, 3_001));
}

#[test]
fn a_clock_that_was_set_back_puts_no_incremental_off() {
    let mut request = ready(Wishes { interval_ms: 60_000, ..Wishes::default() });
    request.packed_ms = 10_000_000;
    assert!(request.wants_a_pass(false, 9_999_999), "more than the interval ahead");
    request.packed_ms = 3_000;
    assert!(!request.wants_a_pass(false, 3_000));
}

#[test]
fn nothing_is_packed_for_a_request_that_waits_or_is_suspended() {
    for state in [State::Queued, State::Suspended, State::Failed, State::Retrying, State::Completed, State::CompletedWithWarning] {
        assert!(!in_state(state).wants_a_pass(true, u64::MAX), "{state:?}");
    }
}

#[test]
fn a_trouble_that_may_pass_is_tried_again_sixty_times_and_no_more() {
    let mut request = in_state(State::InProgress);
    let mut now_ms = 2_000;
    for tries in 1..=60 {
        request.store_failed(false, "no answer", now_ms, RETRIES);
        assert_eq!((request.state, request.retries), (State::Retrying, tries));
        assert!(!request.wants_to_start(now_ms + 29_999, RETRIES.delay_ms));
        assert!(request.wants_to_start(now_ms + 30_000, RETRIES.delay_ms));
        now_ms += 30_000;
        request.start(now_ms);
    }
    request.store_failed(false, "no answer", now_ms, RETRIES);
    assert_eq!((request.state, request.failure, request.message.as_str()), (State::Failed, Some(Failure::Retries), "no answer"));
}

#[test]
fn a_pass_that_comes_to_its_end_forgets_the_tries_before_it() {
    let mut request = in_state(State::InProgress);
    request.store_failed(false, "no answer", 2_000, RETRIES);
    request.start(40_000);
    request.packed(41_000);
    assert_eq!((request.retries, request.message.as_str()), (0, ""));
}

#[test]
fn a_trouble_that_lasts_fails_at_once_and_is_resumed_by_an_order_alone() {
    let mut request = in_state(State::InProgress);
    request.store_failed(true, "access denied", 3_000, RETRIES);
    assert_eq!((request.state, request.detail(4_000)), (State::Failed, Detail::Failed(Failure::Source)));
    assert!(!request.wants_to_start(u64::MAX, 1));
    request.resume(5_000).unwrap();
    assert_eq!((request.state, request.failure, request.retries, request.message), (State::Queued, None, 0, String::new()));
}

#[test]
fn the_durations_add_up_to_the_whole_under_any_clock() {
    let mut dice = 7u64;
    let mut next = |most: u64| {
        dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (dice >> 33) % most
    };
    for _ in 0..2_000 {
        let mut now_ms = 1_000_000;
        let mut request = Request::new(Wishes::default(), now_ms);
        for _ in 0..20 {
            now_ms = (now_ms + next(100_000)).saturating_sub(if next(4) == 0 { next(400_000) } else { 0 });
            match next(7) {
                0 => drop(request.suspend(now_ms)),
                1 => drop(request.resume(now_ms)),
                2 if request.wants_to_start(now_ms, 30_000) => request.start(now_ms),
                3 if request.wants_a_pass(true, now_ms) => request.packed(now_ms),
                4 if request.state == State::InProgress => request.store_failed(next(5) == 0, "x", now_ms, RETRIES),
                _ => drop(request.look_at(&Progress { bad_items: next(9) / 8, ..ORDERLY }, false, now_ms)),
            }
            let now_ms = now_ms + next(10);
            let sum: u64 = State::ALL.into_iter().map(|state| request.spent_in(state, now_ms)).sum();
            assert_eq!(sum, request.overall_ms(now_ms));
            assert_eq!(request.spent.whole(), request.since_ms - request.created_ms);
        }
    }
}

fn place(store: &str, server: &str) -> Place {
    Place { source_store: store.into(), source_server: server.into(), target_store: "T".into(), target_server: "t".into() }
}

const WIDE: Limits = Limits { source_store: 99, source_server: 99, target_store: 99, target_server: 99, total: 99 };

fn admitted(limits: &Limits, waiting: &[(Priority, u64, u32, Place)]) -> Vec<u32> {
    admit(Under::default(), waiting, limits).into_iter().filter(|(_, may)| may.is_ok()).map(|(key, _)| key).collect()
}

#[test]
fn as_many_requests_are_under_way_as_each_limit_says_and_not_one_more() {
    let waiting: Vec<_> = (0..5).map(|key| (Priority::Normal, 0, key, place("S", "s"))).collect();
    for limits in [
        Limits { source_store: 3, ..WIDE },
        Limits { source_server: 3, ..WIDE },
        Limits { target_store: 3, ..WIDE },
        Limits { target_server: 3, ..WIDE },
        Limits { total: 3, ..WIDE },
    ] {
        for (there, more) in [(0, 3), (2, 1), (3, 0), (4, 0)] {
            let mut under = Under::default();
            (0..there).for_each(|_| under.add(&place("S", "s")));
            let answers = admit(under, &waiting, &limits);
            assert_eq!(answers.values().filter(|may| may.is_ok()).count(), more, "{limits:?} {there}");
        }
    }
}

#[test]
fn a_full_store_is_named_and_stands_in_nobodys_way_at_another() {
    let waiting =
        [(Priority::High, 0, 1, place("A", "s")), (Priority::High, 0, 2, place("A", "s")), (Priority::Low, 0, 3, place("B", "s"))];
    let limits = Limits { source_store: 1, ..WIDE };
    let answers = admit(Under::default(), &waiting, &limits);
    assert_eq!(answers[&2], Err(Full("1 requests are under way at source store A (at most 1)".into())));
    assert_eq!(admitted(&limits, &waiting), [1, 3]);
}

#[test]
fn the_more_important_goes_first_and_of_equals_the_older() {
    let limits = Limits { total: 1, ..WIDE };
    let at = |priority, created, key| (priority, created, key, place("S", "s"));
    assert_eq!(admitted(&limits, &[at(Priority::Normal, 1, 1), at(Priority::Emergency, 9, 2), at(Priority::Highest, 0, 3)]), [2]);
    assert_eq!(admitted(&limits, &[at(Priority::Normal, 5, 1), at(Priority::Normal, 4, 2)]), [2]);
    assert_eq!(admitted(&limits, &[at(Priority::Normal, 5, 9), at(Priority::Normal, 5, 8)]), [8]);
}

#[test]
fn what_has_no_name_is_limited_by_the_total_alone() {
    let limits = Limits { source_store: 1, source_server: 1, target_store: 1, target_server: 1, total: 3 };
    let waiting: Vec<_> = (0..5).map(|key| (Priority::Normal, 0, key, Place::default())).collect();
    assert_eq!(admitted(&limits, &waiting), [0, 1, 2]);
}

fn switch_in(phase: Phase) -> Switch {
    Switch { phase, locked_ms: 1_000, locked_under: Epoch(7), ..Switch::begin() }
}

#[test]
fn the_source_is_locked_only_when_it_may_be_and_switched_only_when_everything_is_confirmed() {
    let refused = || Some(Err(String::from("copy B lags")));
    for (packed, unanswered, verdict) in [
        (true, 0, Some(Ok(()))),
        (true, 0, None),
        (false, 0, Some(Ok(()))),
        (true, 1, Some(Ok(()))),
        (true, 0, refused()),
        (true, 9, refused()),
    ] {
        let known = Known { packed, unanswered, verdict: verdict.clone(), epoch: Epoch(7) };
        let next = |phase| switch_in(phase).next(&known, 2_000, 60_000);
        let all = packed && unanswered == 0 && verdict == Some(Ok(()));
        match verdict {
            Some(Err(_)) => {
                let gives_up = |next| matches!(next, Next::GiveUp(Failure::NotConfirmed, why) if why.contains("copy B lags"));
                assert!(gives_up(next(Phase::Asking)) && gives_up(next(Phase::Locked)));
            }
            _ => {
                assert_eq!(next(Phase::Asking), if all { Next::Lock } else { Next::Wait }, "{known:?}");
                assert_eq!(next(Phase::Locked), if all { Next::Redirect } else { Next::Wait }, "{known:?}");
            }
        }
        // What is written down before it is done is done again.
        let again = [Phase::Locking, Phase::Switching, Phase::Testing, Phase::Telling, Phase::Unlocking, Phase::Returning].map(next);
        assert_eq!(again, [Next::Lock, Next::Redirect, Next::Test, Next::Tell, Next::Unlock, Next::Restore]);
        assert_eq!(next(Phase::Sweeping), if packed && unanswered == 0 { Next::Tell } else { Next::Wait });
        assert_eq!(next(Phase::Done), Next::Nothing);
    }
}

#[test]
fn a_lock_lasts_no_longer_than_it_may_whatever_the_clock_does() {
    let known = Known { packed: true, unanswered: 1, verdict: None, epoch: Epoch(7) };
    let mut switch = switch_in(Phase::Locked);
    assert_eq!(switch.next(&known, 60_999, 60_000), Next::Wait);
    assert!(matches!(switch.next(&known, 61_000, 60_000), Next::GiveUp(Failure::NotConfirmed, why) if why.contains("60 s")));
    let mut switch = Switch { locked_ms: 900_000, ..switch_in(Phase::Locked) };
    assert_eq!(switch.next(&known, 1_000, 60_000), Next::Wait, "the clock was set back: it begins anew");
    assert!(matches!(switch.next(&known, 61_000, 60_000), Next::GiveUp(..)));
    // Unlocked nobody waits for it.
    assert_eq!(switch_in(Phase::Asking).next(&known, u64::MAX, 60_000), Next::Wait);
}

#[test]
fn who_takes_over_locks_once_more_and_asks_once_more() {
    let known = Known { packed: true, unanswered: 0, verdict: Some(Ok(())), epoch: Epoch(8) };
    assert_eq!(switch_in(Phase::Locked).next(&known, 2_000, 60_000), Next::Lock, "the predecessor may have opened it");
    assert!(matches!(switch_in(Phase::Locked).next(&known, 61_000, 60_000), Next::GiveUp(..)), "but not for longer");
    assert_eq!(switch_in(Phase::Switching).next(&known, 2_000, 60_000), Next::Redirect, "nobody opens it here");
}

#[test]
fn what_is_locked_for_too_long_is_to_be_opened_and_nothing_else() {
    for phase in Phase::ALL {
        let at = |now_ms| switch_in(phase).is_to_be_opened(now_ms, 60_000);
        let (early, late) = match phase {
            Phase::Locking | Phase::Locked => (false, true),
            Phase::Unlocking => (true, true),
            _ => (false, false),
        };
        assert_eq!((at(60_999), at(61_000)), (early, late), "{phase:?}");
    }
    let mut switch = Switch { locked_ms: 900_000, ..switch_in(Phase::Locked) };
    assert!(!switch.is_to_be_opened(1_000, 60_000), "the clock was set back: it begins anew");
    assert!(switch.is_to_be_opened(61_000, 60_000));
    let known = Known { packed: true, unanswered: 0, verdict: None, epoch: Epoch(7) };
    assert!(matches!(switch_in(Phase::Locking).next(&known, 61_000, 60_000), Next::GiveUp(Failure::Switch, why) if why.contains("60 s")));
}

fn standings() -> Vec<Standing> {
    let give_up = Next::GiveUp(Failure::NotConfirmed, String::from("copy B lags"));
    let nexts = [Next::Wait, Next::Lock, Next::Redirect, Next::Test, Next::Tell, Next::Nothing, give_up, Next::Unlock, Next::Restore];
    Phase::ALL.into_iter().flat_map(|phase| nexts.clone().map(|next| Standing { phase, next })).collect()
}

#[test]
fn of_primary_and_archive_neither_is_locked_or_led_over_unless_both_would_be() {
    let at = |phase, next| Standing { phase, next };
    let (lock, redirect) = (at(Phase::Asking, Next::Lock), at(Phase::Locked, Next::Redirect));
    let all = standings();
    for own in &all {
        for other in all.iter().map(Some).chain([None]) {
            let answer = together(own, other);
            assert_eq!(answer == Together::Lock, *own == lock && other == Some(&lock), "{own:?} {other:?}");
            assert_eq!(answer == Together::Redirect, *own == redirect && other == Some(&redirect), "{own:?} {other:?}");
            // Going on by itself, a part never takes one of these two steps.
            assert!(answer != Together::GoOn || ![&lock, &redirect].contains(&own), "{own:?} {other:?}");
            let is_out = other.is_none_or(|other| other.phase == Phase::Unlocking);
            let may_be_left = !own.phase.is_past_return() && own.phase != Phase::Unlocking;
            assert!(!(is_out && may_be_left) || answer == Together::StepBack, "{own:?} {other:?}");
            assert!(may_be_left || answer == Together::GoOn, "{own:?} {other:?}: there is no way back by itself, or it is gone already");
        }
    }
}

#[test]
fn a_part_that_is_as_far_waits_for_the_other_and_goes_on_until_then() {
    let at = |phase, next| Standing { phase, next };
    let asking = at(Phase::Asking, Next::Wait);
    let locked = at(Phase::Locked, Next::Wait);
    for (own, other, answer) in [
        (at(Phase::Asking, Next::Lock), &asking, Together::Wait),
        (asking.clone(), &asking, Together::GoOn),
        (at(Phase::Locking, Next::Lock), &at(Phase::Locking, Next::Lock), Together::GoOn),
        (at(Phase::Locking, Next::Lock), &locked, Together::GoOn),
        (locked.clone(), &at(Phase::Locking, Next::Lock), Together::GoOn),
        (at(Phase::Locked, Next::Redirect), &locked, Together::Wait),
        (at(Phase::Locked, Next::Redirect), &at(Phase::Locking, Next::Lock), Together::Wait),
        // Locked beside one that is not begun: something has gone wrong, and nobody stays locked for it.
        (locked.clone(), &asking, Together::StepBack),
        (asking.clone(), &locked, Together::StepBack),
    ] {
        assert_eq!(together(&own, Some(other)), answer, "{own:?} {other:?}");
    }
    for part in Part::ALL {
        assert_eq!((Part::named(part.name()), part.other().other()), (Some(part), part));
        assert_ne!(part.other(), part);
    }
}

#[test]
fn a_request_over_two_mailboxes_takes_one_place_wherever_they_lie() {
    let limits = Limits { source_store: 1, ..WIDE };
    for (other, at_other) in [("S", 0), ("R", 1)] {
        let parts = [place("S", "s"), place(other, "s")];
        let mut under = Under::default();
        assert!(under.may_add_together(&parts, &limits).is_ok());
        under.add_together(&parts);
        assert!(under.may_add(&place("S", "s"), &limits).is_err() && under.may_add_together(&parts, &limits).is_err());
        assert_eq!(under.may_add(&place("R", "s"), &limits).is_err(), at_other == 1);
        assert!(under.may_add(&place("Q", "s"), &Limits { total: 1, ..WIDE }).is_err());
        assert!(under.may_add(&place("Q", "s"), &Limits { total: 2, ..WIDE }).is_ok(), "it counts once");
    }
    let mut under = Under::default();
    under.add(&place("R", "s"));
    assert!(under.may_add_together(&[place("S", "s"), place("R", "s")], &limits).is_err(), "neither goes where one has no place");
}

#[test]
fn an_order_is_moot_only_where_it_would_be_refused_for_being_so_already() {
    use State::*;
    for state in State::ALL {
        for order in Order::ALL {
            let moot = match order {
                Order::Suspend => [Suspended, Failed].contains(&state),
                Order::Resume => [Queued, InProgress, AutoSuspended, Retrying].contains(&state),
                _ => false,
            };
            assert_eq!(is_moot(order, state), moot, "{order:?} {state:?}");
            assert!(!moot || may(order, state).is_err());
        }
    }
}
