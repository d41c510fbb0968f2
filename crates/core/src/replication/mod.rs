//! The log of an agent's database on its way to the other nodes (R13, R14), over shares; docs/formats/state.md has the files.
//!
//! ```text
//! ship     active: puts what a standby does not hold yet into the standby's folder, as change files or as a snapshot
//! replay   standby: applies its folder in order, answers with `ack`, asks with `want-snapshot`, removes what is applied
//! queues   both: how much waits, for people
//! ```
//!
//! What a standby holds is read from its folder each time (files and `ack`), never from memory: a kill between any two steps
//! leaves a folder from which both sides go on. The first ship of an epoch is a snapshot, because the node that was active before may
//! have written what nobody received; within an epoch change files follow, each chained to the one before by digest.
//!
//! Roads not taken: opening the other node's database over the share (SQLite's locks do not hold there); shipping the WAL or the
//! file (bytes of a live file, and as many as the database is large); continuing a new epoch without a snapshot on the word of an old
//! `ack` (a node that was active since then has a stale one).

mod ack;
mod change_file;
mod codec;
mod names;
mod replay;
mod sealed;
mod ship;
mod snapshot;
mod status;

use mailferry_rules::ids::Epoch;

use crate::ports::{ShareError, SharePath};
use crate::state::StateError;
use crate::trouble::Trouble;

pub use replay::{Discarded, Refused, Replayed, replay};
pub use ship::{Shipped, ship, ship_telling};
pub use status::{CopyQueue, ReplayQueue, copy_queue, replay_queue};

/// Whose database this is. Files of another cluster or agent are refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    pub cluster: String,
    pub agent: String,
    /// The node this process runs on.
    pub node: String,
}

impl Identity {
    /// `NTA/REP/<agent>/` on every node's share.
    pub fn folder(&self) -> Result<SharePath, ReplicationError> {
        SharePath::of(&["NTA", "REP", &self.agent]).ok_or_else(|| ReplicationError::BadName(self.agent.clone()))
    }
}

#[derive(Debug, thiserror::Error)]
pub enum ReplicationError {
    #[error(transparent)]
    Share(#[from] ShareError),
    #[error(transparent)]
    State(#[from] StateError),
    #[error("`{0}` cannot be the name of a folder")]
    BadName(String),
    /// R3: without a claimed epoch nothing is replicated.
    #[error("this node has begun no epoch")]
    NoEpoch,
    /// R3: whoever sees a higher epoch than its own stops at once.
    #[error("epoch {seen} is known at {place}; this node is at epoch {own}")]
    Fenced { own: Epoch, seen: Epoch, place: String },
    /// R13: a snapshot would carry records that are held back.
    #[error("the standby needs a snapshot, which would hold change sets after {up_to} that are still held back (up to {lsn})")]
    HeldBack { up_to: u64, lsn: u64 },
    #[error("the standby holds change set {held} of this epoch, this node only {own}: its database is older than its epoch")]
    Ahead { held: u64, own: u64 },
    #[error(
        "the standby has acknowledged change set {lsn} of epoch {epoch}, which this node's database never had: it was lost or is older"
    )]
    Unknown { epoch: Epoch, lsn: u64 },
    #[error("the standby asks for schema {theirs}, this node has schema {own}: bring both to one version")]
    OtherSchema { own: u32, theirs: u32 },
    #[error("{file} is damaged: {why}")]
    Damaged { file: String, why: String },
}

impl From<std::io::Error> for ReplicationError {
    fn from(error: std::io::Error) -> Self {
        StateError::Stream(error).into()
    }
}

impl From<ReplicationError> for Trouble {
    fn from(error: ReplicationError) -> Self {
        let trouble = Trouble::new("could not replicate the agent's database").cause(&error);
        let later = "what is committed stays here and is replicated at the next try";
        match &error {
            ReplicationError::Share(share) => trouble.place(&share.place).now(later),
            ReplicationError::Fenced { place, .. } => trouble.place(place).now("this node stops: another node has taken over"),
            ReplicationError::HeldBack { .. } => {
                trouble.now(later).hint("the containers of the held back records are placed on the standby first")
            }
            ReplicationError::Ahead { .. } => {
                trouble.now("nothing was shipped").hint("activate this node again, so that it claims a new epoch")
            }
            ReplicationError::Unknown { .. } => {
                trouble.now("nothing was shipped: it would overwrite what only the standby has").hint("give the role to the standby")
            }
            ReplicationError::OtherSchema { .. } => trouble.now(later).hint("install the same version on both nodes"),
            _ => trouble.now(later),
        }
    }
}

#[cfg(test)]
mod tests;
