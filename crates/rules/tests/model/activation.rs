//! Role, claims, replication: what every agent does (R2, R3, R10-R14), after `core::engine::{activation, replicating}`.
//!
//! A ship copies the ledger straight into the standby's: before a standby decides anything it replays what lies there, so
//! nobody can tell. Two things follow: a standby that has taken up a newer epoch refuses the ship, and what an overtaken node
//! still commits after its ledger was replaced is dropped, because its next replay discards it.

use mailferry_rules::epoch::{Claimed, Standing, standing};
use mailferry_rules::ids::Epoch;
use mailferry_rules::session::{Act as Doing, Replicated, attempt_after_item, may};

use crate::model::{How, Model};
use crate::world::{Act, Agent, Claim, Kind, Node, Pc, Verb, World};

impl World {
    pub fn agent(&self, kind: Kind, node: Node) -> &Agent {
        &self.agents[kind as usize][node]
    }

    pub fn agent_mut(&mut self, kind: Kind, node: Node) -> &mut Agent {
        &mut self.agents[kind as usize][node]
    }

    /// `still_active`: the role is here and the newest claim is this session's.
    pub fn has_right(&self, kind: Kind, node: Node, epoch: u8) -> bool {
        let claim = self.claims[kind as usize];
        self.has_role(kind, node) && claim.node as usize == node && claim.epoch == epoch
    }

    pub fn has_role(&self, kind: Kind, node: Node) -> bool {
        self.role[kind.side()] as usize == node && self.is_up(kind.side(), node)
    }

    pub fn recorded(&self, kind: Kind, node: Node) -> Claim {
        match kind {
            Kind::Source => self.published[node].recorded,
            Kind::Transmission => self.delivered[node].recorded,
            Kind::Target => self.taken[node].recorded,
        }
    }

    /// Whether what this session commits still counts: not once its ledger was replaced by that of a newer epoch.
    pub fn may_commit(&self, kind: Kind, node: Node) -> bool {
        self.recorded(kind, node).epoch <= self.session_epoch(kind, node)
    }

    /// Between sessions an agent has none of its own yet: it acts under the newest claim, which it holds.
    fn session_epoch(&self, kind: Kind, node: Node) -> u8 {
        match self.agent(kind, node).epoch {
            0 => self.claims[kind as usize].epoch,
            epoch => epoch,
        }
    }

    pub fn standing(&self, kind: Kind, node: Node) -> Standing {
        let claimed =
            |claim: Claim| (claim.epoch > 0).then_some(Claimed { epoch: Epoch(u64::from(claim.epoch)), mine: claim.node as usize == node });
        standing(claimed(self.claims[kind as usize]), claimed(self.recorded(kind, node)))
    }

    /// Whether the ledgers of both nodes are equal.
    pub fn is_level(&self, kind: Kind) -> bool {
        match kind {
            Kind::Source => self.published[0] == self.published[1],
            Kind::Transmission => self.delivered[0] == self.delivered[1],
            Kind::Target => self.taken[0] == self.taken[1],
        }
    }

    fn copy_ledger(&mut self, kind: Kind, from: Node) {
        match kind {
            Kind::Source => self.published[1 - from] = self.published[from],
            Kind::Transmission => self.delivered[1 - from] = self.delivered[from],
            Kind::Target => self.taken[1 - from] = self.taken[from],
        }
    }
}

impl Model {
    pub fn has_standby(&self, kind: Kind) -> bool {
        self.nodes[kind.side()] > 1
    }

    /// The epoch under which a session that begins now may touch items: active, claimed, recorded, replicated.
    pub fn ready(&self, w: &World, kind: Kind, node: Node) -> Option<u8> {
        let epoch = self.holds(w, kind, node)?;
        let replicated = match () {
            () if !self.has_standby(kind) => true,
            () if !w.is_up(kind.side(), 1 - node) => self.carry_on,
            () => w.is_level(kind) || w.agent(kind, node).failed,
        };
        replicated.then_some(epoch)
    }

    pub fn holds(&self, w: &World, kind: Kind, node: Node) -> Option<u8> {
        if !w.has_role(kind, node) {
            return None;
        }
        match w.standing(kind, node) {
            Standing::Holds(epoch) => Some(epoch.0 as u8),
            Standing::MustClaim(_) => None,
        }
    }

    /// Before the items of a session: a claim, its record, the first replication.
    pub fn begin(&self, w: &World, kind: Kind, node: Node) -> Option<Act> {
        if w.agent(kind, node).pc == Pc::Claimed {
            return Some(Act::of(Verb::TakeUp));
        }
        if !w.has_role(kind, node) {
            return None;
        }
        match w.standing(kind, node) {
            Standing::MustClaim(epoch) => Some(Act { at: epoch.0 as u8, ..Act::of(Verb::Claim) }),
            Standing::Holds(_) => self.lags(w, kind, node).then(|| self.ship_or_cover(w, kind, node)).flatten(),
        }
    }

