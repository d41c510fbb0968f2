//! The index frame: which blocks there are, and which item lies where.
//!
//! Columns instead of rows: the digests and tokens do not compress, everything else nearly vanishes. Places are sums of lengths,
//! so that an index cannot point outside the file or twice at the same bytes.

use zstd::bulk::Decompressor;

use super::block::{BlockHead, BlockKind, compressor, pack, unpack};
use super::bytes::{Fields, Put, length32};
use super::error::{PrvError, within};
use super::layout::{
    BLOCKS_MAX, DIGEST_BYTES, FRAME_BYTES, INDEX_FIXED_BYTES, INDEX_MAGIC, INDEX_MARK, INDEX_RAW_BYTES_MAX, ITEM_BYTES_MAX, ITEMS_MAX,
    RECORD_HEAD_BYTES,
};
use crate::model::{Digest, Token};

/// One item of a container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexEntry {
    pub token: Token,
    pub folder: u32,
    pub size: u64,
    pub digest: Digest,
    /// Number of the block, and where the record begins in it.
    pub block: u32,
    pub offset: u32,
}

/// What the index says.
#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    pub blocks: Vec<BlockHead>,
    pub items: Vec<IndexEntry>,
}

impl Index {
    pub fn encode(&self, level: i32, container_id: [u8; 16]) -> Result<Vec<u8>, PrvError> {
        let raw = self.columns()?;
        within("the length of the index", raw.len() as u64, INDEX_RAW_BYTES_MAX as u64)?;
        let mut packed = Vec::new();
        pack(&mut compressor(level)?, &raw, &mut packed)?;
        let mut frame = Vec::with_capacity(packed.len() + 64);
        frame.put(&INDEX_MAGIC);
        frame.u32(length32("the length of the index", packed.len() + INDEX_FIXED_BYTES + DIGEST_BYTES - FRAME_BYTES)?);
        frame.put(&INDEX_MARK);
        frame.u32(length32("the length of the index", raw.len())?);
        frame.put(&container_id);
        frame.put(&packed);
        let digest = Digest::of(&frame);
        frame.put(&digest.0);
        Ok(frame)
    }

    fn columns(&self) -> Result<Vec<u8>, PrvError> {
        let mut out = Vec::with_capacity(8 + 52 * self.blocks.len() + 64 * self.items.len());
        out.u32(length32("the number of blocks", self.blocks.len())?);
        out.u32(length32("the number of items", self.items.len())?);
        self.blocks.iter().for_each(|block| out.u8(block.kind.code()));
        self.blocks.iter().for_each(|block| out.u32(block.packed_bytes));
        self.blocks.iter().for_each(|block| out.u32(block.raw_bytes));
        self.blocks.iter().for_each(|block| out.u32(block.records));
        self.blocks.iter().for_each(|block| out.u32(block.items));
        self.blocks.iter().for_each(|block| out.put(&block.digest));
        self.gaps().for_each(|gap| out.u32(gap));
        self.items.iter().for_each(|item| out.u32(item.folder));
        self.items.iter().for_each(|item| out.u64(item.size));
        self.items.iter().for_each(|item| out.put(&item.token.0));
        self.items.iter().for_each(|item| out.put(&item.digest.0));
        Ok(out)
    }

    fn gaps(&self) -> impl Iterator<Item = u32> + '_ {
        let mut last = Place::default();
        self.items.iter().map(move |item| {
            let gap = u64::from(item.offset).saturating_sub(last.in_block(item.block));
            last = Place::after(item);
            u32::try_from(gap).unwrap_or(u32::MAX)
        })
    }

    /// Reads a whole frame; `offset` is its place in the file, for messages. An index of another container (one may lie in an
    /// attachment) is refused, where the id is known.
    pub fn decode(frame: &[u8], offset: u64, container_id: Option<[u8; 16]>) -> Result<Self, PrvError> {
        let (raw, id) = raw_columns(frame).map_err(|what| PrvError::damaged(offset, what))?;
        if container_id.is_some_and(|own| own != id) {
            return Err(PrvError::damaged(offset, "the index is that of another container"));
        }
        Index::from_columns(&raw, id).ok_or_else(|| PrvError::damaged(offset, "the index contradicts itself"))
    }

    fn from_columns(raw: &[u8], container_id: [u8; 16]) -> Option<Self> {
        let mut fields = Fields(raw);
        let blocks = usize::try_from(fields.u32()?).ok().filter(|count| *count <= BLOCKS_MAX)?;
        let items = usize::try_from(fields.u32()?).ok().filter(|count| *count <= ITEMS_MAX)?;
        let blocks = block_columns(&mut fields, blocks, container_id)?;
        let items = item_columns(&mut fields, items, &blocks)?;
        fields.end()?;
        orderly(&blocks).then_some(Index { blocks, items })
    }

    pub fn records(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.records)).sum()
    }

    pub fn raw_bytes(&self) -> u64 {
        self.blocks.iter().map(|block| u64::from(block.raw_bytes)).sum()
    }

    /// Where each block begins, and behind them the place of the index.
    pub fn offsets(&self, header_bytes: u64) -> Vec<u64> {
        let mut offsets = Vec::with_capacity(self.blocks.len() + 1);
        offsets.push(header_bytes);
        offsets.extend(self.blocks.iter().scan(header_bytes, |at, block| {
            *at += block.bytes();
            Some(*at)
        }));
        offsets
    }
}

