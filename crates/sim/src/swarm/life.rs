//! One life: users, sessions, trouble; then healing, and the question whether all is as it must be.

use std::sync::Arc;

use mailferry_core::model::{Flags, Marks};
use mailferry_core::orders::{Ask, What};
use mailferry_core::settings::AgentKind;
use mailferry_rules::topology::Side;

use super::faults::Faults;
use crate::check;
use crate::dice::Dice;
use crate::process::Fate;
use crate::world::World;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 3_600_000;
const DAY_MS: u64 = 86_400_000;
const NAMES: [&str; 2] = ["alice", "bob"];
const FOLDERS: [&str; 3] = ["INBOX", "Archive", "Sent"];

pub(super) struct Life {
    pub dice: Dice,
    pub faults: Faults,
    pub fate: Arc<Fate>,
    pub world: World,
    /// Databases deleted on the way.
    pub lost: Vec<(String, AgentKind)>,
    /// What `check::copies` found.
    uncovered: Vec<String>,
    mail: u64,
}

/// Longer than two quiet rounds: each incremental is written down.
const INTERVALS_MS: [u64; 3] = [10 * MINUTE_MS, 30 * MINUTE_MS, HOUR_MS];

impl Life {
    pub fn begin(mut dice: Dice, faults: Faults, fate: Arc<Fate>) -> Result<Self, String> {
        let side = |name: &str, cluster: bool| match cluster {
            true => Side::cluster(name, &[&format!("{name}1"), &format!("{name}2")]),
            false => Side::standalone(name),
        };
        let (source, target) = (side("SRC", !dice.chance(200)), side("TGT", !dice.chance(200)));
        let mut world = World::new(source, target, fate.clone()).map_err(|error| error.to_string())?;
        world.policy.container_items_max = 1 + dice.below(3);
        world.policy.import_batch_items = 1 + dice.below(3) as usize;
        world.policy.continue_without_replication = faults.alone;
        world.tokenless = faults.tokenless;
        world.switches = faults.switches;
        world.pair = faults.pair.then(|| (NAMES[0].into(), NAMES[1].into()));
        fate.watch.demands_cover(!faults.alone);
        if faults.interleaved {
            fate.watch.expects_arrivals();
        }
        if faults.two_may_act() {
            fate.watch.expects_two_active();
        }
        if faults.orders {
            world.policy.moves.total = 1 + dice.below(2);
        }
        if !(faults.failover || faults.two_may_act() || faults.databases) {
            fate.watch.demands_memory();
        }
        for name in NAMES {
            world.add_mailbox(name, dice.below(2) as i64);
        }
        let mut life = Life { dice, faults, fate, world, lost: Vec::new(), uncovered: Vec::new(), mail: 0 };
        life.note(|| format!("{faults:?}"));
        (0..6).for_each(|_| life.edit());
        if faults.orders {
            life.order();
            life.order();
        }
        // A switch takes long, most lives are short: some begin behind it.
        if faults.switches && life.dice.chance(500) {
            life.switch_in_peace();
        }
        Ok(life)
    }

    fn switch_in_peace(&mut self) {
        self.note(|| "mailboxes are switched in peace".into());
        let peace = self.fate.peace();
        let ask = || Box::new(Ask { interval_ms: Some(INTERVALS_MS[0]), suspend_when_ready: Some(false), ..Ask::default() });
        NAMES.iter().for_each(|name| drop(self.world.order(name, What::New(ask()))));
        NAMES.iter().for_each(|name| drop(self.world.order(name, What::Complete)));
        for _ in 0..10 {
            self.world.round();
            self.world.pass_time(MINUTE_MS);
            self.world.mailboxes.iter().for_each(|mailbox| self.world.replicate_store(&mailbox.target));
        }
        self.fate.end(peace);
        (0..2).for_each(|_| self.edit());
    }

