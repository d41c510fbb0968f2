//! `mailferry migrate SOURCE TARGET`: one mailbox, one process, no servers. Running it again resumes, or brings over what has
//! changed since.

use std::fs::File;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use mailferry_core::engine::{Mailbox, MailboxPlan, Policy, plan};
use mailferry_core::model::Digest;
use mailferry_core::ports::Event;
use mailferry_core::settings::{AgentKind, AgentSettings, ByteSize};
use mailferry_core::trouble::Trouble;
use mailferry_rules::ids::MailboxId;
use mailferry_stores::{StoreUrl, open_source};
use serde::Serialize;

use crate::exit::{Exit, WrongUse};
use crate::one_process::{self, Outcome, Passed, Watch, WorkFolder};
use crate::screen::Screen;

/// Move one mailbox from store to store, in this process
///
/// Stores are URLs such as `maildir:./alice`, `mbox:./mail` or `imaps://alice@mail.example.org`. The source is only read. The run can be stopped at any moment
/// and started again: it goes on where it was. Run it later to bring over new, changed and moved items.
///
/// Exit codes: 0 everything is at the target, 1 failed, 2 wrong usage, 3 something could not be moved or the run was interrupted.
#[derive(clap::Args)]
pub struct Args {
    /// Store to read
    source: String,
    /// Store to fill; made if it is not there
    target: String,
    /// Folder for state and containers; default: one per pair of stores below the user's state folder
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
    /// Say what would be done and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Also delete at the target what has been deleted at the source since an earlier run
    #[arg(long)]
    apply_deletions: bool,
    /// A setting for this run, such as --set CompressionLevel=9
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

#[derive(Serialize)]
struct Summary<'a> {
    source: &'a str,
    target: &'a str,
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
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let (source, target) = (store(&args.source)?, store(&args.target)?);
    if nested(&source, &target) {
        let trouble = Trouble::new("source and target are the same store, or one lies in the other").place(format!("{source}, {target}"));
        return Err(WrongUse(trouble.hint("name two stores apart from each other; links and `..` are followed")).into());
    }
    let policy = policy(args)?;
    let mut reader = open_source(&source).map_err(Trouble::from)?;
    let path = args.work.clone().map_or_else(|| default_work(&source, &target), Ok)?;
    let mailbox = mailbox(&source, &target);
    let known = if path.is_dir() { WorkFolder::make(&path)?.opened("source", AgentKind::Source)? } else { None };
    let planned = plan(known.as_ref(), &mailbox, reader.as_mut())?;
    drop((known, reader));
    if args.dry_run {
        return dry_run(&planned, &source, &target, screen);
    }
    let work = WorkFolder::make(&path)?;
    let _lock = lock(&work)?;
    start_over_if_target_is_empty(&work, &mailbox, &target)?;
    let stop = stop_on_signal();
    let began = Instant::now();
    let bar = progress(planned.to_send_bytes, planned.to_send);
    let watch = Arc::new(Watch::new(hearing(&bar), passing(&bar)));
    let outcome = one_process::run(&work, &mailbox, &policy, &watch, &stop)?;
    bar.finish_and_clear();
    summarize(&outcome, &planned, (&source, &target), began.elapsed().as_secs_f64(), screen)
}

fn store(text: &str) -> anyhow::Result<StoreUrl> {
    // One spelling per store: the state of an earlier run is found from any folder.
    Ok(StoreUrl::parse(text).map_err(WrongUse)?.absolute()?)
}

fn nested(source: &StoreUrl, target: &StoreUrl) -> bool {
    match (source.path().map(real), target.path().map(real)) {
        (Some(source), Some(target)) => source.starts_with(&target) || target.starts_with(&source),
        _ => source == target,
    }
}

/// Where a path leads, as far as it is there.
fn real(path: &Path) -> PathBuf {
    let real = path.ancestors().find_map(|above| Some(above.canonicalize().ok()?.join(path.strip_prefix(above).ok()?)));
    real.unwrap_or_else(|| path.to_path_buf())
}

