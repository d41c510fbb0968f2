//! All replicated rows as one stream in a defined order: what a snapshot carries and what the row digest is made of (R14).
//!
//! Tables by name, rows by primary key. A record is a byte and what it announces; numbers are little-endian:
//! `1` table (name length u16, name, columns u16) · `2` row (its values) · `0` end of the stream.
//! A value is a byte and its content: `0` null · `1` i64 · `2` f64 · `3` text (length u32, bytes) · `4` blob (length u32, bytes).
//!
//! Road not taken: the bytes of the SQLite file. They differ between equal databases, hold the local tables, and tie both nodes to
//! one page layout.

use std::io::{BufReader, Read, Write};

use mailferry_changeset::{Tables, quoted};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, Transaction, params_from_iter};

use super::StateError;
use crate::model::Digest;

const BUFFER_BYTES: usize = 64 << 10;

const END: u8 = 0;
const TABLE: u8 = 1;
const ROW: u8 = 2;

/// Rows in a stream.
pub type RowCount = u64;

fn list(names: &[String]) -> String {
    names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(", ")
}

pub fn write(connection: &Connection, tables: &Tables, out: &mut dyn Write) -> Result<RowCount, StateError> {
    let mut count = 0;
    let mut record = Vec::new();
    for table in tables.names() {
        let (columns, key) = tables.columns(table).unwrap_or_default();
        write_table(out, table, columns.len())?;
        let sql = format!("SELECT {} FROM {} ORDER BY {}", list(columns), quoted(table), list(key));
        let mut statement = connection.prepare_cached(&sql)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            record.clear();
            record.push(ROW);
            (0..columns.len()).try_for_each(|column| row.get_ref(column).map(|value| put(&mut record, value)))?;
            out.write_all(&record)?;
            count += 1;
        }
    }
    out.write_all(&[END])?;
    Ok(count)
}

fn write_table(out: &mut dyn Write, name: &str, columns: usize) -> std::io::Result<()> {
    let length = u16::try_from(name.len()).map_err(|_| broken("a table name is too long"))?;
    let columns = u16::try_from(columns).map_err(|_| broken("a table has too many columns"))?;
    out.write_all(&[TABLE])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(name.as_bytes())?;
    out.write_all(&columns.to_le_bytes())
}

fn put(record: &mut Vec<u8>, value: ValueRef<'_>) {
    let mut bytes = |kind: u8, bytes: &[u8]| {
        record.push(kind);
        // SQLite's own limit is 2^31 - 1.
        record.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_le_bytes());
        record.extend_from_slice(bytes);
    };
    match value {
        ValueRef::Text(text) => bytes(3, text),
        ValueRef::Blob(blob) => bytes(4, blob),
        ValueRef::Null => record.push(0),
        ValueRef::Integer(number) => {
            record.push(1);
            record.extend_from_slice(&number.to_le_bytes());
        }
        ValueRef::Real(number) => {
            record.push(2);
            record.extend_from_slice(&number.to_bits().to_le_bytes());
        }
    }
}

/// Deletes every replicated row, puts the rows of the stream in their place, and returns their number and digest.
pub fn replace(transaction: &Transaction<'_>, tables: &Tables, input: &mut dyn Read, bulk: bool) -> Result<(RowCount, Digest), StateError> {
    // Sorted in one go after the rows, instead of a random walk through each index for every row. For few rows that is not worth
    // a change of the schema, after which every statement is prepared anew.
    let indices = if bulk { drop_indices(transaction)? } else { Vec::new() };
    for table in tables.names() {
        transaction.prepare_cached(&format!("DELETE FROM {}", quoted(table)))?.execute([])?;
    }
    let mut hashed = Hashed { input, hasher: blake3::Hasher::new() };
    let mut input = Input(BufReader::with_capacity(BUFFER_BYTES, &mut hashed));
    let mut count = 0;
    let mut target: Option<(rusqlite::CachedStatement<'_>, usize)> = None;
    loop {
        match input.byte()? {
            END => break,
            TABLE => target = Some(next_table(transaction, tables, &mut input)?),
            ROW => {
                let (insert, columns) = target.as_mut().ok_or_else(|| broken("a row comes before its table"))?;
                let values = (0..*columns).map(|_| input.value()).collect::<Result<Vec<Value>, _>>()?;
                insert.execute(params_from_iter(values))?;
                count += 1;
            }
            _ => return Err(broken("a record of unknown kind").into()),
        }
    }
    if input.0.read(&mut [0])? != 0 {
        return Err(broken("bytes follow the end").into());
    }
    drop(target);
    indices.iter().try_for_each(|sql| transaction.execute_batch(sql))?;
    Ok((count, Digest(*hashed.hasher.finalize().as_bytes())))
}

/// Returns the statements that make them again. Indices of keys and constraints stay.
fn drop_indices(transaction: &Transaction<'_>) -> Result<Vec<String>, StateError> {
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL AND tbl_name NOT GLOB 'local_*' ORDER BY rowid";
    let mut statement = transaction.prepare(sql)?;
    let indices = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<Vec<(String, String)>, _>>()?;
    drop(statement);
    indices.iter().try_for_each(|(name, _)| transaction.execute_batch(&format!("DROP INDEX {}", quoted(name))))?;
    Ok(indices.into_iter().map(|(_, sql)| sql).collect())
}

fn next_table<'t>(
    transaction: &'t Transaction<'_>,
    tables: &Tables,
    input: &mut Input<'_, '_>,
) -> Result<(rusqlite::CachedStatement<'t>, usize), StateError> {
    let length = u16::from_le_bytes(input.array()?);
    let name = String::from_utf8(input.bytes(u32::from(length))?).map_err(|_| broken("a table name is not UTF-8"))?;
    let wanted = usize::from(u16::from_le_bytes(input.array()?));
    let table = tables.names().find(|table| *table == name).ok_or_else(|| broken("a table that is not replicated here"))?;
    let (columns, _) = tables.columns(table).unwrap_or_default();
    if columns.len() != wanted {
        return Err(broken("a table with other columns than here").into());
    }
    Ok((transaction.prepare_cached(tables.insert(table).unwrap_or_default())?, wanted))
}

