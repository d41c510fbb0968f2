//! The trailer: a frame of fixed size at the very end, by which the index is found and the whole file is checked.

use super::bytes::{Fields, Put};
use super::error::PrvError;
use super::layout::{DIGEST_BYTES, FRAME_BYTES, TRAILER_BYTES, TRAILER_MAGIC, TRAILER_MARK, VERSION};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Trailer {
    pub blocks: u32,
    pub index_offset: u64,
    pub index_bytes: u64,
    pub records: u64,
    pub items: u64,
    pub raw_bytes: u64,
    /// Of everything before it; set by the writer last.
    pub digest: [u8; DIGEST_BYTES],
}

/// Part of the trailer that its digest covers.
pub(super) const SIGNED_BYTES: usize = TRAILER_BYTES - DIGEST_BYTES;

impl Trailer {
    pub fn signed(&self) -> Vec<u8> {
        let mut frame = Vec::with_capacity(TRAILER_BYTES);
        frame.put(&TRAILER_MAGIC);
        frame.u32((TRAILER_BYTES - FRAME_BYTES) as u32);
        frame.put(&TRAILER_MARK);
        frame.u16(VERSION);
        frame.u16(0);
        frame.u32(self.blocks);
        for number in [self.index_offset, self.index_bytes, self.records, self.items, self.raw_bytes] {
            frame.u64(number);
        }
        frame
    }

    /// `offset` is where the trailer must begin: right behind the index.
    pub fn decode(bytes: &[u8; TRAILER_BYTES], offset: u64) -> Result<Self, PrvError> {
        Trailer::fields(bytes)
            .filter(|trailer| trailer.index_offset.checked_add(trailer.index_bytes) == Some(offset))
            .ok_or_else(|| PrvError::damaged(offset, "the trailer is missing or not what it should be: the file may be cut off"))
    }

    fn fields(bytes: &[u8]) -> Option<Self> {
        let mut fields = Fields(bytes);
        let magic = fields.array()? == TRAILER_MAGIC;
        let length = fields.u32()? == (TRAILER_BYTES - FRAME_BYTES) as u32;
        let mark = fields.array()? == TRAILER_MARK;
        let version = fields.u16()? == VERSION;
        let room = fields.u16()? == 0;
        let trailer = Trailer {
            blocks: fields.u32()?,
            index_offset: fields.u64()?,
            index_bytes: fields.u64()?,
            records: fields.u64()?,
            items: fields.u64()?,
            raw_bytes: fields.u64()?,
            digest: fields.array()?,
        };
        (magic && length && mark && version && room).then_some(trailer)
    }
}
