//! Writes a container in one pass, to any sink, in memory that does not grow with the items' bodies.

use std::io::{self, Read, Write};
use std::ops::Range;

use super::block::{BlockHead, BlockKind};
use super::bytes::length32;
use super::error::{PrvError, within};
use super::header::{Header, container_id};
use super::index::{Index, IndexEntry};
use super::layout::{BLOCK_AIM_BYTES, BLOCKS_MAX, ITEM_BYTES_MAX, ITEMS_MAX, RECORD_HEAD_BYTES, SIZE_AT_END, kind};
use super::pack::{Job, Packer};
use super::record::{self, End, Record};
use super::trailer::Trailer;
use crate::model::{Digest, Envelope, Receipt, Token};

const CHUNK_BYTES: usize = 64 << 10;
/// Of zstd's levels; those below 1 give size for time.
const FASTEST: i32 = -1000;

/// How to write. None of it changes what a reader reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// zstd level, 1 to 19.
    pub level: i32,
    /// Threads that compress; with 1 it is done in the caller's. The bytes do not depend on it.
    pub threads: usize,
    /// Raw size at which a block is closed: 4 KiB to 8 MiB. Larger blocks pack better and are lost as one.
    pub block_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { level: 3, threads: 1, block_bytes: 4 << 20 }
    }
}

/// What was read of an item.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Written {
    pub size: u64,
    pub digest: Digest,
}

/// A finished container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Of the whole file: its name in ledgers and receipts.
    pub digest: Digest,
    pub bytes: u64,
    /// All blocks before compression.
    pub raw_bytes: u64,
    pub items: u64,
    /// Items included.
    pub records: u64,
}

