//! The source agent: leftovers, packing, publishing (R6, R13, R21, R22), after `core::engine::{leftover, packing, publishing}`.

use mailferry_rules::publish::{Copy, Slot, Step, next_step};

use crate::model::{How, Model};
use crate::world::{Act, Agent, Header, Kind, Name, Names, Node, Pc, Published, Verb, World, bit, epoch_of, members, name, sequence_of};

const SOURCE: Kind = Kind::Source;

impl Published {
    fn last(&self) -> u8 {
        self.epochs.iter().take_while(|epoch| **epoch > 0).count() as u8
    }

    fn last_epoch(&self) -> u8 {
        self.last().checked_sub(1).map_or(0, |at| self.epochs[at as usize])
    }

    /// Last sequence inherited by the epoch of the last container.
    fn run_base(&self) -> u8 {
        self.epochs.iter().filter(|epoch| **epoch > 0 && **epoch < self.last_epoch()).count() as u8
    }

    fn base_under(&self, epoch: u8) -> u8 {
        if self.last_epoch() == epoch { self.run_base() } else { self.last() }
    }

    pub fn names(&self) -> Names {
        let published = self.epochs.iter().zip(1..).filter(|(epoch, _)| **epoch > 0);
        published.fold(0, |set, (epoch, sequence)| set | bit(name(sequence, *epoch)))
    }

    fn is_next(&self, name: Name, epoch: u8) -> bool {
        sequence_of(name) == self.last() + 1 && (epoch_of(name) == epoch || self.last_epoch() < epoch)
    }
}

impl World {
    /// A publication that was cut off places its copies again, passive ones first, and so does a coverage debt, though the
    /// container may have been delivered and deleted meanwhile. Such a copy is deleted on sight; until then R56 does not hold for it.
    fn put_in_out(&mut self, node: Node, lane: u8, name: Name) {
        if self.delivered.iter().any(|row| row.delivered[lane as usize] & bit(name) != 0) {
            self.fresh &= !bit(name);
        }
        self.out[node][lane as usize] |= bit(name);
    }
}

impl Model {
    pub fn source_acts(&self, w: &World, node: Node, acts: &mut Vec<Act>) {
        let agent = w.agent(SOURCE, node);
        match agent.pc {
            Pc::Idle | Pc::Claimed => acts.extend(self.before_items(w, node)),
            Pc::Work => {
                let last = w.published[node].last();
                if last < self.containers {
                    acts.push(Act { name: name(last + 1, agent.epoch), ..Act::of(Verb::Seal) });
                }
                if self.has_leftovers(w, node, agent.epoch) || self.may_end(w, SOURCE, node) {
                    acts.push(Act::of(Verb::EndSession));
                }
            }
            Pc::Placing => acts.extend(self.publishing(node, agent)),
            Pc::Recorded => acts.extend(match w.is_up(0, 1 - node) {
                true => self.ship_or_cover(w, SOURCE, node),
                false => Some(Act::of(Verb::Ship)),
            }),
            _ => {}
        }
    }

    fn before_items(&self, w: &World, node: Node) -> Option<Act> {
        if w.agent(SOURCE, node).pc == Pc::Idle && !w.has_role(SOURCE, node) {
            return (w.work[node] > 0).then_some(Act::of(Verb::ClearWork));
        }
        let Some(epoch) = self.ready(w, SOURCE, node) else { return self.begin(w, SOURCE, node) };
        if w.work[node] > 0 {
            return Some(Act::of(Verb::ClearWork));
        }
        self.leftover(w, node, epoch)
    }

    pub fn first_of_source(&self, w: &World, node: Node, epoch: u8) -> Option<Agent> {
        if let Some(sealed) = w.work[node].checked_sub(1) {
            let ledger = &w.published[node];
            let resumes = ledger.is_next(sealed, epoch) && epoch_of(sealed) == epoch && w.header(sealed).previous == ledger.last_epoch();
            return resumes.then_some(Agent { pc: Pc::Placing, name: sealed, ..Agent::default() });
        }
        let clear = self.leftover(w, node, epoch).is_none();
        clear.then_some(Agent { pc: Pc::Work, cleared: true, ..Agent::default() })
    }

    fn has_leftovers(&self, w: &World, node: Node, epoch: u8) -> bool {
        w.work[node] > 0 || self.leftover(w, node, epoch).is_some()
    }

    /// The first container in OUT that the ledger does not know: adopted or put aside.
    fn leftover(&self, w: &World, node: Node, epoch: u8) -> Option<Act> {
        let there = |at: Node| at < self.nodes[0] && w.is_up(0, at);
        let all = (0..2).filter(|at| there(*at)).fold(0, |set, at| set | w.out[at][0] | w.out[at][1]);
        let unknown = members(all & !w.published[node].names()).filter(|name| epoch_of(*name) <= epoch);
        let first = unknown.min_by_key(|name| (sequence_of(*name), std::cmp::Reverse(epoch_of(*name))))?;
        let ledger = &w.published[node];
        let links = ledger.is_next(first, epoch) && w.header(first).previous == ledger.last_epoch();
        if links {
            return Some(Act { name: first, ..Act::of(Verb::Adopt) });
        }
        let mut places = (0..2).filter(|at| there(*at)).flat_map(|at| self.lanes().map(move |lane| (at, lane)));
        let (at, lane) = places.find(|(at, lane)| w.out[*at][*lane as usize] & bit(first) != 0)?;
        Some(Act { name: first, lane, at: at as u8, ..Act::of(Verb::PutAside) })
    }

