//! `mailferry migrate --list`: many mailboxes, several at a time. One that fails does not stop the others.
//!
//! ```text
//! csv       values separated by commas
//! pairs     the lines of the list, checked before anything is begun
//! pool      several mailboxes at a time
//! schedule  which mailbox is next
//! report    the summary, on the screen and in files
//! ```

mod pairs;
mod pool;
mod report;
mod schedule;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use indicatif::{HumanBytes, HumanCount, ProgressBar};

use super::one::{self, Done, Way};
use crate::exit::Exit;
use crate::one_process::Watch;
use crate::screen::{self, Screen};
use crate::text;
use report::{Files, Report, Row, State};

pub use pairs::{Entry, List, read};
pub use pool::{Limits, work_off};

#[derive(clap::Args)]
pub struct Options {
    #[command(flatten)]
    limits: Limits,
    /// With --list: write a report; .csv or .json, may be said twice. Default: beside the list, as .report.csv
    #[arg(long, value_name = "FILE")]
    report: Vec<PathBuf>,
}

impl Options {
    pub fn any(&self) -> bool {
        self.limits.any() || !self.report.is_empty()
    }
}

/// What the jobs share.
struct Bulk<'a> {
    mailboxes: usize,
    way: &'a Way,
    work: Option<&'a Path>,
    rehearsal: bool,
    rows: Mutex<BTreeMap<usize, Row>>,
    bar: ProgressBar,
    passed: Arc<[AtomicU64; 2]>,
}

pub fn run(
    list: &List,
    way: &Way,
    work: Option<&Path>,
    rehearsal: bool,
    file: &Path,
    options: &Options,
    screen: &mut Screen,
) -> anyhow::Result<Exit> {
    let files = Files::prepare(&options.report, file)?;
    let began = Instant::now();
    let bulk = Bulk {
        mailboxes: list.entries.len(),
        way,
        work,
        rehearsal,
        rows: Mutex::default(),
        bar: screen::spinner(),
        passed: Arc::default(),
    };
    let jobs = pool::work_off(&list.entries, &options.limits, &way.stop, &|number, entry| bulk.take(number, entry));
    bulk.bar.finish_and_clear();
    let report = Report {
        mailboxes: bulk.rows(&list.entries),
        jobs,
        seconds: began.elapsed().as_secs_f64(),
        interrupted: way.stop.load(Ordering::Relaxed),
    };
    report.print(screen)?;
    files.write(&report)?;
    if !screen.json {
        files.tell(screen)?;
    }
    Ok(report.exit())
}

