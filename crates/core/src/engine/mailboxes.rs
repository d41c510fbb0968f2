//! Mailboxes as a report tells of them, by the sums of the ledger (docs/reference/status.md). They may be ten thousand: they are told when
//! something about them has changed, of many not too often, and a session that has nothing to tell reads nothing.

use std::collections::BTreeMap;

use mailferry_rules::ids::MailboxId;
use serde::{Deserialize, Serialize};

use super::agent::{Agent, Mailbox};
use super::telling::Listed;
use crate::ports::Role;
use crate::settings::AgentKind;
use crate::state::ledger::totals;
use crate::state::{Connection, SqlResult};

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Mailboxes {
    pub mailboxes: Vec<MailboxReport>,
}

/// One mailbox, as the source agent or the target agent knows it. What is 0 or empty is not written.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MailboxReport {
    pub mailbox: String,
    pub name: String,
    /// Source: put into OUT. Target: taken from IN.
    #[serde(skip_serializing_if = "is_0")]
    pub containers: u64,
    /// Source: those of them that were answered.
    #[serde(skip_serializing_if = "is_0")]
    pub answered: u64,
    /// Source: items and bytes of its containers. What was sent again counts again.
    #[serde(skip_serializing_if = "is_0")]
    pub items: u64,
    #[serde(skip_serializing_if = "is_0")]
    pub bytes: u64,
    /// Source: when the last container was published, and when a pass of this process has last gone through the whole mailbox.
    #[serde(skip_serializing_if = "is_0")]
    pub published_ms: u64,
    #[serde(skip_serializing_if = "is_0")]
    pub passed_ms: u64,
    /// Target: records that changed the mailbox, items that were there already, items found again after an interruption.
    #[serde(skip_serializing_if = "is_0")]
    pub applied: u64,
    #[serde(skip_serializing_if = "is_0")]
    pub already: u64,
    #[serde(skip_serializing_if = "is_0")]
    pub found: u64,
    /// Target: items that are not there now though a container named them, and containers that were damaged, given up or refused.
    #[serde(skip_serializing_if = "is_0")]
    pub left_out: u64,
    #[serde(skip_serializing_if = "is_0")]
    pub bad_containers: u64,
    /// Target: when the last container was taken.
    #[serde(skip_serializing_if = "is_0")]
    pub taken_ms: u64,
}

fn is_0(number: &u64) -> bool {
    *number == 0
}

impl Agent {
    /// Nothing: it stands as it was told. A database that failed has been told of already.
    pub(super) fn mailbox_report(&mut self, now_ms: u64) -> Option<Mailboxes> {
        let kind = self.around.kind;
        if kind == AgentKind::Transmission || self.around.role.role() != Role::Active {
            return None;
        }
        self.mailboxes_told.begins_anew(self.epoch.0);
        // Then nothing is read either.
        if !self.mailboxes_told.may_tell(self.mailboxes.len(), now_ms) {
            return None;
        }
        let read = |db: &Connection| Ok(Mailboxes::read(db, kind, &self.mailboxes, &self.passed)?);
        let mailboxes = self.db.read(read).ok()?;
        self.mailboxes_told.is_news(&mailboxes, now_ms).then_some(mailboxes)
    }
}

impl Listed for Mailboxes {
    fn count(&self) -> usize {
        self.mailboxes.len()
    }

    /// That a pass has found nothing is no news for a while.
    fn print(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for of in &self.mailboxes {
            hasher.update(format!("{:?}\n", MailboxReport { passed_ms: 0, ..of.clone() }).as_bytes());
        }
        hasher.finalize()
    }
}

impl Mailboxes {
    /// In the order of the project.
    fn read(db: &Connection, kind: AgentKind, mailboxes: &[Mailbox], passed: &BTreeMap<MailboxId, u64>) -> SqlResult<Self> {
        let mut reports: Vec<MailboxReport> = mailboxes.iter().map(MailboxReport::of).collect();
        let each = mailboxes.iter().zip(&mut reports);
        if kind == AgentKind::Source {
            let (sent, unanswered) = (totals::sent(db)?, totals::unanswered(db)?);
            each.for_each(|(mailbox, report)| {
                let sent = sent.get(&mailbox.id).copied().unwrap_or_default();
                report.sent(sent, unanswered.get(&mailbox.id).copied().unwrap_or_default());
                report.passed_ms = passed.get(&mailbox.id).copied().unwrap_or_default();
            });
        } else {
            let (came, bad, left_out) = (totals::came(db)?, totals::bad(db)?, totals::left_out(db)?);
            each.for_each(|(mailbox, report)| {
                report.came(came.get(&mailbox.id).copied().unwrap_or_default());
                report.bad_containers = bad.get(&mailbox.id).copied().unwrap_or_default();
                report.left_out = left_out.get(&mailbox.id).copied().unwrap_or_default();
            });
        }
        Ok(Mailboxes { mailboxes: reports })
    }
}

impl MailboxReport {
    fn of(mailbox: &Mailbox) -> Self {
        MailboxReport { mailbox: mailbox.id.to_string(), name: mailbox.name.clone(), ..MailboxReport::default() }
    }

    fn sent(&mut self, sent: totals::Sent, unanswered: u64) {
        (self.containers, self.answered) = (sent.containers, sent.containers.saturating_sub(unanswered));
        (self.items, self.bytes, self.published_ms) = (sent.items, sent.bytes, sent.published_ms);
    }

    fn came(&mut self, came: totals::Came) {
        (self.containers, self.taken_ms) = (came.containers, came.taken_ms);
        (self.applied, self.already, self.found) = (came.applied, came.already, came.found);
    }
}

#[cfg(test)]
#[path = "mailboxes_tests.rs"]
mod tests;
