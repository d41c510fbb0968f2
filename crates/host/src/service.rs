//! The loop of sessions, its waking and its end (R10, R30).
//!
//! Between sessions the agent sleeps. It is woken early when something new lies in the folders it reads: these are listed every
//! half second, which sees writes of other nodes over any file system. On a standby that is what the active node ships: it replays all
//! the time (R14). The road not taken: file notifications, which do not report remote writes on SMB and NFS. It is woken as well
//! when the role has changed (R2): a standby that has become active begins, and an active that is it no more stands by, without
//! waiting for the interval to pass.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mailferry_core::engine::{Agent, Manifested, SessionEnd, SessionReport};
use mailferry_core::ports::{Clock, Event, EventSink, Level, Share, SharePath};
use mailferry_core::settings::{AgentKind, AgentSettings, Desired, Finding, Loaded};
use mailferry_core::spool::{Area, orders};
use mailferry_core::trouble::Trouble;
use mailferry_rules::session::was_frozen;

use crate::clock::beat;
use crate::logs::tell_early;
use crate::manager::Telling;
use crate::wiring::rules_side;
use crate::{AgentHome, LocalShare, LogEvents, LogTo, Openers, RoleReader, SystemClock, Teller, files, start_logs};

/// Looking at the role mostly costs a look at one local file.
const LOOK_AT_ROLE_EVERY: Duration = Duration::from_millis(100);
/// Of the looks at the role, one in so many is at the folders of the shares as well.
const LOOKS_AT_FILES_EVERY: u32 = 5;

/// How often the same complaint is logged while no session can start.
const COMPLAIN_EVERY: Duration = Duration::from_secs(3600);

/// An agent as a service.
pub struct Service {
    pub home: AgentHome,
    pub openers: Openers,
    /// `Key=Value` from the command line, the strongest layer (R90).
    pub overrides: Vec<String>,
    /// Events to the terminal instead of the log file.
    pub to_terminal: bool,
    /// Its name, where the service manager of Windows runs it.
    pub name: Option<String>,
}

/// Copies a manifest to a file of its own.
pub fn copy_out(agent: &Agent, made: &Manifested, out: &Path) -> Result<(), Trouble> {
    let trouble = |error: &std::io::Error| Trouble::new("could not copy the manifest").place(out.display()).cause(error);
    let (mut from, mut to) = (agent.open_manifest(made)?, std::fs::File::create(out).map_err(|error| trouble(&error))?);
    std::io::copy(&mut from, &mut to).and_then(|_| to.sync_all()).map_err(|error| trouble(&error))
}

/// Whether the loop goes on.
enum Turn {
    Sleep(Box<AgentSettings>),
    Stop,
}

impl Service {
    /// Sessions until a signal asks for the end. The session at work then ends after its durable step.
    pub fn run(&self) -> Result<(), Trouble> {
        let _lock = self.home.lock()?;
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        on_stop_signal(move || asked.store(true, Ordering::Relaxed));
        self.told_turns(&stop, Telling::by_environment())
    }

    /// The same until `stop` says so, for a service manager that asks by calls.
    #[cfg(windows)]
    pub(crate) fn run_until(&self, stop: &Arc<AtomicBool>, telling: Telling) -> Result<(), Trouble> {
        let _lock = self.home.lock()?;
        self.told_turns(stop, telling)
    }

    /// Why it has ended, where no terminal hears of it.
    #[cfg(windows)]
    pub(crate) fn tell_end(&self, trouble: &Trouble) {
        self.complain(trouble, &mut Complaints::default());
    }

    fn told_turns(&self, stop: &Arc<AtomicBool>, telling: Telling) -> Result<(), Trouble> {
        telling.ready(stop);
        let ended = self.turns(stop, telling);
        telling.stopping();
        ended
    }

