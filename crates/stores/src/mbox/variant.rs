//! The three mbox forms in use, and how a file tells which it is.
//!
//! | form | body line `From ` is written | length |
//! |---|---|---|
//! | mboxo | `>From `, while `>From ` stays as it is: what was there cannot be known | none |
//! | mboxrd | one `>` more in front of every `>*From ` | none |
//! | mboxcl2 | as it is | `Content-Length` of the body |
//!
//! Evidence, in this order: the first message's `Content-Length` leads exactly to a separator or the end: mboxcl2; a line
//! `>>From ` is there: mboxrd, the only form that writes it as a rule; else mboxo, where nothing is unquoted: bytes that may
//! be the sender's own are not touched. Messages of our own writer say by their block that they are mboxrd.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use super::header::HeaderLine;
use super::lines::Lines;
use super::{from_line, unquote};

/// How far evidence is looked for. New mail at the end of a long file does not change the verdict.
const EVIDENCE_BYTES: u64 = 4 << 20;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Variant {
    Mboxo,
    Mboxrd,
    Mboxcl2,
}

pub(super) fn detect(file: &File) -> io::Result<Variant> {
    let mut reader = file;
    reader.seek(SeekFrom::Start(0))?;
    let mut lines = Lines::new(reader.take(EVIDENCE_BYTES), 0);
    let (mut in_header, mut length, mut body_at) = (true, None, None);
    let mut variant = Variant::Mboxo;
    while let Some(piece) = lines.next()? {
        if piece.starts_line && unquote::depth(piece.bytes).is_some_and(|depth| depth > 1) {
            variant = Variant::Mboxrd;
            break;
        }
        in_header &= !(piece.is_blank_line() && piece.at > 2);
        match HeaderLine::split(piece.bytes).filter(|line| in_header && line.is("Content-Length")) {
            Some(line) => length = content_length(line.value),
            None if !in_header && body_at.is_none() => body_at = Some(piece.end()),
            None => (),
        }
    }
    match length.zip(body_at).and_then(|(length, at): (u64, u64)| at.checked_add(length)) {
        Some(end) if leads_to_message(file, end)? => Ok(Variant::Mboxcl2),
        _ => Ok(variant),
    }
}

pub(super) fn content_length(value: &[u8]) -> Option<u64> {
    std::str::from_utf8(value).ok()?.parse().ok()
}

/// Whether the file ends here, or a separator stands here, a line end or two set aside.
pub(super) fn leads_to_message(mut file: &File, at: u64) -> io::Result<bool> {
    let length = file.metadata()?.len();
    if at >= length {
        return Ok(at == length);
    }
    let mut next = Vec::new();
    file.seek(SeekFrom::Start(at))?;
    file.take(1000).read_to_end(&mut next)?;
    let blank = next.iter().take(4).take_while(|byte| matches!(byte, b'\n' | b'\r')).count();
    let line = next[blank..].split(|byte| *byte == b'\n').next().unwrap_or_default();
    Ok(at + blank as u64 == length || from_line::parse(line).is_some())
}
