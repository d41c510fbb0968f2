//! One pass over an mbox file: where each message is, what it is called, what its marks are. Streams; holds one line.
//!
//! A separator is a line `From ` with a date, at the start of the file or after a blank line; that blank line belongs to
//! neither message. Where `Content-Length` is obeyed, nothing within it separates. A message of ours holds no bare
//! `From ` line, so that one ends it even without a blank line: it was torn, and another program went on writing.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use mailferry_core::model::{InternalDate, Marks};
use mailferry_core::ports::{Blast, Retry, StoreError};

use super::block::{self, Block};
use super::from_line::{self, FromLine};
use super::header::{self, HeaderLine};
use super::lines::{Lines, Piece};
use super::variant::{self, Variant};
use super::{folder_error, unquote};

/// A message, by offsets in its file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) from_at: u64,
    /// End of the `From ` line.
    pub(super) block_at: u64,
    /// First byte of the message itself.
    pub(super) content_at: u64,
    /// Behind its last byte, as stored.
    pub(super) content_end: u64,
    /// Where the next message begins.
    pub(super) next_at: u64,
    pub(super) from: FromLine,
    pub(super) block: Option<Block>,
    pub(super) marks: Marks,
    /// Digest of what readers of mbox leave as it is.
    pub(super) digest: [u8; 16],
    pub(super) quoted: bool,
    /// Bytes of the message as it is read.
    pub(super) size: u64,
    /// The note to itself that the UW IMAP server keeps as a first message.
    pub(super) internal: bool,
}

impl Message {
    /// What our writer began and did not finish. A message that has grown was changed by a client, which adds header lines.
    pub(super) fn is_torn(&self) -> bool {
        self.block.as_ref().is_some_and(|block| self.size < block.size)
    }

    pub(super) fn date(&self) -> InternalDate {
        self.block.as_ref().map_or(self.from.date, |block| block.date)
    }

    pub(super) fn sender(&self) -> Option<String> {
        let known = self.block.as_ref().is_none_or(|block| block.sender_known);
        (known && !self.from.sender.is_empty()).then(|| self.from.sender.clone())
    }
}

type Each<'e> = &'e mut dyn FnMut(Message) -> Result<(), StoreError>;

/// Every message of `path` from offset `start` on, up to `length`.
pub(super) fn scan(path: &Path, start: u64, length: u64, variant: Variant, each: Each<'_>) -> Result<(), StoreError> {
    let failed = |error: &io::Error| folder_error("read an mbox file", path, error);
    let open = || crate::files::open_plain(path);
    let mut file = open().map_err(|error| failed(&error))?;
    file.seek(SeekFrom::Start(start)).map_err(|error| failed(&error))?;
    let mut lines = Lines::new(file.take(length.saturating_sub(start)), start);
    let mut scanner = Scanner { variant, probe: open().map_err(|error| failed(&error))?, current: None, first: start == 0 };
    while let Some(piece) = lines.next().map_err(|error| failed(&error))? {
        if let Some(from) = scanner.separator(&piece) {
            scanner.finish(piece.at).map_or(Ok(()), &mut *each)?;
            scanner.current = Some(Current::new(from, &piece));
        } else if scanner.current.is_some() {
            scanner.feed(piece).map_err(|error| failed(&error))?;
        } else if !piece.is_blank_line() {
            return Err(not_mbox(path));
        }
    }
    scanner.finish(length).map_or(Ok(()), each)
}

fn not_mbox(path: &Path) -> StoreError {
    let cause = "it does not begin with a line `From sender date`";
    StoreError::new(Blast::Folder, Retry::Never, "read an mbox file", path.display().to_string(), cause)
        .hint("it is no mbox, or its beginning is damaged")
}

struct Scanner {
    variant: Variant,
    probe: File,
    current: Option<Current>,
    first: bool,
}

impl Scanner {
    fn separator(&self, piece: &Piece<'_>) -> Option<FromLine> {
        if !piece.starts_line || !piece.bytes.starts_with(b"From ") {
            return None;
        }
        let parsed = from_line::parse(piece.bytes);
        let any = || FromLine { sender: sender_alone(piece.bytes), date: InternalDate::default() };
        match &self.current {
            None => Some(parsed.unwrap_or_else(any)),
            Some(current) => match current.claimed_end {
                Some(end) => parsed.filter(|_| piece.at >= end),
                None if current.blank.is_some() && self.variant == Variant::Mboxrd => Some(parsed.unwrap_or_else(any)),
                None => parsed.filter(|_| current.blank.is_some() || current.block.is_some()),
            },
        }
    }

