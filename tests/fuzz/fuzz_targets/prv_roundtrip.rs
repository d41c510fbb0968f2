//! Any records: written, verified, read back the same, salvaged the same, whatever the threads.
#![no_main]

use std::io::{self, Cursor, Read};

use libfuzzer_sys::fuzz_target;
use mailferry_core::model::{
    Digest, Envelope, Flags, FolderInfo, FolderPath, InternalDate, ItemKey, Marks, Outcome, Receipt, Skipped, Token,
};
use mailferry_core::prv::{Header, Kind, Options, PrvError, Reader, Record, Writer, salvage, verify};
use mailferry_fuzz::Choices;
use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};

enum Entry {
    Plain(Record),
    Item(u32, Envelope, Vec<u8>, bool),
}

fuzz_target!(|data: &[u8]| {
    let mut choices = Choices(data);
    let header = header(&mut choices);
    let options = Options { level: 1 + i32::from(choices.byte() % 4), threads: 1, block_bytes: 4096 + usize::from(choices.byte()) };
    let mut entries = Vec::new();
    while !choices.is_empty() && entries.len() < 64 {
        entries.push(entry(&mut choices));
    }
    let (file, expected) = write(&header, options, &entries);
    assert_eq!(write(&header, Options { threads: 2, ..options }, &entries).0, file);
    verify(Cursor::new(&file)).expect("what was written verifies");
    let mut reader = Reader::open(Cursor::new(&file)).expect("what was written opens");
    assert_eq!(reader.header(), &header);
    for (record, body) in &expected {
        assert_eq!(reader.next().expect("it reads").as_ref(), Some(record));
        let mut bytes = Vec::new();
        reader.body().read_to_end(&mut bytes).expect("the body reads");
        assert_eq!(&bytes, body);
    }
    assert_eq!(reader.next().expect("it ends"), None);
    let mut rest = expected.iter();
    let report = salvage(Cursor::new(&file), &mut |record, body| {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes)?;
        assert_eq!(rest.next(), Some(&(record, bytes)));
        Ok(())
    });
    let report = report.expect("it is salvaged");
    assert_eq!((report.damaged.len(), report.lost.map(|lost| lost.len()), report.records), (0, Some(0), expected.len() as u64));
});

fn write(header: &Header, options: Options, entries: &[Entry]) -> (Vec<u8>, Vec<(Record, Vec<u8>)>) {
    let mut writer = Writer::new(Vec::new(), header, options).expect("the header fits");
    let mut expected = Vec::new();
    for entry in entries {
        match entry {
            Entry::Plain(record) => {
                writer.record(record).expect("the record fits");
                expected.push((record.clone(), Vec::new()));
            }
            Entry::Item(folder, envelope, body, fails) => match writer.item(*folder, envelope, &mut Body(body, *fails)) {
                Ok(written) => {
                    assert!(!fails && written.digest == Digest::of(body));
                    let (folder, size, digest) = (*folder, written.size, written.digest);
                    expected.push((Record::Item { folder, envelope: envelope.clone(), size, digest }, body.clone()));
                }
                Err(PrvError::Body(_)) => assert!(fails),
                Err(error) => panic!("{error}"),
            },
        }
    }
    (writer.finish().expect("it is finished").0, expected)
}

struct Body<'a>(&'a [u8], bool);

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() && self.1 { Err(io::Error::other("gone")) } else { self.0.read(into) }
    }
}

fn header(choices: &mut Choices<'_>) -> Header {
    let kind = if choices.byte() & 1 == 0 { Kind::Mail } else { Kind::Receipts };
    let name = name(choices);
    let (base, previous) = (Sequence(choices.word().into()), Epoch(choices.word().into()));
    Header { kind, name, base, previous, cluster: text(choices), node: text(choices), created_ms: choices.long() }
}

fn name(choices: &mut Choices<'_>) -> ContainerName {
    ContainerName { mailbox: MailboxId(choices.array()), sequence: Sequence(choices.word().into()), epoch: Epoch(choices.word().into()) }
}

fn text(choices: &mut Choices<'_>) -> String {
    let count = usize::from(choices.byte() % 32);
    String::from_utf8_lossy(choices.take(count)).into_owned()
}

fn key(choices: &mut Choices<'_>) -> ItemKey {
    let count = usize::from(choices.byte());
    ItemKey(choices.take(count).to_vec())
}

fn marks(choices: &mut Choices<'_>) -> Marks {
    let flags = Flags::from_bits(choices.byte() % 32).unwrap_or_default();
    Marks { flags, keywords: (0..choices.byte() % 4).map(|_| text(choices)).collect() }
}

fn entry(choices: &mut Choices<'_>) -> Entry {
    let (folder, token) = (choices.byte().into(), Token(choices.array()));
    Entry::Plain(match choices.byte() % 8 {
        0 => Record::Folder { id: folder, info: info(choices) },
        1 => Record::Marks { folder, token, marks: marks(choices) },
        2 => Record::Moved { token, from: folder, to: choices.word(), key: key(choices), marks: marks(choices) },
        3 => Record::Gone { folder, token, was: None },
        4 => Record::FolderGone { id: folder },
        5 => Record::Receipt(receipt(choices)),
        _ => return item(choices, folder, token),
    })
}

fn info(choices: &mut Choices<'_>) -> FolderInfo {
    let path = FolderPath((0..choices.byte() % 5).map(|_| text(choices)).collect());
    let bits = choices.byte();
    FolderInfo { path, selectable: bits & 1 == 0, subscribed: bits & 2 == 0, special_use: (bits & 4 == 0).then(|| text(choices)) }
}

fn receipt(choices: &mut Choices<'_>) -> Receipt {
    let outcome = [Outcome::Applied, Outcome::Damaged, Outcome::Archived][usize::from(choices.byte() % 3)];
    let skipped = |choices: &mut Choices<'_>| Skipped { token: Token(choices.array()), reason: text(choices) };
    let (container, digest) = (name(choices), Digest(choices.array()));
    let (applied, already, found) = (choices.long(), choices.long(), choices.long());
    let skipped = (0..choices.byte() % 8).map(|_| skipped(choices)).collect();
    Receipt { container, digest, outcome, applied, already, found, skipped }
}

fn item(choices: &mut Choices<'_>, folder: u32, token: Token) -> Entry {
    let offset_minutes = (choices.byte() & 1 == 0).then(|| choices.short() as i16);
    let date = InternalDate { seconds: choices.long() as i64, nanos: choices.word() % 1_000_000_000, offset_minutes };
    let sender = (choices.byte() & 1 == 0).then(|| text(choices));
    let envelope = Envelope { token, key: key(choices), marks: marks(choices), date, sender };
    let (count, pattern) = (usize::from(choices.short()) % 15_000, usize::from(choices.byte()));
    let seed = choices.take(pattern.max(1));
    let body = seed.iter().copied().chain([b'x']).cycle().take(count).collect();
    Entry::Item(folder, envelope, body, choices.byte() % 8 == 1)
}
