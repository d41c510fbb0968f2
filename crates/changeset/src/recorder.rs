//! Watching one transaction.

use std::ffi::{c_int, c_void};
use std::marker::PhantomData;
use std::ptr::{NonNull, null_mut};

use rusqlite::{Connection, ffi};

use crate::{Error, Tables, checked};

/// Records what happens to the given tables from `start` to `finish`. Make one per transaction: what is rolled back behind its
/// back (a savepoint excepted) would still be in it.
pub struct Recorder<'c> {
    session: NonNull<ffi::sqlite3_session>,
    /// The session holds a pointer to the connection and must die before it.
    connection: PhantomData<&'c Connection>,
}

impl<'c> Recorder<'c> {
    pub fn start(connection: &'c Connection, tables: &Tables) -> Result<Self, Error> {
        let mut raw = null_mut();
        // SAFETY: the handle is of an open connection that outlives the session ('c); "main" is nul-terminated; `raw` is a
        // valid place for the result.
        checked(unsafe { ffi::sqlite3session_create(connection.handle(), c"main".as_ptr(), &mut raw) })?;
        let session = NonNull::new(raw).ok_or(Error::Unavailable)?;
        let recorder = Recorder { session, connection: PhantomData };
        for table in tables.shapes() {
            // SAFETY: the session is alive; SQLite copies the nul-terminated name.
            checked(unsafe { ffi::sqlite3session_attach(recorder.session.as_ptr(), table.name.as_ptr()) })?;
        }
        Ok(recorder)
    }

    /// The change set so far, empty when no row has changed.
    pub fn finish(self) -> Result<Vec<u8>, Error> {
        let mut length: c_int = 0;
        let mut bytes: *mut c_void = null_mut();
        // SAFETY: the session is alive; both places are valid for the result.
        let code = unsafe { ffi::sqlite3session_changeset(self.session.as_ptr(), &mut length, &mut bytes) };
        let owned = Owned(bytes);
        checked(code)?;
        let length = usize::try_from(length).unwrap_or(0);
        if owned.0.is_null() || length == 0 {
            return Ok(Vec::new());
        }
        // SAFETY: SQLite returned a buffer of exactly `length` bytes, which `owned` keeps until after the copy.
        Ok(unsafe { std::slice::from_raw_parts(owned.0.cast::<u8>(), length) }.to_vec())
    }
}

impl Drop for Recorder<'_> {
    fn drop(&mut self) {
        // SAFETY: the session was made by `sqlite3session_create`, is deleted once, and its connection is alive ('c).
        unsafe { ffi::sqlite3session_delete(self.session.as_ptr()) }
    }
}

/// A buffer that SQLite allocated.
struct Owned(*mut c_void);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: null, or a buffer from SQLite's allocator that nobody else frees.
        unsafe { ffi::sqlite3_free(self.0) }
    }
}
