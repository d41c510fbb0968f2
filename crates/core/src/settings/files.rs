//! The only place of the settings that touches a disk.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// The whole of a small file. One byte more than `bytes_max` is an error, so that nothing endless is read.
pub(super) fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("the file is larger than {bytes_max} bytes")));
    }
    Ok(bytes)
}

/// `None`: there is no such file.
pub(super) fn read_if_there(path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match read(path, bytes_max) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        other => other.map(Some),
    }
}

/// Fails when the folder is not there: an unmounted share must not be filled behind its mount point.
pub(super) fn folder(path: &Path) -> io::Result<()> {
    match fs::metadata(path)?.is_dir() {
        true => Ok(()),
        false => Err(io::ErrorKind::NotADirectory.into()),
    }
}

/// Replaces a file whole or not at all; when this returns, a power cut does not undo it. Makes the file's own folder, no
/// other.
pub(super) fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_instead(path, path, bytes)
}

/// The same for a file that will take the place of `before` later.
pub(super) fn write_instead(before: &Path, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path)?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        // One that is there may have been made by a run that was killed before it was durable.
        _ => sync_folder(folder_of(folder).unwrap_or(folder))?,
    }
    let part = path.with_added_extension("part");
    let mut file = File::create(&part)?;
    like_before(before, folder, &file);
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    rename(&part, path)
}

/// A file that is written anew belongs to whom it belonged, and is read by whom it was read; a new one belongs to whom its folder does.
/// As far as this account may say so: that it is written matters more.
#[cfg(unix)]
fn like_before(path: &Path, folder: &Path, file: &File) {
    use std::os::unix::fs::{MetadataExt, fchown};

    let before = fs::metadata(path);
    if let Some(owner) = before.as_ref().ok().cloned().or_else(|| fs::metadata(folder).ok()) {
        let _only_an_administrator_may = fchown(file, Some(owner.uid()), Some(owner.gid()));
    }
    if let Ok(before) = before {
        let _as_it_may = file.set_permissions(before.permissions());
    }
}

/// Rights of Windows come from the folder.
#[cfg(not(unix))]
fn like_before(_path: &Path, _folder: &Path, _file: &File) {}

/// Gives a file or folder its name, replacing a file of that name; durable on return.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_folder(folder_of(to)?)
}

/// A bare name lies in the working directory.
fn folder_of(path: &Path) -> io::Result<&Path> {
    let folder = path.parent().ok_or(io::ErrorKind::InvalidFilename)?;
    Ok(if folder.as_os_str().is_empty() { Path::new(".") } else { folder })
}

/// Names in a folder, in no order; a folder that is not there has none.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        other => other?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
    }
}

/// A file that one process at a time has, until it is dropped or the process ends, however it ends.
pub struct Lock(File);

impl Lock {
    pub(super) fn file(path: &Path) -> io::Result<Lock> {
        File::options().write(true).create(true).truncate(false).open(path).map(Lock)
    }

    /// `None`: somebody else has it.
    pub(super) fn taken(self) -> io::Result<Option<Lock>> {
        match self.0.try_lock() {
            Ok(()) => Ok(Some(self)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(error)) => Err(error),
        }
    }
}

/// A folder and those above it. For the console's own folders, never for a share.
pub(super) fn make_folders(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)
}

/// With all that is in it.
pub(super) fn remove_folder(folder: &Path) -> io::Result<()> {
    fs::remove_dir_all(folder)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    fs::remove_file(path)
}

pub(super) fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// A rename is durable when its folder is.
#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// NTFS writes names through its own journal; a folder cannot be flushed.
#[cfg(windows)]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}
