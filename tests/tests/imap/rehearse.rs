//! `rehearse` over IMAP (X10): every planted hazard is told, what is foretold comes true, and neither end changes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use mailferry_mailbed::compare::Snapshot;
use mailferry_mailbed::hostile::{Armed, Hostile, Quirk, Setup, SizeLie};
use mailferry_mailbed::servers::{Cyrus, Dovecot, Kind, Options, Server};
use mailferry_mailbed::talk::quoted;
use mailferry_mailbed::tap::Tap;
use mailferry_tests::console;
use serde_json::Value;

use super::kit::*;

/// What was found, and the exit code.
struct Rehearsed {
    document: Value,
    code: Option<i32>,
}

fn rehearse(source: &str, target: &str, more: &[&str]) -> Rehearsed {
    let output = console(&[&["--json", "rehearse", source, target], more].concat());
    let document = serde_json::from_slice(&output.stdout);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(document.is_ok(), "no document: {}\n{said}", String::from_utf8_lossy(&output.stdout));
    assert!(!String::from_utf8_lossy(&output.stdout).contains("sesame") && !said.contains("sesame"));
    Rehearsed { document: document.expect("it was read"), code: output.status.code() }
}

impl Rehearsed {
    fn hazards(&self) -> &[Value] {
        self.document["hazards"].as_array().map_or(&[], Vec::as_slice)
    }

    /// Weight, hazard, folder and number of the message.
    fn told(&self) -> BTreeSet<String> {
        let text = |hazard: &Value| {
            let levels: Vec<&str> = hazard["folder"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
            let number = hazard["item"]["number"].as_u64().map(|number| format!(" #{number}")).unwrap_or_default();
            let of = |key: &str| hazard[key].as_str().unwrap_or_default().to_owned();
            format!("{} {} {}{number}", of("weight"), of("kind"), levels.join("|")).trim_end().to_owned()
        };
        self.hazards().iter().map(text).collect()
    }

    fn details(&self, kind: &str) -> Vec<String> {
        let of = self.hazards().iter().filter(|hazard| hazard["kind"] == kind);
        of.filter_map(|hazard| hazard["detail"].as_str().map(str::to_owned)).collect()
    }
}

fn set(words: &[&str]) -> BTreeSet<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

/// Folders and messages of a Maildir.
fn maildir(root: &Path, mails: &[(&str, &[u8])]) -> String {
    for (at, (folder, bytes)) in (0..).zip(mails) {
        let dir = if *folder == "INBOX" { root.to_path_buf() } else { root.join(format!(".{folder}")) };
        ["cur", "new", "tmp"].iter().for_each(|sub| std::fs::create_dir_all(dir.join(sub)).expect("made"));
        std::fs::write(dir.join("cur").join(format!("16000000{at:02}.m:2,")), bytes).expect("written");
    }
    format!("maildir:{}", root.display())
}

fn mail(name: &str, bytes: usize) -> Vec<u8> {
    let head = format!("From: a@example.org\r\nSubject: {name}\r\nMessage-ID: <{name}@example.org>\r\n\r\n");
    [head.into_bytes(), b"0123456789\r\n".repeat(bytes / 12)].concat()
}

/// Verbs of everything a client said.
fn verbs(tap: &Tap) -> BTreeSet<String> {
    let said = String::from_utf8_lossy(&tap.heard()).to_uppercase();
    let verb = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let first = words.next()?.to_owned();
        Some(if first == "UID" { format!("UID {}", words.next()?) } else { first })
    };
    said.lines().filter_map(verb).collect()
}

/// Everything there, with what SELECT would take away.
fn standing(server: &Server) -> (Snapshot, BTreeMap<String, String>) {
    let mut talk = server.talk(1).expect("a login");
    let mut recent = BTreeMap::new();
    for name in names_at(server) {
        let status = talk.ok(&format!("STATUS {} (RECENT MESSAGES UIDNEXT UIDVALIDITY UNSEEN)", quoted(&name))).expect("counted");
        recent.insert(name, format!("{:?}", status.all("STATUS").collect::<Vec<_>>()));
    }
    // Reading them by another session is what takes \Recent away: it comes last.
    (Snapshot::read(&mut talk).expect("read"), recent)
}

const ALLOWED: [&str; 20] = [
    "AUTHENTICATE",
    "CAPABILITY",
    "ID",
    "NAMESPACE",
    "LIST",
    "LSUB",
    "STATUS",
    "EXAMINE",
    "SELECT",
    "UNSELECT",
    "FETCH",
    "UID FETCH",
    "UID SEARCH",
    "GETQUOTAROOT",
    "GETACL",
    "GETMETADATA",
    "NOOP",
    "LOGOUT",
    "LOGIN",
    "ENABLE",
];

