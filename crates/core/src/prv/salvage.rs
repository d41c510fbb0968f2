//! Reads what can be read of a damaged container.
//!
//! First a scan from front to back finds every sound block and, if it is sound, the index; then the blocks are read in the order of their
//! numbers. Nothing but the blocks themselves is trusted: header, index and trailer may be missing, blocks may be
//! damaged, doubled or out of order.

use std::collections::BTreeSet;
use std::fmt;
use std::io::{self, Read, Seek};

use super::block::{BlockHead, BlockKind, Blocks};
use super::error::PrvError;
use super::header::{Header, HeaderFrame};
use super::index::{Index, IndexEntry};
use super::layout::{BLOCK_MAGIC, BLOCK_MARK, BLOCKS_MAX, FRAME_BYTES, INDEX_MAGIC, INDEX_MARK, TRAILER_BYTES, kind};
use super::reader::{read_header, read_index};
use super::record::{self, Framed, Record};
use crate::model::{Digest, Receipt};

/// A stretch of the file in which nothing sound was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BadRange {
    pub offset: u64,
    pub bytes: u64,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SalvageReport {
    /// `None`: the header is damaged.
    pub header: Option<Header>,
    /// Given out.
    pub items: u64,
    /// Given out, items included.
    pub records: u64,
    pub blocks: u64,
    pub damaged: Vec<BadRange>,
    /// Items that the index lists and no sound block holds; `None`: the index is damaged too.
    pub lost: Option<Vec<IndexEntry>>,
    /// Records lost besides items, as far as the index tells.
    pub records_lost: Option<u64>,
}

/// Names named in a message; the rest is counted.
const NAMED_MAX: usize = 10;

impl fmt::Display for SalvageReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} and {} can be read", count(self.items, "item"), count(self.records - self.items, "other record"))?;
        match &self.lost {
            None => f.write_str("; what is lost cannot be told, the index is damaged too")?,
            Some(lost) if lost.is_empty() => f.write_str("; no item is lost")?,
            Some(lost) => named(f, lost)?,
        }
        match self.records_lost {
            Some(0) | None => Ok(()),
            Some(lost) => write!(f, "; lost: {}", count(lost, "other record")),
        }
    }
}

fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

fn named(f: &mut fmt::Formatter<'_>, lost: &[IndexEntry]) -> fmt::Result {
    write!(f, "; lost: {}: ", count(lost.len() as u64, "item"))?;
    for (number, item) in lost.iter().take(NAMED_MAX).enumerate() {
        write!(f, "{}{} (folder {}, {} bytes)", if number == 0 { "" } else { ", " }, item.token, item.folder, item.size)?;
    }
    if lost.len() > NAMED_MAX { write!(f, " and {} more", lost.len() - NAMED_MAX) } else { Ok(()) }
}

/// Gives out every record of every undamaged block, in order; an item with its body, a large one only if all of it is there.
/// An error of `each` ends it.
pub fn salvage<R: Read + Seek>(
    source: R,
    each: &mut dyn FnMut(Record, &mut dyn Read) -> io::Result<()>,
) -> Result<SalvageReport, PrvError> {
    let mut blocks = Blocks::new(source)?;
    let head = match read_header(&mut blocks) {
        Ok(head) => Some(head),
        Err(error) if error.is_damage() => None,
        Err(error) => return Err(error),
    };
    let found = Scan::new(&blocks, head).run(&mut blocks)?;
    let mut rescue = Rescue { blocks, found: &found.blocks, each, records: 0, given: BTreeSet::new() };
    rescue.run()?;
    let (records, given) = (rescue.records, rescue.given);
    Ok(found.report(records, &given))
}

/// What the scan knows so far.
struct Scan {
    head: Option<HeaderFrame>,
    id: Option<[u8; 16]>,
    blocks: Vec<(u64, BlockHead)>,
    index: Option<Index>,
    damaged: Vec<BadRange>,
    /// Bytes that may still be read for block heads that turn out wrong: a file made of such heads must not cost the square of
    /// its length.
    patience: u64,
    search: Search,
}

impl Scan {
    fn new<R>(blocks: &Blocks<R>, head: Option<HeaderFrame>) -> Self {
        let id = head.as_ref().map(|head| head.container_id);
        let patience = blocks.bytes.saturating_mul(4).saturating_add(64 << 20);
        Scan { head, id, blocks: Vec::new(), index: None, damaged: Vec::new(), patience, search: Search::default() }
    }

