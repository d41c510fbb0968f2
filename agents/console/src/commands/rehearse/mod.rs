//! `mailferry rehearse SOURCE TARGET` and `mailferry rehearse --list PAIRS`: what can go wrong, told before a byte moves (X10). Both ends
//! are only looked at (`mailferry_core::rehearse`).
//!
//! ```text
//! mod   arguments, and one mailbox after another
//! sink  hazards as they are found: to CSV, to JSON, the first ones kept for the page
//! page  for people
//! ```

mod page;
mod sink;

use std::collections::BTreeMap;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use indicatif::{HumanBytes, HumanCount, ProgressBar};
use mailferry_core::model::FolderPath;
use mailferry_core::ports::Stores;
use mailferry_core::rehearse::{Choices, Hazard, Hearing, Rehearsal, Weight, not_opened, rehearse};
use mailferry_core::trouble::Trouble;
use mailferry_stores::{Access, survey_with};
use serde::Serialize;

use super::migrate::list::{self, Entry, Limits, List};
use super::migrate::one::{self, Pair, Way};
use super::migrate::{policy, stop_on_signal};
use crate::exit::{Exit, WrongUse};
use crate::screen::{self, Screen};
use sink::Sink;

/// Look for everything that can go wrong with a migration, before a byte moves
///
/// Reads the source, looks at the target, and changes neither: no folder is made, no flag is set. Takes what `migrate` takes. Each hazard has a name, the folder
/// and the message where it is one, what will happen, and what to do; docs/reference/hazards.md lists them all.
///
/// Exit codes: 0 nothing found but notes, 1 something would stop the migration of a mailbox or a folder, 2 wrong usage, 3 warnings.
#[derive(clap::Args)]
pub struct Args {
    /// Store that is to be moved
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    source: Option<String>,
    /// Store that is to be filled; it need not be there yet
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    target: Option<String>,
    /// Look at the mailboxes of this CSV file
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    #[command(flatten)]
    limits: Limits,
    /// Do not read messages: their sizes, dates and flags are looked at, their bytes are not
    #[arg(long)]
    quick: bool,
    /// Show this many examples of each hazard; --json and --csv list all
    #[arg(long, value_name = "N", default_value_t = 3)]
    examples: usize,
    /// Write every hazard to this CSV file
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// The work folder of `migrate`, where one was named: what has been brought over already needs no room
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// A setting as for `migrate`, such as --set SendRights=1
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// One mailbox, looked at.
#[derive(Serialize)]
struct Row {
    line: usize,
    name: String,
    stops: u64,
    warnings: u64,
    notes: u64,
    seconds: f64,
    #[serde(flatten)]
    rehearsal: Rehearsal,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let policy = policy(&args.set, false)?;
    mailferry_host::keep_little_memory();
    if args.list.is_none() && args.limits.any() {
        return Err(WrongUse(Trouble::new("--jobs and --per-server are for many mailboxes").hint("name them with --list FILE")).into());
    }
    let list = match &args.list {
        Some(file) => list::read(file)?,
        None => List::of_one(Pair::parse(args.source.as_deref().unwrap_or_default(), args.target.as_deref().unwrap_or_default())?),
    };
    let way = Way { policy, access: Access::of_run(list.secrets()?), stop: stop_on_signal(), manifest: None };
    let sink = Sink::open(args.csv.as_deref(), args.examples, screen)?;
    let bar = screen::spinner();
    let rehearsing = Rehearsing { args, way: &way, sink, bar: &bar, rows: Mutex::default(), passed: Default::default() };
    list::work_off(&list.entries, &args.limits, &way.stop, &|number, entry| rehearsing.one(number, entry));
    bar.finish_and_clear();
    let rows: Vec<Row> = rehearsing.rows.into_inner().unwrap_or_else(PoisonError::into_inner).into_values().collect();
    let left = list.entries.len() - rows.len();
    rehearsing.sink.end(&rows, left, args.list.is_some())?;
    Ok(exit(&rows, left))
}

fn exit(rows: &[Row], left: usize) -> Exit {
    match rows.iter().filter_map(|row| row.rehearsal.weight()).min() {
        Some(Weight::Stop) => Exit::Failed,
        Some(Weight::Warning) => Exit::Partly,
        _ if left > 0 || rows.iter().any(|row| !row.rehearsal.is_whole) => Exit::Partly,
        _ => Exit::Ok,
    }
}

/// What the jobs share.
struct Rehearsing<'a> {
    args: &'a Args,
    way: &'a Way,
    sink: Sink<'a>,
    bar: &'a ProgressBar,
    rows: Mutex<BTreeMap<usize, Row>>,
    passed: [AtomicU64; 2],
}

impl Rehearsing<'_> {
    fn one(&self, number: usize, entry: &Entry) {
        let began = Instant::now();
        let rehearsal = self.rehearsal(entry);
        one::let_go(&entry.pair, self.way);
        let [stops, warnings, notes] = Weight::ALL.map(|weight| rehearsal.count(weight));
        let seconds = began.elapsed().as_secs_f64();
        let row = Row { line: entry.line, name: entry.name.clone(), stops, warnings, notes, seconds, rehearsal };
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).insert(number, row);
    }

    /// Both ends are tried before anything is said: whoever has to mend something learns of all of it.
    fn rehearsal(&self, entry: &Entry) -> Rehearsal {
        let (from, to) = (entry.pair.source.to_string(), entry.pair.target.to_string());
        let mut hears = Hears { shared: self, entry };
        match (self.way.access.source(&from), survey_with(&entry.pair.target, &self.way.access)) {
            (Ok(mut source), Ok(mut target)) => {
                let choices = Choices { quick: self.args.quick, policy: &self.way.policy, to_come: self.to_come(entry), now_s: now_s() };
                rehearse(source.as_mut(), target.as_mut(), &choices, &mut hears)
            }
            (source, target) => {
                let hazards: Vec<Hazard> = source.err().into_iter().chain(target.err()).map(|error| not_opened(&error)).collect();
                hazards.iter().for_each(|hazard| hears.hazard(hazard));
                Rehearsal::of_unopened(from, to, &hazards)
            }
        }
    }

    /// A state that cannot be read says nothing: then all of the source is to come.
    fn to_come(&self, entry: &Entry) -> Option<(u64, u64)> {
        let work = self.work(&entry.pair)?;
        one::to_come(&entry.pair, &work, self.way).ok().flatten()
    }

    fn work(&self, pair: &Pair) -> Option<PathBuf> {
        match (&self.args.work, &self.args.list) {
            (Some(work), None) => Some(work.clone()),
            (work, _) => pair.work_below(work.as_deref().map(Path::new)).ok(),
        }
    }
}

/// Of one mailbox.
struct Hears<'a, 'r> {
    shared: &'r Rehearsing<'a>,
    entry: &'r Entry,
}

impl Hearing for Hears<'_, '_> {
    fn hazard(&mut self, hazard: &Hazard) {
        self.shared.sink.take(&self.entry.name, hazard);
    }

    fn passed(&mut self, folder: &FolderPath, _: u64, bytes: u64) {
        let [items, sum] = &self.shared.passed;
        let items = items.fetch_add(1, Ordering::Relaxed) + 1;
        let sum = sum.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if items.is_multiple_of(64) && std::io::stderr().is_terminal() {
            let folder = crate::text::folder(folder);
            self.shared.bar.set_message(format!("{} items, {} read: {folder}", HumanCount(items), HumanBytes(sum)));
        }
    }

    fn ended(&self) -> bool {
        self.shared.way.stop.load(Ordering::Relaxed)
    }
}

fn now_s() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64)
}
