//! What is found of each item of a manifest when the target is read again.

use std::io::{BufReader, Write};

use crate::compare::Digests;
use crate::manifest::reread::{self, BATCH_ITEMS, Shown};
use crate::manifest::{Approvals, Entry, Folder, Item, Reader, State, Writer};
use crate::model::key_text;
use crate::model::{Digest, FolderPath, ItemKey, Skipped, Token};
use crate::passage::Altered;
use crate::ports::{MailSource, ReadSeek, ShownAs, StoreError};
use crate::state::ledger::manifest::{self as ledger, LeftOut};
use crate::state::ledger::target::Tracked;
use crate::state::ledger::unread::Known;
use crate::trouble::Trouble;

/// What a server changed by itself, in `altered`.
const BY_THE_SERVER: &str = "server";

/// Gathers lines, folder by folder.
pub(super) struct Evidence<'a, W: Write> {
    writer: Writer<W>,
    store: &'a mut dyn MailSource,
    selectable: Vec<FolderPath>,
    /// Not begun yet.
    folders: std::iter::Peekable<std::vec::IntoIter<ledger::Folder>>,
    approvals: Approvals,
    earlier: Option<Earlier>,
    folder: Option<FolderPath>,
    shown: Shown,
    batch: Vec<(Tracked, Standing)>,
    last: Option<Vec<u8>>,
}

/// Where an item stands, as far as a folder shows.
enum Standing {
    Shown(ItemKey, i64),
    Gone(String),
}

impl<'a, W: Write> Evidence<'a, W> {
    pub fn new(
        writer: Writer<W>,
        store: &'a mut dyn MailSource,
        folders: Vec<ledger::Folder>,
        approvals: Approvals,
        earlier: Option<Reader<BufReader<Box<dyn ReadSeek>>>>,
    ) -> Result<Self, StoreError> {
        let selectable = store.folders()?.into_iter().filter(|info| info.selectable).map(|info| info.path).collect();
        let (folders, earlier) = (folders.into_iter().peekable(), earlier.map(Earlier::new));
        let (shown, batch) = (Shown::default(), Vec::new());
        Ok(Evidence { writer, store, selectable, folders, approvals, earlier, folder: None, shown, batch, last: None })
    }

    /// The next item of the ledger, in its order.
    pub fn tracked(&mut self, item: Tracked) -> Result<(), Trouble> {
        if self.folder.as_ref() != Some(&item.folder) {
            self.read()?;
            while self.folder.as_ref() != Some(&item.folder) {
                self.next_folder()?;
            }
        }
        let standing = self.standing(&item)?;
        self.last = Some(item.id.0.clone());
        self.batch.push((item, standing));
        if self.batch.len() >= BATCH_ITEMS { self.read() } else { Ok(()) }
    }

    fn standing(&mut self, item: &Tracked) -> Result<Standing, StoreError> {
        if self.last.as_ref() == Some(&item.id.0) {
            return Ok(Standing::Gone("another item stands under this id".into()));
        }
        let shown = if self.shown.is_empty() { ShownAs::NotThere } else { self.store.shown_as(&item.folder, &item.id)? };
        let gone = "it is not in its folder at the target";
        Ok(match shown {
            ShownAs::Key(key) => match self.shown.date(&key) {
                Some(seconds) => Standing::Shown(key, seconds),
                None => Standing::Gone(gone.into()),
            },
            ShownAs::NotThere => Standing::Gone(gone.into()),
            ShownAs::Renamed(how) => Standing::Gone(format!("{gone}: {how}")),
        })
    }

    fn next_folder(&mut self) -> Result<(), Trouble> {
        let Some(folder) = self.folders.next() else {
            return Err(Trouble::new("could not make a manifest").cause("the ledger names an item in a folder that it does not know"));
        };
        let line = Folder { target: Some(folder.target.0.clone()), source: folder.source.map(|path| path.0) };
        self.writer.folder(&line).map_err(unwritten)?;
        self.shown = if self.selectable.contains(&folder.target) { Shown::of(self.store, &folder.target)? } else { Shown::default() };
        (self.folder, self.last) = (Some(folder.target), None);
        Ok(())
    }

