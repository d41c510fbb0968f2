//! Agents as services: started, killed with SIGKILL, watched.

use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use mailferry_core::settings::{AgentKind, Side};

use crate::bed::{Bed, quiet};
use crate::programs::agent_program;
use crate::proof::containers_below;

/// Between two looks at whether an event has come.
const LOOK_EVERY: Duration = Duration::from_millis(3);

/// The only place where a test waits: until `done`, which comes before `patience` ends or never.
pub fn wait_until(what: &str, patience: Duration, mut done: impl FnMut() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < patience, "waited {} s in vain until {what}", patience.as_secs());
        std::thread::sleep(LOOK_EVERY);
    }
}

pub struct Services<'b> {
    bed: &'b Bed,
    running: BTreeMap<(String, AgentKind), Child>,
}

impl<'b> Services<'b> {
    pub fn none(bed: &'b Bed) -> Self {
        Services { bed, running: BTreeMap::new() }
    }

    pub fn all(bed: &'b Bed) -> Self {
        let mut services = Services::none(bed);
        services.start_missing();
        services
    }

    pub fn start(&mut self, node: &str, kind: AgentKind) {
        let mut command = Command::new(agent_program(kind));
        command.arg("run").arg("--config").arg(&self.bed.home(node, kind).config_ini);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("an agent can be started");
        self.running.insert((node.into(), kind), child);
    }

    /// Every agent that does not run.
    pub fn start_missing(&mut self) {
        for (node, kind) in self.bed.agents() {
            if !self.running.contains_key(&(node.clone(), kind)) {
                self.start(&node, kind);
            }
        }
    }

    pub fn start_node(&mut self, node: &str) {
        for (name, kind) in self.bed.agents().into_iter().filter(|(name, _)| name == node) {
            self.start(&name, kind);
        }
    }

    /// SIGKILL, or TerminateProcess: no word of warning.
    pub fn kill(&mut self, node: &str, kind: AgentKind) {
        if let Some(mut child) = self.running.remove(&(node.into(), kind)) {
            child.kill().and_then(|()| child.wait()).expect("a child can be killed");
        }
    }

    pub fn kill_node(&mut self, node: &str) {
        AgentKind::ALL.into_iter().for_each(|kind| self.kill(node, kind));
    }

    /// An agent that ended although nobody killed it.
    pub fn assert_running(&mut self) {
        for ((node, kind), child) in &mut self.running {
            let ended = child.try_wait().expect("a child can be asked");
            assert!(ended.is_none(), "the {kind} agent of {node} ended by itself: {ended:?}");
        }
    }

    pub fn process_id(&self, node: &str, kind: AgentKind) -> Option<u32> {
        self.running.get(&(node.to_owned(), kind)).map(Child::id)
    }

    /// Whether a process is in the middle of something: it does not sleep between two sessions. Where nobody can tell, it is.
    pub fn is_at_work(&self, node: &str, kind: AgentKind) -> bool {
        let waits_in = self.process_id(node, kind).and_then(|id| std::fs::read_to_string(format!("/proc/{id}/wchan")).ok());
        !waits_in.is_some_and(|place| place.contains("nanosleep"))
    }

    /// Every process stands still, in no call, until `thaw` or its death.
    #[cfg(target_os = "linux")]
    pub fn freeze(&self) {
        self.signal("-STOP");
        let stands = |id: u32| {
            let tasks = std::fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
            let states = tasks.map(|task| std::fs::read_to_string(task.path().join("stat")).unwrap_or_default());
            states.into_iter().all(|state| state.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with(['T', 't'])))
        };
        wait_until("everybody stands still", Duration::from_secs(30), || self.running.values().all(|child| stands(child.id())));
    }

    #[cfg(target_os = "linux")]
    pub fn thaw(&self) {
        self.signal("-CONT");
    }

    #[cfg(target_os = "linux")]
    fn signal(&self, signal: &str) {
        let ids = self.running.values().map(|child| child.id().to_string());
        if !self.running.is_empty() {
            assert!(Command::new("kill").arg(signal).args(ids).status().is_ok_and(|status| status.success()), "kill {signal}");
        }
    }

    /// Waits until no agent has anything left to do, each having had a session that began from now on and found no container: the one that
    /// deletes the last of them still has to tell its standby.
    pub fn settle(&mut self, patience: Duration) {
        let now_ms = || mailferry_core::ports::Clock::now_ms(&mailferry_host::SystemClock);
        let mut since_ms = now_ms();
        let bed = self.bed;
        wait_until("mail has settled", patience, || {
            self.assert_running();
            let mut nodes = [Side::Source, Side::Target].into_iter().flat_map(|side| bed.nodes(side));
            if nodes.any(|node| !containers_below(&bed.share(&node)).is_empty()) {
                since_ms = now_ms();
                return false;
            }
            let reports = bed.agents().into_iter().map(|(node, kind)| bed.report(&node, kind));
            let calm = reports.into_iter().all(|report| report.is_some_and(|report| report.started_ms > since_ms && quiet(&report)));
            calm && standbys_are_level(bed)
        });
    }
}

/// What the active nodes have shipped last, their standbys have replayed.
pub(crate) fn standbys_are_level(bed: &Bed) -> bool {
    [Side::Source, Side::Target].into_iter().all(|side| {
        side.agents().into_iter().all(|kind| {
            let mut at = bed.nodes(side).into_iter().map(|node| bed.report(&node, kind).map(|report| report.lsn));
            let first = at.next();
            at.all(|lsn| Some(lsn) == first)
        })
    })
}

impl Drop for Services<'_> {
    fn drop(&mut self) {
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