    fn run<R: Read + Seek>(mut self, blocks: &mut Blocks<R>) -> Result<Self, PrvError> {
        let mut at = self.head.as_ref().map_or(0, |head| head.bytes);
        while at < blocks.bytes {
            let sound = match self.block(blocks, at)? {
                0 => self.index(blocks, at)?,
                sound => sound,
            };
            let next = match sound {
                0 if self.trailer(blocks, at)? => blocks.bytes,
                0 => self.skip(blocks, at)?,
                sound => at + sound,
            };
            at = next;
        }
        self.blocks.sort_by_key(|(_, head)| head.number);
        self.blocks.dedup_by_key(|(_, head)| head.number);
        Ok(self)
    }

    /// Length of the sound block at `at`, 0 if there is none.
    fn block<R: Read + Seek>(&mut self, blocks: &mut Blocks<R>, at: u64) -> Result<u64, PrvError> {
        let Some(head) = blocks.head(at)? else { return Ok(0) };
        if self.id.is_some_and(|id| id != head.container_id) || self.patience < head.bytes() {
            return Ok(0);
        }
        if !blocks.sound(at, &head)? {
            self.patience -= head.bytes();
            return Ok(0);
        }
        self.id = Some(head.container_id);
        if self.blocks.len() < BLOCKS_MAX {
            self.blocks.push((at, head));
        }
        Ok(head.bytes())
    }

    /// Length of the sound index at `at`, 0 if there is none.
    fn index<R: Read + Seek>(&mut self, blocks: &mut Blocks<R>, at: u64) -> Result<u64, PrvError> {
        let mut start = [0; FRAME_BYTES];
        if blocks.bytes - at < FRAME_BYTES as u64 {
            return Ok(0);
        }
        blocks.read(at, &mut start)?;
        let [magic @ .., a, b, c, d] = start;
        let bytes = FRAME_BYTES as u64 + u64::from(u32::from_le_bytes([a, b, c, d]));
        if magic != INDEX_MAGIC || bytes > blocks.bytes - at || self.patience < bytes {
            return Ok(0);
        }
        match read_index(blocks, at, bytes, self.id) {
            Ok(index) => self.index = Some(index),
            Err(PrvError::Io(error)) => return Err(PrvError::Io(error)),
            Err(_) => {
                self.patience -= bytes;
                return Ok(0);
            }
        }
        Ok(bytes)
    }

    /// The trailer holds nothing that is needed here; where it stands nothing is damaged.
    fn trailer<R: Read + Seek>(&self, blocks: &mut Blocks<R>, at: u64) -> Result<bool, PrvError> {
        if blocks.bytes - at != TRAILER_BYTES as u64 {
            return Ok(false);
        }
        let mut bytes = [0; TRAILER_BYTES];
        blocks.read(at, &mut bytes)?;
        Ok(super::trailer::Trailer::decode(&bytes, at).is_ok())
    }

    /// Finds the next place where a block or an index may begin and notes what lies between.
    fn skip<R: Read + Seek>(&mut self, blocks: &mut Blocks<R>, at: u64) -> Result<u64, PrvError> {
        let next = self.search.find(blocks, at + 1)?;
        match self.damaged.last_mut() {
            Some(last) if last.offset + last.bytes == at => last.bytes = next - last.offset,
            _ => self.damaged.push(BadRange { offset: at, bytes: next - at }),
        }
        Ok(next)
    }

    fn report(self, records: u64, given: &BTreeSet<(u32, u32)>) -> SalvageReport {
        let lost = self.index.as_ref().map(|index| {
            let lost = |item: &&IndexEntry| !given.contains(&(item.block, item.offset));
            index.items.iter().filter(lost).copied().collect::<Vec<_>>()
        });
        let items = given.len() as u64;
        let listed = self.index.as_ref().map(|index| index.records() - index.items.len() as u64);
        SalvageReport {
            header: self.head.map(|head| head.header),
            items,
            records,
            blocks: self.blocks.len() as u64,
            damaged: self.damaged,
            lost,
            records_lost: listed.map(|listed| listed.saturating_sub(records - items)),
        }
    }
}

/// Looks for places where a frame may begin, in a window that moves over the file.
#[derive(Default)]
struct Search {
    offset: u64,
    window: Vec<u8>,
}

/// As much of a frame as is looked for.
const MARKED: usize = FRAME_BYTES + 4;

