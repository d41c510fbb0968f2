//! From the project to the agents: plan, show the plan, execute that very plan (R90).
//!
//! Each agent gets config.ini and then desired.toml; the second is what makes the commit count, and by it the next commit
//! knows what the last one wrote, so that it can tell a hand's edits apart. A node that cannot be reached holds up no
//! other. The road not taken: one archive per node that the agents unpack; nobody could read what is in force.

mod edits;
mod print;

use std::path::{Path, PathBuf};

pub use edits::Overwritten;
use edits::overwritten;

use crate::model::Digest;
use crate::settings::config_ini;
use crate::settings::desired::{DESIRED_BYTES_MAX, DESIRED_FORMAT, Desired, Revision, Setting};
use crate::settings::files;
use crate::settings::load::CONFIG_INI_BYTES_MAX;
use crate::settings::project::Project;
use crate::settings::topology::{AgentKind, Node, Side};
use crate::trouble::Trouble;

const RIGHTS: &str = "run it as an account that may read and write the folders of the agents";

/// What a commit will do, on every node.
#[derive(Debug)]
pub struct CommitPlan {
    pub revision: Revision,
    pub nodes: Vec<NodePlan>,
}

#[derive(Debug)]
pub struct NodePlan {
    pub node: String,
    /// `Err`: why this node is left out.
    pub agents: Result<Vec<AgentPlan>, Trouble>,
}

#[derive(Debug)]
pub struct AgentPlan {
    pub agent: AgentKind,
    /// In the order they are written: config.ini, desired.toml.
    pub files: Vec<FilePlan>,
    /// Edits of config.ini that the commit takes back.
    pub overwritten: Vec<Overwritten>,
}

#[derive(Debug)]
pub struct FilePlan {
    pub path: PathBuf,
    pub effect: Effect,
    /// As it was when the plan was made.
    before: Option<Vec<u8>>,
    after: Vec<u8>,
    bytes_max: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Effect {
    Create,
    Change,
    Keep,
}

/// What became of one node.
#[derive(Debug)]
pub struct NodeOutcome {
    pub node: String,
    pub result: Result<(), Trouble>,
}

/// What is on one node now.
struct Found {
    agent: AgentKind,
    folder: PathBuf,
    config_ini: Option<Vec<u8>>,
    desired_toml: Option<Vec<u8>>,
    desired: Option<Desired>,
}

/// Looks at every node and says what a commit of this project would do.
pub fn plan_commit(project: &Project) -> Result<CommitPlan, Trouble> {
    let sides = [Side::Source, Side::Target].into_iter();
    let nodes = sides.flat_map(|side| project.topology.cluster(side).nodes.iter().map(move |node| (side, node)));
    let found: Vec<_> = nodes.map(|(side, node)| (side, node, survey(side, node))).collect();
    let revision = next_revision(project, found.iter().filter_map(|(_, _, found)| found.as_ref().ok()).flatten())?;
    let plan = |(side, node, found): (Side, &Node, Result<Vec<Found>, Trouble>)| {
        let agents = found.and_then(|agents| agents.into_iter().map(|found| plan_agent(project, &revision, side, node, found)).collect());
        NodePlan { node: node.name.clone(), agents }
    };
    Ok(CommitPlan { nodes: found.into_iter().map(plan).collect(), revision: revision.clone() })
}

fn survey(side: Side, node: &Node) -> Result<Vec<Found>, Trouble> {
    let root = Path::new(&node.agents);
    files::folder(root).map_err(|error| {
        Trouble::new(format!("could not reach the agents of {}", node.name))
            .place(root.display())
            .cause(error)
            .hint("the folder must exist: install the agents, or mount the share")
    })?;
    side.agents().into_iter().map(|agent| survey_agent(agent, root.join(agent.name()), node)).collect()
}

fn survey_agent(agent: AgentKind, folder: PathBuf, node: &Node) -> Result<Found, Trouble> {
    let read = |name: &str, bytes_max: u64| {
        let path = folder.join(name);
        let bytes = files::read_if_there(&path, bytes_max);
        bytes.map_err(|error| {
            Trouble::new(format!("could not read {name} on {}", node.name)).place(path.display()).cause(error).hint(RIGHTS)
        })
    };
    let (config_ini, desired_toml) = (read("config.ini", CONFIG_INI_BYTES_MAX)?, read("desired.toml", DESIRED_BYTES_MAX)?);
    let desired = desired_toml.as_deref().and_then(|bytes| Desired::parse(bytes).ok());
    Ok(Found { agent, folder, config_ini, desired_toml, desired })
}

/// The highest number found, plus one if that commit decided anything else.
fn next_revision<'f>(project: &Project, found: impl Iterator<Item = &'f Found>) -> Result<Revision, Trouble> {
    let digest = content_digest(project)?;
    let last = found.filter_map(|found| found.desired.as_ref()).map(|desired| &desired.revision).max_by_key(|revision| revision.number);
    let number = match last {
        None => 1,
        Some(last) if last.digest == digest => last.number,
        Some(last) => last.number.saturating_add(1),
    };
    Ok(Revision { number, digest })
}

