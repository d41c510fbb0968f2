//! Names (R4), nodes (R1), shares and witness (R3, R5).

use std::collections::HashMap;
use std::ops::Range;

use toml::Spanned;

use super::Check;
use crate::settings::project::{RawCluster, RawNode, RawProject};
use crate::settings::topology::{Cluster, Node, Side, Topology};

impl Check<'_> {
    pub(super) fn topology(&mut self, raw: &RawProject) -> Topology {
        let topology = Topology { source: self.cluster(Side::Source, &raw.source), target: self.cluster(Side::Target, &raw.target) };
        let target = &raw.target.name;
        if raw.source.name.get_ref().eq_ignore_ascii_case(target.get_ref()) {
            let text = format!("source and target are both called {}", target.get_ref());
            self.error(target.span(), text).hint("folders below OUT and IN carry these names: give each side its own");
        }
        self.own_things(raw, &topology);
        topology
    }

    /// Each node has a name, a share and an agents folder that no other node has.
    fn own_things(&mut self, raw: &RawProject, topology: &Topology) {
        let raw_nodes = || raw.source.nodes.get_ref().iter().chain(raw.target.nodes.get_ref());
        let nodes = || topology.source.nodes.iter().chain(&topology.target.nodes).zip(raw_nodes());
        self.unique("node name", nodes().map(|(node, raw)| (node.name.clone(), raw.name.span())));
        let span_of_share = |raw: &RawNode| raw.share.as_ref().unwrap_or(&raw.name).span();
        self.unique("share", nodes().map(|(node, raw)| (node.share.clone(), span_of_share(raw))));
        self.unique("agents folder", nodes().map(|(node, raw)| (node.agents.clone(), raw.agents.span())));
    }

    fn unique(&mut self, what: &str, all: impl Iterator<Item = (String, Range<usize>)>) {
        let mut seen = HashMap::new();
        for (text, at) in all {
            let same = text.trim_end_matches(['/', '\\']).to_ascii_lowercase();
            let line = self.line(&at);
            if let Some(earlier) = seen.insert(same, line) {
                self.error(at, format!("the {what} {text} is that of the node in line {earlier} too")).hint("every node has its own");
            }
        }
    }

    fn cluster(&mut self, side: Side, raw: &RawCluster) -> Cluster {
        self.server_name(&raw.name);
        let raw_nodes = raw.nodes.get_ref();
        let nodes: Vec<Node> = raw_nodes.iter().map(|node| self.node(raw, node)).collect();
        let (role, role_resource) = self.role(side, raw);
        let witness = raw.witness.as_ref().map(|place| place.get_ref().clone());
        let cluster = Cluster { name: raw.name.get_ref().clone(), witness, role, role_resource, nodes };
        match raw_nodes.len() {
            1 => {}
            2 => self.two_nodes(side, raw, &cluster),
            count => {
                let text = format!("the {side} has {count} nodes");
                self.error(raw.nodes.span(), text).hint("write one node for a standalone server, two for a cluster");
            }
        }
        if let Some(witness) = &raw.witness {
            self.folder(witness);
        }
        cluster
    }

    fn node(&mut self, cluster: &RawCluster, raw: &RawNode) -> Node {
        self.server_name(&raw.name);
        self.folder(&raw.agents);
        if let Some(share) = &raw.share {
            self.folder(share);
        }
        let (server, name, standalone) = (cluster.name.get_ref(), raw.name.get_ref(), cluster.nodes.get_ref().len() == 1);
        let share = raw.share.as_ref().map_or_else(|| Node::default_share(server, name, standalone), |share| share.get_ref().clone());
        let cluster_node = raw.cluster_node.as_ref().map(|name| name.get_ref().clone());
        Node { name: name.clone(), share, agents: raw.agents.get_ref().clone(), cluster_node }
    }

    fn two_nodes(&mut self, side: Side, raw: &RawCluster, cluster: &Cluster) {
        if let Some(node) = raw.nodes.get_ref().iter().find(|node| node.name.get_ref().eq_ignore_ascii_case(&cluster.name)) {
            let text = format!("the node {} is called like its cluster", node.name.get_ref());
            self.error(node.name.span(), text).hint("the cluster has the name of the virtual server, which moves from node to node");
        }
        match &raw.witness {
            None => self
                .error(raw.name.span(), format!("the {side} cluster {} has no witness", cluster.name))
                .hint("set `witness` to a folder that either node reaches when the other is down: epochs are claimed there"),
            Some(witness) if cluster.nodes.iter().any(|node| node.share == *witness.get_ref()) => self
                .warning(witness.span(), "the witness is the share of a node: while that node is down no epoch can be claimed")
                .hint("use a folder on a third machine"),
            Some(_) => {}
        }
    }

    fn folder(&mut self, place: &Spanned<String>) {
        let text = place.get_ref();
        if text.is_empty() || text.trim() != text || text.contains(char::is_control) {
            self.error(place.span(), format!("`{}` is no path of a folder", text.escape_debug())).hint("no blanks at the ends");
        }
    }

    fn server_name(&mut self, name: &Spanned<String>) {
        if !is_server_name(name.get_ref()) {
            self.error(name.span(), format!("`{}` is no name of a server", name.get_ref().escape_debug()))
                .hint("write 1 to 63 letters, digits, `-`, `_` or `.`, with a letter or digit at both ends");
        }
    }
}

/// Such a name is a name of NetBIOS or DNS, and of a folder on every system: `CON` and its like are not.
fn is_server_name(name: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    let ends = [name.bytes().next(), name.bytes().last()];
    let ends_well = ends.into_iter().all(|end| end.is_some_and(|byte| byte.is_ascii_alphanumeric()));
    ends_well && name.len() <= 63 && name.bytes().all(inner) && !is_device(name.split('.').next().unwrap_or_default())
}

/// Names that Windows keeps for devices, whatever follows a dot.
fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    let numbered =
        |kind| stem.strip_prefix(kind).is_some_and(|number: &str| number.len() == 1 && number.bytes().all(|byte| byte.is_ascii_digit()));
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL") || numbered("COM") || numbered("LPT")
}
