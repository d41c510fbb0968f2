//! From the project to the agents: plan, show the plan, execute that very plan (R90).
//!
//! ```text
//! mod       what is on every node, and what a commit of this project would do there
//! changes   the same key by key, against what was committed last
//! edits     what it takes back of what a hand has changed
//! execute   doing it: the files of a node change together (see `record`)
//! standing  which commit every agent has, and what a hand has changed since
//! print     a plan as it is shown
//! ```
//! A node that cannot be reached holds up no other. The road not taken: one archive per node that the agents unpack; nobody
//! could read what is in force.

mod changes;
mod edits;
mod execute;
mod print;
mod standing;

use std::path::{Path, PathBuf};

pub use changes::{Change, shown_shortly};
pub use edits::Overwritten;
use edits::overwritten;
pub use standing::{AgentStanding, NodeStanding, standing};

use super::config_ini;
use super::desired::{DESIRED_BYTES_MAX, DESIRED_FORMAT, Desired, Revision, Setting};
use super::files;
use super::load::CONFIG_INI_BYTES_MAX;
use super::project::Project;
use super::record::{Author, NodeRecord, RECORD_FILE, read_counting};
use super::topology::{AgentKind, Node, Side};
use crate::model::Digest;
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
    /// The folder above those of the agents.
    folder: PathBuf,
    record: Option<NodeRecord>,
}

#[derive(Debug)]
pub struct AgentPlan {
    pub agent: AgentKind,
    /// In the order they are written: config.ini, desired.toml.
    pub files: Vec<FilePlan>,
    /// Settings of this agent that become something else.
    pub settings: Vec<Change>,
    /// What changes for all agents: topology and mailboxes.
    pub common: Vec<Change>,
    /// Edits of config.ini that the commit takes back.
    pub overwritten: Vec<Overwritten>,
}

#[derive(Debug)]
pub struct FilePlan {
    pub path: PathBuf,
    pub effect: Effect,
    /// As it counted when the plan was made.
    before: Option<Vec<u8>>,
    after: Vec<u8>,
    bytes_max: u64,
    /// A commit that was cut off has left it under its other name.
    waits: bool,
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
    record: Option<NodeRecord>,
    agents: Vec<FoundAgent>,
}

struct FoundAgent {
    agent: AgentKind,
    folder: PathBuf,
    config_ini: Option<Vec<u8>>,
    desired_toml: Option<Vec<u8>>,
    desired: Option<Desired>,
    waits: [bool; 2],
}

/// Looks at every node and says what a commit of this project would do. `kept` is the newest commit that the console remembers.
pub fn plan_commit(project: &Project, kept: Option<&Revision>) -> Result<CommitPlan, Trouble> {
    let found: Vec<_> = nodes_of(project).map(|(side, node)| (side, node, survey(side, node))).collect();
    let revision = next_revision(content_digest(project)?, known_revisions(&found).chain(kept));
    let plan = |(side, node, found): (Side, &Node, Result<Found, Trouble>)| {
        let folder = PathBuf::from(&node.agents);
        match found {
            Err(trouble) => NodePlan { node: node.name.clone(), agents: Err(trouble), folder, record: None },
            Ok(Found { record, agents }) => {
                let agents = agents.into_iter().map(|found| plan_agent(project, &revision, side, node, found)).collect();
                NodePlan { node: node.name.clone(), agents, folder, record }
            }
        }
    };
    Ok(CommitPlan { nodes: found.into_iter().map(plan).collect(), revision: revision.clone() })
}

fn nodes_of(project: &Project) -> impl Iterator<Item = (Side, &Node)> {
    let sides = [Side::Source, Side::Target].into_iter();
    sides.flat_map(|side| project.topology.cluster(side).nodes.iter().map(move |node| (side, node)))
}

fn known_revisions<'f>(found: &'f [(Side, &Node, Result<Found, Trouble>)]) -> impl Iterator<Item = &'f Revision> {
    let agents = found.iter().filter_map(|(_, _, found)| found.as_ref().ok()).flat_map(|found| &found.agents);
    agents.filter_map(|found| found.desired.as_ref()).map(|desired| &desired.revision)
}

fn survey(side: Side, node: &Node) -> Result<Found, Trouble> {
    let root = Path::new(&node.agents);
    let trouble = |what: String, error: std::io::Error| Trouble::new(what).place(root.display()).cause(error);
    files::folder(root).map_err(|error| {
        trouble(format!("could not reach the agents of {}", node.name), error)
            .hint("the folder must exist: install the agents, or mount the share")
    })?;
    let record = NodeRecord::read(root).map_err(|error| {
        let hint =
            format!("look at {RECORD_FILE} there: a newer version may have written it; when it is damaged, remove it and commit again");
        trouble(format!("could not read what was committed to {}", node.name), error).hint(hint)
    })?;
    let agents = side.agents().into_iter().map(|agent| survey_agent(agent, root.join(agent.name()), node));
    Ok(Found { record, agents: agents.collect::<Result<_, _>>()? })
}

