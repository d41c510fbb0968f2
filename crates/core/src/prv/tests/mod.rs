//! The laws of the container format, held against real bytes.
#![allow(clippy::unwrap_used, reason = "a test may")]

mod damage;
mod golden;
mod laws;
mod round_trip;

use std::io::{self, Cursor, Read};

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};

use super::{Header, Kind, Options, PrvError, Reader, Record, Summary, Writer, Written, salvage};
use crate::model::{
    Beside, Census, Counted, Digest, Envelope, Flags, FolderInfo, FolderPath, InternalDate, ItemKey, Keywords, Marks, Outcome, Receipt,
    Skipped, SwitchId, Token, Unread, Was,
};

/// Small steps of a well known generator (SplitMix64): the same numbers on every machine.
pub(super) struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    pub fn one_in(&mut self, chances: u64) -> bool {
        self.below(chances) == 0
    }

    pub fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.roll() as u8)
    }

    /// Words, so that there is something to compress, and now and then noise.
    pub fn body(&mut self, size: usize) -> Vec<u8> {
        const WORDS: [&str; 8] = ["Received: ", "from ", "mail.example.org ", "\r\n", "Subject: ", "hello ", "=?utf-8?q?", "\0\u{e9} "];
        let mut body = Vec::with_capacity(size + 32);
        while body.len() < size {
            if self.one_in(9) {
                body.extend_from_slice(&self.roll().to_le_bytes());
            } else {
                body.extend_from_slice(WORDS[self.below(8) as usize].as_bytes());
            }
        }
        body.truncate(size);
        body
    }

    pub fn text(&mut self) -> String {
        let size = self.below(12) as usize;
        (0..size).map(|_| ['a', 'Z', '/', ' ', '\u{fc}', '\u{1F4EE}', '\\', '$', '.'][self.below(9) as usize]).collect()
    }

    pub fn marks(&mut self) -> Marks {
        let keywords: Keywords = (0..self.below(3)).map(|_| self.text()).collect();
        Marks { flags: Flags::from_bits(self.below(32) as u8).unwrap(), keywords }
    }

    pub fn envelope(&mut self) -> Envelope {
        let date = InternalDate {
            seconds: self.roll() as i64 >> 24,
            nanos: self.below(1_000_000_000) as u32,
            offset_minutes: self.one_in(2).then(|| self.roll() as i16),
        };
        let sender = self.one_in(3).then(|| self.text());
        Envelope { token: Token(self.bytes()), key: ItemKey(self.bytes::<9>().to_vec()), marks: self.marks(), date, sender }
    }

    pub fn receipt(&mut self, skipped: usize) -> Receipt {
        let skipped = (0..skipped).map(|_| Skipped { token: Token(self.bytes()), reason: self.text() }).collect();
        let outcome = [Outcome::Applied, Outcome::Damaged, Outcome::Archived, Outcome::Refused][self.below(4) as usize];
        Receipt { container: name(self.below(99)), digest: Digest(self.bytes()), outcome, applied: 1, already: 2, found: 3, skipped }
    }

    fn census(&mut self) -> Census {
        let mut tokens: Vec<Token> = (0..self.below(5)).map(|_| Token(self.bytes())).collect();
        tokens.sort();
        tokens.dedup();
        let items = tokens.into_iter().map(|token| Counted { token, folder: self.below(9) as u32, marks: self.marks() });
        let items = items.collect();
        Census { from: Token::FIRST, through: Token::LAST, incomplete: self.one_in(2), items }
    }

    fn beside(&mut self) -> Beside {
        let rights = (0..self.below(3)).map(|_| (self.text(), self.text())).collect();
        let annotations = (0..self.below(3)).map(|_| (self.text(), self.one_in(2).then(|| self.bytes::<5>().to_vec()))).collect();
        Beside { rights, closed: self.one_in(2), annotations }
    }

    pub fn record(&mut self) -> Record {
        let folder = self.below(5) as u32;
        let token = Token(self.bytes());
        match self.below(13) {
            0 => {
                let path = FolderPath((0..self.below(4)).map(|_| self.text()).collect());
                let special_use = self.one_in(2).then(|| self.text());
                Record::Folder {
                    id: folder,
                    info: FolderInfo { path, selectable: self.one_in(2), subscribed: self.one_in(2), special_use },
                }
            }
            1 => Record::Marks { folder, token, marks: self.marks() },
            2 => Record::Moved { token, from: folder, to: 7, key: ItemKey(self.bytes::<3>().to_vec()), marks: self.marks() },
            3 => {
                let was =
                    self.one_in(2).then(|| Was { digest: Digest(self.bytes()), size: self.below(1 << 40), date: -(self.below(99) as i64) });
                Record::Gone { folder, token, was }
            }
            4 => Record::FolderGone { id: folder },
            11 => {
                let size = self.one_in(2).then_some(7);
                let items = (0..self.below(4)).map(|_| Unread { token, folder, size, reason: self.text() }).collect();
                Record::Unread { first: self.one_in(2), items }
            }
            5 => Record::Wanted { token },
            6 => Record::Census(self.census()),
            7 => Record::Unanswered { sequence: Sequence(self.below(99)), epoch: Epoch(self.below(9)) },
            8 => Record::Beside { folder, beside: self.beside() },
            9 => Record::Ready { switch: SwitchId(self.bytes()), last: self.one_in(2) },
            10 => {
                let refused = self.one_in(2).then(|| self.text());
                Record::Confirmed {
                    switch: SwitchId(self.bytes()),
                    sequence: Sequence(self.below(99)),
                    epoch: Epoch(self.below(9)),
                    refused,
                }
            }
            _ => {
                let skipped = self.below(4) as usize;
                Record::Receipt(self.receipt(skipped))
            }
        }
    }
}

