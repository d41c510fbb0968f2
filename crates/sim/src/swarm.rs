//! A story drawn by lot: faults of every kind, sessions in turns, roles that move; then all is well again, and everything must
//! have arrived.
//!
//! Faults that no engine can survive are left out, and said here: two copies of a file damaged at once are drawn, both nodes'
//! databases lost at once are not.

use std::sync::Arc;

use mailferry_core::model::{Flags, Marks};
use mailferry_core::settings::AgentKind;
use mailferry_rules::topology::Side;

use crate::check;
use crate::dice::Dice;
use crate::process::{Fate, Rates};
use crate::world::World;

const ROUNDS_MAX: usize = 200;
const HOUR_MS: u64 = 3_600_000;
const NAMES: [&str; 2] = ["alice", "bob"];
const FOLDERS: [&str; 3] = ["INBOX", "Archive", "Sent"];

/// Which faults are drawn; every one off is a story that only users make.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub rates: Rates,
    /// Sessions run in turns.
    pub interleaved: bool,
    /// Roles move; with `dual`, the old active node's session goes on meanwhile.
    pub failover: bool,
    pub dual: bool,
    /// Disks are away, cut off, full or refuse deletion for a while.
    pub disks: bool,
    /// Nodes refuse deletions for a while; where nothing else goes wrong, the copies are checked after every session.
    pub refusals: bool,
    /// Containers are damaged on disk.
    pub damage: bool,
    /// ContinueWithoutReplication=1.
    pub alone: bool,
    /// A standby's database is deleted.
    pub databases: bool,
}

/// What a seed came to.
pub struct Outcome {
    pub troubles: Vec<String>,
    pub steps: u64,
    pub story: Vec<String>,
}

pub fn play(seed: u64, faults: Faults, tell: bool) -> Outcome {
    let mut dice = Dice::new(seed);
    let fate = Fate::random(dice.fork(), faults.rates);
    if tell {
        fate.tell();
    }
    let troubles = match Swarm::new(dice, faults, fate.clone()) {
        Ok(mut swarm) => swarm.run(),
        Err(reason) => vec![reason],
    };
    Outcome { troubles, steps: fate.steps(), story: fate.story() }
}

struct Swarm {
    dice: Dice,
    faults: Faults,
    fate: Arc<Fate>,
    world: World,
    /// Databases deleted on the way.
    lost: Vec<(String, AgentKind)>,
    /// What `check::copies` found.
    uncovered: Vec<String>,
    mail: u64,
}

impl Swarm {
    fn new(mut dice: Dice, faults: Faults, fate: Arc<Fate>) -> Result<Self, String> {
        let side = |name: &str, cluster: bool| match cluster {
            true => Side::cluster(name, &[&format!("{name}1"), &format!("{name}2")]),
            false => Side::standalone(name),
        };
        let (source, target) = (side("SRC", !dice.chance(200)), side("TGT", !dice.chance(200)));
        let mut world = World::new(source, target, fate.clone()).map_err(|error| error.to_string())?;
        world.policy.container_items_max = 1 + dice.below(3);
        world.policy.import_batch_items = 1 + dice.below(3) as usize;
        world.policy.continue_without_replication = faults.alone;
        for name in NAMES {
            world.add_mailbox(name, dice.below(2) as i64);
        }
        let mut swarm = Swarm { dice, faults, fate, world, lost: Vec::new(), uncovered: Vec::new(), mail: 0 };
        (0..6).for_each(|_| swarm.edit());
        Ok(swarm)
    }

    fn run(&mut self) -> Vec<String> {
        for _ in 0..12 + self.dice.below(12) {
            self.event();
            self.sessions();
        }
        if !self.uncovered.is_empty() {
            return std::mem::take(&mut self.uncovered);
        }
        let before = self.world.told.errors().len();
        match self.heal() {
            Ok(()) => check::troubles_after(&self.world, before, self.faults.damage),
            Err(reason) => {
                let mut troubles = check::troubles_after(&self.world, before, self.faults.damage);
                troubles.insert(0, reason);
                troubles
            }
        }
    }

