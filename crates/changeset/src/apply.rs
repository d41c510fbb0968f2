//! Bringing a change set into another database, whole or not at all.
//!
//! With statements of our own, which stay prepared: SQLite's function for it prepares all of its own anew for each change set
//! and, by switching foreign keys, makes every other statement of the connection be prepared anew as well.

use rusqlite::types::Value;
use rusqlite::{Connection, ErrorCode, OptionalExtension, params_from_iter};

use crate::iterate::{self, Change, Row};
use crate::tables::quoted;
use crate::{Conflict, ConflictKind, Error, Operation, Tables};

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
pub fn apply(connection: &Connection, tables: &Tables, changes: &[u8]) -> Result<Applied, Error> {
    if connection.is_autocommit() {
        return Err(Error::NoTransaction);
    }
    let changes = iterate::read(changes, tables)?;
    if changes.is_empty() {
        return Ok(Applied::default());
    }
    run(connection, "SAVEPOINT mailferry_changeset")?;
    let result = make_all(connection, &changes).and_then(|already| judge(changes.len(), already));
    if result.is_err() {
        run(connection, "ROLLBACK TO mailferry_changeset")?;
    }
    run(connection, "RELEASE mailferry_changeset")?;
    result
}

fn run(connection: &Connection, sql: &str) -> Result<(), Error> {
    connection.prepare_cached(sql)?.execute([])?;
    Ok(())
}

fn judge(changes: usize, already: usize) -> Result<Applied, Error> {
    if already != 0 && already != changes {
        return Err(Conflict { table: "*".into(), operation: Operation::All, kind: ConflictKind::PartlyApplied }.into());
    }
    Ok(Applied { changes: changes as u64, already: already == changes })
}

enum Made {
    Now,
    Before,
    /// A constraint forbids it, perhaps for a row that a later change takes away.
    Hindered,
}

/// Number of changes that had been made before.
fn make_all(connection: &Connection, changes: &[Change<'_>]) -> Result<usize, Error> {
    let mut already = 0;
    let mut open: Vec<&Change<'_>> = changes.iter().collect();
    while !open.is_empty() {
        let mut hindered = Vec::new();
        for change in &open {
            match make(connection, change)? {
                Made::Now => (),
                Made::Before => already += 1,
                Made::Hindered => hindered.push(*change),
            }
        }
        if hindered.len() == open.len() {
            return at_once(connection, &hindered).map(|()| already);
        }
        open = hindered;
    }
    Ok(already)
}

/// Changes that stand in each other's way, as two rows that swap a unique value do: every old row goes before any new one comes.
fn at_once(connection: &Connection, changes: &[&Change<'_>]) -> Result<(), Error> {
    let mut rows = Vec::new();
    for change in changes {
        let mut after = change.new.clone();
        if change.operation != Operation::Insert {
            let there = row(connection, change)?.ok_or_else(|| conflict(change, ConflictKind::Missing))?;
            execute(connection, &change.shape.delete, there.iter())?;
            after.iter_mut().zip(there).for_each(|(new, there)| _ = new.get_or_insert(there));
        }
        rows.push(after);
    }
    for (change, after) in changes.iter().zip(&rows) {
        execute(connection, &change.shape.insert, after.iter().flatten())?.ok_or_else(|| conflict(change, ConflictKind::Constraint))?;
    }
    Ok(())
}

fn conflict(change: &Change<'_>, kind: ConflictKind) -> Error {
    Conflict { table: change.shape.name(), operation: change.operation, kind }.into()
}

fn make(connection: &Connection, change: &Change<'_>) -> Result<Made, Error> {
    let shape = change.shape;
    let made = match change.operation {
        Operation::Insert => execute(connection, &shape.insert, change.new.iter().flatten())?,
        Operation::Delete => execute(connection, &shape.delete, change.old.iter().flatten())?,
        _ => execute(connection, &update(change), change.new.iter().chain(&change.old).flatten())?,
    };
    match made {
        Some(1) => return Ok(Made::Now),
        // An update that a constraint forbids has found its row, with its old values.
        None if change.operation == Operation::Update => return Ok(Made::Hindered),
        _ => (),
    }
    let there = row(connection, change)?;
    let same = |there: &[Value]| change.new.iter().zip(there).all(|(new, there)| new.as_ref().is_none_or(|new| equal(new, there)));
    match (change.operation, there) {
        (Operation::Insert, None) => Ok(Made::Hindered),
        (Operation::Delete, None) => Ok(Made::Before),
        (Operation::Delete, Some(_)) => Err(conflict(change, ConflictKind::OtherValues)),
        (_, None) => Err(conflict(change, ConflictKind::Missing)),
        (_, Some(there)) if same(&there) => Ok(Made::Before),
        (Operation::Insert, Some(_)) => Err(conflict(change, ConflictKind::Present)),
        (_, Some(_)) => Err(conflict(change, ConflictKind::OtherValues)),
    }
}

/// How many rows it changed; `None`: a constraint forbids it.
fn execute<'v>(connection: &Connection, sql: &str, values: impl Iterator<Item = &'v Value>) -> Result<Option<usize>, Error> {
    match connection.prepare_cached(sql)?.execute(params_from_iter(values)) {
        Ok(rows) => Ok(Some(rows)),
        Err(rusqlite::Error::SqliteFailure(error, _)) if error.code == ErrorCode::ConstraintViolation => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Of the row with this key, and only if the columns to change have their old values.
fn update(change: &Change<'_>) -> String {
    let terms = |row: &Row, operator: &str| {
        let columns = change.shape.columns.iter().zip(row).filter(|(_, value)| value.is_some());
        columns.map(|(column, _)| format!("{} {operator} ?", quoted(column))).collect::<Vec<_>>()
    };
    let (new, old) = (terms(&change.new, "=").join(", "), terms(&change.old, "IS").join(" AND "));
    format!("UPDATE main.{} SET {new} WHERE {old}", quoted(&change.shape.name()))
}

/// The row with the key of the change.
fn row(connection: &Connection, change: &Change<'_>) -> Result<Option<Vec<Value>>, Error> {
    let shape = change.shape;
    let side: &Row = if change.operation == Operation::Insert { &change.new } else { &change.old };
    let key = side.iter().zip(&shape.key).filter_map(|(value, key)| value.as_ref().filter(|_| *key));
    let mut statement = connection.prepare_cached(&shape.select)?;
    let row = statement.query_row(params_from_iter(key), |row| (0..shape.columns.len()).map(|column| row.get(column)).collect());
    Ok(row.optional()?)
}

/// Real numbers by their bits: a value that is no number equals itself.
fn equal(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Real(a), Value::Real(b)) => a.to_bits() == b.to_bits(),
        (a, b) => a == b,
    }
}
