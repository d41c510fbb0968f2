//! `migrate` from server to server.

use mailferry_mailbed::corpus::Corpus;
use mailferry_mailbed::fill;
use mailferry_mailbed::mutate::{Change, mutate};
use mailferry_mailbed::servers::{Dovecot, Format, Kind, Options, Server};

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
