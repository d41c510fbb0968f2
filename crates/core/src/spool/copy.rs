//! The safe copy (R32): a temporary name, resumed where it stopped, read back where it landed, then renamed. Where one process has
//! all agents in it and the file vouched for lies on the same disk, a second name for it is as good.

use std::io::{self, Read, SeekFrom, Write};

use super::part_of;
use crate::chunk::Chunk;
use crate::model::Digest;
use crate::ports::{Share, ShareError, ShareErrorKind, SharePath};
use crate::prv::file_digest;

/// What a copy could not do; the side that failed decides what it holds up.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("reading the original failed: {0}")]
    Origin(ShareError),
    #[error("writing the copy failed: {0}")]
    Destination(ShareError),
    /// Read back, the copy is not what was written.
    #[error("the copy reads back differently: {place} has digest {found}, wanted {wanted}")]
    Differs { place: String, wanted: Digest, found: Digest },
}

impl CopyError {
    /// The share error behind it, if any.
    pub fn kind(&self) -> Option<ShareErrorKind> {
        match self {
            CopyError::Origin(error) | CopyError::Destination(error) => Some(error.kind),
            CopyError::Differs { .. } => None,
        }
    }
}

/// Copies `from` to `to`, whose bytes must have the digest `wanted` in the end. What an interrupted copy left under the
/// temporary name of this `writer` is kept as far as it is the same.
pub fn copy(from: (&dyn Share, &SharePath), to: (&dyn Share, &SharePath), wanted: Digest, writer: &str) -> Result<(), CopyError> {
    if let Some(vouched) = from.0.vouched(from.1).filter(|vouched| vouched.digest == wanted)
        && to.0.link(&vouched, to.1).map_err(CopyError::Destination)?
    {
        to.0.vouch(to.1, wanted);
        return Ok(());
    }
    let part = part_of(to.1, writer);
    let mut original = from.0.open(from.1).map_err(CopyError::Origin)?;
    let kept = same_beginning(from, &mut original, to.0, &part)?;
    let mut writer = to.0.part(&part, kept).map_err(CopyError::Destination)?;
    let mut chunk = Chunk::new();
    loop {
        let piece = chunk.read(&mut *original).map_err(|error| CopyError::Origin(read_error(from, error)))?;
        if piece.is_empty() {
            break;
        }
        writer.write_all(piece).map_err(|error| CopyError::Destination(read_error((to.0, &part), error)))?;
    }
    if let Err(error) = writer.sync() {
        // What a failed sync leaves may read back well and still not be on the disk: nothing is built on it.
        drop(writer);
        let _ = to.0.remove(&part);
        return Err(CopyError::Destination(error));
    }
    drop(writer);
    let found = digest_of(to.0, &part).map_err(CopyError::Destination)?;
    if found != wanted {
        let _ = to.0.remove(&part);
        return Err(CopyError::Differs { place: format!("{}/{part}", to.0.describe()), wanted, found });
    }
    to.0.publish(&part, to.1).map_err(CopyError::Destination)
}

/// A copy in a folder of our own, where only an earlier attempt at the same copy can have left a file.
pub fn keep(from: (&dyn Share, &SharePath), to: (&dyn Share, &SharePath), wanted: Digest, writer: &str) -> Result<(), CopyError> {
    match matches(to.0, to.1, wanted).map_err(CopyError::Destination)? {
        Some(true) => return Ok(()),
        Some(false) => drop(to.0.remove(to.1).map_err(CopyError::Destination)?),
        None => {}
    }
    copy(from, to, wanted, writer)
}

/// Length of the part that equals the beginning of the original, which is left standing right behind it.
fn same_beginning(
    from: (&dyn Share, &SharePath),
    original: &mut dyn crate::ports::ReadSeek,
    to: &dyn Share,
    part: &SharePath,
) -> Result<u64, CopyError> {
    let Some(length) = to.size(part).map_err(CopyError::Destination)?.filter(|length| *length > 0) else { return Ok(0) };
    let left = to.open(part).map_err(CopyError::Destination)?;
    let origin = |error| CopyError::Origin(read_error(from, error));
    let mine = file_digest(left).map_err(|error| CopyError::Destination(read_error((to, part), error)))?;
    let theirs = file_digest(Read::take(&mut *original, length)).map_err(origin)?;
    let kept = if mine == theirs { length } else { 0 };
    original.seek(SeekFrom::Start(kept)).map_err(origin)?;
    Ok(kept)
}

/// Digest of a file as read back from its share, or as this process vouches for it.
pub fn digest_of(share: &dyn Share, file: &SharePath) -> Result<Digest, ShareError> {
    if let Some(vouched) = share.vouched(file) {
        return Ok(vouched.digest);
    }
    file_digest(share.open(file)?).map_err(|error| read_error((share, file), error))
}

/// Whether a file is there with exactly these bytes; `None` when it is not there. One that is there is there to stay: its bytes
/// were synced before it got its name, the name is now.
pub fn matches(share: &dyn Share, file: &SharePath, wanted: Digest) -> Result<Option<bool>, ShareError> {
    if share.size(file)?.is_none() {
        return Ok(None);
    }
    let same = digest_of(share, file)? == wanted;
    if same {
        share.settle(&file.parent())?;
    }
    Ok(Some(same))
}

fn read_error((share, file): (&dyn Share, &SharePath), error: io::Error) -> ShareError {
    let kind = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ShareErrorKind::NoSpace,
        io::ErrorKind::PermissionDenied => ShareErrorKind::Denied,
        io::ErrorKind::NotFound => ShareErrorKind::NotFound,
        _ => ShareErrorKind::Other,
    };
    ShareError { kind, place: format!("{}/{file}", share.describe()), cause: error.to_string() }
}
