//! A folder tree as it stands: what must be the same before and after (R20). Access times are set aside.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mailferry_core::model::Digest;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Entry {
    folder: bool,
    bytes: u64,
    digest: Digest,
    modified: SystemTime,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tree(BTreeMap<PathBuf, Entry>);

impl Tree {
    pub fn of(root: &Path) -> Tree {
        let mut entries = BTreeMap::new();
        let mut open = vec![root.to_path_buf()];
        while let Some(path) = open.pop() {
            let about = fs::symlink_metadata(&path).expect("a file that lies still");
            let folder = about.is_dir();
            if folder {
                open.extend(fs::read_dir(&path).expect("a folder").map(|entry| entry.expect("an entry").path()));
            }
            let digest = if about.is_file() { Digest::of(&fs::read(&path).expect("readable")) } else { Digest::default() };
            let modified = about.modified().expect("a timestamp");
            entries.insert(path, Entry { folder, bytes: if folder { 0 } else { about.len() }, digest, modified });
        }
        Tree(entries)
    }

    pub fn assert_same(&self, later: &Tree) {
        for (path, entry) in &self.0 {
            assert_eq!(later.0.get(path), Some(entry), "{} is not as it was", path.display());
        }
        let new: Vec<&PathBuf> = later.0.keys().filter(|path| !self.0.contains_key(*path)).collect();
        assert!(new.is_empty(), "files came: {new:?}");
    }
}