    fn feed(&mut self, piece: Piece<'_>) -> io::Result<()> {
        let Some(current) = &mut self.current else { return Ok(()) };
        current.feed(piece);
        if let Some(length) = current.content_length.take_if(|_| current.stage == Stage::Body)
            && self.variant == Variant::Mboxcl2
            && current.block.is_none()
            && let Some(end) = piece.end().checked_add(length)
            && variant::leads_to_message(&self.probe, end)?
        {
            current.claim(end);
        }
        Ok(())
    }

    fn finish(&mut self, next_at: u64) -> Option<Message> {
        let current = self.current.take()?;
        let first = std::mem::replace(&mut self.first, false);
        let quoted_file = self.variant == Variant::Mboxrd;
        Some(current.finish(next_at, quoted_file, first))
    }
}

fn sender_alone(line: &[u8]) -> String {
    String::from_utf8_lossy(&line[5..line.len().min(1000)]).split_ascii_whitespace().next().unwrap_or_default().into()
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    First,
    Block,
    Header,
    Body,
}

/// What a header line that goes on in the next line is about.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Subject {
    Steady,
    Unsteady,
    Keywords,
}

/// The message at hand.
struct Current {
    from: FromLine,
    from_at: u64,
    block_at: u64,
    content_at: u64,
    stage: Stage,
    subject: Subject,
    /// Lines of a block that is not complete yet, with their offsets.
    held: Vec<(u64, Vec<u8>)>,
    opening: Option<Block>,
    block: Option<Block>,
    block_marks: Option<Marks>,
    marks: Marks,
    hasher: blake3::Hasher,
    quoted_lines: u64,
    /// A blank line of which it is not known yet whether it is the message's own.
    blank: Option<(u64, Vec<u8>)>,
    content_length: Option<u64>,
    claimed_end: Option<u64>,
    dated: Option<InternalDate>,
    imap: bool,
    internal_subject: bool,
}

impl Current {
    fn new(from: FromLine, line: &Piece<'_>) -> Self {
        Current {
            from,
            from_at: line.at,
            block_at: line.end(),
            content_at: line.end(),
            stage: Stage::First,
            subject: Subject::Steady,
            held: Vec::new(),
            opening: None,
            block: None,
            block_marks: None,
            marks: Marks::default(),
            hasher: blake3::Hasher::new(),
            quoted_lines: 0,
            blank: None,
            content_length: None,
            claimed_end: None,
            dated: None,
            imap: false,
            internal_subject: false,
        }
    }

    fn feed(&mut self, piece: Piece<'_>) {
        match self.stage {
            Stage::First => self.open(piece),
            Stage::Block => self.go_on(piece),
            Stage::Header | Stage::Body => self.take(piece),
        }
    }

    fn open(&mut self, piece: Piece<'_>) {
        if piece.at == self.block_at {
            self.opening = Block::parse_first(piece.bytes);
        }
        if self.opening.is_some() {
            self.stage = Stage::Block;
            self.held.push((piece.at, piece.bytes.to_vec()));
        } else {
            // The rest of an overlong `From ` line is nobody's.
            self.content_at = if piece.starts_line { self.content_at } else { piece.end() };
            self.block_at = self.content_at;
            if piece.starts_line {
                self.stage = Stage::Header;
                self.take(piece);
            }
        }
    }

    fn go_on(&mut self, piece: Piece<'_>) {
        let Some(block) = self.opening.take() else { return self.take(piece) };
        if block.is_last(piece.bytes) {
            self.content_at = piece.end();
            self.block_marks = self.marks_of_block();
            self.block = Some(block);
            self.stage = Stage::Header;
            self.held.clear();
        } else if piece.starts_line && Block::may_hold(piece.bytes) && self.held.len() < block::LINES_MAX {
            self.held.push((piece.at, piece.bytes.to_vec()));
            self.opening = Some(block);
        } else {
            self.give_up_block();
            self.take(piece);
        }
    }

    fn marks_of_block(&self) -> Option<Marks> {
        let mut marks = Marks::default();
        let lines = self.held.iter().filter_map(|(_, line)| HeaderLine::split(line));
        let said = lines.fold(false, |said, line| header::take_marks(line, &mut marks) | said);
        said.then_some(marks)
    }