fn survey_agent(agent: AgentKind, folder: PathBuf, node: &Node) -> Result<FoundAgent, Trouble> {
    let read = |name: &str, bytes_max: u64| {
        let path = folder.join(name);
        let bytes = read_counting(&path, bytes_max);
        bytes.map_err(|error| {
            Trouble::new(format!("could not read {name} on {}", node.name)).place(path.display()).cause(error).hint(RIGHTS)
        })
    };
    let (config_ini, ini_waits) = read("config.ini", CONFIG_INI_BYTES_MAX)?;
    let (desired_toml, toml_waits) = read("desired.toml", DESIRED_BYTES_MAX)?;
    let desired = desired_toml.as_deref().and_then(|bytes| Desired::parse(bytes).ok());
    Ok(FoundAgent { agent, folder, config_ini, desired_toml, desired, waits: [ini_waits, toml_waits] })
}

/// The highest number found; one more if a commit of that number decided anything else.
fn next_revision<'r>(digest: String, known: impl Iterator<Item = &'r Revision>) -> Revision {
    let known: Vec<&Revision> = known.collect();
    let last = known.iter().map(|revision| revision.number).max();
    let number = match last {
        None => 1,
        Some(last) if known.iter().all(|revision| revision.number != last || revision.digest == digest) => last,
        Some(last) => last.saturating_add(1),
    };
    Revision { number, digest }
}

/// BLAKE3 of what the agents of all nodes are told together.
pub fn content_digest(project: &Project) -> Result<String, Trouble> {
    let unnumbered = Revision { number: 0, digest: String::new() };
    let mut whole = Vec::new();
    for (side, node) in nodes_of(project) {
        for agent in side.agents() {
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
        settings: project.settings_used(agent, &node.name).into_iter().map(Setting::from).collect(),
        additional: project.additional(agent, &node.name).into_iter().map(Setting::from).collect(),
        topology: project.topology.clone(),
        mailboxes: project.mailboxes.clone(),
    }
}

/// What a node that has nothing gets by a commit: commits.json and the files of its agents, by their names below the agents' folder.
pub fn agent_files(
    project: &Project,
    revision: &Revision,
    side: Side,
    node: &Node,
    author: &Author,
) -> Result<Vec<(String, Vec<u8>)>, Trouble> {
    let nothing = |agent: AgentKind| FoundAgent {
        agent,
        folder: Path::new(agent.name()).into(),
        config_ini: None,
        desired_toml: None,
        desired: None,
        waits: [false, false],
    };
    let agents: Vec<AgentPlan> =
        side.agents().into_iter().map(|agent| plan_agent(project, revision, side, node, nothing(agent))).collect::<Result<_, _>>()?;
    let plan = NodePlan { node: node.name.clone(), agents: Ok(Vec::new()), folder: PathBuf::new(), record: None };
    let record = plan.recorded(&agents, revision, author).bytes();
    let files =
        agents.into_iter().flat_map(|agent| agent.files).map(|file| (file.path.display().to_string().replace('\\', "/"), file.after));
    Ok(files.chain([(RECORD_FILE.to_owned(), record)]).collect())
}

fn plan_agent(project: &Project, revision: &Revision, side: Side, node: &Node, found: FoundAgent) -> Result<AgentPlan, Trouble> {
    let desired = desired(project, revision, side, node, found.agent);
    let config_ini = config_ini::render(&desired).map_err(|error| Trouble::new("could not write a config.ini").cause(error))?;
    let last = found.desired.as_ref();
    let overwritten = overwritten(last, found.config_ini.as_deref(), &config_ini);
    let (settings, common) = last.map(|last| changes::between(last, &desired)).unwrap_or_default();
    let [ini_waits, toml_waits] = found.waits;
    let ini = FilePlan::new(found.folder.join("config.ini"), found.config_ini, config_ini.into_bytes(), CONFIG_INI_BYTES_MAX, ini_waits);
    let toml = FilePlan::new(found.folder.join("desired.toml"), found.desired_toml, desired.render()?, DESIRED_BYTES_MAX, toml_waits);
    Ok(AgentPlan { agent: found.agent, files: vec![ini, toml], settings, common, overwritten })
}

impl FilePlan {
    fn new(path: PathBuf, before: Option<Vec<u8>>, after: Vec<u8>, bytes_max: u64, waits: bool) -> Self {
        let effect = match &before {
            None => Effect::Create,
            Some(before) if *before == after => Effect::Keep,
            Some(_) => Effect::Change,
        };
        FilePlan { path, effect, before, after, bytes_max, waits }
    }
}

impl CommitPlan {
    /// Nothing to do on any node that can be reached.
    pub fn is_done(&self) -> bool {
        self.nodes.iter().filter(|node| node.agents.is_ok()).all(|node| node.is_done(&self.revision))
    }
}

#[cfg(test)]
pub(super) mod tests;
