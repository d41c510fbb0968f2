//! `cargo xtask bench ledger`: whether a large ledger costs more: look-ups, the write of an item, its replication, its replay, the report of
//! a session, at several numbers of rows of the agents' own schema.
//!
//! CPU time of the thread, kernel included, because the machine is shared. The ledgers take turns, batch by batch, and of each the
//! batch that was disturbed least counts; everything is synced as in production. Beside each number its ratio to the smallest ledger.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailferry_core::engine::{Mailbox, Standing};
use mailferry_core::model::{Digest, FolderPath, ItemKey, Marks, Outcome, Receipt, TargetId, Token};
use mailferry_core::ports::UnwatchedSteps;
use mailferry_core::replication::{Identity, copy_queue, replay, ship};
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
    /// Where the databases are made (deleted afterwards): about 400 bytes a row, with a snapshot 900
    #[arg(long)]
    directory: Option<PathBuf>,
}

/// Calls in a batch: the clock of the thread moves in steps of milliseconds.
const LOOK_UPS: u64 = 4_000;
const REPORTS: u64 = 300;
const BATCHES: u64 = 7;
/// Rows asked for again and again.
const FEW: u64 = 500;

/// A ledger of one size, with a standby that stands where it does.
struct Ledger {
    rows: u64,
    shape: Shape,
    mailboxes: Vec<Mailbox>,
    path: PathBuf,
    active: Database,
    standby: Database,
    share: DirectoryShare,
    sample: Sample,
}

