//! How a torn tail is known: before a batch of appends, the length of the mbox file is written to `.<name>.mailferry`
//! beside it; when the batch is durable, that file is deleted, before the lock is given back.
//!
//! Found by a later run, it says that everything behind that length belongs to a batch that was never confirmed. If all of
//! it is of our form, whole or torn, it is cut off. If another program has appended meanwhile, only our torn messages are
//! taken out; what others wrote is never cut. (A torn `From ` line then stays as the end of the message before it.)

use std::fs::{self, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mailferry_core::ports::StoreError;

use super::parse::{self, Message};
use super::rewrite::{self, Edit};
use super::variant::Variant;
use super::{folder_error, lock::FileLock};
use crate::files;

const FORM: &str = "mailferry mbox 1 length=";
const ENDING: &str = ".mailferry";
/// How our block begins; the shortest beginning of it is enough for a torn one.
const BLOCK: &[u8] = b"X-Mailferry: 1 ";

pub(super) fn begin(mbox: &Path, length: u64) -> io::Result<()> {
    files::replace(&path(mbox), format!("{FORM}{length}\n").as_bytes())
}

pub(super) fn end(mbox: &Path) -> io::Result<()> {
    let path = path(mbox);
    files::remove_if_there(&path)?;
    path.parent().map_or(Ok(()), files::sync_dir)
}

/// The mbox file whose journal this is.
pub(super) fn owner(journal: &Path) -> Option<PathBuf> {
    let name = files::bytes_of(journal.file_name()?);
    let owner = name.strip_prefix(b".")?.strip_suffix(ENDING.as_bytes())?;
    Some(journal.with_file_name(files::name_of(owner)))
}

/// Undoes what a killed run left behind. Holds the lock of the file meanwhile.
pub(super) fn recover(mbox: &Path) -> Result<(), StoreError> {
    if path(mbox).symlink_metadata().is_err() {
        return Ok(());
    }
    let lock = FileLock::take(mbox)?;
    recover_locked(mbox)?;
    drop(lock);
    Ok(())
}

pub(super) fn recover_locked(mbox: &Path) -> Result<(), StoreError> {
    let failed = |error: &io::Error| folder_error("recover an mbox file", mbox, error);
    let Some(kept) = read(mbox).map_err(|error| failed(&error))? else { return Ok(()) };
    let length = fs::symlink_metadata(mbox).map_or(0, |meta| meta.len());
    if length > kept {
        match tail(mbox, kept, length)? {
            Tail::Ours => cut(mbox, kept).map_err(|error| failed(&error))?,
            Tail::Mixed(torn) => {
                tracing::warn!(file = %mbox.display(), torn = torn.len(), "another program wrote behind an interrupted batch; only torn messages are removed");
                rewrite::apply(mbox, &|message| (message.is_torn() && torn.contains(&message.from_at)).then_some(Edit::Remove))?;
            }
        }
    }
    end(mbox).map_err(|error| failed(&error))
}

/// `None`: no journal, or none that says anything: it was being written, so that nothing had been appended yet.
fn read(mbox: &Path) -> io::Result<Option<u64>> {
    let mut text = String::new();
    match files::open_plain(&path(mbox)) {
        Ok(file) => file.take(100).read_to_string(&mut text)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(text.strip_prefix(FORM).and_then(|length| length.trim_end().parse().ok()))
}

enum Tail {
    /// All of it is of an unconfirmed batch.
    Ours,
    /// Others have written as well. Offsets of our messages that are torn.
    Mixed(Vec<u64>),
}

fn tail(mbox: &Path, kept: u64, length: u64) -> Result<Tail, StoreError> {
    let (mut ours, mut torn) = (true, Vec::new());
    let scanned = parse::scan(mbox, kept, length, Variant::Mboxo, &mut |message| {
        ours &= message.block.is_some() || (message.next_at == length && begins_as_ours(mbox, &message));
        if message.is_torn() {
            torn.push(message.from_at);
        }
        Ok(())
    });
    match scanned {
        Ok(()) if ours => Ok(Tail::Ours),
        Ok(()) => Ok(Tail::Mixed(torn)),
        // No `From ` line where ours should be: at most the beginning of one.
        Err(_) if is_torn_from_line(mbox, kept, length) => Ok(Tail::Ours),
        Err(_) => Ok(Tail::Mixed(Vec::new())),
    }
}

/// The last message, torn before its block was whole.
fn begins_as_ours(mbox: &Path, message: &Message) -> bool {
    let start = bytes_at(mbox, message.block_at, message.next_at.min(message.block_at + BLOCK.len() as u64));
    start.is_ok_and(|start| BLOCK.starts_with(&start))
}

fn is_torn_from_line(mbox: &Path, kept: u64, length: u64) -> bool {
    let start = bytes_at(mbox, kept, length.min(kept + 2000)).unwrap_or_default();
    let line = start.trim_ascii_start();
    let from = &b"From "[..];
    length - kept < 2000 && !line.contains(&b'\n') && (from.starts_with(line) || line.starts_with(from))
}

fn bytes_at(path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut file = files::open_plain(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn cut(mbox: &Path, length: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(mbox)?;
    file.set_len(length)?;
    file.sync_all()
}

fn path(mbox: &Path) -> PathBuf {
    let mut name = std::ffi::OsString::from(".");
    name.push(mbox.file_name().unwrap_or_default());
    name.push(ENDING);
    mbox.with_file_name(name)
}