    pub fn run(&mut self) -> Vec<String> {
        // Most lives are short: two or three troubles that meet make most of what goes wrong, and more of them fit into an hour.
        let events = if self.dice.chance(750) { 2 + self.dice.below(6) } else { 8 + self.dice.below(12) };
        for _ in 0..events {
            self.event();
            self.sessions();
            if let Err(endless) = self.world.is_bounded() {
                return vec![endless];
            }
        }
        if !self.uncovered.is_empty() {
            return std::mem::take(&mut self.uncovered);
        }
        let before = self.world.told.errors().len();
        let rest = self.heal();
        let mut troubles = check::troubles_after(&self.world, before, self.faults.damage);
        if !self.faults.damage {
            // A copy that went wrong is found where it was made, and never has its final name (R32).
            troubles.extend(self.world.told.named("container.damaged"));
        }
        troubles.extend(rest.err());
        troubles
    }

    pub fn note(&self, line: impl FnOnce() -> String) {
        self.fate.note(|| format!("      --- {}", line()));
    }

    fn event(&mut self) {
        match self.dice.below(8) {
            0..3 => (0..1 + self.dice.below(3)).for_each(|_| self.edit()),
            3..7 => self.mishap(),
            _ => {
                let most = [MINUTE_MS, HOUR_MS, 3 * DAY_MS][self.dice.below(3) as usize];
                let ms = self.dice.below(most);
                self.note(|| format!("{} minutes pass", ms / MINUTE_MS));
                self.world.pass_time(ms);
            }
        }
    }

    pub fn side(&mut self) -> Side {
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
        self.note(|| format!("user {name}: {} {folder} {at} {other} {body}", EDITS[what as usize]));
        edit(&self.world, name, what, (folder, at, other), &body, marks);
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
        if self.faults.interleaved && who.len() > 1 {
            self.in_turns(&who);
        } else {
            for (node, kind) in who {
                self.world.session(&node, kind);
                if self.faults.copies_hold() {
                    self.uncovered.extend(check::copies(&self.world));
                }
            }
        }
        self.world.pass_time(MINUTE_MS);
        if self.faults.orders {
            self.count_requests();
        }
    }

    /// Never more under way than are allowed (F72).
    fn count_requests(&mut self) {
        let most = self.world.policy.moves.total;
        let over = self.world.source.nodes().iter().filter(|node| check::under_way(&self.world, node) > most);
        let over: Vec<String> = over.map(|node| format!("{node} has more than {most} move requests under way")).collect();
        self.uncovered.extend(over);
    }

    fn in_turns(&mut self, who: &[(String, AgentKind)]) {
        let (mut dice, faults, fate) = (self.dice.fork(), self.faults, self.fate.clone());
        let mut frozen = Frozen::default();
        self.world.interleaved(who, &mut |world, players| {
            if dice.chance(150) {
                meanwhile(world, &mut dice, faults, &fate);
            }
            if faults.dual && players > 1 && !frozen.was && dice.chance(50) {
                let at = dice.below(players as u64) as usize;
                world.pass_time(dice.below(10 * MINUTE_MS));
                fate.note(|| format!("      --- session {at} of {players} under way freezes"));
                frozen = Frozen { was: true, at: Some(at), ..Frozen::default() };
            }
            (frozen.next(players, &mut dice), 1 << dice.below(8))
        });
    }

    pub(super) fn order(&mut self) {
        if self.faults.switches && self.dice.chance(100) {
            self.note(|| "what has come to targets is brought back".into());
            NAMES.iter().for_each(|name| self.world.bring_back(name));
        }
        let name = NAMES[self.dice.below(2) as usize];
        let what = any_order(&mut self.dice, self.faults.switches, self.world.is_switched(name));
        self.note(|| format!("an order to {} the request of {name}", what.name()));
        self.world.order(name, what);
    }

    fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.dice.below(at as u64 + 1) as usize);
        }
    }

    /// Everything works again, and mail must come to rest.
    fn heal(&mut self) -> Result<(), String> {
        self.note(|| "all is well again".into());
        self.world.set_right();
        self.whole_nodes_lead();
        if self.faults.orders {
            // What waits for an operator does so no longer; to the others the order says nothing.
            NAMES.iter().for_each(|name| drop(self.world.order(name, What::Resume)));
        }
        self.world.come_to_rest()?;
        if self.faults.switches {
            // Nobody looked for an hour: a switch that was under way has been given up, and an operator resumes it; what has come to a
            // target whose switch was taken back is brought to its source.
            NAMES.iter().for_each(|name| self.world.bring_back(name));
            NAMES.iter().for_each(|name| drop(self.world.order(name, What::Resume)));
            self.world.come_to_rest()?;
        }
        if !self.nobody_is_whole() {
            return Ok(());
        }
        self.note(|| "the loss is accepted: ContinueWithoutReplication=1".into());
        self.world.policy.continue_without_replication = true;
        self.world.come_to_rest()
    }

    /// One database was deleted, and what its node had replicated to the other was damaged there: the other refuses to lead, and says
    /// what an operator can do about it (R14).
    fn nobody_is_whole(&self) -> bool {
        [&self.world.source, &self.world.target].into_iter().any(|side| {
            let active = self.world.active(side);
            let waits = |kind| self.world.database(&active, kind).wants_snapshot().is_ok_and(|why| why.is_some());
            self.lost.iter().any(|(node, kind)| *node != active && side.nodes().contains(node) && waits(*kind))
        })
    }

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

