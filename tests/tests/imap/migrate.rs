//! `migrate` from server to server.

use mailferry_mailbed::compare::Snapshot;
use mailferry_mailbed::corpus::Corpus;
use mailferry_mailbed::fill;
use mailferry_mailbed::mutate::{Change, mutate};
use mailferry_mailbed::servers::{Dovecot, Format, Kind, Options, Server};
use mailferry_mailbed::tap::Tap;

use super::kit::*;

fn two_dovecots() -> Option<(Server, Server)> {
    let start = |format| Dovecot::start(Options { users: 2, ..Options::format(format) }).expect("Dovecot starts");
    is_ready(&[Kind::Dovecot]).then(|| (start(Format::Maildir), start(Format::Mdbox)))
}

#[test]
fn everything_arrives_once_and_a_second_pass_copies_nothing() {
    let Some((source, target)) = two_dovecots() else { return };
    let corpus = Corpus::new(1, 2, 300);
    fill::users(&source, &corpus).expect("filled");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (from, to) = (url(&source, 1, dir.path()), url(&target, 1, dir.path()));
    let work = dir.path().join("work");
    let first = migrate(&from, &to, &work);
    let report = differences((&source, 1), (&target, 1));
    assert!(report.is_clean(), "{report}");
    assert_eq!(first["appended"].as_u64(), Some(report.compared as u64));
    let second = migrate(&from, &to, &work);
    assert_eq!((second["appended"].as_u64(), second["containers"].as_u64()), (Some(0), Some(0)), "{second}");
    let mut talk = source.talk(1).expect("a login");
    mutate(&mut talk, &corpus, "later", Change::default()).expect("changed");
    drop(talk);
    migrate(&from, &to, &work);
    let report = differences((&source, 1), (&target, 1));
    assert!(report.is_clean(), "{report}");
}

/// What a run says to the source of the user 1.
fn heard(source: &Server, target: &Server) -> String {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let tap = Tap::to(source.address()).expect("a tap");
    migrate(&url_at(tap.address(), &source.user(1), dir.path()), &url(target, 1, dir.path()), &dir.path().join("work"));
    String::from_utf8_lossy(&tap.heard()).into_owned()
}

#[test]
fn a_folder_that_is_new_is_asked_for_by_one_command() {
    let Some((source, target)) = two_dovecots() else { return };
    fill::users(&source, &Corpus::new(1, 1, 60)).expect("filled");
    let there = Snapshot::read(&mut source.talk(1).expect("a login")).expect("read");
    let full = there.folders.values().filter(|folder| !folder.messages.is_empty()).count();
    let said = heard(&source, &target);
    let count = |what: &str| said.lines().filter(|line| line.contains(what)).count();
    assert!(full > 5, "a test of some folders");
    assert_eq!((count(" FETCH "), count("RFC822.SIZE")), (full, 0), "{said}");
    let report = differences((&source, 1), (&target, 1));
    assert!(report.is_clean(), "{report}");
}

#[test]
fn a_message_that_was_read_to_see_whether_it_was_moved_is_read_again_to_be_packed() {
    let Some((source, target)) = two_dovecots() else { return };
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (from, to, work) = (url(&source, 1, dir.path()), url(&target, 1, dir.path()), dir.path().join("work"));
    let mut talk = source.talk(1).expect("a login");
    let mut put = |body: &str| talk.append("INBOX", "()", format!("Subject: x\r\n\r\n{body}\r\n").as_bytes()).expect("appended");
    put("stays");
    put("goes!");
    migrate(&from, &to, &work);
    // Of the size of one that has gone, and not it.
    put("comes");
    put("comes as well");
    talk.ok("SELECT INBOX").and_then(|_| talk.ok("STORE 2 +FLAGS.SILENT (\\Deleted)")).and_then(|_| talk.ok("EXPUNGE")).expect("removed");
    drop(talk);
    assert_eq!(migrate(&from, &to, &work)["appended"].as_u64(), Some(2));
    let report = differences((&source, 1), (&target, 1));
    assert!(report.is_clean(), "{report}");
}
