//! What stands behind the length that a journal names: first what is left of our batch, then perhaps what others have added.
//!
//! Ours may be torn anywhere, and after a power cut it may hold NULs in place of whatever had not reached the disk: a whole
//! page of them, or all of it under a length that was right. So nothing of it counts, however whole it looks. Theirs begins
//! with the first `From ` line behind which no block of this batch begins; our own messages hold no bare one. A block of another
//! batch is that of a message which a client has moved or copied there. Behind NULs and in the
//! middle of a line, where it may stand behind a torn line or be of our own text, it must hold a date as well: rather a rest of
//! ours stays than mail of others goes.

use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use super::block::{Batch, Block};
use super::from_line;
use super::lines::Lines;
use crate::files;

/// Longer than the first line of a block.
const LINE_BYTES_MAX: u64 = 200;
/// How our block begins; the shortest beginning of it is enough for a torn one.
const BLOCK: &[u8] = b"X-Mailferry: 1 ";

/// Where the mail of others begins, or the end of the file.
pub(super) fn end_of_ours(mbox: &Path, kept: u64, length: u64, batch: Option<Batch>) -> io::Result<u64> {
    let mut file = files::open_plain(mbox)?;
    file.seek(SeekFrom::Start(kept))?;
    let mut lines = Lines::new(file.take(length.saturating_sub(kept)), kept);
    let mut behind_nul = false;
    while let Some(piece) = lines.next()? {
        let nul = piece.bytes.iter().rposition(|byte| *byte == 0);
        let line = nul.map_or(piece.bytes, |at| &piece.bytes[at + 1..]);
        let is_from =
            if nul.is_some() || behind_nul { from_line::parse(line).is_some() } else { piece.starts_line && line.starts_with(b"From ") };
        let from = if is_from { line } else { glued(line) };
        behind_nul = nul.is_some_and(|at| at + 1 == piece.bytes.len());
        if !from.is_empty() && !begins_as_ours(mbox, piece.end(), length, batch)? {
            return Ok(piece.end() - from.len() as u64);
        }
    }
    Ok(length)
}

/// The dated `From ` line that somebody has written directly behind a line of ours which was torn before its end; or nothing.
fn glued(line: &[u8]) -> &[u8] {
    let places = (1..line.len()).filter(|at| line[*at..].starts_with(b"From "));
    places.map(|at| &line[at..]).find(|rest| from_line::parse(rest).is_some()).unwrap_or_default()
}

/// Whether a block of this batch begins here, whole or up to where it is torn. A blank line may begin an empty message of others.
fn begins_as_ours(mbox: &Path, block_at: u64, length: u64, batch: Option<Batch>) -> io::Result<bool> {
    let start = files::read_between(mbox, block_at, length.min(block_at + LINE_BYTES_MAX))?;
    if let Some(at) = start.iter().zip(BLOCK).position(|(is, ours)| is != ours) {
        return Ok(start[at] == 0 || (start[at] == b'\n' && at > 0));
    }
    let line = start.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
    // One without a number may have lost it where it is torn.
    let other = Block::parse_first(line).is_some_and(|block| block.batch.is_some() && block.batch != batch);
    Ok(batch.is_none() || !other)
}
