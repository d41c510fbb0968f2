//! A safe, small wrapper over SQLite's session extension: record what a transaction changes, apply it to another database.
//!
//! `Tables` is the list of tables that may be recorded, checked once; `Recorder` watches one transaction; `apply` brings its
//! change set into another database, whole or not at all. Replication (R14) is built on these three.
//!
//! SQLite is forgiving where replication must not be: it records nothing for a table without a key, and skips, with success, a
//! change set for a table of another shape. Both are errors here.
//!
//! Roads not taken: rusqlite's own `session` feature generates bindings with libclang, which not every build machine has; the
//! bundled bindings hold the same functions. SQLite's own function to apply a change set: see `apply`.
//!
//! This is one of the two crates that hold unsafe code; every block says why it is sound.
#![allow(unsafe_code)]

mod apply;
mod iterate;
mod recorder;
mod tables;

use std::fmt;

pub use apply::{Applied, apply};
pub use recorder::Recorder;
pub use tables::{Tables, quoted};

/// What could not be recorded or applied.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error(transparent)]
    Sqlite(#[from] rusqlite::Error),
    #[error("this SQLite was compiled without its session extension (SQLITE_ENABLE_SESSION, SQLITE_ENABLE_PREUPDATE_HOOK)")]
    Unavailable,
    #[error("there is no table `{0}`")]
    NoTable(String),
    #[error("table `{0}` has no primary key that is never null: its changes cannot be recorded")]
    NoKey(String),
    #[error("table `{0}` has foreign keys: its changes are not applied one by one")]
    Refers(String),
    #[error("table `{0}` may not be replicated")]
    NotReplicated(String),
    #[error("the change set knows table `{0}` with other columns or another key")]
    OtherShape(String),
    #[error(transparent)]
    Conflict(#[from] Conflict),
    #[error("a change set of {0} bytes is too long for SQLite")]
    TooLong(usize),
    #[error("a change set is applied inside a transaction only")]
    NoTransaction,
}

/// Why a change does not fit the database it is applied to.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{operation} in table `{table}` does not fit: {kind}")]
pub struct Conflict {
    pub table: String,
    pub operation: Operation,
    pub kind: ConflictKind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    Insert,
    Update,
    Delete,
    /// The change set as a whole.
    All,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConflictKind {
    /// The row has other values than it had where the change was recorded.
    OtherValues,
    /// The row is not there.
    Missing,
    /// A row with this key is there already, with other values.
    Present,
    /// A unique, check or not-null constraint is hurt.
    Constraint,
    /// Some changes had been made already and some had not: the database is in no state that replication leaves.
    PartlyApplied,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Insert => "an insert",
            Operation::Update => "an update",
            Operation::Delete => "a delete",
            Operation::All => "the change set",
        })
    }
}

impl fmt::Display for ConflictKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ConflictKind::OtherValues => "the row has other values",
            ConflictKind::Missing => "the row is not there",
            ConflictKind::Present => "another row with this key is there",
            ConflictKind::Constraint => "a constraint forbids it",
            ConflictKind::PartlyApplied => "a part of it had been applied before",
        })
    }
}

/// Whether this SQLite can record change sets.
pub fn available() -> bool {
    // SAFETY: both arguments are nul-terminated constants; the function only compares them with a static list.
    let used = |option: &std::ffi::CStr| unsafe { rusqlite::ffi::sqlite3_compileoption_used(option.as_ptr()) } != 0;
    used(c"ENABLE_SESSION") && used(c"ENABLE_PREUPDATE_HOOK")
}

/// The result of a call of SQLite as ours.
fn checked(code: std::ffi::c_int) -> Result<(), Error> {
    match code {
        rusqlite::ffi::SQLITE_OK => Ok(()),
        code => Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None).into()),
    }
}

#[cfg(test)]
mod tests;