/// After `PrvError::Body` and `PrvError::Limit` the writer is good and has forgotten the record; after any other error the
/// container is to be given up.
pub struct Writer<W: Write> {
    output: Output<W>,
    packer: Packer,
    options: Options,
    container_id: [u8; 16],
    /// The block under way.
    block: Vec<u8>,
    records: u32,
    items: u32,
    /// Blocks given to the packer.
    blocks: u32,
    raw_bytes: u64,
    index: Index,
    withdrawn: Vec<Range<usize>>,
    /// What was read of a body on its way into the block.
    chunk: Vec<u8>,
    spare: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<W: Write> Writer<W> {
    pub fn new(sink: W, header: &Header, options: Options) -> Result<Self, PrvError> {
        let options = Options {
            level: options.level.clamp(FASTEST, 19),
            threads: options.threads.clamp(1, 64),
            block_bytes: options.block_bytes.clamp(*BLOCK_AIM_BYTES.start(), *BLOCK_AIM_BYTES.end()),
        };
        let frame = header.encode()?;
        let mut writer = Writer {
            output: Output::new(sink),
            packer: Packer::new(options.level, options.threads)?,
            options,
            container_id: container_id(&frame),
            block: Vec::new(),
            records: 0,
            items: 0,
            blocks: 0,
            raw_bytes: 0,
            index: Index::default(),
            withdrawn: Vec::new(),
            chunk: vec![0; CHUNK_BYTES],
            spare: Vec::new(),
        };
        writer.output.put(&frame)?;
        Ok(writer)
    }

    /// Adds any record but an item.
    pub fn record(&mut self, record: &Record) -> Result<(), PrvError> {
        self.output.usable()?;
        match record {
            Record::Item { .. } => Err(PrvError::Io(io::Error::new(io::ErrorKind::InvalidInput, "an item is written with its body"))),
            Record::Receipt(receipt) => self.receipt(record, receipt),
            _ => {
                record::encode(&mut self.block, record)?;
                self.records += 1;
                self.close_if_full()
            }
        }
    }

    fn receipt(&mut self, record: &Record, receipt: &Receipt) -> Result<(), PrvError> {
        let mut parts = Vec::new();
        let mut rest = receipt.skipped.as_slice();
        while !rest.is_empty() {
            let mut part = Vec::new();
            let taken = record::encode_skipped(&mut part, rest)?;
            parts.push(part);
            rest = &rest[taken..];
        }
        record::encode(&mut self.block, record)?;
        self.records += 1;
        for part in parts {
            self.block.extend_from_slice(&part);
            self.close_if_full()?;
        }
        self.close_if_full()
    }

    /// Adds an item, reading `body` to its end.
    pub fn item(&mut self, folder: u32, envelope: &Envelope, body: &mut dyn Read) -> Result<Written, PrvError> {
        self.output.usable()?;
        within("the number of items", self.index.items.len() as u64 + 1, ITEMS_MAX as u64)?;
        let start = self.block.len();
        record::encode_item(&mut self.block, kind::ITEM, folder, envelope, 0)?;
        let body_start = self.block.len();
        let place = Place { folder, token: envelope.token, block: self.blocks, offset: start };
        match read_up_to(body, self.options.block_bytes, &mut self.block, &mut self.chunk) {
            Ok(count) if count < self.options.block_bytes => self.small_item(place, body_start),
            Ok(_) => self.large_item(place, envelope, body_start, body),
            Err(error) => {
                self.block.truncate(start);
                Err(PrvError::Body(error))
            }
        }
    }

    fn small_item(&mut self, place: Place, body_start: usize) -> Result<Written, PrvError> {
        let body = &self.block[body_start..];
        let written = Written { size: body.len() as u64, digest: Digest::of(body) };
        record::set_size(&mut self.block, place.offset, written.size);
        self.index.items.push(place.entry(written)?);
        self.records += 1;
        self.items += 1;
        self.close_if_full()?;
        Ok(written)
    }

    /// The block holds what came before, the record head of the item, and its first part.
    fn large_item(&mut self, place: Place, envelope: &Envelope, body_start: usize, body: &mut dyn Read) -> Result<Written, PrvError> {
        let part = self.block.split_off(body_start);
        self.block.truncate(place.offset);
        self.close()?;
        let place = Place { block: self.blocks, offset: 0, ..place };
        record::encode_item(&mut self.block, kind::LARGE, place.folder, envelope, SIZE_AT_END)?;
        let start = record::open(&mut self.block, kind::PART);
        self.block.extend_from_slice(&part);
        record::close(&mut self.block, start)?;
        let mut tally = Tally::default();
        tally.add(&part);
        drop(part);
        self.records = 1;
        self.items = 1;
        self.emit(BlockKind::First)?;
        match self.further_parts(&mut tally, body) {
            Ok(()) => self.end(tally, place),
            Err(error) => self.withdraw(tally, place, error),
        }
    }

    /// Each full part fills a block; what is left stays in the block under way.
    fn further_parts(&mut self, tally: &mut Tally, body: &mut dyn Read) -> Result<(), PrvError> {
        loop {
            let start = record::open(&mut self.block, kind::PART);
            let count = read_up_to(body, self.options.block_bytes, &mut self.block, &mut self.chunk).map_err(PrvError::Body)?;
            tally.add(&self.block[start + RECORD_HEAD_BYTES..]);
            within("the size of an item", tally.size, ITEM_BYTES_MAX)?;
            if count == 0 {
                self.block.truncate(start);
                return Ok(());
            }
            record::close(&mut self.block, start)?;
            if count < self.options.block_bytes {
                return Ok(());
            }
            within("the number of blocks", u64::from(self.blocks) + 2, BLOCKS_MAX as u64)?;
            self.emit(BlockKind::Next)?;
        }
    }

    fn end(&mut self, tally: Tally, place: Place) -> Result<Written, PrvError> {
        let written = tally.written();
        record::encode_end(&mut self.block, &End { withdrawn: false, size: written.size, digest: written.digest })?;
        self.emit(BlockKind::Next)?;
        self.index.items.push(place.entry(written)?);
        Ok(written)
    }

    fn withdraw(&mut self, tally: Tally, place: Place, error: PrvError) -> Result<Written, PrvError> {
        self.output.usable()?;
        self.block.clear();
        let written = tally.written();
        record::encode_end(&mut self.block, &End { withdrawn: true, size: written.size, digest: written.digest })?;
        self.emit(BlockKind::Next)?;
        self.withdrawn.push(place.block as usize..self.blocks as usize);
        Err(error)
    }

    fn close_if_full(&mut self) -> Result<(), PrvError> {
        if self.block.len() >= self.options.block_bytes { self.close() } else { Ok(()) }
    }

    fn close(&mut self) -> Result<(), PrvError> {
        if self.block.is_empty() { Ok(()) } else { self.emit(BlockKind::Records) }
    }

    /// Gives the block under way to the packer and writes what is ready.
    fn emit(&mut self, kind: BlockKind) -> Result<(), PrvError> {
        let emitted = self.try_emit(kind);
        self.output.failed |= emitted.is_err();
        emitted
    }

    fn try_emit(&mut self, kind: BlockKind) -> Result<(), PrvError> {
        within("the number of blocks", u64::from(self.blocks) + 1, BLOCKS_MAX as u64)?;
        let (fresh, packed) = self.spare.pop().unwrap_or_default();
        let raw = std::mem::replace(&mut self.block, fresh);
        let head = BlockHead {
            number: self.blocks,
            kind,
            raw_bytes: length32("the length of a block", raw.len())?,
            packed_bytes: 0,
            records: std::mem::take(&mut self.records),
            items: std::mem::take(&mut self.items),
            container_id: self.container_id,
            digest: [0; 32],
        };
        self.raw_bytes += raw.len() as u64;
        self.blocks += 1;
        self.packer.submit(Job::new(head, raw, packed))?;
        while let Some(job) = self.packer.ready()? {
            self.put(job)?;
        }
        Ok(())
    }

    fn put(&mut self, job: Job) -> Result<(), PrvError> {
        self.output.put(&job.sealed)?;
        self.output.put(&job.packed)?;
        self.index.blocks.push(job.head);
        let Job { mut raw, packed, .. } = job;
        raw.clear();
        self.spare.push((raw, packed));
        Ok(())
    }

    /// Bytes that have gone to the sink. Blocks still being filled or packed are not in it.
    pub fn bytes_written(&self) -> u64 {
        self.output.bytes
    }

    /// Bytes of all records so far, before compression.
    pub fn bytes_raw(&self) -> u64 {
        self.raw_bytes + self.block.len() as u64
    }

    pub fn items(&self) -> u64 {
        self.index.items.len() as u64
    }

    /// Writes what is left, the index and the trailer, and flushes the sink. Making it durable is up to the owner of the sink.
    pub fn finish(mut self) -> Result<(W, Summary), PrvError> {
        self.output.usable()?;
        self.close()?;
        while let Some(job) = self.packer.rest()? {
            self.put(job)?;
        }
        for block in self.withdrawn.drain(..).flatten() {
            let block = &mut self.index.blocks[block];
            (block.kind, block.records, block.items) = (BlockKind::Withdrawn, 0, 0);
        }
        let index_offset = self.output.bytes;
        self.output.put(&self.index.encode(self.options.level, self.container_id)?)?;
        let trailer = Trailer {
            blocks: self.blocks,
            index_offset,
            index_bytes: self.output.bytes - index_offset,
            records: self.index.records(),
            items: self.items(),
            raw_bytes: self.raw_bytes,
            digest: [0; 32],
        };
        self.output.finish(&trailer)
    }
}

/// Where the index will find an item.
#[derive(Clone, Copy)]
struct Place {
    folder: u32,
    token: Token,
    block: u32,
    offset: usize,
}

impl Place {
    fn entry(self, written: Written) -> Result<IndexEntry, PrvError> {
        let offset = length32("the length of a block", self.offset)?;
        let Place { folder, token, block, .. } = self;
        Ok(IndexEntry { token, folder, size: written.size, digest: written.digest, block, offset })
    }
}

/// Size and digest of a large item while it streams by.
#[derive(Default)]
struct Tally {
    size: u64,
    hasher: blake3::Hasher,
}

impl Tally {
    fn add(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.hasher.update(bytes);
    }

