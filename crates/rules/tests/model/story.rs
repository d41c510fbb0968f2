//! A violation as people read it: who did what, from the start.

use std::fmt::Write as _;

use crate::faults::Fault;
use crate::model::{How, Model};
use crate::search::{Move, Violation};
use crate::words::fingerprint;
use crate::world::{Act, Kind, Name, Names, Node, Side, Verb, World, epoch_of, members, sequence_of};

impl Model {
    /// The steps are found again by trying which one leads to the next fingerprint.
    pub fn story(&self, violation: &Violation) -> String {
        let mut text = format!("{self:?}\nbroken: {}\n", violation.law);
        let mut w = self.start();
        for (at, print) in violation.path.iter().enumerate().skip(1) {
            let mut moves = Vec::new();
            self.moves(&w, &mut moves);
            let mut faults = Vec::new();
            (0..2).for_each(|side| self.faults(&w, side, &mut faults));
            moves.extend(faults.into_iter().map(|(fault, next)| (Move::Fault(fault), next)));
            let Some((step, next)) = moves.into_iter().find(|(_, next)| fingerprint(next) == *print) else {
                text.push_str("   (the next step cannot be told)\n");
                break;
            };
            let _ = writeln!(text, "{at:4}. {}", told(&step));
            w = next;
        }
        text + &picture(&w)
    }
}

fn node_name(side: Side, node: Node) -> String {
    format!("{}{}", ["S", "T"][side], node + 1)
}

fn who(kind: Kind, node: Node) -> String {
    let agent = ["source", "transmission", "target"][kind as usize];
    format!("{agent} agent of {}", node_name(kind.side(), node))
}

fn container(name: Name) -> String {
    format!("container {} of epoch {}", sequence_of(name), epoch_of(name))
}

fn told(step: &Move) -> String {
    match step {
        Move::Step(kind, node, act) => format!("{}: {}", who(*kind, *node), doing(*kind, *node, act)),
        Move::Back(side, node) => format!("{} is back", node_name(*side, *node)),
        Move::Fault(Fault::Death(kind, node)) => format!("FAULT the {} dies and is started again", who(*kind, *node)),
        Move::Fault(Fault::Failover(side)) => format!("FAULT the role of the {} side moves", ["source", "target"][*side]),
        Move::Fault(Fault::Away(side, node)) => format!("FAULT {} is away", node_name(*side, *node)),
        Move::Fault(Fault::Forgotten) => "FAULT the database of the source agent is lost".into(),
        Move::Fault(Fault::Effect(kind, node, act, how)) => {
            let end = match how {
                How::Done => "",
                How::Failed => ", which fails",
                How::Lost => ", whose answer is lost",
            };
            format!("FAULT {}: {}{end}", who(*kind, *node), doing(*kind, *node, act))
        }
    }
}

fn doing(kind: Kind, node: Node, act: &Act) -> String {
    let name = container(act.name);
    let lane = node_name(1, act.lane as usize);
    let at = node_name(kind.side(), act.at as usize % 2);
    match act.verb {
        Verb::Claim => format!("claims epoch {}", act.at),
        Verb::TakeUp => "records its epoch".into(),
        Verb::Ship => "replicates its ledger".into(),
        Verb::EndSession => "ends its session".into(),
        Verb::ClearWork => "clears WORK".into(),
        Verb::Seal => format!("seals {name} in WORK"),
        Verb::Place => format!("places copy {} of {name} in OUT", act.at + 1),
        Verb::RecordPublished => format!("records {name} as published"),
        Verb::Adopt => format!("adopts {name}"),
        Verb::PutAside => format!("puts {name} in OUT/{lane} of {at} aside"),
        Verb::PayCoverage => format!("covers {name} in OUT/{lane}"),
        Verb::Rescue => format!("brings {name} over from OUT/{lane} of the other node"),
        Verb::Copy => format!("copies {name} to IN of {lane}"),
        Verb::RecordDelivered => format!("records {name} as delivered to {lane}"),
        Verb::Delete if kind == Kind::Transmission => {
            let of = if act.at == 0 { 1 - node } else { node };
            format!("deletes {name} in OUT/{lane} of {}", node_name(0, of))
        }
        Verb::Delete => format!("deletes {name} in IN of {}", node_name(1, if act.at == 0 { 1 - node } else { node })),
        Verb::PayDebt => format!("pays the deletion debt for {name} on {at}"),
        Verb::GiveUp => format!("gives up the deletion debt for {name} on {at}"),
        Verb::Append => format!("brings the item of {name} into the store"),
        Verb::Take => format!("records {name} as taken"),
        Verb::Quarantine => format!("puts {name} into quarantine"),
        Verb::Fetch => format!("fetches {name} from IN of the other node"),
        Verb::Nothing => "does nothing".into(),
    }
}

/// The state that breaks the law.
fn picture(w: &World) -> String {
    let set = |names: Names| members(names).map(|name| format!("{}/{} ", sequence_of(name), epoch_of(name))).collect::<String>();
    let mut text = format!("then: roles {:?} up {:04b} claims {:?} store {:?} WORK {:?}\n", w.role, w.up, w.claims, w.store, w.work);
    for node in 0..2 {
        let _ = writeln!(text, "  S{}: OUT T1 [{}] T2 [{}]; {:?}", node + 1, set(w.out[node][0]), set(w.out[node][1]), w.published[node]);
        let (one, two) = (set(w.delivered[node].delivered[0]), set(w.delivered[node].delivered[1]));
        let _ =
            writeln!(text, "      delivered T1 [{one}] T2 [{two}] owed {:?} buried {:?}", w.delivered[node].owed, w.delivered[node].buried);
        let _ = writeln!(text, "  T{}: IN [{}] taken [{}] {:?}", node + 1, set(w.inbox[node]), set(w.taken[node].taken), w.taken[node]);
    }
    for (kind, nodes) in w.agents.iter().enumerate() {
        let _ = writeln!(text, "  {}: {:?}", ["source", "transmission", "target"][kind], nodes);
    }
    text
}
