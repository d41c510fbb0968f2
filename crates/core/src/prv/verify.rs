//! Checks a whole container, and says of a damaged one what is lost (R40).

use std::fmt;
use std::io::{self, Read, Seek};

use super::block::Blocks;
use super::error::PrvError;
use super::index::IndexEntry;
use super::layout::TRAILER_BYTES;
use super::reader::Reader;
use super::record::Record;
use super::salvage::{SalvageReport, salvage};
use super::trailer;
use super::writer::Summary;
use crate::chunk::Chunk;
use crate::model::Digest;

/// Why a container is not accepted. Ask `is_damage` before treating it as damaged: a file that cannot be read just now or needs a newer
/// version is none.
#[derive(Debug)]
pub struct Damage {
    /// The first thing found wrong.
    pub cause: PrvError,
    /// What can still be read; `None` where nothing could be looked at.
    pub salvage: Option<Box<SalvageReport>>,
}

impl Damage {
    /// Whether the bytes are wrong, so that the container has to be made again.
    pub fn is_damage(&self) -> bool {
        self.cause.is_damage()
    }

    /// The items that cannot be read any more; `None` where the index is lost too and nobody can tell.
    pub fn lost(&self) -> Option<&[IndexEntry]> {
        self.salvage.as_ref()?.lost.as_deref()
    }

    fn assess<R: Read + Seek>(source: R, cause: PrvError) -> Self {
        let report = cause.is_damage().then(|| salvage(source, &mut |_, _| Ok(())).ok()).flatten().map(Box::new);
        Damage { cause, salvage: report }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cause.fmt(f)?;
        match &self.salvage {
            Some(report) => write!(f, "; {report}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Damage {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// Reads every byte once and checks it: file digest, blocks, records, items.
pub fn verify<R: Read + Seek>(mut source: R) -> Result<Summary, Damage> {
    check(&mut source).map_err(|cause| Damage::assess(source, cause))
}

fn check<R: Read + Seek>(source: R) -> Result<Summary, PrvError> {
    let mut reader = Reader::open(source)?;
    start_digest(&mut reader)?;
    let mut records = 0;
    while let Some(record) = reader.next()? {
        records += 1;
        if matches!(record, Record::Item { .. }) {
            io::copy(&mut reader.body(), &mut io::sink()).map_err(cause)?;
        }
    }
    let digest = end_digest(&mut reader)?;
    let trailer = reader.opened.trailer;
    if records > trailer.records {
        return Err(PrvError::damaged(trailer.index_offset, "there are more records than the index counts"));
    }
    Ok(Summary { digest, bytes: reader.blocks.bytes, raw_bytes: trailer.raw_bytes, items: trailer.items, records: trailer.records })
}

/// Checks that every byte is what the writer wrote, by the digest of the file, and answers that digest. Nothing is decompressed: items
/// prove themselves as they are read.
pub fn check_bytes<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Digest, PrvError> {
    start_digest(reader)?;
    read_through(&mut reader.blocks, reader.opened.head.bytes, reader.opened.trailer.index_offset)?;
    end_digest(reader)
}

/// Undoes the wrapping that `Read` demands.
fn cause(error: io::Error) -> PrvError {
    match error.downcast::<PrvError>() {
        Ok(error) => error,
        Err(error) => PrvError::Io(error),
    }
}

/// The header goes into the digest of the file; the blocks follow as they are read, in order.
fn start_digest<R: Read + Seek>(reader: &mut Reader<R>) -> Result<(), PrvError> {
    reader.blocks.tap = Some(blake3::Hasher::new());
    read_through(&mut reader.blocks, 0, reader.opened.head.bytes)
}

/// Behind the blocks: index, trailer, and what the trailer says of all before.
fn end_digest<R: Read + Seek>(reader: &mut Reader<R>) -> Result<Digest, PrvError> {
    let end = reader.blocks.bytes - TRAILER_BYTES as u64 + trailer::SIGNED_BYTES as u64;
    read_through(&mut reader.blocks, reader.opened.trailer.index_offset, end)?;
    let before = reader.blocks.tap.as_ref().map(|tap| *tap.finalize().as_bytes());
    if before != Some(reader.opened.trailer.digest) {
        return Err(PrvError::damaged(end, "the file does not match its digest"));
    }
    let bytes = reader.blocks.bytes;
    read_through(&mut reader.blocks, end, bytes)?;
    let hasher = reader.blocks.tap.take().unwrap_or_default();
    Ok(Digest(*hasher.finalize().as_bytes()))
}

fn read_through<R: Read + Seek>(blocks: &mut Blocks<R>, from: u64, to: u64) -> Result<(), PrvError> {
    let mut buffer = vec![0; usize::try_from(to.saturating_sub(from)).unwrap_or(usize::MAX).min(256 << 10)];
    let mut at = from;
    while at < to {
        let count = (buffer.len() as u64).min(to - at);
        blocks.read(at, &mut buffer[..count as usize])?;
        at += count;
    }
    Ok(())
}

/// Digest of a whole file: the name of a container in ledgers and receipts.
pub fn file_digest<R: Read>(mut source: R) -> io::Result<Digest> {
    let (mut hasher, mut chunk) = (blake3::Hasher::new(), Chunk::new());
    loop {
        match chunk.read(&mut source)? {
            [] => return Ok(Digest(*hasher.finalize().as_bytes())),
            piece => hasher.update(piece),
        };
    }
}
