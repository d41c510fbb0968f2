//! Targets that do not take everything: messages over a limit are left out with a reason, and a mailbox that is full waits (T13, T14).

use mailferry_mailbed::compare::{Snapshot, compare_kept};
use mailferry_mailbed::hostile::{Hostile, Setup};
use mailferry_mailbed::servers::{Cyrus, Dovecot, Kind, Options, Server};
use mailferry_tests::console;
use serde_json::Value;

use super::kit::*;

/// A message of about so many bytes.
fn mail(name: &str, bytes: usize) -> Vec<u8> {
    let head = format!("From: a@example.org\r\nSubject: {name}\r\nMessage-ID: <{name}@example.org>\r\n\r\n");
    [head.into_bytes(), b"0123456789\r\n".repeat(bytes / 12)].concat()
}

fn started(kind: Kind, options: Options) -> Server {
    match kind {
        Kind::Cyrus => Cyrus::start(options),
        _ => Dovecot::start(options),
    }
    .expect("a server")
}

/// A Dovecot whose first user has these messages.
fn source(mails: &[Vec<u8>]) -> Server {
    let source = started(Kind::Dovecot, Options::default());
    let mut talk = source.talk(1).expect("a login");
    for mail in mails {
        assert!(talk.append("INBOX", "()", mail).expect("an answer").is_ok());
    }
    // As it always is at Cyrus.
    talk.ok("SUBSCRIBE INBOX").expect("subscribed");
    source
}

/// Summary, what was said besides, and whether all is said to be there.
fn run_all(source: &str, target: &str, work: &std::path::Path) -> (Value, String, bool) {
    let output = run(source, target, work);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (serde_json::from_slice(&output.stdout).unwrap_or(Value::Null), said, output.status.success())
}

fn messages_in(server: &Server) -> usize {
    Snapshot::read(&mut server.talk(1).expect("a login")).expect("read").messages()
}

/// `told`: the server names its limit; Dovecot 2.3 need not.
fn limited(kind: Kind, options: Options, told: bool) {
    if !is_ready(&[Kind::Dovecot, kind]) {
        return;
    }
    let from = source(&[mail("one", 500), mail("large", 12_000), mail("two", 700), mail("three", 9_000)]);
    let to = started(kind, options);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, target) = (url(&from, 1, dir.path()), url(&to, 1, dir.path()));
    let (summary, said, well) = run_all(&source, &target, &dir.path().join("work"));
    assert!(!well && summary["skipped"] == 1 && summary["appended"] == 3, "{summary}\n{said}");
    assert!(summary["waits"].as_array().is_some_and(Vec::is_empty), "{summary}");
    assert_eq!(said.contains("the server takes 10240 at most (APPENDLIMIT)"), told, "{said}");
    assert_eq!(messages_in(&to), 3);
    let (again, said, _) = run_all(&source, &target, &dir.path().join("work"));
    assert_eq!((again["appended"].as_u64(), again["containers"].as_u64()), (Some(0), Some(0)), "{again}\n{said}");
}

/// T13
#[test]
fn a_message_over_the_limit_that_a_server_tells_is_left_out_with_its_size_and_the_limit() {
    limited(Kind::Dovecot, Options { append_limit: Some(10_240), ..Options::default() }, true);
    limited(Kind::Cyrus, Options { append_limit: Some(10_240), ..Options::default() }, true);
}

/// T13
#[test]
fn a_message_over_a_limit_that_a_server_does_not_tell_does_not_hold_up_the_others() {
    let extra = "imap_capability = +XNOTHING\n".to_owned();
    limited(Kind::Dovecot, Options { append_limit: Some(10_240), extra, ..Options::default() }, false);
}

/// T13
#[test]
fn no_byte_of_a_message_over_the_limit_of_its_folder_goes_over_the_wire() {
    let [from, to] = [Setup::default(), Setup::default().with("APPENDLIMIT")].map(|setup| Hostile::start(setup).expect("a server"));
    from.world("alice", |world| {
        for folder in ["INBOX", "Small"] {
            world.add(folder, &mail(&format!("{folder}-little"), 500), &[]);
            world.add(folder, &mail(&format!("{folder}-large"), 6_000), &[]);
        }
    });
    to.world("alice", |world| world.create("Small").append_limit = Some(1_000));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = secret_file(dir.path(), "password", "sesame");
    let url = |server: &Hostile| format!("imap://alice@{}/?password-file={}", server.address(), file.display());
    let (summary, said, well) = run_all(&url(&from), &url(&to), &dir.path().join("work"));
    assert!(!well && summary["skipped"] == 1 && summary["appended"] == 3, "{summary}\n{said}");
    assert!(said.contains("the server takes 1000 at most"), "{said}");
    let appends = to.commands().into_iter().filter(|line| line.contains(" APPEND \"Small\"")).collect::<Vec<_>>();
    assert!(appends.len() == 1 && !appends[0].contains("{6"), "{appends:?}");
}

/// Two messages of somebody else leave room for some of those that come.
fn full(kind: Kind) {
    if !is_ready(&[Kind::Dovecot, kind]) {
        return;
    }
    let from = source(&(0..8).map(|number| mail(&format!("m{number}"), 4_000)).collect::<Vec<_>>());
    let to = started(kind, Options { quota_bytes: Some(40 << 10), ..Options::default() });
    let mut talk = to.talk(1).expect("a login");
    for number in 0..2 {
        assert!(talk.append("INBOX", "()", &mail(&format!("other{number}"), 9_000)).expect("an answer").is_ok());
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, target, work) = (url(&from, 1, dir.path()), url(&to, 1, dir.path()), dir.path().join("work"));
    let output = console(&["--json", "migrate", &source, &target, "--dry-run", "--work", &work.display().to_string()]);
    let rehearsed: Value = serde_json::from_slice(&output.stdout).expect("a plan");
    assert_eq!((&rehearsed["fits"], &rehearsed["quotas"][0]["limit"]), (&Value::Bool(false), &Value::from(40 << 10)), "{rehearsed}");
    let (summary, said, well) = run_all(&source, &target, &work);
    assert!(said.contains("target.short-of-room: the target has no room for all of it"), "{said}");
    let appended = summary["appended"].as_u64().unwrap_or(99);
    let waits = summary["waits"].to_string();
    assert!(!well && summary["skipped"] == 0 && appended < 8, "{summary}\n{said}");
    assert!(waits.contains("is 40960 bytes,"), "the refusal does not tell how much room there is: {waits}");
    talk.ok("SELECT INBOX").expect("selected");
    talk.ok("STORE 1:2 +FLAGS (\\Deleted)").expect("marked");
    talk.ok("EXPUNGE").expect("removed");
    drop(talk);
    let (summary, said, well) = run_all(&source, &target, &work);
    assert!(well && summary["skipped"] == 0, "{summary}\n{said}");
    let (mut here, mut there) = (from.talk(1).expect("a login"), to.talk(1).expect("a login"));
    let (report, _) = compare_kept(&mut here, &mut there, kind).expect("compared");
    assert!(report.is_clean() && messages_in(&to) == 8, "{report}");
}

/// T14
#[test]
fn a_full_dovecot_is_told_before_the_copy_which_waits_and_loses_nothing() {
    full(Kind::Dovecot);
}

/// T14
#[test]
fn a_full_cyrus_is_told_before_the_copy_which_waits_and_loses_nothing() {
    full(Kind::Cyrus);
}
