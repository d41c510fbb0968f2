//! Where the folders of a mailbox are (T17).
//!
//! The root is the inbox; `.A.B` in it is A/B (Maildir++); other directories are folders by their own names (`fs` layout).
//! Names that no codec wrote are taken as they are, and where two directories claim one name the second keeps its raw name
//! in brackets: folders are never merged. Links are not followed.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use mailferry_core::model::{FolderInfo, FolderPath};
use mailferry_core::ports::{Blast, Retry, StoreError};

use super::{folder_error, subscriptions};
use crate::files;
use crate::folder_names::{Codec, NAME_BYTES_MAX, shadows_inbox};

/// A folder of a source, and its directory where it has one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) info: FolderInfo,
    pub(super) dir: Option<PathBuf>,
}

/// A directory that is a folder, before names are settled.
struct Claim {
    path: Vec<String>,
    raw: Vec<u8>,
    dir: PathBuf,
    /// The name is what our codec would have written for it.
    canonical: bool,
}

/// Every folder below the root, parents first.
pub(super) fn survey(root: &Path) -> Result<Vec<Found>, StoreError> {
    let found = look(root)?;
    if found.is_empty() { Err(no_folders(root)) } else { Ok(found) }
}

/// The same, where there may be none.
pub(super) fn look(root: &Path) -> Result<Vec<Found>, StoreError> {
    let mut claims = Vec::new();
    if has_cur(root)? {
        claims.push(Claim { path: vec!["INBOX".into()], raw: Vec::new(), dir: root.into(), canonical: true });
    }
    for (raw, dir) in directories(root)? {
        match raw.strip_prefix(b".") {
            Some(levels) if has_cur(&dir)? => claims.push(claim_dotted(levels, &raw, &dir)),
            Some(_) => (),
            None if files::is_lost_and_found(&raw) => (),
            None => claim_nested(&raw, &dir, &mut claims)?,
        }
    }
    let subscribed = subscriptions::read(root).map_err(|error| folder_error("read the subscriptions", root, &error))?;
    let settled = settle(claims);
    Ok(with_parents(settled).into_iter().map(|(path, dir)| found(path, dir, &subscribed)).collect())
}

fn found(path: Vec<String>, dir: Option<PathBuf>, subscribed: &std::collections::BTreeSet<FolderPath>) -> Found {
    let path = FolderPath(path);
    let subscribed = subscribed.contains(&path);
    Found { info: FolderInfo { path, selectable: dir.is_some(), subscribed, special_use: None }, dir }
}

fn no_folders(root: &Path) -> StoreError {
    let cause = "there is no folder in it: neither `cur` nor a directory that has one";
    StoreError::new(Blast::Mailbox, Retry::Never, "read the folders of a mailbox", root.display().to_string(), cause)
        .hint("a Maildir has the directories cur, new and tmp; name the directory that holds them")
}

pub(super) fn is_maildir(dir: &Path) -> bool {
    files::is_dir(&dir.join("cur"))
}

/// The same for a source: what cannot be looked at is an error, for it may hold mail.
fn has_cur(dir: &Path) -> Result<bool, StoreError> {
    match fs::symlink_metadata(dir.join("cur")) {
        Ok(meta) => Ok(meta.is_dir()),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(false),
        Err(error) => Err(folder_error("read a folder", dir, &error)),
    }
}

/// Nothing stands where the folder was. A directory without `cur` may be a mount point without its mount; only one that is merely
/// above other folders, as some programs leave it when they delete a folder, is gone itself.
pub(super) fn confirm_gone(root: &Path, folder: &FolderPath) -> Result<(), StoreError> {
    let mut places = dotted(root, folder)?;
    let mut nested = vec![root.to_path_buf()];
    for level in &folder.0 {
        let below = nested.iter().map(|dir| named(dir, level)).collect::<Result<Vec<_>, StoreError>>()?;
        nested = below.into_iter().flatten().collect();
        places.extend(nested.iter().filter(|dir| files::is_empty_dir(dir)).cloned());
    }
    for dir in nested {
        if !is_merely_above(&dir)? {
            places.push(dir);
        }
    }
    places.extend(folder.is_inbox().then(|| root.to_path_buf()));
    let Some(place) = places.first() else { return Ok(()) };
    let cause = "it was a folder, and has no directory `cur` (any more), or is a symbolic link";
    Err(StoreError::new(Blast::Folder, Retry::Later, "read a folder", place.display().to_string(), cause)
        .hint("mount its file system, or put `cur` back; or remove it if the folder is to go, with all its mail"))
}

fn dotted(root: &Path, folder: &FolderPath) -> Result<Vec<PathBuf>, StoreError> {
    let is = |raw: &[u8]| {
        let claim = claim_dotted(raw.strip_prefix(b".")?, raw, root);
        (claim.path == folder.0 || apart(claim.path, raw) == folder.0).then_some(())
    };
    Ok(names(root)?.into_iter().filter(|(raw, _)| is(raw).is_some()).map(|(_, path)| path).collect())
}

/// Whatever in a directory could be this level of a folder's name.
fn named(dir: &Path, level: &str) -> Result<Vec<PathBuf>, StoreError> {
    if !files::is_dir(dir) {
        return Ok(Vec::new());
    }
    let is = |raw: &[u8]| {
        let name = Codec::FILE.decode(raw);
        !raw.starts_with(b".") && (name == level || apart(vec![name], raw) == [level])
    };
    Ok(names(dir)?.into_iter().filter(|(raw, _)| is(raw)).map(|(_, path)| path).collect())
}

