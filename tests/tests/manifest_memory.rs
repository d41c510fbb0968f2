//! A manifest of a million items is written, read and verified in little memory. By itself in its process: what counts is its peak.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr)]

use std::fs::{self, File};
use std::io::{BufReader, BufWriter, Cursor};

use mailferry_core::manifest::{Choices, Folder, Header, Item, Reader, Signer, SigningKey, State, Trust, VERSION, Writer, verify};
use mailferry_core::model::{Digest, FolderInfo, FolderPath, InternalDate, ItemKey, Marks, Token};
use mailferry_core::ports::{MailSource, OpenItem, SeenItem, StoreError};
use mailferry_rules::ids::MailboxId;

const ITEMS: u64 = 1_000_000;
/// Beside what the process has before.
const WRITING_KIB_MAX: u64 = 8 << 10;
const VERIFYING_KIB_MAX: u64 = 64 << 10;

fn peak_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").expect("a process that runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel knows the peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// A mailbox that takes no memory: each message is its number.
struct Numbers;

fn name(number: u64) -> Vec<u8> {
    format!("{number:010}.M1.quay").into_bytes()
}

fn body(number: u64) -> Vec<u8> {
    format!("Subject: {number}\r\n\r\n").into_bytes()
}

impl MailSource for Numbers {
    fn describe(&self) -> String {
        "numbers".into()
    }

    fn folders(&mut self) -> Result<Vec<FolderInfo>, StoreError> {
        Ok(vec![FolderInfo::plain(FolderPath::inbox())])
    }

    fn confirm_gone(&mut self, _folder: &FolderPath) -> Result<(), StoreError> {
        Ok(())
    }

    fn scan(&mut self, _folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError> {
        (0..ITEMS).try_for_each(|number| {
            let (key, date) = (ItemKey(name(number)), InternalDate::default());
            each(SeenItem { key, move_hint: None, identity: None, marks: Marks::default(), date, dated: true, sender: None, size: None })
        })
    }

    fn open<'a>(&'a mut self, _folder: &FolderPath, key: &ItemKey) -> Result<Option<OpenItem<'a>>, StoreError> {
        let number = std::str::from_utf8(&key.0[..10]).expect("digits").parse().expect("a number");
        Ok(Some(OpenItem { reader: Box::new(Cursor::new(body(number))) }))
    }
}

fn header(key: &SigningKey) -> Header {
    Header {
        version: VERSION,
        mailbox: MailboxId([1; 16]),
        label: "many".into(),
        signer: Signer { organisation: "TGT".into(), agent: "target".into(), node: "NODE1".into() },
        key: key.public(),
        target: "numbers".into(),
        created_ms: 0,
        number: 1,
        previous: None,
        sequence: 1,
        epoch: 1,
    }
}

fn item(number: u64) -> Item {
    let digest = Digest::of(&body(number));
    let mut token = Token([0; 16]);
    token.0.copy_from_slice(&digest.0[..16]);
    Item {
        id: Some(String::from_utf8(name(number)).expect("text")),
        container: Some((1 + number / 5000, 1)),
        digest: Some(digest),
        size: Some(body(number).len() as u64),
        date: Some(1_600_000_000),
        marks: vec!["\\Seen".into()],
        ..Item::of(token, State::There)
    }
}

#[test]
fn a_million_items_are_written_and_verified_in_little_memory() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (file, key) = (dir.path().join("many.manifest"), SigningKey::of_seed([1; 32]).expect("a key"));
    let before = peak_kib();
    let mut writer = Writer::new(BufWriter::new(File::create(&file).expect("a file")), &header(&key)).expect("written");
    let inbox = Some(vec!["INBOX".to_owned()]);
    writer.folder(&Folder { target: inbox.clone(), source: inbox }).expect("written");
    (0..ITEMS).for_each(|number| writer.item(&item(number)).expect("written"));
    writer.finish(Vec::new(), Vec::new(), &key).expect("sealed");
    let written = peak_kib() - before;
    let bytes = fs::metadata(&file).expect("a file").len();
    let trust = Trust::Keys(vec![key.public()]);
    let mut open = || Reader::open(BufReader::new(File::open(&file).expect("a file")), &trust);
    let report = verify(&mut open, &mut Numbers, Choices { listed_max: 100 }, &mut |_, _| {}).expect("verified");
    let verified = peak_kib() - before;
    eprintln!("{bytes} bytes; peak beside {before} KiB: writing {written} KiB, verifying {verified} KiB");
    assert_eq!((report.expected, report.holds, report.differing()), (ITEMS, ITEMS, 0));
    assert!(written < WRITING_KIB_MAX, "writing took {written} KiB");
    assert!(verified < VERIFYING_KIB_MAX, "verifying took {verified} KiB");
}
