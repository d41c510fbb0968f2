//! One folder, read to its digests.

use std::io::Read;

use super::report::{ItemPlace, What};
use crate::model::{Digest, FolderPath, ItemKey, Marks};
use crate::ports::{Blast, MailSource, StoreError};
use crate::settings::Side;

/// An item whose bytes were read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Item {
    /// Counted from 1 in the order of the store.
    pub number: u64,
    pub key: ItemKey,
    pub marks: Marks,
    /// Of the internal date.
    pub seconds: i64,
    pub size: u64,
    pub digest: Digest,
}

impl Item {
    pub fn place(&self) -> ItemPlace {
        ItemPlace { number: self.number, key: self.key.clone(), size: self.size, digest: self.digest }
    }
}

/// What was read of a folder.
#[derive(Default)]
pub(super) struct ReadItems {
    pub items: Vec<Item>,
    pub failed: Vec<Failed>,
}

/// An item that was seen and not read; `cause` is `None` when it had gone.
pub(super) struct Failed {
    number: u64,
    key: ItemKey,
    cause: Option<String>,
}

impl Failed {
    pub fn on(self, side: Side) -> What {
        let Failed { number, key, cause } = self;
        match cause {
            Some(cause) => What::ItemUnreadable { side, number, key, cause },
            None => What::ItemGone { side, number, key },
        }
    }
}

/// Reads every item of a folder. `step` is told items and bytes so far.
pub(super) fn read_items(store: &mut dyn MailSource, folder: &FolderPath, step: &mut dyn FnMut(u64, u64)) -> Result<ReadItems, StoreError> {
    let mut read = ReadItems::default();
    let mut bytes = 0;
    for mut item in scan(store, folder)? {
        match digest(store, folder, &item.key) {
            Ok(Some((size, digest))) => {
                (item.size, item.digest) = (size, digest);
                bytes += size;
                read.items.push(item);
                step(read.items.len() as u64, bytes);
            }
            Ok(None) => read.failed.push(Failed { number: item.number, key: item.key, cause: None }),
            Err(error) if error.blast == Blast::Item => {
                read.failed.push(Failed { number: item.number, key: item.key, cause: Some(error.to_string()) });
            }
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// The items without size and digest: those of the scan are not the truth (T05).
fn scan(store: &mut dyn MailSource, folder: &FolderPath) -> Result<Vec<Item>, StoreError> {
    let mut items = Vec::new();
    store.scan(folder, &mut |seen| {
        let number = items.len() as u64 + 1;
        items.push(Item { number, key: seen.key, marks: seen.marks, seconds: seen.date.seconds, size: 0, digest: Digest::default() });
        Ok(())
    })?;
    Ok(items)
}

fn digest(store: &mut dyn MailSource, folder: &FolderPath, key: &ItemKey) -> Result<Option<(u64, Digest)>, StoreError> {
    let Some(open) = store.open(folder, key)? else { return Ok(None) };
    let mut hasher = blake3::Hasher::new();
    let read = hasher.update_reader(&mut { open.reader } as &mut dyn Read);
    read.map_err(|error| StoreError::io(Blast::Item, "read a message", folder.to_string(), &error))?;
    Ok(Some((hasher.count(), Digest(*hasher.finalize().as_bytes()))))
}
