//! A container out of OUT or IN, passive copy first; deletion debts (R50-R55), after `core::engine::deleting`.

use mailferry_rules::cleanup::{Copy, Debt, Due, Patience, Place, Step, due, next_step};

use crate::activation::UNTRIED;
use crate::model::{How, Model};
use crate::world::{Act, Agent, Kind, Name, Names, Node, Pc, Verb, World, bit, members};

const PATIENCE: Patience = Patience { touch_interval_ms: 10, lifetime_ms: 100 };
const DEBT: Debt = Debt { first_failure_ms: 0, next_attempt_ms: 10 };
/// Time has three points for a debt: before its next attempt, after it, after its lifetime.
const NEXT_ATTEMPT_MS: u64 = 10;
const LIFETIME_OVER_MS: u64 = 101;

const COPIES: [Copy; 4] = [Copy::There, Copy::Gone, Copy::Owed, Copy::GivenUp];

impl World {
    /// Copies in OUT of a lane, or in IN, on a node of the agent's side.
    pub fn copies(&mut self, kind: Kind, lane: u8, node: Node) -> &mut Names {
        match kind {
            Kind::Transmission => &mut self.out[node][lane as usize],
            _ => &mut self.inbox[node],
        }
    }

    pub fn owed(&self, kind: Kind, node: Node, lane: u8) -> [Names; 2] {
        match kind {
            Kind::Transmission => self.delivered[node].owed[lane as usize],
            _ => self.taken[node].owed,
        }
    }

    pub fn buried(&self, kind: Kind, node: Node, lane: u8) -> Names {
        match kind {
            Kind::Transmission => self.delivered[node].buried[lane as usize],
            _ => self.taken[node].buried,
        }
    }

    /// What the ledger has that allows a deletion: delivered, or taken.
    fn finished(&self, kind: Kind, node: Node, lane: u8) -> Names {
        match kind {
            Kind::Transmission => self.delivered[node].delivered[lane as usize],
            _ => self.taken[node].taken,
        }
    }

    fn set_owed(&mut self, kind: Kind, node: Node, act: Act, of: Node, owed: bool) {
        if !self.may_commit(kind, node) {
            return;
        }
        let row = match kind {
            Kind::Transmission => &mut self.delivered[node].owed[act.lane as usize][of],
            _ => &mut self.taken[node].owed[of],
        };
        *row = if owed { *row | bit(act.name) } else { *row & !bit(act.name) };
    }

    fn bury(&mut self, kind: Kind, node: Node, act: Act) {
        if self.may_commit(kind, node) {
            match kind {
                Kind::Transmission => self.delivered[node].buried[act.lane as usize] |= bit(act.name),
                _ => self.taken[node].buried |= bit(act.name),
            }
        }
    }
}

impl Model {
    /// The places of a deletion: the passive copy, then the active one; `given_up` is a node that is not asked again.
    fn places(&self, w: &World, kind: Kind, node: Node, (lane, name): (u8, Name), given_up: Option<Node>) -> u8 {
        let owed = w.owed(kind, node, lane);
        let place = |of: Node| match () {
            () if given_up == Some(of) => 3,
            () if owed[of] & bit(name) != 0 => 2,
            () => 0,
        };
        // A side of one node has no passive copy: gone.
        let passive = if self.has_standby(kind) { place(1 - node) } else { 1 };
        passive | place(node) << 2
    }

    /// The next deletion of this container, decided by the rule; none when it waits or is finished.
    pub fn deletion(&self, w: &World, kind: Kind, node: Node, lane: u8, name: Name) -> Option<Act> {
        let agent = w.agent(kind, node);
        let begun = agent.pc == Pc::Deleting && agent.slots != UNTRIED && agent.name == name && agent.lane == lane;
        let slots = if begun { agent.slots } else { self.places(w, kind, node, (lane, name), None) };
        self.step(slots).map(|at| Act { name, lane, at, ..Act::of(Verb::Delete) })
    }

    fn step(&self, slots: u8) -> Option<u8> {
        let copy = |at: u8| COPIES[usize::from(slots >> (2 * at) & 3)];
        let places = [Place { on_passive: true, copy: copy(0) }, Place { on_passive: false, copy: copy(1) }];
        match next_step(&places) {
            Step::Delete(at) => Some(at as u8),
            Step::WaitForDebt | Step::Finished => None,
        }
    }

