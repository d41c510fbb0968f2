//! Snapshots: all replicated rows at one position. Head; lineage (count u32, each epoch u64 and base u64); the rows (state/rows.rs) as one zstd
//! frame; digest of the rows, 32 bytes; number of rows u64; the seal. Local tables are never in it.

use std::io::{Read, Seek, SeekFrom, Write};

use mailferry_rules::ids::Epoch;

use super::codec::{Committed, Head, array, number, wrong};
use super::names::Kind;
use super::sealed::SEAL_BYTES;
use super::{Identity, ReplicationError};
use crate::model::Digest;
use crate::ports::{ReadSeek, Share, SharePath};
use crate::state::{Beginning, Database, Lineage, Position, RowCount, StateError};

/// Fast: a snapshot waits for the disk, not for the compressor.
const ZSTD_LEVEL: i32 = 1;
const TAIL_BYTES: u64 = 32 + 8 + SEAL_BYTES as u64;

/// The stream of rows, compressed on its way out, with the digest of what went in.
struct Rows<W: Write> {
    out: zstd::stream::write::Encoder<'static, W>,
    hasher: blake3::Hasher,
}

impl<W: Write> Write for Rows<W> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

/// Writes the snapshot of `position`, which must be that of the view the caller reads in.
pub fn write(db: &Database, who: &Identity, position: Position, out: &mut dyn Write) -> Result<(), StateError> {
    if db.position()? != position {
        return Err(StateError::Busy);
    }
    let committed_ms = db.times()?.committed_ms;
    head_of(db, who, position, Committed { first_ms: committed_ms, last_ms: committed_ms }).write(out)?;
    let lineage = db.lineage()?;
    out.write_all(&u32::try_from(lineage.beginnings.len()).map_err(|_| wrong("too many epochs"))?.to_le_bytes())?;
    for beginning in &lineage.beginnings {
        out.write_all(&beginning.epoch.0.to_le_bytes())?;
        out.write_all(&beginning.base.to_le_bytes())?;
    }
    let mut rows = Rows { out: zstd::stream::write::Encoder::new(&mut *out, ZSTD_LEVEL)?, hasher: blake3::Hasher::new() };
    let mut buffered = std::io::BufWriter::with_capacity(64 << 10, &mut rows);
    let count: RowCount = db.write_rows(&mut buffered)?;
    buffered.flush()?;
    drop(buffered);
    let Rows { out: encoder, hasher } = rows;
    encoder.finish()?;
    out.write_all(hasher.finalize().as_bytes())?;
    out.write_all(&count.to_le_bytes())?;
    Ok(())
}

fn head_of(db: &Database, who: &Identity, position: Position, committed: Committed) -> Head {
    let Position { epoch, lsn, digest } = position;
    Head { kind: Kind::Snapshot, schema: db.schema(), epoch, first: lsn, last: lsn, digest, committed, origin: who.clone() }
}

/// A snapshot file whose seal is whole, opened at its rows.
pub struct Opened {
    pub head: Head,
    pub lineage: Lineage,
    pub rows_digest: Digest,
    /// Length of the file.
    pub bytes: u64,
    pub rows: Box<dyn Read>,
}

pub fn open(share: &dyn Share, file: &SharePath, bytes: u64) -> Result<Opened, ReplicationError> {
    let mut input = share.open(file)?;
    let end = bytes.checked_sub(TAIL_BYTES).ok_or_else(|| wrong("it is too short"))?;
    input.seek(SeekFrom::Start(end))?;
    let rows_digest = Digest(array(&mut input)?);
    input.rewind()?;
    let head = Head::read(&mut input)?;
    let lineage = read_lineage(&mut input, head.last)?;
    let start = input.stream_position()?;
    let length = end.checked_sub(start).ok_or_else(|| wrong("it is too short"))?;
    let compressed: std::io::Take<Box<dyn ReadSeek>> = input.take(length);
    let rows = zstd::stream::read::Decoder::new(compressed)?;
    Ok(Opened { head, lineage, rows_digest, bytes, rows: Box::new(rows) })
}

fn read_lineage(input: &mut dyn Read, lsn: u64) -> std::io::Result<Lineage> {
    let count = u32::from_le_bytes(array(input)?);
    let beginnings = (0..count).map(|_| Ok(Beginning { epoch: Epoch(number(input)?), base: number(input)? }));
    Ok(Lineage { beginnings: beginnings.collect::<std::io::Result<_>>()?, lsn })
}
