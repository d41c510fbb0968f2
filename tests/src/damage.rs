//! What may happen to disks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Turns every bit of one byte in the middle of a file.
pub fn flip_a_byte(file: &Path) {
    let mut bytes = fs::read(file).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xFF;
    fs::write(file, bytes).expect("writable");
}

/// The files of a folder, sorted; none when it is not there.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// A disk of its own below a folder; unmounted in the end.
#[derive(Debug)]
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, loudly, where this needs rights that the test does not have.
    pub fn mount(folder: &Path, kib: u32) -> Option<SmallDisk> {
        fs::create_dir_all(folder).expect("a folder");
        let size = format!("size={kib}k");
        if succeeds("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", &folder.display().to_string()]) {
            return Some(SmallDisk(folder.into()));
        }
        crate::skipped("a tmpfs cannot be mounted; run as root on Linux");
        None
    }

    /// `ro` or `rw`; false while somebody writes there.
    pub fn remount(&self, mode: &str) -> bool {
        succeeds("mount", &["-o", &format!("remount,{mode}"), &self.0.display().to_string()])
    }

    pub fn grow(&self, kib: u32) {
        let size = format!("remount,size={kib}k");
        assert!(succeeds("mount", &["-o", &size, &self.0.display().to_string()]), "the disk grows");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = succeeds("umount", &["--lazy", &self.0.display().to_string()]);
    }
}

/// A file that nobody can delete: immutable where the file system knows that, else a folder in its place.
#[derive(Debug)]
pub struct Undeletable {
    file: PathBuf,
    bytes: Option<Vec<u8>>,
}

impl Undeletable {
    pub fn make(file: &Path) -> Self {
        if succeeds("chattr", &["+i", &file.display().to_string()]) {
            return Undeletable { file: file.into(), bytes: None };
        }
        let bytes = fs::read(file).expect("readable");
        fs::remove_file(file).and_then(|()| fs::create_dir(file)).expect("a folder in its place");
        Undeletable { file: file.into(), bytes: Some(bytes) }
    }

    fn free(&self) {
        match &self.bytes {
            None => drop(succeeds("chattr", &["-i", &self.file.display().to_string()])),
            Some(bytes) if self.file.is_dir() => drop(fs::remove_dir(&self.file).and_then(|()| fs::write(&self.file, bytes))),
            Some(_) => {}
        }
    }
}

/// From now on the file can be deleted again.
impl Drop for Undeletable {
    fn drop(&mut self) {
        self.free();
    }
}
