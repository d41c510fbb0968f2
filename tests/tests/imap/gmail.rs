//! Gmail shows a message once in each of its labels (T20): played by the hostile server, for no package brings a Gmail.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mailferry_mailbed::hostile::{Hostile, Setup};

use super::kit::*;

const ALL: &str = "[Gmail]/All Mail";
const LABEL: &str = "a.b/c@d";

fn mail(name: &str) -> Vec<u8> {
    format!("From: a@example.org\r\nSubject: {name}\r\nMessage-ID: <{name}@example.org>\r\n\r\nText of {name}.\r\n").into_bytes()
}

fn gmail() -> Hostile {
    let server = Hostile::start(Setup::default().with("X-GM-EXT-1")).expect("a server");
    server.world("alice", |world| {
        let special =
            [("All Mail", "\\All"), ("Important", "\\Important"), ("Starred", "\\Flagged"), ("Trash", "\\Trash"), ("Sent Mail", "\\Sent")];
        for (name, attribute) in special {
            world.create(&format!("[Gmail]/{name}")).attributes.push(attribute.into());
        }
        let own = ["Family", "Two Words", LABEL];
        let five = ["INBOX", own[0], own[1], own[2], "[Gmail]/Important", ALL];
        world.add_labelled(&five, &["\\Inbox", "\\Important", own[0], own[1], own[2]], &mail("five"));
        world.add_labelled(&[own[0], own[2], ALL], &[own[0], own[2]], &mail("two"));
        world.add_labelled(&[ALL], &[], &mail("archived"));
        world.add_labelled(&["[Gmail]/Starred", ALL], &["\\Starred"], &mail("starred"));
        world.add_labelled(&["[Gmail]/Sent Mail", ALL], &["\\Sent"], &mail("sent"));
        world.add_labelled(&["[Gmail]/Trash"], &["Family"], &mail("thrown away"));
        // Its label is not shown over IMAP, and the other is shown with nothing in it.
        world.create("Shown");
        world.add_labelled(&[ALL], &["Hidden", "Shown"], &mail("hidden"));
    });
    server
}

fn url(server: &Hostile, dir: &Path, option: &str) -> String {
    let file = secret_file(dir, "password", "sesame");
    format!("imap://alice@{}/?password-file={}{option}", server.address(), file.display())
}

type Places = BTreeMap<String, Vec<(String, BTreeSet<String>)>>;

/// Folders and keywords by subject.
fn places(server: &Hostile) -> Places {
    server.world("alice", |world| {
        let mut places = Places::new();
        for (name, mailbox) in &world.mailboxes {
            for message in &mailbox.messages {
                let text = String::from_utf8_lossy(message.body.head()).into_owned();
                let subject = text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().to_owned();
                places.entry(subject).or_default().push((name.clone(), message.flags.clone()));
            }
        }
        places
    })
}

fn at(folder: &str, keywords: &[&str]) -> Vec<(String, BTreeSet<String>)> {
    vec![(folder.into(), keywords.iter().map(|&word| word.into()).collect())]
}

fn expected() -> Places {
    let places = [
        ("five", at("INBOX", &["$Important", "Family", "Two=20=Words", LABEL])),
        ("two", at("Family", &[LABEL])),
        ("archived", at(ALL, &[])),
        ("starred", at(ALL, &[])),
        ("sent", at("[Gmail]/Sent Mail", &[])),
        ("thrown away", at("[Gmail]/Trash", &["Family"])),
        ("hidden", at(ALL, &["Hidden", "Shown"])),
    ];
    places.map(|(subject, place)| (subject.to_owned(), place)).into()
}

/// T20
#[test]
fn a_message_of_many_labels_is_stored_once_with_its_labels_and_one_of_none_is_not_lost() {
    let (from, to) = (gmail(), Hostile::start(Setup::default()).expect("a server"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, target, work) = (url(&from, dir.path(), ""), url(&to, dir.path(), ""), dir.path().join("work"));
    assert_eq!(migrate(&source, &target, &work)["appended"], 7);
    assert_eq!(places(&to), expected());
    let before = from.commands().len();
    let again = migrate(&source, &target, &work);
    assert_eq!((again["appended"].as_u64(), again["containers"].as_u64()), (Some(0), Some(0)), "{again}");
    let commands = from.commands().split_off(before).join("\n");
    assert!(!commands.contains("FETCH"), "an account in which nothing has changed is not read: {commands}");
    let verified = verify(&source, &target);
    assert_eq!(
        verified["counts"].as_object().map(|counts| counts.values().filter_map(|count| count.as_u64()).sum()),
        Some(0),
        "{verified}"
    );
}

/// T20
#[test]
fn a_label_that_is_given_or_taken_away_moves_the_message_and_sends_nothing_again() {
    let (from, to) = (gmail(), Hostile::start(Setup::default()).expect("a server"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, target, work) = (url(&from, dir.path(), ""), url(&to, dir.path(), ""), dir.path().join("work"));
    migrate(&source, &target, &work);
    from.world("alice", |world| {
        // "five" is archived, and "archived" gets a label.
        let five = world.find("INBOX").expect("there").uids()[0];
        world.find("INBOX").expect("there").remove(five);
        for mailbox in world.mailboxes.values_mut() {
            mailbox.messages.iter_mut().for_each(|message| message.labels.retain(|label| label != "\\Inbox"));
        }
        let all = world.find(ALL).expect("there");
        let message = all.messages.iter_mut().find(|message| message.body.head().starts_with(&mail("archived")[..40])).expect("there");
        message.labels.push("Two Words".into());
        let message = message.clone();
        world.find("Two Words").expect("there").put(message);
    });
    assert_eq!(migrate(&source, &target, &work)["appended"], 0);
    let mut wanted = expected();
    wanted.insert("five".into(), at("Family", &["$Important", "Two=20=Words", LABEL]));
    wanted.insert("archived".into(), at("Two Words", &[]));
    assert_eq!(places(&to), wanted);
}

/// T20
#[test]
fn by_wish_every_label_is_a_folder_with_its_messages_in_it() {
    let (from, to) = (gmail(), Hostile::start(Setup::default()).expect("a server"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    migrate(&url(&from, dir.path(), "&labels=folders"), &url(&to, dir.path(), ""), &dir.path().join("work"));
    assert_eq!(places(&to), places(&from));
}
