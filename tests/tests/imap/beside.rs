//! What is not brought over is named before (T27).

use mailferry_mailbed::servers::{Cyrus, Dovecot, Kind, Options, Server};
use mailferry_tests::console;

use super::kit::*;

fn named(server: &Server) {
    let mut talk = server.talk(1).expect("a login");
    for command in ["CREATE Work", "SETACL Work u02 lr", "SETMETADATA Work (/shared/comment \"a secret plan\")"] {
        talk.ok(command).expect(command);
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, target) = (url(server, 1, dir.path()), format!("maildir:{}", dir.path().join("target").display()));
    let output = console(&["--json", "migrate", &source, &target, "--dry-run"]);
    let plan: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a plan");
    let lines: Vec<&str> = plan["left_behind"].as_array().expect("lines").iter().filter_map(|line| line.as_str()).collect();
    assert!(lines.contains(&"/shared/comment of Work"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("rights of u02 in Work: ") && line.contains('r')), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("rights of u01") || line.contains("secret")), "{lines:?}");
}

/// T27
#[test]
fn rights_of_others_and_comments_are_named_in_a_rehearsal() {
    if is_ready(&[Kind::Dovecot]) {
        named(&Dovecot::start(Options { with_extensions: true, ..Options::default() }).expect("Dovecot starts"));
    }
    if is_ready(&[Kind::Cyrus]) {
        named(&Cyrus::start(Options::default()).expect("Cyrus starts"));
    }
}
