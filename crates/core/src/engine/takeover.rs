//! What a takeover had to do again, told once its first sessions have gone through all work (R3, R11, R12, R14).
//!
//! The predecessor's last change sets may not have arrived: with ContinueWithoutReplication=0 those of the item under way, with 1 all since
//! the last replication. What they did has left traces, and is found by these, never remembered: containers in OUT that no row knows,
//! copies that lie at the receiver already, items at the target, answers to containers nobody here has sent. Each is noted in a local
//! table when it is met, so that a kill does not lose it.

use std::fmt::Display;

use mailferry_rules::ids::ContainerName;

use super::agent::{Agent, Halt};
use crate::ports::Level;
use crate::state::takeover::Redone;

/// Names listed of one kind; of more only the number.
const NAMES_MAX: usize = 20;

/// A trace that was met, by the word it is kept under.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Trace {
    Adopted,
    PutAside,
    Rescued,
    Again,
    Found,
    Answered,
    Deleted,
}

impl Trace {
    const ALL: [Trace; 7] = [Trace::Adopted, Trace::PutAside, Trace::Rescued, Trace::Again, Trace::Found, Trace::Answered, Trace::Deleted];

    fn word(self) -> &'static str {
        match self {
            Trace::Adopted => "adopted",
            Trace::PutAside => "put-aside",
            Trace::Rescued => "rescued",
            Trace::Again => "again",
            Trace::Found => "found",
            Trace::Answered => "answered",
            Trace::Deleted => "deleted",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Trace::Adopted => "containers adopted",
            Trace::PutAside => "containers put aside, their content is packed again",
            Trace::Rescued => "containers brought over from the other node",
            Trace::Again => "containers taken again",
            Trace::Found => "items found again at the target",
            Trace::Answered => "containers answered that are not known here, their content was packed again",
            Trace::Deleted => "deletions finished",
        }
    }

    /// A deletion that the predecessor had begun is no loss: its reason was replicated.
    fn is_loss(self) -> bool {
        self != Trace::Deleted
    }

    /// Can be met long after the takeover, and has no other cause.
    fn is_certain(self) -> bool {
        matches!(self, Trace::Adopted | Trace::PutAside | Trace::Answered)
    }
}

impl Agent {
    /// Notes something done again or finished because of the takeover by which this node became active.
    pub(super) fn redone(&mut self, trace: Trace, what: impl Display, count: u64) -> Result<(), Halt> {
        let Some(takeover) = self.takeover.as_ref().filter(|takeover| takeover.epoch == self.epoch) else { return Ok(()) };
        if takeover.told && !trace.is_certain() {
            return Ok(());
        }
        Ok(self.db.note_redone(&Redone { kind: trace.word().into(), what: what.to_string(), count })?)
    }

    /// The same for a container of this agent, if an epoch before this one has made it.
    pub(super) fn of_the_past(&mut self, trace: Trace, name: &ContainerName) -> Result<(), Halt> {
        if name.epoch < self.epoch { self.redone(trace, name, 1) } else { Ok(()) }
    }

    /// The work of a session has been gone through under this epoch: whatever the predecessor left behind has been met.
    pub(super) fn tell_takeover(&mut self) -> Result<(), Halt> {
        let Some(takeover) = self.takeover.clone().filter(|takeover| takeover.epoch == self.epoch) else { return Ok(()) };
        let redone = self.db.redone()?;
        if takeover.told && redone.is_empty() {
            return Ok(());
        }
        let found: Vec<(Trace, Vec<&Redone>)> = Trace::ALL
            .into_iter()
            .map(|trace| (trace, redone.iter().filter(|redone| redone.kind == trace.word()).collect::<Vec<_>>()))
            .filter(|(_, rows)| !rows.is_empty())
            .collect();
        let loss = found.iter().any(|(trace, _)| trace.is_loss());
        let verdict = match (loss, takeover.told) {
            (false, _) => "nothing was lost: clean takeover",
            (true, false) => "the last change sets of the node before had not arrived; what they did was found and is mended",
            (true, true) => "found later",
        };
        let who =
            format!("{} took over the {} agent under epoch {}, after {}", self.around.me, self.around.kind, self.epoch, takeover.before);
        let lists: Vec<String> = found.iter().map(|(trace, rows)| format!("; {}: {}", trace.heading(), listed(*trace, rows))).collect();
        let level = if loss { Level::Warning } else { Level::Info };
        self.tell("takeover.reconciled", level, format!("{who}: {verdict}{}", lists.concat()));
        self.db.takeover_told()?;
        self.takeover = self.db.takeover()?;
        Ok(())
    }
}

fn listed(trace: Trace, rows: &[&Redone]) -> String {
    let name = |row: &&Redone| if trace == Trace::Found { format!("{} {}", row.count, row.what) } else { row.what.clone() };
    let mut names: Vec<String> = rows.iter().take(NAMES_MAX).map(name).collect();
    if rows.len() > NAMES_MAX {
        names.push(format!("and {} more", rows.len() - NAMES_MAX));
    }
    names.join(", ")
}