fn mailbox(source: &StoreUrl, target: &StoreUrl) -> Mailbox {
    let (source, target) = (source.to_string(), target.to_string());
    let digest = Digest::of(format!("mailferry migrate\n{source}\n{target}").as_bytes());
    let mut id = MailboxId([0; 16]);
    id.0.copy_from_slice(&digest.0[..16]);
    Mailbox { id, name: source.clone(), source, target, priority: 0 }
}

/// Containers go from one folder to another on this machine: small ones let reading, carrying and writing overlap, and packing them
/// tightly would cost more than it saves.
const CONTAINER_MIB: u64 = 4;
const COMPRESSION_LEVEL: u32 = 1;

fn policy(args: &Args) -> anyhow::Result<Policy> {
    let mut settings = AgentSettings {
        free_space_floor: "0".parse().map_err(|error| anyhow::anyhow!("{error:?}"))?,
        container_size_max: ByteSize::mib(CONTAINER_MIB),
        compression_level: COMPRESSION_LEVEL,
        ..AgentSettings::default()
    };
    for text in &args.set {
        let (key, value) = text.split_once('=').ok_or_else(|| {
            WrongUse(Trouble::new(format!("`{text}` is not of the form KEY=VALUE")).hint("for example --set ContainerItemsMax=500"))
        })?;
        settings.apply(key.trim(), value.trim()).map_err(|bad| {
            WrongUse(Trouble::new(format!("--set {text} cannot be used")).cause(bad).hint("docs/reference/settings.md lists all settings"))
        })?;
    }
    settings.apply_deletions |= args.apply_deletions;
    Ok(Policy::of(&settings))
}

/// `$XDG_STATE_HOME/mailferry/migrate/<digest>`, or what takes its place.
fn default_work(source: &StoreUrl, target: &StoreUrl) -> Result<PathBuf, Trouble> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME")
        .or_else(|| variable("LOCALAPPDATA"))
        .or_else(|| variable("HOME").map(|home| home.join(".local").join("state")));
    let state = state.ok_or_else(|| Trouble::new("there is no state folder for this user").hint("name one with --work"))?;
    Ok(state.join("mailferry").join("migrate").join(mailbox(source, target).id.to_string()))
}

fn lock(work: &WorkFolder) -> Result<File, Trouble> {
    let path = work.path().join("lock");
    let trouble = Trouble::new("could not take hold of the work folder").place(path.display());
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(|error| trouble.clone().cause(error).hint("choose another with --work"))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(error) => Err(trouble.cause(error).hint("another run of the same migration is at work; wait for it, or stop it")),
    }
}

/// An earlier run's state speaks of a target that has been emptied since: it would leave everything out. One that cannot be read may
/// not be mounted: the target agent says so.
fn start_over_if_target_is_empty(work: &WorkFolder, mailbox: &Mailbox, target: &StoreUrl) -> anyhow::Result<()> {
    if one_process::tracked(work, mailbox)? == 0 || holds_items(target) {
        return Ok(());
    }
    let aside = work.path().with_extension(format!("old-{}", std::process::id()));
    writeln!(
        std::io::stderr(),
        "the target no longer holds what an earlier run put there: starting over (old state: {})",
        aside.display()
    )?;
    std::fs::create_dir_all(&aside)?;
    for entry in std::fs::read_dir(work.path())? {
        let entry = entry?;
        if entry.file_name() != "lock" {
            std::fs::rename(entry.path(), aside.join(entry.file_name()))?;
        }
    }
    WorkFolder::make(work.path())?;
    Ok(())
}

fn holds_items(target: &StoreUrl) -> bool {
    let Ok(mut store) = open_source(target) else { return true };
    let Ok(folders) = store.folders() else { return true };
    folders.iter().filter(|folder| folder.selectable).any(|folder| {
        let mut any = false;
        let scanned = store.scan_after(&folder.path, None, &mut |_| {
            any = true;
            Ok(false)
        });
        scanned.is_err() || any
    })
}

