//! Containers in IN: verdict, quarantine, deletion (R3, R40, R41, R43).
//!
//! Both ends receive: the target agent mail, the source agent receipts. What they share is here; what they do with a
//! container whose turn it is they pass in.

use std::collections::{BTreeMap, BTreeSet};

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use mailferry_rules::import::{Arrival, Verdict, verdict};
use mailferry_rules::session::Act;

use super::agent::{Agent, Halt};
use super::takeover::Trace;
use crate::model::{Digest, Outcome, Receipt};
use crate::ports::{Level, ReadSeek, ShareError, ShareErrorKind, SharePath};
use crate::prv;
use crate::settings::AgentKind;
use crate::spool::{self, Area, CopyError};
use crate::state::Connection;
use crate::state::ledger::{debts, inbound, serving, stock};
use crate::trouble::Trouble;

/// Why a container is not applied.
const REPLACED: &str = "it comes from an activation that had already been replaced (R3)";
const PASSED: &str = "its mailbox has been taken up behind it, after a takeover that had forgotten what came before (R14)";
const FORGOTTEN: &str = "its mailbox is taken up here, because what came before it has been forgotten (R14)";

/// A container whose turn it is, checked as a whole.
pub(super) struct Incoming {
    pub name: ContainerName,
    pub digest: Digest,
    pub arrival: Arrival,
    pub reader: prv::Reader<Box<dyn ReadSeek>>,
    /// Out of the archive, or kept and applied again: older than what has been applied since.
    pub restored: bool,
}

impl Incoming {
    pub(super) fn new(name: ContainerName, header: &prv::Header, digest: Digest, reader: prv::Reader<Box<dyn ReadSeek>>) -> Incoming {
        let arrival = Arrival { sequence: name.sequence, epoch: name.epoch, base: header.base, previous_epoch: header.previous };
        Incoming { name, digest, arrival, reader, restored: false }
    }
}

/// What the receiver did with a container.
pub(super) enum Handled {
    /// Committed as taken.
    Taken,
    /// Not now; the mailbox waits. The reason has been told.
    Waits,
}

/// What a look at the next container of a mailbox leads to.
enum Look {
    Ready(Box<Incoming>),
    /// Taken care of without the receiver: go on with the next.
    Done,
    /// The mailbox waits.
    Wait,
}

/// A container whose digests hold: its header, the digest of the whole file, and a reader at its first record.
type Checked = (prv::Header, Digest, prv::Reader<Box<dyn ReadSeek>>);

impl Agent {
    pub(super) fn inbox(&self) -> Area {
        Area::In(self.around.other.in_folder().to_owned())
    }

    /// Takes every container in IN that can be taken, mailbox by mailbox in order of priority.
    pub(super) fn take_all(
        &mut self,
        kind: prv::Kind,
        handle: &mut dyn FnMut(&mut Agent, Incoming) -> Result<Handled, Halt>,
    ) -> Result<(), Halt> {
        self.kept.clear();
        let waiting = match self.waiting() {
            Ok(waiting) => waiting,
            Err(error) => {
                self.stall(self.inbox().to_string(), error.to_string());
                self.tell("spool.unreadable", Level::Error, Trouble::from(error).to_string());
                return Ok(());
            }
        };
        for (mailbox, names) in self.by_priority(waiting) {
            if self.mailbox(mailbox).is_none() {
                self.tell(
                    "mailbox.unknown",
                    Level::Warning,
                    format!("containers wait for mailbox {mailbox}, which this project does not name"),
                );
                continue;
            }
            for name in names {
                self.may_take_next_item()?;
                match self.look(kind, name)? {
                    Look::Done => {}
                    Look::Wait => break,
                    Look::Ready(incoming) => match handle(self, *incoming)? {
                        Handled::Waits => break,
                        Handled::Taken => self.finish(name)?,
                    },
                }
            }
        }
        self.sweep_passive_in()
    }

    /// After the commit: replicate, ask the data guarantee, delete (R43).
    fn finish(&mut self, name: ContainerName) -> Result<(), Halt> {
        self.counts.taken += 1;
        self.moves_on(name.mailbox);
        self.after_item()?;
        self.delete_taken(name)
    }

