//! Durable creation, renaming and listing; the only place with system calls of one platform.
//!
//! A rename is durable when the folder it happened in is synced (Unix), or when it was written through (Windows). Another
//! program that holds a file open for a moment - a virus scanner, a backup - makes Windows refuse a rename or deletion: these are
//! tried again for two seconds before they count as failed.

use std::fs::{self, File};
use std::io;
use std::path::Path;

use mailferry_core::ports::Space;

/// Gives `from` the name `to`, which must be free; durable on return.
pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| platform::rename_new(from, to))?;
    sync_folder_of(to)
}

/// Gives `from` the name `to`, replacing what is there; durable on return.
pub fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    patiently(|| platform::rename_over(from, to))?;
    sync_folder_of(to)
}

pub fn remove(file: &Path) -> io::Result<()> {
    patiently(|| fs::remove_file(file))?;
    sync_folder_of(file)
}

pub fn sync_folder(folder: &Path) -> io::Result<()> {
    platform::sync_folder(folder)
}

pub fn sync_folder_of(file: &Path) -> io::Result<()> {
    file.parent().map_or(Ok(()), sync_folder)
}

/// Makes a folder unless it is there; its name is durable on return.
pub fn make_folder(folder: &Path) -> io::Result<()> {
    match fs::create_dir(folder) {
        // Made by another meanwhile; a file of that name is in the way.
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists || !folder.is_dir() => Err(error),
        _ => sync_folder_of(folder),
    }
}

/// A small file, replaced whole or not at all, by one writer at a time.
pub fn write_whole(file: &Path, content: &[u8]) -> io::Result<()> {
    let part = file.with_file_name(part_name(&file.file_name().unwrap_or_default().to_string_lossy()));
    let written = File::create(&part).and_then(|mut writer| {
        io::Write::write_all(&mut writer, content)?;
        writer.sync_all()
    });
    let replaced = written.and_then(|()| rename_over(&part, file));
    if replaced.is_err() {
        let _ = fs::remove_file(&part);
    }
    replaced
}

/// Names have 255 bytes at most.
fn part_name(name: &str) -> String {
    format!("{}.part", &name[..name.floor_char_boundary(250)])
}

pub fn space(folder: &Path) -> io::Result<Option<Space>> {
    platform::space(folder)
}

/// Whether an error means that another program is in the way for the moment.
pub fn is_busy(error: &io::Error) -> bool {
    cfg!(windows) && matches!(error.raw_os_error(), Some(5 | 32 | 33))
}

fn patiently(mut work: impl FnMut() -> io::Result<()>) -> io::Result<()> {
    let mut pause_ms = 1;
    loop {
        match work() {
            Err(error) if is_busy(&error) && pause_ms <= 1024 => std::thread::sleep(std::time::Duration::from_millis(pause_ms)),
            other => return other,
        }
        pause_ms *= 2;
    }
}

#[cfg(unix)]
mod platform {
    use std::fs::{self, File};
    use std::io;
    use std::path::Path;

    use mailferry_core::ports::Space;

    #[cfg(target_os = "linux")]
    pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // File systems without the flag: names of containers are unique by construction, so looking first is enough.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => rename_if_free(from, to),
            other => Ok(other?),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
        rename_if_free(from, to)
    }

    fn rename_if_free(from: &Path, to: &Path) -> io::Result<()> {
        fs::symlink_metadata(from)?;
        if fs::symlink_metadata(to).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(from, to)
    }

    pub fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    pub fn sync_folder(folder: &Path) -> io::Result<()> {
        match File::open(folder)?.sync_all() {
            // Some network file systems do not sync folders; their renames are as durable as they get.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
            other => other,
        }
    }

    pub fn space(folder: &Path) -> io::Result<Option<Space>> {
        let stat = rustix::fs::statvfs(folder)?;
        Ok(Some(Space {
            free_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
            total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        }))
    }
}

