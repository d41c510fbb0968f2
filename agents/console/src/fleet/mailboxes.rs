//! One mailbox: what the project says, what both sides have written down, and its move request, brought together by its id.

use std::collections::BTreeMap;

use mailferry_core::engine::{MailboxReport, Mailboxes, MoveReport, Moves};
use mailferry_core::settings::{Mailbox, Project};
use serde::Serialize;

use super::agents::AgentSeen;

pub type Told = Mailboxes;

/// What one mailbox has come to, or many of them together.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Figures {
    /// Put into OUT by the source, and of these answered by the target.
    pub containers: u64,
    pub answered: u64,
    /// In these containers.
    pub items: u64,
    pub bytes: u64,
    /// Of the target: records that changed the mailbox, items that were there already, and items found after an interruption.
    pub applied: u64,
    pub already: u64,
    pub found: u64,
    /// Items that a container named and that are not there, and containers that were damaged, given up or refused.
    pub left_out: u64,
    pub bad_containers: u64,
}

impl Figures {
    pub fn add(&mut self, more: &Figures) {
        let Figures { containers, answered, items, bytes, applied, already, found, left_out, bad_containers } = more;
        let pairs = [
            (&mut self.containers, containers),
            (&mut self.answered, answered),
            (&mut self.items, items),
            (&mut self.bytes, bytes),
            (&mut self.applied, applied),
            (&mut self.already, already),
            (&mut self.found, found),
            (&mut self.left_out, left_out),
            (&mut self.bad_containers, bad_containers),
        ];
        pairs.into_iter().for_each(|(sum, more)| *sum += more);
    }

    pub fn on_their_way(&self) -> u64 {
        self.containers.saturating_sub(self.answered)
    }
}

/// One mailbox as the console sees it. Times are 0 where something has not happened.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MailboxSeen {
    pub id: String,
    pub name: String,
    pub collection: String,
    pub priority: i32,
    /// The state of its move request; without one `Stalled`, `NotBegun`, `InProgress` or `InStep`.
    pub state: String,
    /// Why it waits; empty: it does not.
    pub why: String,
    #[serde(flatten)]
    pub figures: Figures,
    pub published_ms: u64,
    pub passed_ms: u64,
    pub taken_ms: u64,
    /// Its place among the move requests.
    #[serde(skip)]
    pub request: Option<usize>,
}

/// All mailboxes of the project, in its order.
pub fn seen(project: &Project, agents: &[AgentSeen], moves: &Moves, at_source: &Told, at_target: &Told) -> Vec<MailboxSeen> {
    let (at_source, at_target) = (by_id(at_source), by_id(at_target));
    let requests: BTreeMap<&str, usize> = (0..).zip(&moves.requests).map(|(at, of)| (of.mailbox.as_str(), at)).collect();
    let stalls = stalls(agents);
    let seen = |mailbox: &Mailbox| {
        let id = mailbox.id.to_string();
        let request = requests.get(id.as_str()).copied();
        let sides = [at_source.get(id.as_str()).copied(), at_target.get(id.as_str()).copied()];
        let why = stalls.get(mailbox.name.as_str()).copied().unwrap_or_default();
        one(mailbox, id.clone(), sides, request.map(|at| (at, &moves.requests[at])), why)
    };
    project.mailboxes.iter().map(seen).collect()
}

fn by_id(told: &Told) -> BTreeMap<&str, &MailboxReport> {
    told.mailboxes.iter().map(|report| (report.mailbox.as_str(), report)).collect()
}

/// Why something waits, by what waits, of the agents that are active.
fn stalls(agents: &[AgentSeen]) -> BTreeMap<&str, &str> {
    let reports = agents.iter().filter(|seen| seen.is_active()).filter_map(|seen| seen.report.as_deref());
    reports.flat_map(|report| &report.stalls).map(|stall| (stall.what.as_str(), stall.why.as_str())).collect()
}

fn one(mailbox: &Mailbox, id: String, sides: [Option<&MailboxReport>; 2], request: Option<(usize, &MoveReport)>, why: &str) -> MailboxSeen {
    let none = MailboxReport::default();
    let [source, target] = sides.map(|side| side.unwrap_or(&none));
    let figures = Figures {
        containers: source.containers,
        answered: source.answered,
        items: source.items,
        bytes: source.bytes,
        applied: target.applied,
        already: target.already,
        found: target.found,
        left_out: target.left_out,
        bad_containers: target.bad_containers,
    };
    let message = request.map(|(_, of)| of.message.as_str()).unwrap_or_default();
    let state = match request {
        Some((_, of)) => of.state.as_str(),
        None if !why.is_empty() => "Stalled",
        None if figures.on_their_way() > 0 => "InProgress",
        None if figures.containers == 0 && source.passed_ms == 0 => "NotBegun",
        None => "InStep",
    };
    MailboxSeen {
        id,
        name: mailbox.name.clone(),
        collection: mailbox.collection.clone(),
        priority: mailbox.priority,
        state: state.to_owned(),
        why: if why.is_empty() { message } else { why }.to_owned(),
        figures,
        published_ms: source.published_ms,
        passed_ms: source.passed_ms,
        taken_ms: target.taken_ms,
        request: request.map(|(at, _)| at),
    }
}
