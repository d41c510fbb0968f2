//! What may go wrong, each once for every fault that is left.

use crate::model::{How, Model};
use crate::world::{Act, Agent, KINDS, Kind, Node, Pc, Side, Verb, World};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The process dies and is started again: what it knew of its session is gone.
    Death(Kind, Node),
    /// An effect fails, or happens and its answer is lost.
    Effect(Kind, Node, Act, How),
    /// The cluster manager gives the role to the other node. What the old node's agents had begun may still happen.
    Failover(Side),
    /// A node is not there; its agents die. Coming back is no fault.
    Away(Side, Node),
    /// The database of the source agent is lost; on a standalone server nobody has another.
    Forgotten,
}

impl Model {
    pub fn faults(&self, w: &World, side: Side, found: &mut Vec<(Fault, World)>) {
        for kind in KINDS.into_iter().filter(|kind| kind.side() == side) {
            for node in 0..self.nodes[side] {
                self.faults_of_agent(w, kind, node, found);
            }
        }
        if self.nodes[side] == 2 {
            self.failovers(w, side, found);
        }
        for node in (0..self.nodes[side]).filter(|node| w.is_up(side, *node)) {
            found.push((Fault::Away(side, node), self.away(w, side, node)));
        }
        if side == 0 && self.nodes[0] == 1 && w.is_up(0, 0) {
            let mut next = *w;
            next.published[0] = Default::default();
            *next.agent_mut(Kind::Source, 0) = Agent::default();
            self.settle(&mut next);
            found.push((Fault::Forgotten, next));
        }
    }

    fn faults_of_agent(&self, w: &World, kind: Kind, node: Node, found: &mut Vec<(Fault, World)>) {
        let agent = w.agent(kind, node);
        if agent.pc != Pc::Idle || agent.is_holding() {
            let mut next = *w;
            *next.agent_mut(kind, node) = Agent::default();
            self.settle(&mut next);
            found.push((Fault::Death(kind, node), next));
        }
        let mut acts = Vec::new();
        self.acts(w, kind, node, &mut acts);
        for act in acts.iter().filter(|act| touches_the_world(act.verb)) {
            for how in [How::Failed, How::Lost] {
                found.push((Fault::Effect(kind, node, *act, how), self.perform(w, kind, node, *act, how)));
            }
        }
        if kind != Kind::Source {
            acts.clear();
            self.given_up(w, kind, node, &mut acts);
            let end = |act: &Act| (Fault::Effect(kind, node, *act, How::Done), self.perform(w, kind, node, *act, How::Done));
            found.extend(acts.iter().map(end));
        }
    }

    fn away(&self, w: &World, side: Side, node: Node) -> World {
        let mut next = *w;
        next.up &= !(1 << (2 * side + node));
        for kind in KINDS.into_iter().filter(|kind| kind.side() == side) {
            *next.agent_mut(kind, node) = Agent::default();
        }
        self.settle(&mut next);
        next
    }

    pub fn back(&self, w: &World, side: Side, node: Node) -> World {
        let mut next = *w;
        next.up |= 1 << (2 * side + node);
        self.settle(&mut next);
        next
    }

    /// Every choice of the acts that the old node's agents have checked their right for just now.
    fn failovers(&self, w: &World, side: Side, found: &mut Vec<(Fault, World)>) {
        let old = w.role[side] as usize;
        if !w.is_up(side, 1 - old) {
            return;
        }
        let mut choices = vec![*w];
        for kind in KINDS.into_iter().filter(|kind| kind.side() == side) {
            let mut acts = Vec::new();
            if !w.agent(kind, old).is_holding() && w.is_up(side, old) {
                self.acts(w, kind, old, &mut acts);
            }
            acts.retain(|act| Model::is_checked(*act, w.agent(kind, old)));
            let held = |choice: &World, act: &Act| {
                let mut next = *choice;
                let found = u8::from(act.verb == Verb::Append && w.store[crate::world::sequence_of(act.name) as usize - 1] == 0);
                let at = if act.verb == Verb::Append { found } else { act.at };
                let agent = next.agent_mut(kind, old);
                agent.held = Act { at, ..*act };
                if agent.pc == Pc::Idle {
                    agent.epoch = w.claims[kind as usize].epoch;
                }
                next
            };
            let with: Vec<World> = choices.iter().flat_map(|choice| acts.iter().map(move |act| held(choice, act))).collect();
            choices.extend(with);
        }
        for mut next in choices {
            next.role[side] = 1 - old as u8;
            if side == 0 {
                next.fresh = 0;
            }
            self.settle(&mut next);
            found.push((Fault::Failover(side), next));
        }
    }
}

/// Effects that can fail or lose their answer. Commits cannot: an agent whose database fails is as good as dead.
fn touches_the_world(verb: Verb) -> bool {
    matches!(verb, Verb::Claim | Verb::Ship | Verb::Place | Verb::PayCoverage | Verb::Copy | Verb::Delete | Verb::PayDebt | Verb::Append)
}