    /// Slots in the order of the engine: passive node first, every lane.
    fn slots(&self, node: Node, bits: u8) -> ([Slot; 4], [(Node, u8); 4], usize) {
        let mut slots = [Slot { on_passive: false, copy: Copy::Missing }; 4];
        let mut places = [(node, 0); 4];
        let mut count = 0;
        for at in (0..self.nodes[0]).filter(|at| *at != node).chain([node]) {
            for lane in self.lanes() {
                let copy = [Copy::Missing, Copy::Present, Copy::Failed][usize::from(bits >> (2 * count) & 3)];
                slots[count] = Slot { on_passive: at != node, copy };
                places[count] = (at, lane);
                count += 1;
            }
        }
        (slots, places, count)
    }

    fn publishing(&self, node: Node, agent: &Agent) -> Option<Act> {
        let (slots, _, count) = self.slots(node, agent.slots);
        match next_step(&slots[..count], self.carry_on) {
            Step::Place(at) => Some(Act { name: agent.name, at: at as u8, ..Act::of(Verb::Place) }),
            Step::Record { .. } => Some(Act { name: agent.name, ..Act::of(Verb::RecordPublished) }),
            // The session ends without an effect: `place` has seen to it.
            Step::HoldUncovered | Step::HoldActive => None,
        }
    }

    pub fn source_step(&self, w: &mut World, node: Node, act: Act, how: How) {
        match act.verb {
            Verb::ClearWork => w.work[node] = 0,
            Verb::Seal => self.seal(w, node, act.name),
            Verb::Place => self.place(w, node, act, how),
            Verb::RecordPublished => self.record_published(w, node, act.name),
            Verb::Adopt => {
                w.work[node] = act.name + 1;
                let epoch = self.ready(w, SOURCE, node).unwrap_or_default();
                *w.agent_mut(SOURCE, node) =
                    Agent { pc: Pc::Placing, epoch, name: act.name, failed: w.agent(SOURCE, node).failed, ..Agent::default() };
            }
            Verb::PutAside => w.out[act.at as usize][act.lane as usize] &= !bit(act.name),
            Verb::PayCoverage => self.pay_coverage(w, node, act, how),
            _ => {}
        }
    }

    fn seal(&self, w: &mut World, node: Node, name: Name) {
        let ledger = w.published[node];
        let used = w.out.iter().flatten().chain(&w.inbox).fold(0, |set, names| set | names);
        let known = w.published.iter().fold(0, |set, row| set | row.names()) | w.taken.iter().fold(0, |set, row| set | row.taken);
        if (used | known) & bit(name) != 0 {
            w.broken = Some("a name is never used twice (R6)");
        }
        let agent = w.agent_mut(SOURCE, node);
        *agent = Agent { pc: Pc::Placing, name, slots: 0, ..*agent };
        let epoch = agent.epoch;
        w.work[node] = name + 1;
        w.fresh |= bit(name);
        w.set_header(name, Header { previous: ledger.last_epoch(), base: ledger.base_under(epoch) });
    }

    fn place(&self, w: &mut World, node: Node, act: Act, how: How) {
        let agent = *w.agent(SOURCE, node);
        // A publication that was under way from the start of a session has its name from WORK.
        let (_, places, count) = self.slots(node, agent.slots);
        let (at, lane) = places[act.at as usize];
        let reachable = w.is_up(0, at);
        if reachable && how != How::Failed {
            w.put_in_out(at, lane, act.name);
        }
        let copy = if reachable && how == How::Done { 1 } else { 2 };
        let slots = agent.slots | copy << (2 * act.at);
        let (now, _, _) = self.slots(node, slots);
        *w.agent_mut(SOURCE, node) = match next_step(&now[..count], self.carry_on) {
            Step::HoldUncovered | Step::HoldActive => Agent::default(),
            Step::Place(_) | Step::Record { .. } => Agent { pc: Pc::Placing, name: act.name, slots, ..agent },
        };
    }

    fn record_published(&self, w: &mut World, node: Node, published: Name) {
        let agent = *w.agent(SOURCE, node);
        let (slots, places, count) = self.slots(node, agent.slots);
        if w.may_commit(SOURCE, node) {
            w.published[node].epochs[sequence_of(published) as usize - 1] = epoch_of(published);
            if let Step::Record { uncovered } = next_step(&slots[..count], self.carry_on) {
                for at in uncovered {
                    w.published[node].uncovered[places[at].1 as usize] |= bit(published);
                }
            }
        }
        self.committed(w, SOURCE, node);
        if w.agent(SOURCE, node).pc != Pc::Recorded {
            w.work[node] = 0;
        }
    }

    /// WORK is cleared right after the record; a death in between is a death before the next step.
    pub fn drop_recorded_work(&self, w: &mut World, kind: Kind, node: Node) {
        if kind == SOURCE && w.agent(SOURCE, node).pc == Pc::Recorded {
            w.work[node] = 0;
        }
    }

    fn pay_coverage(&self, w: &mut World, node: Node, act: Act, how: How) {
        self.drop_recorded_work(w, SOURCE, node);
        let lane = act.lane as usize;
        if w.out[node][lane] & bit(act.name) != 0 {
            if how != How::Failed {
                w.put_in_out(1 - node, act.lane, act.name);
            }
            if how != How::Done {
                return self.go_on(w, SOURCE, node, mailferry_rules::session::Replicated::No);
            }
        }
        if w.may_commit(SOURCE, node) {
            w.published[node].uncovered[lane] &= !bit(act.name);
        }
    }
}