    fn written(&self) -> Written {
        Written { size: self.size, digest: Digest(*self.hasher.finalize().as_bytes()) }
    }
}

/// Appends up to `count` bytes; fewer only at the end of the body.
fn read_up_to(body: &mut dyn Read, count: usize, into: &mut Vec<u8>, chunk: &mut [u8]) -> io::Result<usize> {
    let mut left = count;
    while left > 0 {
        let most = chunk.len().min(left);
        match body.read(&mut chunk[..most]) {
            Ok(0) => break,
            Ok(read) => {
                into.extend_from_slice(&chunk[..read]);
                left -= read;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count - left)
}

/// The sink, and the digest of all that went there.
struct Output<W> {
    sink: W,
    hasher: blake3::Hasher,
    bytes: u64,
    failed: bool,
}

impl<W: Write> Output<W> {
    fn new(sink: W) -> Self {
        Output { sink, hasher: blake3::Hasher::new(), bytes: 0, failed: false }
    }

    fn usable(&self) -> Result<(), PrvError> {
        if self.failed { Err(PrvError::Io(io::Error::other("an earlier write failed"))) } else { Ok(()) }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), PrvError> {
        self.failed = true;
        self.sink.write_all(bytes)?;
        self.failed = false;
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    fn finish(mut self, trailer: &Trailer) -> Result<(W, Summary), PrvError> {
        self.put(&trailer.signed())?;
        let before = *self.hasher.finalize().as_bytes();
        self.put(&before)?;
        self.sink.flush()?;
        let digest = Digest(*self.hasher.finalize().as_bytes());
        let Trailer { raw_bytes, items, records, .. } = *trailer;
        Ok((self.sink, Summary { digest, bytes: self.bytes, raw_bytes, items, records }))
    }
}
