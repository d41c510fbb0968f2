//! Breadth first over all states, by number of faults: first everything that happens without one, then what one adds, and
//! so on. A state that was met with fewer faults is not looked at again, because it can do no more with more of them behind
//! it. So the story of a violation has the fewest faults, and of those the fewest steps.
//!
//! States are known by a fingerprint of 64 bits. With ten million states two of them share one with a chance of three in a
//! million; then the second would be missed.

use std::collections::VecDeque;

use crate::faults::Fault;
use crate::model::{How, Model};
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
    pub quiet: usize,
    /// States first met with so many faults.
    pub by_faults: Vec<usize>,
    pub violation: Option<Violation>,
}

const NONE: u32 = u32::MAX;

/// Fingerprints by open addressing; what is known of each state by its number.
struct Known {
    slots: Vec<(u64, u32)>,
    prints: Vec<u64>,
    parents: Vec<u32>,
    /// The first step of each state: the run in which everyone gets on.
    firsts: Vec<u32>,
}

impl Known {
    fn new() -> Self {
        Known { slots: vec![(0, NONE); 1 << 16], prints: Vec::new(), parents: Vec::new(), firsts: Vec::new() }
    }

    /// The number of a state, and whether it is new.
    fn number(&mut self, print: u64, parent: u32) -> (u32, bool) {
        if self.prints.len() * 8 > self.slots.len() * 5 {
            self.grow();
        }
        let mask = self.slots.len() - 1;
        let mut at = print as usize & mask;
        loop {
            match self.slots[at] {
                (_, NONE) => break,
                (known, number) if known == print => return (number, false),
                _ => at = (at + 1) & mask,
            }
        }
        let number = self.prints.len() as u32;
        self.slots[at] = (print, number);
        self.prints.push(print);
        self.parents.push(parent);
        self.firsts.push(NONE);
        (number, true)
    }

    fn grow(&mut self) {
        let size = self.slots.len() * 2;
        self.slots = vec![(0, NONE); size];
        for (number, print) in self.prints.iter().enumerate() {
            let mut at = *print as usize & (size - 1);
            while self.slots[at].1 != NONE {
                at = (at + 1) & (size - 1);
            }
            self.slots[at] = (*print, number as u32);
        }
    }

    fn path(&self, mut number: u32) -> Vec<u64> {
        let mut path = Vec::new();
        while number != NONE {
            path.push(self.prints[number as usize]);
            number = self.parents[number as usize];
        }
        path.reverse();
        path
    }

    /// A state from which the run of first steps never ends.
    fn endless(&self) -> Option<u32> {
        const ENDS: u8 = 2;
        let mut marks = vec![0u8; self.firsts.len()];
        for start in 0..self.firsts.len() as u32 {
            let mut at = start;
            while at != NONE && marks[at as usize] == 0 {
                marks[at as usize] = 1;
                at = self.firsts[at as usize];
            }
            if at != NONE && marks[at as usize] == 1 {
                return Some(at);
            }
            let mut at = start;
            while at != NONE && marks[at as usize] == 1 {
                marks[at as usize] = ENDS;
                at = self.firsts[at as usize];
            }
        }
        None
    }
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

    pub fn explore(&self) -> Found {
        let mut search = Search { model: self, known: Known::new(), found: Found::default(), queue: VecDeque::new() };
        search.meet(self.start(), NONE);
        for faults in 0..=self.faults {
            let before = search.found.states;
            let layer = search.close(faults < self.faults);
            search.add_faults(&layer);
            let met = search.known.prints.len() - before - search.queue.len();
            search.found.by_faults.push(met);
            search.found.states += met;
            if search.found.violation.is_some() {
                return search.found;
            }
        }
        if let Some(number) = search.known.endless() {
            search.break_law("everyone who gets on comes to an end", number);
        }
        search.found
    }
}

struct Search<'a> {
    model: &'a Model,
    known: Known,
    found: Found,
    queue: VecDeque<(World, u32)>,
}

impl Search<'_> {
    fn meet(&mut self, w: World, parent: u32) -> u32 {
        let (number, new) = self.known.number(fingerprint(&w), parent);
        if w.broken.is_some() || new {
            if let Some(law) = self.model.broken_law(&w) {
                // A step can break a law without leading to a new state.
                match new {
                    true => self.break_law(law, number),
                    false => self.break_law(law, parent),
                }
            }
            if new {
                self.queue.push_back((w, number));
            }
        }
        number
    }

    fn break_law(&mut self, law: &'static str, number: u32) {
        if self.found.violation.is_none() {
            self.found.violation = Some(Violation { law, path: self.known.path(number) });
        }
    }

    /// Everything that follows without a further fault; the states met, when they are to be kept.
    fn close(&mut self, keep: bool) -> Vec<(World, u32)> {
        let mut kept = Vec::new();
        let mut moves = Vec::new();
        while let Some((w, number)) = self.queue.pop_front() {
            if self.found.violation.is_some() {
                break;
            }
            moves.clear();
            self.model.moves(&w, &mut moves);
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
                self.found.quiet += 1;
                if let Some(law) = self.model.stranded(&w) {
                    self.break_law(law, number);
                }
            }
            if keep {
                kept.push((w, number));
            }
        }
        kept
    }

    fn add_faults(&mut self, layer: &[(World, u32)]) {
        let mut faults = Vec::new();
        for (w, number) in layer {
            faults.clear();
            self.model.faults(w, &mut faults);
            self.found.transitions += faults.len();
            for (_, next) in faults.drain(..) {
                self.meet(next, *number);
            }
        }
    }
}
