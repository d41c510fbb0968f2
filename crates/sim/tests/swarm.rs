//! Lives drawn by lot. A seed that failed is played again, with every step told, by `SWARM_SEED=<n> cargo test ...`; a seed of
//! `every_kind_of_trouble` by `cargo xtask sim --seed <n>`.

#![allow(clippy::print_stderr, reason = "a failed seed is told to whoever runs the test")]

use mailferry_sim::process::Rates;
use mailferry_sim::swarm::{self, Faults, Outcome};

const SEEDS: u64 = 20;
/// Lives with faults of their own choice, in each of four tests.
const ANY_SEEDS: u64 = 75;

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("SWARM_SEED");
    let from = first.unwrap_or(1);
    from..from + number("SWARM_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS })
}

fn swarm(name: &str, seeds: std::ops::Range<u64>, play: impl Fn(u64, bool) -> Outcome) {
    let tell = seeds.end - seeds.start == 1;
    let mut failed = Vec::new();
    for seed in seeds.clone() {
        let outcome = play(seed, tell);
        outcome.story.iter().for_each(|line| eprintln!("{line}"));
        if !outcome.troubles.is_empty() {
            eprintln!("{name}, seed {seed}, {} steps:\n    {}", outcome.steps, outcome.troubles.join("\n    "));
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "{name}: {} of {} seeds fail: {failed:?}", failed.len(), seeds.end - seeds.start);
}

const RATES: Rates = Rates { dies: 8, fails: 8, answer_lost: 8, unread: 0, slow: 0, lies: 0 };
const CALM: Faults = Faults {
    rates: Rates { dies: 0, fails: 0, answer_lost: 0, unread: 0, slow: 0, lies: 0 },
    interleaved: false,
    failover: false,
    dual: false,
    both: false,
    disks: false,
    network: false,
    damage: false,
    refusals: false,
    returns: false,
    clocks: false,
    guarantee: false,
    takeovers: false,
    stores: false,
    alone: false,
    databases: false,
    tokenless: false,
    orders: false,
    switches: false,
    pair: false,
};

macro_rules! swarms {
    ($($name:ident: $faults:expr;)*) => {
        $(#[test] fn $name() { swarm(stringify!($name), seeds(), |seed, tell| swarm::play(seed, $faults, tell)) })*
    };
}

swarms! {
    users_alone: CALM;
    sessions_in_turns: Faults { interleaved: true, ..CALM };
    steps_that_fail: Faults { rates: RATES, ..CALM };
    disks_that_lie: Faults { rates: Rates { lies: 40, ..CALM.rates }, failover: true, ..CALM };
    disks_in_trouble: Faults { disks: true, ..CALM };
    deletions_refused: Faults { refusals: true, ..CALM };
    roles_that_move: Faults { failover: true, ..CALM };
    roles_that_move_in_a_session: Faults { failover: true, interleaved: true, dual: true, ..CALM };
    damaged_files: Faults { damage: true, ..CALM };
    deleted_databases: Faults { databases: true, failover: true, ..CALM };
    a_network_in_pieces: Faults { network: true, failover: true, ..CALM };
    two_nodes_that_believe_to_be_active: Faults { both: true, interleaved: true, ..CALM };
    files_that_return: Faults { returns: true, failover: true, ..CALM };
    clocks_that_jump: Faults { clocks: true, refusals: true, ..CALM };
    a_guarantee_that_waits: Faults { guarantee: true, failover: true, ..CALM };
    everything_but_damage: Faults { rates: RATES, interleaved: true, failover: true, disks: true, ..CALM };
    everything: Faults { rates: RATES, interleaved: true, failover: true, dual: true, disks: true, damage: true, ..CALM };
    target_stores_that_fail_over: Faults { rates: RATES, failover: true, takeovers: true, ..CALM };
    servers_that_fail_over: Faults { rates: RATES, takeovers: true, tokenless: true, ..CALM };
    targets_without_tokens: Faults { rates: RATES, failover: true, tokenless: true, ..CALM };
    primary_and_archive: Faults { rates: RATES, failover: true, guarantee: true, stores: true, orders: true, switches: true, pair: true, ..CALM };
    on_their_own: Faults { rates: RATES, failover: true, disks: true, alone: true, ..CALM };
}

fn any(quarter: u64) {
    let first = 1 + quarter * ANY_SEEDS;
    swarm("every kind of trouble", first..first + ANY_SEEDS, swarm::any);
}

#[test]
fn every_kind_of_trouble() {
    any(0);
}

#[test]
fn every_kind_of_trouble_once_more() {
    any(1);
}

#[test]
fn every_kind_of_trouble_a_third_time() {
    any(2);
}

#[test]
fn every_kind_of_trouble_a_fourth_time() {
    any(3);
}
