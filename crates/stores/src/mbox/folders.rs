//! Which file is which folder (T17).
//!
//! A single file is the inbox. In a directory each mbox file is a folder, and a directory holds the folders below the file
//! of its name, with `.sbd` behind it (as Thunderbird has it, and as we write) or without. `INBOX`, in capitals or not, is
//! the inbox. What is no mbox is left out, with a warning; a file that was a folder once and is left out is damaged, not gone.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mailferry_core::model::{FolderInfo, FolderPath};
use mailferry_core::ports::{Blast, Retry, StoreError};

use super::{folder_error, journal};
use crate::files;
use crate::folder_names::{Codec, NAME_BYTES_MAX, shadows_inbox};

const BELOW: &str = ".sbd";
/// Endings of files that are no folders of their own.
const COMPANIONS: [&str; 4] = [BELOW, ".lock", ".msf", files::NEXT];

pub(super) type Folders = BTreeMap<Vec<String>, Option<PathBuf>>;

pub(super) fn survey(root: &Path) -> Result<Folders, StoreError> {
    let folders = look(root)?;
    if folders.is_empty() { Err(no_folders(root)) } else { Ok(folders) }
}

/// The same, where there may be none.
pub(super) fn look(root: &Path) -> Result<Folders, StoreError> {
    let failed = |error: &io::Error| StoreError::io(Blast::Mailbox, "open an mbox store", root.display().to_string(), error);
    let meta = fs::metadata(root).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => missing(root),
        _ => failed(&error),
    })?;
    if meta.is_file() {
        return Ok(Folders::from([(vec!["INBOX".into()], Some(root.into()))]));
    }
    let mut folders = Folders::new();
    let mut open = vec![(Vec::new(), root.to_path_buf())];
    while let Some((parents, dir)) = open.pop() {
        for (raw, path, is_dir) in entries(&dir)? {
            let name = if is_dir { raw.strip_suffix(BELOW.as_bytes()).unwrap_or(&raw) } else { &raw };
            let level = [&parents[..], &[Codec::FILE.decode(name)]].concat();
            if is_dir {
                open.push((level, path));
            } else if is_mbox(&path)? {
                claim(&mut folders, level, &raw, path);
            } else {
                tracing::warn!(event = "store.no-mbox", file = %path.display(), "left out: it does not begin as an mbox does");
            }
        }
    }
    name_inbox(&mut folders);
    add_parents(&mut folders);
    Ok(folders)
}

/// Nothing stands where the folder was, neither a file that is no mbox (any more) nor a link.
pub(super) fn confirm_gone(root: &Path, folder: &FolderPath) -> Result<(), StoreError> {
    let Some((last, parents)) = folder.0.split_last() else { return Ok(()) };
    let mut dirs = vec![root.to_path_buf()];
    for level in parents {
        let below = dirs.iter().map(|dir| named(dir, level)).collect::<Result<Vec<_>, StoreError>>()?;
        dirs = below.into_iter().flatten().filter(|path| files::is_dir(path)).collect();
    }
    for dir in dirs {
        if dir != root && files::is_empty_dir(&dir) {
            let cause = "folders were in it, and it is empty";
            return Err(StoreError::new(Blast::Folder, Retry::Later, "read a directory", dir.display().to_string(), cause)
                .hint("mount its file system; or remove it if these folders are to go, with all their mail"));
        }
        if let Some(path) = named(&dir, last)?.into_iter().find(|path| !files::is_dir(path)) {
            let cause = "it was a folder, and does not begin as an mbox does (any more), or is a symbolic link";
            return Err(StoreError::new(Blast::Folder, Retry::Later, "read an mbox file", path.display().to_string(), cause)
                .hint("mend its first line, `From sender date`; or move it away if the folder is to go, with all its mail"));
        }
    }
    Ok(())
}

/// Whatever in a directory could be this level of a folder's name.
fn named(dir: &Path, level: &str) -> Result<Vec<PathBuf>, StoreError> {
    let failed = |error: &io::Error| folder_error("list a directory", dir, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let raw = files::bytes_of(&entry.file_name());
        let name = raw.strip_suffix(BELOW.as_bytes()).unwrap_or(&raw);
        let is = |name: &str| name == level || level == "INBOX" && name.eq_ignore_ascii_case(level);
        let apart = format!("{} ({})", Codec::FILE.decode(name), String::from_utf8_lossy(&raw));
        let companion = is_companion(&raw) && !files::is_dir(&entry.path());
        if !raw.starts_with(b".") && !companion && (is(&Codec::FILE.decode(name)) || is(&apart)) {
            found.push(entry.path());
        }
    }
    Ok(found)
}

fn missing(root: &Path) -> StoreError {
    StoreError::new(Blast::Mailbox, Retry::Never, "open an mbox store", root.display().to_string(), "there is no such file or directory")
        .hint("check the path; a mailbox that is to be read must exist")
}

