//! Where temporary folders are made.
//!
//! In memory where there is room for it and nobody set TMPDIR: agents sync every durable step, a loaded disk takes minutes for
//! that, and no test here cuts the power. Where being slow is the point, `on_disk` is.

use std::path::Path;

use mailferry_core::ports::Share;
use mailferry_host::LocalShare;
use tempfile::TempDir;

const IN_MEMORY: &str = "/dev/shm";
const ROOM_BYTES: u64 = 4 << 30;

/// On a disk, where syncing takes its time and a kill finds an agent at work.
pub fn on_disk() -> TempDir {
    made_in(&std::env::temp_dir())
}

pub fn scratch() -> TempDir {
    let roomy = || LocalShare::new(IN_MEMORY).space().ok().flatten().is_some_and(|space| space.free_bytes >= ROOM_BYTES);
    let folder = if std::env::var_os("TMPDIR").is_none() && roomy() { Path::new(IN_MEMORY).into() } else { std::env::temp_dir() };
    made_in(&folder)
}

fn made_in(folder: &Path) -> TempDir {
    tempfile::Builder::new().prefix("mailferry-bed-").tempdir_in(folder).expect("a temporary folder")
}
