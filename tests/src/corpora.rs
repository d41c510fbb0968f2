//! Real mail. The corpora are no part of the repository: where they are not found the tests say so and pass.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::scratch::scratch;

/// Unpacks a corpus; `None`, loudly, when it or the programs for it are missing.
pub fn unpacked(name: &str) -> Option<TempDir> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    let folder = std::env::var_os("MAILFERRY_CORPORA").map_or(beside, PathBuf::from);
    let archive = folder.join(format!("{name}.tar.zst"));
    if !archive.is_file() {
        crate::skipped(&format!("{} is not there; set MAILFERRY_CORPORA", archive.display()));
        return None;
    }
    let dir = scratch();
    let unpacked = Command::new("tar").arg("--zstd").arg("-xf").arg(&archive).arg("-C").arg(dir.path()).status();
    if !unpacked.is_ok_and(|status| status.success()) {
        crate::skipped(&format!("{} could not be unpacked with tar and zstd", archive.display()));
        return None;
    }
    Some(dir)
}

pub fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in fs::read_dir(dir).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        match path.is_dir() {
            true => found.extend(files_below(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}

/// Every file of a corpus but its list as a message of a Maildir, one folder for each folder of the corpus. Answers how many.
pub fn as_maildir(corpus: &Path, maildir: &Path) -> usize {
    let make = |folder: &Path| ["cur", "new", "tmp"].iter().for_each(|sub| fs::create_dir_all(folder.join(sub)).expect("a folder"));
    make(maildir);
    let messages: Vec<PathBuf> =
        files_below(corpus).into_iter().filter(|path| path.file_name().is_some_and(|name| name != "MANIFEST.tsv")).collect();
    for (number, path) in messages.iter().enumerate() {
        let levels = path.parent().and_then(|folder| folder.strip_prefix(corpus).ok()).into_iter().flat_map(Path::components);
        let name: String = levels.map(|level| format!(".{}", level.as_os_str().to_string_lossy().replace('.', "_"))).collect();
        let folder = if name.is_empty() { maildir.to_path_buf() } else { maildir.join(name) };
        make(&folder);
        let letters = ["", "S", "RS", "FS"][number % 4];
        fs::copy(path, folder.join("cur").join(format!("{}.M{number}.corpus:2,{letters}", 1_000_000_000 + number))).expect("a copy");
    }
    messages.len()
}
