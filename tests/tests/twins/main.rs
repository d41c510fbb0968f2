//! Twins: a port's simulated body and its real one live the same life, drawn from a seed, and give the same answer at every step
//! (R3, R14, R32, R42, R50). What the laws of `crates/conformance` say one by one is met here in any order.
//!
//! ```text
//! share   the simulated disk beside a folder
//! state   a database in memory on simulated disks beside one on a file on folders: writes, kills, epochs, replication
//! store   the simulated store beside Maildir and mbox
//! ```
//!
//! A life that failed is played again, with every step told, by `TWINS_SEED=<n> cargo test -p mailferry-tests --test twins <name>`;
//! `TWINS_SEEDS=<count>` plays more.

#![allow(clippy::panic, reason = "a life that ends in a difference is told with its seed")]
#![allow(clippy::print_stderr, reason = "seeds are told to whoever runs the test")]

mod share;
mod state;
mod store;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

use mailferry_sim::dice::Dice;

/// What has happened so far in one life.
#[derive(Default)]
struct Tale(Mutex<Vec<String>>);

impl Tale {
    fn tell(&self, line: String) {
        self.0.lock().expect("whole").push(line);
    }

    /// Both twins gave these answers.
    fn same<T: PartialEq + std::fmt::Debug>(&self, what: &str, sim: T, real: T) {
        self.tell(format!("{what}: {sim:?}"));
        assert!(sim == real, "{what}: simulated {sim:?}, real {real:?}");
    }
}

/// Plays the lives of these seeds; one that ends in a difference is told with its seed and its last steps.
fn live(name: &str, count: u64, life: impl Fn(&mut Dice, &Tale)) {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let chosen = number("TWINS_SEED");
    let first = chosen.unwrap_or(1);
    let seeds = first..first + number("TWINS_SEEDS").unwrap_or(if chosen.is_some() { 1 } else { count });
    eprintln!("{name}: seeds {seeds:?}");
    for seed in seeds {
        let tale = Tale::default();
        let lived = catch_unwind(AssertUnwindSafe(|| life(&mut Dice::new(seed), &tale)));
        let steps = tale.0.into_inner().unwrap_or_default();
        let told = if chosen.is_some() { steps.len() } else { 12 };
        if chosen.is_some() || lived.is_err() {
            steps[steps.len().saturating_sub(told)..].iter().for_each(|step| eprintln!("    {step}"));
        }
        if let Err(cause) = lived {
            let text = cause.downcast_ref::<String>().map(String::as_str).or_else(|| cause.downcast_ref::<&str>().copied());
            panic!("{name}, TWINS_SEED={seed}, step {}: {}", steps.len(), text.unwrap_or("see above"));
        }
    }
}
