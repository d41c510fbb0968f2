//! The small ladder: services on two clusters, killed at random moments while users work (R2, R3, R10, R42, R50, R54).
//!
//! The seed is printed first; MAILFERRY_SEED replays the same choices, MAILFERRY_KILLS asks for more than 24 kills. The ladder on
//! simulated ports stops at every durable step; this one shows that real processes, files and locks behave as it assumes.
#![allow(clippy::print_stderr)]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::sample::{Dice, User};
use mailferry_tests::{Bed, Plan, Services, Tree, prove, wait_until};

const PATIENCE: Duration = Duration::from_secs(90);

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// Files and bytes below a folder: they change while an agent is at work there. What is only staged in a Maildir does not count:
/// the moment to be caught lies between the store and the ledger.
fn holding(folder: &Path) -> (usize, u64) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let below = entries.map(|entry| match entry.metadata() {
        Ok(about) if about.is_dir() && entry.file_name() != "tmp" => holding(&entry.path()),
        Ok(about) => (1, about.len()),
        Err(_) => (0, 0),
    });
    below.fold((0, 0), |(files, bytes), (more, long)| (files + more, bytes + long))
}

/// What was done to the nodes, and what is still to be mended.
struct Ladder<'b> {
    bed: &'b Bed,
    services: Services<'b>,
    dice: Dice,
    down: Option<Down>,
}

struct Down {
    node: String,
    /// The node took its share with it.
    share_away: bool,
}

impl Ladder<'_> {
    /// A moment later: up to as long as a session takes from sleep to sleep.
    fn a_moment(&mut self) {
        let until = Instant::now() + Duration::from_millis(30 + self.dice.below(1_700));
        let services = &mut self.services;
        wait_until("the moment comes", PATIENCE, || {
            services.assert_running();
            Instant::now() >= until
        });
    }

    fn side(&mut self) -> Side {
        *self.dice.one_of(&[Side::Source, Side::Target])
    }

    /// Right when an active agent is seen at work: between what it does and what it records.
    fn catch_at_work(&mut self) {
        let kind = *self.dice.one_of(&AgentKind::ALL);
        let side = if kind == AgentKind::Target { Side::Target } else { Side::Source };
        let (node, place) = (self.bed.active(side), self.place_of_work(kind));
        let before = holding(&place);
        let until = Instant::now() + Duration::from_secs(3);
        wait_until("an agent is at work", PATIENCE, || holding(&place) != before || Instant::now() >= until);
        eprintln!("  the {kind} agent of {node} is killed at work");
        self.services.kill(&node, kind);
        if self.down.as_ref().is_some_and(|down| down.node == node) {
            return;
        }
        if self.dice.below(2) == 0 {
            self.bed.switch_over(side);
        }
        self.services.start(&node, kind);
    }

    fn place_of_work(&self, kind: AgentKind) -> PathBuf {
        match kind {
            AgentKind::Source => self.bed.share(&self.bed.active(Side::Source)).join("NTA"),
            AgentKind::Transmission => self.bed.share(&self.bed.active(Side::Target)).join("NTA"),
            AgentKind::Target => self.bed.path("mail/new"),
        }
    }

    /// One process, and at once a new one.
    fn kill_an_agent(&mut self) {
        self.a_moment();
        let agents: Vec<_> =
            self.bed.agents().into_iter().filter(|(node, _)| self.down.as_ref().is_none_or(|down| down.node != *node)).collect();
        let (node, kind) = self.dice.one_of(&agents).clone();
        eprintln!("  the {kind} agent of {node} is killed");
        self.services.kill(&node, kind);
        self.services.start(&node, kind);
    }

    /// All processes of a node, half the time with its disk; if it was active the role moves. It comes back after the next kill.
    fn kill_a_node(&mut self) {
        self.a_moment();
        self.revive();
        let side = self.side();
        let node = self.dice.one_of(&self.bed.nodes(side)).clone();
        let share_away = self.dice.below(2) == 0;
        let active = self.bed.active(side) == node;
        eprintln!("  {node} is killed (active: {active}, share away: {share_away})");
        self.services.kill_node(&node);
        if share_away {
            fs::rename(self.bed.share(&node), self.away(&node)).expect("a share goes away");
        }
        if active {
            self.bed.switch_over(side);
        }
        self.down = Some(Down { node, share_away });
    }

    fn switch_over(&mut self) {
        let side = self.side();
        eprintln!("  the role of the {side} moves");
        self.bed.switch_over(side);
    }

    fn revive(&mut self) {
        if let Some(Down { node, share_away }) = self.down.take() {
            if share_away {
                fs::rename(self.away(&node), self.bed.share(&node)).expect("a share comes back");
            }
            self.services.start_node(&node);
        }
    }

    fn away(&self, node: &str) -> PathBuf {
        self.bed.path(node).join("share that is away")
    }
}

/// How often the kills hit an import between its store and its ledger (R42).
fn resumed_imports(bed: &Bed) -> usize {
    let logs = bed.nodes(Side::Target).into_iter().map(|node| bed.log(&node, AgentKind::Target)).collect::<String>();
    logs.lines().filter(|line| line.contains(" applied: ") && !line.contains(" 0 found again")).count()
}

#[test]
fn whatever_is_killed_when_every_item_arrives_exactly_once() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
    let seed = number("MAILFERRY_SEED").unwrap_or(now % 1_000_000_007);
    eprintln!("MAILFERRY_SEED={seed}");
    let settings = "[settings.source]\nContainerItemsMax = 40\n[settings.target]\nApplyDeletions = true";
    let bed = Plan::new(2, 2).sample("alice", 900).sample_to("bob", 300, "mbox").sample("carol", 600).settings(settings).on_disk().build();
    let mut users = ["alice", "bob", "carol"].map(|name| User::of(&bed.path("mail/old").join(name), seed ^ u64::from(name.as_bytes()[0])));
    let mut ladder = Ladder { bed: &bed, services: Services::all(&bed), dice: Dice::new(seed), down: None };
    for kill in 1..=number("MAILFERRY_KILLS").unwrap_or(24) {
        eprintln!("kill {kill}");
        match ladder.dice.below(4) {
            0 => ladder.kill_a_node(),
            1 => ladder.kill_an_agent(),
            _ => ladder.catch_at_work(),
        }
        if ladder.dice.below(5) == 0 {
            ladder.switch_over();
        }
        (0..3).for_each(|_| users.iter_mut().for_each(User::work));
    }
    ladder.revive();
    let before = Tree::of(&bed.path("mail/old"));
    ladder.services.settle(PATIENCE);
    drop(ladder);
    eprintln!("imports that found what a killed one had done: {}", resumed_imports(&bed));
    prove(&bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
}
