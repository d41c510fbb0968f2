//! Two real Dovecots: what their replicator and `doveadm sync` say of the second copy.
#![cfg(unix)]

mod common;

use common::{STORE, answers_until, append, is_ready, messages, now_ms};
use mailferry_core::ports::DataGuarantee;
use mailferry_guarantee::Guard;
use mailferry_mailbed::servers::{Dovecot, Kind, Options, Server};
use mailferry_rules::guarantee::Answer;

fn pair() -> Option<[Server; 2]> {
    is_ready(Kind::Dovecot).then(|| Dovecot::pair(&Options::default()).expect("two Dovecots"))
}

fn guard(node: &Server, provider: &str) -> Guard {
    common::guard(&format!("{provider}\noptions = [\"-c\", {:?}]", node.folder().join("dovecot.conf")))
}

fn rolled_until(guard: &Guard, commit_ms: u64, done: impl Fn(&Answer) -> bool) -> Vec<Answer> {
    answers_until(guard, commit_ms, done, || {
        let _told_by_the_next_answer = guard.roll(STORE);
    })
}

#[test]
fn a_commit_counts_as_flushed_only_when_the_second_node_holds_it() {
    let Some([one, mut two]) = pair() else { return };
    let guard = guard(&one, "provider = \"dovecot\"");
    let commit_ms = append(&one, b"Subject: one\r\n\r\n1\r\n");
    let answers = rolled_until(&guard, commit_ms, Answer::is_satisfied);
    assert!(now_ms() > commit_ms + 5_000, "never within the five seconds that clocks may differ by: {answers:?}");
    assert_eq!(messages(&two), Some(1));
    assert_eq!(guard.healthy("u01", STORE), Answer::Satisfied);

    two.kill();
    let commit_ms = append(&one, b"Subject: two\r\n\r\n2\r\n");
    let unhealthy = |_: &Answer| now_ms() > commit_ms + 7_000 && guard.healthy("u01", STORE) != Answer::Satisfied;
    let answers = rolled_until(&guard, commit_ms, unhealthy);
    assert!(!answers.iter().any(Answer::is_satisfied), "the second node is down: {answers:?}");
    let health = guard.healthy("u01", STORE);
    assert!(health.reason().is_some_and(|why| why.contains("copy B is SyncFailed")), "{health:?}");

    two.restart().expect("it comes back");
    rolled_until(&guard, commit_ms, Answer::is_satisfied);
    assert_eq!(messages(&two), Some(2));
}

#[test]
fn a_sync_that_was_run_proves_what_was_committed_before_it_began() {
    let Some([one, mut two]) = pair() else { return };
    let guard = guard(&one, "provider = \"dovecot-sync\"\nremote = [\"-d\"]");
    let commit_ms = append(&one, b"Subject: one\r\n\r\n1\r\n");
    let answers = rolled_until(&guard, commit_ms, Answer::is_satisfied);
    assert!(!answers[0].is_satisfied(), "not within five seconds");
    assert_eq!(messages(&two), Some(1));
    two.kill();
    let down = rolled_until(&guard, 0, |answer| !answer.is_satisfied());
    assert!(matches!(down.last(), Some(Answer::Retry(_))), "a sync that cannot be run tells nothing: {down:?}");
}

#[test]
fn a_replicator_that_does_not_run_or_does_not_know_the_user_leaves_the_answer_open() {
    let Some([mut one, _two]) = pair() else { return };
    let guard = guard(&one, "provider = \"dovecot\"");
    let stranger = guard.flushed("imap://stranger@mail.b.example", 0);
    assert_eq!(stranger, Answer::Retry("the replicator does not know user stranger".into()));
    one.kill();
    assert!(matches!(guard.flushed(STORE, 0), Answer::Retry(_)));
}
