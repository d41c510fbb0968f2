//! Where temporary folders are made.
//!
//! In memory where there is room for it and nobody set TMPDIR: agents sync every durable step, a loaded disk takes minutes for
//! that, and no test here cuts the power.

use std::path::Path;

use mailferry_core::ports::Share;
use mailferry_host::LocalShare;
use tempfile::TempDir;

const IN_MEMORY: &str = "/dev/shm";
const ROOM_BYTES: u64 = 4 << 30;

pub fn scratch() -> TempDir {
    let roomy = || LocalShare::new(IN_MEMORY).space().ok().flatten().is_some_and(|space| space.free_bytes >= ROOM_BYTES);
    let folder = if std::env::var_os("TMPDIR").is_none() && roomy() { Path::new(IN_MEMORY).into() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("mailferry-bed-").tempdir_in(folder).expect("a temporary folder")
}