    fn delete_taken(&mut self, name: ContainerName) -> Result<(), Halt> {
        if !self.may(Act::DeleteTaken) {
            return Ok(());
        }
        if self.around.kind != AgentKind::Target {
            // Receipts are held by the database alone, which has been replicated.
            return self.delete_container(&self.inbox(), name);
        }
        if !self.may_go(&name)? {
            return Ok(());
        }
        self.release(&name)?;
        self.delete_container(&self.inbox(), name)
    }

    /// First, so that one whose deletion was cut off is not taken for one that is missing.
    pub(super) fn release(&mut self, name: &ContainerName) -> Result<(), Halt> {
        if !self.db.read(|db| Ok(serving::is_kept(db, name)?))? {
            return Ok(());
        }
        Ok(self.db.write(|tx| Ok(serving::release(tx, name)?))?)
    }

    /// Containers of a mailbox go in the order in which they were applied: what is kept must be all that follows the first that is
    /// kept, or it could not be applied again (R78).
    pub(super) fn may_go(&mut self, name: &ContainerName) -> Result<bool, Halt> {
        if self.kept.contains(&name.mailbox) {
            return Ok(false);
        }
        let may_go = self.is_flushed(name)?;
        if !may_go {
            self.kept.insert(name.mailbox);
        }
        Ok(may_go)
    }

    fn waiting(&self) -> Result<BTreeMap<MailboxId, Vec<ContainerName>>, ShareError> {
        let mut waiting: BTreeMap<MailboxId, Vec<ContainerName>> = BTreeMap::new();
        for entry in self.own_share().list(&self.inbox().path())? {
            if let Ok(name) = entry.name.parse::<ContainerName>() {
                waiting.entry(name.mailbox).or_default().push(name);
            }
        }
        waiting.values_mut().for_each(|names| names.sort());
        Ok(waiting)
    }

    /// Containers of a mailbox that lie in IN, and of which nothing has become yet.
    pub(super) fn not_applied(&self, mailbox: MailboxId) -> Result<Vec<ContainerName>, Trouble> {
        let mut waiting = self.waiting()?.remove(&mailbox).unwrap_or_default();
        self.db
            .read(|db| {
                let mut open = Vec::new();
                for name in waiting.drain(..) {
                    if inbound::outcome(db, &name)?.is_none() {
                        open.push(name);
                    }
                }
                Ok(open)
            })
            .map_err(|error| Halt::State(error).into())
    }

    pub(super) fn by_priority(&self, waiting: BTreeMap<MailboxId, Vec<ContainerName>>) -> Vec<(MailboxId, Vec<ContainerName>)> {
        let rank = |id: &MailboxId| self.mailboxes.iter().position(|mailbox| mailbox.id == *id).unwrap_or(usize::MAX);
        let mut waiting: Vec<_> = waiting.into_iter().collect();
        waiting.sort_by_key(|(id, _)| rank(id));
        waiting
    }

    fn look(&mut self, kind: prv::Kind, name: ContainerName) -> Result<Look, Halt> {
        let area = self.inbox().to_string();
        let (owed, taken, buried) = self.db.read(|db| {
            let owed = !debts::of(db, &area, &name)?.is_empty();
            Ok((owed, inbound::is_taken(db, &name)?, debts::is_buried(db, &area, &name)?))
        })?;
        if owed {
            return Ok(Look::Done);
        }
        if taken || buried {
            self.redone(Trace::Deleted, name, 1)?;
            self.delete_taken(name)?;
            return Ok(Look::Done);
        }
        match self.open_checked(kind, &name) {
            Ok((header, digest, reader)) => self.judge(name, header, digest, reader),
            Err(Unusable::Away(error)) => {
                self.stall(name.to_string(), error.to_string());
                self.tell("container.unreadable", Level::Warning, Trouble::from(error).to_string());
                Ok(Look::Wait)
            }
            Err(Unusable::Damaged { reason, digest, foreign }) => self.damaged(name, &reason, digest, foreign),
        }
    }

