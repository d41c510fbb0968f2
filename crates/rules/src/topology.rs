//! Sides of a migration and the names of their places (R1, R4, R5).
//!
//! A side is a cluster; a standalone server is a cluster of one node whose node and virtual server share a name. All names
//! are kept in one canonical spelling, upper case, so that comparing them is comparing strings.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// The canonical spelling of a server or node name.
pub fn canonical(name: &str) -> String {
    name.trim().to_uppercase()
}

/// One side of the migration: the virtual server and its nodes, canonical.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Side {
    name: String,
    nodes: Vec<String>,
}

/// One queue of the transmission agent: the node it feeds and the name of its folder below OUT.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Lane {
    pub node: String,
    pub folder: String,
}

impl Side {
    /// A standalone server.
    pub fn standalone(name: &str) -> Self {
        Side { name: canonical(name), nodes: [canonical(name)].into() }
    }

    /// A cluster; one node makes it a standalone server under the virtual name.
    pub fn cluster(name: &str, nodes: &[&str]) -> Self {
        Side { name: canonical(name), nodes: nodes.iter().map(|node| canonical(node)).collect() }
    }

    /// The virtual server, or the standalone server itself.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn nodes(&self) -> &[String] {
        &self.nodes
    }

    pub fn is_cluster(&self) -> bool {
        self.nodes.len() > 1
    }

    /// Every node but this one: the passive nodes, seen from the active one.
    pub fn others<'a>(&'a self, me: &'a str) -> impl Iterator<Item = &'a String> {
        self.nodes.iter().filter(move |node| *node != me)
    }

    /// Default share of a node (R4).
    pub fn share_name(&self) -> String {
        if self.is_cluster() { "MFExNode$".into() } else { format!("MFEx${}$", self.name) }
    }

    /// The queues that lead to this side: one for a standalone server under its name, one per node of a cluster (R5).
    pub fn lanes(&self) -> Vec<Lane> {
        let folder = |node: &String| if self.is_cluster() { node.clone() } else { self.name.clone() };
        self.nodes.iter().map(|node| Lane { node: node.clone(), folder: folder(node) }).collect()
    }

    /// Folder below IN for what comes from this side: always the virtual name, so that a failover changes no path (R5).
    pub fn in_folder(&self) -> &str {
        &self.name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_four_combinations_have_the_paths_of_r5() {
        let (alone, pair) = (Side::standalone("tgt1"), Side::cluster("TGT", &["tgta", "tgtb"]));
        let folders = |side: &Side| side.lanes().into_iter().map(|lane| lane.folder).collect::<Vec<_>>();
        assert_eq!(folders(&alone), ["TGT1"]);
        assert_eq!(folders(&pair), ["TGTA", "TGTB"]);
        assert_eq!((alone.in_folder(), pair.in_folder()), ("TGT1", "TGT"));
        assert_eq!(alone.share_name(), "MFEx$TGT1$");
        assert_eq!(pair.share_name(), "MFExNode$");
    }

    #[test]
    fn names_are_compared_without_case() {
        assert_eq!(Side::standalone("Srv"), Side::standalone(" SRV"));
    }
}