fn names(dir: &Path) -> Result<Vec<(Vec<u8>, PathBuf)>, StoreError> {
    let failed = |error: &std::io::Error| folder_error("list a directory", dir, error);
    let entries = fs::read_dir(dir).map_err(|error| failed(&error))?;
    let name = |entry: fs::DirEntry| (files::bytes_of(&entry.file_name()), entry.path());
    entries.map(|entry| entry.map(name).map_err(|error| failed(&error))).collect()
}

fn is_merely_above(dir: &Path) -> Result<bool, StoreError> {
    if !files::is_dir(dir) {
        return Ok(false);
    }
    let below = directories(dir)?;
    Ok(!below.is_empty() && below.iter().all(|(raw, _)| !matches!(&raw[..], b"cur" | b"new" | b"tmp")))
}

/// The name of the second of two directories that claim one.
fn apart(mut path: Vec<String>, raw: &[u8]) -> Vec<String> {
    let level = path.pop().unwrap_or_default();
    path.push(format!("{level} ({})", String::from_utf8_lossy(raw)));
    path
}

/// Directories, sorted by name; links are reported and left alone.
fn directories(dir: &Path) -> Result<Vec<(Vec<u8>, PathBuf)>, StoreError> {
    let failed = |error: &std::io::Error| folder_error("list a directory", dir, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let kind = entry.file_type().map_err(|error| failed(&error))?;
        if kind.is_symlink() && entry.path().join("cur").is_dir() {
            tracing::warn!(event = "store.link-left", link = %entry.path().display(), "a folder that is a symbolic link is not followed");
        } else if kind.is_dir() {
            found.push((files::bytes_of(&entry.file_name()), entry.path()));
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn claim_dotted(levels: &[u8], raw: &[u8], dir: &Path) -> Claim {
    let path: Vec<String> = levels.split(|byte| *byte == b'.').map(|level| Codec::MAILDIR.decode(level)).collect();
    let canonical = dir_name(&FolderPath(path.clone())).as_bytes() == raw;
    Claim { path, raw: raw.into(), dir: dir.into(), canonical }
}

/// Walks with a list of its own: depth costs no stack.
fn claim_nested(raw: &[u8], dir: &Path, claims: &mut Vec<Claim>) -> Result<(), StoreError> {
    let mut open = vec![(Vec::new(), raw.to_vec(), dir.to_path_buf())];
    while let Some((parents, raw, dir)) = open.pop() {
        if matches!(&raw[..], b"cur" | b"new" | b"tmp") || raw.starts_with(b".") {
            continue;
        }
        let level = Codec::FILE.decode(&raw);
        let canonical = Codec::FILE.encode(&level).as_bytes() == raw;
        let path = [&parents[..], &[level]].concat();
        open.extend(directories(&dir)?.into_iter().rev().map(|(raw, dir)| (path.clone(), raw, dir)));
        if has_cur(&dir)? {
            claims.push(Claim { path, raw, dir, canonical });
        }
    }
    Ok(())
}

fn settle(mut claims: Vec<Claim>) -> BTreeMap<Vec<String>, Option<PathBuf>> {
    claims.sort_by(|a, b| (!a.canonical, &a.raw, &a.dir).cmp(&(!b.canonical, &b.raw, &b.dir)));
    let mut settled = BTreeMap::new();
    for claim in claims {
        let mut path = claim.path;
        while settled.contains_key(&path) {
            path = apart(path, &claim.raw);
        }
        settled.insert(path, Some(claim.dir));
    }
    settled
}

fn with_parents(mut folders: BTreeMap<Vec<String>, Option<PathBuf>>) -> BTreeMap<Vec<String>, Option<PathBuf>> {
    let paths: Vec<Vec<String>> = folders.keys().cloned().collect();
    for parent in paths.iter().flat_map(|path| (1..path.len()).map(|depth| path[..depth].to_vec())) {
        folders.entry(parent).or_insert(None);
    }
    folders
}

/// The directory of a folder of a target: the root for the inbox, else `.A.B` in it.
pub(super) fn target_dir(root: &Path, folder: &FolderPath) -> Result<PathBuf, StoreError> {
    let refused = |cause: String| StoreError::new(Blast::Folder, Retry::Never, "name a folder", folder.to_string(), cause);
    if folder.0.is_empty() {
        return Err(refused("a folder needs a name".into()));
    }
    let name = dir_name(folder);
    if name.len() > NAME_BYTES_MAX {
        let cause = format!("its name takes {} bytes as a directory of a Maildir++, {NAME_BYTES_MAX} are possible", name.len());
        return Err(refused(cause).hint("shorten the folder's name at the source, or exclude the folder"));
    }
    Ok(if name.is_empty() { root.into() } else { root.join(name) })
}

/// Empty for the inbox.
fn dir_name(folder: &FolderPath) -> String {
    stored_levels(folder).iter().map(|level| format!(".{level}")).collect()
}

/// The levels as they are written; none for the inbox.
pub(super) fn stored_levels(folder: &FolderPath) -> Vec<String> {
    if folder.is_inbox() {
        return Vec::new();
    }
    let mut levels: Vec<String> = folder.0.iter().map(|level| Codec::MAILDIR.encode(level)).collect();
    if let [only] = &folder.0[..]
        && shadows_inbox(only)
    {
        levels[0] = Codec::MAILDIR.encode_apart(only);
    }
    levels
}
