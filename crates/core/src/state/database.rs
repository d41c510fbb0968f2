//! One SQLite file per agent, or one in memory for the simulator: the same code.
//!
//! Holds R14 (WAL, synchronous=FULL; nothing but recorded change sets and row streams leaves it), R21 (one transaction per item)
//! and the writing half of R3: only the node that began an epoch appends to it.
//!
//! A write is recorded by SQLite's session extension; its change set gets the next number of the log and is put into the outbox by
//! the very same transaction, so the log never knows more or less than the tables. Roads not taken are in docs/adr/0002.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mailferry_changeset::{Recorder, Tables};
use mailferry_rules::ids::Epoch;
use rusqlite::backup::Backup;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::statements::{CACHED_MAX, Statements};
use super::takeover::{self, Redone, Takeover};
use super::{ChangeSet, Lineage, Outbox, Replica, RowCount, Schema, StateError, Tail, Times, log, migrations, rows};
use crate::model::Digest;
use crate::ports::{Clock, Steps, UnwatchedSteps};

/// How long a statement waits for another process.
const BUSY_WAIT: Duration = Duration::from_secs(10);
/// The outbox keeps no more than this unless told otherwise; a standby that lags further gets a snapshot.
pub const OUTBOX_BYTES_MAX: u64 = 64 << 20;

const PRAGMAS: &str = "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;";
/// The cache, 16 MiB, holds the inner pages of an index of tens of millions of rows.
const PRAGMAS_OF_A_FILE: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 67108864;
                                PRAGMA cache_size = -16384;";

/// An empty database in memory with the agents' schema: the simulator makes thousands.
static TEMPLATE: Mutex<Option<Database>> = Mutex::new(None);

fn with_template<T>(work: impl FnOnce(&Database) -> Result<T, StateError>) -> Result<T, StateError> {
    let mut template = TEMPLATE.lock().unwrap_or_else(PoisonError::into_inner);
    match &*template {
        Some(made) => work(made),
        None => {
            let made = Database::prepare(Connection::open_in_memory()?, Arc::new(UnwatchedSteps), migrations::SCRIPTS, None, None)?;
            work(template.insert(made))
        }
    }
}

/// Where a log stands: `digest` covers everything up to `lsn`, so equal positions mean equal histories.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    pub epoch: Epoch,
    /// Number of the last change set; 0: none yet. Never starts again.
    pub lsn: u64,
    pub digest: Digest,
}

/// What is written while a snapshot is taken in.
pub(crate) struct Incoming<'a> {
    pub position: Position,
    pub lineage: &'a Lineage,
    pub rows: Digest,
    /// Many rows: indices are made in one go after them.
    pub bulk: bool,
    /// Commit time of the last change set in it; 0: not known.
    pub committed_ms: u64,
}

/// Until a database is given a clock, times of commits are not known.
struct NoClock;

impl Clock for NoClock {
    fn now_ms(&self) -> u64 {
        0
    }
}

pub struct Database {
    connection: Connection,
    tables: Tables,
    schema: Schema,
    steps: Arc<dyn Steps>,
    clock: Arc<dyn Clock>,
    outbox_bytes_max: u64,
    in_memory: bool,
    /// No other node will ever ask for its change sets.
    alone: bool,
}

impl Database {
    /// Opens or makes the database. A file that is not ours is left as it was.
    pub fn open(path: &Path, steps: Arc<dyn Steps>) -> Result<Self, StateError> {
        Self::open_scripts(path, steps, migrations::SCRIPTS)
    }

    /// Opens or makes one that no other process and no other node has to do with: it is locked for as long as it is open, and what
    /// changes is not recorded for a standby. Transactions are as durable as in any other.
    pub fn open_alone(path: &Path, steps: Arc<dyn Steps>) -> Result<Self, StateError> {
        let is_new = !path.exists();
        if is_new {
            make(path)?;
        }
        let shape = if is_new { Some(with_template(|template| Ok((template.tables.clone(), template.schema)))?) } else { None };
        let database = Self::open_shaped(path, steps, migrations::SCRIPTS, shape)?;
        database.connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA cache_size = -4096;")?;
        Ok(Database { alone: true, ..database })
    }

    pub(super) fn open_scripts(path: &Path, steps: Arc<dyn Steps>, scripts: &[&[&str]]) -> Result<Self, StateError> {
        Self::open_shaped(path, steps, scripts, None)
    }

