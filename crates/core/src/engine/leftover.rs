//! Containers of an interrupted run or an earlier activation: resumed, adopted or put aside (R3, R6).
//!
//! A sealed container in WORK is published as it is: same name, same bytes. One that had been placed but not recorded is
//! adopted when it is the next link of its chain: the target may have it already. Any other unrecorded container is the
//! work of an activation that is over.

use std::collections::{BTreeMap, BTreeSet};

use mailferry_rules::ids::{ContainerName, Epoch};

use super::agent::{Agent, Halt};
use super::takeover::Trace;
use crate::ports::{Level, ReadSeek, ShareError, ShareErrorKind, SharePath};
use crate::prv::{self, PrvError, Record};
use crate::settings::AgentKind;
use crate::spool::{self, Area};
use crate::state::ledger::outbound::{self, Chain, Published};
use crate::trouble::Trouble;

/// Node and lane of each copy.
type Places = BTreeSet<(String, String)>;

/// A container as found.
struct Found {
    published: Published,
    previous: Epoch,
    records: Vec<Record>,
}

impl Agent {
    pub(super) fn clear_leftovers(&mut self) -> Result<(), Halt> {
        self.resume_work()?;
        self.clear_parts()?;
        let unrecorded = self.unrecorded()?;
        for (name, places) in unrecorded {
            if !self.adopt(name, &places)? {
                self.put_aside(name, &places)?;
            }
        }
        Ok(())
    }

    fn resume_work(&mut self) -> Result<(), Halt> {
        let (share, folder) = (self.own_share(), self.work_folder());
        let entries = share.list(&folder).map_err(|error| self.unread(&error))?;
        if !entries.is_empty() {
            // What may vanish again must not go out under its name.
            share.settle(&folder).map_err(|error| self.unread(&error))?;
        }
        for entry in entries {
            let Some(file) = folder.join(&entry.name) else { continue };
            match entry.name.parse::<ContainerName>() {
                Ok(name) if self.is_next(&name)? && name.epoch == self.epoch => match self.read_found(&file, &name)? {
                    Some(found) if self.links(&found)? => self.publish_sealed(&file, found.published, &found.records, &[])?,
                    // It may have been placed and sent before it was damaged: its name must not be given to other bytes (R6).
                    _ => return Err(self.begin_anew(&name)),
                },
                _ => self.drop_work(&file),
            }
        }
        Ok(())
    }

    /// Ends the activation; the next session claims a new epoch, under which every name is new.
    fn begin_anew(&mut self, name: &ContainerName) -> Halt {
        self.reclaims = true;
        Halt::NotActive(format!("container {name} can no longer be read in WORK: a new epoch is begun"))
    }

    fn unread(&mut self, error: &ShareError) -> Halt {
        self.stall(error.place.clone(), error.cause.clone());
        self.tell("container.held", Level::Warning, Trouble::from(error.clone()).to_string());
        Halt::Held(error.to_string())
    }

    /// A standby has nothing in the making: what lies in its WORK is from an activation that is over. But for what was sealed in
    /// an epoch that nobody has overtaken yet: the role may come back, and a copy of it may be on its way (R6).
    pub(super) fn clear_work(&mut self) {
        let Ok(held) = self.held_epoch() else { return };
        let (share, folder) = (self.own_share(), self.work_folder());
        for entry in share.list(&folder).unwrap_or_default() {
            let sealed = entry.name.parse::<ContainerName>().ok();
            let kept = sealed.is_some_and(|name| Some(name.epoch) == held);
            if let Some(file) = folder.join(&entry.name).filter(|_| !kept) {
                self.drop_work(&file);
            }
        }
    }

    /// The epoch of this node's log, as long as the log is its own.
    fn held_epoch(&self) -> Result<Option<Epoch>, Halt> {
        Ok(if self.db.is_writer()? { Some(self.db.position()?.epoch) } else { None })
    }

    /// WORK holds only what can be made again from the source.
    fn drop_work(&mut self, file: &SharePath) {
        let _ = self.own_share().remove(file);
    }

    /// Containers in OUT, on any node, that the ledger does not know; with the places where they lie. Sorted along the
    /// chains, newest epoch of a link first.
    fn unrecorded(&mut self) -> Result<Vec<(ContainerName, Places)>, Halt> {
        let mut found: BTreeMap<ContainerName, Places> = BTreeMap::new();
        let lanes: BTreeSet<String> = self.around.other.lanes().into_iter().map(|lane| lane.folder).collect();
        for node in self.around.own.nodes().to_vec() {
            for lane in &lanes {
                let entries = self.share(&node).list(&Area::Out(lane.clone()).path()).unwrap_or_default();
                for name in entries.iter().filter_map(|entry| entry.name.parse::<ContainerName>().ok()) {
                    found.entry(name).or_default().insert((node.clone(), lane.clone()));
                }
            }
        }
        let mut unrecorded = Vec::new();
        for (name, places) in found {
            if name.epoch <= self.epoch && !self.db.read(|db| Ok(outbound::is_published(db, &name)?))? {
                unrecorded.push((name, places));
            }
        }
        unrecorded.sort_by_key(|(name, _)| (name.mailbox, name.sequence, std::cmp::Reverse(name.epoch)));
        Ok(unrecorded)
    }

