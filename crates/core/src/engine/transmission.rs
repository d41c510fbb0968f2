//! The transmission agent: OUT to IN, one queue per node of the other side (R30-R34).

use std::collections::{BTreeMap, BTreeSet};

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId};
use mailferry_rules::session::has_come;
use mailferry_rules::ship::{Arrived, Facts, OnSight, Step, back_off_ms, next_step, on_sight, rescue_from_passive};
use mailferry_rules::topology::Lane;

use super::agent::{Agent, Halt};
use super::takeover::Trace;
use crate::model::Digest;
use crate::ports::{Level, ShareErrorKind};
use crate::spool::{self, Area, CopyError};
use crate::state::ledger::{debts, delivery};
use crate::trouble::Trouble;

/// Patience with a node that did not answer (R34). Lost with the process: a restart tries at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
    next_ms: u64,
}

impl Agent {
    pub(super) fn transmission_work(&mut self) -> Result<(), Halt> {
        for lane in self.around.other.lanes() {
            self.serve(&lane)?;
        }
        Ok(())
    }

    /// One queue. An unreachable node delays only itself (R34).
    fn serve(&mut self, lane: &Lane) -> Result<(), Halt> {
        self.rescue(lane)?;
        let area = Area::Out(lane.folder.clone());
        let queue = match self.own_share().list(&area.path()) {
            Ok(entries) => entries,
            Err(error) => {
                self.stall(area.to_string(), error.to_string());
                self.tell("spool.unreadable", Level::Error, Trouble::from(error).to_string());
                return Ok(());
            }
        };
        let mut waiting: BTreeMap<MailboxId, Vec<ContainerName>> = BTreeMap::new();
        for name in queue.iter().filter_map(|entry| entry.name.parse::<ContainerName>().ok()) {
            waiting.entry(name.mailbox).or_default().push(name);
        }
        for (_, mut names) in self.by_priority(waiting) {
            names.sort();
            for name in names {
                self.may_take_next_item()?;
                if !self.carry(lane, &area, name)? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// One container. False: the rest of its mailbox waits behind it (R31).
    fn carry(&mut self, lane: &Lane, area: &Area, name: ContainerName) -> Result<bool, Halt> {
        let folder = area.to_string();
        let facts = self.db.read(|db| {
            Ok(Facts {
                delivered: delivery::is_delivered(db, &lane.folder, &name)?,
                tombstoned: debts::is_buried(db, &folder, &name)?,
                in_debt: !debts::of(db, &folder, &name)?.is_empty(),
            })
        })?;
        match on_sight(facts) {
            OnSight::Invisible => Ok(true),
            OnSight::Delete => {
                self.redone(Trace::Deleted, name, 1)?;
                self.delete_container(area, name).map(|()| true)
            }
            OnSight::Ship => match self.ship(lane, area, name)? {
                Some(bytes) => {
                    self.counts.delivered += 1;
                    self.counts.delivered_bytes += bytes;
                    // First the other node knows, then the copies go: a successor finishes what it finds.
                    self.after_item()?;
                    self.delete_container(area, name)?;
                    Ok(true)
                }
                None => Ok(false),
            },
        }
    }

    /// Takes a container to its node and commits "delivered" (R32, R33). `None`: not now, the reason has been told.
    fn ship(&mut self, lane: &Lane, area: &Area, name: ContainerName) -> Result<Option<u64>, Halt> {
        let backoff = self.backoffs.get(&lane.node).copied().unwrap_or_default();
        if !has_come(backoff.next_ms, self.now_ms(), self.policy.back_off_max_ms) {
            let wait_s = backoff.next_ms.saturating_sub(self.now_ms()).div_ceil(1000);
            self.stall(lane.node.clone(), format!("did not answer {} times; next try in {wait_s} s", backoff.failures));
            return Ok(None);
        }
        self.still_active()?;
        match self.take_there(lane, area, name) {
            Ok((digest, bytes, landed)) => {
                if landed {
                    self.redone(Trace::Again, name, 1)?;
                }
                let now_ms = self.now_ms();
                self.db.write(|tx| Ok(delivery::record(tx, &lane.folder, &name, digest, now_ms)?))?;
                if self.backoffs.remove(&lane.node).is_some() {
                    self.calm_about("node.unreachable", std::slice::from_ref(&lane.node));
                    self.event("node.answers-again", Level::Info, format!("{} answers again", lane.node));
                }
                self.event("container.delivered", Level::Info, format!("{name} delivered to {}", lane.node));
                Ok(Some(bytes))
            }
            // Gone since the listing.
            Err(CopyError::Origin(error)) if error.kind == ShareErrorKind::NotFound => Ok(None),
            Err(error) => {
                self.not_delivered(lane, name, &error);
                Ok(None)
            }
        }
    }

    /// Digest, length, and whether it lay there already.
    fn take_there(&self, lane: &Lane, area: &Area, name: ContainerName) -> Result<(Digest, u64, bool), CopyError> {
        let (own, there) = (self.own_share(), self.share(&lane.node));
        let from = spool::file(&area.path(), &name);
        let to = spool::file(&Area::In(self.around.own.in_folder().to_owned()).path(), &name);
        let digest = spool::digest_of(own.as_ref(), &from).map_err(CopyError::Origin)?;
        let bytes = own.size(&from).map_err(CopyError::Origin)?.unwrap_or(0);
        loop {
            let arrived = match spool::matches(there.as_ref(), &to, digest).map_err(CopyError::Destination)? {
                None => Arrived::Nothing,
                Some(true) => Arrived::Whole,
                Some(false) => Arrived::Different,
            };
            match next_step(arrived) {
                Step::Record => return Ok((digest, bytes, true)),
                Step::SetAside => self.set_aside(there.as_ref(), &to, "a container of this name arrives with other bytes")?,
                Step::Copy => {
                    match spool::copy((own.as_ref(), &from), (there.as_ref(), &to), digest, &self.writer()) {
                        Ok(()) => return Ok((digest, bytes, false)),
                        // The target agent was faster: it has fetched the copy of its other node. Look again.
                        Err(CopyError::Destination(error)) if error.kind == ShareErrorKind::Exists => {}
                        Err(error) => return Err(error),
                    }
                }
            }
        }
    }

    fn not_delivered(&mut self, lane: &Lane, name: ContainerName, error: &CopyError) {
        let backoff = self.backoffs.entry(lane.node.clone()).or_default();
        backoff.failures += 1;
        let wait_ms = back_off_ms(backoff.failures, self.policy.poll_interval_ms, self.policy.back_off_max_ms);
        backoff.next_ms = self.around.clock.now_ms() + wait_ms;
        self.stall(lane.node.clone(), error.to_string());
        let trouble = Trouble::new(format!("could not deliver containers to {}", lane.node))
            .cause(error)
            .now(format!("{name} and what follows it wait; next try in {} s; other nodes are served", wait_ms / 1000))
            .hint("check that the share of that node is reachable and has space");
        // Told once per node until it answers again: the cause may change its words at every try.
        if self.told.insert(format!("node.unreachable {}", lane.node)) {
            self.event("node.unreachable", Level::Warning, trouble.to_string());
        }
    }

    /// Containers of an earlier activation that only the passive node holds: finished with, or brought over.
    fn rescue(&mut self, lane: &Lane) -> Result<(), Halt> {
        let area = Area::Out(lane.folder.clone());
        let Ok(own) = self.own_share().list(&area.path()) else { return Ok(()) };
        let own: BTreeSet<String> = own.into_iter().map(|entry| entry.name).collect();
        let mut newest: Option<Epoch> = None;
        let mut may_go_on = Some(BTreeSet::new());
        for node in self.passive_nodes() {
            let Ok(entries) = self.share(&node).list(&area.path()) else {
                may_go_on = None;
                continue;
            };
            let only_there =
                entries.iter().filter(|entry| !own.contains(&entry.name)).filter_map(|entry| entry.name.parse::<ContainerName>().ok());
            for name in only_there.collect::<Vec<_>>() {
                may_go_on.iter_mut().for_each(|names: &mut BTreeSet<_>| {
                    names.insert(name);
                });
                let folder = area.to_string();
                let (done, owed) = self.db.read(|db| {
                    let done = delivery::is_delivered(db, &lane.folder, &name)? || debts::is_buried(db, &folder, &name)?;
                    Ok((done, !debts::of(db, &folder, &name)?.is_empty()))
                })?;
                if owed {
                    continue;
                }
                let newest = match newest {
                    Some(epoch) => epoch,
                    None => *newest.insert(self.newest_epoch_of(self.around.packer)?),
                };
                if done {
                    self.redone(Trace::Deleted, name, 1)?;
                    self.delete_container(&area, name)?;
                } else if rescue_from_passive(name.epoch, newest, self.is_in_the_making(&name)) && self.bring_over(&node, &area, name) {
                    self.redone(Trace::Rescued, name, 1)?;
                }
            }
        }
        if let Some(names) = may_go_on {
            self.clear_own_parts(&area, &own, &names);
        }
        Ok(())
    }

    /// Copies to this node that were cut off, and that no copy will go on with: of these containers alone one may.
    fn clear_own_parts(&self, area: &Area, entries: &BTreeSet<String>, may_go_on: &BTreeSet<ContainerName>) {
        let writer = self.writer();
        let is_left = |entry: &&String| spool::part_name(entry).is_some_and(|(name, of)| of == writer && !may_go_on.contains(&name));
        for part in entries.iter().filter(is_left).filter_map(|entry| area.path().join(entry)) {
            let _ = self.own_share().remove(&part);
        }
    }

    /// Sealed in WORK of a node of this side, or nobody can tell: then its packing agent is placing it, or has not recorded it yet.
    fn is_in_the_making(&self, name: &ContainerName) -> bool {
        let sealed = spool::file(&spool::work(&self.around.packer.to_string()), name);
        self.around.own.nodes().iter().any(|node| !matches!(self.share(node).size(&sealed), Ok(None)))
    }

    fn bring_over(&mut self, node: &str, area: &Area, name: ContainerName) -> bool {
        let (own, there) = (self.own_share(), self.share(node));
        let file = spool::file(&area.path(), &name);
        let copied = spool::digest_of(there.as_ref(), &file)
            .map_err(CopyError::Origin)
            .and_then(|digest| spool::copy((there.as_ref(), &file), (own.as_ref(), &file), digest, &self.writer()));
        match &copied {
            Ok(()) => self.event("container.rescued", Level::Info, format!("{name} lay only on {node}: brought over")),
            Err(error) => {
                self.stall(name.to_string(), error.to_string());
                self.tell(
                    "container.not-rescued",
                    Level::Warning,
                    format!("{name} lies only on {node}, and could not be brought over: {error}"),
                );
            }
        }
        copied.is_ok()
    }
}
