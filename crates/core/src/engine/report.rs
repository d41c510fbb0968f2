//! What a session did: kept as the agent's status, printed by the console.

use serde::{Deserialize, Serialize};

/// How a session ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "end", content = "why")]
pub enum SessionEnd {
    /// Everything that could be done was done.
    Completed,
    /// Another node is active; replicated state was replayed.
    Standby,
    /// Stopped early, with the reason; the next session goes on from there.
    HeldUp(String),
}

/// What changed during a session. All zero: there was nothing to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Counts {
    pub published: u64,
    pub packed_items: u64,
    pub packed_bytes: u64,
    pub delivered: u64,
    pub delivered_bytes: u64,
    pub taken: u64,
    pub applied: u64,
    pub already: u64,
    pub found: u64,
    pub skipped: u64,
    pub deleted: u64,
    pub debts_made: u64,
    pub debts_paid: u64,
    pub debts_given_up: u64,
    pub replayed: u64,
}

impl Counts {
    pub fn progress(&self) -> bool {
        *self != Counts::default()
    }
}

/// Something that waits, and why: waiting is never silent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Stall {
    /// Mailbox, lane or node.
    pub what: String,
    pub why: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SessionReport {
    pub agent: String,
    pub node: String,
    pub role: String,
    pub epoch: u64,
    pub started_ms: u64,
    pub finished_ms: u64,
    #[serde(flatten)]
    pub end: SessionEnd,
    pub counts: Counts,
    pub stalls: Vec<Stall>,
    pub deletion_debts: u64,
    pub coverage_debts: u64,
    /// Change sets that wait for another node.
    pub copy_queue: u64,
    pub lsn: u64,
}
