//! A stream cut into lines, and lines too long to hold into pieces: memory stays flat whatever comes.

use std::io::{self, BufRead, BufReader, Read};

/// A `From ` line or a header line is looked at up to here.
const PIECE_BYTES_MAX: u64 = 64 * 1024;

pub(super) struct Lines<R> {
    reader: BufReader<R>,
    piece: Vec<u8>,
    at: u64,
    ended: bool,
}

/// A line or a part of one, with its line end if it reaches that far.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece<'a> {
    pub(super) bytes: &'a [u8],
    /// Offset of the first byte.
    pub(super) at: u64,
    pub(super) starts_line: bool,
}

impl Piece<'_> {
    pub(super) fn end(&self) -> u64 {
        self.at + self.bytes.len() as u64
    }

    pub(super) fn is_blank_line(&self) -> bool {
        self.starts_line && matches!(self.bytes, b"\n" | b"\r\n")
    }
}

impl<R: Read> Lines<R> {
    pub(super) fn new(reader: R, at: u64) -> Self {
        Lines { reader: BufReader::with_capacity(256 * 1024, reader), piece: Vec::new(), at, ended: true }
    }

    pub(super) fn next(&mut self) -> io::Result<Option<Piece<'_>>> {
        self.piece.clear();
        (&mut self.reader).take(PIECE_BYTES_MAX).read_until(b'\n', &mut self.piece)?;
        let (at, starts_line) = (self.at, self.ended);
        self.at += self.piece.len() as u64;
        self.ended = self.piece.last() == Some(&b'\n');
        Ok((!self.piece.is_empty()).then_some(Piece { bytes: &self.piece, at, starts_line }))
    }
}
