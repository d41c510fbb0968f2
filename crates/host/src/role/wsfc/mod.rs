//! The role from Windows Failover Clustering (R2): active is the node that owns a group, while the group is online.
//!
//! The cluster is asked through clusapi (`clusapi`, the only place with its calls), never through PowerShell, which takes seconds. First
//! whether this node takes part in a cluster at all: the calls behind that are not safe to make where it does not.

#[cfg(windows)]
mod clusapi;

use mailferry_core::ports::Role;

use super::hold::Kept;
use super::{Answer, Members, Origin, unknown};

/// State of the cluster service on this node, by the numbers of `GetNodeClusterState`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct NodeState(u32);

impl NodeState {
    const RUNNING: NodeState = NodeState(0x13);

    fn trouble(self) -> Option<String> {
        match self.0 {
            _ if self == NodeState::RUNNING => None,
            0 => Some("Failover Clustering is not installed on this node".into()),
            1 => Some("this node belongs to no cluster".into()),
            3 => Some("the cluster service of this node does not run".into()),
            other => Some(format!("this node is in the unknown cluster state {other}")),
        }
    }
}

/// A group: its state by the numbers of `CLUSTER_GROUP_STATE`, and who owns it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Group {
    state: i32,
    owner: String,
}

/// What one node believes.
#[derive(Clone, PartialEq, Eq, Debug)]
struct View {
    node: NodeState,
    /// This computer's name. Without it nobody could tell that the project file is wrong.
    computer: String,
    /// `Err`: why it cannot be told. Not asked while the service does not run.
    group: Result<Group, String>,
}

/// The role of this node.
fn decide(view: &View, members: &Members, group: &str) -> Role {
    if let Some(why) = view.node.trouble() {
        return unknown(why);
    }
    if !members.is_me(&view.computer) {
        let text = format!("Windows calls this node {}, not {}; write its name as `cluster_node`", view.computer, members.me);
        return unknown(text);
    }
    let what = format!("group {group}");
    match &view.group {
        Err(why) => unknown(format!("{what}: {why}")),
        Ok(Group { state: 0, owner }) => members.role_by_place(&what, owner),
        Ok(Group { state, .. }) => unknown(format!("{what} is not online: {}", state_name(*state))),
    }
}

fn state_name(state: i32) -> String {
    match state {
        -1 => "unknown".into(),
        1 => "offline".into(),
        2 => "failed".into(),
        3 => "partially online".into(),
        4 => "pending".into(),
        other => format!("state {other}"),
    }
}

pub(super) struct Wsfc {
    members: Members,
    group: String,
    #[cfg(windows)]
    cluster: clusapi::Asking,
}

impl Wsfc {
    pub fn new(members: Members, group: String) -> Self {
        Wsfc {
            #[cfg(windows)]
            cluster: clusapi::Asking::new(&group),
            members,
            group,
        }
    }

    #[cfg(windows)]
    fn view(&self) -> Result<View, String> {
        self.cluster.view()
    }

    #[cfg(not(windows))]
    fn view(&self) -> Result<View, String> {
        Err("Windows Failover Clustering is asked on Windows only; correct `role` in the project file".into())
    }
}

impl Origin for Wsfc {
    fn ask(&self) -> Answer {
        let role = self.view().map_or_else(unknown, |view| decide(&view, &self.members, &self.group));
        Answer { role, kept: Kept::Briefly }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members() -> Members {
        Members { nodes: vec![("EX1".into(), "SRC1".into()), ("EX2".into(), "SRC2".into())], me: "EX1".into() }
    }

    fn role(node: u32, computer: &str, group: Result<(i32, &str), &str>) -> String {
        let group = group.map(|(state, owner)| Group { state, owner: owner.into() }).map_err(Into::into);
        decide(&View { node: NodeState(node), computer: computer.into(), group }, &members(), "EXCMS").to_string()
    }

    #[test]
    fn active_is_who_owns_a_group_that_is_online() {
        assert_eq!(role(0x13, "EX1", Ok((0, "EX1"))), "active");
        assert_eq!(role(0x13, "ex1", Ok((0, "ex1"))), "active");
        assert_eq!(role(0x13, "EX1", Ok((0, "EX2"))), "passive (SRC2 is active)");
        let stranger = "unknown (group EXCMS is on EX3, which is no node of this side; write its name as `cluster_node`)";
        assert_eq!(role(0x13, "EX1", Ok((0, "EX3"))), stranger);
    }

    #[test]
    fn a_group_that_is_not_online_makes_nobody_active() {
        for (state, name) in [(-1, "unknown"), (1, "offline"), (2, "failed"), (3, "partially online"), (4, "pending"), (9, "state 9")] {
            assert_eq!(role(0x13, "EX1", Ok((state, "EX1"))), format!("unknown (group EXCMS is not online: {name})"));
        }
        assert_eq!(role(0x13, "EX1", Err("it was not found (5013)")), "unknown (group EXCMS: it was not found (5013))");
    }

    #[test]
    fn a_node_without_a_running_cluster_service_knows_nothing() {
        for (state, why) in [
            (0, "Failover Clustering is not installed on this node"),
            (1, "this node belongs to no cluster"),
            (3, "the cluster service of this node does not run"),
            (7, "this node is in the unknown cluster state 7"),
        ] {
            assert_eq!(role(state, "EX1", Ok((0, "EX1"))), format!("unknown ({why})"));
        }
        assert_eq!(role(NodeState::RUNNING.0, "EX1", Ok((0, "EX1"))), "active");
        let misnamed = "unknown (Windows calls this node EX2, not EX1; write its name as `cluster_node`)";
        assert_eq!(role(0x13, "EX2", Ok((0, "EX1"))), misnamed);
    }
}
