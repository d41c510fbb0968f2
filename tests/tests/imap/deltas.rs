//! What has changed is asked for by CHANGEDSINCE and VANISHED where a server knows them, and the result is that of a look at everything.

use std::collections::BTreeSet;

use mailferry_mailbed::compare::{begins_as_a_message, compare_kept};
use mailferry_mailbed::corpus::{Corpus, Mail};
use mailferry_mailbed::fill;
use mailferry_mailbed::hostile::{Hostile, Quirk, Setup};
use mailferry_mailbed::mutate::{Change, mutate};
use mailferry_mailbed::servers::{Cyrus, Dovecot, Format, Kind, Options, Server};
use mailferry_mailbed::tap::Tap;
use mailferry_tests::asked_number;

use super::kit::*;

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Rounds of changes, each brought over and compared; the first way to know them is that of QRESYNC.
fn follows(source: &Server) {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let corpus = Corpus::new(7, 1, 200);
    let mut boxes = corpus.user(1);
    boxes.mail.retain(|mail| begins_as_a_message(&mail.bytes));
    fill::mailboxes(&mut source.talk(1).expect("a login"), &boxes).expect("filled");
    let target = Dovecot::start(Options { users: 1, escapes_names: true, ..Options::format(Format::Mdbox) }).expect("Dovecot starts");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let tap = Tap::to(source.address()).expect("a tap");
    let (from, to) = (url_at(tap.address(), &source.user(1), dir.path()), url(&target, 1, dir.path()));
    let work = dir.path().join("work");
    migrate(&from, &to, &work);
    assert!(!text(&tap.heard()).contains("CHANGEDSINCE"), "nothing was known to ask for changes of");
    let mut first_round = 0;
    for round in 0..3 {
        let mut talk = source.talk(1).expect("a login");
        mutate(&mut talk, &corpus, &format!("round {round}"), Change { new: 5, flags: 20, deletions: 4 }).expect("changed");
        talk.ok("CREATE Moved").map(|_| ()).or_else(|error| if round > 0 { Ok(()) } else { Err(error) }).expect("made");
        talk.ok("SELECT INBOX").expect("selected");
        talk.ok("MOVE 1:2 Moved").expect("moved");
        // The last one, too: then `*` is less than it was.
        talk.ok("STORE * +FLAGS (\\Deleted)").expect("marked");
        talk.ok("EXPUNGE").expect("removed");
        drop(talk);
        let passed = migrate(&from, &to, &work);
        let (mut here, mut there) = (source.talk(1).expect("a login"), target.talk(1).expect("a login"));
        let (report, _) = compare_kept(&mut here, &mut there, Kind::Dovecot).expect("compared");
        assert!(report.is_clean(), "round {round}: {report}\n{passed}");
        // One of the new ones may have been the last.
        assert!(passed["appended"].as_u64().is_some_and(|count| (4..=5).contains(&count)), "what was moved was sent again: {passed}");
        first_round = if round == 0 { tap.heard().len() } else { first_round };
    }
    let heard = text(&tap.heard());
    // No folder is new in the later rounds.
    assert!(!heard[first_round..].contains("RFC822.SIZE)\r\n"), "what the server said did not add up: {}", &heard[first_round..]);
    let asked = heard.matches("CHANGEDSINCE").count();
    assert!(asked > 3 && heard.matches("VANISHED)").count() == asked, "{asked} folders were asked for their changes");
}

#[test]
fn changes_in_a_dovecot_are_asked_for_and_all_arrive() {
    if is_ready(&[Kind::Dovecot]) {
        let options = Options { users: 1, escapes_names: true, ..Options::default() };
        follows(&Dovecot::start(options).expect("Dovecot starts"));
    }
}

#[test]
fn changes_in_a_cyrus_are_asked_for_and_all_arrive() {
    if is_ready(&[Kind::Cyrus]) {
        follows(&Cyrus::start(Options { users: 1, ..Options::default() }).expect("Cyrus starts"));
    }
}

fn mail(name: &str) -> Vec<u8> {
    format!("From: a@example.org\r\nSubject: {name}\r\nMessage-ID: <{name}@example.org>\r\n\r\nText of {name}.\r\n").into_bytes()
}

type Kept = BTreeSet<(String, Vec<u8>, BTreeSet<String>)>;

fn kept(server: &Hostile) -> Kept {
    server.world("alice", |world| {
        let messages = world.mailboxes.iter().flat_map(|(name, mailbox)| mailbox.messages.iter().map(move |message| (name, message)));
        messages.map(|(name, message)| (name.clone(), message.body.head().to_vec(), message.flags.clone())).collect()
    })
}

