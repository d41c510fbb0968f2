//! Warnings that last. What keeps a mailbox from being imported is a warning at first: most of it passes. Once it has lasted for
//! GapAlarmAfter a person is called, once, and told when it is over (R41, R44).
//!
//! Kept in memory: an agent that starts anew gives the trouble its time again.

use mailferry_rules::ids::MailboxId;

use super::agent::Agent;
use crate::ports::Level;
use crate::trouble::Trouble;

/// Since when a mailbox is held up, and whether a person was called.
pub(super) struct Lasting {
    since_ms: u64,
    alarmed: bool,
}

impl Agent {
    /// Told by a session in which the mailbox is held up. A clock that was set back makes the time begin anew.
    pub(super) fn held_up(&mut self, mailbox: MailboxId, why: &str) {
        let now_ms = self.now_ms();
        let lasting = self.lasting.entry(mailbox).or_insert(Lasting { since_ms: now_ms, alarmed: false });
        lasting.since_ms = lasting.since_ms.min(now_ms);
        let lasted_ms = now_ms - lasting.since_ms;
        if lasting.alarmed || lasted_ms < self.policy.gap_alarm_ms {
            return;
        }
        lasting.alarmed = true;
        let what = format!("mailbox {} has been held up for {} minutes", self.label(mailbox), lasted_ms / 60_000);
        let trouble = Trouble::new(what).cause(why).now("its containers wait in IN; the other mailboxes go on; its end will be told");
        self.event("mailbox.stuck", Level::Error, trouble.to_string());
    }

    /// A container of the mailbox has been taken.
    pub(super) fn moves_on(&mut self, mailbox: MailboxId) {
        if self.lasting.remove(&mailbox).is_some_and(|lasting| lasting.alarmed) {
            self.event("mailbox.goes-on", Level::Info, format!("mailbox {} is held up no longer", self.label(mailbox)));
        }
    }

    pub(super) fn label(&self, mailbox: MailboxId) -> String {
        self.mailbox(mailbox).map_or(mailbox.to_string(), |mailbox| mailbox.name.clone())
    }
}
