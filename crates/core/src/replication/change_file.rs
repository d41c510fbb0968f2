//! Change files: some change sets in a row. Head, then for each set: lsn u64, chain digest, length u32, bytes; then the seal.

use std::io::{Read, Write};

use super::codec::{Head, array, number, wrong};
use super::sealed::SEAL_BYTES;
use crate::state::ChangeSet;

/// Change sets are gathered into files of about this size.
pub const FILE_BYTES: u64 = 4 << 20;
/// No change file is longer: one change set no larger than the whole outbox, and its head.
pub const FILE_BYTES_MAX: u64 = (64 << 20) + (64 << 10) + SEAL_BYTES as u64;

pub fn write(head: &Head, sets: &[ChangeSet], out: &mut dyn Write) -> std::io::Result<()> {
    head.write(out)?;
    sets.iter().try_for_each(|set| {
        let length = u32::try_from(set.changes.len()).map_err(|_| wrong("a change set is too long"))?;
        out.write_all(&set.lsn.to_le_bytes())?;
        out.write_all(&set.digest.0)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&set.changes)
    })
}

/// Reads the content of a file whose seal is whole; the numbers must run without a hole from `first` to `last`.
pub fn read(mut content: &[u8]) -> std::io::Result<(Head, Vec<ChangeSet>)> {
    let head = Head::read(&mut content)?;
    let mut sets = Vec::new();
    for lsn in head.first..=head.last {
        if number(&mut content)? != lsn {
            return Err(wrong("its change sets do not follow each other"));
        }
        let digest = crate::model::Digest(array(&mut content)?);
        let length = u32::from_le_bytes(array(&mut content)?);
        let mut changes = Vec::new();
        (&mut content).take(u64::from(length)).read_to_end(&mut changes)?;
        if changes.len() as u64 != u64::from(length) {
            return Err(wrong("it ends within a change set"));
        }
        // Between the first and the last nobody asks.
        let committed_ms = if lsn == head.first { head.committed.first_ms } else { head.committed.last_ms };
        sets.push(ChangeSet { lsn, digest, committed_ms, changes });
    }
    if content.is_empty() { Ok((head, sets)) } else { Err(wrong("bytes follow the last change set")) }
}
