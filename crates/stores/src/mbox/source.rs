//! mbox files as a source. Opens files for reading and lists directories; nothing else (R20).
//!
//! The key of an item is the digest of what readers leave as it is, and a number among equal ones: offsets shift when mail
//! is deleted. The price is that a scan reads the file.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mailferry_core::model::{FolderInfo, FolderPath, ItemKey, TargetId, Token};
use mailferry_core::ports::{Blast, MailSource, OpenItem, SeenItem, ShownAs, StoreError};

use super::folders::{self, Folders};
use super::parse::{self, Message};
use super::target::token_of;
use super::unquote::Unquote;
use super::variant::{self, Variant};
use super::{folder_error, lock};
use crate::files;

pub struct MboxSource {
    root: PathBuf,
    /// `None`: told from each file.
    variant: Option<Variant>,
    folders: Folders,
    /// Positions in the file read last: what `open` needs right after `scan`.
    index: Option<Index>,
}

struct Index {
    folder: FolderPath,
    stamp: Stamp,
    /// Sorted by key.
    spots: Vec<Spot>,
    /// Of messages that our target wrote, sorted.
    tokens: Vec<(Token, ItemKey)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    length: u64,
    changed: Option<SystemTime>,
}

impl Stamp {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let meta = file.metadata()?;
        Ok(Stamp { length: meta.len(), changed: meta.modified().ok() })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }
}

struct Spot {
    digest: [u8; 16],
    ordinal: u32,
    quoted: bool,
    content_at: u64,
    length: u64,
}

impl MboxSource {
    /// `variant`: which form the files are of, where the caller knows better than the evidence in them.
    pub fn open(root: &Path, variant: Option<Variant>) -> Result<Self, StoreError> {
        Ok(MboxSource { root: root.into(), variant, folders: folders::survey(root)?, index: None })
    }

    fn file(&mut self, folder: &FolderPath) -> Result<PathBuf, StoreError> {
        let known = |folders: &Folders| folders.get(&folder.0).cloned().flatten();
        if let Some(path) = known(&self.folders) {
            return Ok(path);
        }
        self.folders = folders::survey(&self.root)?;
        known(&self.folders).ok_or_else(|| StoreError::no_folder(format!("{} in {}", folder, self.root.display())))
    }

    fn read(&mut self, folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError> {
        let path = self.file(folder)?;
        let (file, stamp) = open_still(&path)?;
        let variant = match self.variant {
            Some(variant) => variant,
            None => variant::detect(&file).map_err(|error| folder_error("read an mbox file", &path, &error))?,
        };
        self.index = None;
        let (mut spots, mut tokens, mut equal) = (Vec::new(), Vec::new(), HashMap::<[u8; 16], u32>::new());
        parse::scan(&path, 0, stamp.length, variant, &mut |message| {
            if message.internal {
                return Ok(());
            }
            let ordinal = equal.entry(message.digest).and_modify(|ordinal| *ordinal += 1).or_default();
            spots.push(Spot::of(&message, *ordinal));
            tokens.extend(message.block.as_ref().map(|block| (block.token, key_of(&message, *ordinal))));
            each(see(message, *ordinal))
        })?;
        spots.sort_unstable_by_key(|spot| (spot.digest, spot.ordinal));
        tokens.sort_unstable();
        self.index = Some(Index { folder: folder.clone(), stamp, spots, tokens });
        Ok(())
    }

    /// The file, whose positions are known.
    fn read_if_changed(&mut self, folder: &FolderPath) -> Result<(PathBuf, File), StoreError> {
        let path = self.file(folder)?;
        let (file, stamp) = open_still(&path)?;
        if self.index.as_ref().is_none_or(|index| index.folder != *folder || index.stamp != stamp) {
            self.read(folder, &mut |_| Ok(()))?;
        }
        Ok((path, file))
    }

    fn spot(&self, folder: &FolderPath, key: &ItemKey) -> Option<&Spot> {
        let index = self.index.as_ref().filter(|index| index.folder == *folder)?;
        let (digest, ordinal) = key.0.split_first_chunk::<16>()?;
        let wanted = (*digest, u32::from_be_bytes(ordinal.try_into().ok()?));
        let at = index.spots.binary_search_by_key(&wanted, |spot| (spot.digest, spot.ordinal)).ok()?;
        index.spots.get(at)
    }
}

impl Spot {
    fn of(message: &Message, ordinal: u32) -> Self {
        let added = u64::from(message.block.as_ref().is_some_and(|block| !block.ends_line));
        let length = (message.content_end - message.content_at).saturating_sub(added);
        Spot { digest: message.digest, ordinal, quoted: message.quoted, content_at: message.content_at, length }
    }

