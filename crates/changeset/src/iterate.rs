//! Reading a change set, whole, before any of it is applied.

use std::ffi::{CStr, c_int, c_uchar, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null, null_mut};

use rusqlite::ffi;
use rusqlite::types::Value;

use crate::tables::Shape;
use crate::{Error, Operation, Tables, checked};

/// Values by column; `None`: not recorded, because an update left the column alone, or because there is no such side.
pub(crate) type Row = Vec<Option<Value>>;

pub(crate) struct Change<'t> {
    pub shape: &'t Shape,
    pub operation: Operation,
    /// As it was: of a delete every column, of an update the key and what changed.
    pub old: Row,
    /// As it becomes: of an insert every column, of an update what changed.
    pub new: Row,
}

/// Every change, and a refusal of tables that are not in the list or have another shape.
pub(crate) fn read<'t>(changes: &[u8], tables: &'t Tables) -> Result<Vec<Change<'t>>, Error> {
    let mut iterator = Iterator::start(changes)?;
    let mut all = Vec::new();
    while iterator.next()? {
        all.push(iterator.change(tables)?);
    }
    Ok(all)
}

struct Iterator<'b> {
    raw: NonNull<ffi::sqlite3_changeset_iter>,
    changes: PhantomData<&'b [u8]>,
}

/// `sqlite3changeset_old` or `_new`.
type Side = unsafe extern "C" fn(*mut ffi::sqlite3_changeset_iter, c_int, *mut *mut ffi::sqlite3_value) -> c_int;

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

    /// The change it stands on, after `next` said true.
    fn change<'t>(&self, tables: &'t Tables) -> Result<Change<'t>, Error> {
        let (mut table, mut columns, mut operation, mut indirect) = (null(), 0, 0, 0);
        let mut flags: *mut c_uchar = null_mut();
        let raw = self.raw.as_ptr();
        // SAFETY: the iterator stands on a change (contract of this function); the places are valid for the results.
        checked(unsafe { ffi::sqlite3changeset_op(raw, &mut table, &mut columns, &mut operation, &mut indirect) })?;
        // SAFETY: as above.
        checked(unsafe { ffi::sqlite3changeset_pk(raw, &mut flags, &mut columns) })?;
        if table.is_null() || flags.is_null() {
            return Err(corrupt());
        }
        // SAFETY: SQLite keeps the nul-terminated name and the array of `columns` flags until the iterator moves; neither leaves here.
        let (name, flags) = unsafe { (CStr::from_ptr(table), std::slice::from_raw_parts(flags, usize::try_from(columns).unwrap_or(0))) };
        let known = tables.shape(name.to_bytes());
        let shape = known.ok_or_else(|| Error::NotReplicated(name.to_string_lossy().into_owned()))?;
        if !shape.key.iter().copied().eq(flags.iter().map(|flag| *flag != 0)) {
            return Err(Error::OtherShape(shape.name()));
        }
        let (operation, old, new) = match operation {
            ffi::SQLITE_INSERT => (Operation::Insert, Row::new(), self.row(ffi::sqlite3changeset_new, columns)?),
            ffi::SQLITE_DELETE => (Operation::Delete, self.row(ffi::sqlite3changeset_old, columns)?, Row::new()),
            _ => (Operation::Update, self.row(ffi::sqlite3changeset_old, columns)?, self.row(ffi::sqlite3changeset_new, columns)?),
        };
        let whole = |row: &Row| row.iter().all(Option::is_some);
        let key_known = || old.iter().zip(&shape.key).all(|(value, key)| !key || value.is_some());
        let complete = match operation {
            Operation::Update => key_known() && old.iter().zip(&new).all(|(old, new)| new.is_none() || old.is_some()),
            _ => whole(&old) && whole(&new),
        };
        if complete { Ok(Change { shape, operation, old, new }) } else { Err(corrupt()) }
    }

    fn row(&self, side: Side, columns: c_int) -> Result<Row, Error> {
        let value = |column| {
            let mut value = null_mut();
            // SAFETY: the iterator stands on a change that has this side; the column is in range.
            checked(unsafe { side(self.raw.as_ptr(), column, &mut value) })?;
            // SAFETY: null, or a value that lives until the iterator moves.
            if value.is_null() { Ok(None) } else { unsafe { owned(value) }.map(Some) }
        };
        (0..columns).map(value).collect()
    }
}

impl Drop for Iterator<'_> {
    fn drop(&mut self) {
        // SAFETY: made by `sqlite3changeset_start`, finalized once.
        unsafe { ffi::sqlite3changeset_finalize(self.raw.as_ptr()) };
    }
}

/// # Safety
/// `value` is a live value of SQLite that nobody changes during the call.
unsafe fn owned(value: *mut ffi::sqlite3_value) -> Result<Value, Error> {
    // SAFETY: a live value (contract). `blob` before `bytes`, as its documentation asks; text of a change set is UTF-8, so no
    // conversion moves the bytes; pointer and length describe one buffer, which is copied.
    unsafe {
        let bytes = || {
            let pointer = ffi::sqlite3_value_blob(value).cast::<u8>();
            let length = usize::try_from(ffi::sqlite3_value_bytes(value)).unwrap_or(0);
            if pointer.is_null() { Vec::new() } else { std::slice::from_raw_parts(pointer, length).to_vec() }
        };
        Ok(match ffi::sqlite3_value_type(value) {
            ffi::SQLITE_INTEGER => Value::Integer(ffi::sqlite3_value_int64(value)),
            ffi::SQLITE_FLOAT => Value::Real(ffi::sqlite3_value_double(value)),
            ffi::SQLITE_TEXT => Value::Text(String::from_utf8(bytes()).map_err(|_| corrupt())?),
            ffi::SQLITE_BLOB => Value::Blob(bytes()),
            _ => Value::Null,
        })
    }
}

fn corrupt() -> Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_CORRUPT), Some("the change set is damaged".into())).into()
}

fn length_of(changes: &[u8]) -> Result<c_int, Error> {
    c_int::try_from(changes.len()).map_err(|_| Error::TooLong(changes.len()))
}

/// SQLite's signature wants a mutable pointer; it never writes through it.
fn pointer_to(changes: &[u8]) -> *mut c_void {
    changes.as_ptr().cast_mut().cast()
}