    fn judge(
        &mut self,
        name: ContainerName,
        header: prv::Header,
        digest: Digest,
        reader: prv::Reader<Box<dyn ReadSeek>>,
    ) -> Result<Look, Halt> {
        let incoming = Incoming::new(name, &header, digest, reader);
        let arrival = incoming.arrival;
        let taken = |db: &Connection, sequence: Sequence, epoch: Epoch| {
            inbound::is_taken(db, &ContainerName { mailbox: name.mailbox, sequence, epoch })
        };
        let answer = self.db.read(|db| {
            let previous_taken = match arrival.previous() {
                Some((sequence, epoch)) => taken(db, sequence, epoch)?,
                None => true,
            };
            let position = inbound::position(db, name.mailbox)?;
            // Receipts say each its own.
            let rival = header.kind == prv::Kind::Mail && inbound::has_rival(db, &name)?;
            Ok(verdict(position, arrival, rival, |sequence, _| sequence != name.sequence && previous_taken))
        })?;
        match answer {
            Verdict::Apply => Ok(Look::Ready(Box::new(incoming))),
            Verdict::Already => Ok(Look::Done),
            Verdict::Stale if header.kind == prv::Kind::Mail => self.turn_away(incoming, REPLACED),
            Verdict::Stale => self.quarantine(name, REPLACED).map(|()| Look::Done),
            // Receipts say each its own: a source whose database was lost takes up their chain where it finds it.
            Verdict::Gap { .. } | Verdict::Passed if header.kind == prv::Kind::Receipts => Ok(Look::Ready(Box::new(incoming))),
            Verdict::Passed => self.turn_away(incoming, PASSED),
            Verdict::Gap { missing } => self.gap(incoming, missing),
        }
    }

    /// A gap waits (R41). The other node may have what is missing here; or it was taken long ago, and a takeover has lost that (R14).
    fn gap(&mut self, incoming: Incoming, missing: (Sequence, Epoch)) -> Result<Look, Halt> {
        let name = incoming.name;
        let wanted = ContainerName { sequence: missing.0, epoch: missing.1, ..name };
        if self.fetch_from_passive(&wanted) {
            return Ok(Look::Wait);
        }
        let text = format!("container {} waits for {wanted}", name);
        self.stall(name.to_string(), format!("waits for {wanted}"));
        if self.waited_ms(&wanted) >= self.policy.gap_alarm_ms {
            if let Some(why) = self.may_have_forgotten(name.mailbox)? {
                self.event("mailbox.taken-up", Level::Warning, format!("{text}, which may have been taken and forgotten: {why}"));
                return self.turn_away(incoming, FORGOTTEN);
            }
            let trouble = Trouble::new(text)
                .cause("a container of this mailbox has not arrived")
                .now("the mailbox waits; the others go on")
                .hint("look at the transmission agent's status on the other side; `mailferry status` lists both queues");
            self.tell("mailbox.gap", Level::Warning, trouble.to_string());
            self.held_up(name.mailbox, &trouble.to_string());
        } else {
            self.tell("container.early", Level::Info, text);
        }
        Ok(Look::Wait)
    }

    /// Why a container that is missing may have been taken long ago.
    fn may_have_forgotten(&self, mailbox: MailboxId) -> Result<Option<String>, Halt> {
        Ok(self.db.read(|db| {
            let nothing = || "nothing of this mailbox is known to have been taken".to_owned();
            let first = inbound::position(db, mailbox)?.last.0 == 0;
            Ok(stock::due(db, mailbox)?.or_else(|| first.then(nothing)))
        })?)
    }

    /// Since the first look that missed it. Waiting begins anew when the clock has been set back: else it would last as long as the
    /// clock was wrong.
    fn waited_ms(&mut self, wanted: &ContainerName) -> u64 {
        let now_ms = self.now_ms();
        let since_ms = self.gaps.entry(*wanted).or_insert(now_ms);
        *since_ms = now_ms.min(*since_ms);
        now_ms - *since_ms
    }