fn only_looks(tap: &Tap, may_select: bool) {
    let allowed: BTreeSet<String> = set(&ALLOWED);
    let said = verbs(tap);
    let other: Vec<&String> = said.difference(&allowed).filter(|verb| !verb.contains("+OK")).collect();
    assert!(other.is_empty(), "it also said {other:?}");
    assert!(may_select || !said.contains("SELECT"), "it opened a folder for writing");
    let heard = String::from_utf8_lossy(&tap.heard()).to_uppercase();
    assert!(!heard.contains(" BODY["), "a message was read without PEEK");
}

/// Mails that are odd in one way each, and what is told of them.
fn odd() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("message-nul", b"Subject: nul\r\n\r\na\0b\r\n".to_vec()),
        ("message-line-ends", b"Subject: ends\r\n\r\na\nb\rc\r\n".to_vec()),
        ("message-long-line", [&b"Subject: long\r\n\r\n"[..], &[b'x'; 2000], b"\r\n"].concat()),
        ("message-header-8bit", b"Subject: r\xe4w\r\n\r\nbody\r\n".to_vec()),
        ("message-header-broken", b"Subject: x\r\nno field at all\r\n\r\nbody\r\n".to_vec()),
        ("message-without-header", b"no header here\r\n".to_vec()),
        ("message-empty", Vec::new()),
        ("message-too-large", mail("large", 12_000)),
    ]
}

/// The names are those of the file system at Dovecot, and what Cyrus does not take.
fn to_a_server(kind: Kind, names: &[(&str, &str)]) {
    if !is_ready(&[kind]) {
        return;
    }
    let options = Options { append_limit: Some(10_240), quota_bytes: Some(16 << 10), ..Options::default() };
    let to = if kind == Kind::Cyrus { Cyrus::start(options) } else { Dovecot::start(options) }.expect("a server");
    let mut talk = to.talk(1).expect("a login");
    assert!(talk.append("INBOX", "(\\Seen)", &mail("there", 600)).expect("an answer").is_ok());
    drop(talk);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let odd = odd();
    let mut mails: Vec<(&str, &[u8])> = odd.iter().map(|(_, bytes)| ("INBOX", bytes.as_slice())).collect();
    let large = mail("fills", 9_000);
    mails.push(("INBOX", &large));
    mails.extend(names.iter().map(|(file, _)| (*file, &b"Subject: x\r\n\r\nx\r\n"[..])));
    mails.extend([("Same", &b"Subject: y\r\n\r\ny\r\n"[..]), ("SAME", b"Subject: z\r\n\r\nz\r\n")]);
    let source = maildir(&dir.path().join("src"), &mails);
    std::fs::write(dir.path().join("src/dovecot-keywords"), "0 gr\u{fc}n\n1 blue\n").expect("written");
    std::fs::rename(dir.path().join("src/cur/1600000000.m:2,"), dir.path().join("src/cur/1600000000.m:2,Sab")).expect("marked");

    let before = standing(&to);
    let tap = Tap::to(to.address()).expect("a tap");
    let rehearsed = rehearse(&source, &url_at(tap.address(), &to.user(1), dir.path()), &[]);
    only_looks(&tap, true);
    let after = standing(&to);
    assert!(before.0 == after.0 && before.1.keys().eq(after.1.keys()), "the target has changed");

    let mut wanted: BTreeSet<String> = (1..).zip(&odd).map(|(number, (kind, _))| format!("warning {kind} INBOX #{number}")).collect();
    wanted.extend(set(&[
        "stop quota-too-small",
        "note target-holds-mail INBOX",
        "warning keyword-lost INBOX #1",
        "warning folder-names-alike Same",
    ]));
    wanted.extend(names.iter().map(|(_, name)| format!("warning folder-name-changed {name}")));
    assert_eq!(rehearsed.told(), wanted);
    assert_eq!((rehearsed.details("keyword-lost"), rehearsed.code), (vec!["gr\u{fc}n, first here".to_owned()], Some(1)));
}

#[test]
fn every_hazard_on_the_way_to_dovecot_is_told_and_no_other_and_nothing_is_changed() {
    to_a_server(Kind::Dovecot, &[("a\\2fb", "a/b"), ("cur", "cur"), ("~me", "~me")]);
}

#[test]
fn every_hazard_on_the_way_to_cyrus_is_told_and_no_other_and_nothing_is_changed() {
    to_a_server(Kind::Cyrus, &[("100%", "100%"), ("a;b", "a;b"), ("back\\5cslash", "back\\slash")]);
}

/// As the server has them.
fn names_at(server: &Server) -> BTreeSet<String> {
    let listed = server.talk(1).expect("a login").ok("LIST \"\" \"*\"").expect("listed");
    listed.all("LIST").filter_map(|values| values.get(3)?.text()).collect()
}

