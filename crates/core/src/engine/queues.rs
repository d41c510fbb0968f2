//! What replication looks like in numbers, for `status` (docs/reference/status.md): what each standby lacks, what waits to be replayed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent::Agent;
use crate::ports::Role;
use crate::replication::{self, CopyQueue, ReplayQueue};

/// The log of the agent's database, here and on its way. Times are milliseconds since 1970; ages are as of the report.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ReplicationReport {
    pub epoch: u64,
    pub lsn: u64,
    /// When its writer committed change set `lsn`.
    pub committed_ms: Option<u64>,
    /// Standby: when it replayed change set `lsn`.
    pub replayed_ms: Option<u64>,
    /// Active: one for each other node of the side.
    pub copy: Vec<CopyQueueReport>,
    /// Standby: what lies in its folder.
    pub replay: ReplayQueueReport,
    /// Standby: why its log is not whole.
    pub wants_snapshot: Option<String>,
}

/// What one standby does not hold yet.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct CopyQueueReport {
    pub node: String,
    /// Change sets; null: it needs a snapshot.
    pub sets: Option<u64>,
    pub bytes: u64,
    pub oldest_ms: Option<u64>,
    pub oldest_age_s: Option<u64>,
    /// When it was last seen to hold everything that was committed then.
    pub replicated_ms: Option<u64>,
    /// Of what it holds, the change sets that it had not replayed at the last look.
    pub unreplayed: Option<u64>,
}

/// What lies in the own folder and is not replayed.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct ReplayQueueReport {
    pub files: u64,
    pub sets: u64,
    pub bytes: u64,
    pub oldest_ms: Option<u64>,
    pub oldest_age_s: Option<u64>,
}

/// What this process has seen of a standby: cheap to lose, the next session looks again.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub replicated_ms: u64,
    pub applied: Option<u64>,
}

pub(super) type SeenStandbys = BTreeMap<String, Seen>;

fn age_s(now_ms: u64, then_ms: Option<u64>) -> Option<u64> {
    then_ms.map(|then_ms| now_ms.saturating_sub(then_ms) / 1000)
}

impl Agent {
    /// What cannot be read is left out: whoever works with it has told of the trouble.
    pub(super) fn replication_report(&self) -> ReplicationReport {
        let now_ms = self.now_ms();
        let (position, times) = (self.db.position().ok(), self.db.times().unwrap_or_default());
        let known = |ms: u64| Some(ms).filter(|ms| *ms > 0);
        let mut report = ReplicationReport {
            epoch: position.map_or(0, |position| position.epoch.0),
            lsn: position.map_or(0, |position| position.lsn),
            committed_ms: known(times.committed_ms),
            replayed_ms: known(times.replayed_ms),
            wants_snapshot: self.db.wants_snapshot().unwrap_or_default(),
            ..ReplicationReport::default()
        };
        if self.around.role.role() == Role::Active {
            let nodes = self.passive_nodes();
            let queues = nodes.iter().filter_map(|node| replication::copy_queue(&self.db, node).ok());
            report.copy = queues.map(|queue| self.copy_report(queue, now_ms)).collect();
        } else if let Ok(queue) = replication::replay_queue(&self.db, self.own_share().as_ref(), &self.identity()) {
            report.replay = replay_report(&queue, now_ms);
        }
        report
    }

    fn copy_report(&self, queue: CopyQueue, now_ms: u64) -> CopyQueueReport {
        let seen = self.seen_standbys.get(&queue.node);
        let unreplayed = seen.and_then(|seen| Some(queue.held?.saturating_sub(seen.applied?)));
        CopyQueueReport {
            sets: queue.sets,
            bytes: queue.bytes,
            oldest_ms: queue.oldest_ms,
            oldest_age_s: age_s(now_ms, queue.oldest_ms),
            replicated_ms: seen.map(|seen| seen.replicated_ms).max(queue.brought_ms),
            unreplayed,
            node: queue.node,
        }
    }
}

fn replay_report(queue: &ReplayQueue, now_ms: u64) -> ReplayQueueReport {
    ReplayQueueReport {
        files: queue.files,
        sets: queue.sets,
        bytes: queue.bytes,
        oldest_ms: queue.oldest_ms,
        oldest_age_s: age_s(now_ms, queue.oldest_ms),
    }
}
