//! How much waits on either side, and since when, for `status` (the copy queue and the replay queue that R72 counts for stores).
//!
//! The copy queue is what the active node has committed and a standby does not hold yet; the replay queue what lies in a standby's
//! folder and is not in its database yet. Both from rows and names: nothing is counted one by one.

use mailferry_rules::ids::Epoch;

use super::codec::Head;
use super::names::{FileName, Kind};
use super::{Identity, ReplicationError};
use crate::ports::Share;
use crate::state::{Database, Lineage, Position};

/// What one standby does not hold yet.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CopyQueue {
    pub node: String,
    /// Change sets; `None`: it has nothing of this epoch and needs a snapshot.
    pub sets: Option<u64>,
    /// Of the change sets; for one that needs a snapshot, what the outbox holds.
    pub bytes: u64,
    /// When the oldest was committed, where that is known.
    pub oldest_ms: Option<u64>,
    /// When something was last brought there, where that is known.
    pub brought_ms: Option<u64>,
    /// The last change set it holds.
    pub held: Option<u64>,
}

/// What lies in the own folder and is not replayed.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplayQueue {
    pub files: u64,
    /// Change sets that the files lead on by.
    pub sets: u64,
    pub bytes: u64,
    /// When the oldest was committed by its writer, where that is known.
    pub oldest_ms: Option<u64>,
    /// The last change set they lead to.
    pub up_to: Option<u64>,
}

/// 0 stands for a time that is not known.
fn known(ms: u64) -> Option<u64> {
    Some(ms).filter(|ms| *ms > 0)
}

/// At the active node, for a standby.
pub fn copy_queue(db: &Database, node: &str) -> Result<CopyQueue, ReplicationError> {
    let here = db.position()?;
    let replica = db.replicas()?.into_iter().find(|replica| replica.node == node);
    let held = replica.as_ref().filter(|replica| replica.epoch == here.epoch && here.epoch > Epoch(0)).map(|replica| replica.lsn);
    let tail = db.tail(held.unwrap_or(0))?;
    Ok(CopyQueue {
        node: node.into(),
        sets: held.map(|held| here.lsn.saturating_sub(held)),
        bytes: tail.bytes,
        oldest_ms: known(tail.oldest_ms),
        brought_ms: replica.and_then(|replica| known(replica.seen_ms)),
        held,
    })
}

/// At the standby, over its own folder.
pub fn replay_queue(db: &Database, own: &dyn Share, who: &Identity) -> Result<ReplayQueue, ReplicationError> {
    let folder = who.folder()?;
    let (here, lineage) = (db.position()?, db.lineage()?);
    let entries = own.list(&folder)?;
    let mut waiting: Vec<(FileName, u64)> =
        entries.iter().filter_map(|entry| Some((entry.name.parse().ok()?, entry.size))).filter(|(name, _)| waits(name, &lineage)).collect();
    waiting.sort();
    let mut queue = ReplayQueue { files: waiting.len() as u64, ..ReplayQueue::default() };
    for (name, bytes) in &waiting {
        queue.bytes += bytes;
        queue.sets += leads_on(name, &here);
        queue.up_to = queue.up_to.max(Some(name.last));
    }
    if let Some((oldest, _)) = waiting.first() {
        let file = folder.join(&oldest.to_string()).ok_or_else(|| ReplicationError::BadName(oldest.to_string()))?;
        // For people: whether its seal is whole is asked when it is replayed.
        queue.oldest_ms =
            own.open(&file).ok().and_then(|mut file| Head::read(&mut file).ok()).and_then(|head| known(head.committed.first_ms));
    }
    Ok(queue)
}

fn waits(name: &FileName, lineage: &Lineage) -> bool {
    !lineage.contains(name.epoch, name.last)
}

/// Change sets that a file has and this log does not. A snapshot is one step, however many it leaps over.
fn leads_on(name: &FileName, here: &Position) -> u64 {
    let first = if name.epoch == here.epoch { name.first.max(here.lsn + 1) } else { name.first };
    match name.kind {
        Kind::Changes => (name.last + 1).saturating_sub(first),
        Kind::Snapshot => 0,
    }
}