/// What was measured, in the order in which it is printed: a value for each ledger.
#[derive(Default)]
struct Table(Vec<(&'static str, Vec<f64>)>);

impl Table {
    fn add(&mut self, what: &'static str, values: Vec<f64>) {
        self.0.push((what, values));
    }

    /// CPU microseconds of one call: the mean of the calmest batch.
    fn each(
        &mut self,
        what: &'static str,
        ledgers: &mut [Ledger],
        calls: u64,
        mut work: impl FnMut(&mut Ledger, u64) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut best = vec![f64::INFINITY; ledgers.len()];
        for batch in 0..BATCHES {
            for (ledger, best) in ledgers.iter_mut().zip(&mut best) {
                let before = cpu_ms();
                for number in batch * calls..(batch + 1) * calls {
                    work(ledger, number)?;
                }
                *best = best.min((cpu_ms() - before) * 1e3 / calls as f64);
            }
        }
        self.add(what, best);
        Ok(())
    }

    fn print(&self, ledgers: &[Ledger]) {
        let head = |(number, ledger): (usize, &Ledger)| format!("{} rows{}", ledger.rows, if number == 0 { "" } else { " | ratio" });
        println!("| | {} |", ledgers.iter().enumerate().map(head).collect::<Vec<_>>().join(" | "));
        println!("|---|{}", "---:|".repeat(2 * ledgers.len() - 1));
        for (what, values) in &self.0 {
            let base = values.first().copied().unwrap_or(0.0).max(f64::MIN_POSITIVE);
            let cell = |(number, value): (usize, &f64)| match number {
                0 => format!("{value:.1}"),
                _ => format!("{value:.1} | {:.2}", value / base),
            };
            println!("| {what} | {} |", values.iter().enumerate().map(cell).collect::<Vec<_>>().join(" | "));
        }
    }
}

pub fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let home = match &arguments.directory {
        Some(directory) => tempfile::tempdir_in(directory)?,
        None => tempfile::tempdir()?,
    };
    let mut ledgers = Vec::new();
    for rows in &arguments.rows {
        let directory = home.path().join(rows.to_string());
        fs::create_dir(&directory)?;
        ledgers.push(Ledger::make(&directory, *rows)?);
    }
    let mut table = Table::default();
    let megabytes = |ledger: &Ledger| fs::metadata(&ledger.path).map_or(0.0, |about| about.len() as f64 / 1e6);
    table.add("database, MB", ledgers.iter().map(megabytes).collect());
    look_up(&mut table, &mut ledgers)?;
    report(&mut table, &mut ledgers)?;
    items(&mut table, &mut ledgers, arguments.items)?;
    if arguments.snapshot {
        snapshot(&mut table, &mut ledgers, home.path())?;
    }
    table.print(&ledgers);
    Ok(())
}

fn open(path: &Path) -> Result<Database, StateError> {
    Database::open(path, Arc::new(UnwatchedSteps))
}

fn who(node: &str) -> Identity {
    Identity { cluster: "SRC".into(), agent: "source".into(), node: node.into() }
}

impl Ledger {
    fn make(directory: &Path, rows: u64) -> anyhow::Result<Self> {
        let (path, copy) = (directory.join("active.db"), directory.join("standby.db"));
        let shape = Shape::of(rows);
        drop(open(&path)?);
        let (sample, cost) = timed(|| fill::fill(&path, &shape, LOOK_UPS * BATCHES))?;
        eprintln!("{rows} rows made in {:.0} s: {} bytes", cost.wall_ms / 1e3, fs::metadata(&path)?.len());
        let mut active = open(&path)?;
        active.begin_epoch(Epoch(2))?;
        fill::checkpoint(&path)?;
        fs::copy(&path, &copy)?;
        fill::make_standby(&copy)?;
        let (mut standby, share) = (open(&copy)?, DirectoryShare::new(directory.join("share")));
        replay(&mut standby, &share, &who("B"))?;
        anyhow::ensure!(ship(&mut active, &share, &who("A"), "B", None)?.snapshot.is_none(), "the standby's copy is not taken for one");
        Ok(Ledger { rows, mailboxes: mailboxes(&shape), shape, path, active, standby, share, sample })
    }
}

fn found<T>(what: Option<T>) -> anyhow::Result<()> {
    what.map(drop).ok_or_else(|| anyhow::anyhow!("a row of the ledger is not found"))
}

fn look_up(table: &mut Table, ledgers: &mut [Ledger]) -> anyhow::Result<()> {
    let by_key = |ledger: &mut Ledger, number: u64| {
        let item = &ledger.sample.items[number as usize];
        found(ledger.active.read(|db| Ok(ledger::source::item(db, item.mailbox, item.folder, &item.key)?))?)
    };
    let by_token = |ledger: &mut Ledger, number: u64| {
        let item = &ledger.sample.items[number as usize];
        found(ledger.active.read(|db| Ok(ledger::source::by_token(db, item.mailbox, &item.token)?))?)
    };
    let tracked = |ledger: &mut Ledger, number: u64| {
        let (mailbox, token) = &ledger.sample.tracked[number as usize];
        found(ledger.active.read(|db| Ok(ledger::target::tracked(db, *mailbox, token)?))?)
    };
    table.each("an item by key, all over, µs", ledgers, LOOK_UPS, by_key)?;
    table.each("an item by token, all over, µs", ledgers, LOOK_UPS, by_token)?;
    table.each("where an item went, all over, µs", ledgers, LOOK_UPS, tracked)?;
    table.each("an item by key, of few, µs", ledgers, LOOK_UPS, |ledger, number| by_key(ledger, number % FEW))?;
    table.each("an item by token, of few, µs", ledgers, LOOK_UPS, |ledger, number| by_token(ledger, number % FEW))?;
    table.each("where an item went, of few, µs", ledgers, LOOK_UPS, |ledger, number| tracked(ledger, number % FEW))?;
    table.each("is a container published, taken, delivered, µs", ledgers, LOOK_UPS, |ledger, number| {
        let name = ledger.sample.containers[number as usize];
        let known = ledger.active.read(|db| {
            let (published, taken) = (ledger::outbound::is_published(db, &name)?, ledger::inbound::is_taken(db, &name)?);
            Ok(published && taken && ledger::delivery::is_delivered(db, "T1", &name)?)
        })?;
        found(known.then_some(()))
    })
}

fn mailboxes(shape: &Shape) -> Vec<Mailbox> {
    let mailbox =
        |number| Mailbox { id: fill::mailbox(number), name: String::new(), source: String::new(), target: String::new(), priority: 0 };
    (0..shape.mailboxes).map(mailbox).collect()
}

fn report(table: &mut Table, ledgers: &mut [Ledger]) -> anyhow::Result<()> {
    let standing = |ledger: &Ledger, mailboxes: &[Mailbox]| {
        let standing = ledger.active.read(|db| Ok(Standing::read(db, mailboxes, true)?))?;
        found((standing.containers > standing.answered && standing.answered > 0).then_some(()))
    };
    table.each("report of a session, 20 mailboxes, µs", ledgers, REPORTS, |ledger, _| standing(ledger, &ledger.mailboxes[..20]))?;
    table.each("report of a session, all mailboxes, µs", ledgers, REPORTS, |ledger, _| standing(ledger, &ledger.mailboxes))?;
    table.each("copy queue of a session, µs", ledgers, REPORTS, |ledger, _| Ok(copy_queue(&ledger.active, "B").map(drop)?))?;
    table.each("the walks that a report would do without its indices, µs", ledgers, 1, |ledger, _| fill::walk(&ledger.path))
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
            identity: None,
            again: false,
            date: Some(1_750_000_000),
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
    let tracked = ledger::target::Tracked::found(token, FolderPath(vec!["F1".into()]), id, digest, Marks::default());
    ledger::target::track(db, mailbox, &tracked)
}

/// Write, ship and replay of one item after the other; CPU milliseconds of each.
fn batch(ledger: &mut Ledger, numbers: std::ops::Range<u64>, bytes: &mut u64) -> anyhow::Result<[f64; 3]> {
    let mut sums = [0.0; 3];
    let Ledger { active, standby, share, shape, .. } = ledger;
    for number in numbers {
        let ((), write) = timed(|| Ok(item(active, shape, number)?))?;
        let (shipped, cost) = timed(|| {
            let shipped = ship(active, share, &who("A"), "B", None)?;
            active.prune(&["B"])?;
            Ok(shipped)
        })?;
        anyhow::ensure!(shipped.files == 1 && shipped.snapshot.is_none(), "an item was not shipped as a change file");
        let (replayed, replay) = timed(|| Ok(replay(standby, share, &who("B"))?))?;
        anyhow::ensure!(replayed.sets == 1, "an item was not replayed");
        sums.iter_mut().zip([write, cost, replay]).for_each(|(sum, cost)| *sum += cost.cpu_ms);
        *bytes += shipped.bytes;
    }
    anyhow::ensure!(active.position()? == standby.position()?, "the standby stands elsewhere");
    Ok(sums)
}

fn items(table: &mut Table, ledgers: &mut [Ledger], items: u64) -> anyhow::Result<()> {
    let each = items.div_ceil(BATCHES);
    let mut best = vec![[f64::INFINITY; 3]; ledgers.len()];
    let mut bytes = vec![0; ledgers.len()];
    for turn in 0..BATCHES {
        for (at, ledger) in ledgers.iter_mut().enumerate() {
            let sums = batch(ledger, turn * each..(turn + 1) * each, &mut bytes[at])?;
            best[at].iter_mut().zip(sums).for_each(|(best, sum)| *best = best.min(sum));
        }
    }
    for (phase, name) in
        ["item: write, recorded, µs", "item: ship and prune, µs", "item: replay at the standby, µs"].into_iter().enumerate()
    {
        table.add(name, best.iter().map(|best| best[phase] * 1e3 / each as f64).collect());
    }
    table.add("item: bytes shipped", bytes.iter().map(|bytes| *bytes as f64 / (each * BATCHES) as f64).collect());
    Ok(())
}

fn snapshot(table: &mut Table, ledgers: &mut [Ledger], home: &Path) -> anyhow::Result<()> {
    let mut columns = [Vec::new(), Vec::new(), Vec::new()];
    for ledger in ledgers {
        let directory = home.join(ledger.rows.to_string());
        let share = DirectoryShare::new(directory.join("empty"));
        let (shipped, sent) = timed(|| Ok(ship(&mut ledger.active, &share, &who("A"), "C", None)?))?;
        let mut empty = open(&directory.join("empty.db"))?;
        let (_, taken) = timed(|| Ok(replay(&mut empty, &share, &who("C"))?))?;
        anyhow::ensure!(ledger.active.position()? == empty.position()?, "the snapshot leads elsewhere");
        columns.iter_mut().zip([shipped.bytes as f64 / 1e6, sent.cpu_ms, taken.cpu_ms]).for_each(|(column, value)| column.push(value));
    }
    for (name, column) in ["snapshot: MB", "snapshot: ship, ms", "snapshot: replay, checked, ms"].into_iter().zip(columns) {
        table.add(name, column);
    }
    Ok(())
}