    /// One session, for troubleshooting.
    pub fn run_once(&self) -> Result<SessionReport, Trouble> {
        let _lock = self.home.lock()?;
        let desired = self.home.desired()?;
        let loaded = self.loaded(&desired)?;
        self.tell_findings(&loaded.findings);
        let role = self.home.role(&desired)?;
        let mut agent = self.home.agent(&desired, &loaded, role, self.openers.clone())?;
        let mut report = agent.session();
        while let Some(ms) = report.again_in_ms {
            // What it has to tell is told once: the next report need not have it.
            self.publish(&report);
            self.sleep(Duration::from_millis(ms), &mut |_| false, &AtomicBool::new(false));
            report = agent.session();
        }
        signed(&mut report, &desired);
        self.publish(&report);
        Ok(report)
    }

    /// Makes a manifest outside of the service.
    pub fn manifest(&self, mailbox: &str, out: Option<&Path>) -> Result<Manifested, Trouble> {
        let _lock = self.home.lock()?;
        let desired = self.home.desired()?;
        let loaded = self.loaded(&desired)?;
        let role = self.home.role(&desired)?;
        let mut agent = self.home.agent(&desired, &loaded, role, self.openers.clone())?;
        let named = agent.mailboxes().iter().find(|known| known.name == mailbox).map(|known| known.id);
        let id = named.map_or_else(|| mailbox.parse(), Ok).map_err(|_| {
            let trouble = Trouble::new("could not make a manifest").cause(format!("this agent has no mailbox {mailbox}"));
            trouble.hint("name one of the project file, or its id of 32 hex digits")
        })?;
        let made = agent.manifest(id)?;
        if let Some(out) = out {
            copy_out(&agent, &made, out)?;
        }
        Ok(made)
    }

    fn loaded(&self, desired: &Desired) -> Result<Loaded, Trouble> {
        let loaded = self.home.settings(Some(desired), &self.overrides);
        start_logs(&loaded.settings, self.log_to(&loaded.settings), &self.teller(&desired.node)).map_err(|error| {
            Trouble::new("could not open the log")
                .place(self.home.log(&loaded.settings).display())
                .cause(error)
                .hint("give the account of the service the right to write there, or set LogDirectory")
        })?;
        Ok(loaded)
    }

    fn log_to(&self, settings: &AgentSettings) -> LogTo {
        if self.to_terminal { LogTo::Terminal } else { LogTo::File(self.home.log(settings)) }
    }

    fn teller(&self, node: &str) -> Teller {
        Teller { kind: self.home.kind, node: node.to_owned(), service: self.name.clone() }
    }

    /// Tells what was found in the settings; in the service only when it is something else than at the last session.
    fn tell_findings(&self, findings: &[Finding]) {
        for finding in findings {
            LogEvents.event(Event { name: "settings.finding", level: finding.level, text: Trouble::from(finding).to_string() });
        }
    }

    fn turns(&self, stop: &Arc<AtomicBool>, telling: Telling) -> Result<(), Trouble> {
        let clock = SystemClock;
        let mut seen_revision = None;
        let mut seen_findings = Vec::new();
        let mut agent = None;
        let mut complaints = Complaints::default();
        let mut waited_ms = 0;
        let mut last_turn_ms = clock.now_ms();
        while !stop.load(Ordering::Relaxed) {
            let desired = match self.home.desired() {
                Ok(desired) => desired,
                Err(trouble) => {
                    // Nothing committed yet, or damaged: wait for the console, do not die.
                    self.complain(&trouble, &mut complaints);
                    self.sleep(Duration::from_secs(5), &mut |_| false, stop);
                    continue;
                }
            };
            if seen_revision.as_ref() != Some(&desired.revision) {
                drop(agent.take());
                seen_revision = Some(desired.revision.clone());
            }
            let loaded = self.loaded(&desired)?;
            complaints.logging = true;
            if seen_findings != loaded.findings {
                self.tell_findings(&loaded.findings);
                seen_findings = loaded.findings.clone();
            }
            if was_frozen(last_turn_ms, clock.now_ms(), waited_ms, loaded.settings.freeze_detection.ms()) {
                tracing::warn!(event = "agent.frozen", "the clock jumped between two sessions: role and epoch are asked for again");
                drop(agent.take());
            }
            let (running, role) = match agent.take() {
                Some(running) => running,
                None => match self.made(&desired, &loaded) {
                    Ok(made) => made,
                    Err(trouble) => {
                        self.complain(&trouble, &mut complaints);
                        self.sleep(Duration::from_secs(5), &mut |_| false, stop);
                        continue;
                    }
                },
            };
            complaints.said = None;
            let mut running = running.stopping_with(stop.clone());
            *running.policy_mut() = mailferry_core::engine::Policy::of(&loaded.settings);
            if self.home.take_retry_request() {
                running.retry_debts();
            }
            let role_changes = role.changes();
            let (mut report, mut files) = Wake::new(self.home.kind, &desired).during(|| running.session());
            signed(&mut report, &desired);
            self.publish(&report);
            telling.status(&in_short(&report));
            agent = Some((running, role.clone()));
            last_turn_ms = clock.now_ms();
            if let Turn::Sleep(settings) = self.after(&report, &loaded.settings, stop) {
                let (started, nap) = (clock.now_ms(), nap(self.home.kind, &settings, &report));
                let mut wake =
                    |looked: u32| role.changes() != role_changes || (looked.is_multiple_of(LOOKS_AT_FILES_EVERY) && files.something_new());
                self.sleep(nap, &mut wake, stop);
                // What lasted longer than it was meant to was no sleep.
                waited_ms = clock.now_ms().saturating_sub(started).min(nap.as_millis() as u64);
            }
        }
        Ok(())
    }

