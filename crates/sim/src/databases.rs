//! Databases that have lived and are used again, emptied: most of what a short life costs is the preparing of statements.

use std::cell::RefCell;
use std::sync::Arc;

use mailferry_core::ports::Steps;
use mailferry_core::state::{Database, StateError};

thread_local! {
    static RESTING: RefCell<Vec<Database>> = const { RefCell::new(Vec::new()) };
}

/// An empty one.
pub fn take(steps: Arc<dyn Steps>) -> Result<Database, StateError> {
    match RESTING.with_borrow_mut(Vec::pop) {
        Some(database) => database.emptied(steps),
        None => Database::in_memory(steps),
    }
}

pub fn give_back(database: Database) {
    RESTING.with_borrow_mut(|resting| resting.push(database));
}