    /// Copies that were cut off in OUT. Nothing of ours is being placed now, and a node that is not active places nothing: what
    /// the packing agents and other nodes' transmission agents have begun nobody will finish.
    fn clear_parts(&mut self) -> Result<(), Halt> {
        let mine = format!("{}-{}", self.around.me, AgentKind::Transmission);
        for node in self.around.own.nodes().to_vec() {
            let share = self.share(&node);
            for folder in self.around.other.lanes().into_iter().map(|lane| Area::Out(lane.folder).path()) {
                for entry in share.list(&folder).unwrap_or_default() {
                    let cut_off = spool::part_name(&entry.name).is_some_and(|(_, writer)| writer != mine);
                    if let Some(part) = folder.join(&entry.name).filter(|_| cut_off) {
                        self.still_active()?;
                        let _ = share.remove(&part);
                    }
                }
            }
        }
        Ok(())
    }

    fn adopt(&mut self, name: ContainerName, places: &Places) -> Result<bool, Halt> {
        if !self.is_next(&name)? {
            return Ok(false);
        }
        let original = spool::file(&self.work_folder(), &name);
        for (node, lane) in places {
            let file = spool::file(&Area::Out(lane.clone()).path(), &name);
            let share = self.share(node);
            let Ok(digest) = spool::digest_of(share.as_ref(), &file) else { continue };
            if spool::copy((share.as_ref(), &file), (self.own_share().as_ref(), &original), digest, &self.writer()).is_err() {
                continue;
            }
            match self.read_found(&original, &name)? {
                Some(found) if self.links(&found)? => {
                    self.event("container.adopted", Level::Info, format!("{name} was placed but not recorded: adopted"));
                    self.of_the_past(Trace::Adopted, &name)?;
                    self.publish_sealed(&original, found.published, &found.records, &[])?;
                    return Ok(true);
                }
                _ => self.drop_work(&original),
            }
        }
        Ok(false)
    }

    fn put_aside(&mut self, name: ContainerName, places: &Places) -> Result<(), Halt> {
        self.still_active()?;
        self.of_the_past(Trace::PutAside, &name)?;
        for (node, lane) in places {
            let file = spool::file(&Area::Out(lane.clone()).path(), &name);
            // The transmission agent may have taken it meanwhile: then it is gone, or goes the way of every container.
            let _ = self.set_aside(
                self.share(node).as_ref(),
                &file,
                "it is no link of its mailbox's chain: an activation that is over made it (R3)",
            );
        }
        Ok(())
    }

    fn chain_of(&self, name: &ContainerName) -> Result<Chain, Halt> {
        Ok(self.db.read(|db| Ok(outbound::chain(db, name.mailbox)?))?)
    }

    fn is_next(&self, name: &ContainerName) -> Result<bool, Halt> {
        let chain = self.chain_of(name)?;
        // Once this epoch has published, what an older one left is no past of it any more.
        Ok(name.sequence == chain.next() && (name.epoch == self.epoch || chain.run_epoch < self.epoch))
    }

    fn links(&self, found: &Found) -> Result<bool, Halt> {
        let chain = self.chain_of(&found.published.name)?;
        Ok(found.previous == chain.last_epoch)
    }

    /// Reads a container on this node's share; `None` when it is not whole or not what its name says. A disk that does not
    /// answer says nothing about the container.
    fn read_found(&mut self, file: &SharePath, name: &ContainerName) -> Result<Option<Found>, Halt> {
        let opened = self.own_share().open(file).map_err(|error| self.unread(&error))?;
        match self.found_in(opened, name) {
            Ok(found) => Ok(found),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => {
                let place = format!("{}/{file}", self.own_share().describe());
                Err(self.unread(&ShareError { kind: ShareErrorKind::Other, place, cause: error.to_string() }))
            }
        }
    }

    fn found_in(&self, opened: Box<dyn ReadSeek>, name: &ContainerName) -> Result<Option<Found>, PrvError> {
        let mut reader = prv::Reader::open(opened)?;
        let (digest, bytes) = (prv::check_bytes(&mut reader)?, reader.bytes());
        let header = reader.header().clone();
        if header.name != *name || header.cluster != self.around.own.name() {
            return Ok(None);
        }
        let mut records = Vec::new();
        while let Some(record) = reader.next()? {
            records.push(record);
        }
        let items = records.iter().filter(|record| matches!(record, Record::Item { .. })).count() as u64;
        let published = Published { name: *name, base: header.base, digest, bytes, items };
        Ok(Some(Found { published, previous: header.previous, records }))
    }
}
