//! Power cuts of real file systems while agents work: what had been synced is there when the disk comes back, nothing else.
//!
//! All processes stand still at the moment of the cut: an agent of another node that was told "synced" by a disk that is dying would
//! prove nothing. The mail of the source lies elsewhere: what its own server loses is not our matter.

use std::time::Duration;

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::power::{Disk, can_cut};
use mailferry_tests::sample::{Dice, User};
use mailferry_tests::{Bed, Plan, Services, Tree, asked_number, prove, seed, wait_until};

use crate::order::{Watched, active_of, some_of};

const PATIENCE: Duration = Duration::from_secs(120);
/// As many as the test command has time for, of each kind of disk.
const CUTS: u64 = 3;

/// What loses its power.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Place {
    /// Disk and agents of a node.
    Node(String),
    /// The disk of the new mail, and the agents that write to it.
    Mail,
    Everything,
}

impl Place {
    fn takes_agent(&self, node: &str, kind: AgentKind) -> bool {
        match self {
            Place::Node(name) => name == node,
            Place::Mail => kind == AgentKind::Target,
            Place::Everything => true,
        }
    }

    fn takes_disk(&self, bed: &Bed, disk: &Disk) -> bool {
        match self {
            Place::Node(name) => disk.place == bed.path(name),
            Place::Mail => disk.place == bed.path("mail/new"),
            Place::Everything => true,
        }
    }
}

struct Cuts<'b> {
    bed: &'b Bed,
    services: Services<'b>,
    dice: Dice,
}

impl Cuts<'_> {
    /// Some moment at which this agent is at work, or none when it has nothing to do for long.
    fn a_moment(&mut self) {
        let agents = self.bed.agents();
        let (node, kind) = self.dice.one_of(&agents).clone();
        let moment = Duration::from_millis(30 + self.dice.below(900));
        let began = std::time::Instant::now();
        wait_until("the moment comes", PATIENCE, || {
            began.elapsed() >= moment && (self.services.is_at_work(&node, kind) || began.elapsed() >= 2 * moment)
        });
        if self.dice.below(2) == 0 {
            // What a killed agent leaves is found by the next one, and built upon before the power fails.
            self.services.kill(&node, kind);
            self.services.start(&node, kind);
            let later = began.elapsed() + Duration::from_millis(self.dice.below(150));
            wait_until("the next one has begun", PATIENCE, || began.elapsed() >= later);
        }
    }

    fn place(&mut self) -> Place {
        let nodes: Vec<String> = [Side::Source, Side::Target].into_iter().flat_map(|side| self.bed.nodes(side)).collect();
        match self.dice.below(6) {
            0 => Place::Everything,
            1 => Place::Mail,
            _ => Place::Node(self.dice.one_of(&nodes).clone()),
        }
    }

    fn cut(&mut self, place: &Place) {
        let bed = self.bed;
        let dead: Vec<_> = bed.agents().into_iter().filter(|(node, kind)| place.takes_agent(node, *kind)).collect();
        let disks: Vec<&Disk> = bed.disks().iter().filter(|disk| place.takes_disk(bed, disk)).collect();
        let active = [Side::Source, Side::Target].into_iter().find(|side| Place::Node(bed.active(*side)) == *place);
        self.services.freeze();
        disks.iter().for_each(|disk| disk.cut().expect("a power cut"));
        dead.iter().for_each(|(node, kind)| self.services.kill(node, *kind));
        self.services.thaw();
        if let Some(side) = active.filter(|_| self.dice.below(2) == 0) {
            bed.switch_over(side);
        }
        disks.iter().for_each(|disk| disk.come_back());
        dead.iter().for_each(|(node, kind)| self.services.start(node, *kind));
    }
}

fn cuts(kind: &'static str, only: Option<&Place>) {
    if !can_cut(kind) {
        return;
    }
    let seed = seed(&format!("cuts of {kind}"));
    let settings = "[settings.source]\nContainerItemsMax = 15\n[settings.target]\nApplyDeletions = true\nImportBatchItems = 6";
    let plan = Plan::new(2, 2).sample("alice", 300).sample_to("bob", 150, "mbox").settings(settings);
    let bed = plan.on_power(kind).build();
    let mut users = ["alice", "bob"].map(|name| User::of(&bed.path("mail/old").join(name), seed ^ u64::from(name.as_bytes()[0])));
    let mut cuts = Cuts { bed: &bed, services: Services::all(&bed), dice: Dice::new(seed) };
    for number in 1..=asked_number("MAILFERRY_CUTS").unwrap_or(CUTS) {
        cuts.a_moment();
        let place = only.cloned().unwrap_or_else(|| cuts.place());
        eprintln!("{kind}: cut {number}: {place:?}");
        cuts.cut(&place);
        (0..4).for_each(|_| users.iter_mut().for_each(User::work));
    }
    let before = Tree::of(&bed.path("mail/old"));
    cuts.services.settle(PATIENCE);
    drop(cuts);
    if only.is_some() {
        let logs: String = bed.agents().iter().map(|(node, kind)| bed.log(node, *kind)).collect();
        let errors: Vec<&str> = logs.lines().filter(|line| line.contains(" ERROR ")).collect();
        assert!(errors.is_empty(), "a person was needed: {errors:#?}");
    }
    prove(&bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
}

#[test]
fn power_cuts_of_nodes_and_stores_on_ext4_lose_and_double_nothing() {
    cuts("ext4", None);
}

#[test]
fn power_cuts_of_nodes_and_stores_on_xfs_lose_and_double_nothing() {
    cuts("xfs", None);
}

#[test]
fn a_power_cut_of_everything_needs_nobody_afterwards() {
    cuts("ext4", Some(&Place::Everything));
}

/// The worst moment for each file: renamed, the agent dead before the folder was synced, the next one building on it, and then the
/// power of everything fails.
#[test]
fn what_was_found_and_built_upon_survives_a_power_cut() {
    if !mailferry_tests::strace::can_trace() || !can_cut("ext4") {
        return;
    }
    let mut dice = Dice::new(seed("kills before cuts"));
    for kind in AgentKind::ALL {
        let mut calm = Watched::new(Watched::plan());
        calm.up_to(kind);
        let points = calm.session(active_of(kind), kind, None);
        for point in some_of(points, asked_number("MAILFERRY_CUTS").unwrap_or(1), &mut dice) {
            eprintln!("  the {kind} agent dies at its sync {point}, begins again, and the power fails");
            let mut watched = Watched::new(Watched::plan().on_power("ext4"));
            watched.up_to(kind);
            watched.bed.disks().iter().for_each(Disk::sync);
            watched.session(active_of(kind), kind, Some(point));
            watched.bed.once(active_of(kind), kind);
            watched.bed.disks().iter().for_each(|disk| disk.cut().expect("a power cut"));
            watched.bed.disks().iter().for_each(Disk::come_back);
            watched.bed.settle();
            prove(&watched.bed);
        }
    }
}
