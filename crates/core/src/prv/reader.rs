//! Reads a container that is whole: in the order of writing, or item by item. A damaged one is for `salvage`.

use std::io::{self, Read, Seek};

use super::block::{BlockHead, BlockKind, Blocks};
use super::error::PrvError;
use super::header::{self, Header, HeaderFrame};
use super::index::{Index, IndexEntry};
use super::layout::{HEADER_BYTES_MAX, TRAILER_BYTES, kind};
use super::record::{self, Framed, Record};
use super::trailer::Trailer;
use crate::model::{Digest, Receipt};

pub struct Reader<R> {
    pub(super) blocks: Blocks<R>,
    pub(super) opened: Opened,
    /// Block that `blocks.raw` holds, and where the next record begins in it.
    block: Option<usize>,
    at: usize,
    /// Ordinal of the next item.
    item: usize,
    body: Option<OpenBody>,
    /// After an error nothing is given out any more: going on behind a damaged block would look like success.
    failed: bool,
}

/// The frames around the blocks, checked against each other.
pub(super) struct Opened {
    pub head: HeaderFrame,
    pub index: Index,
    /// Where each block begins, and behind the last one the index.
    pub offsets: Vec<u64>,
    pub trailer: Trailer,
}

/// What is left of the body of the item last returned.
struct OpenBody {
    left: u64,
    /// The piece in `blocks.raw`.
    piece: std::ops::Range<usize>,
    hasher: blake3::Hasher,
    digest: Digest,
}

pub(super) fn read_header<R: Read + Seek>(blocks: &mut Blocks<R>) -> Result<HeaderFrame, PrvError> {
    let mut start = vec![0; usize::try_from(blocks.bytes).unwrap_or(usize::MAX).min(HEADER_BYTES_MAX)];
    blocks.read(0, &mut start)?;
    header::decode(&start)
}

impl Opened {
    pub fn read<R: Read + Seek>(blocks: &mut Blocks<R>) -> Result<Self, PrvError> {
        let head = read_header(blocks)?;
        let end = blocks.bytes.checked_sub(TRAILER_BYTES as u64).filter(|end| *end >= head.bytes);
        let end = end.ok_or_else(|| PrvError::damaged(blocks.bytes, "the file is cut off"))?;
        let mut last = [0; TRAILER_BYTES];
        blocks.read(end, &mut last)?;
        let trailer = Trailer::decode(&last, end)?;
        if trailer.index_offset < head.bytes {
            return Err(PrvError::damaged(end, "the trailer points into the header"));
        }
        let index = read_index(blocks, trailer.index_offset, trailer.index_bytes, Some(head.container_id))?;
        let offsets = index.offsets(head.bytes);
        let opened = Opened { head, index, offsets, trailer };
        if opened.agrees() { Ok(opened) } else { Err(PrvError::damaged(end, "trailer and index contradict each other")) }
    }

    fn agrees(&self) -> bool {
        self.offsets.last() == Some(&self.trailer.index_offset)
            && self.trailer.blocks as usize == self.index.blocks.len()
            && self.trailer.items == self.index.items.len() as u64
            && self.trailer.records == self.index.records()
            && self.trailer.raw_bytes == self.index.raw_bytes()
    }
}

/// Reads an index frame; the caller has not checked any of the numbers, the size of the file bounds them.
pub(super) fn read_index<R: Read + Seek>(blocks: &mut Blocks<R>, offset: u64, bytes: u64, id: Option<[u8; 16]>) -> Result<Index, PrvError> {
    let fits = offset.checked_add(bytes).is_some_and(|end| end <= blocks.bytes);
    let size = usize::try_from(bytes).ok().filter(|size| fits && *size <= super::layout::INDEX_RAW_BYTES_MAX);
    let mut frame = vec![0; size.ok_or_else(|| PrvError::damaged(offset, "the index is beyond the limit"))?];
    blocks.read(offset, &mut frame)?;
    Index::decode(&frame, offset, id)
}

impl<R: Read + Seek> Reader<R> {
    /// Checks header, index and trailer, not yet the blocks.
    pub fn open(source: R) -> Result<Self, PrvError> {
        let mut blocks = Blocks::new(source)?;
        let opened = Opened::read(&mut blocks)?;
        Ok(Reader { blocks, opened, block: None, at: 0, item: 0, body: None, failed: false })
    }

    /// The bytes are known without a look at them (`Share::vouched`): what the items say of themselves is still compared.
    pub fn vouch(&mut self) {
        self.blocks.vouched = true;
    }

    /// Length of the file.
    pub fn bytes(&self) -> u64 {
        self.blocks.bytes
    }

    pub fn header(&self) -> &Header {
        &self.opened.head.header
    }

    pub fn index(&self) -> &[IndexEntry] {
        &self.opened.index.items
    }

    /// The next record in the order of writing. A body that was not read is passed over.
    #[allow(clippy::should_implement_trait, reason = "an iterator could not lend the body")]
    pub fn next(&mut self) -> Result<Option<Record>, PrvError> {
        self.body = None;
        if std::mem::replace(&mut self.failed, true) {
            return Err(self.damaged("an earlier record could not be read"));
        }
        let record = self.next_record()?;
        self.failed = false;
        Ok(record)
    }

