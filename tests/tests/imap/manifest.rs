//! A manifest of an account of a real server, and damage that is planted there behind its back.

use std::fs;
use std::path::{Path, PathBuf};

use mailferry_mailbed::corpus::Corpus;
use mailferry_mailbed::fill;
use mailferry_mailbed::servers::{Dovecot, Format, Kind, Options, Server};

use super::kit::*;

const PLAIN: &str = "Plain";

struct Bed {
    target: Server,
    _source: Server,
    dir: tempfile::TempDir,
    from: String,
    to: String,
}

/// A mailbox of Dovecot that was moved to another Dovecot and is proven to be there.
fn moved() -> Option<Bed> {
    if !is_ready(&[Kind::Dovecot]) {
        return None;
    }
    let start = || Dovecot::start(Options { users: 1, ..Options::format(Format::Maildir) }).expect("Dovecot starts");
    let (source, target) = (start(), start());
    fill::users(&source, &Corpus::new(3, 1, 120)).expect("filled");
    let mut talk = source.talk(1).expect("a login");
    talk.ok(&format!("CREATE {PLAIN}")).expect("made");
    for number in 0..3 {
        talk.append(PLAIN, "(\\Seen)", format!("Subject: {number}\r\n\r\ntext {number}\r\n").as_bytes()).expect("appended");
    }
    drop(talk);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (from, to) = (url(&source, 1, dir.path()), url(&target, 1, dir.path()));
    let bed = Bed { target, _source: source, dir, from, to };
    migrate(&bed.from, &bed.to, &bed.work());
    let (made, report) = proven(&bed.from, &bed.to, &bed.work());
    assert!(made["score"] == "Perfect" || made["score"] == "Good", "{made}");
    assert_eq!((&report["holds"], report["findings"].as_array().map(Vec::len)), (&report["expected"], Some(0)), "{report}");
    Some(bed)
}

impl Bed {
    fn work(&self) -> PathBuf {
        self.dir.path().join("work")
    }

    /// A message of the folder `Plain`, in the files of the target.
    fn some_file(&self) -> PathBuf {
        let mut files = Vec::new();
        gather(&self.target.home(&self.target.user(1).0), &mut files);
        files.sort();
        let is_there = |file: &PathBuf| file.to_string_lossy().contains(PLAIN) && file.to_string_lossy().contains("/cur/");
        files.into_iter().find(is_there).expect("a message")
    }
}

fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() { gather(&entry, files) } else { files.push(entry) }
    }
}

#[test]
fn one_flipped_byte_in_the_files_of_dovecot_is_named_by_folder_and_message() {
    let Some(bed) = moved() else { return };
    let file = bed.some_file();
    let mut bytes = fs::read(&file).expect("a message");
    let at = bytes.iter().rposition(u8::is_ascii_alphanumeric).expect("text");
    bytes[at] ^= 1;
    fs::write(&file, bytes).expect("written");
    let (code, report) = verified(&bed.to, &bed.work(), &[]);
    assert_eq!((code, &report["counts"]), (Some(1), &serde_json::json!({ "changed": 1 })), "{report}");
    assert_eq!(
        (&report["findings"][0]["kind"], &report["findings"][0]["folder"]),
        (&"changed".into(), &serde_json::json!([PLAIN])),
        "{report}"
    );
    let (made, _) = proven(&bed.from, &bed.to, &bed.work());
    assert_eq!((&made["number"], &made["score"]), (&2.into(), &"Poor".into()), "the next manifest knows: {made}");
}

#[test]
fn a_folder_with_another_uidvalidity_is_told_as_such_and_known_by_its_bytes() {
    let Some(bed) = moved() else { return };
    let mut talk = bed.target.talk(1).expect("a login");
    for command in [
        format!("RENAME {PLAIN} Aside"),
        format!("CREATE {PLAIN}"),
        "SELECT Aside".into(),
        format!("COPY 1:* {PLAIN}"),
        "CLOSE".into(),
        "DELETE Aside".into(),
    ] {
        talk.ok(&command).expect("done");
    }
    let (code, report) = verified(&bed.to, &bed.work(), &[]);
    assert_eq!((code, &report["counts"]), (Some(1), &serde_json::json!({ "renamed": 1 })), "{report}");
    assert_eq!((&report["holds"], &report["findings"][0]["folder"]), (&report["expected"], &serde_json::json!([PLAIN])), "{report}");
    assert!(report["findings"][0]["how"].as_str().is_some_and(|how| how.contains("UIDVALIDITY")), "{report}");
}

#[test]
fn what_users_of_the_target_do_is_told_and_what_is_lost_is_a_difference() {
    let Some(bed) = moved() else { return };
    let mut talk = bed.target.talk(1).expect("a login");
    talk.append("INBOX", "()", b"Subject: new\r\n\r\nnew\r\n").expect("appended");
    talk.ok(&format!("SELECT {PLAIN}")).and_then(|_| talk.ok("MOVE 1 INBOX")).expect("moved");
    let (code, report) = verified(&bed.to, &bed.work(), &[]);
    assert_eq!((code, &report["counts"]), (Some(0), &serde_json::json!({ "added": 1, "moved": 1 })), "{report}");
    talk.ok("STORE 1 +FLAGS.SILENT (\\Deleted)").and_then(|_| talk.ok("EXPUNGE")).expect("removed");
    let (code, report) = verified(&bed.to, &bed.work(), &[]);
    assert_eq!((code, &report["counts"]), (Some(1), &serde_json::json!({ "added": 1, "missing": 1, "moved": 1 })), "{report}");
}

/// From LF over the wire with CRLF: the bytes of the source are known again.
#[test]
fn mail_of_unix_is_there_although_its_lines_end_in_crlf_now() {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let target = Dovecot::start(Options { users: 1, ..Options::format(Format::Mdbox) }).expect("Dovecot starts");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let maildir = dir.path().join("old");
    ["cur", "new", "tmp"].iter().for_each(|sub| fs::create_dir_all(maildir.join(sub)).expect("made"));
    for number in 0..20 {
        let text = format!("Subject: {number}\nDate: Tue, 14 Nov 2023 22:13:20 +0000\n\nline\nanother {number}\n");
        fs::write(maildir.join(format!("cur/17000000{number:02}.M1.quay:2,S")), text).expect("written");
    }
    let (from, to, work) = (format!("maildir:{}", maildir.display()), url(&target, 1, dir.path()), dir.path().join("work"));
    migrate(&from, &to, &work);
    let (made, report) = proven(&from, &to, &work);
    assert_eq!((&made["score"], &counted(&work)["crlf"]), (&"Perfect".into(), &20.into()), "{made}");
    assert_eq!(report["holds"], 20, "{report}");
}
