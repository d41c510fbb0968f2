//! How a torn tail is known: before a batch of appends, the length of the mbox file and a digest of its last bytes are
//! written to `.<name>.mailferry` beside it; when the batch is durable, that file is deleted, before the lock is given back.
//!
//! Found by a later run, it says that everything behind that length which the batch has written was never confirmed: it is taken
//! out, and what others have written or moved behind it stays. Where the bytes before that length are others, somebody has
//! written the file anew, and no offset means anything: what bears the number of the batch is taken out, wherever it is.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use mailferry_core::ports::StoreError;

use super::block::{self, Batch};
use super::{folder_error, lock::FileLock, rewrite, tail};
use crate::files;

const FORM: &str = "mailferry mbox 1 ";
const ENDING: &str = ".mailferry";
/// What stands beside a name at most, while its journal is being written.
pub(super) const NAME_BYTES_BESIDE: usize = ".".len() + ENDING.len() + files::NEXT.len();
/// How much of the end of the file is remembered.
const BEFORE_BYTES: u64 = 4096;

/// Answers the number of the new batch.
pub(super) fn begin(mbox: &Path, length: u64) -> io::Result<Batch> {
    let batch = new_batch(mbox, length);
    files::replace(&path(mbox), text(mbox, length, Some(batch))?.as_bytes())?;
    Ok(batch)
}

/// Another one each time; it need not be secret.
fn new_batch(mbox: &Path, length: u64) -> Batch {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
    let mut hasher = blake3::Hasher::new();
    hasher.update(&since.to_le_bytes()).update(&std::process::id().to_le_bytes()).update(&length.to_le_bytes());
    hasher.update(&files::bytes_of(mbox.as_os_str()));
    let mut number = [0; 8];
    number.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    Batch::from_le_bytes(number)
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
    let Some(Said { kept, batch, said }) = read(mbox).map_err(|error| failed(&error))? else { return Ok(()) };
    let length = fs::symlink_metadata(mbox).map_or(0, |meta| meta.len());
    if text(mbox, kept, batch).map_err(|error| failed(&error))? == said {
        if length > kept {
            let theirs = tail::end_of_ours(mbox, kept, length, batch).map_err(|error| failed(&error))?;
            take_out(mbox, (kept, theirs, length), batch)?;
        }
    } else if let Some(batch) = batch {
        tracing::warn!(event = "store.written-behind", file = %mbox.display(), "another program wrote the file anew after an interrupted batch: what the batch had written is taken out");
        rewrite::without_batch(mbox, batch)?;
    }
    end(mbox).map_err(|error| failed(&error))
}

fn take_out(mbox: &Path, (kept, theirs, length): (u64, u64, u64), batch: Option<Batch>) -> Result<(), StoreError> {
    if theirs == length {
        return cut(mbox, kept).map_err(|error| folder_error("recover an mbox file", mbox, &error));
    }
    tracing::warn!(event = "store.written-behind", file = %mbox.display(), bytes = theirs - kept, "another program wrote behind an interrupted batch: only what is ours is taken out");
    rewrite::without(mbox, kept, theirs, batch)
}

struct Said {
    kept: u64,
    batch: Option<Batch>,
    said: String,
}

/// `None`: no journal, or none that says anything: it was being written, so that nothing had been appended yet.
fn read(mbox: &Path) -> io::Result<Option<Said>> {
    let mut said = String::new();
    match files::open_plain(&path(mbox)) {
        Ok(file) => file.take(200).read_to_string(&mut said)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let length = said.strip_prefix(FORM).and_then(|rest| rest.strip_prefix("length=")?.split_once(' ')?.0.parse().ok());
    let batch = said.split_ascii_whitespace().last().and_then(block::parse_batch);
    Ok(length.map(|kept| Said { kept, batch, said }))
}

fn text(mbox: &Path, length: u64, batch: Option<Batch>) -> io::Result<String> {
    let before = files::read_between(mbox, length.saturating_sub(BEFORE_BYTES), length)?;
    let batch = batch.map_or(String::new(), |batch| format!(" {}", block::batch_text(batch)));
    Ok(format!("{FORM}length={length} before={}{batch}\n", blake3::hash(&before).to_hex()))
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
