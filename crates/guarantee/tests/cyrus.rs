//! A real Cyrus and its replica: what the log of rolling replication and a run of sync_client say.
#![cfg(unix)]

mod common;

use std::process::{Command, Stdio};
use std::time::Duration;

use common::{STORE, answers_until, append, is_ready, messages, now_ms};
use mailferry_core::ports::DataGuarantee;
use mailferry_guarantee::Guard;
use mailferry_mailbed::servers::{Cyrus, Kind, Options, Server};
use mailferry_rules::guarantee::Answer;

fn pair() -> Option<[Server; 2]> {
    is_ready(Kind::Cyrus).then(|| Cyrus::pair(&Options::default()).expect("a Cyrus and its replica"))
}

fn guard(node: &Server, rolling: bool) -> Guard {
    let (config, client) = (node.folder().join("imapd.conf"), Cyrus::sync_client());
    common::guard(&format!("provider = \"cyrus\"\nrolling = {rolling}\nconfig = {config:?}\nsync_client = {client:?}"))
}

/// Of rolling replication: `sync_client -r` goes on as a daemon of its own.
struct Daemons(String);

impl Daemons {
    fn of(node: &Server) -> Daemons {
        Daemons(format!("sync_client -C {}", node.folder().join("imapd.conf").display()))
    }
}

impl Drop for Daemons {
    fn drop(&mut self) {
        let _there_is_none_left = Command::new("pkill").args(["-KILL", "-f", &self.0]).status();
    }
}

/// What rolling replication does each few seconds.
fn roll_once(node: &Server) {
    let mut command = Command::new(Cyrus::sync_client());
    command.arg("-C").arg(node.folder().join("imapd.conf")).args(["-o", "-r", "-1"]);
    let mut client = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("sync_client");
    // While its replica is down it tries again for many minutes, whatever -o says.
    let until = now_ms() + 3_000;
    while matches!(client.try_wait(), Ok(None)) && now_ms() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ended_already = client.kill();
    client.wait().expect("it ends");
}

#[test]
fn a_user_is_flushed_when_no_line_of_the_log_is_about_him_any_more() {
    let Some([one, mut two]) = pair() else { return };
    let _daemons = Daemons::of(&one);
    let guard = guard(&one, true);
    let commit_ms = append(&one, b"Subject: one\r\n\r\n1\r\n");
    let waits = |answer: &Answer| now_ms() > commit_ms + 7_000 && !answer.is_satisfied();
    let waited = answers_until(&guard, commit_ms, waits, || {});
    assert!(!waited.iter().any(Answer::is_satisfied), "nothing has rolled: {waited:?}");
    roll_once(&one);
    answers_until(&guard, commit_ms, Answer::is_satisfied, || roll_once(&one));
    assert_eq!(messages(&two), Some(1));
    assert_eq!(guard.healthy("u01", STORE), Answer::Satisfied);

    two.kill();
    let commit_ms = append(&one, b"Subject: two\r\n\r\n2\r\n");
    let waits = |answer: &Answer| now_ms() > commit_ms + 7_000 && !answer.is_satisfied();
    let waited = answers_until(&guard, commit_ms, waits, || roll_once(&one));
    assert!(!waited.iter().any(Answer::is_satisfied), "the replica is down: {waited:?}");
    two.restart().expect("it comes back");
    answers_until(&guard, commit_ms, Answer::is_satisfied, || roll_once(&one));
    assert_eq!(messages(&two), Some(2));
}

#[test]
fn a_run_of_sync_client_proves_what_was_committed_before_it_began() {
    let Some([one, mut two]) = pair() else { return };
    let guard = guard(&one, false);
    let commit_ms = append(&one, b"Subject: one\r\n\r\n1\r\n");
    let answers = answers_until(&guard, commit_ms, Answer::is_satisfied, || {});
    assert!(!answers[0].is_satisfied(), "not within five seconds");
    assert_eq!(messages(&two), Some(1));
    two.kill();
    let down = answers_until(&guard, 0, |answer| !answer.is_satisfied(), || {});
    assert!(matches!(down.last(), Some(Answer::Retry(_))), "{down:?}");
}
