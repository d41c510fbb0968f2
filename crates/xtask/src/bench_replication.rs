//! `cargo xtask bench replication`: what it costs to bring one item's changes to a standby, at several sizes of the database.
//!
//! The roads: change sets (write, ship, replay), and copies of the whole file by SQLite's backup API and by the file system. Each road
//! ends with synced bytes on the standby's disk. CPU seconds beside wall seconds, because the machine is shared.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use anyhow::Context;
use mailferry_core::ports::UnwatchedSteps;
use mailferry_core::replication::{Identity, replay, ship};
use mailferry_core::state::{Database, StateError};
use mailferry_rules::ids::Epoch;

pub use self::share::DirectoryShare;

mod share;

#[derive(clap::Args)]
pub struct Arguments {
    /// Sizes of the database in megabytes
    #[arg(long, value_delimiter = ',', default_values_t = [1, 100, 1000])]
    megabytes: Vec<u64>,
    /// Items to measure at each size
    #[arg(long, default_value_t = 200)]
    items: u64,
    /// Where the databases are made (deleted afterwards)
    #[arg(long)]
    directory: Option<PathBuf>,
}

const SCHEMA: &str = "
    CREATE TABLE item (id INTEGER PRIMARY KEY, token BLOB NOT NULL, folder INTEGER NOT NULL, digest BLOB NOT NULL, size INTEGER NOT NULL,
                       state INTEGER NOT NULL, note TEXT NOT NULL) STRICT;
    CREATE UNIQUE INDEX item_token ON item (token);
    CREATE INDEX item_digest ON item (digest);
    CREATE INDEX item_folder ON item (folder, state);";
const INSERT: &str = "INSERT INTO item SELECT value, randomblob(16), value % 977, randomblob(32), value % 70000, 0, hex(randomblob(40)) FROM generate_series_of";
/// Bytes that a row takes in the file, indexes included (measured).
const ROW_BYTES: u64 = 263;
const BATCH: u64 = 20_000;

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let home = match &arguments.directory {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir()?,
    };
    println!("| database | road | bytes shipped | wall ms | CPU ms |");
    println!("|---|---|---:|---:|---:|");
    for megabytes in &arguments.megabytes {
        let directory = home.path().join(megabytes.to_string());
        fs::create_dir(&directory)?;
        measure(&directory, *megabytes, arguments.items)?;
        fs::remove_dir_all(&directory)?;
    }
    Ok(())
}

/// Wall and CPU of one thing, in milliseconds.
#[derive(Clone, Copy, Default)]
pub struct Cost {
    pub wall_ms: f64,
    pub cpu_ms: f64,
}

pub fn timed<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(T, Cost)> {
    let (wall, cpu) = (Instant::now(), cpu_ms());
    let value = work()?;
    Ok((value, Cost { wall_ms: wall.elapsed().as_secs_f64() * 1e3, cpu_ms: cpu_ms() - cpu }))
}

/// CPU time of the main thread, where all the work is done; 0 where the system does not tell.
pub fn cpu_ms() -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or(0.0) / 1e6
}

#[derive(Default)]
struct Series {
    wall_ms: Vec<f64>,
    cpu_ms: f64,
    bytes: u64,
}

impl Series {
    fn add(&mut self, cost: Cost, bytes: u64) {
        self.wall_ms.push(cost.wall_ms);
        self.cpu_ms += cost.cpu_ms;
        self.bytes += bytes;
    }

    /// Median wall, mean CPU and bytes.
    fn print(mut self, database: &str, road: &str) {
        self.wall_ms.sort_by(f64::total_cmp);
        let count = self.wall_ms.len().max(1);
        let median = self.wall_ms.get(count / 2).copied().unwrap_or(0.0);
        println!("| {database} | {road} | {} | {median:.2} | {:.2} |", self.bytes / count as u64, self.cpu_ms / count as f64);
    }
}

fn measure(directory: &Path, megabytes: u64, items: u64) -> anyhow::Result<()> {
    let path = directory.join("active.db");
    let mut active = open(&path)?;
    let rows = fill(&mut active, megabytes * 1_000_000 / ROW_BYTES)?;
    let label = format!("{megabytes} MB, {} k rows", rows / 1000);
    measure_changes(directory, &label, &mut active, rows, items)?;
    drop(active);
    measure_copies(directory, &label, &path)
}

fn open(path: &Path) -> Result<Database, StateError> {
    Database::open_trial(Some(path), Arc::new(UnwatchedSteps), SCHEMA)
}

