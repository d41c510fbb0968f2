//! Reads commands, and asks for their literals.

use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;

use crate::talk::{Part, Value, literal_at_end, values_of};

pub(super) struct Command {
    pub tag: String,
    /// In capitals; `UID FETCH` is one.
    pub word: String,
    /// What follows it.
    pub values: Vec<Value>,
    /// As it came, with `{n}` in place of literals.
    pub line: String,
    /// The quirks were asked before its literal was.
    pub judged: bool,
}

impl Command {
    fn of(parts: Vec<Part>, judged: bool) -> Self {
        let texts = parts.iter().filter_map(|part| if let Part::Text(text) = part { Some(&text[..]) } else { None });
        let line = String::from_utf8_lossy(&texts.collect::<Vec<_>>().concat()).replace("\r\n", "");
        let mut values = values_of(parts);
        let mut take = || if values.is_empty() { String::new() } else { values.remove(0).text().unwrap_or_default() };
        let (tag, mut word) = (take(), take().to_uppercase());
        if word == "UID" {
            word = format!("UID {}", take().to_uppercase());
        }
        Command { tag, word, values, line, judged }
    }

    pub fn text(&self, at: usize) -> String {
        self.values.get(at).and_then(Value::text).unwrap_or_default()
    }
}

/// Before a literal is asked for: what the line so far is, and how long the literal. An answer refuses it.
pub(super) trait Gate {
    fn go_on(&mut self) -> io::Result<()>;
    fn refusal(&mut self, command: &Command, length: u64, unasked: bool) -> io::Result<Verdict>;
}

pub(super) enum Verdict {
    Take,
    /// Already answered: the next line is a new command.
    Refused,
    /// Half of the literal is read, and no more.
    Reset,
}

pub(super) fn read(reader: &mut BufReader<TcpStream>, gate: &mut impl Gate) -> io::Result<Option<Command>> {
    let mut parts = Vec::new();
    let mut judged = false;
    loop {
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line)?;
        if !line.ends_with(b"\n") {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let literal = literal_at_end(&line).map(|literal| (literal.length, literal.unasked));
        parts.push(Part::Text(line));
        let Some((length, unasked)) = literal else { return Ok(Some(Command::of(parts, judged))) };
        let so_far = Command::of(parts.clone(), judged);
        match gate.refusal(&so_far, length, unasked)? {
            Verdict::Take => judged |= !unasked,
            Verdict::Refused => return Ok(None),
            Verdict::Reset => {
                if !unasked {
                    gate.go_on()?;
                }
                io::copy(&mut reader.take(length / 2), &mut io::sink())?;
                return Err(io::ErrorKind::ConnectionReset.into());
            }
        }
        if !unasked {
            gate.go_on()?;
        }
        let mut bytes = vec![0; length as usize];
        reader.read_exact(&mut bytes)?;
        parts.push(Part::Literal(bytes));
    }
}
