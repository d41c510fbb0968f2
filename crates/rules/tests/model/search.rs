//! Breadth first over all states, by number of faults: first everything that happens without one, then what one adds, and
//! so on. A state that was met with fewer faults is not looked at again, because it can do no more with more of them behind
//! it. So the story of a violation has the fewest faults and few steps.
//!
//! Faults are counted for each side, so that a side that has none left, or never had one, can be looked at in fewer orders
//! (`reduction`). All runs of two faults are those of budgets two and none, one and one, none and two.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::faults::Fault;
use crate::known::{Known, NONE};
use crate::model::{How, Model, Orders};
use crate::words::fingerprint;
use crate::world::{Act, KINDS, Kind, Node, Side, World};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    Step(Kind, Node, Act),
    Back(Side, Node),
    Fault(Fault),
}

pub struct Violation {
    pub law: &'static str,
    /// Fingerprints from the start to the state that breaks the law.
    pub path: Vec<u64>,
}

#[derive(Default)]
pub struct Found {
    pub states: usize,
    pub transitions: usize,
    /// States in which nothing is left to do.
    pub ends: BTreeSet<u64>,
    pub violation: Option<Violation>,
}

impl Model {
    /// Everything that may happen without a fault. Nodes that are away come back first in the run of first steps.
    pub fn moves(&self, w: &World, found: &mut Vec<(Move, World)>) {
        for side in 0..2 {
            for node in (0..self.nodes[side]).filter(|node| !w.is_up(side, *node)) {
                found.push((Move::Back(side, node), self.back(w, side, node)));
            }
        }
        let mut acts = Vec::new();
        for kind in KINDS {
            for node in 0..self.nodes[kind.side()] {
                acts.clear();
                self.acts(w, kind, node, &mut acts);
                found.extend(acts.iter().map(|act| (Move::Step(kind, node, *act), self.perform(w, kind, node, *act, How::Done))));
            }
        }
    }

    fn put_in_order(&self, moves: &mut Vec<(Move, World)>) {
        let of_target = |step: &Move| matches!(step, Move::Step(Kind::Target, ..));
        let first = match self.orders {
            Orders::All | Orders::Each => return,
            Orders::TargetLast => false,
            Orders::TargetFirst => true,
        };
        if moves.iter().any(|(step, _)| of_target(step) == first) {
            moves.retain(|(step, _)| of_target(step) == first);
        }
    }

    pub fn explore(&self) -> Found {
        let mut search = Search { model: self, known: Known::new(), found: Found::default(), queue: VecDeque::new(), used: [0, 0] };
        let mut layers: BTreeMap<[u8; 2], Vec<(World, u32)>> = BTreeMap::new();
        for used in self.layers() {
            search.used = used;
            let mut kept = Vec::new();
            if used == [0, 0] {
                search.meet(self.start(), NONE);
            }
            for side in 0..2 {
                let mut before = used;
                if let Some(less) = used[side].checked_sub(1) {
                    before[side] = less;
                    let layer = layers.get(&before).map_or(&[][..], Vec::as_slice);
                    search.add_faults(layer, side, &mut kept);
                }
            }
            search.close(&mut kept);
            layers.insert(used, kept);
        }
        if let Some(number) = search.known.endless() {
            search.break_law("everyone who gets on comes to an end", number);
        }
        search.found.states = search.known.len();
        search.found
    }

    /// Faults used by each side, fewest first.
    fn layers(&self) -> Vec<[u8; 2]> {
        let [source, target] = self.faults;
        let mut layers: Vec<_> = (0..=source).flat_map(|one| (0..=target).map(move |two| [one, two])).collect();
        layers.sort_by_key(|used| used[0] + used[1]);
        layers
    }
}

/// So many states wait at most; then those that wait are looked at before more are added.
const QUEUE_MAX: usize = 1 << 20;

struct Search<'a> {
    model: &'a Model,
    known: Known,
    found: Found,
    queue: VecDeque<(World, u32)>,
    /// Faults of each side in the layer that is being looked at.
    used: [u8; 2],
}

impl Search<'_> {
    fn meet(&mut self, w: World, parent: u32) -> u32 {
        let (number, new) = self.known.number(fingerprint(&w), parent);
        if (w.broken.is_some() || new)
            && let Some(law) = self.model.broken_law(&w)
        {
            // A step can break a law without leading to a new state.
            self.break_law(law, if new { number } else { parent });
        }
        let met = self.known.layers[number as usize];
        let fewer = (0..=self.used[0]).flat_map(|one| (0..=self.used[1]).map(move |two| layer([one, two])));
        if met & fewer.fold(0, |mask, layer| mask | layer) == 0 {
            self.known.layers[number as usize] |= layer(self.used);
            self.queue.push_back((w, number));
        }
        number
    }

    fn break_law(&mut self, law: &'static str, number: u32) {
        if self.found.violation.is_none() {
            self.found.violation = Some(Violation { law, path: self.known.path(number) });
        }
    }

    /// Everything that follows without a further fault; the states met are kept where faults may be added to them.
    fn close(&mut self, kept: &mut Vec<(World, u32)>) {
        let keep = self.left() != [0, 0];
        let mut moves = Vec::new();
        while let Some((w, number)) = self.queue.pop_front() {
            if self.found.violation.is_some() {
                return self.queue.clear();
            }
            self.look(&w, number, &mut moves);
            if keep {
                kept.push((w, number));
            }
        }
    }

    fn left(&self) -> [u8; 2] {
        [0, 1].map(|side| self.model.faults[side] - self.used[side])
    }

    fn look(&mut self, w: &World, number: u32, moves: &mut Vec<(Move, World)>) {
        moves.clear();
        let alone = if self.model.orders == Orders::Each { None } else { self.model.alone(w, self.left()) };
        match alone {
            Some((kind, node, act)) => moves.push((Move::Step(kind, node, act), self.model.perform(w, kind, node, act, How::Done))),
            None => self.model.moves(w, moves),
        }
        self.model.put_in_order(moves);
        self.found.transitions += moves.len();
        let mut first = NONE;
        for (_, next) in moves.drain(..) {
            let to = self.meet(next, number);
            if first == NONE && to != number {
                first = to;
            }
        }
        self.known.firsts[number as usize] = first;
        if first == NONE {
            self.found.ends.insert(fingerprint(w));
            if let Some(law) = self.model.stranded(w) {
                self.break_law(law, number);
            }
        }
    }

    fn add_faults(&mut self, layer: &[(World, u32)], side: Side, kept: &mut Vec<(World, u32)>) {
        let mut faults = Vec::new();
        for (w, number) in layer {
            faults.clear();
            self.model.faults(w, side, &mut faults);
            self.found.transitions += faults.len();
            for (_, next) in faults.drain(..) {
                self.meet(next, *number);
            }
            if self.queue.len() > QUEUE_MAX {
                self.close(kept);
            }
        }
    }
}

fn layer(used: [u8; 2]) -> u16 {
    1 << (4 * used[0] + used[1])
}
