//! Two sides of nodes, the agents on them, and sessions in a fixed order.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use mailferry_core::engine::{Agent, Mailbox, Manifested, Policy, SessionReport, Surroundings};
use mailferry_core::manifest::SigningKey;
use mailferry_core::model::{Digest, FolderPath};
use mailferry_core::orders::{Order, What};
use mailferry_core::ports::{Clock, Event, EventSink, Level, RolePort, Share};
use mailferry_core::settings::AgentKind;
use mailferry_core::state::{Database, StateError};
use mailferry_core::trouble::Trouble;
use mailferry_rules::ids::MailboxId;
use mailferry_rules::topology::Side;

use crate::baton::Baton;
use crate::check;
use crate::clock::NodeClock;
use crate::databases;
use crate::disk::{Disk, ORDERS, SimShare};
use crate::flow::SimFlow;
use crate::guarantee::{NodeGuarantee, SimGuarantee};
use crate::network::Network;
use crate::process::{Fate, Process};
use crate::roles::{Roles, SimRole};
use crate::store::{Shelf, SimMailbox, SimStores, StoreTrouble, locked};
use crate::watch::Grounds;

const SESSION_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;
/// More than any life needs to come to rest.
const ROUNDS_MAX: usize = 200;
/// Several times what the longest lives take.
const STEPS_MAX: u64 = 30_000;

/// Everything that was told, and by whom.
#[derive(Default)]
pub struct Told(Mutex<Vec<(String, Event)>>);

impl Told {
    pub fn errors(&self) -> Vec<String> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter()
            .filter(|(_, event)| event.level == Level::Error)
            .map(|(who, event)| format!("{who}: {} {}", event.name, event.text))
            .collect()
    }

    /// In the order in which they were told.
    pub fn all(&self) -> Vec<(String, Event)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub fn named(&self, name: &str) -> Vec<String> {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.iter().filter(|(_, event)| event.name == name).map(|(_, event)| event.text.clone()).collect()
    }
}

struct Teller {
    who: String,
    told: Arc<Told>,
    process: Arc<Process>,
}

impl EventSink for Teller {
    fn event(&self, event: Event) {
        // What a dying process still says is heard by nobody.
        if !self.process.is_dead() {
            self.process.says(&event);
            self.process.watch().told(self.process.node(), &event);
            self.told.0.lock().unwrap_or_else(PoisonError::into_inner).push((self.who.clone(), event));
        }
    }
}

/// One agent of one node: its process, its database, and the agent while the process lives.
struct Slot {
    process: Arc<Process>,
    database: Option<Database>,
    agent: Option<Agent>,
}

pub struct World {
    pub source: Side,
    pub target: Side,
    pub disks: BTreeMap<String, Arc<Disk>>,
    pub told: Arc<Told>,
    pub fate: Arc<Fate>,
    pub shelf: Shelf,
    pub policy: Policy,
    pub mailboxes: Vec<Mailbox>,
    pub network: Arc<Network>,
    pub roles: Arc<Roles>,
    pub guarantee: Arc<SimGuarantee>,
    pub store_trouble: Arc<StoreTrouble>,
    /// The target stores are servers that keep no tokens.
    pub tokenless: bool,
    /// Mailboxes can be switched.
    pub switches: bool,
    /// Primary and archive of one user: whoever asks for one asks for both (R76).
    pub pair: Option<(String, String)>,
    /// Orders to move requests so far.
    pub orders: Arc<AtomicU64>,
    witnesses: BTreeMap<String, Arc<Disk>>,
    slots: BTreeMap<(String, AgentKind), Slot>,
}

