//! desired.toml: what one agent shall be and do, as the console last committed it. Agents read it at the start of each
//! session and never write it.
//!
//! The last line holds the BLAKE3 of all before it: an agent does not move mail by a file that is damaged or was edited.
//! The road not taken: agents reading the project file from one central place, which is away when it is needed most.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::mailbox::Mailbox;
use super::project::Chosen;
use super::record::read_counting;
use super::topology::{AgentKind, Cluster, Node, Side, Topology};
use crate::model::Digest;
use crate::trouble::Trouble;

/// Version 1: as below.
pub const DESIRED_FORMAT: u32 = 1;

/// Bytes of a desired.toml that are read at most.
pub(super) const DESIRED_BYTES_MAX: u64 = 256 << 20;

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Desired {
    pub format: u32,
    pub project: String,
    pub revision: Revision,
    pub agent: AgentKind,
    pub side: Side,
    /// The virtual server this agent belongs to.
    pub cluster: String,
    /// The node it runs on.
    pub node: String,
    /// What the project decides for this agent: the layer below config.ini (R90).
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// What each commit writes into config.ini as it is.
    #[serde(default)]
    pub additional: Vec<Setting>,
    pub topology: Topology,
    /// Highest priority first.
    #[serde(default)]
    pub mailboxes: Vec<Mailbox>,
}

/// A key and its value as text.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    pub key: String,
    pub value: String,
}

impl From<Chosen> for Setting {
    fn from(chosen: Chosen) -> Self {
        Setting { key: chosen.key, value: chosen.value }
    }
}

/// Which commit this is: a number that grows with each change of the project, and the digest of what was decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    pub number: u64,
    /// BLAKE3 of the project's content, 64 hex digits; the same on every node.
    pub digest: String,
}

impl std::fmt::Display for Revision {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ({})", self.number, self.digest.get(..8).unwrap_or(&self.digest))
    }
}

impl Desired {
    pub fn own_cluster(&self) -> &Cluster {
        self.topology.cluster(self.side)
    }

    /// The cluster on the other end of the road.
    pub fn peer_cluster(&self) -> &Cluster {
        match self.side {
            Side::Source => &self.topology.target,
            Side::Target => &self.topology.source,
        }
    }

    /// The other node of the own cluster; `None` when standalone.
    pub fn other_node(&self) -> Option<&Node> {
        self.own_cluster().nodes.iter().find(|node| !node.name.eq_ignore_ascii_case(&self.node))
    }

    pub(super) fn render(&self) -> Result<Vec<u8>, Trouble> {
        let body = toml::to_string(self).map_err(|error| Trouble::new("could not write desired.toml").cause(error))?;
        let text = format!("# Written by `mailferry commit`. Do not edit: change the project file and commit again.\n{body}");
        let digest = Digest::of(text.as_bytes());
        Ok(format!("{text}{SEAL}{digest}\n").into_bytes())
    }

    /// `Err` is the cause.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = str::from_utf8(bytes).map_err(|_| "it is not UTF-8".to_string())?;
        let (body, seal) = text.rsplit_once(SEAL).ok_or("its last line, the digest, is missing")?;
        check_format(body)?;
        if seal.trim_end() != Digest::of(body.as_bytes()).to_string() {
            return Err("its digest does not match: it is damaged, or was edited by hand".into());
        }
        let desired: Desired = toml::from_str(body).map_err(|error| error.message().to_string())?;
        desired.check_identity().map(|()| desired)
    }

    fn check_identity(&self) -> Result<(), String> {
        let cluster = self.own_cluster();
        if !cluster.name.eq_ignore_ascii_case(&self.cluster) || cluster.node(&self.node).is_none() {
            return Err(format!("node {} of {} is not in its topology", self.node, self.cluster));
        }
        if !self.side.agents().contains(&self.agent) {
            return Err(format!("no {} agent runs on the {} side", self.agent, self.side));
        }
        Ok(())
    }
}

const SEAL: &str = "# blake3 ";

#[derive(Deserialize)]
struct FormatOnly {
    format: u32,
}

/// Before anything else is believed.
fn check_format(body: &str) -> Result<(), String> {
    let head: FormatOnly = toml::from_str(body).map_err(|error| error.message().to_string())?;
    match head.format {
        DESIRED_FORMAT => Ok(()),
        other => Err(format!("it has format {other}; this version reads format {DESIRED_FORMAT}")),
    }
}

/// Reads what the console committed for this agent.
pub fn load_desired(path: &Path) -> Result<Desired, Trouble> {
    let trouble = |cause: String| Trouble::new("could not read what this agent shall do").place(path.display()).cause(cause);
    let (bytes, _waits) = read_counting(path, DESIRED_BYTES_MAX).map_err(|error| trouble(error.to_string()).hint(HINT))?;
    let missing = || trouble(io::Error::from(io::ErrorKind::NotFound).to_string()).hint(HINT);
    let bytes = bytes.ok_or_else(missing)?;
    Desired::parse(&bytes).map_err(|cause| trouble(cause).hint(HINT))
}

const HINT: &str = "run `mailferry commit` for the project";

#[cfg(test)]
#[path = "desired_tests.rs"]
mod tests;