fn broken(what: &str) -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::InvalidData, what)
}

/// Digests what is read, a buffer at a time.
struct Hashed<'i> {
    input: &'i mut dyn Read,
    hasher: blake3::Hasher,
}

impl Read for Hashed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hasher.update(&buffer[..read]);
        Ok(read)
    }
}

struct Input<'h, 'i>(BufReader<&'h mut Hashed<'i>>);

impl Input<'_, '_> {
    fn array<const N: usize>(&mut self) -> std::io::Result<[u8; N]> {
        let mut array = [0; N];
        self.0.read_exact(&mut array)?;
        Ok(array)
    }

    fn byte(&mut self) -> std::io::Result<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// Grows with what is really there, not with what the length promises.
    fn bytes(&mut self, length: u32) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let got = (&mut self.0).take(u64::from(length)).read_to_end(&mut bytes)?;
        if got as u64 == u64::from(length) { Ok(bytes) } else { Err(broken("the stream ends within a value")) }
    }

    fn value(&mut self) -> std::io::Result<Value> {
        Ok(match self.byte()? {
            0 => Value::Null,
            1 => Value::Integer(i64::from_le_bytes(self.array()?)),
            2 => Value::Real(f64::from_bits(u64::from_le_bytes(self.array()?))),
            3 => {
                let length = u32::from_le_bytes(self.array()?);
                Value::Text(String::from_utf8(self.bytes(length)?).map_err(|_| broken("a text is not UTF-8"))?)
            }
            4 => {
                let length = u32::from_le_bytes(self.array()?);
                Value::Blob(self.bytes(length)?)
            }
            _ => return Err(broken("a value of unknown kind")),
        })
    }
}

/// Every table of `to`, replicated or not, gets the rows of `from`, which has few, and no others.
pub fn copy_all(from: &Connection, to: &Connection) -> Result<(), StateError> {
    let mut names = to.prepare_cached("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")?;
    let names = names.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    for name in names {
        to.prepare_cached(&format!("DELETE FROM {}", quoted(&name)))?.execute([])?;
        let mut rows = from.prepare_cached(&format!("SELECT * FROM {}", quoted(&name)))?;
        let columns = rows.column_count();
        let mut rows = rows.query([])?;
        while let Some(row) = rows.next()? {
            let values = (0..columns).map(|column| row.get(column)).collect::<Result<Vec<Value>, _>>()?;
            let places = vec!["?"; columns].join(", ");
            to.prepare_cached(&format!("INSERT INTO {} VALUES ({places})", quoted(&name)))?.execute(params_from_iter(values))?;
        }
    }
    Ok(())
}

/// Structure of every page, and every row with its indices and its foreign keys: walks each index at random, which takes minutes
/// for gigabytes.
pub fn integrity(connection: &Connection) -> Result<(), StateError> {
    sound(connection, "PRAGMA integrity_check(1)")?;
    let mut statement = connection.prepare_cached("PRAGMA foreign_key_check")?;
    match statement.query([])?.next()? {
        None => Ok(()),
        Some(row) => Err(StateError::Corrupt(format!("a row of table `{}` points nowhere", row.get::<_, String>(0)?))),
    }
}

/// Structure of every page, not-null and check constraints. Enough for rows whose digest is that of a sound database and whose indices have
/// just been made.
pub fn quick_check(connection: &Connection) -> Result<(), StateError> {
    sound(connection, "PRAGMA quick_check(1)")
}

fn sound(connection: &Connection, question: &str) -> Result<(), StateError> {
    let verdict: String = connection.query_row(question, [], |row| row.get(0))?;
    if verdict == "ok" { Ok(()) } else { Err(StateError::Corrupt(verdict)) }
}
