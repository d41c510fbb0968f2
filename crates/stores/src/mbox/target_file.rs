//! One mbox file of a target: which of our messages are in it, what is staged, and the lock while anything is.

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use mailferry_core::model::{Envelope, Token};
use mailferry_core::ports::{May, StoreError};

use super::block::{Batch, Block};
use super::lines::Lines;
use super::lock::{self, FileLock};
use super::parse::{self, Message};
use super::rewrite::{self, Edit};
use super::source::{Stamp, read_message};
use super::variant::Variant;
use super::{folder_error, from_line, journal, unquote};
use crate::files;

/// Our messages by token: first byte, and where the next message begins. Torn ones are not among them.
type Positions = HashMap<Token, (u64, u64)>;

/// A message of ours and its bytes.
pub(super) type Stored = (Message, Box<dyn Read>);

pub(super) struct TargetFile {
    path: PathBuf,
    index: Option<(Positions, Stamp)>,
    open: Option<Open>,
    edits: HashMap<Token, Edit>,
}

/// The file while something is staged for it.
struct Open {
    file: BufWriter<File>,
    end: u64,
    journaled: bool,
    batch: Batch,
    lock: FileLock,
}

impl TargetFile {
    pub(super) fn new(path: PathBuf) -> Self {
        TargetFile { path, index: None, open: None, edits: HashMap::new() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the message will be here after everything staged.
    pub(super) fn holds(&mut self, token: Token) -> Result<bool, StoreError> {
        Ok(self.index()?.contains_key(&token) && self.edits.get(&token) != Some(&Edit::Remove))
    }

    fn index(&mut self) -> Result<&mut Positions, StoreError> {
        if self.open.is_none() {
            journal::recover(&self.path)?;
            let stamp = self.stamp()?;
            self.index.take_if(|(_, known)| *known != stamp);
        }
        if self.index.is_none() {
            let stamp = self.stamp()?;
            self.index = Some((self.survey(stamp)?, stamp));
        }
        self.index.as_mut().map(|(index, _)| index).ok_or_else(|| lock::busy(&self.path))
    }

    fn survey(&self, stamp: Stamp) -> Result<Positions, StoreError> {
        let mut index = HashMap::new();
        parse::scan(&self.path, 0, stamp.length(), Variant::Mboxo, &mut |message| {
            if let Some(block) = message.block.as_ref().filter(|_| !message.is_torn()) {
                index.insert(block.token, (message.from_at, message.next_at));
            }
            Ok(())
        })?;
        Ok(index)
    }

    fn stamp(&self) -> Result<Stamp, StoreError> {
        files::open_plain(&self.path)
            .and_then(|file| Stamp::of(&file))
            .map_err(|error| folder_error("read an mbox file", &self.path, &error))
    }

    fn begin(&mut self) -> Result<(), StoreError> {
        if self.open.is_some() {
            return Ok(());
        }
        let failed = |error: &io::Error| folder_error("open an mbox file", &self.path, error);
        let lock = FileLock::take(&self.path)?;
        journal::recover_locked(&self.path)?;
        // Seen as no link when the folder was opened; whoever can swap it since owns the directory.
        let mut file = OpenOptions::new().read(true).write(true).open(&self.path).map_err(|error| failed(&error))?;
        lock::lock_open(&self.path, &file)?;
        let end = file.seek(SeekFrom::End(0)).map_err(|error| failed(&error))?;
        let stamp = self.stamp()?;
        self.index.take_if(|(_, known)| *known != stamp);
        self.open = Some(Open { file: BufWriter::with_capacity(256 * 1024, file), end, journaled: false, batch: 0, lock });
        self.index()?;
        Ok(())
    }

    pub(super) fn append(&mut self, envelope: &Envelope, size: u64, body: &mut dyn Read) -> Result<(), StoreError> {
        self.begin()?;
        let failed = |error: &io::Error| folder_error("append to an mbox file", &self.path, error);
        if self.edits.get(&envelope.token) == Some(&Edit::Remove) {
            // Its removal is staged and taken back: written again, it would stand there twice.
            io::copy(body, &mut io::sink()).map_err(|error| failed(&error))?;
            self.edits.insert(envelope.token, Edit::Marks(envelope.marks.clone()));
            return Ok(());
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        open.journal(&self.path).map_err(|error| failed(&error))?;
        let from_at = open.end;
        if let Err(error) = open.write(envelope, size, body) {
            let error = failed(&error);
            self.cut_back(from_at)?;
            return Err(error);
        }
        let end = open.end;
        self.index()?.insert(envelope.token, (from_at, end));
        Ok(())
    }

    /// The message could not be read to its end: nothing of it stays.
    fn cut_back(&mut self, length: u64) -> Result<(), StoreError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let cut =
            open.file.flush().and_then(|()| open.file.get_mut().set_len(length)).and_then(|()| open.file.seek(SeekFrom::Start(length)));
        open.end = length;
        cut.map(|_| ()).map_err(|error| folder_error("append to an mbox file", &self.path, &error))
    }

    pub(super) fn edit(&mut self, token: Token, edit: Edit) -> Result<(), StoreError> {
        self.begin()?;
        self.edits.insert(token, edit);
        Ok(())
    }

    /// A message of ours with the marks it will have, and its bytes.
    pub(super) fn read(&mut self, token: Token) -> Result<Option<Stored>, StoreError> {
        self.begin()?;
        if let Some(open) = &mut self.open {
            open.file.flush().map_err(|error| folder_error("append to an mbox file", &self.path, &error))?;
        }
        let Some((from_at, next_at)) = self.index()?.get(&token).copied() else { return Ok(None) };
        let mut found = None;
        parse::scan(&self.path, from_at, next_at, Variant::Mboxo, &mut |message| {
            found.get_or_insert(message);
            Ok(())
        })?;
        let Some(mut message) = found else { return Ok(None) };
        if let Some(Edit::Marks(marks)) = self.edits.get(&token) {
            message.marks = marks.clone();
        }
        let body = read_message(&self.path, &message).map_err(|error| folder_error("read a message", &self.path, &error))?;
        Ok(Some((message, body)))
    }

    pub(super) fn sync_appended(&mut self, may: May<'_>) -> Result<(), StoreError> {
        let Some(open) = self.open.as_mut().filter(|open| open.journaled) else { return Ok(()) };
        let failed = |error: &io::Error| folder_error("write an mbox file to disk", &self.path, error);
        may()?;
        open.file.flush().and_then(|()| open.file.get_ref().sync_all()).map_err(|error| failed(&error))?;
        may()?;
        journal::end(&self.path).map_err(|error| failed(&error))?;
        open.journaled = false;
        Ok(())
    }

    pub(super) fn apply_edits(&mut self, may: May<'_>) -> Result<(), StoreError> {
        if self.edits.is_empty() {
            return Ok(());
        }
        // Windows replaces no file that is open; the dotlock goes on guarding it.
        let Some(open) = self.open.take() else { return Ok(()) };
        let Open { file, lock, .. } = open;
        drop(file);
        let edits = std::mem::take(&mut self.edits);
        rewrite::apply(&self.path, &|message| edits.get(&message.block.as_ref()?.token).cloned(), may)?;
        self.index = None;
        drop(lock);
        Ok(())
    }

    pub(super) fn release(&mut self) {
        if self.open.take().is_some() {
            let stamp = self.stamp().ok();
            self.index = self.index.take().and_then(|(index, _)| stamp.map(|stamp| (index, stamp)));
        }
    }
}

/// What was staged and not flushed is not written after all: by now the file may be another node's to write.
impl Drop for TargetFile {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            drop(open.file.into_parts());
        }
    }
}