    pub fn delete(&self, w: &mut World, kind: Kind, node: Node, act: Act, how: How) {
        self.check_deletion(w, kind, node, act);
        let agent = *w.agent(kind, node);
        let begun = agent.pc == Pc::Deleting && agent.slots != UNTRIED;
        let mut slots = if begun { agent.slots } else { self.places(w, kind, node, (act.lane, act.name), None) };
        let of = if act.at == 0 { 1 - node } else { node };
        let reachable = w.is_up(kind.side(), of);
        if reachable && how != How::Failed {
            *w.copies(kind, act.lane, of) &= !bit(act.name);
        }
        let buried = w.buried(kind, node, act.lane) & bit(act.name) != 0;
        let copy = match () {
            () if reachable && how == How::Done => 1,
            () if buried => 3,
            () => 2,
        };
        if copy == 2 {
            w.set_owed(kind, node, act, of, true);
        }
        slots = slots & !(3 << (2 * act.at)) | copy << (2 * act.at);
        self.go_on_deleting(w, kind, node, act, slots);
    }

    fn go_on_deleting(&self, w: &mut World, kind: Kind, node: Node, act: Act, slots: u8) {
        let agent = w.agent_mut(kind, node);
        let work = Agent { pc: Pc::Work, name: 0, lane: 0, slots: 0, ..*agent };
        *agent = match self.step(slots) {
            Some(_) => Agent { pc: Pc::Deleting, name: act.name, lane: act.lane, slots, ..*agent },
            None => work,
        };
    }

    /// The laws of a step that deletes: it is finished with, and the other node knows (R33, R43).
    fn check_deletion(&self, w: &mut World, kind: Kind, node: Node, act: Act) {
        let known = |at: Node| w.finished(kind, at, act.lane) | w.buried(kind, at, act.lane);
        if known(node) & bit(act.name) == 0 {
            w.broken = Some(match kind {
                Kind::Transmission => "nothing is deleted in OUT before it is recorded as delivered (R33)",
                _ => "nothing is deleted in IN before it is recorded as taken (R43)",
            });
            return;
        }
        let bound = kind == Kind::Target || !self.carry_on;
        let overtaken = w.recorded(kind, 1 - node).epoch > w.agent(kind, node).epoch;
        if bound && self.has_standby(kind) && !overtaken && known(1 - node) & bit(act.name) == 0 {
            w.broken = Some(match kind {
                Kind::Transmission => "nothing is deleted in OUT before the other node knows that it is delivered (R33)",
                _ => "nothing is deleted in IN before the other node knows that it is taken (R43)",
            });
        }
    }

    /// Debts are tried at the start of a session, when they are due; when that is, time decides (R54).
    pub fn debt_acts(&self, w: &World, kind: Kind, node: Node, acts: &mut Vec<Act>) {
        if due(DEBT, NEXT_ATTEMPT_MS, false, PATIENCE) != Due::Try {
            return;
        }
        let lanes = if kind == Kind::Transmission { self.lanes() } else { 0..1 };
        for lane in lanes {
            let owed = w.owed(kind, node, lane);
            for of in (0..self.nodes[kind.side()]).filter(|of| w.is_up(kind.side(), *of)) {
                acts.extend(members(owed[of]).map(|name| Act { name, lane, at: of as u8, ..Act::of(Verb::PayDebt) }));
            }
        }
    }

    /// A debt that outlives its lifetime (R55): a fault, because it takes a day of trouble.
    pub fn given_up(&self, w: &World, kind: Kind, node: Node, acts: &mut Vec<Act>) {
        if w.agent(kind, node).pc != Pc::Work || due(DEBT, LIFETIME_OVER_MS, false, PATIENCE) != Due::GiveUp {
            return;
        }
        for lane in 0..2 {
            for (of, names) in w.owed(kind, node, lane).into_iter().enumerate() {
                acts.extend(members(names).map(|name| Act { name, lane, at: of as u8, ..Act::of(Verb::GiveUp) }));
            }
            if kind == Kind::Target {
                return;
            }
        }
    }

    pub fn pay_debt(&self, w: &mut World, kind: Kind, node: Node, act: Act, how: How) {
        let of = act.at as usize;
        if how != How::Failed && w.is_up(kind.side(), of) {
            *w.copies(kind, act.lane, of) &= !bit(act.name);
        }
        if how == How::Done && w.is_up(kind.side(), of) {
            w.set_owed(kind, node, act, of, false);
            let slots = self.places(w, kind, node, (act.lane, act.name), None);
            self.go_on_deleting(w, kind, node, act, slots);
        }
    }

    pub fn give_up(&self, w: &mut World, kind: Kind, node: Node, act: Act) {
        w.set_owed(kind, node, act, act.at as usize, false);
        w.bury(kind, node, act);
        let slots = self.places(w, kind, node, (act.lane, act.name), Some(act.at as usize));
        self.go_on_deleting(w, kind, node, act, slots);
    }
}
