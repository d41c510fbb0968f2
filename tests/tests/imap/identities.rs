//! Messages that were moved, or whose folder has got other UIDs, known again by what the server calls them (RFC 8474), without their
//! bytes; and what becomes of mail where that is a lie (T02).

use std::collections::BTreeMap;

use mailferry_mailbed::hostile::{Hostile, Quirk, Setup};
use mailferry_mailbed::servers::{Cyrus, Kind, Options};
use mailferry_mailbed::tap::Tap;

use super::kit::*;

const USER: &str = "alice";

fn mail(number: u32) -> Vec<u8> {
    format!("From: a@example.org\r\nSubject: {number:04}\r\nMessage-ID: <{number:04}@example.org>\r\n\r\nText of {number:04}.\r\n")
        .into_bytes()
}

fn server(offers: bool) -> Hostile {
    let setup = if offers { Setup::default().with("OBJECTID") } else { Setup::default() };
    Hostile::start(setup).expect("a server")
}

/// Bodies by folder, each as often as it is there.
fn holds(server: &Hostile) -> BTreeMap<(String, Vec<u8>), usize> {
    let mut held = BTreeMap::new();
    server.world(USER, |world| {
        for (name, mailbox) in &world.mailboxes {
            mailbox.messages.iter().for_each(|message| *held.entry((name.clone(), message.body.head().to_vec())).or_default() += 1);
        }
    });
    held
}

/// How many messages a set of a FETCH names.
fn number_of(set: &str) -> usize {
    let ends = |range: &str| range.split_once(':').map_or((range.to_owned(), range.to_owned()), |(from, to)| (from.into(), to.into()));
    set.split(',').map(ends).map(|(from, to)| to.parse::<usize>().unwrap_or(0) + 1 - from.parse::<usize>().unwrap_or(0)).sum()
}

/// Messages whose bytes were asked for.
fn read(commands: &[String]) -> usize {
    let bodies = commands.iter().filter(|line| line.contains("BODY.PEEK[]"));
    bodies.map(|line| number_of(line.split(" FETCH ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap_or("1"))).sum()
}

/// Two passes with a change between them: messages whose bytes the second one read, and how many it brought.
fn passes(source: &Hostile, change: impl FnOnce(&Hostile)) -> (usize, u64) {
    let target = server(false);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = secret_file(dir.path(), "password", "sesame");
    let url = |server: &Hostile| format!("imap://{USER}@{}/?password-file={}", server.address(), file.display());
    let work = dir.path().join("work");
    migrate(&url(source), &url(&target), &work);
    change(source);
    let before = source.commands().len();
    let second = migrate(&url(source), &url(&target), &work);
    assert_eq!(holds(&target), holds(source), "{second}");
    assert_eq!(migrate(&url(source), &url(&target), &work)["containers"], 0, "all is known now");
    (read(&source.commands()[before..]), second["appended"].as_u64().expect("a number"))
}

fn filled(offers: bool, messages: u32) -> Hostile {
    let source = server(offers);
    source.world(USER, |world| (0..messages).for_each(|number| _ = world.add("INBOX", &mail(number), &[])));
    source
}

/// Half of INBOX goes to Archive.
fn half_moves(source: &Hostile) {
    source.world(USER, |world| {
        let half = world.create("INBOX").messages.split_off(20);
        half.into_iter().for_each(|message| _ = world.create("Archive").put(message));
        world.create("INBOX").modseq += 1;
    });
}

#[test]
fn moved_messages_are_known_by_what_the_server_calls_them_and_one_of_them_is_read() {
    assert_eq!(passes(&filled(false, 40), half_moves), (20, 0), "without such names all are read");
    assert_eq!(passes(&filled(true, 40), half_moves), (1, 0));
}

#[test]
fn a_folder_with_other_uids_is_not_read_again() {
    let renumbered = |source: &Hostile| source.world(USER, |world| world.create("INBOX").renumber(77));
    assert_eq!(passes(&filled(false, 40), renumbered), (40, 0), "without such names all are read");
    assert_eq!(passes(&filled(true, 40), renumbered), (1, 0));
}

/// Of one size and one date, so that the name alone tells them apart, and it does not.
#[test]
fn a_server_that_calls_all_messages_one_loses_none() {
    let source = filled(true, 40);
    source.arm(Quirk::OneEmailId);
    let (_, appended) = passes(&source, |source| {
        source.world(USER, |world| {
            world.create("INBOX").messages.truncate(20);
            world.create("INBOX").modseq += 1;
            (50..70).for_each(|number| _ = world.add("Archive", &mail(number), &[]));
        });
    });
    assert_eq!(appended, 20, "what came is not taken for what went");
    assert!(source.happened().contains(&Quirk::OneEmailId));
}

#[test]
fn a_server_that_does_not_know_what_it_offers_is_asked_without() {
    let source = filled(true, 40);
    source.arm(Quirk::NoEmailId);
    assert_eq!(passes(&source, half_moves), (20, 0));
    assert!(source.happened().contains(&Quirk::NoEmailId));
}

/// Cyrus calls messages by their bytes, and keeps the name when they are moved.
#[test]
fn cyrus_moves_messages_and_their_bytes_are_not_read_again() {
    if !is_ready(&[Kind::Cyrus]) {
        return;
    }
    let source = Cyrus::start(Options { users: 1, ..Options::default() }).expect("Cyrus starts");
    let mut talk = source.talk(1).expect("a login");
    let offers = talk.ok("CAPABILITY").expect("capabilities").all("CAPABILITY").flatten().any(|word| word.is_atom("OBJECTID"));
    assert!(offers, "this Cyrus offers OBJECTID");
    let text = "x".repeat(50_000);
    (0..20).for_each(|number| {
        let mail = [&mail(number)[..], text.as_bytes(), b"\r\n"].concat();
        assert!(talk.append("INBOX", "()", &mail).expect("an answer").status.starts_with("OK"));
    });
    talk.ok("CREATE Archive").expect("made");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let tap = Tap::to(source.address()).expect("a tap");
    let (from, work) = (url_at(tap.address(), &source.user(1), dir.path()), dir.path().join("work"));
    let to = format!("maildir:{}", dir.path().join("target").display());
    assert_eq!(migrate(&from, &to, &work)["appended"], 20);
    talk.ok("SELECT INBOX").expect("selected");
    talk.ok("UID MOVE 1:10 Archive").expect("moved");
    let before = tap.passed();
    let second = migrate(&from, &to, &work);
    assert_eq!(second["appended"], 0, "{second}");
    let passed = tap.passed() - before;
    assert!(passed < 3 * 50_000, "{passed} bytes for ten moved messages of 50 kB each");
}
