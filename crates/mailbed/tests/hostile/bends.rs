//! Quirks of FETCH, SELECT, LIST and CREATE.

use mailferry_mailbed::hostile::{Armed, Quirk, SizeLie};
use mailferry_mailbed::talk::Value;

use crate::{MAIL, filled, happened, hostile, item, items, stored, talk};

/// T05
#[test]
fn sizes_lie_in_every_way() {
    let (server, mut talk) = filled(1);
    let mut size = |lie: SizeLie| {
        server.calm();
        server.arm(Quirk::Size(lie));
        let fetched = talk.ok("FETCH 1 (UID RFC822.SIZE BODY.PEEK[])").expect("a fetch");
        let first = matches!(&items(&fetched)[0], Value::Atom(word) if word == "RFC822.SIZE");
        (
            item(&fetched, "RFC822.SIZE").and_then(|size| size.number()),
            first,
            item(&fetched, "BODY[]").and_then(|body| body.bytes().map(<[u8]>::len)),
        )
    };
    let length = 35;
    assert_eq!(size(SizeLie::Says(19189)), (Some(19189), false, Some(length)));
    assert_eq!(size(SizeLie::Missing), (None, false, Some(length)));
    assert_eq!(size(SizeLie::First), (Some(length as u64), true, Some(length)));
    assert!(size(SizeLie::Grows).0 < size(SizeLie::Grows).0);
}

/// T06
#[test]
fn a_body_is_nil_or_not_sent_or_has_lost_its_header_for_a_while() {
    let (server, mut talk) = filled(2);
    server.arm(Armed::new(Quirk::BodyNil).holding(b"X-Number: 2").once());
    assert!(item(&talk.ok("FETCH 1 (BODY.PEEK[])").expect("a fetch"), "BODY[]").expect("an item").bytes().is_some());
    let fetched = talk.ok("FETCH 2 (BODY.PEEK[])").expect("a fetch");
    assert!(item(&fetched, "BODY[]").expect("an item").is_atom("NIL"));
    server.arm(Armed::new(Quirk::NoFetchResponse).once());
    assert_eq!(talk.ok("FETCH 2 (BODY.PEEK[])").expect("OK all the same").all("FETCH").count(), 0);
    server.arm(Armed::new(Quirk::EmptyHeader).once());
    let headless = talk.ok("FETCH 2 (BODY.PEEK[])").expect("a fetch");
    assert_eq!(item(&headless, "BODY[]").expect("an item").bytes(), Some(&b"body 2\r\n"[..]));
    let healed = talk.ok("FETCH 2 (BODY.PEEK[])").expect("a fetch");
    assert!(item(&healed, "BODY[]").expect("an item").bytes().is_some_and(|bytes| bytes.starts_with(b"Subject: 2")));
}

/// T07
#[test]
fn dates_are_shown_as_nobody_writes_them_or_not_at_all() {
    for date in [Some("00-Jan-0000 00:00:00 +0000"), Some("30-Dec-1899 00:00:00 +0530"), Some(" 4-Jan-2040 10:00:00 +0000"), None] {
        let (server, mut talk) = filled(1);
        server.arm(Quirk::ShowsDate(date.map(str::to_owned)));
        let fetched = talk.ok("FETCH 1 (UID INTERNALDATE)").expect("a fetch");
        assert_eq!(item(&fetched, "INTERNALDATE").and_then(|date| date.text()).as_deref(), date);
    }
}

/// T25
#[test]
fn items_come_in_any_order_with_others_nobody_asked_for() {
    let (server, mut talk) = filled(1);
    server.arm(Quirk::ShuffledItems);
    let fetched = talk.ok("FETCH 1 (UID BODY.PEEK[])").expect("a fetch");
    let names: Vec<_> = items(&fetched).chunks(2).filter_map(|pair| pair[0].text()).collect();
    assert_eq!(names, ["BODY[]", "UID", "FLAGS", "X-UNKNOWN"]);
}

/// T25
#[test]
fn peeking_marks_as_seen_where_a_server_does_that_and_never_in_an_examined_mailbox() {
    let (server, mut talk) = filled(1);
    let seen = || server.world("u", |world| world.create("INBOX").messages[0].flags.contains("\\Seen"));
    talk.ok("FETCH 1 (BODY.PEEK[])").expect("a fetch");
    assert!(!seen());
    server.arm(Quirk::SeenByPeek);
    talk.ok("EXAMINE INBOX").and_then(|_| talk.ok("FETCH 1 (BODY.PEEK[])")).expect("a fetch");
    assert!(!seen());
    talk.ok("SELECT INBOX").and_then(|_| talk.ok("FETCH 1 (BODY.PEEK[])")).expect("a fetch");
    assert!(seen());
}