    /// No block after all: the lines are the message's own.
    fn give_up_block(&mut self) {
        self.stage = Stage::Header;
        self.opening = None;
        for (at, line) in std::mem::take(&mut self.held) {
            self.take(Piece { bytes: &line, at, starts_line: true });
        }
    }

    fn take(&mut self, piece: Piece<'_>) {
        if let Some((at, line)) = self.blank.take() {
            self.digest(Piece { bytes: &line, at, starts_line: true });
        }
        if self.stage == Stage::Header {
            self.take_header(piece);
        } else if piece.is_blank_line() && self.claimed_end.is_none() {
            self.blank = Some((piece.at, piece.bytes.to_vec()));
        } else {
            self.digest(piece);
        }
    }

    fn take_header(&mut self, piece: Piece<'_>) {
        if piece.is_blank_line() {
            self.stage = Stage::Body;
            self.blank = Some((piece.at, piece.bytes.to_vec()));
            return;
        }
        if piece.starts_line && !matches!(piece.bytes.first(), Some(b' ' | b'\t')) {
            self.subject = Subject::Steady;
            if let Some(line) = HeaderLine::split(piece.bytes) {
                self.note(line);
            }
        } else if self.subject == Subject::Keywords {
            header::take_keywords(piece.bytes, &mut self.marks);
        }
        if self.subject == Subject::Steady {
            self.digest(piece);
        } else {
            self.count_quote(piece);
        }
    }

    fn note(&mut self, line: HeaderLine<'_>) {
        if line.is_unsteady() {
            self.subject = if line.is("X-Keywords") { Subject::Keywords } else { Subject::Unsteady };
        }
        header::take_marks(line, &mut self.marks);
        if line.is("Content-Length") {
            self.content_length = variant::content_length(line.value);
        }
        if line.is("Date") && self.dated.is_none() && self.from.date == InternalDate::default() {
            self.dated = date_of(line.value);
        }
        self.imap |= line.is("X-IMAP");
        self.internal_subject |= line.is("Subject") && line.value.ends_with(b"FOLDER INTERNAL DATA");
    }

    /// `Content-Length` reaches to here.
    fn claim(&mut self, end: u64) {
        self.claimed_end = Some(end);
        if let Some((at, line)) = self.blank.take() {
            self.digest(Piece { bytes: &line, at, starts_line: true });
        }
    }

    fn digest(&mut self, piece: Piece<'_>) {
        let own = self.claimed_end.map_or(piece.bytes.len() as u64, |end| end.saturating_sub(piece.at));
        let own = usize::try_from(own).unwrap_or(usize::MAX).min(piece.bytes.len());
        self.hasher.update(&piece.bytes[..own]);
        self.count_quote(piece);
    }

    fn count_quote(&mut self, piece: Piece<'_>) {
        self.quoted_lines += u64::from(piece.starts_line && unquote::is_quoted(piece.bytes));
    }

    fn finish(mut self, next_at: u64, quoted_file: bool, first: bool) -> Message {
        if self.stage == Stage::Block {
            self.give_up_block();
        }
        let content_end = self.claimed_end.or(self.blank.as_ref().map(|(at, _)| *at)).unwrap_or(next_at).max(self.content_at);
        let quoted = quoted_file || self.block.is_some();
        let added = u64::from(self.block.as_ref().is_some_and(|block| !block.ends_line));
        let stored = content_end - self.content_at;
        let size = stored.saturating_sub(added).saturating_sub(if quoted { self.quoted_lines } else { 0 });
        let mut digest = [0; 16];
        digest.copy_from_slice(&self.hasher.finalize().as_bytes()[..16]);
        if self.from.date == InternalDate::default() {
            self.from.date = self.dated.unwrap_or_default();
        }
        Message {
            from_at: self.from_at,
            block_at: self.block_at,
            content_at: self.content_at,
            content_end,
            next_at,
            from: self.from,
            marks: self.block_marks.unwrap_or(self.marks),
            block: self.block,
            digest,
            quoted,
            size,
            internal: first && self.imap && self.internal_subject,
        }
    }
}

/// For messages whose `From ` line holds no date.
fn date_of(value: &[u8]) -> Option<InternalDate> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().relaxed_weekday(true).parse_zoned(value).ok()?;
    let offset_minutes = i16::try_from(zoned.offset().seconds() / 60).ok();
    Some(InternalDate { seconds: zoned.timestamp().as_second(), nanos: 0, offset_minutes })
}