    /// A standby that is there and does not hold what is committed here.
    pub fn lags(&self, w: &World, kind: Kind, node: Node) -> bool {
        self.has_standby(kind) && w.is_up(kind.side(), 1 - node) && !w.is_level(kind)
    }

    /// Whether another session would begin with more than this one has.
    pub fn may_end(&self, w: &World, kind: Kind, node: Node) -> bool {
        let failed = w.agent(kind, node).failed && self.has_standby(kind) && w.is_up(kind.side(), 1 - node);
        failed || self.lags(w, kind, node)
    }

    /// Coverage is paid before anything is shipped (R13).
    pub fn ship_or_cover(&self, w: &World, kind: Kind, node: Node) -> Option<Act> {
        let uncovered = if kind == Kind::Source { w.published[node].uncovered } else { [0, 0] };
        let lane = (0..2u8).find(|lane| uncovered[*lane as usize] != 0);
        Some(match lane {
            Some(lane) => Act { name: uncovered[lane as usize].trailing_zeros() as u8, lane, ..Act::of(Verb::PayCoverage) },
            None => Act::of(Verb::Ship),
        })
    }

    pub fn claim(&self, w: &mut World, kind: Kind, node: Node, number: u8, how: How) {
        if how == How::Failed {
            return;
        }
        w.claims[kind as usize] = Claim { epoch: number, node: node as u8 };
        if how == How::Done {
            *w.agent_mut(kind, node) = Agent { pc: Pc::Claimed, epoch: number, ..Agent::default() };
        }
    }

    pub fn take_up(&self, w: &mut World, kind: Kind, node: Node) {
        let claim = Claim { epoch: w.agent(kind, node).epoch, node: node as u8 };
        if w.may_commit(kind, node) {
            match kind {
                Kind::Source => w.published[node].recorded = claim,
                Kind::Transmission => w.delivered[node].recorded = claim,
                Kind::Target => w.taken[node].recorded = claim,
            }
        }
        *w.agent_mut(kind, node) = Agent::default();
    }

    /// The replication at the start of a session, between sessions, or after an item.
    pub fn ship(&self, w: &mut World, kind: Kind, node: Node, how: How) {
        let mut replicated = Replicated::Yes;
        if self.has_standby(kind) {
            let epoch = w.session_epoch(kind, node);
            let fenced = w.recorded(kind, 1 - node).epoch > epoch;
            let arrives = how != How::Failed && !fenced && w.is_up(kind.side(), 1 - node);
            if arrives && w.recorded(kind, node).epoch <= epoch {
                w.copy_ledger(kind, node);
            }
            if !(arrives && how == How::Done && w.has_right(kind, node, epoch)) {
                replicated = Replicated::No;
            }
            if !w.has_right(kind, node, epoch) {
                *w.agent_mut(kind, node) = Agent::default();
                return;
            }
        }
        self.go_on(w, kind, node, replicated);
    }

    /// After a replication, or in place of one that is not attempted (R11, R12).
    pub fn go_on(&self, w: &mut World, kind: Kind, node: Node, replicated: Replicated) {
        let agent = *w.agent(kind, node);
        let failed = replicated == Replicated::No;
        let next = match (may(Doing::NextItem, replicated, self.carry_on), agent.pc) {
            (false, _) => Agent::default(),
            (true, Pc::Recorded) => self.after_item(&agent, kind, replicated),
            (true, _) => Agent { failed, ..Agent::default() },
        };
        *w.agent_mut(kind, node) = next;
    }

    fn after_item(&self, agent: &Agent, kind: Kind, replicated: Replicated) -> Agent {
        let agent = Agent { failed: replicated == Replicated::No, ..*agent };
        let work = Agent { pc: Pc::Work, name: 0, lane: 0, slots: 0, ..agent };
        let deleting = Agent { pc: Pc::Deleting, slots: UNTRIED, ..agent };
        match kind {
            Kind::Source if agent.cleared => work,
            Kind::Source => Agent { failed: agent.failed, ..Agent::default() },
            Kind::Transmission => deleting,
            Kind::Target if may(Doing::DeleteTaken, replicated, self.carry_on) => deleting,
            Kind::Target => work,
        }
    }

    /// An item is committed: a replication follows, unless one has failed before and the setting goes on without (R12).
    pub fn committed(&self, w: &mut World, kind: Kind, node: Node) {
        let agent = w.agent_mut(kind, node);
        agent.pc = Pc::Recorded;
        let attempts = attempt_after_item(agent.failed, self.carry_on);
        if !attempts {
            self.go_on(w, kind, node, Replicated::No);
        } else if kind != Kind::Source && !self.has_standby(kind) {
            self.go_on(w, kind, node, Replicated::Yes);
        }
    }
}

/// Places of a deletion that has not begun.
pub const UNTRIED: u8 = 0xFF;
