//! Real mail for the tests. It is no part of the repository: it lies beside it, or where MAILFERRY_CORPORA says.

use std::path::{Path, PathBuf};

use crate::shell::{install, is_there, root};

/// The folder of the archives, when it is there and the programs that open them are.
pub(super) fn prepare() -> Result<PathBuf, String> {
    let folder = std::env::var_os("MAILFERRY_CORPORA").map_or_else(|| root().join("../shared/corpora"), PathBuf::from);
    let folder = folder.canonicalize().map_err(|error| format!("{}: {error}; set MAILFERRY_CORPORA", folder.display()))?;
    if !holds_archives(&folder) {
        return Err(format!("{} holds no *.tar.zst", folder.display()));
    }
    for program in ["tar", "zstd"] {
        if !is_there(program, "--version") && !install(&[program]) {
            return Err(format!("{program} is not there and could not be installed"));
        }
    }
    Ok(folder)
}

fn holds_archives(folder: &Path) -> bool {
    let entries = folder.read_dir().into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| name.to_string_lossy().ends_with(".tar.zst"))
}
