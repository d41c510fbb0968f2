//! A store that tells the id of an item behind the flush, for laws that name it as soon as it is staged.

use std::collections::{HashMap, HashSet};
use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard};

use mailferry_core::model::{Beside, FolderInfo, FolderPath, Marks, TargetId, Token};
use mailferry_core::ports::{Appended, KeepsBeside, MailTarget, May, NewItem, StoreError, Wanted};

/// What the ids that a `Settled` tells stand for; the same for all that open one mailbox, and for its source.
#[derive(Clone, Default)]
pub struct Names(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    count: u64,
    told: HashMap<TargetId, TargetId>,
    real: HashMap<TargetId, TargetId>,
}

impl Names {
    pub fn real(&self, told: &TargetId) -> TargetId {
        self.known().real.get(told).unwrap_or(told).clone()
    }

    fn told(&self, real: TargetId) -> TargetId {
        self.known().told.get(&real).cloned().unwrap_or(real)
    }

    fn new_name(&self) -> TargetId {
        let mut known = self.known();
        known.count += 1;
        TargetId(format!("append {}", known.count).into_bytes())
    }

    fn learn(&self, told: &TargetId, real: TargetId) {
        let mut known = self.known();
        known.told.insert(real.clone(), told.clone());
        known.real.insert(told.clone(), real);
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().expect("nobody panicked")
    }
}

/// Answers the same id before and after `settled` has told the real one.
pub struct Settled {
    inner: Box<dyn MailTarget>,
    open: Box<dyn Fn() -> Box<dyn MailTarget> + Send>,
    /// Ids of the store for appends that are not settled, by the id we told.
    staged: HashMap<TargetId, TargetId>,
    answered: Vec<(TargetId, Result<Appended, StoreError>)>,
    names: Names,
}

impl Settled {
    pub fn new(open: impl Fn() -> Box<dyn MailTarget> + Send + 'static, names: Names) -> Settled {
        Settled { inner: open(), open: Box::new(open), staged: HashMap::new(), answered: Vec::new(), names }
    }

    fn real(&self, told: &TargetId) -> TargetId {
        self.staged.get(told).cloned().unwrap_or_else(|| self.names.real(told))
    }

    fn take_settled(&mut self) {
        for (ticket, appended) in self.inner.settled() {
            let appended = appended.expect("nothing of the laws is refused");
            let told = self.staged.iter().find(|(_, there)| **there == ticket).map(|(told, _)| told.clone());
            if let Some(told) = told {
                self.staged.remove(&told);
                self.names.learn(&told, appended.id.clone());
                self.answered.push((told.clone(), Ok(Appended { id: told, ..appended })));
            }
        }
    }
}

impl MailTarget for Settled {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn ensure_folder(&mut self, folder: &FolderInfo) -> Result<FolderPath, StoreError> {
        self.inner.ensure_folder(folder)
    }

    fn new_folders(&mut self) -> Vec<FolderPath> {
        self.inner.new_folders()
    }

    fn keeps_beside(&mut self) -> Result<KeepsBeside, StoreError> {
        self.inner.keeps_beside()
    }

    fn set_beside(&mut self, folder: &FolderPath, beside: &Beside) -> Result<Vec<String>, StoreError> {
        self.inner.set_beside(folder, beside)
    }

    /// As the run after a kill would: what this one knows of itself is no answer.
    fn locate(&mut self, folder: &FolderPath, wanted: &[Wanted]) -> Result<Vec<Option<TargetId>>, StoreError> {
        self.flush_while(&mut || Ok(()))?;
        let found = (self.open)().locate(folder, wanted)?;
        Ok(found.into_iter().map(|id| id.map(|id| self.names.told(id))).collect())
    }

    fn adopt(&mut self, ours: HashSet<Token>) -> Result<(), StoreError> {
        self.inner.adopt(ours)
    }

    fn tells_by_bytes(&self) -> bool {
        self.inner.tells_by_bytes()
    }

    fn date_of(&mut self, folder: &FolderPath, id: &TargetId) -> Result<Option<i64>, StoreError> {
        let real = self.real(id);
        self.inner.date_of(folder, &real)
    }

    fn append(&mut self, folder: &FolderPath, item: &NewItem<'_>, body: &mut dyn Read) -> Result<Appended, StoreError> {
        let appended = self.inner.append(folder, item, body)?;
        let told = self.names.new_name();
        self.staged.insert(told.clone(), appended.id);
        Ok(Appended { id: told, ..appended })
    }

    fn set_marks(&mut self, folder: &FolderPath, id: &TargetId, marks: &Marks) -> Result<Option<TargetId>, StoreError> {
        let real = self.real(id);
        Ok(self.inner.set_marks(folder, &real, marks)?.map(|_| id.clone()))
    }

    fn move_item(&mut self, from: &FolderPath, id: &TargetId, to: &FolderPath) -> Result<Option<TargetId>, StoreError> {
        let real = self.real(id);
        self.inner.move_item(from, &real, to)
    }

    fn remove(&mut self, folder: &FolderPath, id: &TargetId) -> Result<(), StoreError> {
        let real = self.real(id);
        self.inner.remove(folder, &real)
    }

    fn flush_while(&mut self, may: May<'_>) -> Result<(), StoreError> {
        self.inner.flush_while(may)?;
        self.take_settled();
        Ok(())
    }

    fn settled(&mut self) -> Vec<(TargetId, Result<Appended, StoreError>)> {
        std::mem::take(&mut self.answered)
    }
}
