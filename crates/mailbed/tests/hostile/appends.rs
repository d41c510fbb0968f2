//! Quirks of APPEND.

use std::time::{Duration, Instant};

use mailferry_mailbed::hostile::{Armed, DateDislike, Dislike, Quirk, Rewrite, TooBig};

use crate::{MAIL, happened, hostile, status_of, stored, talk, with};

/// T01
#[test]
fn a_message_is_stored_and_the_connection_dies_before_anybody_is_told() {
    let (server, mut first) = with(Armed::new(Quirk::LostAppendAnswer).after(1).once());
    assert!(status_of(&mut first, MAIL).starts_with("OK"));
    assert!(first.append("INBOX", "()", MAIL).is_err(), "no answer comes");
    assert_eq!((stored(&server), happened(&server, &Quirk::LostAppendAnswer)), (2, 1));
    assert!(status_of(&mut talk(&server), MAIL).starts_with("OK"), "once is once");
}

/// T01
#[test]
fn a_message_is_there_long_before_the_answer() {
    let wait = Duration::from_millis(300);
    let (server, mut slow) = with(Armed::new(Quirk::LateAppendAnswer(wait)).once());
    let began = Instant::now();
    let tag = slow.begin(format!("APPEND INBOX {{{}+}}\r\n{}", MAIL.len(), String::from_utf8_lossy(MAIL)).as_bytes()).expect("sent");
    slow.flush().expect("sent");
    let mut other = talk(&server);
    while stored(&server) == 0 {
        other.ok("NOOP").expect("another client is served meanwhile");
    }
    assert!(slow.finish(&tag).expect("an answer").is_ok() && began.elapsed() >= wait);
}

/// T02
#[test]
fn all_uids_are_new_while_a_folder_is_filled() {
    let (server, mut talk) = with(Armed::new(Quirk::ValidityBecomes(900_000)).after(2).once());
    let answers: Vec<String> = (0..4).map(|_| status_of(&mut talk, MAIL)).collect();
    assert_eq!(answers[1], "OK [APPENDUID 1000001 2] done");
    assert_eq!(answers[2], "OK [APPENDUID 900000 3] done");
    assert_eq!(stored(&server), 4);
}

/// T03
#[test]
fn one_poisonous_message_ends_the_connection_each_time() {
    let (server, mut first) = with(Armed::new(Quirk::PoisonBye).holding(b"poison"));
    assert!(status_of(&mut first, MAIL).starts_with("OK"));
    assert!(first.append("INBOX", "()", b"Subject: poison\r\n\r\n").is_err());
    let mut again = talk(&server);
    let tag = again.begin(b"APPEND INBOX {19+}\r\nSubject: poison\r\n\r\n").expect("sent");
    assert_eq!(again.line().expect("its last word"), "* BYE Invalid character in literal");
    assert!(again.finish(&tag).is_err());
    assert_eq!(stored(&server), 1);
}

/// T08, T09, T10
#[test]
fn each_dislike_refuses_what_it_names_and_nothing_else() {
    let cases: [(Dislike, &[u8]); 9] = [
        (Dislike::NoFinalCrlf, b"Subject: x\r\n\r\nbody"),
        (Dislike::BareLf, b"Subject: x\r\n\r\na\nb\r\n"),
        (Dislike::BareCr, b"Subject: x\r\n\r\na\rb\r\n"),
        (Dislike::Nul, b"Subject: x\r\n\r\na\0b\r\n"),
        (Dislike::LineLongerThan(20), b"Subject: x\r\n\r\n0123456789012345678901234\r\n"),
        (Dislike::EightBitHeader, b"Subject: Gr\xfc\xdfe\r\n\r\nx\r\n"),
        (Dislike::NoHeader, b"no header at all\r\n"),
        (Dislike::FromLine, b"From me Mon Jan  4 2010\r\nSubject: x\r\n\r\nx\r\n"),
        (Dislike::HeaderLongerThan(60), b"Subject: 0123456789012345678901234567890123456789012345678901234567890\r\n\r\nx\r\n"),
    ];
    for (dislike, bytes) in cases {
        let (server, mut talk) = with(Quirk::Dislikes(dislike));
        let refused = status_of(&mut talk, bytes);
        assert!(refused.starts_with("NO ") || refused.starts_with("BAD [CLIENTBUG] "), "{dislike:?}: {refused}");
        assert!(status_of(&mut talk, b"Subject: x\r\n\r\n8bit \xff\r\n").starts_with("OK"), "{dislike:?} refuses what is well");
        assert_eq!((stored(&server), happened(&server, &Quirk::Dislikes(dislike))), (1, 1));
    }
}

