//! The whole suite inside one process: the same agents, one thread each, over two shares in a work folder.
//!
//! ```text
//! mod     the four agents and how they come to rest
//! watch   counting what goes through the target store, waking who has something to do
//! ```
//!
//! Nothing here moves mail: it starts agents and waits. A kill at any moment is mended by running it again.

mod watch;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mailferry_core::engine::{Agent, Counts, Mailbox, Manifested, Policy, SessionEnd, SessionReport, Surroundings};
use mailferry_core::ports::{NoSwitch, Role, RolePort, Share, StoresWithoutCopies, UnwatchedSteps};
use mailferry_core::settings::AgentKind;
use mailferry_core::state::{Database, ledger};
use mailferry_core::trouble::Trouble;
use mailferry_host::{DirectShare, SystemClock};
use mailferry_rules::topology::Side;

pub use watch::{Passed, Watch};

/// Where a run keeps its state and its containers.
pub struct WorkFolder(PathBuf);

impl WorkFolder {
    pub fn make(path: &Path) -> Result<Self, Trouble> {
        for folder in ["source", "target"] {
            std::fs::create_dir_all(path.join(folder)).map_err(|error| {
                Trouble::new("could not make the work folder").place(path.display()).cause(error).hint("choose another with --work")
            })?;
        }
        Ok(WorkFolder(path.into()))
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn database(&self, side: &str, kind: AgentKind) -> PathBuf {
        self.0.join(format!("{side}-{kind}.db"))
    }

    /// What the target agent signs with.
    pub fn signing_key(&self) -> PathBuf {
        self.0.join("manifest.key")
    }

    /// The database of an earlier run, if there was one.
    pub fn opened(&self, side: &str, kind: AgentKind) -> Result<Option<Database>, Trouble> {
        let path = self.database(side, kind);
        if !path.exists() {
            return Ok(None);
        }
        let opened = Database::open(&path, Arc::new(UnwatchedSteps));
        opened.map(Some).map_err(|error| {
            error
                .trouble(&path.display().to_string())
                .hint("an unreadable work folder can be deleted: the next run finds at the target what is there already")
        })
    }
}

/// In one process there is nobody else to be active.
struct Alone;

impl RolePort for Alone {
    fn role(&self) -> Role {
        Role::Active
    }
}

const SIDES: [(&str, [AgentKind; 2]); 2] =
    [("source", [AgentKind::Source, AgentKind::Transmission]), ("target", [AgentKind::Target, AgentKind::Transmission])];

/// Of all agents, in the order of `SIDES`.
const TARGET_AGENT: usize = 2;

/// How a run ended.
pub struct Outcome {
    /// Summed over all sessions of all agents.
    pub counts: Counts,
    /// What still waits, told once each.
    pub waits: Vec<String>,
    pub interrupted: bool,
    pub manifest: Option<Manifested>,
    /// What the source holds, as far as it was published.
    pub totals: Totals,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    pub folders: u64,
    pub items: u64,
    pub bytes: u64,
}

/// Runs the agents until everything rests, until nothing moves any more, or until `stop`.
/// `manifest`: where the proof goes, when all is at rest.
pub fn run(
    work: &WorkFolder,
    mailbox: &Mailbox,
    policy: &Policy,
    watch: &Arc<Watch>,
    stop: &Arc<AtomicBool>,
    manifest: Option<&Path>,
) -> Result<Outcome, Trouble> {
    let shares: Shares = SIDES.map(|(side, _)| Arc::new(DirectShare::new(work.path().join(side))) as Arc<dyn Share>);
    let mut agents = Vec::new();
    for (side, kinds) in SIDES {
        for kind in kinds {
            agents.push(agent((work, &shares), side, kind, mailbox, policy, watch, stop)?);
        }
    }
    let (mut outcome, interrupted) = worked(&mut agents, watch, stop);
    let source = agents[0].database();
    let (folders, items, bytes) =
        source.read(|db| Ok(ledger::source::totals(db, mailbox.id)?)).map_err(|error| error.trouble("the work folder"))?;
    outcome.totals = Totals { folders, items, bytes };
    outcome.interrupted = interrupted;
    if let (Some(out), false) = (manifest, interrupted) {
        outcome.manifest = Some(proven(&mut agents[TARGET_AGENT], work, mailbox, out)?);
    }
    Ok(outcome)
}

fn proven(target: &mut Agent, work: &WorkFolder, mailbox: &Mailbox, out: &Path) -> Result<Manifested, Trouble> {
    let made = target.manifest(mailbox.id)?;
    mailferry_host::copy_out(target, &made, out)?;
    let public = mailferry_host::public_file(&work.signing_key());
    let beside = out.with_extension("pub");
    std::fs::copy(&public, &beside).map_err(|error| {
        let hint = format!("the key is in {} too", public.display());
        Trouble::new("could not copy the public key of the manifest").place(beside.display()).cause(error).hint(hint)
    })?;
    Ok(made)
}

/// True: somebody asked to stop.
fn worked(agents: &mut [Agent], watch: &Arc<Watch>, stop: &Arc<AtomicBool>) -> (Outcome, bool) {
    let mut tally = Tally::default();
    let (mut first, mut packed) = (true, false);
    loop {
        let before = tally.counts;
        let reports = sessions(agents, first, watch, stop);
        // One pass over the source is a run; what follows is the answers.
        if first && matches!(reports[0].end, SessionEnd::Completed) {
            agents[0].pause_packing(true);
        }
        first = false;
        let failed = reports.iter().any(|report| matches!(report.end, SessionEnd::HeldUp(_)));
        if !packed {
            // Later rounds do not look at the source again: what could not be read now stays unread.
            tally.unread = reports[0].stalls.iter().map(|stall| format!("{}: {}", stall.what, stall.why)).collect();
        }
        packed |= matches!(reports[0].end, SessionEnd::Completed);
        tally.add(&reports);
        if stop.load(Ordering::Relaxed) {
            return (tally.outcome(), true);
        }
        if tally.counts == before || failed && !reports.iter().any(|report| report.counts.progress()) {
            return (tally.outcome(), false);
        }
    }
}

/// Tells the followers that the source is done, also when it panics: they would wait for ever, and nobody would see why.
struct Done<'a> {
    packed: &'a AtomicBool,
    watch: &'a Watch,
}

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.packed.store(true, Ordering::Release);
        self.watch.signal();
    }
}

