//! The bed of the end-to-end tests: a project in a temporary folder, its agents as real processes, and the proof afterwards.
//!
//! ```text
//! bed       folders, project file, commit; one session of one agent; rounds until nothing is left to do
//! clusters  the same bed on two real Pacemaker clusters, with their power supply and their network
//! services  agents as services, killed and started
//! programs  where the programs are; built when they are not up to date
//! sample    messages from a seed, and what users do to a mailbox meanwhile
//! scratch   where temporary folders are made
//! tree      a folder tree as it stands: names, bytes, timestamps
//! proof     every item arrived once, nothing lies about, standbys equal their active node
//! damage    a full disk, a file that cannot be deleted, a byte that changed
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
mod programs;
mod proof;
pub mod sample;
mod scratch;
mod services;
mod tree;

pub use bed::{Bed, Plan};
pub use clusters::{Clusters, RESOURCE};
pub use programs::{agent_program, console};
pub use proof::{containers_below, differences, prove, prove_mailbox};
pub use scratch::scratch;
pub use services::{Services, wait_until};
pub use tree::Tree;
