//! What `std::fs` does not offer in one call: file names as bytes, opening without following a link, directories made
//! durable, a small file replaced whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mailferry_core::model::InternalDate;

/// Whether names of files that differ in case only are two.
pub(crate) const TELLS_CASE: bool = cfg!(all(unix, not(target_os = "macos")));

/// A file name as bytes. On Windows names are Unicode, and what is not is read with replacement signs.
pub(crate) fn bytes_of(name: &OsStr) -> Vec<u8> {
    #[cfg(unix)]
    {
        std::os::unix::ffi::OsStrExt::as_bytes(name).to_vec()
    }
    #[cfg(not(unix))]
    {
        name.to_string_lossy().into_owned().into_bytes()
    }
}

pub(crate) fn name_of(bytes: &[u8]) -> OsString {
    #[cfg(unix)]
    {
        std::os::unix::ffi::OsStringExt::from_vec(bytes.to_vec())
    }
    #[cfg(not(unix))]
    {
        String::from_utf8_lossy(bytes).into_owned().into()
    }
}

/// Opens for reading, but never through a symbolic link, and on Linux without touching the access time where that is
/// allowed.
pub(crate) fn open_plain(path: &Path) -> io::Result<File> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::OFlags;
        match open_with(path, OFlags::NOFOLLOW | OFlags::NOATIME) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => open_with(path, OFlags::NOFOLLOW),
            opened => opened,
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        if fs::symlink_metadata(path)?.is_symlink() {
            return Err(io::Error::other("a symbolic link is not followed"));
        }
        File::open(path)
    }
}

#[cfg(target_os = "linux")]
fn open_with(path: &Path, flags: rustix::fs::OFlags) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(path)
}

/// The bytes of a file from one offset up to another, or to its end.
pub(crate) fn read_between(path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut file = open_plain(path)?;
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A directory itself, not a link to one.
pub(crate) fn is_dir(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir())
}

/// Which file or directory it is, on which file system; `None` where that cannot be told.
pub(crate) fn identity(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        fs::symlink_metadata(path).ok().map(|meta| (meta.dev(), meta.ino()))
    }
    #[cfg(windows)]
    {
        let handle = winapi_util::Handle::from_path_any(path).ok()?;
        let info = winapi_util::file::information(&handle).ok()?;
        Some((info.volume_serial_number(), info.file_index()))
    }
}

/// Makes the names in a directory durable. Windows has no such call; NTFS journals names by itself.
pub(crate) fn sync_dir(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// As a mount point without its mount is.
pub(crate) fn is_empty_dir(path: &Path) -> bool {
    is_dir(path) && fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_none())
}

/// Where a file system keeps what its check has found; its root closes it to all others. No mail is in it.
pub(crate) fn is_lost_and_found(raw: &[u8]) -> bool {
    raw == b"lost+found"
}

/// Makes a directory and those above it that are missing, each durable in its own parent. The one above the first missing
/// one is settled, too: whoever made it may have died before.
pub(crate) fn make_dirs(dir: &Path) -> io::Result<()> {
    let missing: Vec<&Path> = dir.ancestors().take_while(|dir| !dir.as_os_str().is_empty() && !dir.exists()).collect();
    let there = missing.last().and_then(|dir| dir.parent());
    there.and_then(Path::parent).filter(|above| !above.as_os_str().is_empty()).map_or(Ok(()), sync_if_allowed)?;
    for dir in missing.iter().rev() {
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => sync_dir(dir.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?,
        }
    }
    Ok(())
}

/// Directories above a store may be closed to us; they were not made by us then.
pub(crate) fn sync_if_allowed(dir: &Path) -> io::Result<()> {
    match sync_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

pub(crate) fn sync_file(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).open(path)?.sync_all()
}

/// Writes everything that is dirty on the file system of `dir`: one wait for thousands of files.
#[cfg(target_os = "linux")]
pub(crate) fn sync_all_of(dir: &Path) -> io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(dir)?)?)
}

/// Behind the name of a file: its next version, until that takes its place.
pub(crate) const NEXT: &str = ".mailferry-new";

/// Replaces a small file whole or not at all, durably.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(NEXT);
    let part = Path::new(&part);
    remove_if_there(part)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(part)?;
    file.write_all(content)?;
    file.sync_all()?;
    drop(file);
    fs::rename(part, path)?;
    path.parent().map_or(Ok(()), sync_dir)
}

