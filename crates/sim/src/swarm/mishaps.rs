//! What happens to nodes, disks, network, clocks and stores.

use super::life::Life;
use crate::world::witness_name;

const HOUR_MS: i64 = 3_600_000;

type Mishap = fn(&mut Life);

impl Life {
    /// One mishap of a kind that this life has; or one that ends.
    pub(super) fn mishap(&mut self) {
        let kinds: [(bool, Mishap); 13] = [
            (self.faults.failover, Life::role_moves),
            (self.faults.both, Life::roles_in_doubt),
            (self.faults.disks, Life::disk_trouble),
            (self.faults.network, Life::network_trouble),
            (self.faults.refusals, Life::refusal),
            (self.faults.damage, Life::damage),
            (self.faults.returns, Life::file_returns),
            (self.faults.clocks, Life::clock_jumps),
            (self.faults.guarantee, Life::guarantee_trouble),
            (self.faults.takeovers, Life::store_copies),
            (self.faults.stores, Life::store_trouble),
            (self.faults.databases, Life::lose_standby),
            (self.faults.orders, Life::order),
        ];
        let kinds: Vec<Mishap> = kinds.into_iter().filter(|(on, _)| *on).map(|(_, mishap)| mishap).collect();
        if let Some(mishap) = self.dice.pick(&kinds) {
            mishap(self);
        }
    }

    fn node(&mut self) -> String {
        let nodes: Vec<String> = self.world.disks.keys().cloned().collect();
        self.dice.pick(&nodes).cloned().unwrap_or_default()
    }

    fn role_moves(&mut self) {
        let side = self.side();
        self.world.fail_over(&side);
        self.note(|| format!("{} is active on {}", side.name(), self.world.active(&side)));
    }

    fn roles_in_doubt(&mut self) {
        let side = self.side();
        match self.dice.below(3) {
            0 => {
                let active = self.world.active(&side);
                if let Some(other) = side.others(&active).next() {
                    self.world.roles.lead_both(&side, other);
                    self.note(|| format!("{active} and {other} are both active"));
                }
            }
            1 => {
                let node = self.node();
                self.world.roles.set_unknown(&node, true);
                self.note(|| format!("nobody can tell the role of {node}"));
            }
            _ => {
                self.world.roles.set_right();
                self.note(|| "roles are clear".into());
            }
        }
    }

    fn disk_trouble(&mut self) {
        let (node, what, on) = (self.node(), self.dice.below(4), self.dice.chance(500));
        self.note(|| format!("{node}: {} {on}", ["down", "full", "refuses deletion", "witness away"][what as usize]));
        let disk = &self.world.disks[&node];
        match what {
            0 => disk.set_away(on),
            1 => disk.set_full(on),
            2 => disk.set_refuses_deletion(on),
            _ => self.world.witness(if node.starts_with("SRC") { &self.world.source } else { &self.world.target }).set_away(on),
        }
    }

    fn network_trouble(&mut self) {
        if self.dice.chance(400) {
            self.note(|| "the network is whole".into());
            return self.world.network.mend();
        }
        let (node, other) = (self.node(), self.node());
        match self.dice.below(4) {
            0 => {
                self.note(|| format!("{node} does not reach {other}"));
                self.world.network.cut(&node, &other);
            }
            1 => {
                self.note(|| format!("{node} and {other} do not reach each other"));
                self.world.network.cut_both_ways(&node, &other);
            }
            2 => {
                let witness = witness_name(if node.starts_with("SRC") { &self.world.source } else { &self.world.target });
                self.note(|| format!("{node} does not reach its witness"));
                self.world.network.cut(&node, &witness);
            }
            _ => {
                self.note(|| format!("{node} is alone"));
                self.world.disks.keys().filter(|other| **other != node).for_each(|other| self.world.network.cut_both_ways(&node, other));
                [&self.world.source, &self.world.target].into_iter().for_each(|side| self.world.network.cut(&node, &witness_name(side)));
            }
        }
        // A node always reaches its own disk.
        self.world.network.uncut(&node, &node);
    }