#[cfg(windows)]
#[allow(unsafe_code)]
mod platform {
    use std::io;
    use std::os::windows::ffi::OsStrExt;
    use std::path::Path;

    use mailferry_core::ports::Space;
    use windows_sys::Win32::Storage::FileSystem::{GetDiskFreeSpaceExW, MOVEFILE_REPLACE_EXISTING, MOVEFILE_WRITE_THROUGH, MoveFileExW};

    /// Windows reads a path of 248 characters and more only in its own form, which is absolute and has no `.` and `..` (std does the same).
    pub(super) fn wide(path: &Path) -> Vec<u16> {
        let whole = std::path::absolute(path).unwrap_or_else(|_| path.into());
        let units: Vec<u16> = whole.as_os_str().encode_wide().collect();
        let starts = |prefix: &str| units.starts_with(&prefix.encode_utf16().collect::<Vec<_>>());
        let (prefix, rest) = match () {
            () if units.len() < 248 || starts(r"\\?\") || starts(r"\\.\") => ("", &units[..]),
            () if starts(r"\\") => (r"\\?\UNC\", &units[2..]),
            () => (r"\\?\", &units[..]),
        };
        prefix.encode_utf16().chain(rest.iter().copied()).chain([0]).collect()
    }

    fn rename(from: &Path, to: &Path, flags: u32) -> io::Result<()> {
        let (from, to) = (wide(from), wide(to));
        // SAFETY: both are NUL-terminated and outlive the call.
        let done = unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), flags | MOVEFILE_WRITE_THROUGH) };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }

    pub fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
        if from == to {
            // To Windows that is a rename which is done already.
            std::fs::symlink_metadata(from)?;
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        rename(from, to, 0)
    }

    pub fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
        rename(from, to, MOVEFILE_REPLACE_EXISTING)
    }

    /// Folders cannot be synced here; renames are written through instead.
    pub fn sync_folder(_folder: &Path) -> io::Result<()> {
        Ok(())
    }

    pub fn space(folder: &Path) -> io::Result<Option<Space>> {
        let folder = wide(folder);
        let (mut free_bytes, mut total_bytes) = (0, 0);
        // SAFETY: the path is NUL-terminated, the numbers outlive the call, the last pointer may be null.
        let done = unsafe { GetDiskFreeSpaceExW(folder.as_ptr(), &mut free_bytes, &mut total_bytes, std::ptr::null_mut()) };
        if done == 0 { Err(io::Error::last_os_error()) } else { Ok(Some(Space { free_bytes, total_bytes })) }
    }
}

#[cfg(all(test, windows))]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_is_given_to_windows_in_its_own_form() {
        let form = |path: &str| String::from_utf16_lossy(&platform::wide(Path::new(path)));
        let deep = "x\\".repeat(150);
        assert_eq!(form(r"C:\mail\a.prv"), "C:\\mail\\a.prv\0");
        assert_eq!(form(&format!(r"C:\{deep}a")), format!("\\\\?\\C:\\{deep}a\0"));
        assert_eq!(form(&format!(r"\\NODE1\Share$\{deep}a")), format!("\\\\?\\UNC\\NODE1\\Share$\\{deep}a\0"));
        assert_eq!(form(&format!(r"\\?\C:\{deep}a")), format!("\\\\?\\C:\\{deep}a\0"), "it has that form");
    }

    #[test]
    fn files_below_a_long_path_are_renamed_and_replaced() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = (0..8).fold(root.path().to_owned(), |folder, _| folder.join("n".repeat(40)));
        fs::create_dir_all(&folder).expect("folders");
        let (from, to) = (folder.join("a.part"), folder.join("a.prv"));
        fs::write(&from, b"one").and_then(|()| rename_new(&from, &to)).expect("a new name");
        fs::write(&from, b"two").and_then(|()| rename_over(&from, &to)).expect("replaced");
        assert_eq!(fs::read(&to).expect("there"), b"two");
        assert!(space(&folder).is_ok_and(|space| space.is_some()));
    }
}