    fn after(&self, report: &SessionReport, settings: &AgentSettings, stop: &AtomicBool) -> Turn {
        if let SessionEnd::HeldUp(why) = &report.end {
            tracing::debug!(event = "session.held-up", "{why}");
        }
        if stop.load(Ordering::Relaxed) { Turn::Stop } else { Turn::Sleep(Box::new(settings.clone())) }
    }

    /// Logging may not have started: what it goes by is committed together with what is missing.
    fn complain(&self, trouble: &Trouble, complaints: &mut Complaints) {
        let text = trouble.to_string();
        if !complaints.is_new(&text, Instant::now()) {
            return;
        }
        let event = || Event { name: "agent.not-ready", level: Level::Error, text: text.clone() };
        if complaints.logging {
            return LogEvents.event(event());
        }
        let settings = self.home.settings(None, &self.overrides).settings;
        let who = self.teller("");
        if tell_early(&settings, self.log_to(&settings), &who, event()).is_err() {
            let _ = tell_early(&settings, LogTo::Terminal, &who, event());
        }
    }

    fn publish(&self, report: &SessionReport) {
        // The status last: whoever reads it finds the others as they were with it.
        let moves = report.moves.as_ref().and_then(|moves| serde_json::to_vec(moves).ok());
        let fates = report.fates.as_ref().and_then(|fates| serde_json::to_vec(fates).ok());
        let mailboxes = report.mailboxes.as_ref().and_then(|mailboxes| serde_json::to_vec(mailboxes).ok());
        let status = serde_json::to_vec_pretty(report).ok();
        let home = &self.home;
        let files = [(home.moves(), moves), (home.orders(), fates), (home.mailboxes(), mailboxes), (home.status(), status)];
        for (path, text) in files {
            if let Some(Err(error)) = text.map(|text| files::write_whole(&path, &text)) {
                tracing::warn!(event = "status.not-written", "the status could not be written: {}: {error}", path.display());
            }
        }
    }

    fn made(&self, desired: &Desired, loaded: &Loaded) -> Result<(Agent, Arc<RoleReader>), Trouble> {
        let role = self.home.role(desired)?;
        Ok((self.home.agent(desired, loaded, role.clone(), self.openers.clone())?, role))
    }

    /// `wake` is asked with the number of looks so far.
    fn sleep(&self, nap: Duration, wake: &mut dyn FnMut(u32) -> bool, stop: &AtomicBool) {
        let until = Instant::now() + nap;
        for looked in 0u32.. {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || stop.load(Ordering::Relaxed) || wake(looked) {
                return;
            }
            beat();
            std::thread::sleep(left.min(LOOK_AT_ROLE_EVERY));
        }
    }
}