/// T21
#[test]
fn a_message_is_gone_before_it_is_fetched() {
    let (server, mut talk) = filled(3);
    server.arm(Armed::new(Quirk::ExpungedBeforeFetch).holding(b"X-Number: 2").once());
    let fetched = talk.command("UID FETCH 1:3 (BODY.PEEK[])").expect("an answer");
    assert!(fetched.status.starts_with("NO [EXPUNGEISSUED]"), "{}", fetched.status);
    assert_eq!(fetched.all("FETCH").count(), 2);
    assert_eq!(fetched.all("EXPUNGE").count(), 1, "told after a command by UID");
}

/// T21, T25
#[test]
fn others_store_and_expunge_meanwhile() {
    let (server, mut talk) = filled(3);
    server.arm(Armed::new(Quirk::OtherAppends).once());
    server.arm(Armed::new(Quirk::OtherExpunges).once());
    let news = talk.ok("NOOP").expect("news");
    let told: Vec<_> = news.untagged.iter().map(|values| values.iter().filter_map(Value::text).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(told, ["1 EXPUNGE", "3 EXISTS"]);
    assert_eq!(stored(&server), 3);
}

/// T21, T25
#[test]
fn news_of_the_mailbox_before_and_numbers_that_jump_come_with_select() {
    let (server, mut talk) = filled(3);
    server.arm(Armed::new(Quirk::ExpungeAfterSelect).once());
    server.arm(Armed::new(Quirk::ExistsJumps).once());
    server.world("u", |world| world.add("Other", MAIL, &[]));
    let opened = talk.ok("SELECT Other").expect("it opens");
    assert_eq!(opened.all("EXPUNGE").count(), 1);
    assert_eq!(opened.all("EXISTS").filter_map(|values| values[0].number()).collect::<Vec<_>>(), [6, 1]);
    assert_eq!(server.world("u", |world| world.create("Other").messages.len()), 1, "nothing was removed");
}

/// T02
#[test]
fn uids_are_new_at_the_next_select_with_an_older_validity() {
    let (server, mut talk) = filled(2);
    server.world("u", |world| world.create("INBOX").remove(1));
    server.arm(Armed::new(Quirk::ValidityBecomes(5)).in_mailbox("INBOX").after(1).once());
    assert!(talk.ok("STATUS INBOX (UIDVALIDITY)").expect("a status").all("STATUS").next().expect("a line")[2].list()[1].is_atom("1000001"));
    talk.ok("SELECT INBOX").expect("it opens");
    assert_eq!(server.world("u", |world| (world.create("INBOX").uid_validity, world.create("INBOX").uids())), (5, vec![1]));
}

/// T18
#[test]
fn lists_lie() {
    let server = hostile();
    server.world("u", |world| world.add("a/b", MAIL, &[]));
    server.world("u", |world| world.create("a").uid_next = 1);
    let mut talk = talk(&server);
    server.arm(Armed::new(Quirk::ListsNothing).once());
    assert_eq!(talk.ok("LIST \"\" \"*\"").expect("OK all the same").all("LIST").count(), 0);
    server.arm(Armed::new(Quirk::ListExtendedBad).once());
    assert!(talk.command("LIST \"\" \"*\" RETURN (SPECIAL-USE)").expect("an answer").status.starts_with("BAD"));
    server.arm(Armed::new(Quirk::NoChildrenOnParent).once());
    let listed = talk.ok("LIST \"\" \"a\"").expect("a list");
    assert!(listed.all("LIST").next().expect("a line")[1].list()[0].is_atom("\\HasNoChildren"));
    server.arm(Armed::new(Quirk::refuses("SELECT", "NO [SERVERBUG] Internal error")).in_mailbox("a"));
    assert!(!talk.command("SELECT a").expect("an answer").is_ok());
    talk.ok("SELECT a/b").expect("another opens");
}

/// T17
#[test]
fn names_clash_without_case_or_are_reserved() {
    let server = hostile();
    server.arm(Quirk::NamesWithoutCase);
    server.arm(Armed::new(Quirk::refuses("CREATE", "NO [CANNOT] Reserved name")).in_mailbox("Files"));
    let mut talk = talk(&server);
    talk.ok("CREATE Trash").expect("made");
    assert!(talk.command("CREATE TRASH").expect("an answer").status.starts_with("NO [ALREADYEXISTS]"));
    assert!(talk.command("CREATE Files").expect("an answer").status.starts_with("NO [CANNOT]"));
    assert_eq!(happened(&server, &Quirk::NamesWithoutCase), 1);
}