    /// Every tracked item has been given: what follows has no place at the target.
    pub fn placeless(&mut self) -> Result<(), Trouble> {
        self.read()?;
        while self.folders.peek().is_some() {
            self.next_folder()?;
        }
        self.folder = None;
        self.writer.folder(&Folder { target: None, source: None }).map_err(unwritten)
    }

    pub fn left_out(&mut self, item: LeftOut) -> Result<(), Trouble> {
        let too_large = Skipped { token: item.token, reason: item.reason.clone() }.is_too_large();
        let state = if too_large { State::TooLarge } else { State::Refused };
        self.write(Item {
            container: Some((item.container.0.0, item.container.1.0)),
            digest: item.digest,
            size: item.size,
            source: item.folder.map(|path| path.0),
            reason: Some(item.reason),
            ..Item::of(item.token, state)
        })
    }

    /// An item that the source could not read.
    pub fn unread(&mut self, item: Known) -> Result<(), Trouble> {
        let Known { token, folder, size, reason } = item;
        self.write(Item { size, source: folder.map(|path| path.0), reason: Some(reason), ..Item::of(token, State::Unread) })
    }

    /// An item that was asked for at the source and has not come.
    pub fn awaited(&mut self, token: Token) -> Result<(), Trouble> {
        let reason = Some("it was asked for at the source and has not come".into());
        self.write(Item { reason, ..Item::of(token, State::Missing) })
    }

    pub fn into_writer(self) -> Writer<W> {
        self.writer
    }

    fn write(&mut self, mut item: Item) -> Result<(), Trouble> {
        item.approved = self.approvals.of(&item);
        self.writer.item(&item).map_err(unwritten)
    }

    /// Reads the batch at the target.
    fn read(&mut self) -> Result<(), Trouble> {
        let Some(folder) = self.folder.clone() else { return Ok(()) };
        let batch = std::mem::take(&mut self.batch);
        let key = |standing: &'_ Standing| if let Standing::Shown(key, _) = standing { Some(key.clone()) } else { None };
        let keys: Vec<ItemKey> = batch.iter().filter_map(|(_, standing)| key(standing)).collect();
        self.store.expect(&folder, &mut keys.iter())?;
        for (tracked, standing) in batch {
            let line = self.line(&folder, tracked, standing)?;
            self.write(line)?;
        }
        Ok(())
    }

    fn line(&mut self, folder: &FolderPath, tracked: Tracked, standing: Standing) -> Result<Item, Trouble> {
        let mut line = described(&tracked);
        let (key, seconds) = match standing {
            Standing::Shown(key, seconds) => (key, seconds),
            Standing::Gone(reason) => {
                let was_there = match &mut self.earlier {
                    Some(earlier) => earlier.had(folder, &tracked),
                    None => false,
                };
                line.state = if was_there { State::Deleted } else { State::Missing };
                line.reason = Some(reason);
                return Ok(line);
            }
        };
        line.reread_date = tracked.date.filter(|date| *date != seconds).map(|_| seconds);
        match look(self.store, folder, &key, &tracked)? {
            Ok(None) => (line.state, line.reason) = (State::Missing, Some("it went away while it was read".into())),
            Err(cause) => (line.state, line.reason) = (State::Damaged, Some(format!("it cannot be read: {cause}"))),
            Ok(Some(Look { size, exact, digests })) => {
                if exact == tracked.digest {
                    line.state = State::There;
                } else {
                    line.reread = Some(exact);
                    line.reread_size = Some(size);
                    line.state = State::Damaged;
                    if let Some(how) = digests.and_then(|digests| how_altered(&tracked, &digests)) {
                        (line.state, line.altered) = (State::Altered, how);
                    } else {
                        line.reason = Some("its bytes are others, and nobody knows why".into());
                    }
                }
            }
        }
        Ok(line)
    }
}

