//! What stays of a message when a server, or our own repair, changes it a little: line ends, blanks, NUL bytes, raw 8-bit characters
//! of a header. A message that was appended by a run that died is known again by it where its bytes did not come back (R42).
//!
//! It decides nothing alone: only messages that nobody claims, of nearly the same size, are compared, and in a manifest those that stand
//! under the id that the server gave (R84).

use crate::model::Digest;

/// Gathers the likeness of a message that comes in pieces.
pub struct Likeness {
    hasher: blake3::Hasher,
    in_header: bool,
    line_is_empty: bool,
    kept: Vec<u8>,
}

impl Default for Likeness {
    fn default() -> Self {
        let mut hasher = blake3::Hasher::new();
        // Never the digest of any message.
        hasher.update(b"mailferry likeness\0");
        Likeness { hasher, in_header: true, line_is_empty: false, kept: Vec::with_capacity(4096) }
    }
}

impl Likeness {
    pub fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => {
                    self.in_header &= !self.line_is_empty;
                    self.line_is_empty = true;
                    continue;
                }
                b'\r' => continue,
                b' ' | b'\t' => {}
                0 => self.kept.push(0x80),
                0x80.. if self.in_header => self.kept.push(b'X'),
                byte => self.kept.push(*byte),
            }
            self.line_is_empty = false;
        }
        self.hasher.update(&self.kept);
        self.kept.clear();
    }

    pub fn finish(&self) -> Digest {
        Digest(*self.hasher.finalize().as_bytes())
    }

    pub fn of(bytes: &[u8]) -> Digest {
        let mut likeness = Likeness::default();
        likeness.update(bytes);
        likeness.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_servers_change_is_like_it_and_other_text_is_not() {
        let given = b"Subject: Gr\xfc\xdfe\r\n\r\na\rb\0\r\nend";
        for changed in [
            &b"Subject: GrXXe\r\n\r\na\rb\0\r\nend"[..],
            b"Subject: Gr\xfc\xdfe\r\n\r\nab\x80\r\nend\r\n",
            b"Subject: Gr\xfc\xdfe\n\na\nb\x80\nend\n",
        ] {
            assert_eq!(Likeness::of(changed), Likeness::of(given), "{changed:?}");
        }
        for other in [&b"Subject: Gr\xfc\xdfe\r\n\r\na\rb\0\r\nEnd"[..], b"Subject: Gr\xfc\xdfe\r\n\r\na\xfcb\r\nend"] {
            assert_ne!(Likeness::of(other), Likeness::of(given));
        }
        let (mut pieces, whole) = (Likeness::default(), Likeness::of(given));
        given.chunks(1).for_each(|piece| pieces.update(piece));
        assert_eq!(pieces.finish(), whole);
    }
}
