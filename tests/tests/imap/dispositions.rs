//! Servers that answer requests for receipts in what is brought to them (T26).

use std::path::Path;

use mailferry_mailbed::hostile::{Armed, Hostile, Quirk, Setup};
use mailferry_tests::console;

use super::kit::*;

/// More than is held in memory.
const LARGE_BYTES: usize = 9 << 20;

fn mail(name: &str, bytes: usize) -> Vec<u8> {
    let head = format!("From: a@example.org\r\nSubject: {name}\r\nDisposition-Notification-To: a@example.org\r\n\r\n");
    [head.into_bytes(), b"0123456789\r\n".repeat(bytes / 12)].concat()
}

fn filled() -> Hostile {
    let source = Hostile::start(Setup::default()).expect("a server");
    source.world("alice", |world| {
        world.add("INBOX", &mail("read", 20), &["\\Seen"]);
        world.add("INBOX", &mail("unread", 20), &[]);
        world.add("INBOX", &mail("large", LARGE_BYTES), &[]);
    });
    source
}

fn url(server: &Hostile, dir: &Path, option: &str) -> String {
    let file = secret_file(dir, "password", "sesame");
    format!("imap://alice@{}/?password-file={}{option}", server.address(), file.display())
}

/// Heads of what is there.
fn heads(server: &Hostile) -> Vec<String> {
    server.world("alice", |world| {
        let messages = &world.create("INBOX").messages;
        messages.iter().map(|message| String::from_utf8_lossy(&message.body.head()[..90]).into_owned()).collect()
    })
}

/// T26
#[test]
fn a_server_that_answers_old_requests_is_given_none_by_wish_and_their_value_stays() {
    for (option, answered, disarmed) in [("", 2, [false, false, false]), ("&receipts=disarm-unseen", 0, [false, true, true])] {
        let (from, to) = (filled(), Hostile::start(Setup::default()).expect("a server"));
        to.arm(Quirk::SendsReceipts);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (source, target, work) = (url(&from, dir.path(), ""), url(&to, dir.path(), option), dir.path().join("work"));
        assert_eq!(migrate(&source, &target, &work)["appended"], 3);
        assert_eq!(to.receipts().len(), answered, "{option}: receipts that were sent");
        let heads = heads(&to);
        assert!(heads.iter().all(|head| head.contains(": a@example.org\r\n\r\n")), "{heads:?}");
        assert_eq!(heads.iter().map(|head| head.contains("X-Was-Disposition-Notify-To: a@")).collect::<Vec<_>>(), disarmed, "{option}");
        assert_eq!(migrate(&source, &target, &work)["appended"], 0);
    }
}

/// T26, T01
#[test]
fn a_message_whose_request_was_disarmed_is_found_again_and_not_doubled() {
    let (from, to) = (filled(), Hostile::start(Setup::default()).expect("a server"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, target) = (url(&from, dir.path(), ""), url(&to, dir.path(), "&receipts=disarm"));
    to.arm(Armed::new(Quirk::LostAppendAnswer).once());
    migrate(&source, &target, &dir.path().join("work"));
    assert!(!to.happened().is_empty() && heads(&to).len() == 3, "{:?}", heads(&to));
    // A run that knows nothing of the one before it.
    let work = dir.path().join("another").display().to_string();
    let output = console(&["--json", "migrate", &source, &target, "--work", &work]);
    let summary: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a summary");
    assert_eq!((summary["appended"].as_u64(), heads(&to).len()), (Some(0), 3), "{summary}");
}
