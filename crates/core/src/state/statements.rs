//! Statements that are prepared once per connection: parsing SQL costs more than running it on a few rows.

use rusqlite::{Connection, Params, Result, Row};

/// Room for every statement of the ledger and the log.
pub(super) const CACHED_MAX: usize = 256;

pub(super) trait Statements {
    /// Runs a statement that changes rows; answers how many.
    fn run(&self, sql: &str, params: impl Params) -> Result<usize>;

    /// The one row of a query.
    fn row<T>(&self, sql: &str, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T>;
}

impl Statements for Connection {
    fn run(&self, sql: &str, params: impl Params) -> Result<usize> {
        self.prepare_cached(sql)?.execute(params)
    }

    fn row<T>(&self, sql: &str, params: impl Params, read: impl FnOnce(&Row<'_>) -> Result<T>) -> Result<T> {
        self.prepare_cached(sql)?.query_row(params, read)
    }
}
