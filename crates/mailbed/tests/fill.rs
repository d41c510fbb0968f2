//! What fills a server is there afterwards, and what changes it changes it.
#![cfg(unix)]

mod common;

use common::is_ready;
use mailferry_mailbed::compare::{Snapshot, compare};
use mailferry_mailbed::corpus::Corpus;
use mailferry_mailbed::fill;
use mailferry_mailbed::mutate::{Change, mutate};
use mailferry_mailbed::servers::{Dovecot, Format, Kind, Options};

#[test]
fn a_filled_server_holds_what_the_seed_made_and_two_formats_hold_the_same() {
    if !is_ready(Kind::Dovecot) {
        return;
    }
    // The last user has the odd contents, the last but one the odd names.
    let corpus = Corpus::new(7, 3, 60);
    let servers = [Format::Maildir, Format::Mdbox].map(|format| Dovecot::start(Options::format(format)).expect("Dovecot starts"));
    let counts = servers.each_ref().map(|server| fill::users(server, &corpus).expect("filled"));
    assert_eq!(counts[0], (1..=3).map(|number| corpus.user(number).mail.len()).sum::<usize>());
    for number in 1..=3 {
        let [mut source, mut target] = servers.each_ref().map(|server| server.talk(number).expect("a login"));
        let report = compare(&mut source, &mut target).expect("both are read");
        assert!(report.is_clean(), "user {number}: {report}");
        let expected = corpus.user(number);
        let held = Snapshot::read(&mut source).expect("read");
        assert_eq!(report.compared, expected.mail.len());
        for (folder, count) in fill::counts(&expected) {
            let name = mailferry_mailbed::corpus::modified_utf7(folder);
            assert_eq!(held.folders.get(&name).map(|folder| folder.messages.len()), Some(count), "{folder}");
        }
        let digests: std::collections::BTreeSet<_> =
            held.folders.values().flat_map(|folder| &folder.messages).map(|entry| *entry.digest.as_bytes()).collect();
        let altered = expected.mail.iter().filter(|mail| !digests.contains(blake3::hash(&mail.bytes).as_bytes()));
        let altered: Vec<_> = altered.map(|mail| mail.bytes.windows(3).any(|window| window == b"\r\r\n")).collect();
        assert!(altered.len() <= 1 && altered.iter().all(|doubled| *doubled), "Dovecot takes one CR of CR CR LF away, and nothing else");
    }
}

#[test]
fn a_change_is_of_the_size_that_was_asked_for_and_the_same_each_time() {
    if !is_ready(Kind::Dovecot) {
        return;
    }
    let corpus = Corpus::new(7, 3, 100);
    let server = Dovecot::start(Options::default()).expect("Dovecot starts");
    // Two users with the same mail.
    for number in [1, 2] {
        fill::mailboxes(&mut server.talk(number).expect("a login"), &corpus.user(1)).expect("filled");
    }
    let before = Snapshot::read(&mut server.talk(1).expect("a login")).expect("read");
    for number in [1, 2] {
        let change = Change { new: 30, flags: 20, deletions: 10 };
        mutate(&mut server.talk(number).expect("a login"), &corpus, "first", change).expect("changed");
    }
    let [mut one, mut other] = [1, 2].map(|number| server.talk(number).expect("a login"));
    let after = Snapshot::read(&mut one).expect("read");
    assert_eq!(after.messages(), before.messages() + 30 - 10);
    let counts = before.differences(&after).counts();
    assert!(counts.get("flags differ").is_some_and(|count| *count > 5), "{counts:?}");
    assert!(compare(&mut one, &mut other).expect("both are read").is_clean());
}
