//! Who is there: two sides, each a cluster of one or two nodes (R1), and the agents on each node.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The three agents; also the name of the agent's folder on its node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AgentKind {
    Source,
    Transmission,
    Target,
}

impl AgentKind {
    pub const ALL: [AgentKind; 3] = [AgentKind::Source, AgentKind::Transmission, AgentKind::Target];

    pub fn name(self) -> &'static str {
        match self {
            AgentKind::Source => "source",
            AgentKind::Transmission => "transmission",
            AgentKind::Target => "target",
        }
    }
}

impl fmt::Display for AgentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Not one of the three.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is no agent: there are source, transmission and target")]
pub struct NoSuchAgent(String);

impl FromStr for AgentKind {
    type Err = NoSuchAgent;

    fn from_str(text: &str) -> Result<Self, NoSuchAgent> {
        AgentKind::ALL.into_iter().find(|kind| kind.name() == text).ok_or_else(|| NoSuchAgent(text.into()))
    }
}

/// Where mail comes from, or where it goes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    Source,
    Target,
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Side::Source => "source",
            Side::Target => "target",
        }
    }

    /// Each side ships: containers from the source, receipts from the target by the same road (R45).
    pub fn agents(self) -> [AgentKind; 2] {
        match self {
            Side::Source => [AgentKind::Source, AgentKind::Transmission],
            Side::Target => [AgentKind::Target, AgentKind::Transmission],
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    pub source: Cluster,
    pub target: Cluster,
}

impl Topology {
    pub fn cluster(&self, side: Side) -> &Cluster {
        match side {
            Side::Source => &self.source,
            Side::Target => &self.target,
        }
    }
}

/// Who says which node of a cluster is active (R2).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RoleOrigin {
    /// A file at the witness, changed by a person.
    #[default]
    Static,
    /// The node on which Pacemaker has started a resource.
    Pacemaker,
    /// The owner of a group of Windows Failover Clustering.
    Wsfc,
}

impl RoleOrigin {
    pub const ALL: [RoleOrigin; 3] = [RoleOrigin::Static, RoleOrigin::Pacemaker, RoleOrigin::Wsfc];

    /// As it is written in the project file.
    pub fn name(self) -> &'static str {
        match self {
            RoleOrigin::Static => "static",
            RoleOrigin::Pacemaker => "pacemaker",
            RoleOrigin::Wsfc => "wsfc",
        }
    }

    /// For people.
    pub fn title(self) -> &'static str {
        match self {
            RoleOrigin::Static => "the role file",
            RoleOrigin::Pacemaker => "Pacemaker",
            RoleOrigin::Wsfc => "Windows Failover Clustering",
        }
    }

    pub fn is_static(&self) -> bool {
        *self == RoleOrigin::Static
    }
}

/// A virtual server. A standalone server is a cluster of one node (R1).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    pub name: String,
    /// Where epochs are claimed (R3), when it is not the share of the only node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witness: Option<String>,
    /// Who says which node is active (R2). Not written when it is the default, so that a version that knows no other reads the
    /// file, and refuses it otherwise.
    #[serde(default, skip_serializing_if = "RoleOrigin::is_static")]
    pub role: RoleOrigin,
    /// What the cluster manager keeps on the active node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_resource: Option<String>,
    pub nodes: Vec<Node>,
}

impl Cluster {
    pub fn is_standalone(&self) -> bool {
        self.nodes.len() == 1
    }

    /// Names are compared without case (R4).
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name.eq_ignore_ascii_case(name))
    }

    /// The one place where epochs of this cluster are claimed (R3). `None`: a cluster that nobody gave a witness.
    pub fn witness_place(&self) -> Option<&str> {
        match (&self.witness, self.nodes.as_slice()) {
            (Some(place), _) => Some(place),
            (None, [only]) => Some(&only.share),
            _ => None,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    pub name: String,
    /// The folder above `NTA`, as every agent reaches it (R4).
    pub share: String,
    /// The folder above `source`, `transmission` and `target`, as the console reaches it.
    pub agents: String,
    /// Its name in the cluster manager, when it has another there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster_node: Option<String>,
}

impl Node {
    pub fn name_in_cluster(&self) -> &str {
        self.cluster_node.as_deref().unwrap_or(&self.name)
    }

    /// R4: `\\SRC\MFEx$SRC$` for a standalone server, `\\SRC1\MFExNode$` for a node of a cluster.
    pub fn default_share(server: &str, node: &str, standalone: bool) -> String {
        if standalone { format!(r"\\{node}\MFEx${server}$") } else { format!(r"\\{node}\MFExNode$") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_an_agent_reads_back_as_itself() {
        for kind in AgentKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
        }
        let error = "Source".parse::<AgentKind>().map_err(|error| error.to_string());
        assert_eq!(error, Err("`Source` is no agent: there are source, transmission and target".into()));
    }

    #[test]
    fn epochs_of_a_standalone_server_are_claimed_on_its_own_share() {
        let node = |name: &str| Node { name: name.into(), share: format!("/{name}"), agents: String::new(), cluster_node: None };
        let nodes = vec![node("a")];
        let mut cluster = Cluster { name: "S".into(), witness: None, role: RoleOrigin::Static, role_resource: None, nodes };
        assert_eq!(cluster.witness_place(), Some("/a"));
        cluster.nodes.push(node("b"));
        assert_eq!(cluster.witness_place(), None, "neither node's disk may decide between the two");
        cluster.witness = Some("/w".into());
        assert_eq!(cluster.witness_place(), Some("/w"));
    }

    #[test]
    fn default_shares_are_those_of_rule_4() {
        assert_eq!(Node::default_share("SRC", "SRC", true), r"\\SRC\MFEx$SRC$");
        assert_eq!(Node::default_share("SRC", "SRC1", false), r"\\SRC1\MFExNode$");
    }
}
