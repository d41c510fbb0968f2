//! mboxrd quoting: every body line `>*From ` gets one `>` more, and loses it when read.

use std::io::{self, Read};

use super::lines::Lines;

/// As many signs are counted; a line with more is quoted whatever follows, so that its end need not be known.
const SIGNS_MAX: usize = 60_000;

fn signs(line: &[u8]) -> usize {
    line.iter().take(SIGNS_MAX + 2).take_while(|byte| **byte == b'>').count()
}

/// How many `>` stand before `From ` at the start of a line; `None` for any other line.
pub(super) fn depth(line: &[u8]) -> Option<usize> {
    match line.first() {
        Some(b'>' | b'F') => Some(signs(line)).filter(|signs| line[*signs..].starts_with(b"From ")),
        _ => None,
    }
}

pub(super) fn needs_quote(line: &[u8]) -> bool {
    match depth(line) {
        Some(_) => true,
        None => line.first() == Some(&b'>') && signs(line) > SIGNS_MAX,
    }
}

pub(super) fn is_quoted(line: &[u8]) -> bool {
    match depth(line) {
        Some(depth) => depth > 0,
        None => line.first() == Some(&b'>') && signs(line) > SIGNS_MAX + 1,
    }
}

/// Reads what was quoted as it was before.
pub(super) struct Unquote<R> {
    lines: Lines<R>,
    held: Vec<u8>,
    given: usize,
}

impl<R: Read> Unquote<R> {
    pub(super) fn new(reader: R) -> Self {
        Unquote { lines: Lines::new(reader, 0), held: Vec::new(), given: 0 }
    }

    fn refill(&mut self) -> io::Result<()> {
        self.held.clear();
        self.given = 0;
        if let Some(piece) = self.lines.next()? {
            let quoted = usize::from(piece.starts_line && is_quoted(piece.bytes));
            self.held.extend_from_slice(&piece.bytes[quoted..]);
        }
        Ok(())
    }
}

impl<R: Read> Read for Unquote<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.given == self.held.len() {
            self.refill()?;
        }
        let length = buffer.len().min(self.held.len() - self.given);
        buffer[..length].copy_from_slice(&self.held[self.given..self.given + length]);
        self.given += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_from_lines_are_quoted() {
        for (line, wanted) in [
            ("From ", Some(0)),
            (">From x", Some(1)),
            (">>>From ", Some(3)),
            ("From", None),
            ("> From ", None),
            ("from ", None),
            ("", None),
        ] {
            assert_eq!(depth(line.as_bytes()), wanted, "{line}");
        }
        let counts = [0, 1, SIGNS_MAX - 1, SIGNS_MAX, SIGNS_MAX + 1, SIGNS_MAX + 2, 100_000];
        for (signs, end) in counts.iter().flat_map(|signs| [(*signs, "From x\n"), (*signs, "x\n"), (*signs, "")]) {
            let line = ">".repeat(signs) + end;
            let written = if needs_quote(line.as_bytes()) { format!(">{line}") } else { line.clone() };
            let mut back = String::new();
            Unquote::new(written.as_bytes()).read_to_string(&mut back).expect("read");
            assert!(back == line, "{signs}");
        }
    }
}