/// Where the last item ended.
#[derive(Clone, Copy, Default)]
struct Place {
    block: u32,
    end: u64,
}

impl Place {
    fn after(item: &IndexEntry) -> Self {
        Place { block: item.block, end: u64::from(item.offset).saturating_add(item.size) }
    }

    fn in_block(self, block: u32) -> u64 {
        if self.block == block { self.end } else { 0 }
    }
}

/// The columns unpacked, and the container they belong to.
fn raw_columns(frame: &[u8]) -> Result<(Vec<u8>, [u8; 16]), &'static str> {
    let (signed, digest) = frame.split_last_chunk::<DIGEST_BYTES>().ok_or("the index is too short")?;
    let mut fields = Fields(signed);
    let magic = fields.array() == Some(INDEX_MAGIC);
    let length = fields.u32().is_some_and(|length| u64::from(length) == (frame.len() - FRAME_BYTES) as u64);
    let mark = fields.array() == Some(INDEX_MARK);
    let raw_bytes = fields.u32().map_or(usize::MAX, |bytes| bytes as usize);
    let id = fields.array().ok_or("the index is too short")?;
    if !(magic && length && mark) {
        return Err("no index begins here");
    }
    if Digest::of(signed).0 != *digest {
        return Err("the index does not match its digest");
    }
    if raw_bytes > INDEX_RAW_BYTES_MAX {
        return Err("the index is beyond the limit");
    }
    let mut raw = Vec::new();
    let mut decompressor = Decompressor::new().map_err(|_| "there is no memory for the index")?;
    unpack(&mut decompressor, fields.0, &mut raw, raw_bytes).ok_or("the index does not unpack")?;
    Ok((raw, id))
}

fn column<'a, const N: usize>(fields: &mut Fields<'a>, count: usize) -> Option<&'a [[u8; N]]> {
    let (column, _) = fields.take(count.checked_mul(N)?)?.as_chunks::<N>();
    Some(column)
}

fn block_columns(fields: &mut Fields<'_>, count: usize, container_id: [u8; 16]) -> Option<Vec<BlockHead>> {
    let kinds = fields.take(count)?;
    let packed = column::<4>(fields, count)?;
    let raw = column::<4>(fields, count)?;
    let records = column::<4>(fields, count)?;
    let items = column::<4>(fields, count)?;
    let digests = column::<32>(fields, count)?;
    let block = |number: usize| {
        let block = BlockHead {
            number: u32::try_from(number).ok()?,
            kind: BlockKind::from_code(kinds[number])?,
            raw_bytes: u32::from_le_bytes(raw[number]),
            packed_bytes: u32::from_le_bytes(packed[number]),
            records: u32::from_le_bytes(records[number]),
            items: u32::from_le_bytes(items[number]),
            container_id,
            digest: digests[number],
        };
        block.in_limits().then_some(block)
    };
    (0..count).map(block).collect()
}

fn item_columns(fields: &mut Fields<'_>, count: usize, blocks: &[BlockHead]) -> Option<Vec<IndexEntry>> {
    let gaps = column::<4>(fields, count)?;
    let folders = column::<4>(fields, count)?;
    let sizes = column::<8>(fields, count)?;
    let tokens = column::<16>(fields, count)?;
    let digests = column::<32>(fields, count)?;
    let mut homes = blocks.iter().flat_map(|block| std::iter::repeat_n(block, block.items as usize));
    let mut last = Place::default();
    let mut items = Vec::with_capacity(count);
    for number in 0..count {
        let home = homes.next()?;
        let offset = last.in_block(home.number).checked_add(u32::from_le_bytes(gaps[number]).into())?;
        let item = IndexEntry {
            token: Token(tokens[number]),
            folder: u32::from_le_bytes(folders[number]),
            size: u64::from_le_bytes(sizes[number]),
            digest: Digest(digests[number]),
            block: home.number,
            offset: u32::try_from(offset).ok()?,
        };
        (item_fits(&item, home)).then(|| items.push(item))?;
        last = Place::after(&item);
    }
    homes.next().is_none().then_some(items)
}

fn item_fits(item: &IndexEntry, home: &BlockHead) -> bool {
    let room = u64::from(home.raw_bytes).saturating_sub(u64::from(item.offset) + RECORD_HEAD_BYTES as u64);
    item.size <= ITEM_BYTES_MAX && room > 0 && (home.kind == BlockKind::First || item.size <= room)
}

/// A further block follows its first; a large item is one item; what was withdrawn counts nothing.
fn orderly(blocks: &[BlockHead]) -> bool {
    let mut before = BlockKind::Records;
    blocks.iter().all(|block| {
        let last = std::mem::replace(&mut before, block.kind);
        match block.kind {
            BlockKind::Records => block.items <= block.records,
            BlockKind::First => block.items == 1 && block.records == 1,
            BlockKind::Next => block.items == 0 && block.records == 0 && matches!(last, BlockKind::First | BlockKind::Next),
            BlockKind::Withdrawn => block.items == 0 && block.records == 0,
        }
    })
}
