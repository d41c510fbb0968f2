//! Where the folders of a mailbox are (T17).
//!
//! The root is the inbox; `.A.B` in it is A/B (Maildir++); other directories are folders by their own names (`fs` layout).
//! Names that no codec wrote are taken as they are, and where two directories claim one name the second keeps its raw name
//! in brackets: folders are never merged. Links are not followed.

use std::collections::BTreeMap;
use std::fs;
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
    let mut claims = Vec::new();
    if is_maildir(root) {
        claims.push(Claim { path: vec!["INBOX".into()], raw: Vec::new(), dir: root.into(), canonical: true });
    }
    for (raw, dir) in directories(root)? {
        match raw.strip_prefix(b".") {
            Some(levels) if is_maildir(&dir) => claims.push(claim_dotted(levels, &raw, &dir)),
            Some(_) => (),
            None => claim_nested(&raw, &dir, &mut claims)?,
        }
    }
    if claims.is_empty() {
        return Err(no_folders(root));
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

/// Directories, sorted by name; links are reported and left alone.
fn directories(dir: &Path) -> Result<Vec<(Vec<u8>, PathBuf)>, StoreError> {
    let failed = |error: &std::io::Error| folder_error("list a directory", dir, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).map_err(|error| failed(&error))? {
        let entry = entry.map_err(|error| failed(&error))?;
        let kind = entry.file_type().map_err(|error| failed(&error))?;
        if kind.is_symlink() && entry.path().join("cur").is_dir() {
            tracing::warn!(link = %entry.path().display(), "a folder that is a symbolic link is not followed");
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
        if is_maildir(&dir) {
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
            let level = path.pop().unwrap_or_default();
            path.push(format!("{level} ({})", String::from_utf8_lossy(&claim.raw)));
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
