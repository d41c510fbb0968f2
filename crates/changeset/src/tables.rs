//! Which tables are replicated, and what they look like.

use std::ffi::CString;

use rusqlite::Connection;

use crate::Error;

/// Tables whose changes can be recorded, with the shape they had when they were checked. Make it again after a migration.
#[derive(Clone, Debug)]
pub struct Tables(Vec<Shape>);

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shape {
    pub name: CString,
    /// For each column, whether it belongs to the key.
    pub key: Vec<bool>,
}

impl Tables {
    /// Refuses a table that is not there and one whose rows SQLite would not record: without a key, or with a key that may be
    /// null.
    pub fn of(connection: &Connection, names: &[&str]) -> Result<Self, Error> {
        if !crate::available() {
            return Err(Error::Unavailable);
        }
        names.iter().map(|name| shape(connection, name)).collect::<Result<_, _>>().map(Tables)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|shape| shape.name.to_str().ok())
    }

    pub(crate) fn shapes(&self) -> &[Shape] {
        &self.0
    }

    pub(crate) fn shape(&self, name: &str) -> Option<&Shape> {
        self.0.iter().find(|shape| shape.name.to_bytes().eq_ignore_ascii_case(name.as_bytes()))
    }
}

fn shape(connection: &Connection, name: &str) -> Result<Shape, Error> {
    let sql = "SELECT c.pk, c.\"notnull\" OR l.wr OR l.strict OR upper(c.type) = 'INTEGER'
               FROM pragma_table_list(?1) l JOIN pragma_table_info(l.name) c
               WHERE l.schema = 'main' AND l.type = 'table' ORDER BY c.cid";
    let mut statement = connection.prepare(sql)?;
    let columns = statement.query_map([name], |row| Ok((row.get::<_, i64>(0)? > 0, row.get::<_, bool>(1)?)))?;
    let columns = columns.collect::<Result<Vec<(bool, bool)>, _>>()?;
    if columns.is_empty() {
        return Err(Error::NoTable(name.into()));
    }
    let key: Vec<bool> = columns.iter().map(|(key, _)| *key).collect();
    let nullable = columns.iter().any(|(key, never_null)| *key && !never_null);
    let c_name = CString::new(name).map_err(|_| Error::NoTable(name.into()))?;
    if nullable || !key.contains(&true) { Err(Error::NoKey(name.into())) } else { Ok(Shape { name: c_name, key }) }
}