/// T12
#[test]
fn what_comes_back_is_not_what_was_stored() {
    for rewrite in [Rewrite::AddsReceived, Rewrite::NewMessageId, Rewrite::HeaderNamesInCapitals, Rewrite::FinalLine] {
        let (server, mut talk) = with(Quirk::Rewrites(rewrite));
        status_of(&mut talk, MAIL);
        let shown = server.world("u", |world| world.create("INBOX").messages[0].body.head().to_vec());
        assert_ne!(shown, MAIL, "{rewrite:?}");
        assert_eq!(server.stored()[0].bytes, MAIL);
    }
}

/// T13, T25
#[test]
fn a_large_message_is_refused_before_it_is_asked_for() {
    let (server, mut talk) = with(Quirk::TooBig { bytes: 100, how: TooBig::No });
    let tag = talk.begin(b"APPEND INBOX {200}").expect("sent");
    assert_eq!(talk.finish(&tag).expect("an answer instead of a +").status, "NO [TOOBIG] Message is too large");
    talk.ok("NOOP").expect("the next line is a command again");
    let sent_at_once = talk.begin(&[b"APPEND INBOX {200+}\r\n", &[b'x'; 200][..]].concat()).expect("sent");
    assert!(talk.finish(&sent_at_once).expect("an answer").status.starts_with("NO [TOOBIG]"));
    assert_eq!(stored(&server), 0);
    assert!(status_of(&mut talk, MAIL).starts_with("OK"));
}

/// T13
#[test]
fn a_large_message_is_refused_without_a_reason_or_cut_off_in_the_middle() {
    let (_server, mut talk) = with(Quirk::TooBig { bytes: 100, how: TooBig::Bad });
    assert_eq!(status_of(&mut talk, &[b'x'; 200]), "BAD Command Argument Error. 11");
    let (server, mut talk) = with(Quirk::TooBig { bytes: 100_000, how: TooBig::Reset });
    assert!(talk.append("INBOX", "()", &vec![b'x'; 8_000_000]).is_err());
    assert_eq!(stored(&server), 0);
}

/// T14
#[test]
fn a_quota_ends_at_a_message_and_another_user_goes_on() {
    let (server, mut talk) = with(Armed::new(Quirk::over_quota()).of_user("u").after(2));
    let answers: Vec<bool> = (0..4).map(|_| status_of(&mut talk, MAIL).starts_with("NO [OVERQUOTA]")).collect();
    assert_eq!(answers, [false, false, true, true]);
    let mut other = mailferry_mailbed::talk::Talk::login(server.address(), "v", "secret").expect("a login");
    assert!(status_of(&mut other, MAIL).starts_with("OK"));
    server.calm();
    assert!(status_of(&mut talk, MAIL).starts_with("OK"), "there is room again");
}

/// T15
#[test]
fn throttling_says_how_long_to_wait_or_does_not() {
    let server = hostile();
    server.arm(Armed::new(Quirk::exchange_throttles("APPEND", 299_961)).once());
    server.arm(Armed::new(Quirk::google_throttles("APPEND")).once());
    let mut talk = talk(&server);
    assert_eq!(status_of(&mut talk, MAIL), "BAD Request is throttled. Suggested Backoff Time: 299961 milliseconds");
    assert!(status_of(&mut talk, MAIL).starts_with("NO [OVERQUOTA] Account exceeded command or bandwidth limits"));
    assert!(status_of(&mut talk, MAIL).starts_with("OK"));
}

