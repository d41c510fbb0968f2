//! Bad input: each gives an error that says what, where, why, what happens now and what to do; nothing is lost, and what is not
//! affected goes on (R3, R11, R40, R41, R90, R91).
//!
//! ```text
//! containers  damaged, forged, from an activation that is over
//! disks       full, away; one session at a time
//! disks_at_work  full, read-only, unmounted, moved away while services work
//! mailboxes   messages that cannot be read, names that would leave their folder
//! homes       config.ini, desired.toml, config.db; two processes of one agent
//! ```
#![allow(clippy::print_stderr)]

mod containers;
mod disks;
mod disks_at_work;
mod homes;
mod mailboxes;

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::{Bed, Plan};

const SMALL_CONTAINERS: &str = "[settings.source]\nContainerItemsMax = 10";

/// Containers of the two sample mailboxes.
const CONTAINERS: u64 = 7;

/// Two clusters, two mailboxes.
fn clusters() -> Bed {
    Plan::new(2, 2).sample("alice", 30).sample("bob", 20).settings(SMALL_CONTAINERS).build()
}

fn servers() -> Bed {
    Plan::new(1, 1).sample("alice", 30).sample("bob", 20).settings(SMALL_CONTAINERS).build()
}

/// One session of this agent kind on every node of a side.
fn everywhere(bed: &Bed, side: Side, kind: AgentKind) {
    bed.nodes(side).iter().for_each(|node| drop(bed.once(node, kind)));
}

/// As many rounds, quiet or not.
fn rounds(bed: &Bed, count: usize) {
    for _ in 0..count {
        bed.round();
    }
}

/// Containers lie in IN of every target node; no target agent has run.
fn delivered(bed: &Bed) {
    everywhere(bed, Side::Source, AgentKind::Source);
    everywhere(bed, Side::Source, AgentKind::Transmission);
}

/// The text says it, in the form of an error for people: with these labels, in this order.
fn assert_told(text: &str, what: &str, parts: &[&str]) {
    let Some(at) = text.find(what) else { return assert!(text.contains(what), "`{what}` is not told in:\n{text}") };
    let mut rest = &text[at + what.len()..];
    for part in parts {
        let found = rest.find(part);
        assert!(found.is_some(), "after `{what}` there is no `{part}` in:\n{rest}");
        rest = &rest[found.unwrap_or(0) + part.len()..];
    }
}
