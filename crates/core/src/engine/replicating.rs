//! The database to the other nodes, at session start and after every item (R10-R14).

use mailferry_rules::session::{Act, Replicated, attempt_after_item, may};

use super::agent::{Agent, Halt};
use super::queues::Seen;
use crate::ports::{Event, Level};
use crate::replication::{self, Identity};
use crate::state::ledger::outbound;

impl Agent {
    pub(super) fn identity(&self) -> Identity {
        Identity { cluster: self.around.own.name().to_owned(), agent: self.around.kind.to_string(), node: self.around.me.clone() }
    }

    /// Ships everything committed to every other node. A record that says "published" is held back while the passive node
    /// lacks that container (R13): coverage is paid first.
    pub(super) fn replicate(&mut self) {
        self.replicated = match self.try_replication() {
            Ok(()) => {
                self.calm("replication.failed");
                Replicated::Yes
            }
            Err(reason) => {
                let what = format!("replication to {}", self.passive_nodes().join(", "));
                if !self.stalls.iter().any(|stall| stall.what == what) {
                    self.stall(what, reason.clone());
                }
                self.tell(
                    "replication.failed",
                    Level::Warning,
                    format!("the database of the {} agent could not be replicated: {reason}", self.around.kind),
                );
                self.replication_failed = true;
                Replicated::No
            }
        };
    }

    fn try_replication(&mut self) -> Result<(), String> {
        let others = self.passive_nodes();
        if others.is_empty() {
            return self.db.prune(&[]).map_err(|error| error.to_string());
        }
        let owed = self.pay_coverage_debts().map_err(|halt| halt.to_string())?;
        if owed > 0 {
            return Err(format!("{owed} containers are not on the passive node yet"));
        }
        self.still_active().map_err(|halt| halt.to_string())?;
        let who = self.identity();
        for node in &others {
            self.ship_to(node, &who)?;
        }
        // A node that claimed meanwhile may have looked at its folder before this arrived there.
        self.still_active().map_err(|halt| halt.to_string())?;
        self.db.prune(&others.iter().map(String::as_str).collect::<Vec<_>>()).map_err(|error| error.to_string())
    }

    /// The role has moved, nobody has claimed since, and this node holds what was written last: the other nodes get the rest of
    /// it, or a snapshot where they miss something. A successor whose copy is damaged would otherwise wait for a person.
    pub(super) fn hand_over(&mut self) {
        if !self.holds_newest_claim().unwrap_or(false) {
            return;
        }
        let who = self.identity();
        for node in self.passive_nodes() {
            match self.ship_to(&node, &who) {
                Ok(files) => self.counts.handed_over += files,
                Err(error) => {
                    let text = format!("the rest of the database could not be handed over: {error}");
                    self.tell("replication.not-handed-over", Level::Warning, format!("{node}: {text}"));
                    self.stall(node, text);
                }
            }
        }
    }

    fn holds_newest_claim(&self) -> Result<bool, Halt> {
        if !self.db.is_writer()? || !self.db.read(|db| Ok(outbound::coverage_debts(db)?))?.is_empty() {
            return Ok(false);
        }
        self.holds(self.db.position()?.epoch)
    }

    /// Answers how many files went.
    fn ship_to(&mut self, node: &str, who: &Identity) -> Result<u64, String> {
        let (share, events) = (self.share(node), self.around.events.clone());
        let mut seeding = |why: &'static str| {
            let text = format!("a snapshot of the {} agent's database goes to {node}: {why}", who.agent);
            events.event(Event { name: "replication.seeding", level: Level::Info, text });
        };
        let own = self.own_share();
        let shipped = replication::ship_telling(&mut self.db, share.as_ref(), Some(own.as_ref()), who, node, None, &mut seeding);
        let shipped = shipped.map_err(|error| error.to_string())?;
        self.seen_standbys.insert(node.to_owned(), Seen { replicated_ms: self.now_ms(), applied: shipped.applied });
        Ok(shipped.files)
    }

    /// After an item: replicate, and decide whether another may be touched (R11, R12).
    pub(super) fn after_item(&mut self) -> Result<(), Halt> {
        if attempt_after_item(self.replication_failed, self.policy.continue_without_replication) {
            self.replicate();
        } else {
            self.replicated = Replicated::No;
        }
        self.may_take_next_item()
    }

    pub(super) fn may_take_next_item(&self) -> Result<(), Halt> {
        self.check_stop()?;
        if self.may(Act::NextItem) { Ok(()) } else { Err(Halt::NotReplicated) }
    }

    pub(super) fn may(&self, act: Act) -> bool {
        may(act, self.replicated, self.policy.continue_without_replication)
    }

    pub(super) fn copy_queue(&self) -> u64 {
        if self.passive_nodes().is_empty() { 0 } else { self.db.outbox().map_or(0, |outbox| outbox.sets) }
    }
}