/// T07
#[test]
fn dates_are_refused_and_the_same_message_without_one_is_not() {
    for (dislike, date) in
        [(DateDislike::OneDigitDay, " 4-Jan-2010 10:00:00 +0000"), (DateDislike::Before1970, "04-Jan-1969 10:00:00 +0000")]
    {
        let (server, mut talk) = with(Quirk::DislikesDate(dislike));
        let refused = talk.append("INBOX", &format!("() \"{date}\""), MAIL).expect("an answer").status;
        assert!(refused.starts_with("BAD Invalid date-time"), "{refused}");
        assert!(talk.append("INBOX", "() \"04-Jan-2010 10:00:00 +0000\"", MAIL).expect("an answer").is_ok());
        assert_eq!(stored(&server), 1);
    }
}

/// T19
#[test]
fn flags_and_keywords_are_lost_as_servers_lose_them() {
    let flags_with = |server: &mailferry_mailbed::hostile::Hostile, asked: &str| {
        talk(server).append("INBOX", asked, MAIL).expect("an answer");
        server
            .world("u", |world| world.create("INBOX").messages.last().map(|message| message.flags.iter().cloned().collect::<Vec<_>>()))
            .expect("a message")
    };
    let server = hostile();
    server.arm(Quirk::LosesFlagOnAppend("\\Flagged"));
    assert_eq!(flags_with(&server, "(\\Flagged \\Seen)"), ["\\Seen"]);
    let server = hostile();
    server.arm(Quirk::KeywordsMax(2));
    assert_eq!(flags_with(&server, "(One Two Three)"), ["One", "Two"]);
    assert_eq!(flags_with(&server, "(Three One)"), ["One"]);
    let server = hostile();
    server.world("u", |world| world.keywords_may_be_new = false);
    assert_eq!(flags_with(&server, "(\\Seen Work)"), ["\\Seen"]);
    let server = hostile();
    server.arm(Quirk::RefusesKeywordsWith("]"));
    assert_eq!(talk(&server).append("INBOX", "(a]b)", MAIL).expect("an answer").status, "BAD Invalid flag in Append command");
}

/// T25
#[test]
fn the_place_of_a_message_is_not_told_or_told_wrong() {
    let (_server, mut talk) = with(Quirk::NoAppendUid);
    assert_eq!(status_of(&mut talk, MAIL), "OK done");
    let (_server, mut talk) = with(Quirk::WrongAppendUidValidity);
    assert_eq!(status_of(&mut talk, MAIL), "OK [APPENDUID 1000008 1] done");
    let (_server, mut talk) = with(Armed::new(Quirk::WrongAppendUid).after(1));
    assert_eq!(status_of(&mut talk, MAIL), "OK [APPENDUID 1000001 1] done");
    assert_eq!(status_of(&mut talk, MAIL), "OK [APPENDUID 1000001 1] done", "the place of the other");
}

/// T25
#[test]
fn uids_reach_the_end_of_their_range() {
    let server = hostile();
    server.world("u", |world| world.create("INBOX").uid_next = 4_294_967_290);
    assert_eq!(status_of(&mut talk(&server), MAIL), "OK [APPENDUID 1000001 4294967290] done");
}

/// T26
#[test]
fn a_server_answers_requests_for_receipts_in_old_mail() {
    let (server, mut talk) = with(Quirk::SendsReceipts);
    let asking = b"Subject: x\r\nDisposition-Notification-To: a@example.com\r\n\r\nbody\r\n";
    assert!(talk.append("INBOX", "(\\Seen)", asking).expect("an answer").is_ok());
    assert!(status_of(&mut talk, MAIL).starts_with("OK"));
    assert!(server.receipts().is_empty());
    assert!(status_of(&mut talk, asking).starts_with("OK"));
    assert_eq!(server.receipts(), ["INBOX"]);
}
