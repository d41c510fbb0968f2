//! One mailbox from store to store: what `migrate` does once, or once for each line of a list.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use mailferry_core::engine::{Mailbox, MailboxPlan, Policy, plan};
use mailferry_core::model::Digest;
use mailferry_core::ports::{Event, EventSink, KeepsBeside, Level, MailSource, Quota, StoreError, Stores};
use mailferry_core::settings::AgentKind;
use mailferry_core::state::Database;
use mailferry_core::trouble::Trouble;
use mailferry_rules::ids::MailboxId;
use mailferry_stores::{Access, Scheme, StoreUrl};

use super::room::Rehearsal;
use crate::exit::{Exit, WrongUse};
use crate::one_process::{self, Outcome, Watch, WorkFolder};

/// What is moved where.
#[derive(Clone, Debug)]
pub struct Pair {
    pub source: StoreUrl,
    pub target: StoreUrl,
}

/// How, for all mailboxes of a run.
pub struct Way {
    pub policy: Policy,
    pub access: Access,
    pub stop: Arc<AtomicBool>,
    /// Where a manifest is wanted.
    pub manifest: Option<PathBuf>,
}

pub struct Done {
    pub outcome: Outcome,
    pub seconds: f64,
}

impl Done {
    pub fn exit(&self) -> Exit {
        let waits = self.outcome.interrupted || !self.outcome.waits.is_empty() || self.outcome.counts.skipped > 0;
        let poor = self.outcome.manifest.as_ref().is_some_and(|made| !made.may_complete());
        if waits || poor { Exit::Partly } else { Exit::Ok }
    }
}

impl Pair {
    /// One spelling per store: the state of an earlier run is found from any folder.
    pub fn parse(source: &str, target: &str) -> anyhow::Result<Pair> {
        let store = |text: &str| -> anyhow::Result<StoreUrl> { Ok(StoreUrl::parse(text).map_err(WrongUse)?.absolute()?) };
        let pair = Pair { source: store(source)?, target: store(target)? };
        pair.apart().map_err(WrongUse)?;
        Ok(pair)
    }

    pub fn apart(&self) -> Result<(), Trouble> {
        if !overlap(&self.source, &self.target) {
            return Ok(());
        }
        let trouble = Trouble::new("source and target are the same store, or one lies in the other");
        let trouble = trouble.place(format!("{}, {}", self.source, self.target));
        Err(trouble.hint("name two stores apart from each other; links and `..` are followed"))
    }

    /// Whether the target can tell what it holds already from what is sent.
    fn may_adopt(&self) -> Result<(), Trouble> {
        match &self.target {
            StoreUrl::Disk(disk) if disk.scheme != Scheme::Maildir => {
                let trouble = Trouble::new("--adopt-existing cannot be used with an mbox target").place(self.target.to_string());
                let trouble = trouble.cause("mbox files know a message that others have put there by nothing that stays");
                Err(trouble.now("nothing was copied").hint("move into a Maildir or by IMAP"))
            }
            _ => Ok(()),
        }
    }

    pub fn mailbox(&self) -> Mailbox {
        let (source, target) = (self.source.to_string(), self.target.to_string());
        let digest = Digest::of(format!("mailferry migrate\n{source}\n{target}").as_bytes());
        let mut id = MailboxId([0; 16]);
        id.0.copy_from_slice(&digest.0[..16]);
        Mailbox { id, name: source.clone(), source, target, priority: 0 }
    }

    /// Below the folder that was named, or the user's state folder: one per pair.
    pub fn work_below(&self, folder: Option<&Path>) -> Result<PathBuf, Trouble> {
        let below = folder.map_or_else(default_work, |folder| Ok(folder.to_path_buf()))?;
        Ok(below.join(self.mailbox().id.to_string()))
    }
}

/// Whether two stores are one, or one lies in the other.
fn overlap(a: &StoreUrl, b: &StoreUrl) -> bool {
    match (a.path().map(real), b.path().map(real)) {
        (Some(a), Some(b)) => a.starts_with(&b) || b.starts_with(&a),
        _ => a == b,
    }
}

/// Where a path leads, as far as it is there.
pub fn real(path: &Path) -> PathBuf {
    let real = path.ancestors().find_map(|above| Some(above.canonicalize().ok()?.join(path.strip_prefix(above).ok()?)));
    real.unwrap_or_else(|| path.to_path_buf())
}

/// `$XDG_STATE_HOME/mailferry/migrate`, or what takes its place.
fn default_work() -> Result<PathBuf, Trouble> {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let state = variable("XDG_STATE_HOME")
        .or_else(|| variable("LOCALAPPDATA"))
        .or_else(|| variable("HOME").map(|home| home.join(".local").join("state")));
    let state = state.ok_or_else(|| Trouble::new("there is no state folder for this user").hint("name one with --work"))?;
    Ok(state.join("mailferry").join("migrate"))
}

/// What a run would do.
pub fn rehearse(pair: &Pair, work: &Path, way: &Way) -> anyhow::Result<Rehearsal> {
    let known = if work.is_dir() { WorkFolder::make(work)?.opened("source", AgentKind::Source)? } else { None };
    let planned = planned(pair, known.as_ref(), way);
    let left_behind = left_behind(pair, way);
    let quotas = quotas(pair, way);
    let_go(pair, way);
    Ok(Rehearsal::new(planned?, quotas.map_err(Trouble::from)?, left_behind.map_err(Trouble::from)?))
}

