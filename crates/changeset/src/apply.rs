//! Bringing a change set into another database, whole or not at all.

use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::null_mut;

use rusqlite::{Connection, ffi};

use crate::iterate::{Change, count_checked, length_of, pointer_to};
use crate::{Conflict, ConflictKind, Error, Operation, Tables, checked};

/// What an application did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Applied {
    /// Changes in the change set.
    pub changes: u64,
    /// Whether every one of them had been made before: an exact replay, which changes nothing.
    pub already: bool,
}

/// Applies a change set inside the caller's transaction. Any conflict undoes all of it and is an error that names the table,
/// with one exception: when every change finds its own result (the inserted row is there with the same values, the updated
/// columns have their new values, the deleted row is gone), it is an exact replay and counts as applied.
///
/// Actions of foreign keys (CASCADE, SET NULL) are not run: their effects were recorded as changes themselves.
pub fn apply(connection: &Connection, tables: &Tables, changes: &[u8]) -> Result<Applied, Error> {
    if connection.is_autocommit() {
        return Err(Error::NoTransaction);
    }
    if changes.is_empty() {
        return Ok(Applied::default());
    }
    let count = count_checked(changes, tables)?;
    connection.execute_batch("SAVEPOINT mailferry_changeset")?;
    let result = run(connection, tables, changes).and_then(|already| judge(count, already));
    let end = if result.is_ok() { "RELEASE mailferry_changeset" } else { "ROLLBACK TO mailferry_changeset; RELEASE mailferry_changeset" };
    connection.execute_batch(end)?;
    result
}

fn judge(changes: u64, already: u64) -> Result<Applied, Error> {
    if already != 0 && already != changes {
        return Err(Conflict { table: "*".into(), operation: Operation::All, kind: ConflictKind::PartlyApplied }.into());
    }
    Ok(Applied { changes, already: already == changes && changes != 0 })
}

/// Number of changes that had been made before.
fn run(connection: &Connection, tables: &Tables, changes: &[u8]) -> Result<u64, Error> {
    let mut verdict = Verdict { already: 0, conflict: None };
    // Turning actions off makes SQLite read the schema anew each time: only where there are any.
    let actions_off = if tables.refer() { ffi::SQLITE_CHANGESETAPPLY_FKNOACTION } else { 0 };
    let flags = ffi::SQLITE_CHANGESETAPPLY_NOSAVEPOINT | actions_off;
    // SAFETY: the handle is of an open connection, which this thread alone uses (`Connection` is not `Sync`); SQLite only reads
    // the bytes; `verdict` outlives the call and is reached through the pointer alone while it runs; the rebase buffer is not asked for.
    let code = unsafe {
        ffi::sqlite3changeset_apply_v2(
            connection.handle(),
            length_of(changes)?,
            pointer_to(changes),
            None,
            Some(on_conflict),
            (&raw mut verdict).cast(),
            null_mut(),
            null_mut(),
            flags,
        )
    };
    match verdict.conflict {
        Some(conflict) => Err(conflict.into()),
        None => checked(code).map(|()| verdict.already),
    }
}

struct Verdict {
    already: u64,
    conflict: Option<Conflict>,
}

unsafe extern "C" fn on_conflict(context: *mut c_void, kind: c_int, iterator: *mut ffi::sqlite3_changeset_iter) -> c_int {
    // SAFETY: `context` is the `Verdict` that `run` handed over, alive and borrowed by nobody else during the call.
    let verdict = unsafe { &mut *context.cast::<Verdict>() };
    // A panic must not cross C.
    match catch_unwind(AssertUnwindSafe(|| decide(kind, iterator))) {
        Ok(None) => {
            verdict.already += 1;
            ffi::SQLITE_CHANGESET_OMIT
        }
        Ok(Some(conflict)) => {
            verdict.conflict = Some(conflict);
            ffi::SQLITE_CHANGESET_ABORT
        }
        Err(_) => {
            verdict.conflict = Some(Conflict { table: "?".into(), operation: Operation::All, kind: ConflictKind::Unknown });
            ffi::SQLITE_CHANGESET_ABORT
        }
    }
}

