//! Which folders the user is subscribed to: `subscriptions` of Dovecot (first line `V<tab>2`: levels apart by tabs;
//! without it: one stored name a line) and `courierimapsubscribed` of Courier.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::Path;

use crate::files;
use crate::folder_names::Codec;
use mailferry_core::model::FolderPath;

const FILE: &str = "subscriptions";
const COURIER: &str = "courierimapsubscribed";
const VERSION_2: &str = "V\t2";
/// 100,000 folders of ordinary names.
const FILE_BYTES_MAX: u64 = 32 << 20;

pub(super) fn read(root: &Path) -> io::Result<BTreeSet<FolderPath>> {
    let dovecot = text(&root.join(FILE))?;
    let courier = text(&root.join(COURIER))?;
    let version_2 = dovecot.starts_with(VERSION_2);
    let mut subscribed = BTreeSet::new();
    for line in dovecot.lines().skip(usize::from(version_2)).filter(|line| !line.is_empty()) {
        if version_2 {
            subscribed.insert(levels(line, '\t'));
        } else {
            subscribed.extend([levels(line, '.'), levels(line, '/')]);
        }
    }
    for line in courier.lines() {
        subscribed.insert(levels(line.strip_prefix("INBOX.").unwrap_or(line), '.'));
    }
    Ok(subscribed)
}

/// Adds folders to what is there; the version of the file stays.
pub(super) fn add(root: &Path, folders: &BTreeSet<FolderPath>) -> io::Result<()> {
    let mut content = text(&root.join(FILE))?;
    let separator = if content.starts_with(VERSION_2) { "\t" } else { "." };
    let known: BTreeSet<&str> = content.lines().collect();
    let stored = folders.iter().map(|folder| stored(folder, separator)).filter(|line| !known.contains(line.as_str()));
    let lines: String = stored.map(|line| line + "\n").collect();
    if lines.is_empty() {
        return Ok(());
    }
    if !content.is_empty() && !content.ends_with('\n') {
        content.push('\n');
    }
    files::replace(&root.join(FILE), (content + &lines).as_bytes())
}

fn stored(folder: &FolderPath, separator: &str) -> String {
    let levels: Vec<String> = super::layout::stored_levels(folder);
    if levels.is_empty() { "INBOX".into() } else { levels.join(separator) }
}

fn levels(line: &str, separator: char) -> FolderPath {
    FolderPath(line.split(separator).map(|level| Codec::MAILDIR.decode(level.as_bytes())).collect())
}

fn text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    match files::open_plain(path) {
        Ok(file) => file.take(FILE_BYTES_MAX).read_to_end(&mut bytes)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
        Err(error) => return Err(error),
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