    /// `shape`: known of a database that has just been made.
    fn open_shaped(path: &Path, steps: Arc<dyn Steps>, scripts: &[&[&str]], shape: Option<(Tables, Schema)>) -> Result<Self, StateError> {
        let place = path.display().to_string();
        refuse_other_files(path, &place)?;
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Self::prepare(Connection::open_with_flags(path, flags)?, steps, scripts, Some(&place), shape)
    }

    pub fn in_memory(steps: Arc<dyn Steps>) -> Result<Self, StateError> {
        with_template(|template| template.copy(steps))
    }

    /// Page by page, which is much faster than running the scripts again.
    fn copy(&self, steps: Arc<dyn Steps>) -> Result<Self, StateError> {
        let mut connection = Connection::open_in_memory()?;
        Backup::new(&self.connection, &mut connection)?.step(-1)?;
        settle_statements(&connection)?;
        connection.execute_batch(PRAGMAS)?;
        Ok(Database { connection, steps, clock: Arc::new(NoClock), tables: self.tables.clone(), ..*self })
    }

    /// One in memory, as empty as a new one, with every statement still prepared, which is faster still.
    pub fn emptied(mut self, steps: Arc<dyn Steps>) -> Result<Self, StateError> {
        if !self.in_memory {
            // What is on a disk is nobody's to empty.
            return Self::in_memory(steps);
        }
        let transaction = self.connection.transaction()?;
        with_template(|template| rows::copy_all(&template.connection, &transaction))?;
        transaction.commit()?;
        Ok(Database { steps, clock: Arc::new(NoClock), outbox_bytes_max: OUTBOX_BYTES_MAX, ..self })
    }

    /// With replicated tables of its own instead of the agent's, for trials of the engine itself; in memory without a path.
    pub fn open_trial(path: Option<&Path>, steps: Arc<dyn Steps>, replicated: &str) -> Result<Self, StateError> {
        let scripts: &[&[&str]] = &[&[migrations::LOCAL, replicated], &[migrations::LOCAL_2, migrations::LOCAL_3]];
        match path {
            Some(path) => Self::open_scripts(path, steps, scripts),
            None => Self::prepare(Connection::open_in_memory()?, steps, scripts, None, None),
        }
    }

    fn prepare(
        mut connection: Connection,
        steps: Arc<dyn Steps>,
        scripts: &[&[&str]],
        file: Option<&str>,
        shape: Option<(Tables, Schema)>,
    ) -> Result<Self, StateError> {
        connection.busy_timeout(BUSY_WAIT)?;
        settle_statements(&connection)?;
        connection.execute_batch(PRAGMAS)?;
        if let Some(place) = file {
            migrations::accepted_version(&connection, scripts.len(), place)?;
            connection.execute_batch(PRAGMAS_OF_A_FILE)?;
        }
        migrations::migrate(&mut connection, scripts, &*steps, file.unwrap_or(":memory:"))?;
        migrations::refuse_triggers(&connection)?;
        let (tables, schema) = match shape {
            Some(shape) => shape,
            None => shape_of(&connection)?,
        };
        let (clock, outbox_bytes_max) = (Arc::new(NoClock), OUTBOX_BYTES_MAX);
        Ok(Database { connection, tables, schema, steps, clock, outbox_bytes_max, in_memory: file.is_none(), alone: false })
    }

