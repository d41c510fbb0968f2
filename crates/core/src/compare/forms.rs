//! A message however its lines end: what a store keeps with LF comes over a wire with CRLF, and is the same message.

use std::io::{self, Read};

use super::digests::UnixLines;
use crate::chunk::Chunk;
use crate::model::Digest;

/// Digests of the bytes as they are, with LF for CRLF, and with CRLF for LF; those that are equal once.
pub fn forms(mut source: impl Read) -> io::Result<Vec<Digest>> {
    let (mut exact, mut unix, mut wire) = (blake3::Hasher::new(), blake3::Hasher::new(), blake3::Hasher::new());
    let (mut chunk, mut lines) = (Chunk::new(), UnixLines::default());
    let mut both = |piece: &[u8]| {
        unix.update(piece);
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            match line.strip_suffix(b"\n") {
                Some(text) => wire.update(text).update(b"\r\n"),
                None => wire.update(line),
            };
        }
    };
    loop {
        let bytes = chunk.read(&mut source)?;
        if bytes.is_empty() {
            break;
        }
        exact.update(bytes);
        lines.feed(bytes, &mut both);
    }
    lines.end(&mut both);
    let mut forms = Vec::with_capacity(3);
    for hasher in [exact, unix, wire] {
        let digest = Digest(*hasher.finalize().as_bytes());
        if !forms.contains(&digest) {
            forms.push(digest);
        }
    }
    Ok(forms)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives its bytes in pieces of a size.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0 = &self.0[count..];
            Ok(count)
        }
    }

    #[test]
    fn a_message_is_the_same_with_every_end_of_line_however_it_comes() {
        for (bytes, unix, wire) in [
            (&b"a\r\nb\r\n"[..], &b"a\nb\n"[..], &b"a\r\nb\r\n"[..]),
            (b"a\nb\n", b"a\nb\n", b"a\r\nb\r\n"),
            (b"a\nb\r\nc", b"a\nb\nc", b"a\r\nb\r\nc"),
            (b"a\rb\r", b"a\rb\r", b"a\rb\r"),
            (b"a\r\r\n\r\r", b"a\r\n\r\r", b"a\r\r\n\r\r"),
            (b"\n\n", b"\n\n", b"\r\n\r\n"),
            (b"", b"", b""),
        ] {
            for size in 1..=bytes.len().max(1) {
                let found = forms(Pieces(bytes, size)).expect("bytes");
                for form in [bytes, unix, wire] {
                    assert!(found.contains(&Digest::of(form)), "{bytes:?} by {size}: {form:?}");
                }
                assert!(found.len() <= 3);
            }
        }
    }
}
