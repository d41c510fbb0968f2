//! Records into a container in WORK, then out into OUT (R6, R21, R23).

use std::collections::HashSet;

use mailferry_rules::ids::{ContainerName, MailboxId};

use super::agent::{Agent, Halt};
use super::policy::Policy;
use super::recording::apply_records;
use crate::model::{Identity, Token};
use crate::ports::{Level, PartWriter, ShareError, SharePath};
use crate::prv::{self, PrvError, Record};
use crate::settings::AgentKind;
use crate::spool;
use crate::state::Transaction;
use crate::state::ledger::outbound::{self, Published};
use crate::state::ledger::source;
use crate::trouble::Trouble;

/// A container being written.
pub(super) struct Packing {
    name: ContainerName,
    header: prv::Header,
    pub writer: prv::Writer<Box<dyn PartWriter>>,
    /// Everything written, bodies left out: what "published" will say about the mailbox.
    pub records: Vec<Record>,
    /// Folders and items it has named.
    pub folders: HashSet<u32>,
    pub tokens: HashSet<Token>,
    /// What the store calls its items. It is in no container: after a crash they are known by their bytes.
    pub identities: Vec<(Token, Identity)>,
}

impl Packing {
    pub fn bytes(&self) -> u64 {
        self.writer.bytes_written()
    }
}

impl Agent {
    /// Opens the next container of a mailbox in WORK.
    pub(super) fn open_container(&mut self, mailbox: MailboxId) -> Result<Packing, Halt> {
        if self.around.kind == AgentKind::Source {
            self.check_space()?;
        }
        let chain = self.db.read(|db| Ok(outbound::chain(db, mailbox)?))?;
        let name = ContainerName { mailbox, sequence: chain.next(), epoch: self.epoch };
        let header = prv::Header {
            kind: if self.around.kind == AgentKind::Source { prv::Kind::Mail } else { prv::Kind::Receipts },
            name,
            base: chain.base_under(self.epoch),
            previous: chain.last_epoch,
            cluster: self.around.own.name().to_owned(),
            node: self.around.me.clone(),
            created_ms: self.now_ms(),
        };
        let Policy { compression_level: level, compression_threads: threads, block_bytes, .. } = self.policy;
        let options = prv::Options { level, threads, block_bytes };
        let part = spool::part_of(&spool::file(&self.work_folder(), &name), &self.writer());
        let sink = self.own_share().part(&part, 0).map_err(|error| self.cannot_pack(&error))?;
        let writer = prv::Writer::new(sink, &header, options).map_err(|error| self.pack_failed(error))?;
        Ok(Packing { name, header, writer, records: Vec::new(), folders: HashSet::new(), tokens: HashSet::new(), identities: Vec::new() })
    }

    /// What was to be the first of this container cannot be read: there is nothing to say.
    pub(super) fn abandon_container(&self, packing: Packing) {
        let part = spool::part_of(&spool::file(&self.work_folder(), &packing.name), &self.writer());
        drop(packing);
        // Left behind, it is overwritten by the next container.
        let _ = self.own_share().remove(&part);
    }

    /// Finishes a container, publishes and replicates it; false when it stays pending.
    pub(super) fn seal_container(&mut self, packing: Packing) -> Result<(), Halt> {
        let sealed = spool::file(&self.work_folder(), &packing.name);
        let part = spool::part_of(&sealed, &self.writer());
        let (mut sink, summary) = packing.writer.finish().map_err(|error| self.pack_failed(error))?;
        sink.sync().map_err(|error| self.cannot_pack(&error))?;
        drop(sink);
        let share = self.own_share();
        share.publish(&part, &sealed).map_err(|error| self.cannot_pack(&error))?;
        share.vouch(&sealed, summary.digest);
        let published =
            Published { name: packing.name, base: packing.header.base, digest: summary.digest, bytes: summary.bytes, items: summary.items };
        self.publish_sealed(&sealed, published, &packing.records, &packing.identities)
    }

    /// Publishes a container that lies sealed on this node's share.
    pub(super) fn publish_sealed(
        &mut self,
        sealed: &SharePath,
        published: Published,
        records: &[Record],
        identities: &[(Token, Identity)],
    ) -> Result<(), Halt> {
        let name = published.name;
        let record = |tx: &Transaction<'_>| {
            apply_records(tx, name, records)?;
            Ok(identities.iter().try_for_each(|(token, identity)| source::identify(tx, name.mailbox, token, *identity))?)
        };
        if !self.publish(sealed, &published, &record)? {
            return Err(Halt::Held(format!("container {name} could not be placed")));
        }
        if sealed.parent() == self.work_folder() {
            // Left behind, it is found to be published and removed at the next session.
            let _ = self.own_share().remove(sealed);
        }
        self.calm("container.held");
        self.after_item()
    }

    /// R23: below the floor no mail is packed. Receipts are: they are small, and let the other side free its space.
    fn check_space(&mut self) -> Result<(), Halt> {
        let space = self.own_share().space().map_err(|error| self.cannot_pack(&error))?;
        let floor = self.policy.free_space_floor.bytes(space.map(|space| space.total_bytes));
        match space.zip(floor) {
            Some((space, floor)) if space.free_bytes < floor => {
                let why = format!("{} bytes are free, the floor is {floor}", space.free_bytes);
                let trouble = Trouble::new("packing is paused: the disk is nearly full")
                    .place(self.own_share().describe())
                    .cause(&why)
                    .now("nothing is packed; what is published goes on; packing resumes by itself")
                    .hint("free space, or lower FreeSpaceFloor");
                self.tell_while_it_lasts("space.below-floor", Level::Warning, trouble.to_string());
                self.stall(self.around.me.clone(), why.clone());
                Err(Halt::Held(why))
            }
            _ => {
                self.calm("space.below-floor");
                Ok(())
            }
        }
    }

    fn cannot_pack(&mut self, error: &ShareError) -> Halt {
        let trouble = Trouble::new("could not write a container")
            .place(&error.place)
            .cause(&error.cause)
            .now("it is packed again in the next session; nothing has left this node");
        self.tell("container.not-packed", Level::Error, trouble.to_string());
        self.stall(self.around.me.clone(), error.to_string());
        Halt::Held(format!("could not write a container: {error}"))
    }

    pub(super) fn pack_failed(&mut self, error: PrvError) -> Halt {
        let place = format!("{}/{}", self.own_share().describe(), self.work_folder());
        let error = ShareError { kind: crate::ports::ShareErrorKind::Other, place, cause: error.to_string() };
        self.cannot_pack(&error)
    }
}