/// `None`: this change had been made before.
fn decide(kind: c_int, iterator: *mut ffi::sqlite3_changeset_iter) -> Option<Conflict> {
    if kind == ffi::SQLITE_CHANGESET_FOREIGN_KEY {
        return Some(Conflict { table: "*".into(), operation: Operation::All, kind: ConflictKind::ForeignKey });
    }
    let Ok(change) = Change::at(iterator) else {
        return Some(Conflict { table: "?".into(), operation: Operation::All, kind: ConflictKind::Unknown });
    };
    let same = || same_result(iterator, change.key.len());
    let (kind, replay) = match (kind, change.operation) {
        (ffi::SQLITE_CHANGESET_NOTFOUND, Operation::Delete) => (ConflictKind::Missing, true),
        (ffi::SQLITE_CHANGESET_DATA, Operation::Update) => (ConflictKind::OtherValues, same()),
        (ffi::SQLITE_CHANGESET_CONFLICT, Operation::Insert) => (ConflictKind::Present, same()),
        (ffi::SQLITE_CHANGESET_NOTFOUND, _) => (ConflictKind::Missing, false),
        (ffi::SQLITE_CHANGESET_DATA, _) => (ConflictKind::OtherValues, false),
        (ffi::SQLITE_CHANGESET_CONFLICT, _) => (ConflictKind::Present, false),
        (ffi::SQLITE_CHANGESET_CONSTRAINT, _) => (ConflictKind::Constraint, false),
        _ => (ConflictKind::Unknown, false),
    };
    (!replay).then_some(Conflict { table: change.table, operation: change.operation, kind })
}

/// Whether the row in the database has every new value of the change.
fn same_result(iterator: *mut ffi::sqlite3_changeset_iter, columns: usize) -> bool {
    (0..columns).all(|column| {
        let Ok(column) = c_int::try_from(column) else { return false };
        let (mut new, mut there) = (null_mut(), null_mut());
        // SAFETY: called for an insert or an update, inside a DATA or CONFLICT handler, where both functions are allowed; the
        // column is in range, and out of range is an error code.
        let codes = unsafe {
            (ffi::sqlite3changeset_new(iterator, column, &mut new), ffi::sqlite3changeset_conflict(iterator, column, &mut there))
        };
        // A null `new` is a column that the update left alone.
        codes == (ffi::SQLITE_OK, ffi::SQLITE_OK) && (new.is_null() || (!there.is_null() && equal(new, there)))
    })
}

/// Both values belong to the iterator and stay valid during the call.
fn equal(a: *mut ffi::sqlite3_value, b: *mut ffi::sqlite3_value) -> bool {
    // SAFETY: both are live values of SQLite (contract of this function). `blob` before `bytes`, as its documentation asks;
    // text is UTF-8 in every database of the suite, so no conversion moves the bytes.
    unsafe {
        let kind = ffi::sqlite3_value_type(a);
        if kind != ffi::sqlite3_value_type(b) {
            return false;
        }
        match kind {
            ffi::SQLITE_NULL => true,
            ffi::SQLITE_INTEGER => ffi::sqlite3_value_int64(a) == ffi::sqlite3_value_int64(b),
            ffi::SQLITE_FLOAT => ffi::sqlite3_value_double(a).to_bits() == ffi::sqlite3_value_double(b).to_bits(),
            _ => bytes(a) == bytes(b),
        }
    }
}

/// # Safety
/// `value` is a live value of SQLite that nobody changes while the slice is used.
unsafe fn bytes<'v>(value: *mut ffi::sqlite3_value) -> &'v [u8] {
    // SAFETY: the pointer and the length describe the same buffer, which lives as long as the value (contract).
    unsafe {
        let pointer = ffi::sqlite3_value_blob(value).cast::<u8>();
        let length = usize::try_from(ffi::sqlite3_value_bytes(value)).unwrap_or(0);
        if pointer.is_null() || length == 0 { &[] } else { std::slice::from_raw_parts(pointer, length) }
    }
}
