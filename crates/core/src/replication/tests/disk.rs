//! A share in memory with a fuse: the n-th durable step dies before or after it was made, and everything after it fails.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use crate::ports::{Claim, Entry, PartWriter, ReadSeek, Removed, Share, ShareError, ShareErrorKind, SharePath, Space, Steps};

/// Counts durable steps of everything it is wired into.
#[derive(Default)]
pub struct Fuse {
    steps: AtomicU64,
    /// 0: never. Step n dies before (2n - 1) or after (2n) it is made.
    cut: AtomicU64,
    dead: AtomicBool,
}

impl Fuse {
    pub fn arm(&self, cut: u64) {
        self.steps.store(0, Ordering::Relaxed);
        self.cut.store(cut, Ordering::Relaxed);
        self.dead.store(false, Ordering::Relaxed);
    }

    pub fn blown(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Half a step: odd ones are before, even ones after.
    fn tick(&self) -> Result<(), String> {
        let cut = self.cut.load(Ordering::Relaxed);
        if self.blown() || self.steps.fetch_add(1, Ordering::Relaxed) + 1 == cut {
            self.dead.store(true, Ordering::Relaxed);
            return Err("the node died".into());
        }
        Ok(())
    }
}

impl Steps for Fuse {
    fn before_commit(&self) -> Result<(), String> {
        self.tick()
    }

    fn after_commit(&self) -> Result<(), String> {
        self.tick()
    }
}

type Files = Arc<Mutex<BTreeMap<String, Vec<u8>>>>;

pub struct Disk {
    name: String,
    files: Files,
    fuse: Arc<Fuse>,
}

#[derive(Clone, Copy)]
pub enum Damage {
    Flip,
    Cut,
    Empty,
}

impl Disk {
    pub fn new(name: &str, fuse: Arc<Fuse>) -> Self {
        Disk { name: name.into(), files: Files::default(), fuse }
    }

    pub fn names(&self) -> Vec<String> {
        self.files.lock().unwrap().keys().cloned().collect()
    }

    pub fn wipe(&self) {
        self.files.lock().unwrap().clear();
    }

    pub fn place(&self, name: &str, content: Vec<u8>) {
        self.files.lock().unwrap().insert(name.into(), content);
    }

    /// The first file whose path contains `part`, outside `REFUSED`.
    pub fn file(&self, part: &str) -> (String, Vec<u8>) {
        let files = self.files.lock().unwrap();
        let (name, content) = files.iter().find(|(name, _)| name.contains(part) && !name.contains("REFUSED")).unwrap();
        (name.clone(), content.clone())
    }

    /// Bytes of all files whose path contains `part`.
    pub fn bytes(&self, part: &str) -> u64 {
        let files = self.files.lock().unwrap();
        files.iter().filter(|(name, _)| name.contains(part)).map(|(_, content)| content.len() as u64).sum()
    }

    /// Somebody deletes that file.
    pub fn take(&self, part: &str) {
        let (name, _) = self.file(part);
        self.files.lock().unwrap().remove(&name);
    }

    pub fn damage(&self, part: &str, damage: Damage) {
        let (name, mut content) = self.file(part);
        let middle = content.len() / 2;
        match damage {
            Damage::Flip => content[middle] ^= 4,
            Damage::Cut => content.truncate(middle),
            Damage::Empty => content.clear(),
        }
        self.place(&name, content);
    }

    fn error(&self, kind: ShareErrorKind, path: &SharePath) -> ShareError {
        ShareError { kind, place: format!("{}/{path}", self.name), cause: format!("{kind:?}") }
    }

    /// One durable step with its two chances to die.
    fn step<T>(
        &self,
        path: &SharePath,
        work: impl FnOnce(&mut BTreeMap<String, Vec<u8>>) -> Result<T, ShareErrorKind>,
    ) -> Result<T, ShareError> {
        let dead = |_| self.error(ShareErrorKind::Unreachable, path);
        self.fuse.tick().map_err(dead)?;
        let result = work(&mut self.files.lock().unwrap()).map_err(|kind| self.error(kind, path));
        self.fuse.tick().map_err(dead)?;
        result
    }

