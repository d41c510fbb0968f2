//! Which commit every agent of every node has, and what a hand has changed since: asked by `status`, changes nothing.
//!
//! A file whose digest is the recorded one is not looked into: large projects cost a read of their files, no more.

use std::path::Path;

use serde::Serialize;

use super::edits::overwritten;
use super::{DESIRED_BYTES_MAX, nodes_of};
use crate::settings::config_ini;
use crate::settings::desired::{Desired, Revision};
use crate::settings::load::CONFIG_INI_BYTES_MAX;
use crate::settings::project::Project;
use crate::settings::record::{CommitEntry, NodeRecord, digest_of, read_counting};
use crate::settings::topology::{AgentKind, Node, Side};

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct NodeStanding {
    pub node: String,
    /// The commits it remembers, the newest first.
    pub commits: Vec<CommitEntry>,
    pub agents: Vec<AgentStanding>,
    /// Why nothing can be said of it.
    pub unknown: Option<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AgentStanding {
    pub agent: AgentKind,
    /// What was committed to it last. `None`: nothing, or it cannot be read.
    pub committed: Option<Revision>,
    /// What a hand has changed, and a commit would overwrite.
    pub drift: Vec<String>,
}

pub fn standing(project: &Project) -> Vec<NodeStanding> {
    nodes_of(project).map(|(side, node)| of_node(side, node)).collect()
}

fn of_node(side: Side, node: &Node) -> NodeStanding {
    let root = Path::new(&node.agents);
    let known = super::files::folder(root).and_then(|()| NodeRecord::read(root));
    match known {
        Err(error) => {
            let unknown = Some(format!("{}: {error}", root.display()));
            NodeStanding { node: node.name.clone(), commits: Vec::new(), agents: Vec::new(), unknown }
        }
        Ok(record) => {
            let agents = side.agents().into_iter().map(|agent| of_agent(agent, &root.join(agent.name()), record.as_ref())).collect();
            let commits = record.map(|record| record.commits).unwrap_or_default();
            NodeStanding { node: node.name.clone(), commits, agents, unknown: None }
        }
    }
}

fn of_agent(agent: AgentKind, folder: &Path, record: Option<&NodeRecord>) -> AgentStanding {
    let read = |name: &str, bytes_max| read_counting(&folder.join(name), bytes_max).map(|(bytes, _waits)| bytes);
    let recorded =
        |name: &str, bytes: &[u8]| record.is_some_and(|record| record.files.get(&format!("{agent}/{name}")) == Some(&digest_of(bytes)));
    let (ini, toml) = match (read("config.ini", CONFIG_INI_BYTES_MAX), read("desired.toml", DESIRED_BYTES_MAX)) {
        (Ok(ini), Ok(toml)) => (ini, toml),
        (Err(error), _) | (_, Err(error)) => {
            return AgentStanding { agent, committed: None, drift: vec![format!("{}: {error}", folder.display())] };
        }
    };
    let Some(toml) = toml else { return AgentStanding { agent, committed: None, drift: Vec::new() } };
    if recorded("desired.toml", &toml) && ini.as_deref().is_some_and(|ini| recorded("config.ini", ini)) {
        return AgentStanding { agent, committed: record.and_then(NodeRecord::revision), drift: Vec::new() };
    }
    match Desired::parse(&toml) {
        Err(why) => AgentStanding { agent, committed: None, drift: vec![format!("desired.toml: {why}")] },
        Ok(desired) => AgentStanding { agent, drift: drift(&desired, ini.as_deref()), committed: Some(desired.revision) },
    }
}

fn drift(desired: &Desired, ini: Option<&[u8]>) -> Vec<String> {
    let Ok(committed) = config_ini::render(desired) else { return Vec::new() };
    match ini {
        None => vec!["config.ini: it is gone".into()],
        Some(_) => overwritten(Some(desired), ini, &committed).iter().map(|edit| format!("config.ini, {edit}")).collect(),
    }
}
