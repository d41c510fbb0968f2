//! The digests by which a message is known again: of its bytes, of the same with LF for CRLF, and of its likeness.

use std::io::{self, Read};

use super::likeness::Likeness;
use crate::model::Digest;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digests {
    pub exact: Digest,
    /// With LF for CRLF: a message whose lines ended in LF before it went over a wire has it as its own.
    pub unix: Digest,
    pub like: Digest,
}

/// Digests in the making.
#[derive(Default)]
pub struct Hashing {
    exact: blake3::Hasher,
    unix: blake3::Hasher,
    like: Likeness,
    lines: UnixLines,
}

/// A message on its way, with LF for CRLF.
#[derive(Default)]
pub(super) struct UnixLines {
    held_cr: bool,
}

impl UnixLines {
    pub fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8])) {
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            if std::mem::take(&mut self.held_cr) && piece != b"\n" {
                sink(b"\r");
            }
            match (piece.strip_suffix(b"\r\n"), piece.strip_suffix(b"\r")) {
                (Some(text), _) => {
                    sink(text);
                    sink(b"\n");
                }
                (None, Some(text)) => {
                    sink(text);
                    self.held_cr = true;
                }
                _ => sink(piece),
            }
        }
    }

    /// That was all.
    pub fn end(self, sink: &mut impl FnMut(&[u8])) {
        if self.held_cr {
            sink(b"\r");
        }
    }
}

impl Hashing {
    pub fn update(&mut self, bytes: &[u8]) {
        self.exact.update(bytes);
        self.like.update(bytes);
        let unix = &mut self.unix;
        self.lines.feed(bytes, &mut |piece| {
            unix.update(piece);
        });
    }

    /// Reads to the end; answers how many bytes there were.
    pub fn read(&mut self, reader: &mut dyn Read) -> io::Result<u64> {
        let mut buffer = [0; 16 << 10];
        let mut bytes = 0;
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => return Ok(bytes),
                Ok(read) => {
                    self.update(&buffer[..read]);
                    bytes += read as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub fn finish(mut self) -> Digests {
        let unix = &mut self.unix;
        self.lines.end(&mut |piece| {
            unix.update(piece);
        });
        let of = |hasher: blake3::Hasher| Digest(*hasher.finalize().as_bytes());
        Digests { exact: of(self.exact), unix: of(self.unix), like: self.like.finish() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lf_for_crlf_is_the_same_however_the_bytes_come() {
        for (bytes, unix) in [(&b"a\r\nb\r\n"[..], &b"a\nb\n"[..]), (b"a\rb\r", b"a\rb\r"), (b"a\r\r\n\r\r", b"a\r\n\r\r"), (b"", b"")] {
            for size in 1..=bytes.len().max(1) {
                let mut hashing = Hashing::default();
                bytes.chunks(size).for_each(|piece| hashing.update(piece));
                let digests = hashing.finish();
                assert_eq!((digests.exact, digests.unix), (Digest::of(bytes), Digest::of(unix)), "{bytes:?} by {size}");
            }
            let mut read = Hashing::default();
            assert_eq!(read.read(&mut &bytes[..]).expect("bytes"), bytes.len() as u64);
            assert_eq!(read.finish().unix, Digest::of(unix));
        }
    }
}
