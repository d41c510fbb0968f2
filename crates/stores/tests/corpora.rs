//! Real mail, in and out. The corpora are no part of the repository: where they are not found the tests say so and pass.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use mailferry_core::model::{Digest, Envelope, FolderInfo, FolderPath, InternalDate, ItemKey, Marks, Token};
use mailferry_core::ports::{MailSource, MailTarget, NewItem};
use mailferry_stores::{StoreUrl, open_source, open_target};

/// Unpacks a corpus; `None`, loudly, when it or the programs for it are missing.
fn unpacked(name: &str) -> Option<tempfile::TempDir> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora");
    let folder = std::env::var_os("MAILFERRY_CORPORA").map_or(beside, PathBuf::from);
    let archive = folder.join(format!("{name}.tar.zst"));
    if !archive.is_file() {
        return skipped(&format!("{} is not there; set MAILFERRY_CORPORA", archive.display()));
    }
    let dir = tempfile::tempdir().expect("a temporary directory");
    let unpacked = Command::new("tar").arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(dir.path()).status();
    if !unpacked.is_ok_and(|status| status.success()) {
        return skipped(&format!("{} could not be unpacked with tar and zstd", archive.display()));
    }
    Some(dir)
}

/// Straight to the error output: what a passing test prints is held back (docs/testing.md).
fn skipped<T>(reason: &str) -> Option<T> {
    writeln!(std::io::stderr(), "SKIPPED: {reason}").expect("an error output");
    None
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry")) {
        match entry.file_type().expect("a type").is_dir() {
            true => found.extend(files_below(&entry.path())),
            false => found.push(entry.path()),
        }
    }
    found.sort();
    found
}

fn url(scheme: &str, path: &Path) -> StoreUrl {
    StoreUrl::parse(&format!("{scheme}:{}", path.display())).expect("a store")
}

fn put(target: &mut dyn MailTarget, folder: &FolderPath, number: usize, body: &[u8]) {
    let mut token = [0; 16];
    token[..8].copy_from_slice(&(number as u64).to_be_bytes());
    let date = InternalDate { seconds: 1_000_000_000 + number as i64, ..InternalDate::default() };
    let envelope = Envelope { token: Token(token), key: ItemKey(vec![]), marks: Marks::default(), date, sender: None };
    target.append(folder, &NewItem { envelope: &envelope, size: body.len() as u64 }, &mut &body[..]).expect("an append");
}

fn bodies(source: &mut dyn MailSource, folder: &FolderPath) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    source
        .scan(folder, &mut |item| {
            keys.push(item.key);
            Ok(())
        })
        .expect("a scan");
    let mut read = |key: &ItemKey| {
        let mut body = Vec::new();
        source.open(folder, key).expect("an answer").expect("the item").reader.read_to_end(&mut body).expect("readable");
        body
    };
    keys.iter().map(&mut read).collect()
}

/// Every file of a corpus as a message: into a Maildir, from there into mbox, equal at both ends.
fn comes_through_maildir_and_mbox(corpus: &str) {
    let Some(dir) = unpacked(corpus) else { return };
    let messages: Vec<Vec<u8>> = files_below(dir.path()).iter().map(|path| fs::read(path).expect("readable")).collect();
    let (inbox, out) = (FolderPath::inbox(), tempfile::tempdir().expect("a temporary directory"));
    let mut given = messages;
    for scheme in ["maildir", "mbox"] {
        let url = url(scheme, &out.path().join(scheme));
        let mut target = open_target(&url).expect("a target");
        target.ensure_folder(&FolderInfo::plain(inbox.clone())).expect("a folder");
        for (number, body) in given.iter().enumerate() {
            put(&mut *target, &inbox, number, body);
        }
        target.flush().expect("a flush");
        drop(target);
        let got = bodies(&mut *open_source(&url).expect("a source"), &inbox);
        assert_eq!(got.len(), given.len());
        for (number, (got, given)) in got.iter().zip(&given).enumerate() {
            assert!(Digest::of(got) == Digest::of(given), "{corpus}: message {number} differs in {scheme}");
        }
        given = got;
    }
}

#[test]
fn parser_torture_comes_through_unchanged() {
    comes_through_maildir_and_mbox("mime-dev");
}

#[test]
fn spam_comes_through_unchanged() {
    comes_through_maildir_and_mbox("sa-dev");
}

#[test]
fn business_mail_comes_through_unchanged() {
    comes_through_maildir_and_mbox("enron-dev");
}

#[test]
fn list_mail_comes_through_unchanged() {
    comes_through_maildir_and_mbox("openbmc-dev");
}

fn counts(dir: &Path) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for path in files_below(dir).into_iter().filter(|path| path.extension().is_some_and(|ending| ending == "mbox")) {
        let mut source = open_source(&url("mbox", &path)).expect("a source");
        let bodies = bodies(&mut *source, &FolderPath::inbox());
        assert!(bodies.iter().all(|body| !body.is_empty()), "{}", path.display());
        counts.insert(path.file_name().expect("a name").to_string_lossy().into_owned(), bodies.len());
    }
    counts
}

#[test]
fn list_archives_hold_as_many_messages_as_are_known() {
    let Some(dir) = unpacked("apache-mbox-dev") else { return };
    let counts = counts(dir.path());
    let known = [
        ("commits_ponymail_apache_org_2016-06.mbox", 82),
        ("httpd-users-200606-part.mbox", 12),
        ("maven-dev-2017-11-listsao.mbox", 320),
        ("maven-dev-2017-11-mailarchivesao.mbox", 317),
        ("maven-dev-2017-11-mboxvm.mbox", 317),
        ("maven_duplicates_2017_listsao_1.mbox", 10),
        ("nexus-html-only.mbox", 3),
        ("no_date.mbox", 1),
        ("empty_body.mbox", 1),
    ];
    for (name, count) in known {
        assert_eq!(counts.get(name), Some(&count), "{name}");
    }
    assert_eq!((counts.len(), counts.values().sum::<usize>()), (20, 1101));
}

#[test]
fn server_test_boxes_hold_as_many_messages_as_have_from_lines() {
    let Some(dir) = unpacked("imap-dev") else { return };
    let counts = counts(dir.path());
    for (name, count) in
        [("search-date.mbox", 16), ("thread-orderedsubject.mbox", 15), ("default.mbox", 6), ("fetch-body-message-rfc822.mbox", 1)]
    {
        assert_eq!(counts.get(name), Some(&count), "{name}");
    }
}
