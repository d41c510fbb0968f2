//! A plain-spoken IMAP client: blocking, plain text, one answer after the other or many commands at once.
//!
//! It is the second opinion of the tests, so it shares no code with the client under test, and believes as little as it can:
//! responses are split into values and nothing else is made of them here.

mod value;

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

pub use self::value::{Value, values_of};

/// A server under test may hang; a test may not.
const PATIENCE: Duration = Duration::from_secs(120);
const LITERAL_BYTES_MAX: u64 = 1 << 31;

pub struct Talk {
    reader: BufReader<TcpStream>,
    writer: BufWriter<TcpStream>,
    tags: u32,
    pub greeting: String,
}

/// One response: its lines, with the literals between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    Text(Vec<u8>),
    Literal(Vec<u8>),
}

/// What a command brought.
#[derive(Clone, Debug)]
pub struct Answer {
    /// From `OK`, `NO` or `BAD` on.
    pub status: String,
    pub untagged: Vec<Vec<Value>>,
}

impl Answer {
    pub fn is_ok(&self) -> bool {
        self.status.starts_with("OK")
    }

    /// Untagged responses whose word is this, wherever it stands: `* 3 FETCH (..)`, `* LIST ..`.
    pub fn all<'a>(&'a self, word: &'a str) -> impl Iterator<Item = &'a [Value]> + 'a {
        let is = move |value: Option<&Value>| value.is_some_and(|value| value.is_atom(word));
        self.untagged.iter().map(Vec::as_slice).filter(move |values| is(values.first()) || is(values.get(1)))
    }
}

impl Talk {
    pub fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true).context("no delay")?;
        stream.set_read_timeout(Some(PATIENCE)).context("no timeout")?;
        let writer = BufWriter::with_capacity(256 << 10, stream.try_clone().context("no second handle")?);
        let mut talk = Talk { reader: BufReader::with_capacity(256 << 10, stream), writer, tags: 0, greeting: String::new() };
        talk.greeting = talk.line()?;
        Ok(talk)
    }

    pub fn login(address: SocketAddr, user: &str, password: &str) -> Result<Self> {
        let mut talk = Talk::connect(address)?;
        talk.ok(&format!("LOGIN {} {}", quoted(user), quoted(password)))?;
        Ok(talk)
    }

    /// Sends the command and reads until its answer.
    pub fn command(&mut self, line: &str) -> Result<Answer> {
        let tag = self.begin(line.as_bytes())?;
        self.finish(&tag)
    }

    /// The same; anything but OK is an error.
    pub fn ok(&mut self, line: &str) -> Result<Answer> {
        let answer = self.command(line)?;
        if !answer.is_ok() {
            bail!("{}: {}", line.split(' ').next().unwrap_or_default(), answer.status);
        }
        Ok(answer)
    }

    /// Whether the server says that it can do this.
    pub fn offers(&mut self, capability: &str) -> Result<bool> {
        Ok(self.ok("CAPABILITY")?.all("CAPABILITY").flatten().any(|value| value.is_atom(capability)))
    }

    /// Sends a command and reads nothing: commands may follow each other this way. Goes out when something is read.
    pub fn begin(&mut self, line: &[u8]) -> Result<String> {
        self.tags += 1;
        let tag = format!("t{}", self.tags);
        self.put(tag.as_bytes())?;
        self.put(b" ")?;
        self.put(line)?;
        self.put(b"\r\n")?;
        Ok(tag)
    }

    /// The answer to that command; what was asked before it must have been answered.
    pub fn finish(&mut self, tag: &str) -> Result<Answer> {
        let mut untagged = Vec::new();
        loop {
            match self.next(tag)? {
                Said::Untagged(values) => untagged.push(values),
                Said::Done(status) => return Ok(Answer { status, untagged }),
                Said::GoOn => bail!("the server waits for more"),
            }
        }
    }

    pub fn next(&mut self, tag: &str) -> Result<Said> {
        let parts = self.response()?;
        let Some(Part::Text(first)) = parts.first() else { bail!("a response begins with text") };
        if first.starts_with(b"+") {
            return Ok(Said::GoOn);
        }
        if let Some(status) = first.strip_prefix(tag.as_bytes()).and_then(|rest| rest.strip_prefix(b" ")) {
            return Ok(Said::Done(String::from_utf8_lossy(status).trim_end().to_owned()));
        }
        if !first.starts_with(b"* ") {
            bail!("unexpected: {}", String::from_utf8_lossy(first).trim_end());
        }
        Ok(Said::Untagged(values_of(parts)))
    }

    /// A message by a synchronising literal.
    pub fn append(&mut self, mailbox: &str, options: &str, bytes: &[u8]) -> Result<Answer> {
        let tag = self.begin(format!("APPEND {} {options} {{{}}}", quoted(mailbox), bytes.len()).as_bytes())?;
        let mut untagged = Vec::new();
        loop {
            match self.next(&tag)? {
                Said::Untagged(values) => untagged.push(values),
                Said::Done(status) => return Ok(Answer { status, untagged }),
                Said::GoOn => {
                    self.put(bytes)?;
                    self.put(b"\r\n")?;
                }
            }
        }
    }

    /// Bytes as they are, not yet on their way.
    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        self.writer.write_all(bytes).context("the server takes no more")
    }

    pub fn flush(&mut self) -> Result<()> {
        self.writer.flush().context("the server takes no more")
    }

    /// One line with its end, as it is.
    pub fn line(&mut self) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.raw_line()?).trim_end().to_owned())
    }

    fn raw_line(&mut self) -> Result<Vec<u8>> {
        self.flush()?;
        let mut line = Vec::new();
        self.reader.read_until(b'\n', &mut line).context("no answer")?;
        if !line.ends_with(b"\n") {
            bail!("the connection was closed after `{}`", String::from_utf8_lossy(&line));
        }
        Ok(line)
    }

    pub fn response(&mut self) -> Result<Vec<Part>> {
        let mut parts = Vec::new();
        loop {
            let line = self.raw_line()?;
            let literal = literal_at_end(&line).map(|literal| literal.length);
            parts.push(Part::Text(line));
            let Some(length) = literal else { return Ok(parts) };
            if length > LITERAL_BYTES_MAX {
                bail!("a literal of {length} bytes");
            }
            let mut bytes = vec![0; length as usize];
            self.reader.read_exact(&mut bytes).context("the connection was closed within a literal")?;
            parts.push(Part::Literal(bytes));
        }
    }

    /// Both halves, to read and write in threads of their own.
    pub fn split(self) -> (BufReader<TcpStream>, BufWriter<TcpStream>) {
        (self.reader, self.writer)
    }
}

pub enum Said {
    Untagged(Vec<Value>),
    Done(String),
    GoOn,
}

/// `{12}`, `{12+}`, `~{12}` at the end of a line.
pub(crate) struct LiteralAhead {
    pub length: u64,
    /// Where the brace stands.
    pub at: usize,
    /// It does not wait to be asked for.
    pub unasked: bool,
}

pub(crate) fn literal_at_end(line: &[u8]) -> Option<LiteralAhead> {
    let text = line.strip_suffix(b"\n")?;
    let text = text.strip_suffix(b"\r").unwrap_or(text).strip_suffix(b"}")?;
    let at = text.iter().rposition(|byte| *byte == b'{')?;
    let number = std::str::from_utf8(&text[at + 1..]).ok()?;
    let (number, unasked) = number.strip_suffix(['+', '-']).map_or((number, false), |number| (number, true));
    Some(LiteralAhead { length: number.parse().ok()?, at, unasked })
}

/// A quoted string.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