/// What is still to come of a mailbox, items and bytes. `None`: no run has brought anything yet.
pub fn to_come(pair: &Pair, work: &Path, way: &Way) -> anyhow::Result<Option<(u64, u64)>> {
    let known = if work.is_dir() { WorkFolder::make(work)?.opened("source", AgentKind::Source)? } else { None };
    let Some(known) = known else { return Ok(None) };
    let plan = planned(pair, Some(&known), way)?;
    Ok(Some((plan.to_send, plan.to_send_bytes)))
}

fn planned(pair: &Pair, known: Option<&Database>, way: &Way) -> Result<MailboxPlan, Trouble> {
    let mut reader = way.access.source(&pair.source.to_string())?;
    plan(known, &pair.mailbox(), reader.as_mut())
}

/// Opening a target on disk would make it, and it has none.
fn quotas(pair: &Pair, way: &Way) -> Result<Vec<Quota>, StoreError> {
    match &pair.target {
        StoreUrl::Imap(_) => way.access.target(&pair.target.to_string())?.quotas(),
        StoreUrl::Disk(_) => Ok(Vec::new()),
    }
}

/// What stands beside items at the source and will not be at the target. A store on disk keeps nothing of the kind.
fn left_behind(pair: &Pair, way: &Way) -> Result<Vec<String>, StoreError> {
    let beside = way.access.source(&pair.source.to_string())?.beside()?;
    let keeps = match &pair.target {
        StoreUrl::Imap(_) if !beside.is_empty() => way.access.target(&pair.target.to_string())?.keeps_beside()?,
        _ => KeepsBeside::default(),
    };
    let mut lines = Vec::new();
    for mut seen in beside {
        if keeps.rights && way.policy.send_rights {
            seen.beside.rights.clear();
        }
        if keeps.annotations && way.policy.send_annotations {
            seen.beside.annotations.clear();
        }
        lines.extend(seen.beside.lines(&seen.folder));
        lines.extend(seen.left);
    }
    Ok(lines)
}

pub fn migrate(pair: &Pair, work: &Path, way: &Way, watch: &Arc<Watch>) -> anyhow::Result<Done> {
    if way.policy.adopt_existing {
        pair.may_adopt().map_err(WrongUse)?;
    }
    let moved = moved(pair, work, way, watch);
    let_go(pair, way);
    moved
}

fn moved(pair: &Pair, work: &Path, way: &Way, watch: &Arc<Watch>) -> anyhow::Result<Done> {
    let began = Instant::now();
    let mailbox = pair.mailbox();
    let work = WorkFolder::make(work)?;
    let _lock = lock(&work)?;
    let tracks = one_process::tracked(&work, &mailbox)? > 0;
    let Ends { emptied, quotas } = open_both(pair, way, tracks)?;
    if emptied {
        start_over(&work)?;
    }
    if !quotas.is_empty() {
        tell_shortage(pair, &work, way, quotas, watch)?;
    }
    let outcome = one_process::run(&work, &mailbox, &way.policy, watch, &way.stop, way.manifest.as_deref())?;
    Ok(Done { outcome, seconds: began.elapsed().as_secs_f64() })
}

/// What both ends said when they were opened.
#[derive(Default)]
struct Ends {
    /// The target is empty although an earlier run has put something there.
    emptied: bool,
    /// Of a target that has got nothing yet.
    quotas: Vec<Quota>,
}

/// Whoever cannot be logged in to is told of before anything is read, and both ends at the same time. The connections are kept for the
/// agents. A target that cannot be read may not be mounted, and the target agent says so.
fn open_both(pair: &Pair, way: &Way, tracks: bool) -> Result<Ends, Trouble> {
    let open = |url: &StoreUrl| -> Result<Box<dyn MailSource>, StoreError> { way.access.source(&url.to_string()) };
    std::thread::scope(|scope| {
        let target = scope.spawn(|| match tracks {
            true => Ok(Ends { emptied: open(&pair.target).is_ok_and(|mut store| !store.holds_any()), ..Ends::default() }),
            false => quotas(pair, way).map(|quotas| Ends { quotas, ..Ends::default() }),
        });
        let source = open(&pair.source).map(drop);
        let target = target.join().unwrap_or_else(|_| Ok(Ends::default()));
        source?;
        Ok(target?)
    })
}

/// Before a first pass, which brings the whole mailbox. A source that cannot be counted is told of by its agent.
fn tell_shortage(pair: &Pair, work: &WorkFolder, way: &Way, quotas: Vec<Quota>, watch: &Watch) -> Result<(), Trouble> {
    let known = work.opened("source", AgentKind::Source)?;
    let Ok(plan) = planned(pair, known.as_ref(), way) else { return Ok(()) };
    if let Some(short) = Rehearsal::new(plan, quotas, Vec::new()).shortage(&pair.target.to_string()) {
        let text = short.now("the copy goes on until it is full, and then waits: run it again when there is room").to_string();
        watch.event(Event { name: "target.short-of-room", level: Level::Warning, text });
    }
    Ok(())
}

pub fn let_go(pair: &Pair, way: &Way) {
    for url in [&pair.source, &pair.target] {
        way.access.let_go(&url.to_string());
    }
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

/// An earlier run's state speaks of a target that has been emptied since: it would leave everything out.
fn start_over(work: &WorkFolder) -> anyhow::Result<()> {
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
