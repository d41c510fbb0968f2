//! The target, read again: which items a folder shows, and the bytes of those that are asked for.

use crate::compare::{Digests, Hashing};
use crate::model::{Digest, FolderPath, ItemKey};
use crate::ports::{Blast, MailSource, SeenItem, StoreError};

/// Items that are asked for together, so that a store at the end of a long line can fetch ahead.
pub const BATCH_ITEMS: usize = 400;

/// What a folder shows, in 24 bytes an item.
#[derive(Default)]
pub struct Shown {
    /// Digest of the key, cut, and the internal date in seconds; sorted.
    items: Vec<([u8; 16], i64)>,
    /// Of which somebody has asked.
    asked: Vec<bool>,
}

fn short(key: &ItemKey) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&Digest::of(&key.0).0[..16]);
    short
}

impl Shown {
    pub fn of(store: &mut dyn MailSource, folder: &FolderPath) -> Result<Self, StoreError> {
        let mut items = Vec::new();
        store.scan(folder, &mut |seen| {
            items.push((short(&seen.key), seen.date.seconds));
            Ok(())
        })?;
        items.sort_unstable();
        items.dedup();
        Ok(Shown { asked: vec![false; items.len()], items })
    }

    /// The internal date of an item, where it is there.
    pub fn date(&mut self, key: &ItemKey) -> Option<i64> {
        let short = short(key);
        let at = self.items.partition_point(|(of, _)| *of < short);
        let (of, seconds) = self.items.get(at)?;
        (*of == short).then(|| {
            self.asked[at] = true;
            *seconds
        })
    }

    /// Nobody has asked for it.
    fn is_other(&self, key: &ItemKey) -> bool {
        let short = short(key);
        let at = self.items.partition_point(|(of, _)| *of < short);
        self.items.get(at).is_some_and(|(of, _)| *of == short) && !self.asked[at]
    }

    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn others(&self) -> u64 {
        self.asked.iter().filter(|asked| !**asked).count() as u64
    }

    /// Shows those that nobody has asked for.
    pub fn each_other(&self, store: &mut dyn MailSource, folder: &FolderPath, each: &mut dyn FnMut(SeenItem)) -> Result<(), StoreError> {
        if self.others() == 0 {
            return Ok(());
        }
        store.scan(folder, &mut |seen| {
            if self.is_other(&seen.key) {
                each(seen);
            }
            Ok(())
        })
    }
}

/// The bytes of an item as they are now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bytes {
    pub size: u64,
    pub exact: Digest,
}

/// What came of reading one: its bytes, `None` when it has gone meanwhile, or why it cannot be read.
pub type Reread<T> = Result<Option<T>, String>;

/// Its bytes.
pub fn bytes(store: &mut dyn MailSource, folder: &FolderPath, key: &ItemKey) -> Result<Reread<Bytes>, StoreError> {
    of_one(store.open(folder, key), |open| {
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(open)?;
        Ok(Bytes { size: hasher.count(), exact: Digest(*hasher.finalize().as_bytes()) })
    })
}

/// All forms by which it may be known again.
pub fn digests(store: &mut dyn MailSource, folder: &FolderPath, key: &ItemKey) -> Result<Reread<(u64, Digests)>, StoreError> {
    of_one(store.open(folder, key), |open| {
        let mut hashing = Hashing::default();
        let size = hashing.read(open)?;
        Ok((size, hashing.finish()))
    })
}

/// An error of the item alone is told of the item; any other ends the work.
fn of_one<T>(
    open: Result<Option<crate::ports::OpenItem<'_>>, StoreError>,
    read: impl FnOnce(&mut dyn std::io::Read) -> std::io::Result<T>,
) -> Result<Reread<T>, StoreError> {
    let read = match open {
        Ok(None) => return Ok(Ok(None)),
        Ok(Some(mut open)) => {
            read(open.reader.as_mut()).map_err(|error| StoreError::io(Blast::Item, "read a message", String::new(), &error))
        }
        Err(error) => Err(error),
    };
    match read {
        Ok(read) => Ok(Ok(Some(read))),
        Err(error) if error.blast == Blast::Item && !error.away => Ok(Err(error.cause)),
        Err(error) => Err(error),
    }
}