    fn read(&self, mut file: File) -> io::Result<Box<dyn Read>> {
        file.seek(SeekFrom::Start(self.content_at))?;
        let stored = file.take(self.length);
        Ok(if self.quoted { Box::new(Unquote::new(stored)) } else { Box::new(stored) })
    }
}

/// A message as it was before our writer stored it.
pub(super) fn read_message(path: &Path, message: &Message) -> io::Result<Box<dyn Read>> {
    Spot::of(message, 0).read(files::open_plain(path)?)
}

/// The file, with nobody writing it.
fn open_still(path: &Path) -> Result<(File, Stamp), StoreError> {
    let failed = |error: &io::Error| folder_error("read an mbox file", path, error);
    let file = files::open_plain(path).map_err(|error| failed(&error))?;
    if lock::is_busy(path, &file).map_err(|error| failed(&error))? {
        // Of the folder: a reader goes on with the others.
        return Err(StoreError { blast: Blast::Folder, ..lock::busy(path) });
    }
    let stamp = Stamp::of(&file).map_err(|error| failed(&error))?;
    Ok((file, stamp))
}

fn key_of(message: &Message, ordinal: u32) -> ItemKey {
    ItemKey([&message.digest[..], &ordinal.to_be_bytes()].concat())
}

fn see(message: Message, ordinal: u32) -> SeenItem {
    let key = key_of(&message, ordinal);
    SeenItem {
        identity: None,
        move_hint: Some(key.0.clone()),
        key,
        date: message.date(),
        dated: message.date() != mailferry_core::model::InternalDate::default(),
        sender: message.sender(),
        size: Some(message.size),
        marks: message.marks,
    }
}

impl MailSource for MboxSource {
    fn describe(&self) -> String {
        format!("mbox:{}", self.root.display())
    }

    fn folders(&mut self) -> Result<Vec<FolderInfo>, StoreError> {
        self.folders = folders::survey(&self.root)?;
        Ok(folders::infos(&self.folders))
    }

    fn confirm_gone(&mut self, folder: &FolderPath) -> Result<(), StoreError> {
        folders::confirm_gone(&self.root, folder)
    }

    fn scan(&mut self, folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.read(folder, each)
    }

    fn shown_as(&mut self, folder: &FolderPath, id: &TargetId) -> Result<ShownAs, StoreError> {
        let Some(token) = token_of(id) else { return Ok(ShownAs::NotThere) };
        self.read_if_changed(folder)?;
        let tokens = self.index.as_ref().map_or(&[][..], |index| &index.tokens);
        let known = tokens.get(tokens.partition_point(|(of, _)| *of < token)).filter(|(of, _)| *of == token);
        Ok(known.map_or(ShownAs::NotThere, |(_, key)| ShownAs::Key(key.clone())))
    }

    fn open<'a>(&'a mut self, folder: &FolderPath, key: &ItemKey) -> Result<Option<OpenItem<'a>>, StoreError> {
        let (path, file) = self.read_if_changed(folder)?;
        let Some(spot) = self.spot(folder, key) else { return Ok(None) };
        let reader = spot.read(file).map_err(|error| StoreError::io(Blast::Item, "read a message", path.display().to_string(), &error))?;
        Ok(Some(OpenItem { reader }))
    }
}
