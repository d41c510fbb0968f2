//! Without quirks it is a correct server.

use std::collections::BTreeSet;
use std::sync::Arc;

use mailferry_mailbed::hostile::{Body, Hostile, Message, Setup};
use mailferry_mailbed::talk::{Talk, Value};

use crate::{MAIL, filled, hostile, item, stored, talk};

#[test]
fn what_is_appended_is_fetched_as_it_was_with_its_date_and_flags() {
    let server = hostile();
    let mut talk = talk(&server);
    let answer = talk.append("INBOX", "(\\Seen Work) \"05-Feb-2011 01:02:03 +0130\"", MAIL).expect("an answer");
    assert_eq!(answer.status, "OK [APPENDUID 1000001 1] done");
    talk.ok("EXAMINE INBOX").expect("INBOX opens");
    let fetched = talk.ok("UID FETCH 1:* (FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])").expect("a fetch");
    assert_eq!(item(&fetched, "BODY[]").expect("a body").bytes(), Some(MAIL));
    assert_eq!(item(&fetched, "INTERNALDATE").and_then(|date| date.text()).as_deref(), Some("05-Feb-2011 01:02:03 +0130"));
    assert_eq!(item(&fetched, "RFC822.SIZE").and_then(|size| size.number()), Some(MAIL.len() as u64));
    assert_eq!(item(&fetched, "FLAGS").map(|flags| flags.list().len()), Some(2));
    let kept = server.stored();
    assert_eq!((kept.len(), &kept[0].bytes[..], kept[0].date.as_deref()), (1, MAIL, Some("05-Feb-2011 01:02:03 +0130")));
    assert!(server.happened().is_empty());
}

#[test]
fn several_messages_of_one_append_are_stored_together_with_literals_nobody_asked_for() {
    let server = hostile();
    let mut talk = talk(&server);
    let tag = talk.begin(b"APPEND INBOX (\\Seen) {5+}\r\na: b\n \"05-Feb-2011 01:02:03 +0000\" {6+}\r\nc: d\r\n").expect("sent");
    assert_eq!(talk.finish(&tag).expect("an answer").status, "OK [APPENDUID 1000001 1:2] done");
    assert_eq!(server.stored().iter().map(|stored| stored.bytes.clone()).collect::<Vec<_>>(), [b"a: b\n".to_vec(), b"c: d\r\n".to_vec()]);
    assert_eq!(server.commands().last().map(String::as_str), Some("t2 APPEND INBOX (\\Seen) {5+} \"05-Feb-2011 01:02:03 +0000\" {6+}"));
}

#[test]
fn a_set_names_uids_or_numbers_and_star_is_the_last() {
    let (server, mut talk) = filled(5);
    server.world("u", |world| world.create("INBOX").remove(2));
    talk.ok("NOOP").expect("news");
    let uids = |talk: &mut Talk, command: &str| -> Vec<u64> {
        let answer = talk.ok(command).expect("a fetch");
        answer.all("FETCH").filter_map(|values| Value::of(values[2].list(), "UID").and_then(Value::number)).collect()
    };
    assert_eq!(uids(&mut talk, "UID FETCH 2:4,9:* (UID)"), [3, 4, 5]);
    assert_eq!(uids(&mut talk, "FETCH 2,* (UID)"), [3, 5]);
    assert_eq!(uids(&mut talk, "UID FETCH 7:* (UID)"), [5], "the last is in every set with a star");
}

#[test]
fn changes_since_a_mod_sequence_are_told_alone() {
    let (server, mut talk) = filled(3);
    let before = server.world("u", |world| world.create("INBOX").modseq);
    talk.ok("UID STORE 2 +FLAGS (\\Flagged)").expect("a store");
    let changed = talk.ok(&format!("UID FETCH 1:* (FLAGS) (CHANGEDSINCE {before})")).expect("a fetch");
    assert_eq!(changed.all("FETCH").count(), 1);
    assert_eq!(item(&changed, "UID").and_then(|uid| uid.number()), Some(2));
    let refused = talk.ok(&format!("UID STORE 2 (UNCHANGEDSINCE {before}) +FLAGS (\\Deleted)")).expect("a store");
    assert!(refused.status.starts_with("OK [MODIFIED 2]"), "{}", refused.status);
    talk.ok("UID STORE 1 +FLAGS.SILENT (\\Deleted)").and_then(|_| talk.ok("UID EXPUNGE 1:3")).expect("an expunge");
    assert_eq!(stored(&server), 2);
}

#[test]
fn what_vanished_is_told_to_who_was_here_before() {
    let setup = Setup::default().with("QRESYNC");
    let server = Hostile::start(setup).expect("a port");
    for _ in 0..3 {
        server.world("u", |world| world.add("INBOX", MAIL, &[]));
    }
    let before = server.world("u", |world| world.create("INBOX").modseq);
    server.world("u", |world| {
        world.create("INBOX").remove(2);
        world.create("INBOX").set_flags(3, BTreeSet::from(["\\Seen".into()]));
    });
    let mut talk = talk(&server);
    talk.ok("ENABLE QRESYNC").expect("enabled");
    let told = talk.ok(&format!("SELECT INBOX (QRESYNC (1000001 {before}))")).expect("INBOX opens");
    assert_eq!(told.all("VANISHED").map(|values| values[2].text()).collect::<Vec<_>>(), [Some("2".into())]);
    assert_eq!(item(&told, "UID").and_then(|uid| uid.number()), Some(3));
}

