//! `mailferry-sim seed N` tells a life; `mailferry-sim explore FROM COUNT` plays many and prints those that fail. The door for
//! people is `cargo xtask sim`.
#![allow(clippy::print_stdout)]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mailferry_sim::swarm;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    match (words.first().map(String::as_str), number(1), number(2)) {
        (Some("seed"), Some(seed), _) => tell(seed),
        (Some("explore"), Some(from), Some(count)) => explore(from, count, number(3)),
        _ => {
            println!("usage: mailferry-sim seed N | explore FROM COUNT [SECONDS]");
            ExitCode::from(2)
        }
    }
}

fn tell(seed: u64) -> ExitCode {
    let outcome = swarm::any(seed, true);
    outcome.story.iter().for_each(|line| println!("{line}"));
    println!("seed {seed}: {} steps, {}", outcome.steps, if outcome.troubles.is_empty() { "all is well" } else { "it fails" });
    outcome.troubles.iter().for_each(|trouble| println!("    {trouble}"));
    ExitCode::from(u8::from(!outcome.troubles.is_empty()))
}

/// Plays `count` seeds, or as many as fit into so many seconds.
fn explore(from: u64, count: u64, seconds: Option<u64>) -> ExitCode {
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (mut played, mut failed, mut steps) = (0, 0, 0);
    for seed in from..from.saturating_add(count) {
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        let outcome = swarm::any(seed, false);
        played += 1;
        steps += outcome.steps;
        if !outcome.troubles.is_empty() {
            failed += 1;
            println!("seed {seed} fails: {}", outcome.troubles.join(" | "));
        }
    }
    println!("{played} seeds from {from}, {steps} steps, {failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
