//! A manifest reads back as it was written, and as nothing else. After a change of the format that is meant (and has a new version
//! number), `MAILFERRY_BLESS=1 cargo test -p mailferry-core golden` writes the golden file anew.

use std::fs;
use std::io::BufReader;
use std::path::PathBuf;

use mailferry_rules::ids::MailboxId;

use super::*;
use crate::model::{Digest, Token};

fn key() -> SigningKey {
    SigningKey::of_seed([7; 32]).expect("a key")
}

fn trust() -> Trust {
    Trust::Keys(vec![key().public()])
}

fn header() -> Header {
    Header {
        version: VERSION,
        mailbox: MailboxId([0xa7; 16]),
        label: "alice".into(),
        signer: Signer { organisation: "TGT".into(), agent: "target".into(), node: "NODE1".into() },
        key: key().public(),
        target: "imaps://alice@mail.example.org".into(),
        created_ms: 1_700_000_000_000,
        number: 2,
        previous: Some(Digest::of(b"the one before")),
        sequence: 42,
        epoch: 3,
    }
}

fn item(number: u8, state: State) -> Item {
    Item {
        id: Some(crate::model::key_text(&[0, 0, 0, 9, 0, 0, 0, number])),
        container: Some((41, 3)),
        digest: Some(Digest::of(&[number])),
        size: Some(100 + u64::from(number)),
        date: Some(1_600_000_000),
        marks: vec!["\\Seen".into(), "work".into()],
        ..Item::of(Token([number; 16]), state)
    }
}

/// One of every kind.
fn content() -> Vec<(Folder, Vec<Item>)> {
    let folder = |target: Option<&str>, source: Option<&str>| Folder {
        target: target.map(|name| vec![name.into()]),
        source: source.map(|name| vec![name.into()]),
    };
    let altered = Item { altered: vec!["nul".into()], reread: Some(Digest::of(b"x")), reread_size: Some(7), ..item(2, State::Altered) };
    let approved = Approved { who: "ann".into(), when_ms: 1_700_000_000_001, why: "a test".into() };
    let damaged = Item { reread: Some(Digest::of(b"y")), reason: Some("its bytes are others".into()), ..item(3, State::Damaged) };
    let refused = Item { id: None, reason: Some("Grüße".into()), source: Some(vec!["Post".into()]), ..item(6, State::Refused) };
    vec![
        (folder(Some("Archiv"), Some("Archive")), vec![item(1, State::There), altered, Item { approved: Some(approved), ..damaged }]),
        (folder(Some("INBOX"), Some("INBOX")), vec![Item { gone_at_source: true, ..item(4, State::There) }, item(5, State::Deleted)]),
        (folder(Some("Leer"), None), Vec::new()),
        (folder(None, None), vec![refused, Item { id: None, ..Item::of(Token([9; 16]), State::TooLarge) }]),
    ]
}

fn written(header: &Header, content: &[(Folder, Vec<Item>)], key: &SigningKey) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), header).expect("written");
    for (folder, items) in content {
        writer.folder(folder).expect("written");
        items.iter().for_each(|item| writer.item(item).expect("written"));
    }
    let (bytes, sealed) = writer.finish(vec!["a7-0000000040-0000000003.prv".into()], Vec::new(), key).expect("sealed");
    assert_eq!(sealed.digest, Digest::of(&bytes));
    bytes
}

fn good() -> Vec<u8> {
    written(&header(), &content(), &key())
}

fn read(bytes: &[u8]) -> Result<(Header, Sealed), ManifestError> {
    Reader::open(BufReader::new(bytes), &trust())?.check()
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
}

#[test]
fn a_manifest_reads_back_as_it_was_written() {
    let bytes = good();
    let mut reader = Reader::open(BufReader::new(&bytes[..]), &trust()).expect("opened");
    let mut back: Vec<(Folder, Vec<Item>)> = Vec::new();
    while let Some(entry) = reader.next().expect("read") {
        match entry {
            Entry::Folder(folder) => back.push((folder, Vec::new())),
            Entry::Item(item) => back.last_mut().expect("a folder").1.push(*item),
            Entry::EndOfFolder(_) => {}
        }
    }
    assert_eq!((back, reader.header()), (content(), &header()));
    let sealed = reader.sealed().expect("read to the end");
    assert_eq!(sealed.digest, Digest::of(&bytes));
    let counts = sealed.summary.counts;
    assert_eq!((counts.items, counts.there, counts.altered, counts.damaged, counts.approved), (7, 1, 1, 0, 1));
    assert_eq!(
        (counts.deleted, counts.refused, counts.too_large, counts.renamed, counts.gone_at_source, counts.archived),
        (1, 1, 1, 1, 1, 1)
    );
    assert_eq!(sealed.summary.score, "Poor");
}