/// Ctrl-C and a service's stop end the run after its durable step.
fn stop_on_signal() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    mailferry_host::on_stop_signal({
        let stop = stop.clone();
        move || stop.store(true, Ordering::Relaxed)
    });
    stop
}

fn progress(bytes: u64, items: u64) -> ProgressBar {
    let target = if std::io::stderr().is_terminal() { ProgressDrawTarget::stderr_with_hz(8) } else { ProgressDrawTarget::hidden() };
    let bar = ProgressBar::with_draw_target(Some(bytes), target);
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes}  {bytes_per_sec}  eta {eta}  {msg}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(format!("0/{} items", HumanCount(items)));
    bar
}

fn hearing(bar: &ProgressBar) -> Box<dyn Fn(&Event) + Send + Sync> {
    let bar = bar.clone();
    Box::new(move |event| bar.suspend(|| drop(writeln!(std::io::stderr(), "{}: {}", event.name, crate::text::lines(&event.text)))))
}

fn passing(bar: &ProgressBar) -> Box<dyn Fn(Passed) + Send + Sync> {
    let bar = bar.clone();
    Box::new(move |passed| {
        bar.set_position(passed.bytes);
        if passed.items % 64 == 0 {
            bar.set_message(format!("{} items", HumanCount(passed.items)));
        }
    })
}

fn dry_run(planned: &MailboxPlan, source: &StoreUrl, target: &StoreUrl, screen: &mut Screen) -> anyhow::Result<Exit> {
    if screen.json {
        screen.document(planned)?;
        return Ok(Exit::Ok);
    }
    writeln!(screen, "{source} -> {target}: nothing is done (dry run)")?;
    writeln!(screen, "  holds        {} folders, {} items, {}", planned.folders, HumanCount(planned.items), HumanBytes(planned.bytes))?;
    writeln!(screen, "  to send      {} items, {}", HumanCount(planned.to_send), HumanBytes(planned.to_send_bytes))?;
    writeln!(screen, "  marks        {} changed", HumanCount(planned.marks_changed))?;
    writeln!(screen, "  gone         {} moved or deleted", HumanCount(planned.gone))?;
    Ok(Exit::Ok)
}

fn summarize(
    outcome: &Outcome,
    planned: &MailboxPlan,
    (source, target): (&StoreUrl, &StoreUrl),
    seconds: f64,
    screen: &mut Screen,
) -> anyhow::Result<Exit> {
    let counts = &outcome.counts;
    let (source, target) = (source.to_string(), target.to_string());
    let exit = if outcome.interrupted || !outcome.waits.is_empty() || counts.skipped > 0 { Exit::Partly } else { Exit::Ok };
    if screen.json {
        screen.document(&Summary {
            source: &source,
            target: &target,
            folders: planned.folders,
            items: planned.items,
            appended: counts.appended,
            already_there: counts.already,
            found_again: counts.found,
            skipped: counts.skipped,
            containers: counts.published,
            container_bytes: counts.packed_bytes,
            seconds,
            interrupted: outcome.interrupted,
            waits: &outcome.waits,
        })?;
        return Ok(exit);
    }
    let rate = planned.to_send_bytes as f64 / seconds.max(0.001);
    writeln!(screen, "{source} -> {target}")?;
    writeln!(screen, "  source       {} folders, {} items, {}", planned.folders, HumanCount(planned.items), HumanBytes(planned.bytes))?;
    writeln!(
        screen,
        "  appended     {} items; {} found again, {} already there, {} skipped",
        HumanCount(counts.appended),
        counts.found,
        counts.already,
        counts.skipped
    )?;
    writeln!(screen, "  containers   {}, {}", counts.published, HumanBytes(counts.packed_bytes))?;
    writeln!(screen, "  took         {}, {}/s", HumanDuration(std::time::Duration::from_secs_f64(seconds)), HumanBytes(rate as u64))?;
    for wait in &outcome.waits {
        writeln!(screen, "  waits        {wait}")?;
    }
    if outcome.interrupted {
        writeln!(screen, "  interrupted  run the same command again to go on")?;
    }
    Ok(exit)
}
