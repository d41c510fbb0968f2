//! Reading a change set before it is applied.

use std::ffi::{CStr, c_int, c_uchar, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null, null_mut};

use rusqlite::ffi;

use crate::{Error, Operation, Tables, checked};

/// Counts the changes, and refuses tables that are not in the list or have another shape: SQLite would skip those in silence.
pub(crate) fn count_checked(changes: &[u8], tables: &Tables) -> Result<u64, Error> {
    let mut iterator = Iterator::start(changes)?;
    let mut count = 0;
    while iterator.next()? {
        let change = Change::at(iterator.raw.as_ptr())?;
        let shape = tables.shape(&change.table).ok_or_else(|| Error::NotReplicated(change.table.clone()))?;
        if shape.key != change.key {
            return Err(Error::OtherShape(change.table));
        }
        count += 1;
    }
    Ok(count)
}

struct Iterator<'b> {
    raw: NonNull<ffi::sqlite3_changeset_iter>,
    changes: PhantomData<&'b [u8]>,
}

impl<'b> Iterator<'b> {
    fn start(changes: &'b [u8]) -> Result<Self, Error> {
        let mut raw = null_mut();
        // SAFETY: SQLite only reads the `length` bytes, which outlive the iterator ('b); `raw` is valid for the result.
        checked(unsafe { ffi::sqlite3changeset_start(&mut raw, length_of(changes)?, pointer_to(changes)) })?;
        let raw = NonNull::new(raw).ok_or(Error::Unavailable)?;
        Ok(Iterator { raw, changes: PhantomData })
    }

    fn next(&mut self) -> Result<bool, Error> {
        // SAFETY: the iterator is alive.
        match unsafe { ffi::sqlite3changeset_next(self.raw.as_ptr()) } {
            ffi::SQLITE_ROW => Ok(true),
            ffi::SQLITE_DONE => Ok(false),
            code => checked(code).map(|()| false),
        }
    }
}

impl Drop for Iterator<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `sqlite3changeset_start`, finalized once.
        unsafe { ffi::sqlite3changeset_finalize(self.raw.as_ptr()) };
    }
}

/// The change an iterator stands on.
pub(crate) struct Change {
    pub table: String,
    pub operation: Operation,
    pub key: Vec<bool>,
}

impl Change {
    /// `iterator` must stand on a change: after `next` returned a row, or inside a conflict handler.
    pub fn at(iterator: *mut ffi::sqlite3_changeset_iter) -> Result<Self, Error> {
        let (mut table, mut columns, mut operation, mut indirect) = (null(), 0, 0, 0);
        // SAFETY: the iterator stands on a change (contract of this function); the places are valid for the results.
        checked(unsafe { ffi::sqlite3changeset_op(iterator, &mut table, &mut columns, &mut operation, &mut indirect) })?;
        let mut flags: *mut c_uchar = null_mut();
        // SAFETY: as above.
        checked(unsafe { ffi::sqlite3changeset_pk(iterator, &mut flags, &mut columns) })?;
        if table.is_null() || flags.is_null() {
            return checked(ffi::SQLITE_CORRUPT).and(Err(Error::Unavailable));
        }
        // SAFETY: SQLite keeps the nul-terminated name and the array of `columns` flags until the iterator moves; both are copied.
        let (name, flags) = unsafe { (CStr::from_ptr(table), std::slice::from_raw_parts(flags, usize::try_from(columns).unwrap_or(0))) };
        Ok(Change {
            table: name.to_string_lossy().into_owned(),
            operation: operation_of(operation),
            key: flags.iter().map(|flag| *flag != 0).collect(),
        })
    }
}

fn operation_of(code: c_int) -> Operation {
    match code {
        ffi::SQLITE_INSERT => Operation::Insert,
        ffi::SQLITE_DELETE => Operation::Delete,
        _ => Operation::Update,
    }
}

pub(crate) fn length_of(changes: &[u8]) -> Result<c_int, Error> {
    c_int::try_from(changes.len()).map_err(|_| Error::TooLong(changes.len()))
}

/// SQLite's signature wants a mutable pointer; it never writes through it.
pub(crate) fn pointer_to(changes: &[u8]) -> *mut c_void {
    changes.as_ptr().cast_mut().cast()
}