/// A mailbox that changes between two passes, at a source that offers this: what is kept there and at the target, and what was asked.
fn life(setup: Setup, quirk: Option<Quirk>, gone: &[u64]) -> (Kept, Kept, String) {
    let [from, to] = [setup, Setup::default()].map(|setup| Hostile::start(setup).expect("a server"));
    from.world("alice", |world| {
        for number in 0..40 {
            world.add("INBOX", &mail(&format!("m{number}")), &["\\Seen"]);
        }
    });
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = secret_file(dir.path(), "password", "sesame");
    let url = |server: &Hostile| format!("imap://alice@{}/?password-file={}", server.address(), file.display());
    let work = dir.path().join("work");
    migrate(&url(&from), &url(&to), &work);
    from.world("alice", |world| {
        let inbox = world.find("INBOX").expect("there");
        inbox.set_flags(3, ["\\Flagged".to_owned(), "$Label1".to_owned()].into());
        gone.iter().for_each(|uid| inbox.remove(*uid));
        world.add("INBOX", &mail("new"), &[]);
        if gone.contains(&20) {
            world.add("Elsewhere", &mail("m19"), &["\\Seen"]);
        }
    });
    let before = from.commands().len();
    quirk.into_iter().for_each(|quirk| from.arm(quirk));
    let passed = migrate(&url(&from), &url(&to), &work);
    assert_eq!(passed["appended"], 1, "the moved one is known again: {passed}");
    (kept(&from), kept(&to), from.commands()[before..].join("\n"))
}

fn looks_at_all(commands: &str, messages: usize) -> bool {
    let scan = format!(" FETCH 1:{messages} (UID FLAGS INTERNALDATE RFC822.SIZE)");
    commands.lines().any(|line| line.ends_with(&scan))
}

#[test]
fn with_and_without_mod_sequences_the_same_arrives() {
    let setups = || [Setup::default().with("QRESYNC"), Setup::default(), Setup::default().without("CONDSTORE")];
    // Without VANISHED a smaller number of messages tells that some are gone, and not which.
    for (gone, asked) in [(&[5, 6, 20][..], [true, false, false]), (&[], [true, true, false])] {
        for (setup, asks) in setups().into_iter().zip(asked) {
            let (here, there, commands) = life(setup, None, gone);
            assert_eq!(here, there);
            assert_eq!(commands.contains("CHANGEDSINCE"), asks, "{commands}");
            assert_eq!(looks_at_all(&commands, 41 - gone.len()), !asks, "{commands}");
        }
    }
}

/// T25
#[test]
fn a_server_that_forgets_what_has_vanished_is_not_believed() {
    let (here, there, commands) = life(Setup::default().with("QRESYNC"), Some(Quirk::ForgetsVanished), &[5, 6, 20]);
    assert_eq!(here, there);
    assert!(commands.contains("VANISHED") && looks_at_all(&commands, 38), "{commands}");
}

/// Bytes and seconds of a second pass in which ten messages have other flags. MAILFERRY_IMAP_DELTA asks for more messages.
fn second_pass(messages: u64, extra: &str) -> (u64, f64) {
    let options = Options { users: 1, extra: extra.into(), ..Options::format(Format::Mdbox) };
    let source = Dovecot::start(options).expect("Dovecot starts");
    let mail = (0..messages).map(|number| Mail {
        folder: "INBOX".into(),
        bytes: mail(&format!("m{number}")),
        date_s: 1_300_000_000 + number as i64,
        flags: BTreeSet::new(),
    });
    let mut talk = source.talk(1).expect("a login");
    fill::append_wire(&mut talk, mail).expect("filled");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let tap = Tap::to(source.address()).expect("a tap");
    let (from, work) = (url_at(tap.address(), &source.user(1), dir.path()), dir.path().join("work"));
    let to = format!("maildir:{}", dir.path().join("target").display());
    migrate(&from, &to, &work);
    talk.ok("SELECT INBOX").expect("selected");
    talk.ok("STORE 101:110 +FLAGS (\\Flagged)").expect("stored");
    let before = tap.passed();
    let passed = migrate(&from, &to, &work);
    assert_eq!((passed["containers"].as_u64(), passed["appended"].as_u64()), (Some(2), Some(0)), "{passed}");
    (tap.passed() - before, passed["seconds"].as_f64().unwrap_or(f64::NAN))
}

#[test]
fn ten_changed_flags_of_a_large_folder_cost_a_few_bytes() {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let messages = asked_number("MAILFERRY_IMAP_DELTA").unwrap_or(3_000);
    let (bytes, seconds) = second_pass(messages, "");
    let plain = "imap_capability = IMAP4rev1 SASL-IR LITERAL+ UIDPLUS UNSELECT NAMESPACE LIST-EXTENDED LIST-STATUS\n";
    let (bytes_without, seconds_without) = second_pass(messages, plain);
    eprintln!("{messages} messages: {bytes} bytes, {seconds:.3} s; without CONDSTORE {bytes_without} bytes, {seconds_without:.3} s");
    assert!(bytes < 8_000 && bytes_without > 50 * messages, "{bytes} and {bytes_without} bytes");
}
