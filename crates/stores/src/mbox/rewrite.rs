//! Changes within an mbox file: the file is written anew beside the old one and takes its place whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use mailferry_core::model::Marks;
use mailferry_core::ports::{May, StoreError};

use super::block::Batch;
use super::parse::{self, Message};
use super::variant::Variant;
use super::{folder_error, tail};
use crate::files;

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Edit {
    Marks(Marks),
    Remove,
}

/// Bytes of the old file that give way to others.
struct Patch {
    from: u64,
    to: u64,
    by: String,
}

/// The caller holds the lock of the file. `may` is asked right before the new file takes the place of the old one.
pub(super) fn apply(path: &Path, edit: &dyn Fn(&Message) -> Option<Edit>, may: May<'_>) -> Result<(), StoreError> {
    let failed = |error: &io::Error| folder_error("rewrite an mbox file", path, error);
    let length = fs::symlink_metadata(path).map_err(|error| failed(&error))?.len();
    let mut patches = Vec::new();
    parse::scan(path, 0, length, Variant::Mboxo, &mut |message| {
        patches.extend(edit(&message).and_then(|edit| patch(&message, edit)));
        Ok(())
    })?;
    if patches.is_empty() {
        return Ok(());
    }
    let part = write_anew(path, &patches).map_err(|error| failed(&error))?;
    may().inspect_err(|_| drop(fs::remove_file(&part)))?;
    take_place(&part, path).map_err(|error| failed(&error))
}

/// Without the bytes of an unconfirmed batch, and without what else of it, or of ours, is torn behind them. What is whole there, a client
/// may have moved in.
pub(super) fn without(path: &Path, from: u64, to: u64, batch: Option<Batch>) -> Result<(), StoreError> {
    let failed = |error: &io::Error| folder_error("rewrite an mbox file", path, error);
    let length = fs::symlink_metadata(path).map_err(|error| failed(&error))?.len();
    let mut patches = vec![Patch { from, to, by: String::new() }];
    parse::scan(path, to, length, Variant::Mboxo, &mut |message| {
        let unconfirmed = batch.is_some() && message.block.as_ref().is_some_and(|block| block.batch == batch);
        patches.extend((message.is_torn() || unconfirmed).then(|| patch(&message, Edit::Remove)).flatten());
        Ok(())
    })?;
    write_anew(path, &patches).and_then(|part| take_place(&part, path)).map_err(|error| failed(&error))
}

/// Without what an unconfirmed batch has written, wherever it is; mail of others that stands directly behind something torn stays.
pub(super) fn without_batch(path: &Path, batch: Batch) -> Result<(), StoreError> {
    let failed = |error: &io::Error| folder_error("rewrite an mbox file", path, error);
    let length = fs::symlink_metadata(path).map_err(|error| failed(&error))?.len();
    let mut patches = Vec::new();
    parse::scan(path, 0, length, Variant::Mboxo, &mut |message| {
        if message.block.as_ref().is_some_and(|block| block.batch == Some(batch)) {
            let to = tail::end_of_ours(path, message.from_at, message.next_at, Some(batch)).map_err(|error| failed(&error))?;
            patches.push(Patch { from: message.from_at, to, by: String::new() });
        }
        Ok(())
    })?;
    if patches.is_empty() {
        return Ok(());
    }
    write_anew(path, &patches).and_then(|part| take_place(&part, path)).map_err(|error| failed(&error))
}

/// Marks are kept in our block; a message of others has none and stays as it is.
fn patch(message: &Message, edit: Edit) -> Option<Patch> {
    match edit {
        Edit::Remove => Some(Patch { from: message.from_at, to: message.next_at, by: String::new() }),
        Edit::Marks(marks) => {
            let block = message.block.as_ref()?;
            Some(Patch { from: message.block_at, to: message.content_at, by: block.write(&marks) })
        }
    }
}

/// The new file beside the old one, durable.
fn write_anew(path: &Path, patches: &[Patch]) -> io::Result<PathBuf> {
    let mut part = path.as_os_str().to_owned();
    part.push(files::NEXT);
    let part = PathBuf::from(part);
    files::remove_if_there(&part)?;
    let mut old = files::open_plain(path)?;
    let new = OpenOptions::new().write(true).create_new(true).open(&part)?;
    keep_owner(&old, &new)?;
    copy_patched(&mut old, &new, patches)?;
    new.sync_all()?;
    Ok(part)
}

fn take_place(part: &Path, path: &Path) -> io::Result<()> {
    fs::rename(part, path)?;
    path.parent().map_or(Ok(()), files::sync_dir)
}

fn copy_patched(old: &mut File, new: &File, patches: &[Patch]) -> io::Result<()> {
    let mut writer = BufWriter::with_capacity(256 * 1024, new);
    let mut at = 0;
    for patch in patches {
        io::copy(&mut (&mut *old).take(patch.from.saturating_sub(at)), &mut writer)?;
        writer.write_all(patch.by.as_bytes())?;
        at = old.seek(SeekFrom::Start(patch.to))?;
    }
    io::copy(old, &mut writer)?;
    writer.flush()
}

/// The new file belongs to whom the old one did, as far as we may say so.
fn keep_owner(old: &File, new: &File) -> io::Result<()> {
    let meta = old.metadata()?;
    new.set_permissions(meta.permissions())?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let _ = std::os::unix::fs::fchown(new, Some(meta.uid()), Some(meta.gid()));
    }
    Ok(())
}