fn no_folders(root: &Path) -> StoreError {
    StoreError::new(
        Blast::Mailbox,
        Retry::Never,
        "read the folders of a mailbox",
        root.display().to_string(),
        "there is no mbox file in it",
    )
    .hint("an mbox file begins with a line `From sender date`")
}

/// Files and directories sorted by name; hidden ones, companions of others and links left out.
fn entries(dir: &Path) -> Result<Vec<(Vec<u8>, PathBuf, bool)>, StoreError> {
    let failed = |error: &io::Error| folder_error("list a directory", dir, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let kind = entry.file_type().map_err(|error| failed(&error))?;
        let raw = files::bytes_of(&entry.file_name());
        if kind.is_symlink() {
            tracing::warn!(event = "store.link-left", link = %entry.path().display(), "a symbolic link is not followed");
        } else if kind.is_dir() && files::is_lost_and_found(&raw) {
            continue;
        } else if !raw.starts_with(b".") && (kind.is_dir() || kind.is_file() && !is_companion(&raw)) {
            found.push((raw, entry.path(), kind.is_dir()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn is_companion(raw: &[u8]) -> bool {
    COMPANIONS.iter().any(|ending| raw.ends_with(ending.as_bytes()))
}

/// Empty files are empty folders.
fn is_mbox(path: &Path) -> Result<bool, StoreError> {
    let mut start = Vec::new();
    let read = files::open_plain(path).and_then(|file| file.take(512).read_to_end(&mut start));
    read.map_err(|error| folder_error("read an mbox file", path, &error))?;
    let text = start.trim_ascii_start();
    Ok(text.is_empty() && start.len() < 512 || text.starts_with(b"From "))
}

fn claim(folders: &mut Folders, mut level: Vec<String>, raw: &[u8], path: PathBuf) {
    while folders.contains_key(&level) {
        let last = level.pop().unwrap_or_default();
        level.push(format!("{last} ({})", String::from_utf8_lossy(raw)));
    }
    folders.insert(level, Some(path));
}

/// Where no file is called INBOX, the first that differs from it in case only is the inbox.
fn name_inbox(folders: &mut Folders) {
    if folders.contains_key(&["INBOX".to_string()][..]) {
        return;
    }
    let written_so = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().eq_ignore_ascii_case("INBOX"));
    let inbox =
        folders.iter().find(|(level, path)| level.len() == 1 && path.as_ref().is_some_and(written_so)).map(|(level, _)| level.clone());
    let Some(other) = inbox else { return };
    let renamed: Vec<Vec<String>> = folders.keys().filter(|level| level[0] == other[0]).cloned().collect();
    for level in renamed {
        let path = folders.remove(&level).flatten();
        folders.insert([&["INBOX".to_string()], &level[1..]].concat(), path);
    }
}

fn add_parents(folders: &mut Folders) {
    let paths: Vec<Vec<String>> = folders.keys().cloned().collect();
    for parent in paths.iter().flat_map(|path| (1..path.len()).map(|depth| path[..depth].to_vec())) {
        folders.entry(parent).or_insert(None);
    }
}

pub(super) fn infos(folders: &Folders) -> Vec<FolderInfo> {
    let info = |(path, file): (&Vec<String>, &Option<PathBuf>)| FolderInfo {
        selectable: file.is_some(),
        ..FolderInfo::plain(FolderPath(path.clone()))
    };
    folders.iter().map(info).collect()
}

/// The file of a folder of a target. A target that is one file holds the inbox alone.
pub(super) fn target_file(root: &Path, folder: &FolderPath) -> Result<PathBuf, StoreError> {
    let refused = |cause: String| StoreError::new(Blast::Folder, Retry::Never, "name a folder", folder.to_string(), cause);
    if root.is_file() {
        let one = "the target is a single mbox file, which is one folder";
        return if folder.is_inbox() {
            Ok(root.into())
        } else {
            Err(refused(one.into()).hint("name a directory as the target, or exclude the other folders"))
        };
    }
    let Some((last, parents)) = folder.0.split_last() else { return Err(refused("a folder needs a name".into())) };
    let above = parents.iter().enumerate().map(|(depth, level)| stored(level, depth > 0) + BELOW);
    let names = above.chain([stored(last, !parents.is_empty())]);
    let mut path = root.to_path_buf();
    for name in names {
        if name.len() + journal::NAME_BYTES_BESIDE > NAME_BYTES_MAX {
            let error = refused(format!("`{name}` is too long for the name of a file"));
            return Err(error.hint("shorten the folder's name at the source, or exclude the folder"));
        }
        path.push(name);
    }
    Ok(path)
}

fn stored(level: &str, below: bool) -> String {
    if !below && shadows_inbox(level) {
        return Codec::FILE.encode_apart(level);
    }
    let name = Codec::FILE.encode(level);
    match COMPANIONS.iter().find(|ending| name.ends_with(*ending)) {
        // The dot of the ending written as an escape: no longer an ending.
        Some(ending) => Codec::MAILDIR.encode(&level[..level.len() - ending.len()]) + &Codec::MAILDIR.encode(ending),
        None => name,
    }
}
