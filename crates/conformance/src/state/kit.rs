//! What the laws of the database are written with.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mailferry_core::model::Digest;
use mailferry_core::ports::{Share, Steps};
use mailferry_core::replication::{self, Identity, Replayed, ReplicationError, Shipped};
use mailferry_core::state::ledger::debts::{self as table, DeletionDebt, Doomed};
use mailferry_core::state::{Database, StateError};
use mailferry_rules::cleanup::Debt;
use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};

/// Nodes with a database and a share each.
pub trait Bench {
    /// The database of a node, empty at first.
    fn open(&self, node: &str, steps: Arc<dyn Steps>) -> Database;

    /// The process that held it has ended, and another begins.
    fn again(&self, node: &str, database: Database, steps: Arc<dyn Steps>) -> Database;

    fn share(&self, node: &str) -> Arc<dyn Share>;
}

/// Where a process dies at its commits.
#[derive(Default)]
pub struct Kill {
    pub before: AtomicBool,
    pub after: AtomicBool,
}

impl Kill {
    pub fn set(&self, before: bool, after: bool) {
        self.before.store(before, Ordering::Relaxed);
        self.after.store(after, Ordering::Relaxed);
    }
}

impl Steps for Kill {
    fn before_commit(&self) -> Result<(), String> {
        if self.before.load(Ordering::Relaxed) { Err("killed before".into()) } else { Ok(()) }
    }

    fn after_commit(&self) -> Result<(), String> {
        if self.after.load(Ordering::Relaxed) { Err("killed after".into()) } else { Ok(()) }
    }
}

/// A row; `number` is its name, `attempts` what it says.
pub fn debt(number: u64, attempts: u64) -> DeletionDebt {
    let name = ContainerName { mailbox: MailboxId([7; 16]), sequence: Sequence(number), epoch: Epoch(1) };
    let doomed = Doomed { area: "OUT/T1".into(), name, digest: Digest::of(&number.to_le_bytes()) };
    let time = Debt { first_failure_ms: 1, next_attempt_ms: 2 };
    DeletionDebt { node: "N2".into(), path: format!("NTA/OUT/T1/{number:06}"), doomed, time, attempts, last_error: "denied".into() }
}

pub fn owe(database: &mut Database, number: u64, attempts: u64) -> Result<(), StateError> {
    database.write(|tx| Ok(table::owe(tx, &debt(number, attempts))?))
}

/// Names and words of the rows.
pub fn debts(database: &Database) -> Vec<(u64, u64)> {
    let rows = database.read(|db| Ok(table::all(db)?)).unwrap();
    rows.into_iter().map(|debt| (debt.doomed.name.sequence.0, debt.attempts)).collect()
}

fn who(node: &str) -> Identity {
    Identity { cluster: "SRC".into(), agent: "source".into(), node: node.into() }
}

pub fn ship(to: &dyn Share, me: &str, database: &mut Database, standby: &str) -> Result<Shipped, ReplicationError> {
    replication::ship(database, to, &who(me), standby, None)
}

pub fn replay(own: &dyn Share, me: &str, database: &mut Database) -> Result<Replayed, ReplicationError> {
    replication::replay(database, own, &who(me))
}

/// Everything that can be asked of a database.
pub fn everything(database: &Database) -> impl PartialEq + std::fmt::Debug + use<> {
    let log = (database.position().unwrap(), database.is_writer().unwrap(), database.wants_snapshot().unwrap());
    let kept = (database.outbox().unwrap(), database.replicas().unwrap(), database.lineage().unwrap());
    (log, kept, database.row_digest().unwrap(), debts(database))
}
