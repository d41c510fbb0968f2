//! A sealed container from WORK into OUT: passive copies first, then the active ones, then the record (R13, R21, R22).

use mailferry_rules::ids::ContainerName;
use mailferry_rules::publish::{Copy, Slot, Step, next_step};

use super::agent::{Agent, Halt};
use crate::ports::{Level, Share, SharePath};
use crate::spool::{self, Area, CopyError};
use crate::state::ledger::outbound::{self, Published};
use crate::state::{StateError, Transaction};
use crate::trouble::Trouble;

/// One place of a container being published.
struct Target {
    node: String,
    lane: String,
    failure: String,
}

impl Agent {
    pub(super) fn work_folder(&self) -> SharePath {
        spool::work(&self.around.kind.to_string())
    }

    /// Places every copy of the container that lies at `original` on this node's share, and commits "published" together
    /// with `record`. False: it stays pending; the reason has been told.
    pub(super) fn publish(
        &mut self,
        original: &SharePath,
        published: &Published,
        record: &dyn Fn(&Transaction<'_>) -> Result<(), StateError>,
    ) -> Result<bool, Halt> {
        self.still_active()?;
        let (mut slots, mut targets) = self.slots();
        loop {
            match next_step(&slots, self.policy.continue_without_replication) {
                Step::Place(at) => match self.place(original, published, &targets[at]) {
                    Ok(()) => slots[at].copy = Copy::Present,
                    Err(error) => {
                        targets[at].failure = error.to_string();
                        slots[at].copy = Copy::Failed;
                    }
                },
                Step::Record { uncovered } => {
                    let owed: Vec<&Target> = uncovered.iter().map(|at| &targets[*at]).collect();
                    self.record_published(published, &owed, record)?;
                    return Ok(true);
                }
                Step::HoldUncovered | Step::HoldActive => {
                    self.hold(&published.name, &targets);
                    return Ok(false);
                }
            }
        }
    }

    /// Every lane on every node of this side.
    fn slots(&self) -> (Vec<Slot>, Vec<Target>) {
        let mut nodes = self.passive_nodes();
        nodes.push(self.around.me.clone());
        let lanes = self.around.other.lanes();
        let pairs = nodes.iter().flat_map(|node| lanes.iter().map(move |lane| (node, lane)));
        pairs
            .map(|(node, lane)| {
                let slot = Slot { on_passive: *node != self.around.me, copy: Copy::Missing };
                (slot, Target { node: node.clone(), lane: lane.folder.clone(), failure: String::new() })
            })
            .unzip()
    }

    fn place(&self, original: &SharePath, published: &Published, target: &Target) -> Result<(), CopyError> {
        let share = self.share(&target.node);
        let file = spool::file(&Area::Out(target.lane.clone()).path(), &published.name);
        match spool::matches(share.as_ref(), &file, published.digest).map_err(CopyError::Destination)? {
            Some(true) => return Ok(()),
            Some(false) => self.set_aside(share.as_ref(), &file, "its bytes are not those of the container")?,
            None => {}
        }
        spool::copy((self.own_share().as_ref(), original), (share.as_ref(), &file), published.digest, &self.writer())
    }

    /// Moves a file that is in the way to a named folder: nothing we do not understand is deleted.
    pub(super) fn set_aside(&self, share: &dyn Share, file: &SharePath, why: &str) -> Result<(), CopyError> {
        let aside = spool::stale(&self.around.kind.to_string()).join(file.name()).expect("the name of a file is a path component");
        let old = share.remove(&aside);
        old.and_then(|_| share.move_to(file, &aside)).map_err(CopyError::Destination)?;
        let trouble = Trouble::new("a file was put aside")
            .place(format!("{}/{file}", share.describe()))
            .cause(why)
            .now(format!("it is kept as {aside}"));
        self.event("spool.set-aside", Level::Warning, trouble.to_string());
        Ok(())
    }

    fn record_published(
        &mut self,
        published: &Published,
        owed: &[&Target],
        record: &dyn Fn(&Transaction<'_>) -> Result<(), StateError>,
    ) -> Result<(), Halt> {
        let now_ms = self.now_ms();
        self.db.write(|tx| {
            record(tx)?;
            outbound::record(tx, published, now_ms)?;
            for target in owed {
                outbound::owe_coverage(tx, &published.name, &target.node, &target.lane, now_ms, &target.failure)?;
            }
            Ok(())
        })?;
        self.counts.published += 1;
        self.counts.packed_items += published.items;
        self.counts.packed_bytes += published.bytes;
        self.event(
            "container.published",
            Level::Info,
            format!("{} published: {} items, {} bytes", published.name, published.items, published.bytes),
        );
        for target in owed {
            self.tell("coverage.owed", Level::Warning, format!("{} does not hold its copies ({})", target.node, target.failure));
        }
        Ok(())
    }

    fn hold(&mut self, name: &ContainerName, targets: &[Target]) {
        for target in targets.iter().filter(|target| !target.failure.is_empty()) {
            self.stall(name.to_string(), format!("{}: {}", target.node, target.failure));
            let trouble = Trouble::new(format!("could not place a container for {} on {}", target.lane, target.node))
                .cause(&target.failure)
                .now("the container stays pending and is placed in the next session")
                .hint("bring the node back, or set ContinueWithoutReplication=1 to go on without it");
            self.tell("container.held", Level::Warning, trouble.to_string());
        }
    }

    /// Copies to the passive node what it lacks (R13); answers how many debts are left.
    pub(super) fn pay_coverage_debts(&mut self) -> Result<usize, Halt> {
        let debts = self.db.read(|db| Ok(outbound::coverage_debts(db)?))?;
        let mut left = 0;
        for debt in debts {
            let (own, passive) = (self.own_share(), self.share(&debt.node));
            let file = spool::file(&Area::Out(debt.lane.clone()).path(), &debt.name);
            let covered = match own.size(&file) {
                // Not here any more: the transmission agent has delivered it.
                Ok(None) => true,
                Ok(Some(_)) => match spool::matches(passive.as_ref(), &file, debt.digest) {
                    Ok(Some(true)) => true,
                    Ok(_) => spool::copy((own.as_ref(), &file), (passive.as_ref(), &file), debt.digest, &self.writer()).is_ok(),
                    Err(_) => false,
                },
                Err(_) => false,
            };
            if covered {
                self.db.write(|tx| Ok(outbound::coverage_paid(tx, &debt)?))?;
                self.calm("coverage.owed");
            } else {
                left += 1;
            }
        }
        Ok(left)
    }
}