    fn note(&self, line: impl FnOnce() -> String) {
        self.fate.note(|| format!("      --- {}", line()));
    }

    fn event(&mut self) {
        match self.dice.below(8) {
            0..3 => (0..1 + self.dice.below(3)).for_each(|_| self.edit()),
            3 if self.faults.failover => {
                let side = self.side();
                fail_over(&self.world, &side);
                self.note(|| format!("{} is active on {}", side.name(), self.world.active(&side)));
            }
            4 | 5 if self.faults.refusals => self.refusal(),
            4 | 5 if self.faults.disks => self.disk_trouble(),
            6 if self.faults.damage => self.damage(),
            7 if self.faults.databases => self.lose_standby(),
            _ => self.world.pass_time(self.dice.clone().below(HOUR_MS)),
        }
    }

    fn side(&mut self) -> Side {
        if self.dice.chance(500) { self.world.source.clone() } else { self.world.target.clone() }
    }

    /// A user does something.
    fn edit(&mut self) {
        let dice = &mut self.dice;
        let (name, folder, other) = (NAMES[dice.below(2) as usize], FOLDERS[dice.below(3) as usize], FOLDERS[dice.below(3) as usize]);
        let (what, at) = (dice.below(8), dice.below(4) as usize);
        self.mail += 1;
        // Every third message is a copy of another.
        let body = format!("message {}", if self.mail.is_multiple_of(3) { self.mail - 1 } else { self.mail });
        let marks = [Flags::default(), Flags::SEEN, Flags::FLAGGED][dice.below(3) as usize];
        self.note(|| format!("user {name}: {what} {folder} {at} {other} {body}"));
        edit(&self.world, name, what, (folder, at, other), &body, marks);
    }

    fn disk_trouble(&mut self) {
        let nodes: Vec<String> = self.world.disks.keys().cloned().collect();
        let Some(node) = self.dice.pick(&nodes).cloned() else { return };
        let (what, on) = (self.dice.below(5), self.dice.chance(500));
        self.note(|| format!("{node}: {} {on}", ["away", "cut off", "full", "refuses deletion", "witness away"][what as usize]));
        let disk = &self.world.disks[&node];
        match what {
            0 => disk.set_away(on),
            1 => disk.set_cut_off(on),
            2 => disk.set_full(on),
            3 => disk.set_refuses_deletion(on),
            _ => self.world.witness(if node.starts_with("SRC") { &self.world.source } else { &self.world.target }).set_away(on),
        }
    }

    fn refusal(&mut self) {
        let nodes: Vec<String> = self.world.disks.keys().cloned().collect();
        let (node, on) = (self.dice.pick(&nodes).cloned().unwrap_or_default(), self.dice.chance(600));
        self.note(|| format!("{node} refuses deletion: {on}"));
        self.world.disks[&node].set_refuses_deletion(on);
    }

    /// A bit turns in some container in IN or OUT.
    fn damage(&mut self) {
        let nodes: Vec<String> = self.world.disks.keys().cloned().collect();
        let Some(node) = self.dice.pick(&nodes).cloned() else { return };
        let disk = self.world.disks[&node].clone();
        let mut files = disk.below("NTA/IN");
        files.extend(disk.below("NTA/OUT"));
        files.retain(|file| file.ends_with(".prv"));
        let Some(file) = self.dice.pick(&files).cloned() else { return };
        let mut stored = disk.files();
        if let Some(bytes) = stored.get_mut(&file).filter(|bytes| !bytes.is_empty()) {
            let at = self.dice.below(bytes.len() as u64) as usize;
            bytes[at] ^= 1 << self.dice.below(8);
            self.note(|| format!("damaged: {node}/{file} at {at}"));
        }
    }

    fn lose_standby(&mut self) {
        let side = self.side();
        let kinds = self.world.kinds(&side);
        let kind = kinds[self.dice.below(2) as usize];
        let active = self.world.active(&side);
        let standby = side.others(&active).next().cloned();
        if let Some(node) = standby.filter(|_| !self.faults.alone) {
            self.note(|| format!("{node} {kind}: config.db deleted"));
            if self.lost.is_empty() && self.world.lose_database(&node, kind).is_ok() {
                self.lost.push((node, kind));
            }
        }
    }