impl World {
    pub fn new(source: Side, target: Side, fate: Arc<Fate>) -> Result<World, StateError> {
        let network = Arc::<Network>::default();
        let disk = |name: &str| Disk::new(name, network.clone());
        let mut world = World {
            disks: source.nodes().iter().chain(target.nodes()).map(|node| (node.clone(), disk(node))).collect(),
            witnesses: [&source, &target].map(|side| (side.name().to_owned(), disk(&witness_name(side)))).into(),
            network: network.clone(),
            guarantee: Arc::default(),
            store_trouble: Arc::default(),
            tokenless: false,
            switches: false,
            pair: None,
            orders: Arc::default(),
            source,
            target,
            told: Arc::default(),
            fate,
            shelf: Shelf::default(),
            policy: Policy { apply_deletions: true, compression_level: 1, ..Policy::default() },
            mailboxes: Vec::new(),
            roles: Arc::default(),
            slots: BTreeMap::new(),
        };
        for side in [world.source.clone(), world.target.clone()] {
            world.activate(&side, &side.nodes()[0].clone());
            for node in side.nodes() {
                for kind in world.kinds(&side) {
                    let process = Process::new(node, &kind.to_string(), world.fate.clone());
                    let database = Some(databases::take(process.clone())?);
                    world.slots.insert((node.clone(), kind), Slot { process, database, agent: None });
                }
            }
        }
        world.fate.watch.begin(Grounds {
            source: world.source.clone(),
            target: world.target.clone(),
            disks: world.disks.clone(),
            guarantee: world.guarantee.clone(),
            stores: Mutex::default(),
        });
        world.fate.arm();
        Ok(world)
    }

    pub fn kinds(&self, side: &Side) -> [AgentKind; 2] {
        let packer = if *side == self.source { AgentKind::Source } else { AgentKind::Target };
        [packer, AgentKind::Transmission]
    }

    /// A mailbox of the project, empty on both sides; at the source there is an inbox, as in every mailbox that is used.
    pub fn add_mailbox(&mut self, name: &str, priority: i64) {
        let mut id = [0; 16];
        id[..name.len().min(16)].copy_from_slice(&name.as_bytes()[..name.len().min(16)]);
        let mailbox =
            Mailbox { id: MailboxId(id), name: name.into(), source: format!("sim:{name}"), target: format!("sim:new-{name}"), priority };
        self.fate.watch.knows_store(&mailbox.id.to_string(), &mailbox.target);
        let folders = [(FolderPath::inbox(), Vec::new())].into();
        locked(&self.shelf).insert(mailbox.source.clone(), SimMailbox { folders, ..SimMailbox::default() });
        locked(&self.shelf).insert(mailbox.target.clone(), SimMailbox::default());
        self.mailboxes.push(mailbox);
    }

    /// A user changes a mailbox, unless its source is locked. Where its mail is led to the target, what is new comes there.
    pub fn edit(&self, name: &str, edit: impl FnOnce(&mut SimMailbox)) {
        let mut shelf = locked(&self.shelf);
        let Some(source) = shelf.get_mut(&format!("sim:{name}")) else { return };
        if source.leaks || !source.locked && !source.redirected {
            edit(source);
        } else if source.redirected
            && let Some(target) = shelf.get_mut(&format!("sim:new-{name}"))
        {
            target.led_here(edit);
        }
    }

    pub fn is_switched(&self, name: &str) -> bool {
        locked(&self.shelf).get(&format!("sim:{name}")).is_some_and(|mailbox| mailbox.redirected)
    }

    /// What `mailferry migrate TARGET SOURCE --adopt-existing` does once the switch of a mailbox has been taken back (R83).
    pub fn bring_back(&self, name: &str) {
        let mut shelf = locked(&self.shelf);
        let Some(target) = shelf.get(&format!("sim:new-{name}")).cloned() else { return };
        if let Some(source) = shelf.get_mut(&format!("sim:{name}")).filter(|source| source.undone && !source.redirected && !source.locked) {
            source.take_over(&target);
            source.abolished = None;
        }
    }

    /// A mailbox that has been switched is emptied and taken out of service.
    pub fn abolish(&self, name: &str) {
        if let Some(mailbox) = locked(&self.shelf).get_mut(&format!("sim:{name}")) {
            let was = mailbox.clone();
            mailbox.folders.values_mut().for_each(Vec::clear);
            mailbox.changes += 1;
            mailbox.abolished = Some(Box::new(was));
        }
    }

    /// An operator leaves an order at every source node that is up.
    pub fn order(&self, mailbox: &str, mut what: What) -> Option<Order> {
        let id = |name: &str| self.mailboxes.iter().find(|known| known.name == name).map(|known| known.id);
        let mut mailbox = id(mailbox)?;
        if let (What::New(ask), Some((primary, archive))) = (&mut what, &self.pair)
            && [id(primary)?, id(archive)?].contains(&mailbox)
        {
            (mailbox, ask.archive) = (id(primary)?, Some(id(archive)?.to_string()));
        }
        let number = self.orders.fetch_add(1, Ordering::Relaxed);
        let order = Order::new(Digest::of(&number.to_le_bytes()), self.fate.clock.true_ms(), String::new(), mailbox, what);
        for disk in self.source.nodes().iter().map(|node| &self.disks[node]).filter(|disk| !disk.is_away()) {
            disk.files().insert(format!("{ORDERS}/{}", order.file_name()), order.render().into_bytes());
        }
        Some(order)
    }

