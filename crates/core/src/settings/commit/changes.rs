//! What a commit changes, key by key, against what was committed to an agent last.

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use crate::settings::desired::{Desired, Setting};
use crate::settings::finding::is_secret;
use crate::settings::mailbox::Mailbox;
use crate::settings::topology::{Cluster, Side, Topology};

/// One thing that was something else, or was not there, or will not be there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Change {
    /// A key, or such as `share of S1`, `mailbox alice: target`.
    pub what: String,
    pub was: Option<String>,
    pub becomes: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.was, &self.becomes) {
            (Some(was), Some(becomes)) => write!(f, "{}: `{was}` becomes `{becomes}`", self.what),
            (None, Some(becomes)) => write!(f, "{}: `{becomes}` is new", self.what),
            (Some(was), None) => write!(f, "{}: `{was}` goes", self.what),
            (None, None) => f.write_str(&self.what),
        }
    }
}

/// Changes of settings, and changes that concern all agents alike.
pub(super) fn between(last: &Desired, next: &Desired) -> (Vec<Change>, Vec<Change>) {
    let mut settings = keys("", &last.settings, &next.settings);
    settings.extend(keys("additional ", &last.additional, &next.additional));
    let mut common = topology(&last.topology, &next.topology);
    common.extend(mailboxes(&last.mailboxes, &next.mailboxes));
    (settings, common)
}

fn change(what: impl Into<String>, was: Option<&str>, becomes: Option<&str>) -> Option<Change> {
    (was != becomes).then(|| Change { what: what.into(), was: was.map(Into::into), becomes: becomes.map(Into::into) })
}

fn keys(before: &str, last: &[Setting], next: &[Setting]) -> Vec<Change> {
    let value = |all: &[Setting], key: &str| all.iter().find(|setting| setting.key.eq_ignore_ascii_case(key)).map(|of| of.value.clone());
    let gone = last.iter().filter(|setting| value(next, &setting.key).is_none());
    let of = |setting: &Setting| {
        let changed =
            change(format!("{before}{}", setting.key), value(last, &setting.key).as_deref(), value(next, &setting.key).as_deref())?;
        Some(if is_secret(&setting.key) { changed.masked() } else { changed })
    };
    next.iter().chain(gone).filter_map(of).collect()
}

impl Change {
    fn masked(self) -> Self {
        let mask = |value: Option<String>| value.map(|_| "****".to_owned());
        Change { what: self.what, was: mask(self.was), becomes: mask(self.becomes) }
    }
}

fn topology(last: &Topology, next: &Topology) -> Vec<Change> {
    [Side::Source, Side::Target].into_iter().flat_map(|side| cluster(side, last.cluster(side), next.cluster(side))).collect()
}

fn cluster(side: Side, last: &Cluster, next: &Cluster) -> Vec<Change> {
    let mut changes: Vec<Option<Change>> = vec![
        change(format!("{side} name"), Some(&last.name), Some(&next.name)),
        change(format!("{side} witness"), last.witness.as_deref(), next.witness.as_deref()),
        change(format!("{side} role"), Some(last.role.name()), Some(next.role.name())),
        change(format!("{side} role_resource"), last.role_resource.as_deref(), next.role_resource.as_deref()),
    ];
    for node in &next.nodes {
        let was = last.node(&node.name);
        changes.push(change(format!("share of {}", node.name), was.map(|was| was.share.as_str()), Some(&node.share)));
        changes.push(change(format!("agents of {}", node.name), was.map(|was| was.agents.as_str()), Some(&node.agents)));
        let in_cluster = (was.and_then(|was| was.cluster_node.as_deref()), node.cluster_node.as_deref());
        changes.push(change(format!("cluster_node of {}", node.name), in_cluster.0, in_cluster.1));
    }
    let gone = last.nodes.iter().filter(|node| next.node(&node.name).is_none());
    changes.extend(gone.map(|node| change(format!("{side} node"), Some(&node.name), None)));
    changes.into_iter().flatten().collect()
}

/// A mailbox is the same when its id is.
fn mailboxes(last: &[Mailbox], next: &[Mailbox]) -> Vec<Change> {
    let known: HashMap<_, _> = last.iter().map(|mailbox| (mailbox.id, mailbox)).collect();
    let still: HashMap<_, _> = next.iter().map(|mailbox| (mailbox.id, ())).collect();
    let gone = last.iter().filter(|mailbox| !still.contains_key(&mailbox.id));
    let gone = gone.filter_map(|mailbox| change("mailbox", Some(&mailbox.name), None));
    next.iter().flat_map(|mailbox| of_mailbox(known.get(&mailbox.id).copied(), mailbox)).chain(gone).collect()
}

fn of_mailbox(last: Option<&Mailbox>, next: &Mailbox) -> Vec<Change> {
    let Some(last) = last else { return change("mailbox", None, Some(&next.name)).into_iter().collect() };
    let priorities = (last.priority.to_string(), next.priority.to_string());
    let of = |field: &str, was: &str, becomes: &str| change(format!("mailbox {}: {field}", next.name), Some(was), Some(becomes));
    let store = |field: &str, was: &str, becomes: &str| {
        let changed = of(field, without_options(was), without_options(becomes));
        changed.or_else(|| of(&format!("options of its {field}"), was, becomes).map(Change::masked))
    };
    let fields = [
        of("name", &last.name, &next.name),
        of("collection", &last.collection, &next.collection),
        of("priority", &priorities.0, &priorities.1),
        store("source", &last.source, &next.source),
        store("target", &last.target, &next.target),
    ];
    fields.into_iter().flatten().collect()
}

/// Options may name files and commands of secrets.
fn without_options(url: &str) -> &str {
    url.split_once('?').map_or(url, |(place, _)| place)
}

/// Changes that are shown one by one; of more it is said how many there are.
const CHANGES_SHOWN: usize = 40;

/// As many changes as a person reads.
pub fn shown_shortly(changes: &[Change]) -> Vec<String> {
    let mut lines: Vec<String> = changes.iter().take(CHANGES_SHOWN).map(ToString::to_string).collect();
    if changes.len() > CHANGES_SHOWN {
        lines.push(format!("and {} changes more: --json prints them all", changes.len() - CHANGES_SHOWN));
    }
    lines
}
