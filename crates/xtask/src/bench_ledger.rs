//! `cargo xtask bench ledger`: whether a large ledger costs more: look-ups, the write of an item, its replication, its replay, the report of
//! a session, at several numbers of rows of the agents' own schema.
//!
//! CPU time of the thread, kernel included, because the machine is shared, and of five batches the one that was disturbed least;
//! everything is synced as in production. Beside each number its ratio to the smallest ledger.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailferry_core::engine::{Mailbox, Standing};
use mailferry_core::model::{Digest, FolderPath, ItemKey, Marks, Outcome, Receipt, TargetId, Token};
use mailferry_core::ports::UnwatchedSteps;
use mailferry_core::replication::{Identity, replay, ship};
use mailferry_core::state::{Database, StateError, ledger};
use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use mailferry_rules::import::Arrival;

use self::fill::{Sample, Shape};
use crate::bench_replication::{DirectoryShare, cpu_ms, timed};

mod fill;

#[derive(clap::Args)]
pub struct Arguments {
    /// Rows of the ledger
    #[arg(long, value_delimiter = ',', default_values_t = [10_000, 1_000_000, 20_000_000])]
    rows: Vec<u64>,
    /// Items to measure at each size
    #[arg(long, default_value_t = 500)]
    items: u64,
    /// Measure a snapshot as well: shipped, and replayed by an empty standby
    #[arg(long)]
    snapshot: bool,
    /// Where the databases are made (deleted afterwards): about 800 bytes a row
    #[arg(long)]
    directory: Option<PathBuf>,
}

/// Look-ups measured: the clock of the thread moves in steps of milliseconds.
const LOOK_UPS: u64 = 20_000;
/// How often each is done again.
const AGAIN: u64 = 5;
const REPORTS: u64 = 1_000;
const BATCHES: u64 = 5;

