//! Services on two clusters and smaller sites, killed with SIGKILL while they work and while users work (R2, R3, R10, R42, R50, R54).
//!
//! The seed is told first. MAILFERRY_SEED replays the same choices as far as real time allows; MAILFERRY_KILLS asks for more kills
//! than the test command has time for: `cargo xtask test --require kills --kills 300 --seed 7`. The ladder on simulated ports stops
//! at every durable step; this one shows that real processes, files and locks behave as it assumes.
//!
//! ```text
//! ladder  what is done to agents, nodes and roles
//! ```
#![allow(clippy::print_stderr)]

mod ladder;

use std::time::Duration;

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::sample::User;
use mailferry_tests::{Bed, Plan, Tree, asked_number, prove, seed};

use ladder::{Hits, Ladder};

const PATIENCE: Duration = Duration::from_secs(120);
/// As many as the test command has time for.
const KILLS: u64 = 20;
/// Then everything settles and is compared, and another life begins.
const KILLS_OF_A_LIFE: u64 = 30;

const SITES: [(usize, usize, &str); 6] = [
    (2, 2, "[settings.source]\nContainerItemsMax = 40\n[settings.target]\nApplyDeletions = true"),
    (2, 2, "[settings.source]\nContainerItemsMax = 7\n[settings.target]\nApplyDeletions = true\nImportBatchItems = 2"),
    (1, 2, "[settings.source]\nContainerItemsMax = 20\n[settings.target]\nApplyDeletions = true"),
    (2, 1, "[settings.source]\nContainerItemsMax = 20\n[settings.target]\nApplyDeletions = true"),
    (1, 1, "[settings.source]\nContainerItemsMax = 10\n[settings.target]\nApplyDeletions = true"),
    (2, 2, "ContinueWithoutReplication = 1\n[settings.source]\nContainerItemsMax = 20\n[settings.target]\nApplyDeletions = true"),
];

fn bed(site: u64) -> Bed {
    let (source, target, settings) = SITES[site as usize % SITES.len()];
    let plan = Plan::new(source, target).settings(settings).on_disk();
    plan.sample("alice", 900).sample_to("bob", 300, "mbox").sample("carol", 600).sample_to("dora", 120, "mbox").build()
}

/// How often the kills hit an import between its store and its ledger (R42), and a container between its places and its record.
fn seen_in_logs(bed: &Bed) -> (usize, usize) {
    let log = |side: Side, kind: AgentKind| bed.nodes(side).into_iter().map(|node| bed.log(&node, kind)).collect::<String>();
    let resumed = log(Side::Target, AgentKind::Target);
    let resumed = resumed.lines().filter(|line| line.contains(" applied: ") && !line.contains(" 0 found again")).count();
    (resumed, log(Side::Source, AgentKind::Source).matches("adopted").count())
}

fn life(site: u64, seed: u64, kills: u64) -> Hits {
    let bed = bed(site);
    let users = ["alice", "bob", "carol", "dora"];
    let mut users = users.map(|name| User::of(&bed.path("mail/old").join(name), seed ^ u64::from(name.as_bytes()[0])));
    let mut ladder = Ladder::new(&bed, seed);
    while ladder.hits.at_work < kills {
        ladder.kill_something();
        (0..3).for_each(|_| users.iter_mut().for_each(User::work));
    }
    let before = Tree::of(&bed.path("mail/old"));
    let hits = ladder.settle(PATIENCE);
    let (resumed, adopted) = seen_in_logs(&bed);
    eprintln!("{hits:?}; imports resumed: {resumed}, containers adopted: {adopted}");
    prove(&bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
    hits
}

#[test]
fn whatever_is_killed_when_every_item_arrives_exactly_once() {
    let seed = seed("kills");
    let mut left = asked_number("MAILFERRY_KILLS").unwrap_or(KILLS);
    let mut all = Hits::default();
    for number in 0.. {
        if left == 0 {
            break;
        }
        let kills = left.min(KILLS_OF_A_LIFE);
        eprintln!("life {number}: MAILFERRY_SEED={} of site {}", seed + number, number as usize % SITES.len());
        all.add(life(number, seed + number, kills));
        left -= kills;
    }
    eprintln!("all lives: {all:?}");
}