    /// The node that leads a side.
    pub fn active(&self, side: &Side) -> String {
        self.roles.leader(side)
    }

    /// The role moves to `node`.
    pub fn activate(&self, side: &Side, node: &str) {
        self.roles.lead(side, node);
    }

    /// The role moves to the other node; a standalone server keeps it.
    pub fn fail_over(&self, side: &Side) {
        let active = self.active(side);
        if let Some(other) = side.others(&active).next() {
            self.activate(side, other);
        }
    }

    /// Nobody can tell any more who is active.
    pub fn silence(&self, side: &Side) {
        self.roles.forget(side);
    }

    /// What an agent of a node asks for its role.
    pub fn role_of(&self, node: &str) -> Arc<dyn RolePort> {
        Arc::new(SimRole { roles: self.roles.clone(), side: self.side_of(node).0, me: node.into() })
    }

    /// The clock on a node's wall.
    pub fn clock_of(&self, node: &str) -> Arc<dyn Clock> {
        Arc::new(NodeClock { world: self.fate.clock.clone(), node: node.to_owned() })
    }

    /// A fresh database for an agent, as after a deleted config.db; its process starts again.
    pub fn lose_database(&mut self, node: &str, kind: AgentKind) -> Result<(), StateError> {
        if let Some(slot) = self.slots.get_mut(&(node.to_owned(), kind)) {
            slot.agent = None;
            slot.database = Some(databases::take(slot.process.clone())?);
        }
        Ok(())
    }

    pub fn witness(&self, side: &Side) -> &Disk {
        &self.witnesses[side.name()]
    }

    pub fn pass_time(&self, ms: u64) {
        self.fate.clock.pass(ms);
    }

    pub fn database(&self, node: &str, kind: AgentKind) -> &Database {
        let slot = &self.slots[&(node.to_owned(), kind)];
        slot.agent.as_ref().map(Agent::database).or(slot.database.as_ref()).expect("a slot holds its database itself or in its agent")
    }

    fn side_of(&self, node: &str) -> (Side, Side) {
        let on_source = self.source.nodes().iter().any(|name| name == node);
        if on_source { (self.source.clone(), self.target.clone()) } else { (self.target.clone(), self.source.clone()) }
    }

    fn surroundings(&self, node: &str, kind: AgentKind, process: &Arc<Process>) -> Surroundings {
        let (own, other) = self.side_of(node);
        let share = |disk: &Arc<Disk>| SimShare::new(disk.clone(), process.clone()) as Arc<dyn Share>;
        Surroundings {
            kind,
            packer: self.kinds(&own)[0],
            me: node.to_owned(),
            shares: self.disks.iter().map(|(name, disk)| (name.clone(), share(disk))).collect(),
            witness: share(&self.witnesses[own.name()]),
            role: self.role_of(node),
            clock: self.clock_of(node),
            events: Arc::new(Teller { who: format!("{node} {kind}"), told: self.told.clone(), process: process.clone() }),
            stores: Arc::new(SimStores {
                shelf: self.shelf.clone(),
                process: process.clone(),
                trouble: self.store_trouble.clone(),
                tokenless: self.tokenless,
            }),
            guarantee: Arc::new(NodeGuarantee { world: self.guarantee.clone(), node: node.to_owned() }),
            flow: Arc::new(SimFlow {
                shelf: self.shelf.clone(),
                guarantee: self.guarantee.clone(),
                process: process.clone(),
                switches: self.switches,
                pair: self.pair.clone(),
            }),
            own,
            other,
        }
    }

    /// One session of one agent. `None`: its node is down, or it died in the middle; the next call starts it again.
    pub fn session(&mut self, node: &str, kind: AgentKind) -> Option<SessionReport> {
        let mut player = self.begin(node, kind)?;
        let report = player.sessions(&self.fate);
        self.fate.note(|| {
            let waits = report.stalls.iter().map(|stall| format!("\n            waits: {}: {}", stall.what, stall.why));
            format!("      {node} {kind}: {:?}{}", report.end, waits.collect::<String>())
        });
        self.finish(player).then_some(report)
    }

