//! `mailferry migrate SOURCE TARGET` and `mailferry migrate --list PAIRS`: mailboxes in one process, no servers. Running it again
//! resumes, or brings over what has changed since.
//!
//! ```text
//! mod      arguments, and one mailbox from the command line
//! one      moving one mailbox
//! room     whether it fits into the quotas of the target
//! secrets  passwords that were given, or are asked for
//! list     many mailboxes
//! ```

pub(super) mod list;
pub(super) mod one;
mod room;
mod secrets;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar};
use mailferry_core::engine::Policy;
use mailferry_core::ports::Event;
use mailferry_core::settings::{AgentSettings, ByteSize};
use mailferry_core::trouble::Trouble;
use mailferry_stores::Access;
use serde::Serialize;

use crate::exit::{Exit, WrongUse};
use crate::one_process::{Passed, Watch};
use crate::screen::{self, Screen};
use one::{Done, Pair, Way};
use room::Rehearsal;

/// Move mailboxes from store to store, in this process
///
/// Stores are URLs such as `maildir:./alice`, `mbox:./mail` or `imaps://alice@mail.example.org`. The source is only read. The run can be stopped at any moment
/// and started again: it goes on where it was. Run it later to bring over new, changed and moved items. With --list, many mailboxes are moved, several at a time;
/// docs/formats/list.md says what such a file looks like.
///
/// Exit codes: 0 everything is at the target, 1 failed, 2 wrong usage, 3 something could not be moved or the run was interrupted.
#[derive(clap::Args)]
pub struct Args {
    /// Store to read
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    source: Option<String>,
    /// Store to fill; made if it is not there
    #[arg(required_unless_present = "list", conflicts_with = "list")]
    target: Option<String>,
    /// Move the mailboxes of this CSV file
    #[arg(long, value_name = "FILE")]
    list: Option<PathBuf>,
    #[command(flatten)]
    bulk: list::Options,
    /// Folder for state and containers; with --list, one for each mailbox below it. Default: one per pair of stores below the user's state folder
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Also delete at the target what has been deleted at the source since an earlier run
    #[arg(long)]
    apply_deletions: bool,
    /// The target may hold messages of the source already, brought there by something else: look for each by its bytes before appending it
    #[arg(long)]
    adopt_existing: bool,
    /// At the end, read the target again and write a signed manifest to this file, and the public key beside it (`.pub`)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["list", "dry_run"])]
    manifest: Option<PathBuf>,
    /// A setting for this run, such as --set CompressionLevel=9
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let mut policy = policy(&args.set, args.apply_deletions)?;
    policy.adopt_existing |= args.adopt_existing;
    mailferry_host::keep_little_memory();
    if let Some(file) = &args.list {
        let list = list::read(file)?;
        let way = Way { policy, access: Access::of_run(list.secrets()?), stop: stop_on_signal(), manifest: None };
        return list::run(&list, &way, args.work.as_deref(), args.dry_run, file, &args.bulk, screen);
    }
    if args.bulk.any() {
        return Err(
            WrongUse(Trouble::new("--jobs, --per-server and --report are for many mailboxes").hint("name them with --list FILE")).into()
        );
    }
    let pair = Pair::parse(args.source.as_deref().unwrap_or_default(), args.target.as_deref().unwrap_or_default())?;
    let work = args.work.clone().map_or_else(|| pair.work_below(None), Ok)?;
    let way = Way { policy, access: Access::of_run(secrets::asked_for(&pair)?), stop: stop_on_signal(), manifest: args.manifest.clone() };
    if args.dry_run {
        return rehearsed(&one::rehearse(&pair, &work, &way)?, &pair, screen);
    }
    let bar = screen::spinner();
    let watch = Arc::new(Watch::new(way.access.clone(), hearing(&bar), passing(&bar)));
    let done = one::migrate(&pair, &work, &way, &watch);
    bar.finish_and_clear();
    summarize(&done?, watch.passed().bytes, &pair, screen)
}

/// Containers go from one folder to another on this machine: small ones let reading and writing overlap, and packing them tightly would
/// cost more than it saves. Of mail, level -7 saves a fifth of the bytes and takes eight times as long as this one, which saves what
/// is nearly free.
const CONTAINER_MIB: u64 = 8;
/// The target begins when the first one is there.
const FIRST_CONTAINER_BYTES: u64 = 1 << 20;
const COMPRESSION_LEVEL: i32 = -1000;
/// What fits into the cache of a processor, and keeps memory low where many are moved at a time.
const BLOCK_BYTES: usize = 256 << 10;
/// A batch ends with waiting for the server.
const BATCH_ITEMS: usize = 5_000;

pub(super) fn policy(set: &[String], apply_deletions: bool) -> anyhow::Result<Policy> {
    let mut settings = AgentSettings {
        free_space_floor: "0".parse().map_err(|error| anyhow::anyhow!("{error:?}"))?,
        container_size_max: ByteSize::mib(CONTAINER_MIB),
        import_batch_items: BATCH_ITEMS as u32,
        ..AgentSettings::default()
    };
    let mut level = COMPRESSION_LEVEL;
    for text in set {
        let (key, value) = text.split_once('=').ok_or_else(|| {
            WrongUse(Trouble::new(format!("`{text}` is not of the form KEY=VALUE")).hint("for example --set ContainerItemsMax=500"))
        })?;
        settings.apply(key.trim(), value.trim()).map_err(|bad| {
            WrongUse(Trouble::new(format!("--set {text} cannot be used")).cause(bad).hint("docs/reference/settings.md lists all settings"))
        })?;
        if key.trim().eq_ignore_ascii_case("CompressionLevel") {
            level = settings.compression_level as i32;
        }
    }
    settings.apply_deletions |= apply_deletions;
    let policy = Policy::of(&settings);
    let container_bytes_first = policy.container_bytes_max.min(FIRST_CONTAINER_BYTES);
    Ok(Policy { compression_level: level, block_bytes: BLOCK_BYTES, container_bytes_first, ..policy })
}

