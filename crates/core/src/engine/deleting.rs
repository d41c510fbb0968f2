//! A container out of OUT or IN, passive copy first; deletion debts (R50-R56).
//!
//! What is deleted next is decided in one place, `mailferry_rules::cleanup::next_step`.

use mailferry_rules::cleanup::{Copy, Debt, Due, Place, Step, due, next_step};
use mailferry_rules::ids::ContainerName;

use super::agent::{Agent, Halt};
use crate::model::Digest;
use crate::ports::{Level, ShareError, ShareErrorKind, SharePath};
use crate::spool::{self, Area};
use crate::state::ledger::debts::{self, DeletionDebt, Doomed};
use crate::state::ledger::{delivery, inbound};
use crate::trouble::Trouble;

/// Why copies are deleted.
enum Reason<'a> {
    /// The container is finished with.
    Finished,
    /// A debt is due.
    Due(&'a DeletionDebt),
    /// A debt was given up: its node is not asked again (R55).
    GivenUp(&'a str),
}

impl Agent {
    /// Deletes every copy that this side holds in `area`. Whoever calls has made sure that the container may go.
    pub(super) fn delete_container(&mut self, area: &Area, name: ContainerName) -> Result<(), Halt> {
        self.delete_copies(area, name, &Reason::Finished)
    }

    fn delete_copies(&mut self, area: &Area, name: ContainerName, reason: &Reason<'_>) -> Result<(), Halt> {
        let doomed = Doomed { area: area.to_string(), name, digest: self.digest_of(area, &name)? };
        let path = spool::file(&area.path(), &name);
        let mut nodes = self.passive_nodes();
        nodes.push(self.around.me.clone());
        let (owed, buried) = self.db.read(|db| Ok((debts::of(db, &doomed.area, &name)?, debts::is_buried(db, &doomed.area, &name)?)))?;
        let owes = |node: &str| owed.iter().find(|debt| debt.node == node);
        let mut places: Vec<Place> = nodes
            .iter()
            .map(|node| {
                let copy = match reason {
                    Reason::GivenUp(given_up) if given_up == node => Copy::GivenUp,
                    Reason::Due(debt) if debt.node == *node => Copy::There,
                    _ if owes(node).is_some() => Copy::Owed,
                    _ => Copy::There,
                };
                Place { on_passive: *node != self.around.me, copy }
            })
            .collect();
        while let Step::Delete(at) = next_step(&places) {
            self.still_active()?;
            places[at].copy = self.delete_copy(&nodes[at], &path, &doomed, owes(&nodes[at]), buried)?;
        }
        // The copy of this node waits for those of the others, whatever its own row says.
        for (node, _) in nodes.iter().zip(&places).filter(|(_, place)| place.copy == Copy::There) {
            if let Some(debt) = owes(node) {
                self.postpone(debt.clone())?;
            }
        }
        // An orphan that cannot be deleted is met again in every session: that is no deletion.
        if next_step(&places) == Step::Finished && places.iter().all(|place| place.copy == Copy::Gone) {
            self.counts.deleted += 1;
        }
        Ok(())
    }

    /// What the ledger says the container's bytes were; zero for one it only knows by its tombstone.
    fn digest_of(&self, area: &Area, name: &ContainerName) -> Result<Digest, Halt> {
        let known = self.db.read(|db| match area {
            Area::Out(lane) => Ok(delivery::delivered(db, lane, name)?),
            Area::In(_) => Ok(inbound::taken(db, name)?),
        })?;
        Ok(known.unwrap_or_default())
    }

    fn delete_copy(
        &mut self,
        node: &str,
        path: &SharePath,
        doomed: &Doomed,
        owed: Option<&DeletionDebt>,
        buried: bool,
    ) -> Result<Copy, Halt> {
        let removed = match self.around.shares.get(node) {
            Some(share) => share.remove(path),
            None => Err(self.no_such_node(node)),
        };
        match (removed, owed) {
            (Ok(_), Some(debt)) => self.paid(debt).map(|()| Copy::Gone),
            (Ok(_), None) => Ok(Copy::Gone),
            (Err(_), None) if buried => Ok(Copy::GivenUp),
            (Err(error), Some(debt)) => {
                self.postpone(DeletionDebt { attempts: debt.attempts + 1, last_error: error.cause, ..debt.clone() })?;
                Ok(Copy::Owed)
            }
            (Err(error), None) => self.owe(node, path, doomed, &error),
        }
    }

    fn owe(&mut self, node: &str, path: &SharePath, doomed: &Doomed, error: &ShareError) -> Result<Copy, Halt> {
        let now_ms = self.now_ms();
        let time = Debt { first_failure_ms: now_ms, next_attempt_ms: now_ms + self.policy.patience.touch_interval_ms };
        let debt = DeletionDebt {
            node: node.into(),
            path: path.to_string(),
            doomed: doomed.clone(),
            time,
            attempts: 1,
            last_error: error.cause.clone(),
        };
        self.db.write(|tx| Ok(debts::owe(tx, &debt)?))?;
        self.counts.debts_made += 1;
        let trouble = Trouble::new(format!("could not delete container {} on {node}", doomed.name))
            .place(&error.place)
            .cause(&error.cause)
            .now(format!(
                "kept in DeletedDataFiles; the active copy stays hidden; next try in {} s",
                self.policy.patience.touch_interval_ms / 1000
            ))
            .hint("see `mailferry debts`; give the service account delete rights or bring the node back");
        self.event("deletion.owed", Level::Warning, trouble.to_string());
        Ok(Copy::Owed)
    }

    /// All rows at start, then each when its time has come (R54).
    pub(super) fn pay_deletion_debts(&mut self) -> Result<(), Halt> {
        let (at_start, now_ms) = (self.at_start, self.now_ms());
        for debt in self.db.read(|db| Ok(debts::all(db)?))? {
            match due(debt.time, now_ms, at_start, self.policy.patience) {
                Due::NotYet => {}
                Due::Try => self.pay(debt)?,
                Due::GiveUp => self.give_up(debt)?,
            }
        }
        Ok(())
    }

    /// A row whose time has come. Passive copies go first here too: one may have arrived since the row was made.
    fn pay(&mut self, debt: DeletionDebt) -> Result<(), Halt> {
        self.still_active()?;
        let Some(area) = Area::parse(&debt.doomed.area) else { return self.give_up(debt) };
        if !self.around.own.nodes().contains(&debt.node) {
            let error = self.no_such_node(&debt.node);
            return self.postpone(DeletionDebt { attempts: debt.attempts + 1, last_error: error.cause, ..debt });
        }
        self.delete_copies(&area, debt.doomed.name, &Reason::Due(&debt))
    }

    fn paid(&mut self, debt: &DeletionDebt) -> Result<(), Halt> {
        self.db.write(|tx| Ok(debts::paid(tx, debt)?))?;
        self.counts.debts_paid += 1;
        let text = format!("container {} on {} is deleted after {} attempts", debt.doomed.name, debt.node, debt.attempts + 1);
        self.event("deletion.paid", Level::Info, text);
        Ok(())
    }

    fn postpone(&mut self, debt: DeletionDebt) -> Result<(), Halt> {
        let next_attempt_ms = self.now_ms() + self.policy.patience.touch_interval_ms;
        let debt = DeletionDebt { time: Debt { next_attempt_ms, ..debt.time }, ..debt };
        Ok(self.db.write(|tx| Ok(debts::owe(tx, &debt)?))?)
    }

    fn no_such_node(&self, node: &str) -> ShareError {
        let cause = format!("{node} is no node of this project any more");
        ShareError { kind: ShareErrorKind::Other, place: node.into(), cause }
    }

    /// R55: the row goes, a tombstone stays, and the active copy is not kept any longer.
    fn give_up(&mut self, debt: DeletionDebt) -> Result<(), Halt> {
        let now_ms = self.now_ms();
        self.db.write(|tx| {
            debts::paid(tx, &debt)?;
            Ok(debts::bury(tx, &debt.doomed, now_ms)?)
        })?;
        self.counts.debts_given_up += 1;
        let trouble = Trouble::new(format!("gave up deleting container {} on {}", debt.doomed.name, debt.node))
            .place(&debt.path)
            .cause(format!("{} attempts, the last: {}", debt.attempts, debt.last_error))
            .now("the file is an orphan; if it turns up again it is deleted on sight and never sent or imported")
            .hint("delete the file by hand if it disturbs");
        self.event("deletion.given-up", Level::Warning, trouble.to_string());
        match Area::parse(&debt.doomed.area) {
            Some(area) => self.delete_copies(&area, debt.doomed.name, &Reason::GivenUp(&debt.node)),
            None => Ok(()),
        }
    }
}