fn file_bytes(path: &Path) -> anyhow::Result<u64> {
    Ok(fs::metadata(path)?.len())
}

fn fill(db: &mut Database, rows: u64) -> anyhow::Result<u64> {
    db.set_outbox_bytes_max(0);
    for first in (1..=rows).step_by(usize::try_from(BATCH)?) {
        insert(db, first, BATCH.min(rows + 1 - first))?;
    }
    db.set_outbox_bytes_max(mailferry_core::state::OUTBOX_BYTES_MAX);
    Ok(rows)
}

fn insert(db: &mut Database, first: u64, count: u64) -> Result<(), StateError> {
    let sql = INSERT.replace(
        "generate_series_of",
        &format!("(WITH RECURSIVE n (value) AS (SELECT {first} UNION ALL SELECT value + 1 FROM n LIMIT {count}) SELECT value FROM n)"),
    );
    db.write(|tx| Ok(tx.execute(&sql, []).map(|_| ())?))
}

/// What one item does to the ledger: four new rows, six changed ones all over the table.
fn item(db: &mut Database, rows: u64, number: u64) -> Result<(), StateError> {
    let first = rows + 1 + number * 4;
    let sql = INSERT.replace(
        "generate_series_of",
        &format!("(SELECT {first} AS value UNION ALL SELECT {first} + 1 UNION ALL SELECT {first} + 2 UNION ALL SELECT {first} + 3)"),
    );
    db.write(|tx| {
        tx.execute(&sql, [])?;
        for n in 0..6 {
            let id = 1 + (number * 7919 + n * 104_729) * 15_485_863 % rows;
            tx.execute("UPDATE item SET state = state + 1, size = size + 1 WHERE id = ?1", [i64::try_from(id).unwrap_or(1)])?;
        }
        Ok(())
    })
}

fn measure_changes(directory: &Path, label: &str, active: &mut Database, rows: u64, items: u64) -> anyhow::Result<()> {
    let who = |node: &str| Identity { cluster: "SRC".into(), agent: "source".into(), node: node.into() };
    let mut standby = open(&directory.join("standby.db"))?;
    let share = DirectoryShare::new(directory.join("share"));
    active.begin_epoch(Epoch(1))?;
    let (shipped, cost) = timed(|| Ok(ship(active, &share, &who("A"), "B", None)?))?;
    one(label, "snapshot: ship", cost, shipped.bytes);
    let (_, cost) = timed(|| Ok(replay(&mut standby, &share, &who("B"))?))?;
    one(label, "snapshot: replay, checked", cost, 0);
    let (mut writes, mut ships, mut replays) = (Series::default(), Series::default(), Series::default());
    for number in 0..items {
        let ((), cost) = timed(|| Ok(item(active, rows, number)?))?;
        writes.add(cost, 0);
        let (shipped, cost) = timed(|| Ok(ship(active, &share, &who("A"), "B", None)?))?;
        ships.add(cost, shipped.bytes);
        active.prune(&["B"])?;
        let (_, cost) = timed(|| Ok(replay(&mut standby, &share, &who("B"))?))?;
        replays.add(cost, 0);
    }
    anyhow::ensure!(active.row_digest()? == standby.row_digest()?, "the standby differs");
    writes.print(label, "item: write, recorded");
    ships.print(label, "item: ship change set");
    replays.print(label, "item: replay");
    Ok(())
}

fn one(label: &str, road: &str, cost: Cost, bytes: u64) {
    let mut series = Series::default();
    series.add(cost, bytes);
    series.print(label, road);
}

fn measure_copies(directory: &Path, label: &str, path: &Path) -> anyhow::Result<()> {
    let source = rusqlite::Connection::open(path)?;
    source.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    let target = directory.join("backup.db");
    let ((), cost) = timed(|| {
        let mut copy = rusqlite::Connection::open(&target)?;
        rusqlite::backup::Backup::new(&source, &mut copy)?.run_to_completion(1000, std::time::Duration::ZERO, None)?;
        Ok(())
    })?;
    one(label, "whole copy: backup API", cost, file_bytes(&target)?);
    fs::remove_file(&target)?;
    let ((), cost) = timed(|| {
        fs::copy(path, &target).context("copying the file")?;
        Ok(fs::File::options().write(true).open(&target)?.sync_all()?)
    })?;
    one(label, "whole copy: file", cost, file_bytes(&target)?);
    Ok(())
}