impl Search {
    /// First place from `from` on where the magic of a block or an index stands; the end of the file if there is none.
    fn find<R: Read + Seek>(&mut self, blocks: &mut Blocks<R>, from: u64) -> Result<u64, PrvError> {
        let mut at = from;
        while blocks.bytes.saturating_sub(at) >= MARKED as u64 {
            let rest = self.rest(blocks, at)?;
            if let Some(hit) = rest.windows(MARKED).position(begins_frame) {
                return Ok(at + hit as u64);
            }
            at += (rest.len() - (MARKED - 1)) as u64;
        }
        Ok(blocks.bytes)
    }

    /// The window from `at` on, read anew where it holds too little.
    fn rest<R: Read + Seek>(&mut self, blocks: &mut Blocks<R>, at: u64) -> Result<&[u8], PrvError> {
        let skip = at.checked_sub(self.offset).and_then(|skip| usize::try_from(skip).ok()).unwrap_or(usize::MAX);
        if self.window.len().saturating_sub(skip) >= MARKED {
            return Ok(&self.window[skip..]);
        }
        self.window.resize((64 << 10).min(blocks.bytes - at) as usize, 0);
        self.offset = at;
        blocks.read(at, &mut self.window)?;
        Ok(&self.window)
    }
}

fn begins_frame(bytes: &[u8]) -> bool {
    let mark = &bytes[FRAME_BYTES..];
    (bytes[..4] == BLOCK_MAGIC && mark == BLOCK_MARK) || (bytes[..4] == INDEX_MAGIC && mark == INDEX_MARK)
}

/// Gives out what the sound blocks hold.
struct Rescue<'a, R> {
    blocks: Blocks<R>,
    found: &'a [(u64, BlockHead)],
    each: &'a mut dyn FnMut(Record, &mut dyn Read) -> io::Result<()>,
    records: u64,
    /// Block and offset of each item given out.
    given: BTreeSet<(u32, u32)>,
}

