//! Random lives of two nodes: writes, ships, replays, kills, failovers with divergence; then heal and demand equality, and that nothing
//! a successful ship promised is missing on the node that takes over.

use super::*;

struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

struct Life {
    nodes: [Node; 2],
    fuse: Arc<Fuse>,
    active: usize,
    epoch: u64,
    /// Position that the standby durably holds, by the word of the last successful ship.
    promised: u64,
    dice: Dice,
}

impl Life {
    fn new(seed: u64) -> Self {
        let fuse = Arc::new(Fuse::default());
        let nodes = [Node::fused("A", &fuse), Node::fused("B", &fuse)];
        let mut life = Life { nodes, fuse, active: 0, epoch: 1, promised: 0, dice: Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1) };
        life.nodes[0].db.begin_epoch(Epoch(1)).unwrap();
        life
    }

    fn pair(&mut self) -> (&mut Node, &mut Node) {
        let [a, b] = &mut self.nodes;
        if self.active == 0 { (a, b) } else { (b, a) }
    }

    fn write(&mut self) {
        let (name, value, gone) = (self.dice.below(12), self.dice.below(1000), self.dice.below(4) == 0);
        let (active, _) = self.pair();
        let name = format!("name {name}");
        let _ = active.db.write(|tx| {
            if gone {
                tx.execute("DELETE FROM probe WHERE name = ?1", [&name])?;
            } else {
                tx.execute("INSERT OR REPLACE INTO probe VALUES (?1, ?2)", [&name, &value.to_string()])?;
            }
            Ok(())
        });
    }

    fn ship(&mut self) {
        let (active, standby) = self.pair();
        if let Ok(shipped) = active.ship_to(standby) {
            assert_eq!(shipped.lsn, active.db.position().unwrap().lsn);
            self.promised = shipped.lsn;
        }
    }

    /// The other node takes over, however things stand; the old one may have written what nobody received.
    fn fail_over(&mut self) {
        self.fuse.arm(0);
        let (_, standby) = self.pair();
        let replayed = standby.replay().unwrap();
        let reached = standby.db.position().unwrap().lsn;
        if replayed.wants.is_some() {
            // Damage was injected: the promise is void until the snapshot came.
            return;
        }
        assert!(reached >= self.promised, "promised {}, the standby has {reached}", self.promised);
        self.epoch += 1;
        let epoch = Epoch(self.epoch);
        let (_, standby) = self.pair();
        standby.db.begin_epoch(epoch).unwrap();
        self.active = 1 - self.active;
        self.promised = 0;
    }

    fn turn(&mut self) {
        match self.dice.below(20) {
            0..8 => self.write(),
            8..12 => self.ship(),
            12..15 => drop(self.pair().1.replay()),
            15 => drop(self.pair().0.db.prune(&["A", "B"])),
            16..18 => {
                let cut = self.dice.below(30) + 1;
                self.fuse.arm(cut);
            }
            18 => self.fuse.arm(0),
            _ => self.fail_over(),
        }
        if self.fuse.blown() {
            self.fuse.arm(0);
        }
    }

    fn heal(&mut self) {
        self.fuse.arm(0);
        for _ in 0..3 {
            let (active, standby) = self.pair();
            active.ship_to(standby).unwrap();
            standby.replay().unwrap();
        }
    }
}

#[test]
fn whatever_happens_a_promise_is_kept_and_both_nodes_end_equal() {
    for seed in 1..=400 {
        let mut life = Life::new(seed);
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            (0..150).for_each(|_| life.turn());
            life.heal();
            assert_equal(&life.nodes[0], &life.nodes[1]);
        }));
        assert!(result.is_ok(), "seed {seed}");
    }
}