/// Of what the agents of all nodes are told together.
fn content_digest(project: &Project) -> Result<String, Trouble> {
    let unnumbered = Revision { number: 0, digest: String::new() };
    let mut whole = Vec::new();
    for side in [Side::Source, Side::Target] {
        for (node, agent) in project.topology.cluster(side).nodes.iter().flat_map(|node| side.agents().map(|agent| (node, agent))) {
            whole.extend(desired(project, &unnumbered, side, node, agent).render()?);
        }
    }
    Ok(Digest::of(&whole).to_string())
}

fn desired(project: &Project, revision: &Revision, side: Side, node: &Node, agent: AgentKind) -> Desired {
    Desired {
        format: DESIRED_FORMAT,
        project: project.name.clone(),
        revision: revision.clone(),
        agent,
        side,
        cluster: project.topology.cluster(side).name.clone(),
        node: node.name.clone(),
        settings: project.settings_used(agent).into_iter().map(Setting::from).collect(),
        additional: project.additional(agent).into_iter().map(Setting::from).collect(),
        topology: project.topology.clone(),
        mailboxes: project.mailboxes.clone(),
    }
}

fn plan_agent(project: &Project, revision: &Revision, side: Side, node: &Node, found: Found) -> Result<AgentPlan, Trouble> {
    let desired = desired(project, revision, side, node, found.agent);
    let config_ini = config_ini::render(&desired).map_err(|error| Trouble::new("could not write a config.ini").cause(error))?;
    let overwritten = overwritten(found.desired.as_ref(), found.config_ini.as_deref(), &config_ini);
    let files = vec![
        FilePlan::new(found.folder.join("config.ini"), found.config_ini, config_ini.into_bytes(), CONFIG_INI_BYTES_MAX),
        FilePlan::new(found.folder.join("desired.toml"), found.desired_toml, desired.render()?, DESIRED_BYTES_MAX),
    ];
    Ok(AgentPlan { agent: found.agent, files, overwritten })
}

impl FilePlan {
    fn new(path: PathBuf, before: Option<Vec<u8>>, after: Vec<u8>, bytes_max: u64) -> Self {
        let effect = match &before {
            None => Effect::Create,
            Some(before) if *before == after => Effect::Keep,
            Some(_) => Effect::Change,
        };
        FilePlan { path, effect, before, after, bytes_max }
    }

    /// What is written is what was shown: a file that changed meanwhile is left alone.
    fn execute(&self) -> Result<(), Trouble> {
        let trouble = || Trouble::new("could not write a file of an agent").place(self.path.display());
        let now = files::read_if_there(&self.path, self.bytes_max).map_err(|error| trouble().cause(error).hint(RIGHTS))?;
        if now != self.before {
            return Err(trouble().cause("it has changed since the plan was made").hint("commit again"));
        }
        if self.effect == Effect::Keep {
            return Ok(());
        }
        files::write_durably(&self.path, &self.after).map_err(|error| trouble().cause(error).hint(RIGHTS))
    }
}

impl CommitPlan {
    /// Nothing to do on any node that can be reached.
    pub fn is_done(&self) -> bool {
        self.files().all(|file| file.effect == Effect::Keep)
    }

    fn files(&self) -> impl Iterator<Item = &FilePlan> {
        self.nodes.iter().flat_map(|node| node.agents.iter().flatten()).flat_map(|agent| &agent.files)
    }

    /// Writes what the plan shows. A node that fails holds up no other.
    pub fn execute(self) -> Vec<NodeOutcome> {
        self.nodes.into_iter().map(NodePlan::execute).collect()
    }
}

impl NodePlan {
    fn execute(self) -> NodeOutcome {
        let write = |agents: Vec<AgentPlan>| agents.iter().flat_map(|agent| &agent.files).try_for_each(FilePlan::execute);
        NodeOutcome { node: self.node, result: self.agents.and_then(write) }
    }
}

#[cfg(test)]
pub(super) mod tests;