    /// The target agent of a node makes a manifest, signed with a key of the node's own, and the bytes of its file. `None`: its node is
    /// down, or it died in the middle.
    pub fn manifest(&mut self, node: &str, mailbox: &str) -> Option<Result<(Manifested, Vec<u8>), Trouble>> {
        let id = self.mailboxes.iter().find(|known| known.name == mailbox)?.id;
        let mut player = self.begin(node, AgentKind::Target)?;
        let seed = Digest::of(node.as_bytes()).0;
        player.agent =
            player.agent.signing_with(Arc::new(move || SigningKey::of_seed(seed).map_err(|error| Trouble::new(error.to_string()))));
        let made = player.agent.manifest(id).and_then(|made| {
            let (mut bytes, failed) = (Vec::new(), |error: std::io::Error| Trouble::new(error.to_string()));
            player.agent.open_manifest(&made)?.read_to_end(&mut bytes).map_err(failed)?;
            Ok((made, bytes))
        });
        self.finish(player).then_some(made)
    }

    /// Sessions that run in turns. `next` says who has the next turns, of so many players, and how many; it may do to the
    /// world what it likes, and is asked until every session has ended.
    pub fn interleaved(&mut self, who: &[(String, AgentKind)], next: &mut dyn FnMut(&World, usize) -> (usize, u64)) {
        let mut players: Vec<Player> = who.iter().filter_map(|(node, kind)| self.begin(node, *kind)).collect();
        let baton = Arc::new(Baton::new(players.len()));
        for (me, player) in players.iter().enumerate() {
            player.process.take_turns(Some((baton.clone(), me)));
        }
        let count = players.len();
        thread::scope(|scope| {
            for (me, player) in players.iter_mut().enumerate() {
                let (baton, fate) = (baton.clone(), self.fate.clone());
                scope.spawn(move || {
                    baton.begin(me);
                    player.sessions(&fate);
                    player.process.take_turns(None);
                    baton.end(me);
                });
            }
            let mut waiting: Vec<usize> = (0..count).collect();
            while !waiting.is_empty() {
                let (at, turns) = next(self, waiting.len());
                let at = at % waiting.len();
                if !baton.give(waiting[at], turns) {
                    waiting.remove(at);
                }
            }
        });
        for player in players {
            self.finish(player);
        }
    }

    fn begin(&mut self, node: &str, kind: AgentKind) -> Option<Player> {
        if self.disks[node].is_away() {
            return None;
        }
        let key = (node.to_owned(), kind);
        let process = self.slots.get(&key)?.process.clone();
        if process.is_dead() {
            process.restart();
            let slot = self.slots.get_mut(&key)?;
            slot.database = slot.agent.take().map(Agent::into_database).or(slot.database.take());
        }
        let around = self.surroundings(node, kind, &process);
        let (policy, mailboxes) = (self.policy.clone(), self.mailboxes.clone());
        let slot = self.slots.get_mut(&key)?;
        let mut agent = match slot.agent.take() {
            Some(agent) => agent,
            None => Agent::new(around, policy, slot.database.take()?),
        };
        *agent.policy_mut() = self.policy.clone();
        agent.set_mailboxes(mailboxes);
        Some(Player { key, process, agent })
    }

    /// False: it has died.
    fn finish(&mut self, player: Player) -> bool {
        let Player { key, process, agent } = player;
        let Some(slot) = self.slots.get_mut(&key) else { return false };
        if process.is_dead() {
            slot.database = Some(agent.into_database());
            return false;
        }
        slot.agent = Some(agent);
        true
    }

    /// Kills an agent of a node: at once where its session is under way, else it forgets what it keeps in memory.
    pub fn kill(&self, node: &str, kind: AgentKind) {
        if let Some(slot) = self.slots.get(&(node.to_owned(), kind)) {
            slot.process.kill();
        }
    }

    /// Power goes: every agent of the node dies where it is.
    pub fn power_cut(&self, node: &str) {
        for ((owner, _), slot) in &self.slots {
            if owner == node {
                slot.process.kill();
            }
        }
        self.disks[node].set_away(true);
    }

