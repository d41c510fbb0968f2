//! What was committed from here, which commit every agent has and works by, and what a hand has changed since.

use std::io::Write;

use mailferry_core::settings::{AgentKind, Archive, KeptCommit, NodeStanding, Project, Revision, standing};
use serde::Serialize;
use serde_json::json;

use super::author::time;
use super::is_dirty;
use crate::commands::project::ProjectFile;
use crate::exit::Exit;
use crate::fleet::{home, read_report};
use crate::screen::Screen;
use crate::text;

/// One agent: what it was given, and what it works by.
#[derive(Serialize)]
struct AgentRow {
    node: String,
    agent: AgentKind,
    committed: Option<Revision>,
    works_by: Option<Revision>,
    drift: Vec<String>,
}

/// The same for programs, with what the project file has come to.
#[derive(Serialize)]
pub struct CommitOfAgent<'a> {
    newest: Option<Revision>,
    dirty: Option<bool>,
    committed: Option<&'a Revision>,
    works_by: Option<&'a Revision>,
    is_settled: bool,
    drift: &'a [String],
    unknown: Option<&'a str>,
}

#[derive(Serialize)]
pub struct Standing {
    newest: Option<KeptCommit>,
    /// Why what was committed from here cannot be read.
    unread: Option<String>,
    /// The project file says something else than the newest commit. `None`: nothing was committed from here.
    dirty: Option<bool>,
    agents: Vec<AgentRow>,
    /// Nodes of which nothing can be said, and why.
    unknown: Vec<(String, String)>,
}

impl Standing {
    pub fn of(file: &ProjectFile, project: &Project) -> anyhow::Result<Standing> {
        // Whoever looks at the agents must see them, whatever lies beside the project file.
        let (newest, unread) = match Archive::beside(&file.project).commits() {
            Ok(commits) => (commits.into_iter().next(), None),
            Err(trouble) => (None, Some(trouble.to_string())),
        };
        let dirty = newest.as_ref().map(|newest| is_dirty(project, newest)).transpose()?;
        let nodes = standing(project);
        let unknown = nodes.iter().filter_map(|node| Some((node.node.clone(), node.unknown.clone()?))).collect();
        Ok(Standing { newest, unread, dirty, agents: nodes.iter().flat_map(|node| rows(project, node)).collect(), unknown })
    }

    fn differs(&self, row: &AgentRow) -> bool {
        let newest = self.newest.as_ref().map(KeptCommit::revision);
        row.committed.is_none() || (newest.is_some() && row.committed != newest) || row.works_by != row.committed
    }

    fn is_settled_at(&self, row: &AgentRow) -> bool {
        row.drift.is_empty() && !self.differs(row)
    }

    /// The lines of `status` about commits. Where all is settled that is one line.
    pub fn write(&self, screen: &mut Screen) -> std::io::Result<()> {
        match (&self.newest, &self.unread) {
            (_, Some(unread)) => writeln!(screen, "commits: {}", text::lines(unread))?,
            (None, None) => writeln!(screen, "commits: none was made from here")?,
            (Some(newest), None) => {
                writeln!(screen, "commits: the newest is {}, {} by {}", newest.revision(), time(newest.at_ms), text::line(&newest.by))?
            }
        }
        if self.dirty == Some(true) {
            writeln!(screen, "  the project file has changes that are not committed: `mailferry commit --dry-run` shows them")?;
        }
        for row in &self.agents {
            let said = |revision: &Option<Revision>| revision.as_ref().map_or_else(|| "none".to_owned(), ToString::to_string);
            if self.differs(row) {
                writeln!(screen, "  {} {}: has commit {}, works by {}", row.node, row.agent, said(&row.committed), said(&row.works_by))?;
            }
            row.drift
                .iter()
                .try_for_each(|drift| writeln!(screen, "  {} {}: changed by hand: {}", row.node, row.agent, text::line(drift)))?;
        }
        self.unknown.iter().try_for_each(|(node, why)| writeln!(screen, "  {node}: nothing is known of it: {}", text::line(why)))
    }

    /// What `status` tells programs of one agent.
    pub fn of_agent(&self, node: &str, agent: AgentKind) -> CommitOfAgent<'_> {
        let row = self.agents.iter().find(|row| row.node == node && row.agent == agent);
        CommitOfAgent {
            newest: self.newest.as_ref().map(KeptCommit::revision),
            dirty: self.dirty,
            committed: row.and_then(|row| row.committed.as_ref()),
            works_by: row.and_then(|row| row.works_by.as_ref()),
            is_settled: self.unread.is_none() && row.is_some_and(|row| self.is_settled_at(row)),
            drift: row.map(|row| row.drift.as_slice()).unwrap_or_default(),
            unknown: self.unknown.iter().find(|(known, _)| known == node).map(|(_, why)| why.as_str()).or(self.unread.as_deref()),
        }
    }

    /// Whether something is to be done by a person, or an agent has not taken over what it was given.
    pub fn is_settled(&self) -> bool {
        self.unread.is_none()
            && self.dirty != Some(true)
            && self.unknown.is_empty()
            && self.agents.iter().all(|row| self.is_settled_at(row))
    }
}

fn rows(project: &Project, node: &NodeStanding) -> Vec<AgentRow> {
    let clusters = [&project.topology.source, &project.topology.target];
    let folder = clusters.into_iter().find_map(|cluster| cluster.node(&node.node)).map_or("", |node| node.agents.as_str());
    let row = |agent: &mailferry_core::settings::AgentStanding| AgentRow {
        node: node.node.clone(),
        agent: agent.agent,
        committed: agent.committed.clone(),
        works_by: read_report(&home(folder, agent.agent)).ok().and_then(|report| report.revision),
        drift: agent.drift.clone(),
    };
    node.agents.iter().map(row).collect()
}

pub fn run(file: &ProjectFile, screen: &mut Screen) -> anyhow::Result<Exit> {
    let project = file.loaded()?;
    let kept = Archive::beside(&file.project).commits()?;
    let standing = Standing::of(file, &project)?;
    if screen.json {
        screen.document(&json!({ "commits": kept, "standing": standing }))?;
    } else {
        for commit in &kept {
            let back = commit.back_to.map_or_else(String::new, |number| format!(", back to {number}"));
            let (at, by, mailboxes) = (time(commit.at_ms), text::line(&commit.by), text::count(commit.mailboxes, "mailbox"));
            writeln!(screen, "commit {} of {at} by {by}, {mailboxes}{back}", commit.revision())?;
        }
        standing.write(screen)?;
    }
    Ok(if standing.is_settled() { Exit::Ok } else { Exit::Partly })
}
