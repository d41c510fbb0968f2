//! The agent's own memory: one SQLite file, `config.db` (docs/formats/state.md).
//!
//! ```text
//! database     open, read, write: every write is one durable transaction whose change set is kept for the standbys
//! migrations   numbered scripts, applied once each
//! log          position, outbox, replicas: the local tables
//! lineage      which epoch began where; decides what is shared and what has diverged
//! statements   prepared once per connection
//! takeover     what a new active node had to do again, until it is told
//! rows         all replicated rows as one stream in a defined order: snapshots and row digests
//! ```
//!
//! Tables named `local_*` belong to this node; every other table is replicated. Only this module writes SQL.

mod database;
mod error;
pub mod ledger;
mod lineage;
mod log;
mod migrations;
mod rows;
mod statements;
pub mod takeover;

pub(crate) use database::Incoming;
pub use database::{Database, OUTBOX_BYTES_MAX, Position};
pub use error::StateError;
pub use lineage::{Beginning, Lineage};
pub use log::{ChangeSet, Outbox, Replica, Tail, Times};
pub use migrations::Schema;
pub use rows::RowCount;
// For functions of the engine that hand an open transaction on to the ledger.
pub use rusqlite::{Connection, Result as SqlResult, Transaction};

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod plans;
#[cfg(test)]
pub(crate) mod tests;
