//! Between servers of different kinds everything arrives as it was, but for what the target cannot keep: `mailbed::compare::kept` has
//! that as code, docs/OPERATING.md as a table. A second pass copies nothing.

use mailferry_mailbed::compare::{Snapshot, begins_as_a_message, compare_kept, has_a_sound_header};
use mailferry_mailbed::corpus::{Corpus, Mail, Mailboxes};
use mailferry_mailbed::fill;
use mailferry_mailbed::servers::{Courier, Cyrus, Dovecot, Format, Kind, Options, Server};
use mailferry_tests::{asked_number, corpora};
use serde_json::Value;

use super::kit::*;

fn start(kind: Kind, format: Format, users: usize) -> Server {
    let options = Options { users, escapes_names: true, ..Options::format(format) };
    let started = match kind {
        Kind::Dovecot => Dovecot::start(options),
        Kind::Cyrus => Cyrus::start(options),
        Kind::Courier => Courier::start(options),
    };
    started.expect("a server")
}

/// Users, and messages of each: MAILFERRY_IMAP_USERS and MAILFERRY_IMAP_MESSAGES ask for more.
fn corpus() -> Corpus {
    let asked = |name: &str, usual: u64| asked_number(name).unwrap_or(usual) as usize;
    Corpus::new(1, asked("MAILFERRY_IMAP_USERS", 2), asked("MAILFERRY_IMAP_MESSAGES", 60))
}

fn put(server: &Server, user: usize, mut boxes: Mailboxes) -> usize {
    boxes.mail.retain(|mail| server.kind() != Kind::Cyrus || begins_as_a_message(&mail.bytes));
    let refused = fill::mailboxes(&mut server.talk(user).expect("a login"), &boxes).expect("filled");
    boxes.mail.iter().filter(|mail| !refused.contains(&mail.folder)).count()
}

/// Moves the mailbox of a user and demands that the target holds what it can hold of it, and that nothing is done a second time.
fn moves(from: &Server, to: &Server, user: usize, messages: usize) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, target) = (url(from, user, dir.path()), url(to, user, dir.path()));
    let work = dir.path().join("work");
    let before = Snapshot::read(&mut from.talk(user).expect("a login")).expect("read");
    let first = migrate(&source, &target, &work);
    let route = format!("{:?} to {:?}, user {user}", from.kind(), to.kind());
    let (mut here, mut there) = (from.talk(user).expect("a login"), to.talk(user).expect("a login"));
    let (report, changed) = compare_kept(&mut here, &mut there, to.kind()).expect("compared");
    assert!(report.is_clean(), "{route}: {report}\n{first}");
    assert!(Snapshot::read(&mut here).expect("read") == before, "{route}: the source was changed");
    assert_eq!((report.compared, first["appended"].as_u64()), (messages, Some(messages as u64)), "{route}: {first}");
    let second = migrate(&source, &target, &work);
    assert_eq!((second["appended"].as_u64(), second["containers"].as_u64()), (Some(0), Some(0)), "{route}: {second}");
    let (made, proof) = proven(&source, &target, &work);
    let counts = counted(&work);
    assert_eq!((&counts["damaged"], &counts["missing"], &counts["items"]), (&0.into(), &0.into(), &messages.into()), "{route}: {counts}");
    assert_eq!(counts["altered"], changed, "{route}: what the server has changed is known as such: {counts}");
    assert!(made["score"] != "Poor" && proof["holds"] == proof["expected"], "{route}: {made} {proof}");
    let verified = verify(&source, &target);
    let count = |kind: &str| verified["counts"][kind].as_u64().unwrap_or(0);
    let differ = verified["counts"].as_object().map_or(0, |counts| counts.values().filter_map(Value::as_u64).sum());
    assert_eq!(
        (count("item-missing"), count("item-extra"), differ),
        (changed as u64, changed as u64, 2 * changed as u64),
        "{route}: {verified}"
    );
}

/// The generated users: the last but one has odd names, the last odd contents.
fn generated(source: Kind, target: Kind) {
    if !is_ready(&[source, target]) {
        return;
    }
    let corpus = corpus();
    let (from, to) = (start(source, Format::Maildir, corpus.users), start(target, Format::Mdbox, corpus.users));
    for user in 1..=corpus.users {
        let messages = put(&from, user, corpus.user(user));
        moves(&from, &to, user, messages);
    }
}

#[test]
fn from_dovecot_to_cyrus_all_arrives_once() {
    generated(Kind::Dovecot, Kind::Cyrus);
}

#[test]
fn from_cyrus_to_dovecot_all_arrives_once() {
    generated(Kind::Cyrus, Kind::Dovecot);
}

#[test]
fn from_courier_to_dovecot_all_arrives_once() {
    generated(Kind::Courier, Kind::Dovecot);
}

#[test]
fn from_dovecot_to_courier_all_arrives_once() {
    generated(Kind::Dovecot, Kind::Courier);
}

/// Messages of a corpus with line ends as they go over the wire.
fn real_mail(set: &str, most: usize) -> Option<Mailboxes> {
    let dir = corpora::unpacked(set)?;
    let mut boxes =
        Mailboxes { folders: vec!["INBOX".into(), set.into()], subscriptions: vec!["INBOX".into(), set.into()], mail: Vec::new() };
    let files = corpora::files_below(dir.path());
    let files = files.iter().filter(|path| path.file_name().is_some_and(|name| name != "MANIFEST.tsv"));
    for (number, path) in files.take(most).enumerate() {
        let bytes = std::fs::read(path).expect("a file of the corpus");
        // What Dovecot would make of it, so that it is the same before the first move.
        let unix: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'\r').map(|byte| if byte == 0 { 0x80 } else { byte }).collect();
        let bytes = unix.split_inclusive(|byte| *byte == b'\n').flat_map(|line| match line.strip_suffix(b"\n") {
            Some(text) => [text, b"\r\n"].concat(),
            None => line.to_vec(),
        });
        let flags = [None, Some("\\Seen"), Some("\\Flagged"), Some("$Forwarded")][number % 4].map(String::from).into_iter().collect();
        let mail = Mail { folder: set.into(), bytes: bytes.collect(), date_s: 1_000_000_000 + number as i64, flags };
        boxes.mail.extend((!mail.bytes.is_empty() && has_a_sound_header(&mail.bytes)).then_some(mail));
    }
    Some(boxes)
}

/// MAILFERRY_IMAP_REAL asks for more of each set.
#[test]
fn real_mail_comes_through_every_kind_of_server() {
    if !is_ready(&[Kind::Dovecot, Kind::Cyrus, Kind::Courier]) {
        return;
    }
    let most = asked_number("MAILFERRY_IMAP_REAL").unwrap_or(300) as usize;
    let sets = ["sa-dev", "enron-dev", "openbmc-dev", "mime-dev", "dict-train"];
    let sets: Vec<Mailboxes> = sets.into_iter().filter_map(|set| real_mail(set, most)).collect();
    let [first, cyrus, courier, last] = [
        (Kind::Dovecot, Format::Maildir),
        (Kind::Cyrus, Format::Maildir),
        (Kind::Courier, Format::Maildir),
        (Kind::Dovecot, Format::Mdbox),
    ]
    .map(|(kind, format)| start(kind, format, sets.len()));
    for (at, boxes) in sets.into_iter().enumerate() {
        let messages = put(&first, at + 1, boxes);
        assert!(messages > 100);
        for (from, to) in [(&first, &cyrus), (&cyrus, &courier), (&courier, &last)] {
            moves(from, to, at + 1, messages);
        }
    }
}