/// What is foretold of names and of messages that are too large is what `migrate` then does.
fn comes_true(kind: Kind) {
    if !is_ready(&[kind]) {
        return;
    }
    let options = Options { append_limit: Some(10_240), ..Options::default() };
    let to = if kind == Kind::Cyrus { Cyrus::start(options) } else { Dovecot::start(options) }.expect("a server");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let large = mail("large", 12_000);
    let small: &[u8] = b"Subject: x\r\n\r\nx\r\n";
    let folders = [
        "100%",
        "100%.below",
        "cur",
        "~me",
        "!x",
        "a;b",
        "a^b",
        "back\\5cslash",
        "sl\\2fash",
        "d\\2et",
        "&2D3c7A-",
        "Entw&APw-rfe",
        "plain",
    ];
    let mut mails: Vec<(&str, &[u8])> = folders.iter().map(|name| (*name, small)).collect();
    mails.push(("INBOX", &large));
    let source = maildir(&dir.path().join("src"), &mails);
    let target = url(&to, 1, dir.path());
    let rehearsed = rehearse(&source, &target, &[]);
    let before = names_at(&to);
    let summary = run(&source, &target, &dir.path().join("work"));
    let summary: Value = serde_json::from_slice(&summary.stdout).expect("a summary");
    assert_eq!((&summary["appended"], &summary["skipped"]), (&Value::from(folders.len()), &Value::from(1)), "{summary}");
    assert_eq!(rehearsed.details("message-too-large").len(), 1);
    let there: BTreeSet<String> = names_at(&to).difference(&before).cloned().collect();
    let changed: Vec<String> = rehearsed.details("folder-name-changed");
    let foretold: BTreeSet<String> = changed.iter().filter_map(|detail| detail.split('`').nth(1)).map(str::to_owned).collect();
    let plain = ["100%", "100%/below", "cur", "~me", "!x", "a;b", "a^b", "back\\slash", "d.t", "&2D3c7A-", "Entw&APw-rfe", "plain"];
    let other = there.difference(&set(&plain)).filter(|name| !name.ends_with("/below")).cloned().collect::<BTreeSet<String>>();
    assert!(!foretold.is_empty() && foretold == other, "foretold are {foretold:?}, there are {there:?}");
}

#[test]
fn the_names_that_are_foretold_for_dovecot_are_those_that_come() {
    comes_true(Kind::Dovecot);
}

#[test]
fn the_names_that_are_foretold_for_cyrus_are_those_that_come() {
    comes_true(Kind::Cyrus);
}

#[test]
fn neither_end_changes_not_even_what_is_recent() {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let [from, to] = [(); 2].map(|()| Dovecot::start(Options::default()).expect("Dovecot starts"));
    for server in [&from, &to] {
        let mut talk = server.talk(1).expect("a login");
        talk.ok("CREATE Work").expect("made");
        for folder in ["INBOX", "Work"] {
            assert!(talk.append(folder, "(blue)", &mail(folder, 500)).expect("an answer").is_ok());
        }
    }
    let recent = |server: &Server| {
        let mut talk = server.talk(1).expect("a login");
        ["INBOX", "Work"].map(|name| {
            format!("{:?}", talk.ok(&format!("STATUS {name} (RECENT UNSEEN)")).expect("counted").all("STATUS").collect::<Vec<_>>())
        })
    };
    let before = [&from, &to].map(recent);
    assert!(before.iter().flatten().all(|status| status.contains('1')), "a test of recent messages: {before:?}");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let [here, there] = [&from, &to].map(|server| Tap::to(server.address()).expect("a tap"));
    let rehearsed = rehearse(&url_at(here.address(), &from.user(1), dir.path()), &url_at(there.address(), &to.user(1), dir.path()), &[]);
    assert_eq!(rehearsed.told(), set(&["note target-holds-mail INBOX", "note target-holds-mail Work"]));
    assert_eq!([&from, &to].map(recent), before);
    only_looks(&here, false);
    only_looks(&there, true);
}

/// A server that does not do as others do, with a user `alice`.
fn hostile_url(server: &Hostile, folder: &Path, password: &str) -> String {
    let file = secret_file(folder, "password", password);
    format!("imap://alice@{}/?password-file={}", server.address(), file.display())
}

