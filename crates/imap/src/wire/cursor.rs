//! A tolerant reader of tokens: what it cannot name it steps over, and it never fails on what a server made up.
//!
//! A line arrives with its literals in place: `{5}`, CRLF, five bytes. Strings come in three forms (RFC 9051, 4.3), and servers
//! write atoms where the grammar wants strings and strings where it wants atoms; all are read alike.

use std::borrow::Cow;

#[derive(Clone, Debug)]
pub struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
}

/// A string, an atom, or NIL.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Word<'a> {
    Nil,
    Atom(&'a [u8]),
    String(Cow<'a, [u8]>),
}

impl<'a> Word<'a> {
    pub fn bytes(&self) -> &[u8] {
        match self {
            Word::Nil => b"",
            Word::Atom(bytes) => bytes,
            Word::String(bytes) => bytes,
        }
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.bytes()).into_owned()
    }
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Cursor { bytes, at: 0 }
    }

    pub fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.at..).unwrap_or_default()
    }

    pub fn rest_text(&self) -> String {
        String::from_utf8_lossy(self.rest()).trim().to_owned()
    }

    pub fn spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Steps over this byte, if it is next behind spaces.
    pub fn eat(&mut self, byte: u8) -> bool {
        self.spaces();
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    /// Bytes up to a space, a parenthesis or the end; brackets keep what is between them, as in `BODY[HEADER.FIELDS (DATE)]`.
    pub fn atom(&mut self) -> &'a [u8] {
        self.spaces();
        let start = self.at;
        let mut brackets = 0u32;
        while let Some(byte) = self.peek() {
            match byte {
                b'[' => brackets += 1,
                b']' => brackets = brackets.saturating_sub(1),
                b' ' | b'(' | b')' if brackets == 0 => break,
                b'\r' | b'\n' => break,
                _ => {}
            }
            self.at += 1;
        }
        &self.bytes[start..self.at]
    }

    /// An atom in which a bracket means nothing, such as a flag.
    pub fn plain_atom(&mut self) -> &'a [u8] {
        self.spaces();
        let rest = self.rest();
        let end = rest.iter().position(|byte| matches!(byte, b' ' | b'(' | b')' | b'\r' | b'\n')).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    pub fn number(&mut self) -> Option<u64> {
        self.spaces();
        let rest = self.rest();
        let end = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += end;
        parse_number(&rest[..end])
    }

    /// A string in any form, an atom or NIL.
    pub fn word(&mut self) -> Word<'a> {
        self.spaces();
        match self.peek() {
            Some(b'"') => Word::String(self.quoted()),
            Some(b'{') => self.literal(1).map_or_else(|| Word::Atom(self.plain_atom()), |bytes| Word::String(Cow::Borrowed(bytes))),
            Some(b'~') if self.bytes.get(self.at + 1) == Some(&b'{') => {
                self.literal(2).map_or_else(|| Word::Atom(self.plain_atom()), |bytes| Word::String(Cow::Borrowed(bytes)))
            }
            _ => match self.plain_atom() {
                atom if atom.eq_ignore_ascii_case(b"NIL") => Word::Nil,
                atom => Word::Atom(atom),
            },
        }
    }

    fn quoted(&mut self) -> Cow<'a, [u8]> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    self.at += 1;
                }
                _ => {}
            }
            self.at += 1;
        }
        let end = self.at.min(self.bytes.len());
        self.at = (self.at + 1).min(self.bytes.len());
        let inner = &self.bytes[start.min(end)..end];
        if escaped { Cow::Owned(unescaped(inner)) } else { Cow::Borrowed(inner) }
    }

    /// `{n}`, CRLF, n bytes; `brace` is where the number begins.
    fn literal(&mut self, brace: usize) -> Option<&'a [u8]> {
        let rest = self.rest();
        let close = rest.iter().position(|byte| *byte == b'}')?;
        let digits = rest.get(brace..close)?;
        let length = parse_number(digits.strip_suffix(b"+").unwrap_or(digits))? as usize;
        let start = close + 1 + rest[close + 1..].iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).take(2).count();
        let bytes = rest.get(start..start.checked_add(length)?)?;
        self.at += start + length;
        Some(bytes)
    }

    /// Calls for each value between parentheses; a value that is not in parentheses is one.
    pub fn list(&mut self, mut each: impl FnMut(&mut Cursor<'a>)) {
        if !self.eat(b'(') {
            self.spaces();
            return self.one(&mut each);
        }
        loop {
            self.spaces();
            match self.peek() {
                None | Some(b'\r' | b'\n') => return,
                Some(b')') => {
                    self.at += 1;
                    return;
                }
                Some(_) => self.one(&mut each),
            }
        }
    }

    /// Calls once, and steps on by itself when nothing was taken.
    fn one(&mut self, each: &mut impl FnMut(&mut Cursor<'a>)) {
        let before = self.at;
        each(self);
        if self.at == before {
            self.skip();
        }
        if self.at == before {
            self.at = (self.at + 1).min(self.bytes.len());
        }
    }

    /// Steps over one value of any kind.
    pub fn skip(&mut self) {
        self.spaces();
        let mut depth = 0u32;
        loop {
            self.spaces();
            match self.peek() {
                None => return,
                Some(b'(') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b')') if depth == 0 => return,
                Some(b')') => {
                    depth -= 1;
                    self.at += 1;
                }
                Some(_) => {
                    let before = self.at;
                    self.word();
                    if self.at == before {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    pub fn at_end(&mut self) -> bool {
        self.spaces();
        matches!(self.peek(), None | Some(b'\r' | b'\n'))
    }
}

pub fn parse_number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |sum, digit| match digit {
        b'0'..=b'9' => sum.checked_mul(10)?.checked_add(u64::from(digit - b'0')),
        _ => None,
    })
}

fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => out.extend(rest.next()),
            byte => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_read_in_every_form() {
        let mut cursor = Cursor::new(b"\"a\\\"b\" {3}\r\nx)y atom ~{2}\r\n\x00\x01 NIL nil \"\"");
        let words: Vec<Vec<u8>> = (0..7).map(|_| cursor.word().bytes().to_vec()).collect();
        assert_eq!(words, [b"a\"b".to_vec(), b"x)y".to_vec(), b"atom".to_vec(), vec![0, 1], vec![], vec![], vec![]]);
        assert!(cursor.at_end());
    }

    #[test]
    fn no_bytes_make_it_run_for_ever_or_fall() {
        for text in ["(", ")", "((", "\"", "\"\\", "{", "{9}", "{99999999999999999999}\r\n", "~{", "(a", "[[[", "]", "( ) )", "{3}\r\nab"] {
            let mut cursor = Cursor::new(text.as_bytes());
            cursor.list(|cursor| cursor.skip());
            let mut cursor = Cursor::new(text.as_bytes());
            cursor.list(|cursor| {
                cursor.word();
            });
        }
    }
}
