//! The transmission agent of the source side: OUT to IN, a lane for each target node (R31-R34), after
//! `core::engine::transmission`. Which lane it serves next is left open: sessions may begin and end at any time.

use mailferry_rules::ids::Epoch;
use mailferry_rules::ship::{Arrived, Facts, OnSight, Step, next_step, on_sight, rescue_from_passive};

use crate::model::{How, Model};
use crate::world::{Act, Agent, Kind, Name, Node, Pc, Verb, World, bit, epoch_of, members};

const TRANSMISSION: Kind = Kind::Transmission;

impl Model {
    pub fn transmission_acts(&self, w: &World, node: Node, acts: &mut Vec<Act>) {
        let agent = w.agent(TRANSMISSION, node);
        let act = |verb: Verb| Act { name: agent.name, lane: agent.lane, ..Act::of(verb) };
        match agent.pc {
            Pc::Idle | Pc::Claimed => acts.extend(self.begin(w, TRANSMISSION, node)),
            Pc::Work => {
                for lane in self.lanes() {
                    acts.extend(self.rescue(w, node, lane).or_else(|| self.first_in_queue(w, node, lane)));
                }
                self.between_sessions(w, TRANSMISSION, node, acts);
            }
            Pc::Copied => acts.push(act(Verb::RecordDelivered)),
            Pc::Recorded => acts.push(Act::of(Verb::Ship)),
            Pc::Deleting => acts.extend(self.deletion(w, TRANSMISSION, node, agent.lane, agent.name)),
            _ => {}
        }
    }

    /// What the start of another session may do: replicate, pay debts.
    pub fn between_sessions(&self, w: &World, kind: Kind, node: Node, acts: &mut Vec<Act>) {
        if self.may_end(w, kind, node) {
            acts.push(Act::of(Verb::EndSession));
        } else {
            self.debt_acts(w, kind, node, acts);
        }
    }

    fn facts(&self, w: &World, node: Node, lane: u8, name: Name) -> Facts {
        let (ledger, lane) = (&w.delivered[node], lane as usize);
        Facts {
            delivered: ledger.delivered[lane] & bit(name) != 0,
            tombstoned: ledger.buried[lane] & bit(name) != 0,
            in_debt: (ledger.owed[lane][0] | ledger.owed[lane][1]) & bit(name) != 0,
        }
    }

    /// What only the passive node holds: finished with, or brought over.
    fn rescue(&self, w: &World, node: Node, lane: u8) -> Option<Act> {
        if !self.has_standby(TRANSMISSION) || !w.is_up(0, 1 - node) {
            return None;
        }
        let newest = Epoch(u64::from(w.claims[Kind::Source as usize].epoch));
        members(w.out[1 - node][lane as usize] & !w.out[node][lane as usize]).find_map(|name| {
            let facts = self.facts(w, node, lane, name);
            match () {
                () if facts.in_debt => None,
                () if facts.delivered || facts.tombstoned => self.deletion(w, TRANSMISSION, node, lane, name),
                () => {
                    let sealed = w.work.contains(&(name + 1));
                    let rescued = rescue_from_passive(Epoch(u64::from(epoch_of(name))), newest, sealed);
                    rescued.then_some(Act { name, lane, ..Act::of(Verb::Rescue) })
                }
            }
        })
    }

    fn first_in_queue(&self, w: &World, node: Node, lane: u8) -> Option<Act> {
        for name in members(w.out[node][lane as usize]) {
            match on_sight(self.facts(w, node, lane, name)) {
                OnSight::Invisible => {}
                OnSight::Delete => match self.deletion(w, TRANSMISSION, node, lane, name) {
                    None => {}
                    deletion => return deletion,
                },
                OnSight::Ship => return w.is_up(1, lane as usize).then_some(Act { name, lane, ..Act::of(Verb::Copy) }),
            }
        }
        None
    }

    pub fn transmission_step(&self, w: &mut World, node: Node, act: Act, how: How) {
        let (lane, agent) = (act.lane as usize, *w.agent(TRANSMISSION, node));
        let at_item = |pc: Pc| Agent { pc, name: act.name, lane: act.lane, ..agent };
        match act.verb {
            // Begun under a right that is lost by now, it may find nothing there.
            Verb::Rescue if how != How::Failed && w.is_up(0, 1 - node) => w.out[node][lane] |= w.out[1 - node][lane] & bit(act.name),
            Verb::Copy => self.copy(w, node, act, how),
            Verb::RecordDelivered => {
                if w.may_commit(TRANSMISSION, node) {
                    w.delivered[node].delivered[lane] |= bit(act.name);
                }
                *w.agent_mut(TRANSMISSION, node) = at_item(Pc::Recorded);
                self.committed(w, TRANSMISSION, node);
            }
            _ => {}
        }
    }

    fn copy(&self, w: &mut World, node: Node, act: Act, how: How) {
        let lane = act.lane as usize;
        let ledger = &w.delivered[node];
        let never = ledger.delivered[lane] | ledger.buried[lane] | ledger.owed[lane][0] | ledger.owed[lane][1];
        if never & bit(act.name) != 0 && w.may_commit(TRANSMISSION, node) {
            w.broken = Some("what is delivered, owed or buried is never sent again (R33)");
        }
        // Put aside or deleted since the look, or the node away: nothing arrives.
        if w.out[node][lane] & bit(act.name) == 0 || !w.is_up(1, lane) || how == How::Failed {
            return;
        }
        let arrived = if w.inbox[lane] & bit(act.name) != 0 { Arrived::Whole } else { Arrived::Nothing };
        let copies = next_step(arrived) == Step::Copy;
        if copies {
            w.inbox[lane] |= bit(act.name);
        }
        if how == How::Done {
            let agent = w.agent_mut(TRANSMISSION, node);
            *agent = Agent { pc: Pc::Copied, name: act.name, lane: act.lane, ..*agent };
        }
    }
}
