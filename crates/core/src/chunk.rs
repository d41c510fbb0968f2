//! A buffer for reading files in pieces: small for small files, large for large ones.

use std::io::{self, Read};

const START_BYTES: usize = 16 << 10;
/// Shares answer large reads with far fewer round trips.
const MAX_BYTES: usize = 1 << 20;

pub(crate) struct Chunk(Vec<u8>);

impl Chunk {
    pub fn new() -> Self {
        Chunk(vec![0; START_BYTES])
    }

    /// The next piece; empty at the end. A piece that filled the buffer makes the next one larger.
    pub fn read(&mut self, reader: &mut (impl Read + ?Sized)) -> io::Result<&[u8]> {
        let got = loop {
            match reader.read(&mut self.0) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                other => break other?,
            }
        };
        if got == self.0.len() && got < MAX_BYTES {
            self.0.resize(2 * got, 0);
        }
        Ok(&self.0[..got])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_in_a_row_are_the_whole_and_grow_up_to_a_limit() {
        let whole: Vec<u8> = (0..5_000_000u32).map(|at| at as u8).collect();
        let (mut reader, mut chunk, mut read, mut largest) = (whole.as_slice(), Chunk::new(), Vec::new(), 0);
        loop {
            let piece = chunk.read(&mut reader).expect("memory can be read");
            if piece.is_empty() {
                break;
            }
            largest = largest.max(piece.len());
            read.extend_from_slice(piece);
        }
        assert!(read == whole && largest == MAX_BYTES);
    }
}
