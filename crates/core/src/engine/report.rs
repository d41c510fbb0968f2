//! What a session did: kept as the agent's status, printed by the console.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::agent::Mailbox;
use super::mailboxes::Mailboxes;
use super::moves::{Fate, Moves};
use super::queues::ReplicationReport;
use crate::model::Outcome;
use crate::settings::Revision;
use crate::state::ledger::debts::{self, DeletionDebt};
use crate::state::ledger::inbound;
use crate::state::ledger::outbound::{self, CoverageDebt};
use crate::state::{Connection, SqlResult};

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
    /// Records that changed the target; new items among them.
    pub applied: u64,
    pub appended: u64,
    pub already: u64,
    pub found: u64,
    pub skipped: u64,
    pub deleted: u64,
    pub debts_made: u64,
    pub debts_paid: u64,
    pub debts_given_up: u64,
    pub replayed: u64,
    /// Orders to move requests that were done, and changes of their states.
    #[serde(default)]
    pub move_steps: u64,
    /// Files of the database that went to the successor after the role had moved.
    #[serde(default)]
    pub handed_over: u64,
}

impl Counts {
    pub fn add(&mut self, other: &Counts) {
        let Counts {
            published,
            packed_items,
            packed_bytes,
            delivered,
            delivered_bytes,
            taken,
            applied,
            appended,
            already,
            found,
            skipped,
            ..
        } = other;
        let Counts { deleted, debts_made, debts_paid, debts_given_up, replayed, move_steps, handed_over, .. } = other;
        let pairs = [
            (&mut self.published, published),
            (&mut self.packed_items, packed_items),
            (&mut self.packed_bytes, packed_bytes),
            (&mut self.delivered, delivered),
            (&mut self.delivered_bytes, delivered_bytes),
            (&mut self.taken, taken),
            (&mut self.applied, applied),
            (&mut self.appended, appended),
            (&mut self.already, already),
            (&mut self.found, found),
            (&mut self.skipped, skipped),
            (&mut self.deleted, deleted),
            (&mut self.debts_made, debts_made),
            (&mut self.debts_paid, debts_paid),
            (&mut self.debts_given_up, debts_given_up),
            (&mut self.replayed, replayed),
            (&mut self.move_steps, move_steps),
            (&mut self.handed_over, handed_over),
        ];
        pairs.into_iter().for_each(|(sum, more)| *sum += more);
    }

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
    /// The commit that the session worked by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Revision>,
    /// Of the agent's program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    pub role: String,
    pub epoch: u64,
    pub started_ms: u64,
    pub finished_ms: u64,
    #[serde(flatten)]
    pub end: SessionEnd,
    /// What it waits for is over after so long: the next session is then, not after the usual sleep.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again_in_ms: Option<u64>,
    /// It is done, and something is asked again after so long.
    #[serde(default)]
    pub next_in_ms: Option<u64>,
    pub counts: Counts,
    pub stalls: Vec<Stall>,
    /// Move requests by their states (source agent).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub move_requests: BTreeMap<String, u64>,
    /// The requests, where something about them has changed, and what became of orders, where some have come: files of their own.
    #[serde(skip)]
    pub moves: Option<Moves>,
    #[serde(skip)]
    pub fates: Option<Vec<Fate>>,
    /// The mailboxes, where something about them has changed: a file of its own.
    #[serde(skip)]
    pub mailboxes: Option<Mailboxes>,
    /// Deletions that failed and wait (DeletedDataFiles), at most `DEBTS_MAX` of them.
    pub deletion_debts: Vec<DebtReport>,
    /// Copies that the passive node does not hold yet.
    pub coverage_debts: Vec<DebtReport>,
    /// Containers this agent has put into OUT so far, and those the other side has answered.
    pub containers: u64,
    pub containers_answered: u64,
    /// Containers taken from IN that were damaged or given up.
    pub containers_bad: Vec<String>,
    /// Change sets that wait for another node.
    pub copy_queue: u64,
    pub lsn: u64,
    /// Not in a report that an older version has left.
    #[serde(default)]
    pub replication: ReplicationReport,
}

/// Debts, and bad containers, listed in a report at most.
pub const DEBTS_MAX: usize = 1000;

/// One row of DeletedDataFiles or of the coverage debts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct DebtReport {
    pub node: String,
    pub path: String,
    pub container: String,
    pub since_ms: u64,
    pub attempts: u64,
    /// 0: at the next session.
    pub next_attempt_ms: u64,
    pub last_error: String,
}

/// What the ledger says at the end of a session. Asked in every session: it costs the same in a ledger of any size.
#[derive(Default)]
pub struct Standing {
    pub deletion_debts: Vec<DebtReport>,
    pub coverage_debts: Vec<DebtReport>,
    pub containers: u64,
    pub answered: u64,
    pub bad: Vec<String>,
}

impl Standing {
    /// `answered`: whether the other side answers what this agent sends.
    pub fn read(db: &Connection, mailboxes: &[Mailbox], answered: bool) -> SqlResult<Self> {
        let mut standing = Standing::default();
        for mailbox in mailboxes {
            // Each container is the next of its chain: the last number is how many there were.
            let sent = outbound::chain(db, mailbox.id)?.last.0;
            standing.containers += sent;
            if answered {
                standing.answered += sent.saturating_sub(outbound::unanswered_count(db, mailbox.id)?);
            }
        }
        let word = |outcome: Outcome| if outcome == Outcome::Damaged { "damaged" } else { "archived" };
        standing.bad =
            inbound::taken_badly(db, DEBTS_MAX)?.into_iter().map(|(name, outcome)| format!("{name} {}", word(outcome))).collect();
        standing.deletion_debts = debts::oldest(db, DEBTS_MAX)?.into_iter().map(DebtReport::deletion).collect();
        standing.coverage_debts = outbound::coverage_debts(db)?.into_iter().take(DEBTS_MAX).map(DebtReport::coverage).collect();
        Ok(standing)
    }
}

impl DebtReport {
    fn deletion(debt: DeletionDebt) -> Self {
        DebtReport {
            node: debt.node,
            path: debt.path,
            container: debt.doomed.name.to_string(),
            since_ms: debt.time.first_failure_ms,
            attempts: debt.attempts,
            next_attempt_ms: debt.time.next_attempt_ms,
            last_error: debt.last_error,
        }
    }

    fn coverage(debt: CoverageDebt) -> Self {
        DebtReport {
            path: format!("NTA/OUT/{}/{}", debt.lane, debt.name),
            node: debt.node,
            container: debt.name.to_string(),
            since_ms: debt.since_ms,
            attempts: 1,
            next_attempt_ms: 0,
            last_error: debt.last_error,
        }
    }
}
