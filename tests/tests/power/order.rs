//! The order of writes, renames and syncs of real agents, calm and killed at a sync (docs/formats/spool.md).

use std::fs;
use std::os::unix::process::ExitStatusExt;

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::durability::{Asked, Disks};
use mailferry_tests::sample::{Dice, User};
use mailferry_tests::{Bed, Plan, asked_number, damage, prove, seed, strace};

const ROUNDS_MAX: usize = 40;

/// A bed whose agents run under strace, one session at a time.
pub struct Watched {
    pub bed: Bed,
    disks: Disks,
}

impl Watched {
    pub fn plan() -> Plan {
        let settings = "[settings.source]\nContainerItemsMax = 12\n[settings.target]\nApplyDeletions = true";
        Plan::new(2, 2).sample("alice", 26).sample_to("bob", 14, "mbox").settings(settings)
    }

    pub fn new(plan: Plan) -> Watched {
        let bed = plan.build();
        let disks = Disks::below(&bed.path(""));
        Watched { bed, disks }
    }

    /// One session; answers at which calls of fsync, counted from 1, a lasting name became durable.
    pub fn session(&mut self, node: &str, kind: AgentKind, killed_at: Option<usize>) -> Vec<usize> {
        let record = self.bed.path("strace");
        self.disks.begin();
        let output = strace::traced(&self.bed.command(node, kind), &record, killed_at).output().expect("strace can be run");
        let (mut syncs, mut naming) = (0, Vec::new());
        for (op, is_fsync) in strace::operations(&fs::read_to_string(&record).expect("a record")) {
            syncs += usize::from(is_fsync);
            if self.disks.play(&op) > 0 && is_fsync {
                naming.push(syncs);
            }
        }
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(self.disks.broken.is_empty(), "{kind} of {node}, killed at {killed_at:?}:\n{}\n{told}", self.disks.broken.join("\n"));
        match killed_at {
            Some(_) => assert_eq!(output.status.signal(), Some(9), "{kind} of {node} was to be killed: {told}"),
            None => assert!(matches!(output.status.code(), Some(0 | 3)), "{kind} of {node}: {told}"),
        }
        naming
    }

    fn round(&mut self) {
        for (node, kind) in self.bed.agents() {
            self.session(&node, kind, None);
        }
    }

    /// Under strace as long as there is anything to record, then to the end without.
    fn finished(mut self) -> Asked {
        for _ in 0..ROUNDS_MAX {
            self.round();
            let reports = self.bed.agents().into_iter().filter_map(|(node, kind)| self.bed.report(&node, kind));
            if reports.into_iter().all(|report| !report.counts.progress()) {
                break;
            }
        }
        self.bed.settle();
        prove(&self.bed);
        self.disks.asked
    }

    /// Everything that comes before the first session of this agent on the active node.
    pub fn up_to(&mut self, kind: AgentKind) {
        let road = [(Side::Source, AgentKind::Source), (Side::Source, AgentKind::Transmission), (Side::Target, AgentKind::Target)];
        for (side, earlier) in road.into_iter().take_while(|(_, earlier)| *earlier != kind) {
            for node in self.bed.nodes(side) {
                self.session(&node, earlier, None);
            }
        }
    }
}

pub fn active_of(kind: AgentKind) -> &'static str {
    if kind == AgentKind::Target { "TGT1" } else { "SRC1" }
}

/// As many of the points as are wanted.
pub fn some_of(mut points: Vec<usize>, wanted: u64, dice: &mut Dice) -> Vec<usize> {
    while points.len() as u64 > wanted {
        points.swap_remove(dice.below(points.len() as u64) as usize);
    }
    points
}

#[test]
fn bytes_come_before_names_disks_before_records_and_records_before_deletions() {
    if !strace::can_trace() {
        return;
    }
    let mut watched = Watched::new(Watched::plan());
    watched.up_to(AgentKind::Transmission);
    // Something else lies where the first container goes: it is moved aside.
    let first = damage::files(&watched.bed.share("SRC1").join("NTA/OUT/TGT1")).remove(0);
    let place = watched.bed.share("TGT1").join("NTA/IN/SRC");
    fs::create_dir_all(&place).and_then(|()| fs::write(place.join(first.file_name().unwrap_or_default()), "noise")).expect("noise");
    watched.round();
    let mut users = [("alice", 7), ("bob", 8)].map(|(name, seed)| User::of(&watched.bed.path("mail/old").join(name), seed));
    (0..4).for_each(|_| users.iter_mut().for_each(User::work));
    let asked = watched.finished();
    eprintln!("{asked:?}");
    assert!(asked.bytes_before_name > 100 && asked.disk_before_record > 50, "{asked:?}");
    assert!(asked.record_before_deletion > 20 && asked.successor_before_deletion > 20, "{asked:?}");
}

/// Killed after a rename and before its folder is synced, an agent finds the file there when it starts again. What it builds on it
/// must wait until the name is durable.
#[test]
fn what_a_killed_agent_left_undurable_is_settled_before_anything_is_built_upon_it() {
    if !strace::can_trace() {
        return;
    }
    let seed = seed("kills at a sync");
    let mut dice = Dice::new(seed);
    let wanted = asked_number("MAILFERRY_CUTS").unwrap_or(2);
    for kind in AgentKind::ALL {
        let mut calm = Watched::new(Watched::plan());
        calm.up_to(kind);
        let points = calm.session(active_of(kind), kind, None);
        eprintln!("{kind}: {} syncs that make names durable", points.len());
        for point in some_of(points, wanted, &mut dice) {
            eprintln!("  the {kind} agent dies at its sync {point}");
            let mut watched = Watched::new(Watched::plan());
            watched.up_to(kind);
            watched.session(active_of(kind), kind, Some(point));
            watched.finished();
        }
    }
}