    fn look<T>(&self, path: &SharePath, work: impl FnOnce(&BTreeMap<String, Vec<u8>>) -> T) -> Result<T, ShareError> {
        if self.fuse.blown() { Err(self.error(ShareErrorKind::Unreachable, path)) } else { Ok(work(&self.files.lock().unwrap())) }
    }
}

struct Part {
    path: SharePath,
    files: Files,
    fuse: Arc<Fuse>,
    pending: Vec<u8>,
}

impl Write for Part {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.pending.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl PartWriter for Part {
    fn sync(&mut self) -> Result<(), ShareError> {
        let dead = |cause| ShareError { kind: ShareErrorKind::Unreachable, place: self.path.to_string(), cause };
        let store = |bytes: &[u8]| self.files.lock().unwrap().insert(self.path.to_string(), bytes.to_vec());
        if let Err(cause) = self.fuse.tick() {
            // What was not synced is there in part.
            store(&self.pending[..self.pending.len() / 2]);
            return Err(dead(cause));
        }
        store(&self.pending);
        self.fuse.tick().map_err(dead)
    }
}

impl Share for Disk {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn list(&self, folder: &SharePath) -> Result<Vec<Entry>, ShareError> {
        let prefix = format!("{folder}/");
        self.look(folder, |files| {
            let inside = files.iter().filter_map(|(name, content)| Some((name.strip_prefix(&prefix)?, content.len() as u64)));
            inside.filter(|(name, _)| !name.contains('/')).map(|(name, size)| Entry { name: name.into(), size }).collect()
        })
    }

    fn size(&self, file: &SharePath) -> Result<Option<u64>, ShareError> {
        self.look(file, |files| files.get(file.as_str()).map(|content| content.len() as u64))
    }

    fn open(&self, file: &SharePath) -> Result<Box<dyn ReadSeek>, ShareError> {
        let content = self.look(file, |files| files.get(file.as_str()).cloned())?;
        content.map(|content| Box::new(Cursor::new(content)) as Box<dyn ReadSeek>).ok_or_else(|| self.error(ShareErrorKind::NotFound, file))
    }

    fn part(&self, file: &SharePath, keep: u64) -> Result<Box<dyn PartWriter>, ShareError> {
        assert_eq!(keep, 0);
        self.step(file, |files| Ok(files.insert(file.to_string(), Vec::new())))?;
        Ok(Box::new(Part { path: file.clone(), files: self.files.clone(), fuse: self.fuse.clone(), pending: Vec::new() }))
    }

    fn publish(&self, part: &SharePath, file: &SharePath) -> Result<(), ShareError> {
        self.step(file, |files| {
            if files.contains_key(file.as_str()) {
                return Err(ShareErrorKind::Exists);
            }
            let content = files.remove(part.as_str()).ok_or(ShareErrorKind::NotFound)?;
            files.insert(file.to_string(), content);
            Ok(())
        })
    }

    fn replace(&self, file: &SharePath, content: &[u8]) -> Result<(), ShareError> {
        self.step(file, |files| Ok(files.insert(file.to_string(), content.to_vec()))).map(|_| ())
    }

    fn claim(&self, file: &SharePath, _content: &[u8]) -> Result<Claim, ShareError> {
        Err(self.error(ShareErrorKind::Other, file))
    }

    fn move_to(&self, file: &SharePath, to: &SharePath) -> Result<(), ShareError> {
        self.step(file, |files| {
            assert!(!files.contains_key(to.as_str()), "{to} is taken");
            let content = files.remove(file.as_str()).ok_or(ShareErrorKind::NotFound)?;
            files.insert(to.to_string(), content);
            Ok(())
        })
    }

    fn remove(&self, file: &SharePath) -> Result<Removed, ShareError> {
        self.step(file, |files| Ok(if files.remove(file.as_str()).is_some() { Removed::Deleted } else { Removed::NotFound }))
    }

    fn settle(&self, folder: &SharePath) -> Result<(), ShareError> {
        self.look(folder, |_| ())
    }

    fn space(&self) -> Result<Option<Space>, ShareError> {
        Ok(None)
    }
}