/// What the ledger says.
fn described(tracked: &Tracked) -> Item {
    let passage = &tracked.passage;
    let flags = tracked.marks.flags.to_string();
    Item {
        id: Some(key_text(&tracked.id.0)),
        container: passage.container.map(|(sequence, epoch)| (sequence.0, epoch.0)),
        digest: Some(tracked.digest),
        size: passage.size,
        date: tracked.date,
        marks: flags.split_whitespace().map(String::from).chain(tracked.marks.keywords.iter().cloned()).collect(),
        altered: passage.altered.names().filter(|_| !changes_bytes(passage.altered)).map(String::from).collect(),
        keywords_lost: passage.keywords_lost.clone(),
        gone_at_source: tracked.gone,
        ..Item::of(tracked.token, State::There)
    }
}

/// The date alone leaves the bytes as they are.
fn changes_bytes(altered: Altered) -> bool {
    altered != Altered::DATE && altered != Altered::NOTHING
}

struct Look {
    size: u64,
    exact: Digest,
    digests: Option<Digests>,
}

/// Other forms than the bytes themselves are looked at where these are others: where that is to be expected, at once.
fn look(store: &mut dyn MailSource, folder: &FolderPath, key: &ItemKey, tracked: &Tracked) -> Result<reread::Reread<Look>, StoreError> {
    if !changes_bytes(tracked.passage.altered) && tracked.passage.likeness.is_none() {
        match reread::bytes(store, folder, key)? {
            Ok(Some(bytes)) if bytes.exact != tracked.digest => {}
            read => return Ok(read.map(|read| read.map(|bytes| Look { size: bytes.size, exact: bytes.exact, digests: None }))),
        }
    }
    let read = reread::digests(store, folder, key)?;
    Ok(read.map(|read| read.map(|(size, digests)| Look { size, exact: digests.exact, digests: Some(digests) })))
}

/// The changes that explain other bytes; `None` when nothing does.
fn how_altered(tracked: &Tracked, digests: &Digests) -> Option<Vec<String>> {
    let names = |altered: Altered| altered.names().map(String::from).collect();
    if digests.unix == tracked.digest {
        return Some(names(Altered::CRLF));
    }
    if tracked.passage.likeness != Some(digests.like) {
        return None;
    }
    let altered = tracked.passage.altered;
    Some(if changes_bytes(altered) { names(altered) } else { vec![BY_THE_SERVER.into()] })
}

fn unwritten(error: std::io::Error) -> Trouble {
    Trouble::new("could not write a manifest").cause(error)
}

/// The manifest before, read beside the ledger, which has the same order.
struct Earlier {
    reader: Reader<BufReader<Box<dyn ReadSeek>>>,
    folder: Vec<u8>,
    item: Option<Item>,
}

impl Earlier {
    fn new(reader: Reader<BufReader<Box<dyn ReadSeek>>>) -> Self {
        Earlier { reader, folder: Vec::new(), item: None }
    }

    /// Whether it has seen this item here. Asked in the order of the ledger.
    fn had(&mut self, folder: &FolderPath, tracked: &Tracked) -> bool {
        let Ok(path) = serde_json::to_vec(&folder.0) else { return false };
        let id = |item: &Item| item.id.as_deref().and_then(crate::model::key_bytes).unwrap_or_default();
        loop {
            if let Some(item) = &self.item {
                let order = self.folder.cmp(&path).then_with(|| id(item).cmp(&tracked.id.0)).then_with(|| item.token.cmp(&tracked.token));
                if order.is_ge() {
                    // What was deleted before that one stays deleted.
                    return order.is_eq() && (item.state.is_at_target() || item.state == State::Deleted);
                }
            }
            self.item = match self.reader.next() {
                Ok(Some(Entry::Item(item))) => Some(*item),
                Ok(Some(Entry::Folder(Folder { target: Some(target), .. }))) => {
                    self.folder = serde_json::to_vec(&target).unwrap_or_default();
                    None
                }
                Ok(Some(Entry::EndOfFolder(_))) => None,
                Ok(Some(Entry::Folder(_)) | None) | Err(_) => return false,
            };
        }
    }
}