    /// The second copy of a mailbox's target store has everything now; from the first time on there is one.
    pub fn replicate_store(&self, store: &str) {
        if let Some(mailbox) = locked(&self.shelf).get(store) {
            self.guarantee.replicate(store, mailbox, self.fate.clock.true_ms());
        }
    }

    /// The second copy of a target store takes over without what it never got.
    pub fn fail_over_store(&self, store: &str) {
        if let Some(mailbox) = locked(&self.shelf).get_mut(store) {
            self.guarantee.take_over(store, mailbox);
        }
    }

    /// All trouble is over: nodes, network, clocks, stores, roles.
    pub fn set_right(&self) {
        self.fate.calm();
        for disk in self.disks.values().chain(self.witnesses.values()) {
            disk.set_right();
        }
        self.network.mend();
        self.fate.clock.set_right();
        self.roles.set_right();
        self.guarantee.set_right();
        self.store_trouble.set_right();
    }

    /// Time passes until nothing changes any more: three hours at most, in which everything that was put off is tried; where a mailbox
    /// is kept in step at longer intervals, once more so long. Where a loss was allowed and nothing but answers lack, until they are asked
    /// for, and then again.
    pub fn come_to_rest(&mut self) -> Result<(), String> {
        if self.comes_to_rest_in(&[HOUR_MS; 3])? || self.comes_to_rest_in(&[check::longest_interval_ms(self)])? {
            return Ok(());
        }
        if self.policy.continue_without_replication && check::only_answers_lack(self) {
            self.comes_to_rest_in(&[self.policy.answer_wait_ms, HOUR_MS, HOUR_MS, HOUR_MS])?;
        }
        Ok(())
    }

    fn comes_to_rest_in(&mut self, waits_ms: &[u64]) -> Result<bool, String> {
        for wait_ms in waits_ms.iter().filter(|wait_ms| **wait_ms > 0) {
            self.pass_time(*wait_ms);
            self.settle(ROUNDS_MAX)?;
            if check::troubles_after(self, self.told.errors().len(), true).is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Every agent once, sources first. `Some(side)`: an agent of that side died.
    pub fn round(&mut self) -> Round {
        let mut round = Round::default();
        for side in [self.source.clone(), self.target.clone()] {
            for kind in self.kinds(&side) {
                for node in side.nodes() {
                    match self.session(node, kind) {
                        Some(report) => round.progress |= report.counts.progress(),
                        None if self.disks[node].is_away() => {}
                        None => round.died = Some(side.clone()),
                    }
                    if round.died.is_some() {
                        return round;
                    }
                }
            }
        }
        self.pass_time(SESSION_MS);
        round
    }

    /// What agents send each other does not make them send more and more.
    pub fn is_bounded(&self) -> Result<(), String> {
        match self.fate.steps() {
            0..=STEPS_MAX => Ok(()),
            steps => Err(format!("no rest after {steps} steps: what is sent grows by itself")),
        }
    }

    /// Rounds until nothing changes any more. An error names what does not come to rest.
    pub fn settle(&mut self, rounds_max: usize) -> Result<Option<Side>, String> {
        let mut quiet = 0;
        for _ in 0..rounds_max {
            let round = self.round();
            self.is_bounded()?;
            if round.died.is_some() {
                return Ok(round.died);
            }
            quiet = if round.progress { 0 } else { quiet + 1 };
            if quiet == 2 {
                return Ok(None);
            }
        }
        Err(format!("no rest after {rounds_max} rounds"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let slots = std::mem::take(&mut self.slots).into_values();
        slots.filter_map(|slot| slot.agent.map(Agent::into_database).or(slot.database)).for_each(databases::give_back);
    }
}

/// An agent in its session.
struct Player {
    key: (String, AgentKind),
    process: Arc<Process>,
    agent: Agent,
}

impl Player {
    /// A session; and, as the service does it, the next ones as soon as what it waited for is over.
    fn sessions(&mut self, fate: &Fate) -> SessionReport {
        loop {
            let report = self.agent.session();
            self.process.ends(&report);
            match report.again_in_ms {
                Some(ms) if !self.process.is_dead() => fate.clock.pass(ms),
                _ => return report,
            }
        }
    }
}

/// What a round came to.
#[derive(Debug, Default)]
pub struct Round {
    pub progress: bool,
    pub died: Option<Side>,
}

/// The disk at which a side claims its epochs.
pub fn witness_name(side: &Side) -> String {
    format!("WITNESS-{}", side.name())
}