    /// Some agents run a session each, in turns or one after another.
    fn sessions(&mut self) {
        let mut who: Vec<(String, AgentKind)> = Vec::new();
        for side in [self.world.source.clone(), self.world.target.clone()] {
            for node in side.nodes() {
                who.extend(self.world.kinds(&side).map(|kind| (node.clone(), kind)));
            }
        }
        self.shuffle(&mut who);
        who.truncate(1 + self.dice.below(who.len() as u64) as usize);
        if !self.faults.interleaved {
            for (node, kind) in who {
                self.world.session(&node, kind);
                if self.faults.refusals {
                    self.uncovered.extend(check::copies(&self.world));
                }
            }
        } else {
            self.in_turns(&who);
        }
        self.world.pass_time(60_000);
    }

    fn in_turns(&mut self, who: &[(String, AgentKind)]) {
        let (mut dice, faults, fate) = (self.dice.fork(), self.faults, self.fate.clone());
        let (mut player, mut turns_left) = (0, 0);
        self.world.interleaved(who, &mut |world, players| {
            if turns_left == 0 {
                player = dice.below(players as u64) as usize;
                turns_left = 1 << dice.below(8);
                if faults.dual && dice.chance(60) {
                    let side = if dice.chance(500) { &world.source } else { &world.target };
                    fail_over(world, side);
                    fate.note(|| format!("      --- {} is active on {} meanwhile", side.name(), world.active(side)));
                }
                if dice.chance(60) {
                    let (what, at) = (dice.below(8), dice.below(4) as usize);
                    fate.note(|| format!("      --- meanwhile alice: {what} {at}"));
                    edit(world, NAMES[0], what, (FOLDERS[0], at, FOLDERS[1]), "meanwhile", Flags::default());
                }
            }
            turns_left -= 1;
            player
        });
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.dice.below(at as u64 + 1) as usize);
        }
    }

    /// Everything works again, and mail must come to rest.
    fn heal(&mut self) -> Result<(), String> {
        self.note(|| "all is well again".into());
        self.fate.calm();
        for disk in self
            .world
            .disks
            .values()
            .map(Arc::as_ref)
            .chain([self.world.witness(&self.world.source), self.world.witness(&self.world.target)])
        {
            disk.set_away(false);
            disk.set_cut_off(false);
            disk.set_full(false);
            disk.set_refuses_deletion(false);
        }
        if self.faults.databases {
            self.whole_nodes_lead();
        }
        for _ in 0..3 {
            self.world.pass_time(HOUR_MS);
            self.world.settle(ROUNDS_MAX)?;
        }
        Ok(())
    }
}

impl Swarm {
    /// An operator who has read the events: a node whose database was deleted does not lead.
    fn whole_nodes_lead(&self) {
        for side in [&self.world.source, &self.world.target] {
            let active = self.world.active(side);
            let lost = |node: &String| self.world.kinds(side).iter().any(|kind| self.lost.contains(&(node.clone(), *kind)));
            if lost(&active) {
                side.others(&active).filter(|node| !lost(node)).for_each(|node| self.world.activate(side, node));
            }
        }
    }
}

/// The role moves; the old node's agents go on until they ask.
fn fail_over(world: &World, side: &Side) {
    world.fail_over(side);
}

fn edit(world: &World, name: &str, what: u64, (folder, at, other): (&str, usize, &str), body: &str, flags: Flags) {
    world.edit(name, |mailbox| match what {
        0..4 => drop(mailbox.add(folder, body.as_bytes(), Marks { flags, keywords: Default::default() })),
        4 | 5 => mailbox.change(folder, at, Marks { flags, keywords: Default::default() }),
        6 => mailbox.move_item(folder, at, other),
        _ => drop(mailbox.remove(folder, at)),
    });
}