    fn next_record(&mut self) -> Result<Option<Record>, PrvError> {
        while let Some(framed) = self.frame()? {
            match framed.kind {
                kind::ITEM => return self.small_item(&framed).map(Some),
                kind::LARGE => return self.large_item(&framed).map(Some),
                kind::RECEIPT => return self.receipt(&framed).map(Some),
                kind::LATER.. => self.at = framed.next,
                _ => return self.plain(&framed).map(Some),
            }
        }
        if self.item == self.index().len() { Ok(None) } else { Err(self.damaged("the index lists items that are not there")) }
    }

    /// The item with this ordinal; `next` goes on behind it.
    pub fn seek_item(&mut self, index: usize) -> Result<Record, PrvError> {
        let entry = *self.index().get(index).ok_or(PrvError::Limit {
            what: "the ordinal of the item",
            value: index as u64,
            max: (self.index().len() as u64).saturating_sub(1),
        })?;
        self.body = None;
        if self.block != Some(entry.block as usize) {
            self.load(entry.block as usize)?;
        }
        self.at = entry.offset as usize;
        self.item = index;
        self.failed = false;
        self.next()?.ok_or_else(|| self.damaged("the item is not where the index says"))
    }

    /// Bytes of the item last returned; another call goes on where the last one stopped. The last bytes are only given out
    /// when the digest of the whole body is right; otherwise the error is `InvalidData`.
    pub fn body(&mut self) -> impl Read + '_ {
        Body(self)
    }

    /// The record at hand, entering the next block where one is used up.
    fn frame(&mut self) -> Result<Option<Framed>, PrvError> {
        while self.block.is_none() || self.at >= self.blocks.raw.len() {
            if !self.enter_next()? {
                return Ok(None);
            }
        }
        let framed = record::frame(&self.blocks.raw, self.at).ok_or_else(|| self.damaged("a record does not fit its block"))?;
        Ok(Some(framed))
    }

    /// Loads the next block that begins with a record, passing over the rest of a large item and what was withdrawn.
    fn enter_next(&mut self) -> Result<bool, PrvError> {
        let mut number = self.block.map_or(0, |number| number + 1);
        while let Some(block) = self.opened.index.blocks.get(number).copied() {
            if matches!(block.kind, BlockKind::Records | BlockKind::First) {
                self.load(number)?;
                return Ok(true);
            }
            self.pass_over(number, &block)?;
            number += 1;
        }
        Ok(false)
    }

    /// Only a check of the whole file reads what no record needs.
    fn pass_over(&mut self, number: usize, expected: &BlockHead) -> Result<(), PrvError> {
        if self.blocks.tap.is_none() {
            return Ok(());
        }
        let head = self.blocks.pass(self.opened.offsets[number])?;
        if head.digest == expected.digest { Ok(()) } else { Err(self.damaged("a withdrawn block is not the one in the index")) }
    }

    fn load(&mut self, number: usize) -> Result<(), PrvError> {
        (self.block, self.at) = (None, 0);
        let head = self.blocks.load(self.opened.offsets[number])?;
        self.block = Some(number);
        if head == self.opened.index.blocks[number] { Ok(()) } else { Err(self.damaged("the block is not the one in the index")) }
    }

    fn damaged(&self, what: &str) -> PrvError {
        let offset = self.block.and_then(|number| self.opened.offsets.get(number)).copied().unwrap_or(self.opened.head.bytes);
        PrvError::damaged(offset, what)
    }

    fn plain(&mut self, framed: &Framed) -> Result<Record, PrvError> {
        let record = record::decode(framed.kind, &self.blocks.raw[framed.payload.clone()]);
        self.at = framed.next;
        record.ok_or_else(|| self.unknown(framed.kind))
    }

    fn unknown(&self, kind: u8) -> PrvError {
        match kind {
            1..=kind::CENSUS_INCOMPLETE | kind::UNANSWERED..kind::LATER => self.damaged("a record is not what its type says"),
            _ => PrvError::FromTheFuture(format!("record type {kind}")),
        }
    }

    fn small_item(&mut self, framed: &Framed) -> Result<Record, PrvError> {
        let record = self.item(framed)?;
        let left = framed.body.len() as u64;
        self.begin_body(left, framed.body.clone());
        self.at = framed.next;
        Ok(record)
    }

    /// The record is alone in its block but for the first part.
    fn large_item(&mut self, framed: &Framed) -> Result<Record, PrvError> {
        let record = self.item(framed)?;
        let Record::Item { size, .. } = record else { return Err(self.damaged("a large item is none")) };
        let part = record::frame(&self.blocks.raw, framed.next).filter(|part| part.kind == kind::PART && part.body.len() as u64 <= size);
        let part = part.ok_or_else(|| self.damaged("a large item has no first part"))?;
        self.begin_body(size, part.body);
        self.at = self.blocks.raw.len();
        Ok(record)
    }

    /// The item as record and index know it; both must agree.
    fn item(&mut self, framed: &Framed) -> Result<Record, PrvError> {
        let head = record::decode_item(framed.kind, &self.blocks.raw[framed.payload.clone()]);
        let head = head.ok_or_else(|| self.damaged("the record of an item is not what it should be"))?;
        let large = framed.kind == kind::LARGE;
        let agrees = |entry: &&IndexEntry| {
            Some(entry.block as usize) == self.block
                && entry.offset as usize == self.at
                && entry.token == head.envelope.token
                && entry.folder == head.folder
                && (large || entry.size == head.size)
        };
        let entry = self.index().get(self.item).filter(agrees).copied();
        let entry = entry.ok_or_else(|| self.damaged("an item is not the one in the index"))?;
        self.item += 1;
        Ok(Record::Item { folder: head.folder, envelope: head.envelope, size: entry.size, digest: entry.digest })
    }

    fn begin_body(&mut self, left: u64, piece: std::ops::Range<usize>) {
        let digest = self.item.checked_sub(1).map_or(Digest::default(), |item| self.opened.index.items[item].digest);
        self.body = Some(OpenBody { left, piece, hasher: blake3::Hasher::new(), digest });
    }

    /// A receipt and the skipped items behind it, which may fill several blocks.
    fn receipt(&mut self, framed: &Framed) -> Result<Record, PrvError> {
        let head = record::decode_receipt(&self.blocks.raw[framed.payload.clone()]);
        let record::ReceiptHead(mut receipt, count) = head.ok_or_else(|| self.damaged("a receipt is not what it should be"))?;
        self.at = framed.next;
        while receipt.skipped.len() < count {
            self.skipped(&mut receipt)?;
        }
        if receipt.skipped.len() == count { Ok(Record::Receipt(receipt)) } else { Err(self.damaged("a receipt lists too much")) }
    }

    fn skipped(&mut self, receipt: &mut Receipt) -> Result<(), PrvError> {
        let before = receipt.skipped.len();
        let framed = self.frame()?.filter(|framed| framed.kind == kind::SKIPPED);
        let framed = framed.ok_or_else(|| self.damaged("a receipt is not complete"))?;
        record::decode_skipped(&self.blocks.raw[framed.payload.clone()], &mut receipt.skipped)
            .filter(|()| receipt.skipped.len() > before)
            .ok_or_else(|| self.damaged("a list of skipped items is not what it should be"))?;
        self.at = framed.next;
        Ok(())
    }

    /// The next part of a large item, from the block behind.
    fn next_part(&mut self) -> Result<std::ops::Range<usize>, PrvError> {
        let number = self.block.map_or(0, |number| number + 1);
        if self.opened.index.blocks.get(number).is_none_or(|block| block.kind != BlockKind::Next) {
            return Err(self.damaged("a large item ends early"));
        }
        self.load(number)?;
        self.at = self.blocks.raw.len();
        let part = record::frame(&self.blocks.raw, 0).filter(|part| part.kind == kind::PART && !part.body.is_empty());
        part.map(|part| part.body).ok_or_else(|| self.damaged("a large item has no further part"))
    }

    fn read_body(&mut self, into: &mut [u8]) -> Result<usize, PrvError> {
        let piece = self.piece_of_body(into.len())?;
        let count = piece.len();
        into[..count].copy_from_slice(&self.blocks.raw[piece]);
        Ok(count)
    }

    /// The next bytes of the body, in `blocks.raw`; empty at its end.
    fn piece_of_body(&mut self, most: usize) -> Result<std::ops::Range<usize>, PrvError> {
        if self.failed {
            return Err(self.damaged("an earlier part of the item could not be read"));
        }
        let Some(mut body) = self.body.take() else { return Ok(0..0) };
        self.failed = true;
        if body.piece.is_empty() && body.left > 0 {
            body.piece = self.next_part()?;
        }
        let count = most.min(body.piece.len());
        if body.piece.len() as u64 > body.left {
            return Err(self.damaged("an item is longer than the index says"));
        }
        let piece = body.piece.start..body.piece.start + count;
        body.hasher.update(&self.blocks.raw[piece.clone()]);
        body.left -= count as u64;
        if body.left == 0 && body.hasher.finalize().as_bytes() != &body.digest.0 {
            return Err(self.damaged("an item does not match its digest"));
        }
        body.piece.start += count;
        self.body = Some(body);
        self.failed = false;
        Ok(piece)
    }
}

struct Body<'a, R>(&'a mut Reader<R>);

impl<R: Read + Seek> Read for Body<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if into.is_empty() {
            return Ok(0);
        }
        self.0.read_body(into).map_err(told)
    }

    /// In pieces as large as they lie there.
    fn read_to_end(&mut self, into: &mut Vec<u8>) -> io::Result<usize> {
        let before = into.len();
        loop {
            match self.0.piece_of_body(usize::MAX).map_err(told)? {
                piece if piece.is_empty() => return Ok(into.len() - before),
                piece => into.extend_from_slice(&self.0.blocks.raw[piece]),
            }
        }
    }
}

fn told(error: PrvError) -> io::Error {
    match error {
        PrvError::Io(error) => error,
        error => io::Error::new(io::ErrorKind::InvalidData, error),
    }
}
