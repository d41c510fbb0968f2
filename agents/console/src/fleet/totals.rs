//! Sums over agents, collections and all.

use std::collections::BTreeMap;

use mailferry_core::engine::Moves;
use serde::Serialize;

use super::agents::{AgentSeen, Health};
use super::mailboxes::{Figures, MailboxSeen};

/// Of many mailboxes.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Sums {
    pub mailboxes: u64,
    pub states: BTreeMap<String, u64>,
    #[serde(flatten)]
    pub figures: Figures,
}

impl Sums {
    fn add(&mut self, mailbox: &MailboxSeen) {
        self.mailboxes += 1;
        *self.states.entry(mailbox.state.clone()).or_default() += 1;
        self.figures.add(&mailbox.figures);
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Totals {
    pub agents: u64,
    pub active: u64,
    /// Agents that have left no report, and those whose last session ended early or long ago.
    pub silent: u64,
    pub bad: u64,
    #[serde(flatten)]
    pub all: Sums,
    pub collections: BTreeMap<String, Sums>,
    pub requests: u64,
    /// Bad and large items of move requests.
    pub bad_items: u64,
    pub large_items: u64,
    pub stalls: u64,
    pub deletion_debts: u64,
    pub coverage_debts: u64,
    /// Change sets that wait for another node.
    pub copy_queue: u64,
}

impl Totals {
    pub fn of(agents: &[AgentSeen], mailboxes: &[MailboxSeen], moves: &Moves, now_ms: u64) -> Self {
        let mut totals = Totals { agents: agents.len() as u64, requests: moves.requests.len() as u64, ..Totals::default() };
        agents.iter().for_each(|seen| totals.add_agent(seen, now_ms));
        for mailbox in mailboxes {
            totals.all.add(mailbox);
            match totals.collections.get_mut(&mailbox.collection) {
                Some(sums) => sums.add(mailbox),
                None => totals.collections.entry(mailbox.collection.clone()).or_default().add(mailbox),
            }
        }
        for of in &moves.requests {
            totals.bad_items += of.bad_items;
            totals.large_items += of.large_items;
        }
        totals
    }

    fn add_agent(&mut self, seen: &AgentSeen, now_ms: u64) {
        match seen.health(now_ms) {
            Health::Silent => self.silent += 1,
            Health::Bad => self.bad += 1,
            Health::Good | Health::Waits => {}
        }
        let Some(report) = seen.report.as_deref().filter(|_| seen.is_active()) else { return };
        self.active += 1;
        self.stalls += report.stalls.len() as u64;
        self.deletion_debts += report.deletion_debts.len() as u64;
        self.coverage_debts += report.coverage_debts.len() as u64;
        self.copy_queue += report.replication.copy.iter().filter_map(|queue| queue.sets).sum::<u64>();
    }
}
