//! What holds in every state, and in every state in which nothing is left to do.

use crate::model::Model;
use crate::world::{KINDS, Kind, Names, World, bit, name};

pub const NOTHING_TWICE: &str = "no item stands twice in the target store (R42)";

impl Model {
    /// The law that this state breaks, if any.
    pub fn broken_law(&self, w: &World) -> Option<&'static str> {
        w.broken.or_else(|| self.doubled(w)).or_else(|| self.covered(w)).or_else(|| self.told(w))
    }

    fn doubled(&self, w: &World) -> Option<&'static str> {
        if w.store.iter().any(|count| *count > 1) {
            return Some(NOTHING_TWICE);
        }
        let out_of_order = w.store.windows(2).any(|pair| pair[0] == 0 && pair[1] > 0);
        out_of_order.then_some("items are first applied in the order of their chain (R41)")
    }

    /// R56 in rules.md, "what holds at all times", for what the running activation has packed. What an activation before it had
    /// half placed or half deleted is put right by leftovers and rescue.
    fn covered(&self, w: &World) -> Option<&'static str> {
        if self.nodes[0] == 1 {
            return None;
        }
        let active = w.role[0] as usize;
        let (mine, passive) = (w.delivered[active], 1 - active);
        for lane in 0..self.nodes[1] {
            let shown = w.out[active][lane] & w.fresh;
            let kept = w.out[passive][lane] & w.fresh;
            let done = mine.delivered[lane] | mine.buried[lane];
            if shown & !kept & !done & !self.uncovered(w, active, lane) != 0 {
                return Some("before delivery the passive node holds what the active one shows, or coverage is owed");
            }
            if kept & !shown & done & !mine.buried[lane] != 0 {
                return Some("after delivery the active node holds what the passive one still holds, or it is buried");
            }
        }
        None
    }

    /// Coverage debts; and what is about to be recorded as one, still sealed in WORK.
    fn uncovered(&self, w: &World, active: usize, lane: usize) -> Names {
        let sealed = w.work[active].checked_sub(1).map_or(0, bit);
        w.published[active].uncovered[lane] | if self.carry_on { sealed } else { 0 }
    }

    /// R13: a ledger says "published" only where the container is, unless it has been delivered.
    fn told(&self, w: &World) -> Option<&'static str> {
        for node in 0..self.nodes[0] {
            let published = w.published[node].epochs.iter().zip(1..).filter(|(epoch, _)| **epoch > 0);
            let published = published.fold(0, |set, (epoch, sequence)| set | bit(name(sequence, *epoch)));
            for lane in 0..self.nodes[1] {
                let delivered = w.delivered.iter().fold(0, |set, row| set | row.delivered[lane] | row.buried[lane]);
                if published & !w.out[node][lane] & !delivered != 0 {
                    return Some("no node is told \"published\" without the container (R13)");
                }
            }
        }
        None
    }

    /// Nothing is left to do: is everything done?
    pub fn stranded(&self, w: &World) -> Option<&'static str> {
        let all: Names = w.out.iter().flatten().chain(&w.inbox).fold(0, |set, names| set | names);
        let debts = |kind: Kind| (0..2).any(|node| (0..2).any(|lane| w.owed(kind, node, lane).iter().any(|owed| *owed != 0)));
        let level = |kind: Kind| !self.has_standby(kind) || w.is_level(kind);
        let sessions = || KINDS.into_iter().all(|kind| self.holds(w, kind, w.role[kind.side()] as usize).is_some());
        match () {
            () if self.items().any(|item| w.store[item] != 1) => Some("in the end every item is at the target, once"),
            () if all != 0 || w.work != [0, 0] => Some("in the end nothing is left in OUT, IN and WORK"),
            () if debts(Kind::Transmission) || debts(Kind::Target) => Some("in the end no deletion debt is left"),
            () if w.published.iter().any(|row| row.uncovered != [0, 0]) => Some("in the end no coverage debt is left"),
            () if !KINDS.into_iter().all(level) => Some("in the end the ledgers of both nodes are equal"),
            () if !sessions() => Some("in the end the active node of each side may act"),
            () => None,
        }
    }
}