#[test]
fn folders_are_listed_with_their_roles_their_status_and_their_subscription() {
    let server = hostile();
    server.world("u", |world| {
        world.create("Work/2020");
        world.create("Work").attributes.push("\\Noselect".into());
        world.create("Sent").attributes.push("\\Sent".into());
    });
    let mut talk = talk(&server);
    talk.ok("SUBSCRIBE Sent").and_then(|_| talk.ok("SUBSCRIBE Gone")).expect("subscribed");
    let listed = talk.ok("LIST \"\" \"%\" RETURN (SUBSCRIBED STATUS (MESSAGES UIDVALIDITY))").expect("a list");
    let names: Vec<_> = listed.all("LIST").filter_map(|values| values[3].text()).collect();
    assert_eq!(names, ["INBOX", "Sent", "Work"]);
    assert_eq!(listed.all("STATUS").count(), 2, "\\Noselect has no status");
    let sent = listed.all("LIST").nth(1).expect("Sent")[1].list().to_vec();
    assert!(sent.iter().any(|word| word.is_atom("\\Sent")) && sent.iter().any(|word| word.is_atom("\\Subscribed")));
    assert_eq!(talk.ok("LSUB \"\" \"*\"").expect("a list").all("LSUB").count(), 2);
    assert_eq!(talk.ok("LIST \"\" \"Work/*\"").expect("a list").all("LIST").count(), 1);
}

#[test]
fn a_header_field_is_searched_and_fetched_alone() {
    let (_server, mut talk) = filled(3);
    let found = talk.ok("UID SEARCH HEADER X-Number \"2\"").expect("a search");
    assert_eq!(found.all("SEARCH").next().expect("a line")[1..].iter().filter_map(Value::number).collect::<Vec<_>>(), [2]);
    let fetched = talk.ok("UID FETCH 2 (BODY.PEEK[HEADER.FIELDS (X-NUMBER)])").expect("a fetch");
    assert_eq!(item(&fetched, "BODY[HEADER.FIELDS (X-NUMBER)]").expect("fields").bytes(), Some(&b"X-Number: 2\r\n\r\n"[..]));
    let part = talk.ok("UID FETCH 2 (BODY.PEEK[]<3.5>)").expect("a fetch");
    assert_eq!(item(&part, "BODY[]<3>").expect("a part").bytes(), Some(&b"ject:"[..]));
}

/// T22
#[test]
fn a_million_messages_and_a_huge_one_are_served_without_being_held() {
    let server = hostile();
    server.world("u", |world| {
        let small = Message::new(Body::Bytes(MAIL.into()), BTreeSet::new());
        world.create("Many").put_many(1_000_000, &small);
        let header: Arc<[u8]> = b"Subject: long\r\n\r\n"[..].into();
        world.create("Long").put(Message::new(Body::Long { header, length: 1_500_000_000 }, BTreeSet::new()));
    });
    let mut talk = talk(&server);
    talk.ok("EXAMINE Many").expect("it opens");
    assert_eq!(talk.ok("UID FETCH 999998:* (FLAGS)").expect("a fetch").all("FETCH").count(), 3);
    talk.ok("EXAMINE Long").expect("it opens");
    let fetched = talk.ok("UID FETCH 1 (RFC822.SIZE BODY.PEEK[]<1499999990.100>)").expect("a fetch");
    assert_eq!(item(&fetched, "RFC822.SIZE").and_then(|size| size.number()), Some(1_500_000_017));
    assert_eq!(item(&fetched, "BODY[]<1499999990>").expect("its end").bytes().map(<[u8]>::len), Some(27));
}

/// T17
#[test]
fn any_name_may_be_there_whatever_it_is_made_of() {
    let server = hostile();
    let names = [
        "a.b/c@d",
        "Trash",
        "TRASH",
        " lead",
        "trail ",
        "100%",
        "back\\slash",
        "star*",
        "R&D unencoded",
        "Grüße",
        "12345",
        "caf\u{e9}",
        "cafe\u{301}",
    ];
    for name in names {
        server.world("u", |world| world.add(name, MAIL, &[]));
    }
    let mut talk = talk(&server);
    let listed = talk.ok("LIST \"\" \"*\"").expect("a list");
    let told: BTreeSet<String> = listed.all("LIST").filter_map(|values| values[3].text()).collect();
    assert!(names.into_iter().all(|name| told.contains(name)), "{told:?}");
}

/// T20
#[test]
fn a_labelled_message_is_one_message_in_several_mailboxes() {
    let server = Hostile::start(Setup::default().with("X-GM-EXT-1")).expect("a port");
    server.world("u", |world| world.add_labelled(&["[Gmail]/All Mail", "a", "b"], &["a", "b", "\\Important"], MAIL));
    let mut talk = talk(&server);
    let mut look = |mailbox: &str| {
        talk.ok(&format!("EXAMINE {mailbox}")).expect("it opens");
        let fetched = talk.ok("FETCH 1 (X-GM-MSGID X-GM-LABELS)").expect("a fetch");
        (item(&fetched, "X-GM-MSGID"), item(&fetched, "X-GM-LABELS").map(|labels| labels.list().len()))
    };
    assert_eq!(look("a"), look("\"[Gmail]/All Mail\""));
    assert_eq!(look("b").1, Some(3));
}

#[test]
fn what_is_not_offered_is_not_understood() {
    let server = Hostile::start(Setup::default().without("MULTIAPPEND").without("UIDPLUS").without("LIST-EXTENDED")).expect("a port");
    let mut talk = talk(&server);
    let tag = talk.begin(b"APPEND INBOX {5+}\r\na: b\n {5+}\r\nc: d\n").expect("sent");
    assert!(talk.finish(&tag).expect("an answer").status.starts_with("BAD"));
    assert_eq!(talk.append("INBOX", "()", MAIL).expect("an answer").status, "OK done");
    assert!(talk.command("LIST \"\" \"*\" RETURN (SUBSCRIBED)").expect("an answer").status.starts_with("BAD"));
}
