//! Rights of others and annotations of folders (T27): brought over, once, and never more than the source gave; what cannot be is named.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Output;

use mailferry_mailbed::servers::{Cyrus, Dovecot, Kind, Options, Server};
use mailferry_mailbed::talk::Talk;
use mailferry_tests::console;

use super::kit::{is_ready, url};

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

/// With what is not brought over unless it is asked for.
fn run(source: &str, target: &str, work: &Path) -> Output {
    let settings = ["--set", "SendRights=1", "--set", "SendAnnotations=1"];
    console(&[&["--json", "migrate", source, target, "--work", &work.display().to_string()][..], &settings].concat())
}

fn migrate(source: &str, target: &str, work: &Path) -> serde_json::Value {
    let output = run(source, target, work);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("a summary")
}

/// Who has which rights there, as the server shows them to the owner; without `c` and `d`, which stand for others.
fn rights(server: &Server, folder: &str) -> BTreeMap<String, String> {
    let answer = server.talk(1).expect("a login").ok(&format!("GETACL {folder}")).expect("its rights");
    let words: Vec<String> = answer.all("ACL").flatten().skip(2).filter_map(|value| value.text()).collect();
    let letters = |shown: &str| shown.chars().filter(|letter| !matches!(letter, 'c' | 'd')).collect::<BTreeSet<char>>();
    let pairs = words.chunks(2).map(|pair| (pair[0].clone(), letters(&pair[1]).into_iter().collect()));
    pairs.filter(|(who, _): &(String, String)| who != "u01" && who != "owner").collect()
}

fn comment(server: &Server, folder: &str) -> Option<String> {
    let answer = server.talk(1).expect("a login").ok(&format!("GETMETADATA {folder} /private/comment")).expect("its comment");
    let entries = answer.all("METADATA").flat_map(|values| values.iter().flat_map(|value| value.list().to_vec()));
    entries.filter_map(|value| value.text()).find(|text| text != "/private/comment")
}

fn said(server: &Server, commands: &[&str]) {
    let mut talk: Talk = server.talk(1).expect("a login");
    for command in commands {
        talk.ok(command).expect(command);
    }
}

fn pairs(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(who, rights)| ((*who).to_owned(), (*rights).to_owned())).collect()
}

/// Given, changed and withdrawn, each once; a name that means a group at the source alone is nobody at the target.
fn brought_over(source: &Server, target: &Server, is_same_kind: bool) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let ([from, to], work) = (
        [(source, "from"), (target, "to")].map(|(server, name)| {
            let folder = dir.path().join(name);
            std::fs::create_dir_all(&folder).expect("made");
            url(server, 1, &folder)
        }),
        dir.path().join("work"),
    );
    let comment_text = "SETMETADATA Work (/private/comment \"plans, \\\"quoted\\\"\")";
    said(source, &["CREATE Work", "SETACL Work u02 lrt", "SETACL Work u03 lrs", "SETACL Work $staff lr", comment_text]);
    let output = run(&from, &to, &work);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{told}");
    let mut given = pairs(&[("u02", "lrt"), ("u03", "lrs")]);
    if is_same_kind {
        given.insert("$staff".into(), "lr".into());
    }
    assert_eq!(rights(target, "Work"), given, "{told}");
    assert_eq!(told.contains("rights of $staff in Work: lr"), !is_same_kind, "{told}");
    assert!(!told.contains("plans"), "{told}");
    assert_eq!(comment(target, "Work").as_deref(), Some("plans, \"quoted\""));
    assert_eq!(migrate(&from, &to, &work)["containers"], 0, "a second pass has nothing to send");

    said(source, &["SETACL Work u02 l", "DELETEACL Work u03", "DELETEACL Work $staff", "SETMETADATA Work (/private/comment NIL)"]);
    migrate(&from, &to, &work);
    assert_eq!(rights(target, "Work"), pairs(&[("u02", "l")]), "what was withdrawn is withdrawn");
    assert_eq!(comment(target, "Work"), None);
    assert_eq!(migrate(&from, &to, &work)["containers"], 0);
}

fn dovecot() -> Server {
    Dovecot::start(Options { with_extensions: true, ..Options::default() }).expect("Dovecot starts")
}

/// T27
#[test]
fn rights_and_comments_go_from_dovecot_to_dovecot() {
    if is_ready(&[Kind::Dovecot]) {
        brought_over(&dovecot(), &dovecot(), true);
    }
}

/// T27
#[test]
fn rights_and_comments_go_from_dovecot_to_cyrus_and_a_group_of_the_one_is_nobody_at_the_other() {
    if is_ready(&[Kind::Dovecot, Kind::Cyrus]) {
        brought_over(&dovecot(), &Cyrus::start(Options::default()).expect("Cyrus starts"), false);
    }
}