    /// Another node that holds the container whole, and its digest.
    fn sound_on_passive(&self, wanted: &ContainerName) -> Option<(String, Digest)> {
        let file = spool::file(&self.inbox().path(), wanted);
        self.passive_nodes().into_iter().find_map(|node| {
            let mut reader = prv::Reader::open(self.share(&node).open(&file).ok()?).ok()?;
            if reader.header().name != *wanted {
                return None;
            }
            Some((node, prv::check_bytes(&mut reader).ok()?))
        })
    }

    /// Another node that holds the container in whatever condition, and the digest of what it holds.
    fn any_on_passive(&self, wanted: &ContainerName) -> Option<(String, Digest)> {
        let file = spool::file(&self.inbox().path(), wanted);
        self.passive_nodes().into_iter().find_map(|node| {
            let digest = spool::digest_of(self.share(&node).as_ref(), &file).ok()?;
            Some((node, digest))
        })
    }

    /// Copies a container that this node lacks from the other node's IN.
    pub(super) fn fetch_from_passive(&mut self, wanted: &ContainerName) -> bool {
        let sound = self.sound_on_passive(wanted);
        sound.is_some_and(|(node, digest)| self.fetch(wanted, &node, digest))
    }

    fn fetch(&mut self, wanted: &ContainerName, node: &str, digest: Digest) -> bool {
        let file = spool::file(&self.inbox().path(), wanted);
        let copied = spool::copy((self.share(node).as_ref(), &file), (self.own_share().as_ref(), &file), digest, &self.writer());
        if copied.is_ok() {
            self.event("container.fetched", Level::Info, format!("{wanted} copied from the IN folder of {node}"));
        }
        copied.is_ok()
    }

    /// R40: kept in CORRUPT, with an event and a receipt that asks for the content again; never dropped. A sound copy on the other
    /// node takes its place.
    fn damaged(&mut self, name: ContainerName, reason: &str, digest: Digest, foreign: bool) -> Result<Look, Halt> {
        let position = self.db.read(|db| Ok(inbound::position(db, name.mailbox)?))?;
        // Taken before its turn, a damaged container would be the end of the sound one that may still come under its name.
        let mut in_turn = name.sequence.0 <= position.last.0 + 1;
        if !in_turn && self.waited_ms(&name) >= self.policy.gap_alarm_ms {
            in_turn = self.may_have_forgotten(name.mailbox)?.is_some();
        }
        if !in_turn && !foreign {
            let why = "damaged, and containers before it have not arrived yet";
            self.stall(name.to_string(), why);
            self.tell("container.unreadable", Level::Warning, format!("container {name}: {why}"));
            return Ok(Look::Wait);
        }
        self.still_active()?;
        let kept = match self.keep_damaged(&name, digest) {
            Ok(kept) => kept,
            Err(error) => {
                self.stall(name.to_string(), format!("damaged, and could not be copied to CORRUPT: {error}"));
                self.tell("container.not-kept", Level::Warning, format!("damaged container {name} could not be kept: {error}"));
                return Ok(Look::Wait);
            }
        };
        let replaced = self.replace_damaged(&name);
        let now = match (replaced, in_turn) {
            (true, _) => "the sound copy of the other node takes its place",
            (false, true) => "the other side is asked to send its content again",
            (false, false) => "its place in the chain stays free",
        };
        if replaced {
            self.tell_damaged(&name, reason, &kept, now);
            return Ok(Look::Wait);
        }
        if !in_turn {
            self.tell_damaged(&name, reason, &kept, now);
            self.delete_container(&self.inbox(), name)?;
            return Ok(Look::Done);
        }
        // The header of a damaged file proves nothing: its place in the chain is what the name says.
        let base = Sequence(name.sequence.0.saturating_sub(1));
        let arrival = Arrival { sequence: name.sequence, epoch: name.epoch, base, previous_epoch: position.epoch };
        let receipt = Receipt { container: name, digest, outcome: Outcome::Damaged, applied: 0, already: 0, found: 0, skipped: Vec::new() };
        if !self.take_damaged(&receipt, arrival)? {
            return Ok(Look::Wait);
        }
        self.tell_damaged(&name, reason, &kept, now);
        self.finish(name)?;
        Ok(Look::Done)
    }

