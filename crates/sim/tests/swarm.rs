//! Stories drawn by lot. A seed that failed is played again, with every step told, by `SWARM_SEED=<n> cargo test ...`.

#![allow(clippy::print_stderr, reason = "a failed seed is told to whoever runs the test")]

use mailferry_sim::process::Rates;
use mailferry_sim::swarm::{self, Faults};

const SEEDS: u64 = 20;

fn seeds() -> std::ops::Range<u64> {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number("SWARM_SEED");
    let from = first.unwrap_or(1);
    from..from + number("SWARM_SEEDS").unwrap_or(if first.is_some() { 1 } else { SEEDS })
}

fn swarm(name: &str, faults: Faults) {
    let seeds = seeds();
    let tell = seeds.end - seeds.start == 1;
    let mut failed = Vec::new();
    for seed in seeds.clone() {
        let outcome = swarm::play(seed, faults, tell);
        outcome.story.iter().for_each(|line| eprintln!("{line}"));
        if !outcome.troubles.is_empty() {
            eprintln!("{name}, seed {seed}, {} steps:\n    {}", outcome.steps, outcome.troubles.join("\n    "));
            failed.push(seed);
        }
    }
    assert!(failed.is_empty(), "{name}: {} of {} seeds fail: {failed:?}", failed.len(), seeds.end - seeds.start);
}

const RATES: Rates = Rates { dies: 8, fails: 8, answer_lost: 8 };
const CALM: Faults = Faults {
    rates: Rates { dies: 0, fails: 0, answer_lost: 0 },
    interleaved: false,
    failover: false,
    dual: false,
    disks: false,
    damage: false,
    refusals: false,
    alone: false,
    databases: false,
};

macro_rules! swarms {
    ($($name:ident: $faults:expr;)*) => { $(#[test] fn $name() { swarm(stringify!($name), $faults); })* };
}

swarms! {
    users_alone: CALM;
    sessions_in_turns: Faults { interleaved: true, ..CALM };
    steps_that_fail: Faults { rates: RATES, ..CALM };
    disks_in_trouble: Faults { disks: true, ..CALM };
    deletions_refused: Faults { refusals: true, ..CALM };
    roles_that_move: Faults { failover: true, ..CALM };
    roles_that_move_in_a_session: Faults { failover: true, interleaved: true, dual: true, ..CALM };
    damaged_containers: Faults { damage: true, ..CALM };
    deleted_databases: Faults { databases: true, failover: true, ..CALM };
    everything_but_damage: Faults { rates: RATES, interleaved: true, failover: true, disks: true, ..CALM };
    everything: Faults { rates: RATES, interleaved: true, failover: true, dual: true, disks: true, damage: true, ..CALM };
    on_their_own: Faults { rates: RATES, failover: true, disks: true, alone: true, ..CALM };
}
