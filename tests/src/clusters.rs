//! The bed on two real clusters of Pacemaker (scripts/cluster/bed.sh): SRC1 and SRC2, TGT1 and TGT2, each with its agents,
//! its own disk, its own view of the others' disks, a plug and a network.
//!
//! Needs root, namespaces and Debian's pacemaker; `cargo xtask test --require cluster` brings what is missing. There is one such
//! bed at a time on a machine. It ends with the test, also with one that fails or is killed.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use mailferry_core::ports::Clock;
use mailferry_core::settings::{AgentKind, Side};
use mailferry_host::SystemClock;

use crate::bed::{Bed, quiet};
use crate::programs::agent_program;
use crate::proof::containers_below;
use crate::services::{standbys_are_level, wait_until};

/// The resource that says where the role is.
pub const RESOURCE: &str = "mail-role";
const STATE: &str = "/run/mailferry-bed";
const PATIENCE: Duration = Duration::from_secs(90);

pub struct Clusters<'b> {
    bed: &'b Bed,
    _only_one: MutexGuard<'static, ()>,
}

impl<'b> Clusters<'b> {
    /// Both clusters with all agents; `None`, loudly, where nobody asked for it.
    pub fn up(bed: impl FnOnce() -> &'b Bed, fencing: bool) -> Option<Self> {
        static ONE: Mutex<()> = Mutex::new(());
        if std::env::var_os("MAILFERRY_CLUSTER").is_none() {
            // Straight to the output: what a test that passes prints is held back.
            writeln!(std::io::stderr(), "SKIPPED: the clusters take long; run `cargo xtask test --require cluster`").expect("an output");
            return None;
        }
        let only_one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let bed = bed();
        let clusters = Clusters { bed, _only_one: only_one };
        let programs = agent_program(AgentKind::Source).parent().expect("programs lie in a folder").to_path_buf();
        let mut up = script();
        up.arg("up").arg(bed.path("")).arg(programs).arg(std::process::id().to_string()).env("FENCING", fencing.to_string());
        assert!(up.status().expect("the script can be run").success(), "the clusters did not come up");
        for side in [Side::Source, Side::Target] {
            let first = bed.nodes(side)[0].clone();
            wait_until("the clusters have started their resources", PATIENCE, || clusters.has_role(&first));
        }
        Some(clusters)
    }

    fn run(&self, words: &[&str]) {
        let output = script().args(words).output().expect("the script can be run");
        assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// Pulls the plug.
    pub fn power_off(&self, node: &str) {
        self.run(&["off", node]);
    }

    pub fn power_on(&self, node: &str) {
        self.run(&["on", node]);
    }

    pub fn has_power(&self, node: &str) -> bool {
        let pid = std::fs::read_to_string(Path::new(STATE).join(node).join("init.pid")).unwrap_or_default();
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
        stat.rsplit_once(") ").is_some_and(|(_, state)| !state.starts_with('Z'))
    }

    /// Ports of the switch go down: those of the cluster's own rings, or all.
    pub fn cut(&self, node: &str, network: &str) {
        self.run(&["cut", node, network]);
    }

    pub fn heal(&self, node: &str) {
        self.run(&["heal", node]);
    }

    pub fn freeze(&self, node: &str) {
        self.run(&["freeze", node]);
    }

    pub fn thaw(&self, node: &str) {
        self.run(&["thaw", node]);
    }

    /// As an administrator does it.
    pub fn move_role(&self, node: &str) {
        self.run(&["in", node, "crm_resource", "--resource", "mail", "--move", "--node", node]);
        wait_until("the role has moved", PATIENCE, || self.has_role(node) && self.active_by(node).as_deref() == Some(node));
        self.run(&["in", node, "crm_resource", "--resource", "mail", "--clear"]);
    }

    /// Where the role is, as a node sees it.
    pub fn active_by(&self, node: &str) -> Option<String> {
        let words = ["in", node, "crm_resource", "--resource", RESOURCE, "--locate", "--quiet"];
        let output = script().args(words).output().expect("the script can be run");
        let places = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        (output.status.success() && !places.is_empty() && !places.contains('\n')).then_some(places)
    }

    /// When Pacemaker started the resource on a node that has it.
    pub fn role_since(&self, node: &str) -> Option<SystemTime> {
        std::fs::metadata(token(node)).and_then(|about| about.modified()).ok()
    }

    pub fn has_role(&self, node: &str) -> bool {
        self.role_since(node).is_some()
    }

    /// Waits until both nodes of both sides are in their clusters, one of each is active, no agent has anything left to do, nothing
    /// is owed, and what an active node has shipped last its standby has replayed.
    pub fn settle(&self, patience: Duration) {
        let since_ms = SystemClock.now_ms();
        wait_until("mail has settled", patience, || self.is_settled(since_ms));
    }

    fn is_settled(&self, since_ms: u64) -> bool {
        let sides = [Side::Source, Side::Target];
        let agents = sides.into_iter().flat_map(|side| side.agents().into_iter().map(move |kind| (side, kind)));
        let calm = agents.into_iter().all(|(side, kind)| {
            let reports: Vec<_> = self.bed.nodes(side).iter().filter_map(|node| self.bed.report(node, kind)).collect();
            let active = reports.iter().filter(|report| report.role == "active").count();
            let nothing_owed = reports
                .iter()
                .filter(|report| report.role == "active")
                .all(|report| report.deletion_debts.is_empty() && report.coverage_debts.is_empty() && report.copy_queue == 0);
            reports.len() == 2 && active == 1 && nothing_owed && reports.iter().all(|report| report.started_ms > since_ms && quiet(report))
        });
        let empty =
            || sides.into_iter().flat_map(|side| self.bed.nodes(side)).all(|node| containers_below(&self.bed.share(&node)).is_empty());
        calm && empty() && standbys_are_level(self.bed)
    }
}

impl Drop for Clusters<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for side in [Side::Source, Side::Target] {
                for (node, kind) in self.bed.nodes(side).into_iter().flat_map(|node| side.agents().map(|kind| (node.clone(), kind))) {
                    eprintln!("{node} {kind}: {:?}", self.bed.report(&node, kind));
                }
            }
        }
        let _ = script().arg("down").status();
    }
}

fn script() -> Command {
    Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../scripts/cluster/bed.sh"))
}

fn token(node: &str) -> PathBuf {
    Path::new(STATE).join(node).join("run/mailferry/role").join(RESOURCE)
}
