//! Between the agents and what they stand in: counts what goes into the target store, wakes who has something to do, and
//! passes on what people should hear.

use std::collections::HashSet;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use mailferry_core::model::{Beside, FolderInfo, FolderPath, Marks, TargetId, Token};
use mailferry_core::ports::{
    Appended, Event, EventSink, KeepsBeside, Level, MailSource, MailTarget, May, NewItem, StoreError, Stores, Wanted,
};
use mailferry_stores::Access;

type Hear = Box<dyn Fn(&Event) + Send + Sync>;
type Pass = Box<dyn Fn(Passed) + Send + Sync>;

/// Items and bytes that have gone into the target store.
#[derive(Clone, Copy, Debug, Default)]
pub struct Passed {
    pub items: u64,
    pub bytes: u64,
}

pub struct Watch {
    access: Access,
    hear: Hear,
    pass: std::sync::Arc<Counter>,
    signals: Mutex<u64>,
    changed: Condvar,
}

struct Counter {
    items: AtomicU64,
    bytes: AtomicU64,
    tell: Pass,
}

impl Watch {
    pub fn new(access: Access, hear: Hear, tell: Pass) -> Self {
        let pass = Counter { items: AtomicU64::new(0), bytes: AtomicU64::new(0), tell };
        Watch { access, hear, pass: std::sync::Arc::new(pass), signals: Mutex::new(0), changed: Condvar::new() }
    }

    pub fn passed(&self) -> Passed {
        Passed { items: self.pass.items.load(Ordering::Relaxed), bytes: self.pass.bytes.load(Ordering::Relaxed) }
    }

    pub fn signals(&self) -> u64 {
        *self.signals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn signal(&self) {
        *self.signals.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        self.changed.notify_all();
    }

    /// Waits until something has happened since `seen`.
    pub fn wait_beyond(&self, seen: u64) {
        let signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.changed.wait_while(signals, |signals| *signals == seen).unwrap_or_else(PoisonError::into_inner));
    }
}

impl EventSink for Watch {
    fn event(&self, event: Event) {
        if event.level >= Level::Warning {
            (self.hear)(&event);
        }
        if event.name.starts_with("container.") {
            self.signal();
        }
    }
}

impl Stores for Watch {
    fn source(&self, url: &str) -> Result<Box<dyn MailSource>, StoreError> {
        self.access.source(url)
    }

    fn target(&self, url: &str) -> Result<Box<dyn MailTarget>, StoreError> {
        Ok(Box::new(Counted { store: self.access.target(url)?, pass: self.pass.clone() }))
    }
}

/// A target store whose appends are counted.
struct Counted {
    store: Box<dyn MailTarget>,
    pass: std::sync::Arc<Counter>,
}

impl MailTarget for Counted {
    fn describe(&self) -> String {
        self.store.describe()
    }

    fn ensure_folder(&mut self, folder: &FolderInfo) -> Result<FolderPath, StoreError> {
        self.store.ensure_folder(folder)
    }

    fn new_folders(&mut self) -> Vec<FolderPath> {
        self.store.new_folders()
    }

    fn locate(&mut self, folder: &FolderPath, wanted: &[Wanted]) -> Result<Vec<Option<TargetId>>, StoreError> {
        self.store.locate(folder, wanted)
    }

    fn adopt(&mut self, ours: HashSet<Token>) -> Result<(), StoreError> {
        self.store.adopt(ours)
    }

    fn tells_by_bytes(&self) -> bool {
        self.store.tells_by_bytes()
    }

    fn date_of(&mut self, folder: &FolderPath, id: &TargetId) -> Result<Option<i64>, StoreError> {
        self.store.date_of(folder, id)
    }

    fn asks_for_claims(&mut self, folder: &FolderPath) -> Result<bool, StoreError> {
        self.store.asks_for_claims(folder)
    }

    fn claim(&mut self, folder: &FolderPath, taken: Vec<TargetId>) {
        self.store.claim(folder, taken);
    }

    fn append(&mut self, folder: &FolderPath, item: &NewItem<'_>, body: &mut dyn Read) -> Result<Appended, StoreError> {
        let appended = self.store.append(folder, item, body)?;
        let items = self.pass.items.fetch_add(1, Ordering::Relaxed) + 1;
        let bytes = self.pass.bytes.fetch_add(item.size, Ordering::Relaxed) + item.size;
        (self.pass.tell)(Passed { items, bytes });
        Ok(appended)
    }

    fn set_marks(&mut self, folder: &FolderPath, id: &TargetId, marks: &Marks) -> Result<Option<TargetId>, StoreError> {
        self.store.set_marks(folder, id, marks)
    }

    fn move_item(&mut self, from: &FolderPath, id: &TargetId, to: &FolderPath) -> Result<Option<TargetId>, StoreError> {
        self.store.move_item(from, id, to)
    }

    fn remove(&mut self, folder: &FolderPath, id: &TargetId) -> Result<(), StoreError> {
        self.store.remove(folder, id)
    }

    fn keeps_beside(&mut self) -> Result<KeepsBeside, StoreError> {
        self.store.keeps_beside()
    }

    fn set_beside(&mut self, folder: &FolderPath, beside: &Beside) -> Result<Vec<String>, StoreError> {
        self.store.set_beside(folder, beside)
    }

    fn flush_while(&mut self, may: May<'_>) -> Result<(), StoreError> {
        self.store.flush_while(may)
    }

    fn settled(&mut self) -> Vec<(TargetId, Result<Appended, StoreError>)> {
        self.store.settled()
    }
}
