//! Bytes of the connection to responses. A response is a line; a literal in it is put in place, where the tokens find it, but
//! the bytes of a message are handed out piece by piece and never gathered (T22: a message may have 1.5 GB).
//!
//! A line may be long: a SEARCH of a million messages is eight megabytes. What is gathered has a limit all the same.

use super::cursor::parse_number;

/// Of one response, literals of message bytes not counted.
pub const RESPONSE_BYTES_MAX: usize = 64 << 20;

#[derive(Default)]
pub struct Framer {
    /// Read and not yet used.
    input: Vec<u8>,
    start: usize,
    /// The response being gathered.
    line: Vec<u8>,
    /// Bytes of a message still to be handed out.
    body: u64,
    /// Bytes of a literal still to be put in place.
    literal: usize,
    /// Looked at already for a line end.
    looked: usize,
    /// Whether bodies are handed out; otherwise they are gathered like any literal.
    pub stream_bodies: bool,
}

#[derive(PartialEq, Eq, Debug)]
pub enum Framed {
    /// More bytes are needed.
    Starved,
    /// `line` holds a whole response.
    Response,
    /// A message of this many bytes follows; `line` holds what came before it.
    Body(u64),
    TooLong,
}

impl Framer {
    /// Where to put bytes that were read.
    pub fn feed(&mut self, bytes: &[u8]) {
        if self.start > 0 && (self.start == self.input.len() || self.start > 1 << 16) {
            self.input.drain(..self.start);
            self.start = 0;
        }
        self.input.extend_from_slice(bytes);
    }

    pub fn buffered(&self) -> usize {
        self.input.len() - self.start
    }

    pub fn line(&self) -> &[u8] {
        &self.line
    }

    /// Forgets the response that was used.
    pub fn used(&mut self) {
        self.line.clear();
        if self.line.capacity() > 1 << 20 {
            self.line = Vec::new();
        }
    }

    /// What is there of the message that is handed out.
    pub fn body(&self) -> &[u8] {
        let there = &self.input[self.start..];
        &there[..there.len().min(usize::try_from(self.body).unwrap_or(usize::MAX))]
    }

    pub fn body_left(&self) -> u64 {
        self.body
    }

    pub fn body_used(&mut self, bytes: usize) {
        self.start += bytes;
        self.body -= bytes as u64;
    }

    /// Goes on with the response until it is whole or bytes are missing.
    pub fn advance(&mut self) -> Framed {
        debug_assert_eq!(self.body, 0, "a message is handed out");
        loop {
            if self.line.len() + self.literal > RESPONSE_BYTES_MAX {
                return Framed::TooLong;
            }
            let there = &self.input[self.start..];
            if self.literal > 0 {
                let take = self.literal.min(there.len());
                self.line.extend_from_slice(&there[..take]);
                self.start += take;
                self.literal -= take;
                if self.literal > 0 {
                    return Framed::Starved;
                }
                continue;
            }
            let Some(end) = memchr::memchr(b'\n', &there[self.looked..]).map(|at| at + self.looked) else {
                self.looked = there.len();
                return if there.len() > RESPONSE_BYTES_MAX { Framed::TooLong } else { Framed::Starved };
            };
            self.looked = 0;
            self.line.extend_from_slice(&there[..=end]);
            self.start += end + 1;
            match announced(&self.line) {
                None => return Framed::Response,
                Some((length, at)) if self.stream_bodies && is_body(&self.line[..at]) => {
                    // The tokens find an empty literal in its place.
                    self.line.truncate(at);
                    self.line.extend_from_slice(b"{0}\r\n");
                    self.body = length;
                    return Framed::Body(length);
                }
                Some((length, _)) => self.literal = usize::try_from(length).unwrap_or(usize::MAX / 2),
            }
        }
    }
}

/// The length of the literal that a line announces at its end, and where the announcement begins.
fn announced(line: &[u8]) -> Option<(u64, usize)> {
    let text = line.strip_suffix(b"\n")?;
    let text = text.strip_suffix(b"\r").unwrap_or(text).strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', &text[text.len().saturating_sub(24)..])? + text.len().saturating_sub(24);
    let digits = &text[open + 1..];
    let length = parse_number(digits.strip_suffix(b"+").unwrap_or(digits))?;
    let at = if open > 0 && text[open - 1] == b'~' { open - 1 } else { open };
    // Within text for people, braces are text.
    let is_status = line.get(..5).is_some_and(|start| matches!(&start.to_ascii_uppercase()[..], b"* OK " | b"* NO " | b"* BAD" | b"* BYE"));
    (!is_status).then_some((length, at))
}

/// Whether what comes next is the whole of a message.
fn is_body(before: &[u8]) -> bool {
    let text = before.trim_ascii_end();
    let ends = |name: &[u8]| text.len() >= name.len() && text[text.len() - name.len()..].eq_ignore_ascii_case(name);
    let is_fetch = memchr::memmem::find(&before[..before.len().min(40)].to_ascii_uppercase(), b" FETCH (").is_some();
    is_fetch && (ends(b"BODY[]") || ends(b"BODY[]<0>") || ends(b" RFC822") || ends(b"(RFC822") || ends(b"BINARY[]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds in steps of this many bytes and gathers responses and bodies.
    fn run(bytes: &[u8], step: usize) -> Vec<String> {
        let mut framer = Framer { stream_bodies: true, ..Framer::default() };
        let mut out = Vec::new();
        for piece in bytes.chunks(step) {
            framer.feed(piece);
            loop {
                while framer.body_left() > 0 && !framer.body().is_empty() {
                    let piece = String::from_utf8_lossy(framer.body()).into_owned();
                    framer.body_used(piece.len());
                    out.push(piece);
                }
                if framer.body_left() > 0 {
                    break;
                }
                match framer.advance() {
                    Framed::Starved => break,
                    Framed::Body(_) => out.push("body".into()),
                    Framed::Response => {
                        out.push(String::from_utf8_lossy(framer.line()).into_owned());
                        framer.used();
                    }
                    Framed::TooLong => panic!("too long"),
                }
            }
        }
        out
    }

    #[test]
    fn packets_may_be_cut_anywhere() {
        let bytes = b"* 1 FETCH (UID 7 BODY[] {5}\r\nab\ncd FLAGS (a))\r\n* LIST () \"/\" {3}\r\na\"b\r\n* OK braces {5}\r\nA1 OK done\n";
        let whole = run(bytes, bytes.len());
        assert_eq!(
            whole,
            [
                "body",
                "ab\ncd",
                "* 1 FETCH (UID 7 BODY[] {0}\r\n FLAGS (a))\r\n",
                "* LIST () \"/\" {3}\r\na\"b\r\n",
                "* OK braces {5}\r\n",
                "A1 OK done\n"
            ]
        );
        for step in 1..40 {
            assert_eq!(run(bytes, step).concat(), whole.concat(), "in steps of {step}");
        }
    }

    #[test]
    fn an_empty_message_is_a_body_too() {
        assert_eq!(run(b"* 1 FETCH (BODY[] {0}\r\n)\r\n", 100), ["body", "* 1 FETCH (BODY[] {0}\r\n)\r\n"]);
    }

    #[test]
    fn a_response_without_end_is_given_up() {
        let mut framer = Framer::default();
        framer.feed(b"* LIST () \"/\" {99999999999}\r\n");
        assert_eq!(framer.advance(), Framed::TooLong);
    }
}