/// More than any secret needs.
const SECRET_ROOM_BYTES: usize = 64 << 10;

/// Where the next version of a secret is written, readable by nobody else; made before that is known, with room taken on the disk, so that
/// it is known to have a place.
pub(crate) struct SecretPart {
    file: File,
    path: PathBuf,
    /// Of the version before it; never a link.
    of: PathBuf,
}

impl SecretPart {
    /// What stands there takes its own place first: whatever could forbid that to the next version forbids it now.
    pub(crate) fn beside(path: &Path) -> io::Result<SecretPart> {
        let content = fs::read(path)?;
        SecretPart::with_room(path)?.put(&content)?;
        SecretPart::with_room(path)
    }

    fn with_room(path: &Path) -> io::Result<SecretPart> {
        let of = path.canonicalize()?;
        let mut part = of.as_os_str().to_owned();
        part.push(NEXT);
        let path = PathBuf::from(part);
        remove_if_there(&path)?;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut part = SecretPart { file: options.open(&path)?, path, of };
        // Bytes that are there already are written over, where the file system does so: no new room is asked for.
        part.file.write_all(&[b'\n'; SECRET_ROOM_BYTES])?;
        part.file.sync_all()?;
        Ok(part)
    }

    /// Takes the place of the version before it, durably.
    pub(crate) fn keep(self, secret: &str) -> io::Result<()> {
        self.put(format!("{secret}\n").as_bytes())
    }

    fn put(mut self, content: &[u8]) -> io::Result<()> {
        self.file.rewind()?;
        self.file.write_all(content)?;
        self.file.set_len(content.len() as u64)?;
        self.file.sync_all()?;
        fs::rename(&self.path, &self.of)?;
        self.of.parent().map_or(Ok(()), sync_dir)
    }
}

impl Drop for SecretPart {
    fn drop(&mut self) {
        // Not there any more where it was kept.
        let _ = fs::remove_file(&self.path);
    }
}

pub(crate) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

pub(crate) fn date_of(time: SystemTime) -> InternalDate {
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => InternalDate { seconds: since.as_secs() as i64, nanos: since.subsec_nanos(), offset_minutes: None },
        Err(before) => date_before_1970(before.duration()),
    }
}

fn date_before_1970(before: Duration) -> InternalDate {
    let borrowed = i64::from(before.subsec_nanos() > 0);
    let nanos = (1_000_000_000 - before.subsec_nanos()) % 1_000_000_000;
    InternalDate { seconds: -(before.as_secs() as i64) - borrowed, nanos, offset_minutes: None }
}

/// `None` when the system cannot express the instant.
pub(crate) fn time_of(date: InternalDate) -> Option<SystemTime> {
    let whole = Duration::from_secs(date.seconds.unsigned_abs());
    let second = if date.seconds < 0 { UNIX_EPOCH.checked_sub(whole) } else { UNIX_EPOCH.checked_add(whole) };
    second?.checked_add(Duration::from_nanos(date.nanos.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_has_its_place_and_its_room_before_it_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let (path, part) = (dir.path().join("token"), dir.path().join("token.mailferry-new"));
        fs::write(&path, "old\n# a remark\n").unwrap();
        let next = SecretPart::beside(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old\n# a remark\n", "nothing is lost where no new one comes");
        assert_eq!(fs::metadata(&part).unwrap().len(), SECRET_ROOM_BYTES as u64);
        next.keep("new").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new\n");
        drop(SecretPart::beside(&path).unwrap());
        assert!(!part.exists() && fs::read(&path).unwrap() == b"new\n");
    }

    /// A directory stands for whatever cannot be replaced: a file of somebody else in a sticky folder, a mount point.
    #[test]
    fn what_could_not_be_replaced_is_told_before_anything_is_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        assert!(SecretPart::beside(dir.path()).is_err());
        assert!(SecretPart::beside(&dir.path().join("missing")).is_err());
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn an_instant_reads_back_as_itself() {
        // Windows counts time in steps of 100 ns.
        let tick = if cfg!(windows) { 100 } else { 1 };
        let last = 1_000_000_000 - tick;
        for (seconds, nanos) in [(0, 0), (0, tick), (-1, 0), (-1, last), (-2_208_988_800, 5 * tick), (4_102_444_800, 123 * tick)] {
            let date = InternalDate { seconds, nanos, offset_minutes: None };
            assert_eq!(time_of(date).map(date_of), Some(date));
        }
    }
}