/// One round. In the first, which moves almost everything, the agents work side by side until the source agent is done.
fn sessions(agents: &mut [Agent], side_by_side: bool, watch: &Arc<Watch>, stop: &AtomicBool) -> Vec<SessionReport> {
    if !side_by_side {
        return agents.iter_mut().map(Agent::session).collect();
    }
    let Some((source, others)) = agents.split_first_mut() else { return Vec::new() };
    let packed = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let packed = &packed;
        let followers: Vec<_> = others
            .iter_mut()
            .map(|agent| {
                scope.spawn(move || {
                    let mut reports = Vec::new();
                    loop {
                        // Before the question: the last signal comes behind its answer, and nobody signals again.
                        let seen = watch.signals();
                        let over = packed.load(Ordering::Acquire) || stop.load(Ordering::Relaxed);
                        // A source that has nothing to pack may be done before this thread has begun: what an earlier run left
                        // on the way is looked at all the same, or the round would end as if there were none.
                        if !over || reports.is_empty() {
                            reports.push(agent.session());
                        }
                        if over {
                            return reports;
                        }
                        watch.wait_beyond(seen);
                    }
                })
            })
            .collect();
        let done = Done { packed, watch };
        let mut reports = vec![source.session()];
        drop(done);
        reports.extend(followers.into_iter().flat_map(|follower| follower.join().unwrap_or_default()));
        reports
    })
}

/// Of the source, of the target.
type Shares = [Arc<dyn Share>; 2];

fn agent(
    (work, shares): (&WorkFolder, &Shares),
    side: &str,
    kind: AgentKind,
    mailbox: &Mailbox,
    policy: &Policy,
    watch: &Arc<Watch>,
    stop: &Arc<AtomicBool>,
) -> Result<Agent, Trouble> {
    let (source, target) = (Side::standalone("SOURCE"), Side::standalone("TARGET"));
    let (own, other, packer) = if side == "source" { (source, target, AgentKind::Source) } else { (target, source, AgentKind::Target) };
    let around = Surroundings {
        kind,
        packer,
        me: own.name().to_owned(),
        shares: BTreeMap::from([("SOURCE".to_owned(), shares[0].clone()), ("TARGET".to_owned(), shares[1].clone())]),
        witness: shares[usize::from(side != "source")].clone(),
        role: Arc::new(Alone),
        clock: Arc::new(SystemClock),
        events: watch.clone(),
        stores: watch.clone(),
        guarantee: Arc::new(StoresWithoutCopies),
        flow: Arc::new(NoSwitch),
        own,
        other,
    };
    let path = work.database(side, kind);
    let db = Database::open_alone(&path, Arc::new(UnwatchedSteps)).map_err(|error| error.trouble(&path.display().to_string()))?;
    let mut agent = Agent::new(around, policy.clone(), db).stopping_with(stop.clone());
    agent.set_mailboxes(vec![mailbox.clone()]);
    if kind == AgentKind::Target {
        let file = work.signing_key();
        agent = agent.signing_with(Arc::new(move || mailferry_host::signing_key(&file, "mailferry migrate")));
    }
    Ok(agent)
}

#[derive(Default)]
struct Tally {
    counts: Counts,
    waits: Vec<String>,
    /// What the last look at the source left out.
    unread: Vec<String>,
}

impl Tally {
    /// What waits is what the last round says: earlier waits may be over.
    fn add(&mut self, reports: &[SessionReport]) {
        self.waits.clear();
        for report in reports {
            self.counts.add(&report.counts);
            let held = if let SessionEnd::HeldUp(why) = &report.end { Some(why.clone()) } else { None };
            self.waits.extend(held.into_iter().chain(report.stalls.iter().map(|stall| format!("{}: {}", stall.what, stall.why))));
        }
        self.waits.sort();
        self.waits.dedup();
    }

    fn outcome(self) -> Outcome {
        let mut waits = [self.waits, self.unread].concat();
        waits.sort();
        waits.dedup();
        Outcome { counts: self.counts, waits, interrupted: false, manifest: None, totals: Totals::default() }
    }
}

/// Items that earlier runs have put at the target.
pub fn tracked(work: &WorkFolder, mailbox: &Mailbox) -> Result<u64, Trouble> {
    match work.opened("target", AgentKind::Target)? {
        Some(db) => db.read(|db| Ok(ledger::target::count(db, mailbox.id)?)).map_err(|error| error.trouble("the work folder")),
        None => Ok(0),
    }
}
