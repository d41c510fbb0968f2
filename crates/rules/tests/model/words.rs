//! A state as a few words, one to one: what is compared and hashed.

use crate::world::{Act, Agent, Claim, Delivered, Names, Published, Taken, World};

/// Fields side by side in one word.
#[derive(Default)]
struct Word {
    bits: u64,
    used: u32,
}

impl Word {
    fn put(mut self, value: impl Into<u64>, width: u32) -> Self {
        let value = value.into();
        debug_assert!(value < 1 << width && self.used + width <= 64, "{value} in {width} bits after {}", self.used);
        self.bits |= value << self.used;
        self.used += width;
        self
    }

    fn names(self, sets: &[Names]) -> Self {
        sets.iter().fold(self, |word, set| word.put(*set, 12))
    }

    fn claim(self, claim: Claim) -> Self {
        self.put(claim.epoch, 3).put(claim.node, 1)
    }

    fn act(self, act: Act) -> Self {
        self.put(act.verb as u8, 5).put(act.name, 4).put(act.lane, 1).put(act.at, 3)
    }
}

fn agent(agent: &Agent) -> u64 {
    let word = Word::default().put(agent.pc as u8, 3).put(agent.epoch, 3).put(agent.name, 4).put(agent.lane, 1).put(agent.slots, 8);
    word.put(agent.cleared, 1).put(agent.failed, 1).act(agent.held).bits
}

fn published(row: &Published) -> u64 {
    let word = row.epochs.iter().fold(Word::default(), |word, epoch| word.put(*epoch, 3));
    word.names(&row.uncovered).claim(row.recorded).bits
}

fn delivered(row: &Delivered) -> [u64; 2] {
    let sets = Word::default().names(&row.delivered).names(&row.buried).claim(row.recorded).bits;
    [sets, Word::default().names(&row.owed[0]).names(&row.owed[1]).bits]
}

fn taken(row: &Taken) -> u64 {
    let word = Word::default().names(&[row.taken, row.owed[0], row.owed[1], row.buried]).claim(row.recorded);
    word.put(row.tracked, 3).put(row.last, 2).put(row.epoch, 3).put(row.base, 2).bits
}

fn places(world: &World) -> [u64; 2] {
    let out = Word::default().names(&world.out[0]).names(&world.out[1]).put(world.work[0], 4).put(world.work[1], 4);
    let inbox = Word::default().names(&world.inbox).names(&[world.fresh]).put(world.up, 4).put(world.role[0], 1).put(world.role[1], 1);
    let inbox = world.store.iter().fold(inbox, |word, count| word.put(*count, 2));
    [out.bits, world.claims.iter().fold(inbox, |word, claim| word.claim(*claim)).bits]
}

pub const WORDS: usize = 17;

pub fn words(world: &World) -> [u64; WORDS] {
    let [[a, b], [c, d], [e, f]] = world.agents.map(|nodes| nodes.map(|one| agent(&one)));
    let ([g, h], [[i, j], [k, l]]) = (world.published.map(|row| published(&row)), world.delivered.map(|row| delivered(&row)));
    let ([m, n], [o, p]) = (world.taken.map(|row| taken(&row)), places(world));
    [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, world.headers]
}

/// A fingerprint of 64 bits: products of word pairs, folded (as wyhash does).
pub fn fingerprint(world: &World) -> u64 {
    let words = words(world);
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        (product as u64) ^ (product >> 64) as u64
    };
    let mut hash = 0x9E37_79B9_7F4A_7C15u64;
    for pair in words.chunks(2) {
        let second = pair.get(1).copied().unwrap_or(0x5851_F42D_4C95_7F2D);
        hash = fold(pair[0] ^ 0xA076_1D64_78BD_642F ^ hash, second ^ 0xE703_7ED1_A0B4_28DB ^ hash.rotate_left(23));
    }
    fold(hash ^ 0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3)
}
