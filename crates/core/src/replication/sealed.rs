//! Files that end with the BLAKE3 of everything before: written to a temporary name, synced, read back at the receiver, then
//! published (R14, R32). A reader believes nothing of a file whose seal is broken.

use std::io::{BufWriter, Read, Write};

use super::ReplicationError;
use super::names::PART;
use crate::chunk::Chunk;
use crate::model::Digest;
use crate::ports::{Share, SharePath};

pub const SEAL_BYTES: usize = 32;
const CHUNK_BYTES: usize = 256 << 10;

/// Puts a file in place; returns its length. Whatever stops it, no half file has the final name.
pub fn put(
    share: &dyn Share,
    file: &SharePath,
    content: impl FnOnce(&mut dyn Write) -> Result<(), ReplicationError>,
) -> Result<u64, ReplicationError> {
    let part = part_of(file)?;
    let written = {
        let mut writer = share.part(&part, 0)?;
        let mut sealing = Sealing { out: BufWriter::with_capacity(CHUNK_BYTES, &mut *writer), hasher: blake3::Hasher::new(), bytes: 0 };
        content(&mut sealing)?;
        let sealed = sealing.seal()?;
        writer.sync()?;
        sealed
    };
    if check(share, &part)? != written {
        return Err(damaged(share, &part, "what was read back is not what was written"));
    }
    share.publish(&part, file)?;
    Ok(written.bytes)
}

fn part_of(file: &SharePath) -> Result<SharePath, ReplicationError> {
    let name = format!("{}{PART}", file.name());
    file.parent().join(&name).ok_or(ReplicationError::BadName(name))
}

/// Length of a whole file, and the digest its seal must have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sealed {
    pub bytes: u64,
    pub digest: Digest,
}

struct Sealing<'w> {
    out: BufWriter<&'w mut dyn crate::ports::PartWriter>,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl Write for Sealing<'_> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        let written = self.out.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.out.flush()
    }
}

impl Sealing<'_> {
    fn seal(mut self) -> std::io::Result<Sealed> {
        let digest = Digest(*self.hasher.finalize().as_bytes());
        self.out.write_all(&digest.0)?;
        self.out.flush()?;
        Ok(Sealed { bytes: self.bytes + SEAL_BYTES as u64, digest })
    }
}

/// Reads the whole file and compares its seal.
pub fn check(share: &dyn Share, file: &SharePath) -> Result<Sealed, ReplicationError> {
    let mut input = share.open(file)?;
    let mut hasher = blake3::Hasher::new();
    // The last bytes read are held back: they may be the seal.
    let mut held: Vec<u8> = Vec::new();
    let mut bytes = 0;
    let mut chunk = Chunk::new();
    loop {
        let piece = chunk.read(&mut *input)?;
        if piece.is_empty() {
            break;
        }
        bytes += piece.len() as u64;
        held.extend_from_slice(piece);
        let sure = held.len().saturating_sub(SEAL_BYTES);
        hasher.update(&held[..sure]);
        held.drain(..sure);
    }
    let digest = Digest(*hasher.finalize().as_bytes());
    if held == digest.0 { Ok(Sealed { bytes, digest }) } else { Err(damaged(share, file, "its digest is wrong")) }
}

/// The content of a file of limited length, without the seal.
pub fn content(share: &dyn Share, file: &SharePath, bytes_max: u64) -> Result<Vec<u8>, ReplicationError> {
    let mut content = Vec::new();
    share.open(file)?.take(bytes_max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > bytes_max {
        return Err(damaged(share, file, &format!("it is longer than {bytes_max} bytes")));
    }
    let body = content.len().checked_sub(SEAL_BYTES).ok_or_else(|| damaged(share, file, "it is too short"))?;
    if Digest::of(&content[..body]).0 != content[body..] {
        return Err(damaged(share, file, "its digest is wrong"));
    }
    content.truncate(body);
    Ok(content)
}

pub fn damaged(share: &dyn Share, file: &SharePath, why: &str) -> ReplicationError {
    ReplicationError::Damaged { file: format!("{}/{file}", share.describe()), why: why.into() }
}
