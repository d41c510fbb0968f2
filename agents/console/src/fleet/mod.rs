//! The fleet: a project, and what its agents have left behind, as one model that is only read. Every view is made of it.
//!
//! ```text
//! files      files that are read again only when they have changed; what that costs is counted
//! agents     one agent and its last report
//! mailboxes  one mailbox: the project, both sides and its move request brought together
//! totals     sums over agents, collections and all
//! pace       how fast it goes, and when it will be over
//! events     what the logs tell that is worth a look
//! ```
//!
//! The road not taken: asking the databases of the agents. They belong to the agents, and a person who looks must not hold them up.

mod agents;
mod events;
mod files;
mod mailboxes;
mod pace;
mod totals;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailferry_core::engine::{MoveReport, Moves, SessionReport};
use mailferry_core::settings::{AgentKind, Project, Side};

pub use agents::{AgentSeen, Health, home, read_report, settings_of};
pub use events::{Told, events};
pub use files::Work;
use files::{Kept, read_json};
pub use mailboxes::{Figures, MailboxSeen};
pub use pace::{History, Pace, Rates};
pub use totals::{Sums, Totals};

/// A fleet as it was when it was looked at.
pub struct Fleet {
    pub project: String,
    pub looked_ms: u64,
    /// By side and node.
    pub agents: Vec<AgentSeen>,
    /// In the order of the project: highest priority first.
    pub mailboxes: Vec<MailboxSeen>,
    pub totals: Totals,
    pub pace: Pace,
    /// What could not be read, beside reports of agents.
    pub troubles: Vec<String>,
    pub moves: Arc<Moves>,
}

impl Fleet {
    pub fn request(&self, mailbox: &MailboxSeen) -> Option<&MoveReport> {
        self.moves.requests.get(mailbox.request?)
    }

    /// Agents with their reports.
    pub fn reports(&self) -> impl Iterator<Item = (&AgentSeen, &SessionReport)> {
        self.agents.iter().filter_map(|seen| Some((seen, seen.report.as_deref()?)))
    }

    /// Whether something waits, or an agent does not answer.
    pub fn waits(&self) -> bool {
        self.agents.iter().any(|seen| seen.waits(self.looked_ms))
    }
}

/// Looks at a fleet, once or again and again.
pub struct Looker {
    project: Project,
    reports: BTreeMap<PathBuf, Kept<SessionReport>>,
    moves: BTreeMap<PathBuf, Kept<Moves>>,
    mailboxes: BTreeMap<PathBuf, Kept<mailboxes::Told>>,
    pub work: Work,
}

impl Looker {
    pub fn new(project: Project) -> Self {
        Looker { project, reports: BTreeMap::new(), moves: BTreeMap::new(), mailboxes: BTreeMap::new(), work: Work::default() }
    }

    pub fn project(&self) -> &Project {
        &self.project
    }

    /// The project has been changed.
    pub fn set_project(&mut self, project: Project) {
        self.project = project;
    }

    /// The agents alone: no file that grows with the number of mailboxes is read.
    pub fn agents(&mut self) -> Vec<AgentSeen> {
        let mut seen = Vec::new();
        for side in [Side::Source, Side::Target] {
            for node in &self.project.topology.cluster(side).nodes {
                for kind in side.agents() {
                    let path = home(&node.agents, kind).status();
                    let report = read_json(&mut self.reports, &path, &mut self.work);
                    seen.push(AgentSeen::new(&self.project, side, node, kind, report));
                }
            }
        }
        seen
    }

    pub fn look(&mut self, now_ms: u64) -> Fleet {
        let agents = self.agents();
        let mut troubles = Vec::new();
        let (source, target) = (active(&agents, AgentKind::Source), active(&agents, AgentKind::Target));
        let mut without = |kind: AgentKind| troubles.extend(without_active(&agents, kind));
        [AgentKind::Source, AgentKind::Target].into_iter().for_each(&mut without);
        let moves = source.map(|seen| seen.home.moves());
        let moves = moves.map_or_else(Default::default, |path| read_or_tell(&mut self.moves, &path, &mut self.work, &mut troubles));
        let mut told = |seen: Option<&AgentSeen>| {
            let path = seen.map(|seen| seen.home.mailboxes());
            path.map_or_else(Default::default, |path| read_or_tell(&mut self.mailboxes, &path, &mut self.work, &mut troubles))
        };
        let (at_source, at_target) = (told(source), told(target));
        let mailboxes = mailboxes::seen(&self.project, &agents, &moves, &at_source, &at_target);
        let totals = Totals::of(&agents, &mailboxes, &moves, now_ms);
        let pace = Pace::of(&moves, now_ms);
        Fleet { project: self.project.name.clone(), looked_ms: now_ms, agents, mailboxes, totals, pace, troubles, moves }
    }
}

/// The agent of a kind that was active last, as far as the reports say.
pub fn active(agents: &[AgentSeen], kind: AgentKind) -> Option<&AgentSeen> {
    let of_kind = agents.iter().filter(|seen| seen.agent == kind && seen.is_active());
    of_kind.max_by_key(|seen| seen.report.as_ref().map(|report| (report.epoch, report.finished_ms)))
}

/// Sessions were held, and no report says who is active: what the mailboxes have come to cannot be told, which is not nothing.
fn without_active(agents: &[AgentSeen], kind: AgentKind) -> Option<String> {
    let of_kind = || agents.iter().filter(|seen| seen.agent == kind);
    let is_unknown = !of_kind().any(AgentSeen::is_active) && !of_kind().all(|seen| seen.is_new);
    is_unknown.then(|| format!("no report of a {kind} agent says that it is active: what that side has done is not in these figures"))
}

/// A file that is not there is no trouble: nothing has happened yet, or an older version has not left it.
fn read_or_tell<T: serde::de::DeserializeOwned + Default>(
    kept: &mut BTreeMap<PathBuf, Kept<T>>,
    path: &Path,
    work: &mut Work,
    troubles: &mut Vec<String>,
) -> Arc<T> {
    match read_json(kept, path, work) {
        Ok(value) => value,
        Err(error) => {
            troubles.extend((!error.is_missing).then_some(error.text));
            Arc::default()
        }
    }
}

#[cfg(test)]
pub mod fixture;
#[cfg(test)]
mod tests;