    fn tell_damaged(&self, name: &ContainerName, reason: &str, kept: &SharePath, now: &str) {
        let trouble = Trouble::new(format!("container {name} is damaged"))
            .place(format!("{}/{}", self.own_share().describe(), spool::file(&self.inbox().path(), name)))
            .cause(reason)
            .now(format!("it is kept in CORRUPT ({kept}); {now}"))
            .hint("check disk and network on the way; `mailferry prv verify` names the affected items");
        self.event("container.damaged", Level::Error, trouble.to_string());
    }

    /// A container that was taken already and is damaged: the sound copy of the other node, if there is one, takes its place.
    pub(super) fn replace_kept(&mut self, name: &ContainerName, reason: &str, digest: Digest) -> bool {
        let Ok(aside) = self.keep_damaged(name, digest) else { return false };
        let replaced = self.replace_damaged(name);
        if replaced {
            self.tell_damaged(name, reason, &aside, "the sound copy of the other node takes its place");
        }
        replaced
    }

    fn keep_damaged(&self, name: &ContainerName, digest: Digest) -> Result<SharePath, CopyError> {
        let share = self.own_share();
        let aside = spool::file(&spool::corrupt(self.around.other.in_folder()), name);
        let file = spool::file(&self.inbox().path(), name);
        spool::keep((share.as_ref(), &file), (share.as_ref(), &aside), digest, &self.writer())?;
        Ok(aside)
    }

    /// Puts the sound copy of the other node, if there is one, in the place of a damaged one.
    fn replace_damaged(&mut self, name: &ContainerName) -> bool {
        self.sound_on_passive(name).is_some()
            && self.own_share().remove(&spool::file(&self.inbox().path(), name)).is_ok()
            && self.fetch_from_passive(name)
    }

    /// Its content comes again, behind what the source knows. The receipt first, then the files: what is not put aside any more
    /// is deleted like every container that was taken.
    fn turn_away(&mut self, incoming: Incoming, why: &str) -> Result<Look, Halt> {
        let name = incoming.name;
        if !self.refuse(incoming, why)? {
            return Ok(Look::Wait);
        }
        self.counts.taken += 1;
        self.moves_on(name.mailbox);
        self.after_item()?;
        self.quarantine(name, why)?;
        Ok(Look::Done)
    }

    fn quarantine(&mut self, name: ContainerName, why: &str) -> Result<(), Halt> {
        let file = spool::file(&self.inbox().path(), &name);
        self.still_active()?;
        for node in self.passive_nodes().into_iter().chain([self.around.me.clone()]) {
            let share = self.share(&node);
            if let Ok(Some(_)) = share.size(&file) {
                let _ = self.set_aside(share.as_ref(), &file, why);
            }
        }
        Ok(())
    }

    /// What only the passive node holds: a container that was taken is deleted on sight; one whose turn it is, is brought over
    /// (this node may have lost its copy); anything else waits for its lane.
    fn sweep_passive_in(&mut self) -> Result<(), Halt> {
        let area = self.inbox();
        let own: BTreeSet<String> = self.own_share().list(&area.path()).unwrap_or_default().into_iter().map(|entry| entry.name).collect();
        for node in self.passive_nodes() {
            let Ok(entries) = self.share(&node).list(&area.path()) else { continue };
            for name in
                entries.iter().filter(|entry| !own.contains(&entry.name)).filter_map(|entry| entry.name.parse::<ContainerName>().ok())
            {
                let folder = area.to_string();
                let (done, owed) = self.db.read(|db| {
                    let done = inbound::is_taken(db, &name)? || debts::is_buried(db, &folder, &name)?;
                    Ok((done, !debts::of(db, &folder, &name)?.is_empty()))
                })?;
                if done && !owed {
                    self.redone(Trace::Deleted, name, 1)?;
                    self.delete_taken(name)?;
                } else if !done {
                    self.fetch_overdue(&name);
                }
            }
        }
        self.sweep_parts()
    }

