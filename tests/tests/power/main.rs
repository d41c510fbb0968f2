//! Power that fails (R14, R21, R32, R33, R43): the order in which agents sync, and real cuts of real file systems.
//!
//! ```text
//! order  what agents do to disks, recorded with strace, held against the laws of durability
//! cuts   ext4 and XFS whose power is cut while agents work
//! ```
//!
//! What is synced when, and why, is a table in docs/formats/spool.md. MAILFERRY_SEED replays the same choices.
#![cfg(target_os = "linux")]
#![allow(clippy::print_stderr)]

mod cuts;
mod order;