/// What was measured at one size, in the order in which it is printed.
#[derive(Default)]
struct Column(Vec<(&'static str, f64)>);

impl Column {
    fn add(&mut self, what: &'static str, value: f64) {
        self.0.push((what, value));
    }

    /// CPU microseconds of one of `count` calls: the mean of the calmest of some batches.
    fn each<T>(&mut self, what: &'static str, count: u64, mut work: impl FnMut(u64) -> anyhow::Result<T>) -> anyhow::Result<()> {
        let batch = count.div_ceil(BATCHES);
        let mut best = f64::INFINITY;
        for first in (0..count).step_by(usize::try_from(batch)?) {
            let calls = batch.min(count - first);
            let before = cpu_ms();
            for number in first..first + calls {
                work(number)?;
            }
            best = best.min((cpu_ms() - before) * 1e3 / calls as f64);
        }
        self.add(what, best);
        Ok(())
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let home = match &arguments.directory {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir()?,
    };
    let mut columns = Vec::new();
    for rows in &arguments.rows {
        let directory = home.path().join(rows.to_string());
        fs::create_dir(&directory)?;
        columns.push(measure(&directory, *rows, arguments)?);
        fs::remove_dir_all(&directory)?;
    }
    print(&arguments.rows, &columns);
    Ok(())
}

fn print(rows: &[u64], columns: &[Column]) {
    let head = |(number, rows): (usize, &u64)| format!("{rows} rows{}", if number == 0 { "" } else { " | ratio" });
    println!("| | {} |", rows.iter().enumerate().map(head).collect::<Vec<_>>().join(" | "));
    println!("|---|{}", "---:|".repeat(2 * rows.len() - 1));
    let Some(first) = columns.first() else { return };
    for (at, (what, base)) in first.0.iter().enumerate() {
        let cells = columns.iter().enumerate().map(|(number, column)| {
            let value = column.0.get(at).map_or(0.0, |(_, value)| *value);
            if number == 0 { format!("{value:.1}") } else { format!("{value:.1} | {:.2}", value / base.max(f64::MIN_POSITIVE)) }
        });
        println!("| {what} | {} |", cells.collect::<Vec<_>>().join(" | "));
    }
}

fn open(path: &Path) -> Result<Database, StateError> {
    Database::open(path, Arc::new(UnwatchedSteps))
}

fn who(node: &str) -> Identity {
    Identity { cluster: "SRC".into(), agent: "source".into(), node: node.into() }
}

fn measure(directory: &Path, rows: u64, arguments: &Arguments) -> anyhow::Result<Column> {
    let (path, copy) = (directory.join("active.db"), directory.join("standby.db"));
    let shape = Shape::of(rows);
    drop(open(&path)?);
    let (sample, cost) = timed(|| fill::fill(&path, &shape, LOOK_UPS))?;
    eprintln!("{rows} rows made in {:.0} s: {} bytes", cost.wall_ms / 1e3, fs::metadata(&path)?.len());
    let mut active = open(&path)?;
    active.begin_epoch(Epoch(2))?;
    fill::checkpoint(&path)?;
    fs::copy(&path, &copy)?;
    fill::make_standby(&copy)?;
    let mut column = Column::default();
    column.add("database, MB", fs::metadata(&path)?.len() as f64 / 1e6);
    look_up(&mut column, &active, &sample)?;
    report(&mut column, &active, &shape, &path)?;
    items(&mut column, &mut active, &copy, &directory.join("share"), &shape, arguments.items)?;
    report_again(&mut column, &active, &shape)?;
    if arguments.snapshot {
        snapshot(&mut column, &mut active, directory)?;
    }
    Ok(column)
}

fn look_up(column: &mut Column, db: &Database, sample: &Sample) -> anyhow::Result<()> {
    let count = sample.items.len() as u64;
    let at = |number: u64| &sample.items[(number % count) as usize];
    for (first, calls) in [(true, count), (false, count * AGAIN)] {
        let named = |cold: &'static str, warm: &'static str| if first { cold } else { warm };
        column.each(named("look up an item by key, first time, µs", "look up an item by key, again, µs"), calls, |number| {
            let item = at(number);
            let found = db.read(|db| Ok(ledger::source::item(db, item.mailbox, item.folder, &item.key)?))?;
            anyhow::ensure!(found.is_some(), "an item is not found by its key");
            Ok(())
        })?;
        column.each(named("look up an item by token, first time, µs", "look up an item by token, again, µs"), calls, |number| {
            let item = at(number);
            let found = db.read(|db| Ok(ledger::source::by_token(db, item.mailbox, &item.token)?))?;
            anyhow::ensure!(found.is_some(), "an item is not found by its token");
            Ok(())
        })?;
        column.each(named("look up where an item went, first time, µs", "look up where an item went, again, µs"), calls, |number| {
            let (mailbox, token) = &sample.tracked[(number % count) as usize];
            let found = db.read(|db| Ok(ledger::target::tracked(db, *mailbox, token)?))?;
            anyhow::ensure!(found.is_some(), "an item is not tracked");
            Ok(())
        })?;
    }
    column.each("is a container published, taken, delivered, µs", count * AGAIN, |number| {
        let name = sample.containers[(number % count) as usize];
        let known = db.read(|db| {
            Ok((
                ledger::outbound::is_published(db, &name)?,
                ledger::inbound::is_taken(db, &name)?,
                ledger::delivery::is_delivered(db, "T1", &name)?,
            ))
        })?;
        anyhow::ensure!(known == (true, true, true), "{name} is not known");
        Ok(())
    })
}

fn mailboxes(shape: &Shape) -> Vec<Mailbox> {
    let mailbox =
        |number| Mailbox { id: fill::mailbox(number), name: String::new(), source: String::new(), target: String::new(), priority: 0 };
    (0..shape.mailboxes).map(mailbox).collect()
}

fn report(column: &mut Column, db: &Database, shape: &Shape, path: &Path) -> anyhow::Result<()> {
    let mailboxes = mailboxes(shape);
    column.each("report of a session, the same 20 mailboxes, µs", REPORTS, |_| {
        Ok(db.read(|db| Ok(Standing::read(db, &mailboxes[..20], true)?))?)
    })?;
    column.each("report of a session, all mailboxes, µs", REPORTS, |_| Ok(db.read(|db| Ok(Standing::read(db, &mailboxes, true)?))?))?;
    column.each("the walks it had to do without its indices, µs", 10 * BATCHES, |_| fill::walk(path))
}

fn report_again(column: &mut Column, db: &Database, shape: &Shape) -> anyhow::Result<()> {
    let standing = db.read(|db| Ok(Standing::read(db, &mailboxes(shape), true)?))?;
    anyhow::ensure!(standing.containers > 0 && standing.answered > 0, "the report is empty");
    column.each("queues of a session, µs", REPORTS * AGAIN, |_| Ok(mailferry_core::replication::copy_queue(db, "B")?))
}

/// What source and target agent commit for a container of one item.
fn item(db: &mut Database, shape: &Shape, number: u64) -> Result<(), StateError> {
    let mailbox = fill::mailbox(number * 7919 % shape.mailboxes);
    let name = ContainerName { mailbox, sequence: Sequence(shape.sequences() + 1 + number), epoch: Epoch(2) };
    let digest = Digest::of(&number.to_le_bytes());
    let mut token = Token([0; 16]);
    token.0.copy_from_slice(&digest.0[..16]);
    db.write(|tx| {
        let item = ledger::source::KnownItem {
            folder: 1,
            key: ItemKey(format!("1800000000.M{number:012}.quay:2,S").into_bytes()),
            token,
            size: 70_000,
            digest: Some(digest),
            marks: Marks::default(),
            body: name.sequence,
        };
        ledger::source::record_item(tx, mailbox, &item, name.sequence)?;
        let published = ledger::outbound::Published { name, base: Sequence(0), digest, bytes: 40_000, items: 1 };
        ledger::outbound::record(tx, &published, 1_750_000_000_000)?;
        ledger::delivery::record(tx, "T1", &name, digest, 1_750_000_000_000)?;
        track(tx, mailbox, token, digest)?;
        let receipt = Receipt { container: name, digest, outcome: Outcome::Applied, applied: 1, already: 0, found: 0, skipped: Vec::new() };
        let arrival = Arrival { sequence: name.sequence, epoch: Epoch(2), base: Sequence(0), previous_epoch: Epoch(2) };
        Ok(ledger::inbound::take(tx, &receipt, arrival, true, 1_750_000_000_000)?)
    })
}

fn track(db: &mailferry_core::state::Connection, mailbox: MailboxId, token: Token, digest: Digest) -> mailferry_core::state::SqlResult<()> {
    let id = TargetId(token.0.to_vec());
    let tracked =
        ledger::target::Tracked { token, folder: FolderPath(vec!["F1".into()]), id, digest, marks: Marks::default(), gone: false };
    ledger::target::track(db, mailbox, &tracked)
}

fn items(column: &mut Column, active: &mut Database, copy: &Path, share: &Path, shape: &Shape, items: u64) -> anyhow::Result<()> {
    let mut standby = open(copy)?;
    let share = DirectoryShare::new(share.to_path_buf());
    replay(&mut standby, &share, &who("B"))?;
    anyhow::ensure!(ship(active, &share, &who("A"), "B", None)?.snapshot.is_none(), "the standby's copy is not taken for one");
    let batch = items.div_ceil(BATCHES);
    let (mut best, mut sums, mut bytes) = ([f64::INFINITY; 3], [0.0; 3], 0);
    for number in 0..batch * BATCHES {
        let ((), write) = timed(|| Ok(item(active, shape, number)?))?;
        let (shipped, cost) = timed(|| {
            let shipped = ship(active, &share, &who("A"), "B", None)?;
            active.prune(&["B"])?;
            Ok(shipped)
        })?;
        anyhow::ensure!(shipped.files == 1 && shipped.snapshot.is_none(), "an item was not shipped as a change file");
        let (replayed, replay) = timed(|| Ok(replay(&mut standby, &share, &who("B"))?))?;
        anyhow::ensure!(replayed.sets == 1, "an item was not replayed");
        bytes += shipped.bytes;
        sums.iter_mut().zip([write, cost, replay]).for_each(|(sum, cost)| *sum += cost.cpu_ms);
        if (number + 1) % batch == 0 {
            best.iter_mut().zip(sums).for_each(|(best, sum)| *best = best.min(sum));
            sums = [0.0; 3];
        }
    }
    anyhow::ensure!(active.position()? == standby.position()?, "the standby stands elsewhere");
    let names = ["item: write, recorded, µs", "item: ship and prune, µs", "item: replay at the standby, µs"];
    for (name, best) in names.into_iter().zip(best) {
        column.add(name, best * 1e3 / batch as f64);
    }
    column.add("item: bytes shipped", bytes as f64 / (batch * BATCHES) as f64);
    Ok(())
}

fn snapshot(column: &mut Column, active: &mut Database, directory: &Path) -> anyhow::Result<()> {
    let share = DirectoryShare::new(directory.join("empty"));
    let (shipped, cost) = timed(|| Ok(ship(active, &share, &who("A"), "C", None)?))?;
    column.add("snapshot: MB", shipped.bytes as f64 / 1e6);
    column.add("snapshot: ship, ms", cost.cpu_ms);
    let mut empty = open(&directory.join("empty.db"))?;
    let (_, cost) = timed(|| Ok(replay(&mut empty, &share, &who("C"))?))?;
    column.add("snapshot: replay, checked, ms", cost.cpu_ms);
    anyhow::ensure!(active.position()? == empty.position()?, "the snapshot leads elsewhere");
    Ok(())
}