/// One of the sessions under way gets no turn until all others have ended: its node is frozen.
#[derive(Default)]
struct Frozen {
    was: bool,
    /// Its place among those that have not ended.
    at: Option<usize>,
    last: usize,
    players: usize,
}

impl Frozen {
    fn next(&mut self, players: usize, dice: &mut Dice) -> usize {
        let Some(at) = &mut self.at else { return dice.below(players as u64) as usize };
        // Whoever had the last turn and has ended leaves its place.
        *at -= usize::from(players < self.players && self.last < *at);
        self.players = players;
        if players == 1 {
            return 0;
        }
        let other = dice.below(players as u64 - 1) as usize;
        self.last = other + usize::from(other >= *at);
        self.last
    }
}

/// What happens between two turns of sessions under way.
fn meanwhile(world: &World, dice: &mut Dice, faults: Faults, fate: &Fate) {
    let side = if dice.chance(500) { &world.source } else { &world.target };
    match dice.below(4) {
        0 if faults.dual => {
            world.fail_over(side);
            fate.note(|| format!("      --- {} is active on {} meanwhile", side.name(), world.active(side)));
        }
        2 if faults.orders => {
            let name = NAMES[dice.below(2) as usize];
            let what = any_order(dice, faults.switches, world.is_switched(name));
            fate.note(|| format!("      --- meanwhile an order to {} the request of {name}", what.name()));
            world.order(name, what);
        }
        1 if faults.disks => {
            if let Some(node) = dice.pick(side.nodes()) {
                world.power_cut(node);
                fate.note(|| format!("      --- {node} loses power meanwhile"));
            }
        }
        _ => {
            let (name, what, at) = (NAMES[dice.below(2) as usize], dice.below(8), dice.below(4) as usize);
            fate.note(|| format!("      --- meanwhile {name}: {} {at}", EDITS[what as usize]));
            edit(world, name, what, (FOLDERS[0], at, FOLDERS[1]), "meanwhile", Flags::default());
        }
    }
}

/// `switched`: the mail of its mailbox goes to the target.
fn any_order(dice: &mut Dice, switches: bool, switched: bool) -> What {
    let interval_ms = INTERVALS_MS[dice.below(3) as usize];
    let ask = |suspend_when_ready| Box::new(Ask { interval_ms: Some(interval_ms), suspend_when_ready, ..Ask::default() });
    if switched && dice.chance(500) {
        return What::Undo;
    }
    match dice.below(8) {
        0..3 if switches => What::New(ask(Some(dice.chance(300)))),
        4 if switches => What::Complete,
        0..3 => What::New(ask(Some(true))),
        3 | 4 => What::Suspend { comment: String::new() },
        5 => What::Resume,
        6 => What::Set(ask(None)),
        _ => What::Remove,
    }
}

const EDITS: [&str; 8] = ["add", "add", "add", "add", "mark", "mark", "move", "remove"];

fn edit(world: &World, name: &str, what: u64, (folder, at, other): (&str, usize, &str), body: &str, flags: Flags) {
    world.edit(name, |mailbox| match EDITS[what as usize] {
        "add" => drop(mailbox.add(folder, body.as_bytes(), Marks { flags, keywords: Default::default() })),
        "mark" => mailbox.change(folder, at, Marks { flags, keywords: Default::default() }),
        "move" => mailbox.move_item(folder, at, other),
        _ => drop(mailbox.remove(folder, at)),
    });
}