/// Ctrl-C and a service's stop end the run after its durable step.
pub(super) fn stop_on_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    mailferry_host::on_stop_signal({
        let stop = stop.clone();
        move || stop.store(true, Ordering::Relaxed)
    });
    stop
}

fn hearing(bar: &ProgressBar) -> Box<dyn Fn(&Event) + Send + Sync> {
    let bar = bar.clone();
    Box::new(move |event| bar.suspend(|| drop(writeln!(std::io::stderr(), "{}: {}", event.name, crate::text::lines(&event.text)))))
}

fn passing(bar: &ProgressBar) -> Box<dyn Fn(Passed) + Send + Sync> {
    let bar = bar.clone();
    let shown = std::io::stderr().is_terminal();
    Box::new(move |passed| {
        if shown && passed.items % 64 == 0 {
            let rate = passed.bytes as f64 / bar.elapsed().as_secs_f64().max(0.001);
            bar.set_message(format!("{} items, {}, {}/s", HumanCount(passed.items), HumanBytes(passed.bytes), HumanBytes(rate as u64)));
        }
    })
}

fn rehearsed(rehearsal: &Rehearsal, pair: &Pair, screen: &mut Screen) -> anyhow::Result<Exit> {
    if screen.json {
        screen.document(rehearsal)?;
        return Ok(Exit::Ok);
    }
    let planned = &rehearsal.plan;
    writeln!(screen, "{} -> {}: nothing is done (dry run)", pair.source, pair.target)?;
    writeln!(screen, "  holds        {} folders, {} items, {}", planned.folders, HumanCount(planned.items), HumanBytes(planned.bytes))?;
    writeln!(screen, "  to send      {} items, {}", HumanCount(planned.to_send), HumanBytes(planned.to_send_bytes))?;
    writeln!(screen, "  marks        {} changed", HumanCount(planned.marks_changed))?;
    writeln!(screen, "  gone         {} moved or deleted", HumanCount(planned.gone))?;
    for what in &rehearsal.left_behind {
        writeln!(screen, "  stays        {}", crate::text::line(what))?;
    }
    for quota in &rehearsal.quotas {
        writeln!(screen, "  room         {}", crate::text::line(&quota.to_string()))?;
    }
    if let Some(short) = rehearsal.shortage(&pair.target.to_string()) {
        writeln!(screen, "warning: {}", crate::text::lines(&short.to_string()))?;
    }
    Ok(Exit::Ok)
}

#[derive(Serialize)]
struct Summary<'a> {
    source: String,
    target: String,
    folders: u64,
    items: u64,
    appended: u64,
    already_there: u64,
    found_again: u64,
    skipped: u64,
    containers: u64,
    container_bytes: u64,
    seconds: f64,
    interrupted: bool,
    waits: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    manifest: Option<ManifestSummary>,
}

#[derive(Serialize)]
struct ManifestSummary {
    number: u64,
    digest: String,
    key: String,
    score: String,
}

fn summarize(done: &Done, bytes: u64, pair: &Pair, screen: &mut Screen) -> anyhow::Result<Exit> {
    let Done { outcome, seconds } = done;
    let (counts, totals) = (&outcome.counts, &outcome.totals);
    if screen.json {
        screen.document(&Summary {
            source: pair.source.to_string(),
            target: pair.target.to_string(),
            folders: totals.folders,
            items: totals.items,
            appended: counts.appended,
            already_there: counts.already,
            found_again: counts.found,
            skipped: counts.skipped,
            containers: counts.published,
            container_bytes: counts.packed_bytes,
            seconds: *seconds,
            interrupted: outcome.interrupted,
            waits: &outcome.waits,
            manifest: outcome.manifest.as_ref().map(|made| ManifestSummary {
                number: made.number,
                digest: made.digest.to_string(),
                key: made.key.to_string(),
                score: made.score.to_string(),
            }),
        })?;
        return Ok(done.exit());
    }
    let rate = bytes as f64 / seconds.max(0.001);
    writeln!(screen, "{} -> {}", pair.source, pair.target)?;
    writeln!(screen, "  source       {} folders, {} items, {}", totals.folders, HumanCount(totals.items), HumanBytes(totals.bytes))?;
    writeln!(
        screen,
        "  appended     {} items; {} found again, {} already there, {} skipped",
        HumanCount(counts.appended),
        counts.found,
        counts.already,
        counts.skipped
    )?;
    writeln!(screen, "  containers   {}, {}", counts.published, HumanBytes(counts.packed_bytes))?;
    writeln!(screen, "  took         {}, {}/s", HumanDuration(std::time::Duration::from_secs_f64(*seconds)), HumanBytes(rate as u64))?;
    for wait in &outcome.waits {
        writeln!(screen, "  waits        {wait}")?;
    }
    if let Some(made) = &outcome.manifest {
        writeln!(screen, "  manifest     {}: {}, signed by {}", made.number, made.score, made.key)?;
    }
    if outcome.interrupted {
        writeln!(screen, "  interrupted  run the same command again to go on")?;
    }
    Ok(done.exit())
}
