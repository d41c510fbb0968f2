//! A Maildir as a source. Opens files for reading and lists directories; nothing else (R20).

use std::io;
use std::path::{Path, PathBuf};

use mailferry_core::model::{FolderInfo, FolderPath, ItemKey, Marks};
use mailferry_core::ports::{Blast, MailSource, OpenItem, Retry, SeenItem, StoreError};

use super::folder_error;
use super::keywords::KeywordTable;
use super::layout::{self, Found};
use super::listing::{self, Spot, Stamp};
use super::message_name::{by_arrival, flags_of, written_date};
use crate::files;

pub struct MaildirSource {
    root: PathBuf,
    folders: Vec<Found>,
    /// The folder read last: what `open` needs right after `scan`.
    listed: Option<Listed>,
}

struct Listed {
    folder: FolderPath,
    dir: PathBuf,
    spots: Vec<Spot>,
    stamp: Stamp,
}

impl MaildirSource {
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        if !root.is_dir() {
            return Err(StoreError::new(
                Blast::Mailbox,
                Retry::Never,
                "open a Maildir",
                root.display().to_string(),
                "there is no such directory",
            )
            .hint("check the path; a mailbox that is to be read must exist"));
        }
        Ok(MaildirSource { root: root.into(), folders: Vec::new(), listed: None })
    }

    fn dir(&mut self, folder: &FolderPath) -> Result<PathBuf, StoreError> {
        let known = |folders: &[Found]| folders.iter().find(|found| found.info.path == *folder).and_then(|found| found.dir.clone());
        if let Some(dir) = known(&self.folders) {
            return Ok(dir);
        }
        self.folders = layout::survey(&self.root)?;
        known(&self.folders).ok_or_else(|| StoreError::no_folder(format!("{} in {}", folder, self.root.display())))
    }

    fn list(&mut self, folder: &FolderPath) -> Result<&Listed, StoreError> {
        let dir = self.dir(folder)?;
        self.listed = None;
        let (spots, stamp) = listing::list(&dir).map_err(|error| folder_error("list the messages of a folder", &dir, &error))?;
        Ok(self.listed.insert(Listed { folder: folder.clone(), dir, spots, stamp }))
    }

    /// The file of a key in what was listed last, if that was this folder.
    fn path_of(&self, folder: &FolderPath, key: &ItemKey) -> Option<PathBuf> {
        let listed = self.listed.as_ref().filter(|listed| listed.folder == *folder)?;
        let (base, ordinal) = parse_key(key);
        let first = listed.spots.partition_point(|spot| by_arrival(spot.base(), base).is_lt());
        let spot = listed.spots.get(first.checked_add(ordinal)?).filter(|spot| spot.base() == base)?;
        Some(spot.path(&listed.dir))
    }

    fn needs_listing(&self, folder: &FolderPath) -> bool {
        self.listed.as_ref().is_none_or(|listed| listed.folder != *folder || !listed.stamp.holds(&listed.dir))
    }
}

impl MailSource for MaildirSource {
    fn describe(&self) -> String {
        format!("maildir:{}", self.root.display())
    }

    fn folders(&mut self) -> Result<Vec<FolderInfo>, StoreError> {
        self.folders = layout::survey(&self.root)?;
        Ok(self.folders.iter().map(|found| found.info.clone()).collect())
    }

    fn confirm_gone(&mut self, folder: &FolderPath) -> Result<(), StoreError> {
        layout::confirm_gone(&self.root, folder)
    }

    fn scan(&mut self, folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let before = files::identity(&self.dir(folder)?.join("cur"));
        let listed = self.list(folder)?;
        let keywords =
            KeywordTable::read(&listed.dir).map_err(|error| folder_error("read the keywords of a folder", &listed.dir, &error))?;
        let (mut ordinal, mut vanished) = (0, false);
        for (at, spot) in listed.spots.iter().enumerate() {
            let again = at.checked_sub(1).is_some_and(|before| listed.spots[before].base() == spot.base());
            ordinal = if again { ordinal + 1 } else { 0 };
            match see(spot, ordinal, &listed.dir, &keywords)? {
                Some(item) => each(item)?,
                None => vanished = true,
            }
        }
        let cur = listed.dir.join("cur");
        if vanished && (before.is_none() || files::identity(&cur) != before) {
            let cause = "it is another directory than when the folder was listed, or gone: is its file system still mounted?";
            return Err(StoreError::new(Blast::Folder, Retry::Later, "list the messages of a folder", cur.display().to_string(), cause));
        }
        Ok(())
    }

    fn open<'a>(&'a mut self, folder: &FolderPath, key: &ItemKey) -> Result<Option<OpenItem<'a>>, StoreError> {
        if let Some(item) = self.path_of(folder, key).map_or(Ok(None), |path| open(&path))? {
            return Ok(Some(item));
        }
        if self.needs_listing(folder) {
            self.list(folder)?;
        }
        self.path_of(folder, key).map_or(Ok(None), |path| open(&path))
    }
}

/// `None` when the file has gone since it was listed.
fn see(spot: &Spot, ordinal: usize, dir: &Path, keywords: &KeywordTable) -> Result<Option<SeenItem>, StoreError> {
    let path = spot.path(dir);
    let meta = match std::fs::symlink_metadata(&path) {
        Ok(meta) => meta,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(folder_error("look at a message", &path, &error)),
    };
    let (base, letters) = (spot.base(), spot.letters());
    let modified = meta.modified().map_err(|error| folder_error("look at a message", &path, &error))?;
    let key = make_key(base, ordinal);
    Ok(Some(SeenItem {
        identity: None,
        move_hint: Some(key.0.clone()),
        key,
        marks: Marks { flags: flags_of(letters), keywords: keywords.keywords_of(letters) },
        date: written_date(base).unwrap_or_else(|| files::date_of(modified)),
        dated: true,
        sender: None,
        size: meta.is_file().then_some(meta.len()),
    }))
}

/// The base name; further files of the same base name are told apart by a number behind a slash, which no name holds.
fn make_key(base: &[u8], ordinal: usize) -> ItemKey {
    let mut key = base.to_vec();
    if ordinal > 0 {
        key.extend_from_slice(format!("/{ordinal}").as_bytes());
    }
    ItemKey(key)
}

fn parse_key(key: &ItemKey) -> (&[u8], usize) {
    let slash = key.0.iter().position(|byte| *byte == b'/');
    let number = slash.and_then(|at| std::str::from_utf8(&key.0[at + 1..]).ok()).and_then(|text| text.parse().ok());
    (&key.0[..slash.unwrap_or(key.0.len())], number.unwrap_or(0))
}

fn open(path: &Path) -> Result<Option<OpenItem<'static>>, StoreError> {
    let failed = |error: &io::Error| StoreError::io(Blast::Item, "read a message", path.display().to_string(), error);
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.is_file() => (),
        Ok(_) => return Err(not_a_file(path)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(&error)),
    }
    match files::open_plain(path) {
        Ok(file) => Ok(Some(OpenItem { reader: Box::new(file) })),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed(&error)),
    }
}

fn not_a_file(path: &Path) -> StoreError {
    StoreError::new(
        Blast::Item,
        Retry::Never,
        "read a message",
        path.display().to_string(),
        "it is a symbolic link or a special file, which is never followed",
    )
    .hint("replace it by the file it points to, or remove it")
}