#[test]
fn what_a_server_gets_wrong_or_does_not_have_is_told_with_its_folder_and_message() {
    let from = Hostile::start(Setup::default().without("CONDSTORE")).expect("a server");
    let to = Hostile::start(Setup::default().without("UIDPLUS").with("APPENDLIMIT")).expect("a server");
    from.world("alice", |world| {
        for (folder, bytes) in [("Lies", 400), ("Undated", 500), ("Nothing", 600), ("Shut", 700), ("Small", 6_000), ("Marked", 800)] {
            world.add(folder, &mail(folder, bytes), if folder == "Marked" { &["$Forwarded", "\\Flagged"] } else { &[] });
        }
        for name in ["Sent", "Gesendet"] {
            world.create(name).attributes.push("\\Sent".into());
        }
    });
    to.world("alice", |world| {
        world.keywords_may_be_new = false;
        world.create("Small").append_limit = Some(1_000);
        world.create("Outgoing").attributes.push("\\Sent".into());
    });
    from.arm(Armed::new(Quirk::Size(SizeLie::Says(19_189))).in_mailbox("Lies"));
    from.arm(Armed::new(Quirk::ShowsDate(Some("00-Jan-0000 00:00:00 +0000".into()))).in_mailbox("Undated"));
    from.arm(Armed::new(Quirk::BodyNil).in_mailbox("Nothing"));
    from.arm(Armed::new(Quirk::refuses("EXAMINE", "NO not this one")).in_mailbox("Shut"));
    let dir = tempfile::tempdir().expect("a temporary directory");
    let rehearsed = rehearse(&hostile_url(&from, dir.path(), "sesame"), &hostile_url(&to, dir.path(), "sesame"), &[]);
    let wanted = set(&[
        "note no-change-numbers",
        "note no-appended-names",
        "note message-size Lies #1",
        "warning date-missing Undated #1",
        "warning message-unreadable Nothing #1",
        "stop folder-unreadable Shut",
        "warning message-too-large Small #1",
        "warning keyword-lost Marked #1",
        "warning special-use-twice Sent",
        "warning special-use-taken Gesendet",
        "warning special-use-taken Sent",
    ]);
    assert_eq!(rehearsed.told(), wanted, "{:#}", rehearsed.document);
    assert_eq!((rehearsed.code, &rehearsed.document["mailboxes"][0]["is_whole"]), (Some(1), &Value::Bool(false)));
    assert!(to.stored().is_empty(), "something was stored");
}

#[test]
fn a_password_that_is_refused_and_a_certificate_that_is_not_believed_are_told_of_both_ends() {
    let from = Hostile::start(Setup { secrets: vec!["right".into()], ..Setup::default() }).expect("a server");
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let to = Dovecot::start(Options::default()).expect("Dovecot starts");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = secret_file(dir.path(), "other", &to.user(1).1);
    let target = format!("imaps://{}@{}/?password-file={}", to.user(1).0, to.tls_address().expect("TLS"), file.display());
    let rehearsed = rehearse(&hostile_url(&from, dir.path(), "sesame"), &target, &[]);
    assert_eq!(rehearsed.told(), set(&["stop login-refused", "stop certificate-not-believed"]));
    assert_eq!(rehearsed.code, Some(1));
}

/// Cyrus and Dovecot have different names for groups.
#[test]
fn rights_that_nobody_would_get_and_names_to_be_checked_are_told_where_rights_are_to_go_along() {
    if !is_ready(&[Kind::Dovecot, Kind::Cyrus]) {
        return;
    }
    let from = Dovecot::start(Options { with_extensions: true, ..Options::default() }).expect("Dovecot starts");
    let to = Cyrus::start(Options::default()).expect("Cyrus starts");
    let mut talk = from.talk(1).expect("a login");
    for command in ["CREATE Work", "SETACL Work u02 lr", "SETACL Work $staff lr", "SETMETADATA Work (/shared/comment \"a secret plan\")"] {
        talk.ok(command).expect(command);
    }
    assert!(talk.append("Work", "()", &mail("x", 100)).expect("an answer").is_ok());
    drop(talk);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (source, target) = (url(&from, 1, dir.path()), url(&to, 1, dir.path()));
    let plain = rehearse(&source, &target, &[]);
    assert_eq!(plain.told(), set(&["note rights-not-sent Work", "note annotations-not-sent Work"]));
    assert!(!plain.document.to_string().contains("secret plan"));
    let sent = rehearse(&source, &target, &["--set", "SendRights=1", "--set", "SendAnnotations=1"]);
    assert_eq!(sent.told(), set(&["warning rights-lost Work", "note acl-subject"]));
    assert_eq!(sent.details("acl-subject"), ["u02"]);
    assert!(sent.details("rights-lost")[0].contains("$staff"));
    let mapped =
        rehearse(&source, &target, &["--set", "SendRights=1", "--set", "SendAnnotations=1", "--set", "RightsMap=$staff=group:staff"]);
    assert_eq!(mapped.details("acl-subject"), ["group:staff", "u02"]);
    let nowhere = rehearse(
        &source,
        &format!("maildir:{}", dir.path().join("dst").display()),
        &["--set", "SendRights=1", "--set", "SendAnnotations=1"],
    );
    assert_eq!(nowhere.told(), set(&["warning rights-lost Work", "warning annotation-lost Work"]));
}
