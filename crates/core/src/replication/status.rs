//! How much waits on either side, for `status` (copy queue and replay queue, as R72 counts them for stores).

use super::names::FileName;
use super::{Identity, ReplicationError};
use crate::ports::Share;
use crate::state::{Database, Outbox};

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Queues {
    /// Active: what each known standby does not hold yet.
    pub copy: Vec<CopyQueue>,
    /// Active: what is kept for them.
    pub outbox: Outbox,
    /// Standby: files in the own folder.
    pub replay_files: u64,
    pub replay_bytes: u64,
    /// Standby: the last change set they lead to.
    pub replay_up_to: Option<u64>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CopyQueue {
    pub node: String,
    /// `None`: it has nothing of this epoch and needs a snapshot.
    pub behind: Option<u64>,
}

pub fn queues(db: &Database, own: &dyn Share, who: &Identity) -> Result<Queues, ReplicationError> {
    let here = db.position()?;
    let behind = |epoch, lsn| (epoch == here.epoch).then(|| here.lsn.saturating_sub(lsn));
    let copy = db.replicas()?.into_iter().map(|replica| CopyQueue { behind: behind(replica.epoch, replica.lsn), node: replica.node });
    let waiting: Vec<(FileName, u64)> =
        own.list(&who.folder()?)?.iter().filter_map(|entry| Some((entry.name.parse().ok()?, entry.size))).collect();
    Ok(Queues {
        copy: copy.collect(),
        outbox: db.outbox()?,
        replay_files: waiting.len() as u64,
        replay_bytes: waiting.iter().map(|(_, size)| size).sum(),
        replay_up_to: waiting.iter().map(|(name, _)| name.last).max(),
    })
}