impl Bulk<'_> {
    fn take(&self, number: usize, entry: &Entry) {
        let moved = catch_unwind(AssertUnwindSafe(|| self.one(entry)));
        let row = moved.unwrap_or_else(|_| failed(entry, "a mistake in this program ended it; what it said stands above".into(), 0.0));
        self.tell(&row);
        self.rows.lock().unwrap_or_else(PoisonError::into_inner).insert(number, row);
    }

    fn one(&self, entry: &Entry) -> Row {
        let began = Instant::now();
        let row = entry.pair.work_below(self.work).map_err(anyhow::Error::from).and_then(|work| match self.rehearsal {
            true => self.rehearsed(entry, &work, began),
            false => one::migrate(&entry.pair, &work, self.way, &self.watch(entry)).map(|done| moved(entry, &done)),
        });
        row.unwrap_or_else(|error| failed(entry, format!("{error:#}"), began.elapsed().as_secs_f64()))
    }

    fn rehearsed(&self, entry: &Entry, work: &Path, began: Instant) -> anyhow::Result<Row> {
        let rehearsal = one::rehearse(&entry.pair, work, self.way)?;
        let plan = &rehearsal.plan;
        let changed = format!("{} marks changed, {} moved or deleted", plan.marks_changed, plan.gone);
        let changed = (plan.marks_changed + plan.gone > 0).then_some(changed);
        let short = rehearsal.shortage(&entry.pair.target.to_string()).map(|short| format!("warning: {short}"));
        let stays = rehearsal.left_behind.iter().map(|what| format!("not brought over: {what}"));
        let message = changed.into_iter().chain(stays).chain(short).collect::<Vec<_>>().join("\n");
        let (folders, items, bytes, appended) = (plan.folders, plan.items, plan.bytes, plan.to_send);
        let seconds = began.elapsed().as_secs_f64();
        Ok(Row { state: State::Rehearsed, folders, items, bytes, appended, seconds, message, ..blank(entry) })
    }

    fn watch(&self, entry: &Entry) -> Arc<Watch> {
        let (bar, name) = (self.bar.clone(), text::line(&entry.name));
        let hear = move |event: &mailferry_core::ports::Event| {
            bar.suspend(|| drop(writeln!(io::stderr(), "{name}: {}: {}", event.name, text::lines(&event.text))));
        };
        let (bar, passed, shown, before) = (self.bar.clone(), self.passed.clone(), io::stderr().is_terminal(), AtomicU64::new(0));
        let pass = move |mine: crate::one_process::Passed| {
            let bytes = mine.bytes - before.swap(mine.bytes, Ordering::Relaxed).min(mine.bytes);
            let bytes = passed[1].fetch_add(bytes, Ordering::Relaxed) + bytes;
            let items = passed[0].fetch_add(1, Ordering::Relaxed) + 1;
            if shown && items.is_multiple_of(64) {
                let rate = bytes as f64 / bar.elapsed().as_secs_f64().max(0.001);
                bar.set_message(format!("{} items, {}, {}/s", HumanCount(items), HumanBytes(bytes), HumanBytes(rate as u64)));
            }
        };
        Arc::new(Watch::new(self.way.access.clone(), Box::new(hear), Box::new(pass)))
    }

    /// For whoever watches a long run, or reads its log.
    fn tell(&self, row: &Row) {
        let count = self.rows.lock().unwrap_or_else(PoisonError::into_inner).len() + 1;
        let (name, state) = (text::line(&row.name), format!("{:?}", row.state).to_lowercase());
        let first = row.message.lines().next().map(|line| format!(": {}", text::line(line))).unwrap_or_default();
        let line = format!("{count}/{} {name}: {state}, {} appended{first}", self.mailboxes, text::count(row.appended, "item"));
        self.bar.suspend(|| drop(writeln!(io::stderr(), "{line}")));
    }

    /// In the order of the list, with those whose turn did not come.
    fn rows(&self, entries: &[Entry]) -> Vec<Row> {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        let waiting = |entry| Row { state: State::Waiting, ..blank(entry) };
        entries.iter().enumerate().map(|(number, entry)| rows.remove(&number).unwrap_or_else(|| waiting(entry))).collect()
    }
}

fn blank(entry: &Entry) -> Row {
    Row {
        line: entry.line,
        name: entry.name.clone(),
        source: entry.pair.source.to_string(),
        target: entry.pair.target.to_string(),
        state: State::Failed,
        folders: 0,
        items: 0,
        bytes: 0,
        appended: 0,
        found_again: 0,
        already_there: 0,
        skipped: 0,
        seconds: 0.0,
        message: String::new(),
    }
}

fn failed(entry: &Entry, message: String, seconds: f64) -> Row {
    Row { message, seconds, ..blank(entry) }
}

fn moved(entry: &Entry, done: &Done) -> Row {
    let Done { outcome, seconds } = done;
    let (counts, totals) = (&outcome.counts, &outcome.totals);
    let mut messages = outcome.waits.clone();
    if counts.skipped > 0 {
        messages.push(format!("{} skipped", text::count(counts.skipped, "item")));
    }
    Row {
        state: if done.exit() == Exit::Ok { State::Done } else { State::Partly },
        folders: totals.folders,
        items: totals.items,
        bytes: totals.bytes,
        appended: counts.appended,
        found_again: counts.found,
        already_there: counts.already,
        skipped: counts.skipped,
        seconds: *seconds,
        message: messages.join("\n"),
        ..blank(entry)
    }
}
