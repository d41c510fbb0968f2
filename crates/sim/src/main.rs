//! The simulator by itself; the door for people is `cargo xtask sim`.
//!
//! ```text
//! seed N                               tells one life
//! scenario FILE                        tells one scenario
//! explore FROM COUNT [SECONDS] [first] plays lives and prints those that fail; `first`: ends with the first
//! ladder [first]                       climbs every story
//! ```
#![allow(clippy::print_stdout, clippy::disallowed_methods, reason = "a program for people, with a real clock for --minutes")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use mailferry_sim::{ladder, scenario, story, swarm};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let first = words.last().is_some_and(|word| word == "first");
    match (words.first().map(String::as_str), number(1), number(2)) {
        (Some("seed"), Some(seed), _) => tell(&format!("seed {seed}"), swarm::any(seed, true)),
        (Some("scenario"), ..) if words.len() == 2 => match std::fs::read_to_string(&words[1]) {
            Ok(text) => tell(&words[1], scenario::play(&text, true)),
            Err(error) => {
                println!("could not read {}: {error}", words[1]);
                ExitCode::FAILURE
            }
        },
        (Some("explore"), Some(from), Some(count)) => explore(from, count, number(3), first),
        (Some("ladder"), ..) => climb(first),
        _ => {
            println!("usage: mailferry-sim seed N | scenario FILE | explore FROM COUNT [SECONDS] [first] | ladder [first]");
            ExitCode::from(2)
        }
    }
}

fn tell(what: &str, outcome: swarm::Outcome) -> ExitCode {
    outcome.story.iter().for_each(|line| println!("{line}"));
    println!("{what}: {} steps, {}", outcome.steps, if outcome.troubles.is_empty() { "all is well" } else { "it fails" });
    outcome.troubles.iter().for_each(|trouble| println!("    {trouble}"));
    ExitCode::from(u8::from(!outcome.troubles.is_empty()))
}

/// Plays `count` seeds, or as many as fit into so many seconds.
fn explore(from: u64, count: u64, seconds: Option<u64>, first: bool) -> ExitCode {
    let end = seconds.map(|seconds| Instant::now() + Duration::from_secs(seconds));
    let (mut played, mut failed, mut steps) = (0, 0, 0);
    for seed in from..from.saturating_add(count) {
        if end.is_some_and(|end| Instant::now() >= end) || first && failed > 0 {
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

fn climb(first: bool) -> ExitCode {
    let mut failed = 0;
    for story in story::all() {
        if first && failed > 0 {
            break;
        }
        let climb = ladder::climb(&story);
        for (step, trouble) in &climb.failures {
            failed += 1;
            println!("ladder, {}, killed at step {step}: {}", story.name, trouble.replace('\n', " | "));
        }
    }
    println!("{failed} failed");
    ExitCode::from(u8::from(failed > 0))
}
