//! Steps whose place among the steps of others makes no difference.
//!
//! Where a side has no fault left, all its nodes are there and the other node's agent of this kind has nothing left to do,
//! an agent's next step may be one that nobody else can see, forestall or change, now or by whatever they do before it
//! (a persistent set of one step). Then this step alone is taken, and the orders in which the others come first are left
//! out: they lead to the same states. It is asked of the side's own faults only: those of the other side touch nothing that
//! such a step reads or writes.
//!
//! No law is missed. Each of them reads one side alone. Commits only add to what is forbidden later: "published" and
//! "delivered" sooner, with the files as they are, is the stricter state. Placing and deleting a copy bear on the
//! laws of that container alone, which nobody else touches under the conditions here.

use crate::model::Model;
use crate::world::{Act, KINDS, Kind, Name, Node, Pc, Verb, World, bit, epoch_of};

impl Model {
    /// A step that may be taken alone, where there is one. `left`: faults that each side may still have.
    pub fn alone(&self, w: &World, left: [u8; 2]) -> Option<(Kind, Node, Act)> {
        let mut acts = Vec::new();
        KINDS.into_iter().find_map(|kind| {
            let side = kind.side();
            let node = w.role[side] as usize;
            if left[side] > 0 || !self.is_fenced(w, kind) {
                return None;
            }
            acts.clear();
            self.acts(w, kind, node, &mut acts);
            match acts[..] {
                [act] if self.is_private(w, kind, node, act) => Some((kind, node, act)),
                _ => None,
            }
        })
    }

    /// All nodes of the side are there, and nobody else's commits and ships touch the ledgers of this kind any more: the
    /// standby holds the active node's epoch, so what an old session still commits there is void.
    fn is_fenced(&self, w: &World, kind: Kind) -> bool {
        let side = kind.side();
        let epoch = |node: Node| w.recorded(kind, node).epoch;
        let same = (0..self.nodes[side]).all(|node| w.is_up(side, node) && epoch(node) == w.claims[kind as usize].epoch);
        same || self.is_settled(w, kind)
    }

    /// All nodes of the side are there, and only the active one has something to do.
    fn is_settled(&self, w: &World, kind: Kind) -> bool {
        let side = kind.side();
        let other = 1 - w.role[side] as usize;
        let rests = |node: Node| {
            let agent = w.agent(kind, node);
            agent.pc == Pc::Idle && !agent.is_holding() && (kind != Kind::Source || w.work[node] == 0)
        };
        (0..self.nodes[side]).all(|node| w.is_up(side, node)) && (self.nodes[side] == 1 || rests(other))
    }

    fn is_private(&self, w: &World, kind: Kind, node: Node, act: Act) -> bool {
        match (kind, act.verb) {
            (_, Verb::TakeUp | Verb::Ship) => true,
            (Kind::Source, Verb::Seal | Verb::ClearWork) => self.is_settled(w, kind),
            // The rescue of the transmission agent looks at the claims of the source agent.
            (Kind::Source, Verb::Claim) => false,
            (_, Verb::Claim) => true,
            (Kind::Source, Verb::RecordPublished) => true,
            (Kind::Source, Verb::Place) => self.is_new_in_out(w, node, act),
            (Kind::Transmission, Verb::RecordDelivered) => !is_being_published(w, act.name),
            (Kind::Transmission, Verb::Delete) => self.is_program(w, kind, node) && self.is_done_with(w, node, act.name),
            (Kind::Target, Verb::Take) => true,
            (Kind::Target, Verb::Delete) => self.is_program(w, kind, node) && !self.may_still_arrive(w, node, act),
            _ => false,
        }
    }

    /// The deletion is the next step of a session, whatever else is there, and nobody else is at work on these folders.
    fn is_program(&self, w: &World, kind: Kind, node: Node) -> bool {
        w.agent(kind, node).pc == Pc::Deleting && self.is_settled(w, kind)
    }

    /// A copy that no transmission agent can have to do with before it is placed, and that comes behind all others in its queue.
    fn is_new_in_out(&self, w: &World, node: Node, act: Act) -> bool {
        let in_hand = w.agents[Kind::Transmission as usize].iter().any(|agent| {
            (agent.pc != Pc::Idle && agent.pc != Pc::Work && agent.name == act.name) || (agent.is_holding() && agent.held.name == act.name)
        });
        let seen = w.delivered.iter().any(|row| {
            (0..2).any(|lane| (row.delivered[lane] | row.buried[lane] | row.owed[lane][0] | row.owed[lane][1]) & bit(act.name) != 0)
        });
        let lanes = self.nodes[1];
        let (lane, on_passive) = (act.at as usize % lanes, self.nodes[0] == 2 && (act.at as usize) < lanes);
        let last = match on_passive {
            true => w.out[node][lane] & bit(act.name) == 0,
            false => w.out[node][lane] < bit(act.name),
        };
        epoch_of(act.name) == w.claims[Kind::Source as usize].epoch && !in_hand && !seen && last
    }

    /// A published container of which the source agent places no copy any more.
    fn is_done_with(&self, w: &World, node: Node, name: Name) -> bool {
        let row = &w.published[node];
        let owed = row.uncovered[0] | row.uncovered[1];
        self.is_settled(w, Kind::Source) && row.names() & !owed & bit(name) != 0 && !is_being_published(w, name)
    }

    fn may_still_arrive(&self, w: &World, node: Node, act: Act) -> bool {
        let lane = if act.at == 0 { 1 - node } else { node };
        let carried = w.agents[Kind::Transmission as usize].iter().any(|agent| {
            let at_it = agent.pc != Pc::Idle && agent.pc != Pc::Work && agent.name == act.name;
            at_it || (agent.is_holding() && agent.held.name == act.name)
        });
        carried || is_being_published(w, act.name) || w.out.iter().any(|lanes| lanes[lane] & bit(act.name) != 0)
    }
}

/// In WORK of some node, or in the hands of a source agent.
fn is_being_published(w: &World, name: Name) -> bool {
    let in_hand = |node: Node| {
        let agent = w.agent(Kind::Source, node);
        (agent.pc == Pc::Placing && agent.name == name) || (agent.is_holding() && agent.held.name == name)
    };
    w.work.contains(&(name + 1)) || (0..2).any(in_hand)
}
