//! Quirks of connections and logins.

use std::time::{Duration, Instant};

use mailferry_mailbed::corpus::base64;
use mailferry_mailbed::hostile::{Armed, Hostile, Quirk, Setup};
use mailferry_mailbed::talk::Talk;

use crate::{MAIL, filled, hostile, item, status_of, talk, with};

/// T04
#[test]
fn ten_errors_end_the_connection() {
    let (server, mut talk) = with(Quirk::EndsAfterErrors(10));
    for _ in 0..10 {
        assert!(talk.command("NONSENSE").expect("an answer").status.starts_with("BAD"));
    }
    assert_eq!(talk.line().expect("its last word"), "* BYE Too many errors");
    assert!(talk.command("NOOP").is_err());
    assert!(crate::talk(&server).command("NOOP").expect("an answer").is_ok(), "a new connection counts anew");
}

/// T15
#[test]
fn so_many_connections_and_no_more() {
    let server = hostile();
    server.arm(Quirk::TooManyConnections(2));
    let (first, _second) = (talk(&server), talk(&server));
    let refused = Talk::connect(server.address()).and_then(|mut talk| talk.command("LOGIN u secret")).expect("an answer");
    assert_eq!(refused.status, "NO [ALERT] Too many simultaneous connections. (Failure)");
    drop(first);
    let began = Instant::now();
    while Talk::login(server.address(), "u", "secret").is_err() {
        assert!(began.elapsed() < Duration::from_secs(20), "a closed connection does not count");
    }
    assert!(server.connections_most() >= 3);
}

/// T15
#[test]
fn a_slow_line_is_slow() {
    let server = hostile();
    server.world("u", |world| world.add("INBOX", &[MAIL, &[b'x'; 2000][..], b"\r\n"].concat(), &[]));
    server.arm(Quirk::SlowTo(10_000));
    let began = Instant::now();
    let mut talk = talk(&server);
    talk.ok("SELECT INBOX").and_then(|_| talk.ok("FETCH 1 (BODY.PEEK[])")).expect("a fetch");
    assert!(began.elapsed() >= Duration::from_millis(200), "{:?}", began.elapsed());
}

/// T16
#[test]
fn a_token_ends_in_the_middle_and_the_old_one_does_not_come_back_in() {
    let server = Hostile::start(Setup { secrets: vec!["old".into()], ..Setup::default() }).expect("a port");
    let enter = |token: &str| {
        let mut talk = Talk::connect(server.address()).expect("a greeting");
        let response = base64(format!("user=u\x01auth=Bearer {token}\x01\x01").as_bytes());
        let tag = talk.begin(format!("AUTHENTICATE XOAUTH2 {response}").as_bytes()).expect("sent");
        let line = talk.line().expect("an answer");
        if line.starts_with('+') {
            talk.put(b"\r\n").expect("sent");
            let answer = talk.finish(&tag).expect("an answer");
            assert!(answer.status.starts_with("NO [AUTHENTICATIONFAILED]"), "{}", answer.status);
            return None;
        }
        Some(talk)
    };
    let mut talk = enter("old").expect("the old token is good");
    server.arm(Armed::new(Quirk::token_expires("APPEND")).after(1).once());
    server.set_secrets(&["new"]);
    assert!(status_of(&mut talk, MAIL).starts_with("OK"));
    let tag = talk.begin(b"APPEND INBOX {5+}\r\na: b\n").expect("sent");
    assert!(talk.line().expect("its last word").starts_with("* BYE Session expired"));
    assert!(talk.finish(&tag).is_err());
    assert!(enter("old").is_none());
    assert!(enter("new").is_some());
}

/// T16
#[test]
fn a_session_without_its_mailbox_answers_bad() {
    let (server, mut talk) = filled(1);
    server.arm(Armed::new(Quirk::not_connected("UID FETCH")).once());
    assert_eq!(talk.command("UID FETCH 1 (FLAGS)").expect("an answer").status, "BAD User is authenticated but not connected.");
    talk.ok("UID FETCH 1 (FLAGS)").expect("and then it goes on");
}

/// T25
#[test]
fn a_greeting_is_bye_and_the_line_stays_open() {
    let server = hostile();
    server.arm(Armed::new(Quirk::ByeAtGreeting).once());
    let refused = Talk::connect(server.address()).expect("a line");
    assert_eq!(refused.greeting, "* BYE Server is shutting down");
    assert_eq!(talk(&server).command("NOOP").expect("an answer").status, "OK done");
}

/// T25
#[test]
fn a_literal_is_answered_no_before_it_is_asked_for() {
    let (server, mut talk) = with(Armed::new(Quirk::refuses("APPEND", "NO [LIMIT] not now")).once());
    let tag = talk.begin(format!("APPEND INBOX {{{}}}", MAIL.len()).as_bytes()).expect("sent");
    assert_eq!(talk.finish(&tag).expect("an answer").status, "NO [LIMIT] not now");
    assert!(status_of(&mut talk, MAIL).starts_with("OK"));
    assert_eq!(server.commands().iter().filter(|line| line.contains("APPEND")).count(), 2, "refused ones are written down too");
}

/// T22
#[test]
fn a_long_command_line_is_refused() {
    let (server, mut talk) = filled(3);
    server.arm(Quirk::CommandLineMax(200));
    let set = (1..100).map(|number| number.to_string()).collect::<Vec<_>>().join(",");
    assert_eq!(
        talk.command(&format!("UID FETCH {set} (FLAGS)")).expect("an answer").status,
        "BAD [TOOBIG] command or literal size is too large"
    );
    talk.ok("UID FETCH 1:100 (FLAGS)").expect("a short one");
}

#[test]
fn bytes_that_travel_alone_make_the_same_answers() {
    let server = hostile();
    server.arm(Quirk::SplitPackets);
    let mut talk = talk(&server);
    assert!(status_of(&mut talk, MAIL).starts_with("OK"));
    talk.ok("SELECT INBOX").expect("INBOX opens");
    let fetched = talk.ok("FETCH 1 (BODY.PEEK[])").expect("a fetch");
    assert_eq!(item(&fetched, "BODY[]").expect("an item").bytes(), Some(MAIL));
}

#[test]
fn a_pulled_cable_ends_every_connection() {
    let server = hostile();
    let mut open = [talk(&server), talk(&server)];
    server.cut_all();
    assert!(open.iter_mut().all(|talk| talk.command("NOOP").is_err()));
}
