//! What is odd about the bytes of a message (T08, T09, T10), seen as they stream by.

/// Of a line, without its end (RFC 5322, 2.1.1).
pub const LINE_BYTES_MAX: usize = 998;
/// Of a line of a header as far as it is kept to be looked at.
const HELD_BYTES_MAX: usize = 1_024;

/// Whether a line begins as a field of a header does.
pub fn is_field(line: &[u8]) -> bool {
    let name = line.split(|byte| *byte == b':').next().filter(|name| name.len() < line.len());
    name.is_some_and(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic))
}

/// A message going by.
#[derive(Default)]
pub struct Look {
    odd: Odd,
    /// Of the line at hand: its bytes so far, and its beginning while it is one of the header.
    line_bytes: u64,
    held: Vec<u8>,
    last: u8,
    is_body: bool,
}

/// What was seen.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Odd {
    pub bytes: u64,
    pub lines: u64,
    pub nuls: u64,
    pub crlf: u64,
    pub bare_lf: u64,
    pub bare_cr: u64,
    pub longest_line: u64,
    pub long_lines: u64,
    /// Raw 8-bit bytes in the header.
    pub header_8bit: u64,
    /// The first line is neither a field nor empty.
    pub no_header: bool,
    /// Number of the first line of the header that is no field, counted from 1.
    pub no_field: Option<u64>,
    pub ends_line: bool,
}

impl Odd {
    /// As Unix stores it: every line ends in LF alone.
    pub fn is_of_unix(&self) -> bool {
        self.crlf == 0 && self.bare_cr == 0
    }

    /// Bytes over the wire, where a message of Unix gets CRLF.
    pub fn wire_bytes(&self) -> u64 {
        self.bytes + if self.is_of_unix() { self.bare_lf } else { 0 }
    }
}

impl Look {
    pub fn update(&mut self, bytes: &[u8]) {
        self.odd.bytes += bytes.len() as u64;
        self.odd.nuls += memchr::memchr_iter(0, bytes).count() as u64;
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.piece(piece);
        }
    }

    /// A line, or a part of one.
    fn piece(&mut self, piece: &[u8]) {
        let ends = piece.last() == Some(&b'\n');
        let text = piece.strip_suffix(b"\n").unwrap_or(piece);
        // A CR at the end of what came before is bare unless LF follows.
        if self.last == b'\r' && !(ends && text.is_empty()) {
            self.odd.bare_cr += 1;
        }
        let with_cr = if text.is_empty() { self.last == b'\r' && self.line_bytes > 0 } else { text.last() == Some(&b'\r') };
        self.odd.bare_cr += memchr::memchr_iter(b'\r', text.strip_suffix(b"\r").unwrap_or(text)).count() as u64;
        self.line_bytes += text.len() as u64;
        if !self.is_body {
            self.odd.header_8bit += text.iter().filter(|byte| !byte.is_ascii()).count() as u64;
            let room = HELD_BYTES_MAX - self.held.len().min(HELD_BYTES_MAX);
            self.held.extend_from_slice(&text[..text.len().min(room)]);
        }
        self.last = piece.last().copied().unwrap_or(self.last);
        if ends {
            match with_cr {
                true => self.odd.crlf += 1,
                false => self.odd.bare_lf += 1,
            }
            self.line(self.line_bytes - u64::from(with_cr));
        }
    }

    fn line(&mut self, length: u64) {
        self.odd.lines += 1;
        self.odd.longest_line = self.odd.longest_line.max(length);
        self.odd.long_lines += u64::from(length > LINE_BYTES_MAX as u64);
        self.line_bytes = 0;
        if self.is_body {
            return;
        }
        let held = std::mem::take(&mut self.held);
        let line = held.trim_ascii_end();
        let is_first = self.odd.lines == 1;
        if line.is_empty() {
            self.is_body = true;
        } else if is_first && !is_field(&held) {
            (self.odd.no_header, self.odd.header_8bit) = (true, 0);
            self.is_body = true;
        } else if !held.starts_with(b" ") && !held.starts_with(b"\t") && !is_field(&held) {
            self.odd.no_field.get_or_insert(self.odd.lines);
        }
    }

    pub fn finish(mut self) -> Odd {
        self.odd.ends_line = self.last == b'\n' || self.odd.bytes == 0;
        if self.last == b'\r' {
            self.odd.bare_cr += 1;
        }
        if self.line_bytes > 0 {
            self.line(self.line_bytes);
        }
        self.odd
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(bytes: &[u8]) -> Odd {
        let whole = |step: usize| {
            let mut look = Look::default();
            bytes.chunks(step).for_each(|piece| look.update(piece));
            look.finish()
        };
        let odd = whole(bytes.len().max(1));
        // However it is cut, the same is seen.
        for step in [1, 2, 3, 7] {
            assert_eq!(whole(step), odd, "in pieces of {step}");
        }
        odd
    }

    #[test]
    fn a_plain_message_has_nothing_odd() {
        let odd = looked(b"Subject: x\r\n folded\r\nTo: y\r\n\r\n\xc3\xbc no: field here\r\n\r\n");
        assert_eq!((odd.bytes, odd.lines, odd.crlf, odd.ends_line), (51, 6, 6, true));
        assert_eq!((odd.nuls, odd.bare_lf, odd.bare_cr, odd.long_lines, odd.header_8bit), (0, 0, 0, 0, 0));
        assert_eq!((odd.no_header, odd.no_field, odd.wire_bytes()), (false, None, 51));
    }

    #[test]
    fn line_ends_are_counted_by_what_they_are() {
        let odd = looked(b"A: b\r\r\n\rx\r\r\n\n\r");
        assert_eq!((odd.crlf, odd.bare_lf, odd.bare_cr, odd.ends_line), (2, 1, 4, false));
        let unix = looked(b"A: b\n\nx\n");
        assert!(unix.is_of_unix() && unix.wire_bytes() == unix.bytes + 3);
        let mixed = looked(b"A: b\r\n\nx\n");
        assert!(!mixed.is_of_unix() && mixed.wire_bytes() == mixed.bytes);
    }

    #[test]
    fn a_line_is_too_long_from_its_999th_byte_on_and_its_end_does_not_count() {
        let line = |length: usize, end: &[u8]| [b"A: b\r\n\r\n".to_vec(), vec![b'x'; length], end.to_vec()].concat();
        for end in [&b"\r\n"[..], b"\n", b""] {
            assert_eq!(looked(&line(998, end)).long_lines, 0);
            assert_eq!((looked(&line(999, end)).long_lines, looked(&line(999, end)).longest_line), (1, 999));
        }
    }

    #[test]
    fn a_header_is_looked_at_up_to_its_empty_line() {
        assert_eq!(looked(b"A: \xfc\xfc\r\n\r\n\xfc").header_8bit, 2);
        assert_eq!(looked(b"A: b\r\nno field\r\n\r\n").no_field, Some(2));
        assert_eq!(looked(b"A: b\r\nno field").no_field, Some(2));
        let text = looked(b"just text\r\nA: b\r\n");
        assert!(text.no_header && text.no_field.is_none());
        assert!(!looked(b"\r\nA text\r\n").no_header, "an empty header is one");
        assert!(looked(b"From me Mon Jan  1\nA: b\n\n").no_header);
        assert_eq!(looked(b"").bytes, 0);
        assert!(looked(b"A: b\0\r\n").nuls == 1);
    }
}