/// By which commit, and by which version of this program.
fn signed(report: &mut SessionReport, desired: &Desired) {
    report.revision = Some(desired.revision.clone());
    report.version = Some(env!("CARGO_PKG_VERSION").into());
}

/// One line about a session.
fn in_short(report: &SessionReport) -> String {
    let end = match &report.end {
        SessionEnd::Completed => "completed",
        SessionEnd::Standby => "standing by",
        SessionEnd::HeldUp(why) => why,
    };
    let debts = report.deletion_debts.len() + report.coverage_debts.len();
    let (role, stalls) = (report.role.split(' ').next().unwrap_or_default(), report.stalls.len());
    let text = format!(
        "{role}, epoch {}, {} of {} containers answered, {debts} debts, {stalls} waiting; last session: {end}",
        report.epoch, report.containers_answered, report.containers
    );
    // A line is all that the manager takes.
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What has been said already: the same again only after a while, though it is found every few seconds.
#[derive(Default)]
struct Complaints {
    said: Option<(String, Instant)>,
    logging: bool,
}

impl Complaints {
    fn is_new(&mut self, text: &str, now: Instant) -> bool {
        let known = self.said.as_ref().is_some_and(|(said, at)| said == text && now.saturating_duration_since(*at) < COMPLAIN_EVERY);
        if !known {
            self.said = Some((text.to_owned(), now));
        }
        !known
    }
}

/// The poll interval differs by up to a tenth each time, so that agents do not march in step (R30). A session that waits for a moment is
/// begun again when that is over.
fn nap(kind: AgentKind, settings: &AgentSettings, report: &SessionReport) -> Duration {
    let interval =
        if kind == AgentKind::Transmission { settings.transmission_poll_interval.duration() } else { settings.sleep_interval.duration() };
    let dice = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.subsec_nanos() % 2001);
    let usual = interval.mul_f64(0.9 + f64::from(dice) / 10_000.0);
    [report.again_in_ms, report.next_in_ms].into_iter().flatten().map(Duration::from_millis).fold(usual, Duration::min)
}

/// Looks for new files in the folders that an agent reads.
pub struct Wake {
    share: LocalShare,
    folders: Vec<SharePath>,
    seen: BTreeSet<String>,
}

impl Wake {
    pub fn new(kind: AgentKind, desired: &Desired) -> Self {
        let (own, other) = (rules_side(desired.own_cluster()), rules_side(desired.peer_cluster()));
        let share = desired.own_cluster().node(&desired.node).map(|node| node.share.clone()).unwrap_or_default();
        let mut folders: Vec<SharePath> = match kind {
            AgentKind::Transmission => other.lanes().into_iter().map(|lane| Area::Out(lane.folder).path()).collect(),
            AgentKind::Source | AgentKind::Target => vec![Area::In(other.in_folder().to_owned()).path()],
        };
        if kind == AgentKind::Source {
            folders.push(orders());
        }
        if own.is_cluster() {
            folders.extend(SharePath::of(&["NTA", "REP", kind.name()]));
        }
        Wake::over(LocalShare::new(share), folders)
    }

    fn over(share: LocalShare, folders: Vec<SharePath>) -> Self {
        let mut wake = Wake { share, folders, seen: BTreeSet::new() };
        wake.something_new();
        wake
    }

    /// Runs a session: what comes while it lasts is new, whether the session has seen it or not.
    fn during<T>(mut self, session: impl FnOnce() -> T) -> (T, Wake) {
        self.something_new();
        (session(), self)
    }

    /// Whether a file has come since the last look.
    pub fn something_new(&mut self) -> bool {
        let now: BTreeSet<String> = self
            .folders
            .iter()
            .filter_map(|folder| self.share.list(folder).ok().map(|entries| (folder, entries)))
            .flat_map(|(folder, entries)| entries.into_iter().map(move |entry| format!("{folder}/{}", entry.name)))
            .filter(|name| !name.ends_with(".part"))
            .collect();
        let new = now.difference(&self.seen).next().is_some();
        self.seen = now;
        new
    }
}