impl<R: Read + Seek> Rescue<'_, R> {
    fn run(&mut self) -> Result<(), PrvError> {
        let mut receipt = None;
        let found = self.found;
        for (number, (offset, head)) in found.iter().enumerate() {
            match head.kind {
                BlockKind::Records => self.block(*offset, head.number, &mut receipt)?,
                BlockKind::First => self.large_item(number)?,
                BlockKind::Next | BlockKind::Withdrawn => {}
            }
        }
        Ok(())
    }

    /// Loads a block; a sound one that does not unpack was never written by us and is passed over.
    fn load(&mut self, offset: u64) -> Result<bool, PrvError> {
        match self.blocks.load(offset) {
            Ok(_) => Ok(true),
            Err(PrvError::Io(error)) => Err(PrvError::Io(error)),
            Err(_) => Ok(false),
        }
    }

    fn block(&mut self, offset: u64, number: u32, receipt: &mut Option<(Receipt, usize)>) -> Result<(), PrvError> {
        if !self.load(offset)? {
            return Ok(());
        }
        let raw = std::mem::take(&mut self.blocks.raw);
        let mut at = 0;
        while let Some(framed) = record::frame(&raw, at) {
            self.record(&raw, at, number, &framed, receipt)?;
            at = framed.next;
        }
        self.blocks.raw = raw;
        Ok(())
    }

    fn record(
        &mut self,
        raw: &[u8],
        at: usize,
        number: u32,
        framed: &Framed,
        receipt: &mut Option<(Receipt, usize)>,
    ) -> Result<(), PrvError> {
        let payload = &raw[framed.payload.clone()];
        match framed.kind {
            kind::ITEM => self.small_item(payload, &raw[framed.body.clone()], (number, at)),
            kind::RECEIPT | kind::SKIPPED => self.receipt(framed.kind, payload, receipt),
            other => record::decode(other, payload).map_or(Ok(()), |record| self.give(record, &mut io::empty())),
        }
    }

    fn give(&mut self, record: Record, body: &mut dyn Read) -> Result<(), PrvError> {
        self.records += 1;
        (self.each)(record, body).map_err(PrvError::Io)
    }

    fn small_item(&mut self, payload: &[u8], body: &[u8], place: (u32, usize)) -> Result<(), PrvError> {
        let Some(head) = record::decode_item(kind::ITEM, payload) else { return Ok(()) };
        self.given.insert((place.0, u32::try_from(place.1).unwrap_or(u32::MAX)));
        let record = Record::Item { folder: head.folder, envelope: head.envelope, size: head.size, digest: Digest::of(body) };
        self.give(record, &mut &*body)
    }

    /// Gives out a receipt when the last of its skipped items is there; one that is not complete is lost.
    fn receipt(&mut self, kind: u8, payload: &[u8], open: &mut Option<(Receipt, usize)>) -> Result<(), PrvError> {
        if kind == kind::RECEIPT {
            *open = record::decode_receipt(payload).map(|record::ReceiptHead(receipt, count)| (receipt, count));
        } else if open.as_mut().is_some_and(|(receipt, _)| record::decode_skipped(payload, &mut receipt.skipped).is_none()) {
            *open = None;
        }
        match open.take_if(|(receipt, count)| receipt.skipped.len() >= *count) {
            Some((receipt, count)) if receipt.skipped.len() == count => self.give(Record::Receipt(receipt), &mut io::empty()),
            _ => Ok(()),
        }
    }

    /// `first` is the place of its first block among those found.
    fn large_item(&mut self, first: usize) -> Result<(), PrvError> {
        let found = self.found;
        let (offset, head) = found[first];
        let run = |(place, (_, block)): (usize, &(u64, BlockHead))| {
            block.kind == BlockKind::Next && block.number as usize == head.number as usize + 1 + place
        };
        let more = found[first + 1..].iter().enumerate().take_while(|block| run(*block)).count();
        let parts = &found[first..=first + more];
        let Some(end) = self.end(parts)?.filter(|end| !end.withdrawn) else { return Ok(()) };
        if !self.load(offset)? {
            return Ok(());
        }
        let raw = &self.blocks.raw;
        let framed = record::frame(raw, 0).filter(|framed| framed.kind == kind::LARGE);
        let Some(item) = framed.and_then(|framed| record::decode_item(kind::LARGE, &raw[framed.payload])) else { return Ok(()) };
        self.given.insert((head.number, 0));
        self.records += 1;
        let record = Record::Item { folder: item.folder, envelope: item.envelope, size: end.size, digest: end.digest };
        let mut body = Parts { blocks: &mut self.blocks, parts, piece: None };
        (self.each)(record, &mut body).map_err(PrvError::Io)
    }

    /// The End record, if the last block has one and the parts before it add up.
    fn end(&mut self, parts: &[(u64, BlockHead)]) -> Result<Option<record::End>, PrvError> {
        let (mut size, mut hasher, mut end) = (0, blake3::Hasher::new(), None);
        for (offset, _) in parts {
            if end.is_some() || !self.load(*offset)? {
                return Ok(None);
            }
            let raw = &self.blocks.raw;
            let mut at = 0;
            while let Some(framed) = record::frame(raw, at) {
                match framed.kind {
                    kind::PART => {
                        size += framed.body.len() as u64;
                        hasher.update(&raw[framed.body.clone()]);
                    }
                    kind::END => end = record::decode_end(&raw[framed.payload.clone()]),
                    _ => {}
                }
                at = framed.next;
            }
        }
        Ok(end.filter(|end| end.size == size && *hasher.finalize().as_bytes() == end.digest.0))
    }
}

/// Body of a large item that was found whole.
struct Parts<'a, R> {
    blocks: &'a mut Blocks<R>,
    /// The blocks still to be read, the one at hand first.
    parts: &'a [(u64, BlockHead)],
    /// Place of the bytes at hand in `blocks.raw`; `None`: the block is still to be read.
    piece: Option<std::ops::Range<usize>>,
}

impl<R: Read + Seek> Read for Parts<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let piece = match self.piece.take() {
                Some(piece) => piece,
                None if self.parts.is_empty() => return Ok(0),
                None => self.load()?,
            };
            let count = into.len().min(piece.len());
            if count > 0 || into.is_empty() {
                into[..count].copy_from_slice(&self.blocks.raw[piece.start..piece.start + count]);
                self.piece = Some(piece.start + count..piece.end);
                return Ok(count);
            }
            self.parts = &self.parts[1..];
        }
    }
}

impl<R: Read + Seek> Parts<'_, R> {
    fn load(&mut self) -> io::Result<std::ops::Range<usize>> {
        let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
        self.blocks.load(self.parts[0].0).map_err(invalid)?;
        let raw = &self.blocks.raw;
        let mut at = 0;
        while let Some(framed) = record::frame(raw, at) {
            if framed.kind == kind::PART {
                return Ok(framed.body);
            }
            at = framed.next;
        }
        Ok(0..0)
    }
}