#[test]
fn the_golden_file_is_written_and_read_as_ever() {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/manifest/every-line.manifest");
    if std::env::var_os("MAILFERRY_BLESS").is_some() {
        fs::create_dir_all(file.parent().expect("a folder")).expect("made");
        fs::write(&file, good()).expect("written");
    }
    let golden = fs::read(&file).expect("the golden file is there");
    assert_eq!(String::from_utf8_lossy(&golden), String::from_utf8_lossy(&good()));
    read(&golden).expect("it is good");
}

#[test]
fn every_flipped_bit_makes_it_worthless() {
    let good = good();
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut forged = good.clone();
            forged[at] ^= 1 << bit;
            assert!(read(&forged).is_err(), "bit {bit} of byte {at}: {}", String::from_utf8_lossy(&forged));
        }
    }
}

#[test]
fn cut_off_or_extended_it_is_refused_and_said_to_be() {
    let good = good();
    for length in 0..good.len() {
        let error = read(&good[..length]).expect_err("cut off");
        let header_is_whole = length > lines(&good)[0].len();
        assert!(!header_is_whole || matches!(error, ManifestError::Truncated { .. }), "{length}: {error}");
    }
    let last = lines(&good).pop().expect("a seal");
    for more in [&b"\n"[..], b" ", b"{}\n", &last] {
        let error = read(&[&good[..], more].concat()).expect_err("extended");
        assert!(matches!(error, ManifestError::Extended { .. }), "{error}");
    }
}

#[test]
fn lines_that_are_swapped_left_out_or_doubled_are_refused() {
    let lines = lines(&good());
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        let mut doubled = lines.clone();
        doubled.insert(at, lines[at].clone());
        let mut swapped = lines.clone();
        swapped.swap(at.saturating_sub(1), at);
        for forged in [without, doubled, swapped] {
            assert!(forged == lines || read(&forged.concat()).is_err(), "line {at}: {}", String::from_utf8_lossy(&forged.concat()));
        }
    }
}

#[test]
fn a_seal_of_another_manifest_or_by_another_key_is_refused() {
    let other = written(&Header { number: 3, ..header() }, &content(), &key());
    let mut mixed = lines(&good());
    *mixed.last_mut().expect("a seal") = lines(&other).pop().expect("a seal");
    assert!(matches!(read(&mixed.concat()), Err(ManifestError::Forged { .. })));

    let stranger = SigningKey::of_seed([8; 32]).expect("a key");
    let theirs = written(&Header { key: stranger.public(), ..header() }, &content(), &stranger);
    match read(&theirs) {
        Err(ManifestError::UnknownKey(key)) => assert_eq!(key, stranger.public()),
        other => panic!("{other:?}"),
    }
    let claimed = written(&header(), &content(), &stranger);
    assert!(matches!(read(&claimed), Err(ManifestError::Forged { .. })), "signed by another key than it says");
}

/// The seal is not under its own signature.
#[test]
fn a_seal_that_is_spelled_in_another_way_is_refused() {
    let good = String::from_utf8(good()).expect("text");
    for (from, to) in [
        ("{\"line\":\"seal\",", "{ \"line\":\"seal\","),
        ("\"line\":\"seal\"", "\"line\":\"s\\u0065al\""),
        ("\"content\":", "\"content\": "),
    ] {
        let other = good.replacen(from, to, 1);
        assert!(other != good && matches!(read(other.as_bytes()), Err(ManifestError::Forged { .. })), "{to}");
    }
}

/// Whoever has the key could sign anything; but not two places for one item, or a summary that its lines do not make.
#[test]
fn what_is_out_of_order_is_neither_written_nor_read() {
    let mut content = content();
    content[0].1.swap(0, 1);
    let mut writer = Writer::new(Vec::new(), &header()).expect("written");
    writer.folder(&content[0].0).expect("written");
    writer.item(&content[0].1[0]).expect("written");
    assert!(writer.item(&content[0].1[1]).is_err());
    let mut writer = Writer::new(Vec::new(), &header()).expect("written");
    writer.folder(&content[1].0).expect("written");
    assert!(writer.folder(&content[0].0).is_err());
}

#[test]
fn what_is_no_manifest_or_of_a_later_version_is_told_as_such() {
    let later = String::from_utf8(good()).expect("text").replacen("\"version\":1", "\"version\":2", 1);
    assert!(matches!(read(later.as_bytes()), Err(ManifestError::FromTheFuture(2))));
    for other in [&b""[..], b"\n", b"{}\n", b"Subject: hello\n\n", &[0xff; 4000], &vec![b'a'; 2 << 20]] {
        assert!(matches!(read(other), Err(ManifestError::NoManifest)));
    }
}

#[test]
fn an_address_has_no_secrets() {
    assert_eq!(address("imap://u@host/?password-file=/etc/secret"), "imap://u@host");
    assert_eq!(address("maildir:/srv/mail/alice"), "maildir:/srv/mail/alice");
}
