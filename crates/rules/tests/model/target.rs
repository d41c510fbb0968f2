//! The target agent: import, quarantine, deletion in IN (R40-R43), after `core::engine::{intake, target}`. Receipts are left out.

use mailferry_rules::ids::{Epoch, Sequence};
use mailferry_rules::import::{Arrival, Position, Verdict, advance, verdict};
use mailferry_rules::session::{Act as Doing, Replicated, may};

use crate::model::{How, Model};
use crate::world::{Act, Agent, Kind, Name, Node, Pc, Taken, Verb, World, bit, epoch_of, members, name, sequence_of};

const TARGET: Kind = Kind::Target;

fn sequence(number: u8) -> Sequence {
    Sequence(u64::from(number))
}

fn epoch(number: u8) -> Epoch {
    Epoch(u64::from(number))
}

fn arrival(w: &World, name: Name) -> Arrival {
    let header = w.header(name);
    Arrival {
        sequence: sequence(sequence_of(name)),
        epoch: epoch(epoch_of(name)),
        base: sequence(header.base),
        previous_epoch: epoch(header.previous),
    }
}

impl Taken {
    fn has(&self, sequence: Sequence, epoch: Epoch) -> bool {
        epoch.0 > 0 && self.taken & bit(name(sequence.0 as u8, epoch.0 as u8)) != 0
    }

    fn position(&self) -> Position {
        Position { last: sequence(self.last), epoch: epoch(self.epoch), base: sequence(self.base) }
    }

    fn verdict(&self, w: &World, name: Name) -> Verdict {
        let rival = members(self.taken & !bit(name)).any(|other| sequence_of(other) == sequence_of(name));
        verdict(self.position(), arrival(w, name), rival, |sequence, epoch| self.has(sequence, epoch))
    }
}

impl Model {
    pub fn target_acts(&self, w: &World, node: Node, acts: &mut Vec<Act>) {
        let agent = w.agent(TARGET, node);
        match agent.pc {
            Pc::Idle | Pc::Claimed => acts.extend(self.begin(w, TARGET, node)),
            Pc::Work => {
                acts.extend(self.first_in_inbox(w, node));
                acts.extend(self.only_on_passive(w, node));
                self.between_sessions(w, TARGET, node, acts);
            }
            Pc::Appended => acts.push(Act { name: agent.name, ..Act::of(Verb::Take) }),
            Pc::Recorded => acts.push(Act::of(Verb::Ship)),
            Pc::Deleting => acts.extend(self.deletion(w, TARGET, node, 0, agent.name)),
            _ => {}
        }
    }

    fn first_in_inbox(&self, w: &World, node: Node) -> Option<Act> {
        let ledger = &w.taken[node];
        for name in members(w.inbox[node] & !(ledger.owed[0] | ledger.owed[1])) {
            if ledger.buried & bit(name) != 0 {
                return self.delete_taken(w, node, name);
            }
            match ledger.verdict(w, name) {
                Verdict::Already => match self.delete_taken(w, node, name) {
                    None => {}
                    deletion => return deletion,
                },
                Verdict::Stale | Verdict::Passed => return Some(Act { name, ..Act::of(Verb::Quarantine) }),
                Verdict::Apply => return Some(Act { name, ..Act::of(Verb::Append) }),
                Verdict::Gap { missing } => return self.fetch(w, node, crate::world::name(missing.0.0 as u8, missing.1.0 as u8)),
            }
        }
        None
    }

    fn delete_taken(&self, w: &World, node: Node, name: Name) -> Option<Act> {
        let replicated = if w.agent(TARGET, node).failed { Replicated::No } else { Replicated::Yes };
        may(Doing::DeleteTaken, replicated, self.carry_on).then(|| self.deletion(w, TARGET, node, 0, name)).flatten()
    }

    fn fetch(&self, w: &World, node: Node, name: Name) -> Option<Act> {
        let there = self.has_standby(TARGET) && w.is_up(1, 1 - node) && w.inbox[1 - node] & bit(name) != 0;
        there.then_some(Act { name, ..Act::of(Verb::Fetch) })
    }

    /// What was taken is deleted on sight; the rest is brought over once it has waited long enough.
    fn only_on_passive(&self, w: &World, node: Node) -> Option<Act> {
        if !self.has_standby(TARGET) || !w.is_up(1, 1 - node) {
            return None;
        }
        let ledger = &w.taken[node];
        members(w.inbox[1 - node] & !w.inbox[node]).find_map(|name| {
            let done = (ledger.taken | ledger.buried) & bit(name) != 0;
            let owed = (ledger.owed[0] | ledger.owed[1]) & bit(name) != 0;
            match (done, owed) {
                (true, false) => self.delete_taken(w, node, name),
                (true, true) => None,
                (false, _) => self.fetch(w, node, name),
            }
        })
    }

    pub fn target_step(&self, w: &mut World, node: Node, act: Act, how: How) {
        match act.verb {
            Verb::Append => self.append(w, node, act, how),
            Verb::Take => self.take(w, node, act.name),
            Verb::Quarantine => {
                let there = [0, 1].map(|at| w.is_up(1, at));
                for (inbox, _) in w.inbox.iter_mut().zip(there).filter(|(_, there)| *there) {
                    *inbox &= !bit(act.name);
                }
            }
            // Begun under a right that is lost by now, it may find nothing there.
            Verb::Fetch if how != How::Failed && w.is_up(1, 1 - node) => w.inbox[node] |= w.inbox[1 - node] & bit(act.name),
            _ => {}
        }
    }

    /// What the ledger does not track is looked for before it is appended (R42). `at` says what an act under way had seen.
    fn append(&self, w: &mut World, node: Node, act: Act, how: How) {
        let item = sequence_of(act.name) as usize - 1;
        let absent = match act.at {
            1 => !self.keyed || w.store[item] == 0,
            _ => w.taken[node].tracked & 1 << item == 0 && w.store[item] == 0,
        };
        if how != How::Failed && absent {
            w.store[item] += 1;
        }
        if how == How::Done {
            let agent = w.agent_mut(TARGET, node);
            *agent = Agent { pc: Pc::Appended, name: act.name, ..*agent };
        }
    }

    fn take(&self, w: &mut World, node: Node, taken: Name) {
        if w.may_commit(TARGET, node) {
            let arrival = arrival(w, taken);
            let ledger = &mut w.taken[node];
            let follows = arrival.previous().is_none_or(|(sequence, epoch)| ledger.has(sequence, epoch));
            let overtaken =
                members(ledger.taken).any(|other| epoch_of(other) > epoch_of(taken) && sequence_of(other) <= sequence_of(taken));
            let now = advance(ledger.position(), arrival);
            (ledger.last, ledger.epoch, ledger.base) = (now.last.0 as u8, now.epoch.0 as u8, now.base.0 as u8);
            ledger.taken |= bit(taken);
            ledger.tracked |= 1 << (sequence_of(taken) - 1);
            if overtaken {
                w.broken = Some("nothing is taken from an activation beyond what its known successor inherited (R3)");
            }
            if !follows {
                w.broken = Some("a container is taken after its predecessor in the chain (R41)");
            }
        }
        let agent = w.agent_mut(TARGET, node);
        agent.slots = 0;
        self.committed(w, TARGET, node);
    }
}