    fn refusal(&mut self) {
        let (node, on) = (self.node(), self.dice.chance(600));
        self.note(|| format!("{node} refuses deletion: {on}"));
        self.world.disks[&node].set_refuses_deletion(on);
    }

    /// A bit turns in some file that travels, or its end is cut off.
    fn damage(&mut self) {
        let node = self.node();
        let disk = self.world.disks[&node].clone();
        let mut files = disk.below("NTA/IN");
        files.extend(disk.below("NTA/OUT"));
        files.extend(disk.below("NTA/REP"));
        files.extend(disk.below("NTA/WORK"));
        let Some(file) = self.dice.pick(&files).cloned() else { return };
        let mut stored = disk.files();
        if let Some(bytes) = stored.get_mut(&file).filter(|bytes| !bytes.is_empty()) {
            let at = self.dice.below(bytes.len() as u64) as usize;
            if self.dice.chance(300) {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << self.dice.below(8);
            }
            self.note(|| format!("damaged: {node}/{file} at {at}"));
        }
    }

    /// A backup is restored, or a removal was undone by a file system that lost its journal.
    fn file_returns(&mut self) {
        let node = self.node();
        let disk = self.world.disks[&node].clone();
        let removed: Vec<String> = disk.removed().keys().cloned().collect();
        let Some(path) = self.dice.pick(&removed).cloned() else { return };
        if let Some(bytes) = disk.removed().remove(&path) {
            self.note(|| format!("{node}/{path} is there again"));
            disk.files().entry(path.clone()).or_insert(bytes);
            self.fate.watch.returned(&node, &path);
        }
    }

    fn clock_jumps(&mut self) {
        let (node, hours) = (self.node(), self.dice.below(97) as i64 - 48);
        let beside_ms = if self.dice.chance(300) { 0 } else { hours * HOUR_MS };
        self.note(|| format!("the clock of {node} is {} minutes beside the true time", beside_ms / 60_000));
        self.world.fate.clock.jump(&node, beside_ms);
    }

    fn guarantee_trouble(&mut self) {
        let on = self.dice.chance(500);
        match self.world.mailboxes.get(self.dice.below(2 * self.world.mailboxes.len() as u64) as usize) {
            Some(mailbox) => {
                self.note(|| format!("the copy of {} lags: {on}", mailbox.target));
                self.world.guarantee.set_lagging(&mailbox.target, on);
            }
            None => {
                self.note(|| format!("the data guarantee cannot be told: {on}"));
                self.world.guarantee.set_unreachable(on);
            }
        }
    }

    fn store_copies(&mut self) {
        let stores: Vec<String> = self.world.mailboxes.iter().map(|mailbox| mailbox.target.clone()).collect();
        let Some(store) = self.dice.pick(&stores).cloned() else { return };
        if self.dice.chance(600) {
            self.note(|| format!("the second copy of {store} has everything"));
            self.world.replicate_store(&store);
        } else {
            self.note(|| format!("the second copy of {store} takes over, without the rest"));
            self.world.fail_over_store(&store);
        }
    }

    fn store_trouble(&mut self) {
        let (node, away) = (self.node(), self.dice.chance(600));
        self.note(|| format!("{node} does not reach its mail store: {away}"));
        self.world.store_trouble.set(&node, away);
    }

    fn lose_standby(&mut self) {
        let side = self.side();
        let kind = self.world.kinds(&side)[self.dice.below(2) as usize];
        let active = self.world.active(&side);
        let standby = side.others(&active).next().cloned();
        if let Some(node) = standby.filter(|_| !self.faults.alone && self.lost.is_empty()) {
            self.note(|| format!("{node} {kind}: config.db deleted"));
            if self.world.lose_database(&node, kind).is_ok() {
                self.lost.push((node, kind));
            }
        }
    }
}
