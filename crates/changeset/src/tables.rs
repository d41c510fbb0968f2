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
    pub columns: Vec<String>,
    /// Columns of the key in its order.
    pub key_columns: Vec<String>,
    /// A row with all its columns.
    pub insert: String,
    /// The row that has all these values.
    pub delete: String,
    /// The row with a key, whose columns come in the order of the table.
    pub select: String,
}

impl Shape {
    pub fn name(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }
}

impl Tables {
    /// Refuses a table that is not there, one whose rows SQLite would not record (without a key, or with a key that may be
    /// null), and one with foreign keys, whose actions would change rows a second time.
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

    /// Columns of a table in their order, and those of its key in the key's order.
    pub fn columns(&self, name: &str) -> Option<(&[String], &[String])> {
        self.shape(name.as_bytes()).map(|shape| (shape.columns.as_slice(), shape.key_columns.as_slice()))
    }

    /// The statement that inserts a row with all its columns.
    pub fn insert(&self, name: &str) -> Option<&str> {
        self.shape(name.as_bytes()).map(|shape| shape.insert.as_str())
    }

    pub(crate) fn shape(&self, name: &[u8]) -> Option<&Shape> {
        self.0.iter().find(|shape| shape.name.to_bytes().eq_ignore_ascii_case(name))
    }
}

fn shape(connection: &Connection, name: &str) -> Result<Shape, Error> {
    let sql = "SELECT c.pk, c.\"notnull\" OR l.wr OR l.strict OR upper(c.type) = 'INTEGER', c.name
               FROM pragma_table_list(?1) l JOIN pragma_table_info(l.name) c
               WHERE l.schema = 'main' AND l.type = 'table' ORDER BY c.cid";
    let mut statement = connection.prepare(sql)?;
    let columns = statement.query_map([name], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, bool>(1)?, row.get(2)?)))?;
    let columns = columns.collect::<Result<Vec<(i64, bool, String)>, _>>()?;
    if columns.is_empty() {
        return Err(Error::NoTable(name.into()));
    }
    let key: Vec<bool> = columns.iter().map(|(place, ..)| *place > 0).collect();
    let nullable = columns.iter().any(|(place, never_null, _)| *place > 0 && !never_null);
    let mut key_columns: Vec<(i64, String)> =
        columns.iter().filter(|(place, ..)| *place > 0).map(|(place, _, name)| (*place, name.clone())).collect();
    key_columns.sort();
    let refers = "SELECT EXISTS (SELECT 1 FROM pragma_foreign_key_list(?1))";
    if connection.query_row(refers, [name], |row| row.get(0))? {
        return Err(Error::Refers(name.into()));
    }
    if nullable || !key.contains(&true) {
        return Err(Error::NoKey(name.into()));
    }
    let c_name = CString::new(name).map_err(|_| Error::NoTable(name.into()))?;
    let key_columns = key_columns.into_iter().map(|(_, name)| name).collect();
    let columns: Vec<String> = columns.into_iter().map(|(.., name)| name).collect();
    let [insert, delete, select] = statements(name, &columns, &key);
    Ok(Shape { name: c_name, key, columns, key_columns, insert, delete, select })
}

/// To insert, to delete, to find.
fn statements(table: &str, columns: &[String], key: &[bool]) -> [String; 3] {
    let (table, places) = (quoted(table), vec!["?"; columns.len()].join(", "));
    let names: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    let is = |names: &mut dyn Iterator<Item = &String>| names.map(|name| format!("{name} IS ?")).collect::<Vec<_>>().join(" AND ");
    let (all, key) = (is(&mut names.iter()), is(&mut names.iter().zip(key).filter_map(|(name, key)| key.then_some(name))));
    let list = names.join(", ");
    [
        format!("INSERT INTO main.{table} ({list}) VALUES ({places})"),
        format!("DELETE FROM main.{table} WHERE {all}"),
        format!("SELECT {list} FROM main.{table} WHERE {key}"),
    ]
}

/// A name as SQL takes it, whatever is in it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