pub(super) fn name(sequence: u64) -> ContainerName {
    ContainerName { mailbox: MailboxId([7; 16]), sequence: Sequence(sequence), epoch: Epoch(3) }
}

pub(super) fn header() -> Header {
    let (cluster, node) = ("MAIL".into(), "NODE1".into());
    Header { kind: Kind::Mail, name: name(42), base: Sequence(40), previous: Epoch(2), cluster, node, created_ms: 1_700_000_000_000 }
}

pub(super) const SMALL_BLOCKS: Options = Options { level: 3, threads: 1, block_bytes: 4096 };

/// What goes into a container.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Plain(Record),
    Item(u32, Envelope, Vec<u8>),
    /// The store fails after so many bytes.
    Failing(Envelope, Vec<u8>),
}

/// Gives its bytes in odd pieces, then ends, or fails.
pub(super) struct Body<'a> {
    bytes: &'a [u8],
    fails: bool,
}

impl Read for Body<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.bytes.is_empty() && self.fails {
            return Err(io::Error::other("the store is gone"));
        }
        let count = into.len().min(1000);
        (&mut self.bytes).take(count as u64).read(into)
    }
}

pub(super) fn write(entries: &[Entry], options: Options) -> (Vec<u8>, Summary) {
    write_with(&header(), entries, options)
}

pub(super) fn write_with(header: &Header, entries: &[Entry], options: Options) -> (Vec<u8>, Summary) {
    let mut writer = Writer::new(Vec::new(), header, options).unwrap();
    for entry in entries {
        match entry {
            Entry::Plain(record) => writer.record(record).unwrap(),
            Entry::Item(folder, envelope, body) => {
                let written = writer.item(*folder, envelope, &mut Body { bytes: body, fails: false }).unwrap();
                assert_eq!(written, Written { size: body.len() as u64, digest: Digest::of(body) });
            }
            Entry::Failing(envelope, body) => {
                let error = writer.item(1, envelope, &mut Body { bytes: body, fails: true });
                assert!(matches!(error, Err(PrvError::Body(_))), "{error:?}");
            }
        }
    }
    writer.finish().unwrap()
}

/// What a reader gives out.
pub(super) type Read1 = (Record, Vec<u8>);

pub(super) fn expected(entries: &[Entry]) -> Vec<Read1> {
    let read = |entry: &Entry| match entry {
        Entry::Plain(record) => Some((record.clone(), Vec::new())),
        Entry::Item(folder, envelope, body) => {
            let (size, digest) = (body.len() as u64, Digest::of(body));
            Some((Record::Item { folder: *folder, envelope: envelope.clone(), size, digest }, body.clone()))
        }
        Entry::Failing(..) => None,
    };
    entries.iter().filter_map(read).collect()
}

pub(super) fn read(file: &[u8]) -> Result<Vec<Read1>, PrvError> {
    let mut reader = Reader::open(Cursor::new(file))?;
    let mut all = Vec::new();
    while let Some(record) = reader.next()? {
        let mut body = Vec::new();
        reader.body().read_to_end(&mut body)?;
        all.push((record, body));
    }
    Ok(all)
}

pub(super) fn rescue(file: &[u8]) -> (Vec<Read1>, super::SalvageReport) {
    let mut all = Vec::new();
    let mut each = |record: Record, body: &mut dyn Read| {
        let mut bytes = Vec::new();
        body.read_to_end(&mut bytes)?;
        all.push((record, bytes));
        Ok(())
    };
    let report = salvage(Cursor::new(file), &mut each).unwrap();
    (all, report)
}

/// A little of everything; the sizes lie around the edges of a block.
pub(super) fn medley(seed: u64, count: usize, block_bytes: usize) -> Vec<Entry> {
    let mut dice = Dice(seed);
    (0..count).map(|_| one(&mut dice, block_bytes)).collect()
}

fn one(dice: &mut Dice, block_bytes: usize) -> Entry {
    let edge = block_bytes as u64;
    let size = match dice.below(8) {
        0 => 0,
        1 => edge - 2 + dice.below(4),
        2 => edge * (1 + dice.below(3)) - 1 + dice.below(3),
        3 => dice.below(edge * 4),
        _ => dice.below(edge / 2),
    };
    match dice.below(10) {
        0..=3 => Entry::Plain(dice.record()),
        4 => Entry::Failing(dice.envelope(), dice.body(size as usize)),
        _ => Entry::Item(dice.below(4) as u32, dice.envelope(), dice.body(size as usize)),
    }
}