    /// Its own lane is given the time to bring it.
    fn fetch_overdue(&mut self, name: &ContainerName) {
        if self.waited_ms(name) < self.policy.poll_interval_ms {
            return;
        }
        // Damaged it comes over as well: here it is seen, kept and asked for again.
        let held = self.sound_on_passive(name).or_else(|| self.any_on_passive(name));
        if held.is_some_and(|(node, digest)| self.fetch(name, &node, digest)) {
            self.gaps.remove(name);
        }
    }

    /// Temporary files of containers that have been taken: their writers are gone.
    fn sweep_parts(&mut self) -> Result<(), Halt> {
        let folder = self.inbox().path();
        for node in self.around.own.nodes().to_vec() {
            let share = self.share(&node);
            for entry in share.list(&folder).unwrap_or_default() {
                let Some((name, _)) = spool::part_name(&entry.name) else { continue };
                if self.db.read(|db| Ok(inbound::is_taken(db, &name)?))?
                    && let Some(part) = folder.join(&entry.name)
                {
                    let _ = share.remove(&part);
                }
            }
        }
        Ok(())
    }

    /// A container that the operator has put into RESTORE, checked as a whole.
    pub(super) fn restorable(&self, name: &ContainerName) -> Result<Incoming, String> {
        let file = spool::file(&spool::restore(self.around.other.in_folder()), name);
        match self.open_file(prv::Kind::Mail, name, &file) {
            Ok((header, digest, reader)) => Ok(Incoming { restored: true, ..Incoming::new(*name, &header, digest, reader) }),
            Err(Unusable::Away(error)) => Err(error.to_string()),
            Err(Unusable::Damaged { reason, .. }) => Err(reason),
        }
    }

    pub(super) fn open_checked(&self, kind: prv::Kind, name: &ContainerName) -> Result<Checked, Unusable> {
        self.open_file(kind, name, &spool::file(&self.inbox().path(), name))
    }

    fn open_file(&self, kind: prv::Kind, name: &ContainerName, file: &SharePath) -> Result<Checked, Unusable> {
        let share = self.own_share();
        let vouched = share.vouched(file).map(|vouched| vouched.digest);
        let opened = prv::Reader::open(share.open(file)?).and_then(|mut reader| match vouched {
            Some(digest) => {
                reader.vouch();
                Ok((digest, reader))
            }
            None => Ok((prv::check_bytes(&mut reader)?, reader)),
        });
        let (digest, reader) = match opened {
            Ok(opened) => opened,
            Err(error) if error.is_damage() => {
                let reason = prv::verify(share.open(file)?).err().map_or(error.to_string(), |damage| damage.to_string());
                return Err(Unusable::Damaged { reason, digest: spool::digest_of(share.as_ref(), file)?, foreign: false });
            }
            Err(error) => return Err(self.unreadable(file, &error)),
        };
        let header = reader.header().clone();
        if header.name != *name || header.kind != kind || header.cluster != self.around.other.name() {
            let other = self.around.other.name();
            let reason = format!("its header says {} of {}, its place says {name} of {other}", header.name, header.cluster);
            return Err(Unusable::Damaged { reason, digest, foreign: true });
        }
        Ok((header, digest, reader))
    }
}

impl Agent {
    /// A disk that fails, or a container of a newer version, is no damage: it waits where it lies.
    fn unreadable(&self, file: &SharePath, error: &prv::PrvError) -> Unusable {
        let place = format!("{}/{file}", self.own_share().describe());
        Unusable::Away(ShareError { kind: ShareErrorKind::Other, place, cause: error.to_string() })
    }
}

/// Why a container cannot be used.
pub(super) enum Unusable {
    /// The share failed: says nothing about the container.
    Away(ShareError),
    Damaged {
        reason: String,
        digest: Digest,
        /// Whole, but another container than its name says.
        foreign: bool,
    },
}

impl From<ShareError> for Unusable {
    fn from(error: ShareError) -> Self {
        Unusable::Away(error)
    }
}
