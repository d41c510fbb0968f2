//! The bed of the end-to-end tests: a project in a temporary folder, its agents as real processes, and the proof afterwards.
//!
//! ```text
//! bed       folders, project file, commit; one session of one agent; rounds until nothing is left to do
//! clusters  the same bed on two real Pacemaker clusters, with their power supply and their network
//! services  agents as services, killed and started
//! moves     move requests, by the console
//! programs  where the programs are; built when they are not up to date
//! sample    messages from a seed, and what users do to a mailbox meanwhile
//! scratch   where temporary folders are made
//! tree      a folder tree as it stands: names, bytes, timestamps
//! proof     every item arrived once, nothing lies about, standbys equal their active node
//! damage    a full disk, one that is read-only or away, a file that cannot be deleted, a byte that changed
//! strace    what a process does to disks, in order; Linux
//! durability the laws that hold for that order
//! power     a disk whose power can be cut; Linux
//! corpora   real mail, where it is there
//! ```
//!
//! Holds R1 to R56 as seen from outside: nothing here looks into a process. Waiting happens in `wait_until` alone, always for an
//! event and never for ever. The road not taken: agents as threads of the test; SIGKILL is then a play.
#![allow(clippy::print_stderr)]

mod bed;
mod clusters;
pub mod corpora;
pub mod damage;
#[cfg(target_os = "linux")]
pub mod durability;
pub mod moves;
#[cfg(target_os = "linux")]
pub mod power;
mod programs;
mod proof;
pub mod sample;
mod scratch;
mod services;
#[cfg(target_os = "linux")]
pub mod strace;
mod tree;

pub use bed::{Bed, Plan};
pub use clusters::{Clusters, RESOURCE};
pub use programs::{agent_program, console, console_command};
pub use proof::{containers_below, differences, prove, prove_mailbox};
pub use scratch::scratch;
pub use services::{Services, wait_until};
pub use tree::Tree;

/// A test that cannot do its work here says why, past what holds back the output of tests that pass.
pub fn skipped(reason: &str) {
    let _ = std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("SKIPPED: {reason}\n"));
}

/// A number that a run is asked for by its environment.
pub fn asked_number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect("a number"))
}

/// MAILFERRY_SEED, or one from the clock; told before anything else.
pub fn seed(what: &str) -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_micros() as u64);
    let seed = asked_number("MAILFERRY_SEED").unwrap_or(now % 1_000_000_007);
    eprintln!("{what}: MAILFERRY_SEED={seed}");
    seed
}
