//! One configuration of the model, and its steps: which effects are next, and what each does to the state.
//!
//! A step is one durable effect together with the look that decides it. That loses nothing but races between a look and its
//! effect, and of those the one that matters is kept: an agent whose right has been checked and is then lost still does the
//! one act under way (`Agent::held`). Faults choose how an effect ends.

use crate::world::{Act, Agent, Kind, Node, Pc, SEQUENCES, Verb, World};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    Done,
    /// It does not happen, and the agent sees an error.
    Failed,
    /// It happens, and the agent sees an error.
    Lost,
}

/// In which orders the two sides are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Orders {
    /// All that can make a difference (`reduction`).
    All,
    /// Each single one.
    Each,
    /// The target agent works only when the source side has nothing left to do, or always before it. The source side sees
    /// nothing of what the target agent does, so all its states are met, with either.
    TargetLast,
    TargetFirst,
}

#[derive(Clone, Copy, Debug)]
pub struct Model {
    /// Nodes of the source side and of the target side.
    pub nodes: [usize; 2],
    pub containers: u8,
    /// Faults of the source side and of the target side.
    pub faults: [u8; 2],
    /// ContinueWithoutReplication.
    pub carry_on: bool,
    /// The store names items by their token: an append under way meets the item that another has appended meanwhile.
    pub keyed: bool,
    pub orders: Orders,
}

impl Model {
    pub fn lanes(&self) -> std::ops::Range<u8> {
        0..self.nodes[1] as u8
    }

    pub fn start(&self) -> World {
        let up = (0..2).flat_map(|side| (0..self.nodes[side]).map(move |node| 1 << (2 * side + node))).sum();
        let mut world = World { up, ..World::default() };
        for kind in crate::world::KINDS {
            self.claim(&mut world, kind, 0, 1, How::Done);
            self.take_up(&mut world, kind, 0);
            self.ship(&mut world, kind, 0, How::Done);
        }
        self.settle(&mut world);
        world
    }

    /// What an agent may do next; more than one where sessions may begin and end at any time.
    pub fn acts(&self, w: &World, kind: Kind, node: Node, acts: &mut Vec<Act>) {
        if !w.is_up(kind.side(), node) {
            return;
        }
        let agent = w.agent(kind, node);
        if agent.is_holding() {
            acts.push(agent.held);
            return;
        }
        match kind {
            Kind::Source => self.source_acts(w, node, acts),
            Kind::Transmission => self.transmission_acts(w, node, acts),
            Kind::Target => self.target_acts(w, node, acts),
        }
    }

    pub fn perform(&self, w: &World, kind: Kind, node: Node, act: Act, how: How) -> World {
        let mut next = *w;
        let w = &mut next;
        w.agent_mut(kind, node).held = Act::default();
        match act.verb {
            Verb::Nothing => {}
            Verb::Claim => self.claim(w, kind, node, act.at, how),
            Verb::TakeUp => self.take_up(w, kind, node),
            Verb::Ship => {
                self.drop_recorded_work(w, kind, node);
                self.ship(w, kind, node, how);
            }
            Verb::EndSession => *w.agent_mut(kind, node) = Agent::default(),
            Verb::Delete => self.delete(w, kind, node, act, how),
            Verb::PayDebt => self.pay_debt(w, kind, node, act, how),
            Verb::GiveUp => self.give_up(w, kind, node, act),
            _ => match kind {
                Kind::Source => self.source_step(w, node, act, how),
                Kind::Transmission => self.transmission_step(w, node, act, how),
                Kind::Target => self.target_step(w, node, act, how),
            },
        }
        self.settle(w);
        next
    }

    /// Ends sessions whose next check fails, and begins those that have nothing to do before their items. No effect is involved.
    pub fn settle(&self, w: &mut World) {
        for kind in crate::world::KINDS {
            for node in 0..self.nodes[kind.side()] {
                self.settle_agent(w, kind, node);
            }
        }
        w.forget_headers();
    }

    fn settle_agent(&self, w: &mut World, kind: Kind, node: Node) {
        let agent = *w.agent(kind, node);
        if agent.is_holding() {
            return;
        }
        let checks_next = match agent.pc {
            Pc::Work | Pc::Recorded | Pc::Deleting => true,
            Pc::Placing => agent.slots == 0,
            Pc::Idle | Pc::Claimed | Pc::Copied | Pc::Appended => false,
        };
        if checks_next && !w.has_right(kind, node, agent.epoch) {
            *w.agent_mut(kind, node) = Agent::default();
        } else if agent.pc == Pc::Deleting && self.deletion(w, kind, node, agent.lane, agent.name).is_none() {
            *w.agent_mut(kind, node) = Agent { pc: Pc::Work, name: 0, lane: 0, slots: 0, ..agent };
        }
        if w.agent(kind, node).pc == Pc::Idle {
            w.agent_mut(kind, node).epoch = 0;
        }
        if w.agent(kind, node).pc == Pc::Idle
            && let Some(epoch) = self.ready(w, kind, node)
            && let Some(begun) = self.first_pc(w, kind, node, epoch)
        {
            let failed = self.has_standby(kind) && (agent.failed || !w.is_level(kind) || !w.is_up(kind.side(), 1 - node));
            *w.agent_mut(kind, node) = Agent { epoch, failed, ..begun };
        }
    }

    fn first_pc(&self, w: &World, kind: Kind, node: Node, epoch: u8) -> Option<Agent> {
        match kind {
            Kind::Source => self.first_of_source(w, node, epoch),
            Kind::Transmission | Kind::Target => Some(Agent { pc: Pc::Work, ..Agent::default() }),
        }
    }

    /// Whether an agent that has lost the right now may have checked it just before this act.
    pub fn is_checked(act: Act, agent: &Agent) -> bool {
        match act.verb {
            Verb::Place => agent.slots == 0,
            Verb::Ship | Verb::PutAside | Verb::Copy | Verb::Delete | Verb::PayDebt | Verb::Append | Verb::Quarantine => true,
            // Never checked: may be begun before and end after.
            Verb::Fetch | Verb::Rescue => true,
            _ => false,
        }
    }

    pub fn items(&self) -> std::ops::Range<usize> {
        0..self.containers.min(SEQUENCES) as usize
    }
}
