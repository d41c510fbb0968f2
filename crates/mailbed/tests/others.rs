//! Cyrus and Courier as guards: both beside a Dovecot, each with what it is like.
#![cfg(unix)]

mod common;

use std::path::Path;

use common::{is_ready, tls};
use mailferry_mailbed::compare::compare;
use mailferry_mailbed::corpus::{Corpus, base64};
use mailferry_mailbed::fill::{self, Names};
use mailferry_mailbed::servers::{Courier, Cyrus, Dovecot, Kind, Options, Server};
use mailferry_mailbed::talk::{Talk, Value};

const MAIL: &[u8] = b"Subject: one\r\n\r\nbody\r\n";

fn serves_and_leaves_nothing(mut server: Server) {
    let mut talk = server.talk(1).expect("a login");
    assert!(talk.append("INBOX", "(\\Seen) \"04-Jan-2010 10:00:00 +0000\"", MAIL).expect("an answer").is_ok());
    talk.ok("EXAMINE INBOX").expect("INBOX opens");
    let fetched = talk.ok("UID FETCH 1:* (FLAGS BODY.PEEK[])").expect("a fetch");
    let items = fetched.all("FETCH").next().expect("one message")[2].list();
    assert_eq!(Value::of(items, "BODY[]").and_then(Value::bytes), Some(MAIL));
    assert!(Talk::login(server.address(), "u01", "guess").is_err());
    let implicit = tls(&server.ca_pem(), server.tls_address().expect("a TLS port"), &[], "a CAPABILITY\r\nb LOGOUT\r\n");
    assert!(implicit.contains("IMAP4rev1") && implicit.contains("b OK"), "{implicit}\n{}", server.log());
    let started = tls(&server.ca_pem(), server.address(), &["-starttls", "imap"], "a CAPABILITY\r\nb LOGOUT\r\n");
    assert!(started.contains("IMAP4rev1") && started.contains("b OK"), "{started}\n{}", server.log());
    server.kill();
    server.restart().expect("it starts again");
    let status = server.talk(1).and_then(|mut talk| talk.ok("STATUS INBOX (MESSAGES)")).expect("an answer");
    assert!(status.all("STATUS").next().expect("a line")[2].list()[1].is_atom("1"));
    common::wait_until("its work shows", || talk_once(&server) && server.cpu_seconds() > 0.0);
    let (folder, processes) = (server.folder().to_path_buf(), server.process_ids());
    drop(server);
    assert!(processes.iter().all(|id| !Path::new(&format!("/proc/{id}/exe")).exists()), "{processes:?}");
    assert!(!folder.exists());
}

fn talk_once(server: &Server) -> bool {
    server.talk(1).is_ok()
}

#[test]
fn cyrus_serves_and_leaves_nothing_behind() {
    if is_ready(Kind::Cyrus) {
        serves_and_leaves_nothing(Cyrus::start(Options::default()).expect("Cyrus starts"));
    }
}

#[test]
fn courier_serves_and_leaves_nothing_behind() {
    if is_ready(Kind::Courier) {
        serves_and_leaves_nothing(Courier::start(Options::default()).expect("Courier starts"));
    }
}

#[test]
fn the_administrator_of_cyrus_acts_for_a_user_and_a_user_for_nobody() {
    if !is_ready(Kind::Cyrus) {
        return;
    }
    let server =
        Cyrus::start(Options { append_limit: Some(10_240), quota_bytes: Some(20_480), ..Options::default() }).expect("Cyrus starts");
    let enter = |response: String| {
        let mut talk = Talk::connect(server.address()).expect("a greeting");
        let tag = talk.begin(format!("AUTHENTICATE PLAIN {}", base64(response.as_bytes())).as_bytes()).expect("sent");
        talk.finish(&tag).expect("an answer").is_ok().then_some(talk)
    };
    let admin = server.master().expect("an administrator").clone();
    let mut talk = enter(format!("u02\0{}\0{}", admin.name, admin.password)).expect("the administrator as u02");
    let answer = talk.append("INBOX", "()", MAIL).expect("an answer");
    assert!(answer.is_ok(), "{}", answer.status);
    let (name, password) = server.user(1);
    assert!(enter(format!("u02\0{name}\0{password}")).is_none());
    let large = [MAIL, &b"0123456789\r\n".repeat(1000)].concat();
    assert!(talk.append("INBOX", "()", &large).expect("an answer").status.starts_with("NO"), "larger than the limit");
    let mail = [MAIL, &b"0123456789\r\n".repeat(700)].concat();
    let answers: Vec<String> = (0..4).map(|_| talk.append("INBOX", "()", &mail).expect("an answer").status).collect();
    assert_eq!(answers.last().map(String::as_str), Some("NO Over quota"), "without a code: {answers:?}");
}

#[test]
fn courier_has_a_prefix_and_neither_literals_without_waiting_nor_mod_sequences() {
    if !is_ready(Kind::Courier) {
        return;
    }
    let server = Courier::start(Options::default()).expect("Courier starts");
    let mut talk = server.talk(1).expect("a login");
    assert_eq!(Names::ask(&mut talk).expect("a namespace"), Names { prefix: "INBOX.".into(), separator: ".".into() });
    let told = talk.ok("CAPABILITY").expect("an answer");
    let has = |word: &str| told.all("CAPABILITY").flatten().any(|value| value.is_atom(word));
    assert!(has("UIDPLUS") && !has("LITERAL+") && !has("CONDSTORE"));
}

#[test]
fn the_same_mail_is_the_same_in_cyrus_and_courier_but_for_what_they_do_not_store() {
    if !is_ready(Kind::Cyrus) || !is_ready(Kind::Courier) {
        return;
    }
    // No user with odd names, none with odd contents.
    let corpus = Corpus::new(7, 9, 60);
    let mut boxes = corpus.user(1);
    boxes.mail.retain(|mail| mail.bytes.len() < 1_000_000 && mail.bytes.is_ascii());
    boxes.folders.retain(|folder| !folder.contains('.') && !folder.starts_with("INBOX/") && folder.is_ascii());
    boxes.mail.retain(|mail| boxes.folders.contains(&mail.folder));
    boxes.mail.retain(|mail| !mail.bytes.windows(5).any(|window| window == b"bare\r") && !mail.flags.contains("label:blue"));
    boxes.subscriptions.retain(|folder| boxes.folders.contains(folder));
    let servers = [Dovecot::start(Options::default()), Cyrus::start(Options::default()), Courier::start(Options::default())];
    let mut talks = servers.each_ref().map(|server| server.as_ref().expect("it starts").talk(1).expect("a login"));
    for talk in &mut talks {
        assert_eq!(fill::mailboxes(talk, &boxes).expect("filled"), Vec::<String>::new());
    }
    let [dovecot, cyrus, courier] = &mut talks;
    for (name, other) in [("Cyrus", cyrus), ("Courier", courier)] {
        let report = compare(dovecot, other).expect("both are read");
        let told: Vec<_> =
            report.counts().into_iter().filter(|(what, _)| what.starts_with("messages") || what.starts_with("dates")).collect();
        assert!(told.is_empty(), "{name}: {report}");
    }
}