impl Open {
    /// Once per batch: from here on the tail is undone if the batch is not confirmed.
    fn journal(&mut self, path: &Path) -> io::Result<()> {
        if self.journaled {
            return Ok(());
        }
        self.batch = journal::begin(path, self.end)?;
        self.journaled = true;
        let gap = gap_before(path, self.end)?;
        self.file.write_all(gap)?;
        self.end += gap.len() as u64;
        Ok(())
    }

    fn write(&mut self, envelope: &Envelope, size: u64, body: &mut dyn Read) -> io::Result<()> {
        let from = from_line::write(envelope.sender.as_deref(), envelope.date);
        let guess = Block::new(envelope, size, self.batch);
        let header = guess.write(&envelope.marks);
        self.file.write_all(from.as_bytes())?;
        self.file.write_all(header.as_bytes())?;
        let (stored, block) = self.write_content(guess.clone(), body)?;
        let first_line_at = self.end + from.len() as u64;
        self.end = first_line_at + header.len() as u64 + stored;
        if block != guess {
            self.file.seek(SeekFrom::Start(first_line_at))?;
            self.file.write_all(block.first_line().as_bytes())?;
            self.file.seek(SeekFrom::Start(self.end))?;
        }
        Ok(())
    }

    /// Bytes written, and the block as it must read after all.
    fn write_content(&mut self, mut block: Block, body: &mut dyn Read) -> io::Result<(u64, Block)> {
        let mut lines = Lines::new(body, 0);
        let (mut size, mut stored, mut last) = (0, 0, b'\n');
        while let Some(piece) = lines.next()? {
            if piece.starts_line && unquote::needs_quote(piece.bytes) {
                self.file.write_all(b">")?;
                stored += 1;
            }
            self.file.write_all(piece.bytes)?;
            size = piece.end();
            last = piece.bytes.last().copied().unwrap_or(last);
        }
        block.size = size;
        block.ends_line = last == b'\n';
        let closing: &[u8] = if block.ends_line { b"\n" } else { b"\n\n" };
        self.file.write_all(closing)?;
        Ok((stored + size + closing.len() as u64, block))
    }
}

/// Line ends that must stand before a `From ` line, so that a blank line is before it.
fn gap_before(path: &Path, end: u64) -> io::Result<&'static [u8]> {
    Ok(match &files::read_between(path, end.saturating_sub(3), end)?[..] {
        [] | [.., b'\n', b'\n'] | [b'\n', b'\r', b'\n'] => b"",
        [.., b'\n'] => b"\n",
        _ => b"\n\n",
    })
}