/// Calls `then` once, when the process is asked to end: SIGTERM, Ctrl-C, or what takes their place.
pub fn on_stop_signal(then: impl FnOnce() + Send + 'static) {
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        match runtime {
            Ok(runtime) => {
                runtime.block_on(wait_for_signal());
                then();
            }
            Err(error) => tracing::warn!(event = "agent.no-signals", "signals are not heard: {error}"),
        }
    });
}

#[cfg(unix)]
async fn wait_for_signal() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = tokio::signal::ctrl_c() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

#[cfg(not(unix))]
async fn wait_for_signal() {
    let _ = tokio::signal::ctrl_c().await;
}

#[cfg(test)]
mod tests {
    use mailferry_core::ports::{Blast, MailSource, MailTarget, Retry, StoreError, Stores};

    use super::*;

    fn folder() -> SharePath {
        SharePath::of(&["NTA", "REP", "source"]).expect("a path")
    }

    struct NoStores;

    impl Stores for NoStores {
        fn source(&self, url: &str) -> Result<Box<dyn MailSource>, StoreError> {
            Err(StoreError::new(Blast::Mailbox, Retry::Never, "open a store", url, "there is none"))
        }

        fn target(&self, url: &str) -> Result<Box<dyn MailTarget>, StoreError> {
            Err(StoreError::new(Blast::Mailbox, Retry::Never, "open a store", url, "there is none"))
        }
    }

    #[test]
    fn an_agent_to_which_nothing_was_committed_says_so_at_once() {
        let root = tempfile::tempdir().expect("a folder");
        let home = AgentHome::new(AgentKind::Source, root.path().join("config.ini"));
        let log = home.log(&AgentSettings::default());
        let service = Service {
            home,
            openers: Openers { stores: Arc::new(NoStores), guarantee: crate::no_guarantee },
            overrides: Vec::new(),
            to_terminal: false,
            name: None,
        };
        let stop = Arc::new(AtomicBool::new(false));
        std::thread::scope(|scope| {
            let running = scope.spawn(|| service.turns(&stop, Telling::by_environment()));
            let (begun, said) = (Instant::now(), || std::fs::read_to_string(&log).unwrap_or_default());
            while !said().contains("agent.not-ready") && begun.elapsed() < Duration::from_secs(30) {
                std::thread::yield_now();
            }
            stop.store(true, Ordering::Relaxed);
            assert!(said().contains("agent.not-ready") && said().contains("desired.toml"), "{:?}", said());
            assert!(running.join().is_ok_and(|ended| ended.is_ok()), "it waits, it does not die");
        });
    }

    #[test]
    fn the_same_complaint_is_not_repeated_every_few_seconds() {
        let (mut complaints, now) = (Complaints::default(), Instant::now());
        assert!(complaints.is_new("no desired state", now));
        assert!(!complaints.is_new("no desired state", now + Duration::from_secs(5)));
        assert!(complaints.is_new("database unusable", now + Duration::from_secs(10)), "other words");
        assert!(complaints.is_new("database unusable", now + Duration::from_secs(10) + COMPLAIN_EVERY), "it still lasts");
    }

    fn arrive(root: &std::path::Path, name: &str) {
        let folder = root.join("NTA/REP/source");
        std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(name), b"log")).expect("a file");
    }

    #[test]
    fn what_comes_during_a_session_wakes_the_next_one() {
        let root = tempfile::tempdir().expect("a folder");
        let wake = || Wake::over(LocalShare::new(root.path()), vec![folder()]);
        let ((), mut woken) = wake().during(|| arrive(root.path(), "1.chg"));
        assert!(woken.something_new() && !woken.something_new(), "once for what came");
        let ((), mut quiet) = wake().during(|| std::fs::remove_file(root.path().join("NTA/REP/source/1.chg")).expect("a file"));
        assert!(!quiet.something_new(), "what went is nothing new");
        let ((), mut half) = wake().during(|| arrive(root.path(), "2.chg.part"));
        assert!(!half.something_new(), "what is not whole is nothing new");
    }
}