    /// One durable transaction. When it changed replicated rows, its change set gets the next number and goes into the outbox with
    /// it. After `Stopped` the transaction may stand: ask the tables, as after a kill.
    pub fn write<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StateError>) -> Result<T, StateError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let recorder = if self.alone { None } else { Some(Recorder::start(&transaction, &self.tables)?) };
        let value = work(&transaction)?;
        let changes = recorder.map_or_else(|| Ok(Vec::new()), Recorder::finish)?;
        if !changes.is_empty() {
            log::append(&transaction, &changes, self.outbox_bytes_max, self.clock.now_ms())?;
        }
        commit(transaction, &*self.steps)?;
        Ok(value)
    }

    /// One statement, which is a consistent view by itself: without the begin and end of one. For what is asked once per item.
    pub fn look_up<T>(&self, statement: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, StateError> {
        Ok(statement(&self.connection)?)
    }

    /// One consistent view; whatever `work` changes is undone.
    pub fn read<T>(&self, work: impl FnOnce(&Connection) -> Result<T, StateError>) -> Result<T, StateError> {
        if !self.connection.is_autocommit() {
            return work(&self.connection);
        }
        let _view = View::open(&self.connection)?;
        work(&self.connection)
    }

    pub fn position(&self) -> Result<Position, StateError> {
        self.read(log::position)
    }

    /// The change sets from here on carry this epoch, and this node may write. The epoch must be larger than any seen, or the one
    /// this node has begun itself. What the outbox holds is no longer needed: the first ship of an epoch is a snapshot.
    pub fn begin_epoch(&mut self, epoch: Epoch) -> Result<(), StateError> {
        self.transact(|transaction, _| log::begin_epoch(transaction, epoch))
    }

    /// Whether this node may write in the epoch of its position.
    pub fn is_writer(&self) -> Result<bool, StateError> {
        self.read(log::is_writer)
    }

    /// `PRAGMA integrity_check` and `foreign_key_check`: reads the whole database.
    pub fn integrity(&self) -> Result<(), StateError> {
        self.read(rows::integrity)
    }

    /// Digest over all replicated rows in a defined order (R14): equal on an active node and its standby at the same position.
    pub fn row_digest(&self) -> Result<Digest, StateError> {
        let mut hasher = blake3::Hasher::new();
        let mut buffered = std::io::BufWriter::with_capacity(64 << 10, &mut hasher);
        self.read(|connection| rows::write(connection, &self.tables, &mut buffered))?;
        buffered.flush()?;
        drop(buffered);
        Ok(Digest(*hasher.finalize().as_bytes()))
    }

    pub fn schema(&self) -> Schema {
        self.schema
    }

    /// Names of the replicated tables.
    pub fn tables(&self) -> impl Iterator<Item = &str> {
        self.tables.names()
    }

    /// From now on each change set knows when it was committed, and each replay when it was.
    pub fn set_clock(&mut self, clock: Arc<dyn Clock>) {
        self.clock = clock;
    }

    pub fn set_outbox_bytes_max(&mut self, bytes: u64) {
        self.outbox_bytes_max = bytes;
    }

    /// Why this standby needs a snapshot; `None` when its log is whole.
    pub fn wants_snapshot(&self) -> Result<Option<String>, StateError> {
        self.read(log::wants)
    }

    pub fn outbox(&self) -> Result<Outbox, StateError> {
        self.read(log::outbox)
    }

    pub fn replicas(&self) -> Result<Vec<Replica>, StateError> {
        self.read(log::replicas)
    }

    /// When the last change set was committed and replayed.
    pub fn times(&self) -> Result<Times, StateError> {
        self.read(log::times)
    }

    /// What the outbox holds behind change set `after`.
    pub fn tail(&self, after: u64) -> Result<Tail, StateError> {
        self.read(|connection| log::tail(connection, after))
    }

    /// The takeover by which this node became active.
    pub fn takeover(&self) -> Result<Option<Takeover>, StateError> {
        self.read(takeover::standing)
    }

    /// What the takeover had to do again and nobody has been told of.
    pub fn redone(&self) -> Result<Vec<Redone>, StateError> {
        self.read(takeover::redone)
    }

    pub(crate) fn note_redone(&mut self, redone: &Redone) -> Result<(), StateError> {
        self.note(|transaction| takeover::note(transaction, redone))
    }

    pub(crate) fn takeover_told(&mut self) -> Result<(), StateError> {
        self.note(takeover::told)
    }

    pub fn lineage(&self) -> Result<Lineage, StateError> {
        self.read(log::lineage)
    }

    /// Drops what every one of these standbys was seen to hold in this epoch, and forgets other standbys. With no standby the
    /// outbox is emptied.
    pub fn prune(&mut self, standbys: &[&str]) -> Result<(), StateError> {
        self.note(|transaction| log::prune(transaction, standbys))
    }

    /// Change sets after `after`, up to `up_to`, as many as fit into `bytes` and at least one.
    pub(crate) fn changes(&self, after: u64, up_to: u64, bytes: u64) -> Result<Vec<ChangeSet>, StateError> {
        self.read(|connection| log::changes(connection, after, up_to, bytes))
    }

    /// The chain digest at `lsn`, where it is still known.
    pub(crate) fn digest_at(&self, lsn: u64) -> Result<Option<Digest>, StateError> {
        self.read(|connection| log::digest_at(connection, lsn))
    }

    pub(crate) fn saw_replica(&mut self, replica: &Replica) -> Result<(), StateError> {
        let replica = Replica { seen_ms: self.clock.now_ms(), ..replica.clone() };
        self.note(|transaction| log::saw_replica(transaction, &replica))
    }

    /// Synced, unlike a note: the file that was the reason is moved away afterwards.
    pub(crate) fn want_snapshot(&mut self, why: &str) -> Result<(), StateError> {
        self.transact(|transaction, _| log::want(transaction, why))
    }

    /// All replicated rows as a stream; the position is of the same view.
    pub(crate) fn write_rows(&self, out: &mut dyn Write) -> Result<RowCount, StateError> {
        self.read(|connection| rows::write(connection, &self.tables, out))
    }

    /// Applies change sets that go on where this log stands, all or none. Returns the number of changes.
    pub(crate) fn apply(&mut self, epoch: Epoch, sets: &[ChangeSet]) -> Result<u64, StateError> {
        let now_ms = self.clock.now_ms();
        self.transact(|transaction, tables| log::apply(transaction, tables, epoch, sets, now_ms))
    }

    /// Replaces every replicated row, the position and the lineage by those of a snapshot, all or nothing.
    pub(crate) fn take_over(&mut self, incoming: &Incoming<'_>, input: &mut dyn Read) -> Result<RowCount, StateError> {
        let times = Times { committed_ms: incoming.committed_ms, replayed_ms: self.clock.now_ms() };
        self.transact(|transaction, tables| {
            let (count, digest) = rows::replace(transaction, tables, input, incoming.bulk)?;
            if digest != incoming.rows {
                return Err(StateError::Discontinuous("the rows of the snapshot are not those its digest was made of".into()));
            }
            log::restart(transaction, incoming.position, incoming.lineage, times)?;
            rows::quick_check(transaction)?;
            Ok(count)
        })
    }

    fn transact<T>(&mut self, work: impl FnOnce(&Transaction<'_>, &Tables) -> Result<T, StateError>) -> Result<T, StateError> {
        let transaction = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let value = work(&transaction, &self.tables)?;
        commit(transaction, &*self.steps)?;
        Ok(value)
    }

    /// A note that may be lost in a power cut, because it can be found out again: it costs no sync of the disk.
    fn note<T>(&mut self, work: impl FnOnce(&Transaction<'_>) -> Result<T, StateError>) -> Result<T, StateError> {
        if self.in_memory {
            return self.transact(|transaction, _| work(transaction));
        }
        self.connection.execute_batch("PRAGMA synchronous = NORMAL")?;
        let result = self.transact(|transaction, _| work(transaction));
        self.connection.execute_batch("PRAGMA synchronous = FULL")?;
        result
    }
}

/// One consistent view of the database, undone in the end.
struct View<'c>(&'c Connection);

impl<'c> View<'c> {
    fn open(connection: &'c Connection) -> Result<Self, StateError> {
        connection.run("BEGIN", [])?;
        Ok(View(connection))
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        // What fails here has ended the transaction by itself.
        let _ = self.0.run("ROLLBACK", []);
    }
}

pub(super) fn commit(transaction: Transaction<'_>, steps: &dyn Steps) -> Result<(), StateError> {
    steps.before_commit().map_err(StateError::Stopped)?;
    transaction.commit()?;
    steps.after_commit().map_err(StateError::Stopped)
}

/// Statements stay prepared, whatever values they are given: else one whose plan might hang on a value is prepared anew each time.
fn settle_statements(connection: &Connection) -> Result<(), StateError> {
    connection.set_prepared_statement_cache_capacity(CACHED_MAX);
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn shape_of(connection: &Connection) -> Result<(Tables, Schema), StateError> {
    let names = migrations::replicated(connection)?;
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Ok((Tables::of(connection, &names)?, migrations::schema_of(connection, &names)?))
}

/// All scripts in one transaction. Under another name until it is whole: what a power cut leaves of it is nobody's database.
fn make(path: &Path) -> Result<(), StateError> {
    let part = path.with_extension("part");
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let mut connection = Connection::open(&part)?;
    with_template(|template| {
        Backup::new(&template.connection, &mut connection)?.step(-1)?;
        Ok(())
    })?;
    drop(connection);
    Ok(std::fs::rename(&part, path)?)
}

/// SQLite would take a short file for an empty database and write over it.
fn refuse_other_files(path: &Path, place: &str) -> Result<(), StateError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let mut magic = Vec::new();
    file.take(16).read_to_end(&mut magic)?;
    if magic.is_empty() || magic == b"SQLite format 3\0" { Ok(()) } else { Err(StateError::NotADatabase(place.into())) }
}

#[cfg(test)]
impl Database {
    /// Changes rows behind the back of the log.
    pub(crate) fn tamper(&mut self, sql: &str) {
        self.connection.execute_batch(sql).expect("valid SQL of a test");
    }
}
