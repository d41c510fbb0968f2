//! Which node reaches which disk. A process always reaches the disk of its own node.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

#[derive(Default)]
pub struct Network(Mutex<BTreeSet<(String, String)>>);

impl Network {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<(String, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Processes of `node` do not reach `disk` any more; the way back is another matter.
    pub fn cut(&self, node: &str, disk: &str) {
        self.lock().insert((node.into(), disk.into()));
    }

    pub fn cut_both_ways(&self, one: &str, other: &str) {
        self.cut(one, other);
        self.cut(other, one);
    }

    pub fn uncut(&self, node: &str, disk: &str) {
        self.lock().remove(&(node.to_owned(), disk.to_owned()));
    }

    pub fn mend(&self) {
        self.lock().clear();
    }

    pub fn reaches(&self, node: &str, disk: &str) -> bool {
        let cut = self.lock();
        cut.is_empty() || !cut.contains(&(node.to_owned(), disk.to_owned()))
    }
}
