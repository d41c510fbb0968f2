//! The project file: one TOML file that a person writes and the console commits to every agent (R90).
//!
//! Reading goes in two steps: `shape` says whether it has the tables and names it may have (an unknown name is an error there,
//! for a person is present and a misspelt `witness` must not be overlooked); `check` says whether it makes sense. Both report
//! everything they find at once, each with its line.

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::DeTable;

use super::check::{Check, check};
use super::files;
use super::finding::Finding;
use super::key::Key;
use super::lists::LIST_BYTES_MAX;
use super::mailbox::Mailbox;
use super::raw_keys::RawKeys;
use super::shape::{Kind, Shaped, shape};
use super::topology::{AgentKind, Topology};
use crate::ports::Level;

/// Bytes of a project file that are read at most.
pub(super) const PROJECT_BYTES_MAX: u64 = 64 << 20;

/// A project that makes sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Project {
    pub name: String,
    pub topology: Topology,
    /// By collection priority, then in the order of the file; each name once.
    pub mailboxes: Vec<Mailbox>,
    pub(super) settings: KeyTable,
    pub(super) additional: KeyTable,
    /// The project file and its lists by their names, as they were read.
    pub(super) texts: Vec<(String, String)>,
    /// What does not forbid a commit.
    pub warnings: Vec<Finding>,
}

/// A key as someone chose it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Chosen {
    pub key: String,
    pub value: String,
    /// Line of the project file.
    pub line: u32,
}

/// Keys for all agents, for each kind, and for the agents of one node.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct KeyTable {
    pub all: Vec<Chosen>,
    pub own: Vec<(AgentKind, Vec<Chosen>)>,
    pub nodes: Vec<(String, KeyTable)>,
}

impl KeyTable {
    /// What one agent gets: what is said for its kind overrides what is said for all, what is said for its node both, a later line
    /// an earlier one.
    pub fn of(&self, agent: AgentKind, node: &str) -> Vec<Chosen> {
        let of_node = self.nodes.iter().filter(|(name, _)| name.eq_ignore_ascii_case(node)).map(|(_, table)| table);
        let mut merged: Vec<Chosen> = Vec::new();
        for chosen in std::iter::once(self).chain(of_node).flat_map(|table| table.of_kind(agent)) {
            merged.retain(|earlier| !earlier.key.eq_ignore_ascii_case(&chosen.key));
            merged.push(chosen.clone());
        }
        merged
    }

    fn of_kind(&self, agent: AgentKind) -> impl Iterator<Item = &Chosen> {
        let own = self.own.iter().filter(move |(kind, _)| *kind == agent).flat_map(|(_, chosen)| chosen);
        self.all.iter().chain(own)
    }
}

impl Project {
    /// The `[settings]` that one kind of agent uses on a node.
    pub fn settings_used(&self, agent: AgentKind, node: &str) -> Vec<Chosen> {
        let used = |chosen: &Chosen| Key::find(&chosen.key).is_some_and(|key| key.is_for(agent));
        self.settings.of(agent, node).into_iter().filter(used).collect()
    }

    /// The `[additional-parameters]` of one kind of agent on a node, written as they are into each config.ini (R90).
    pub fn additional(&self, agent: AgentKind, node: &str) -> Vec<Chosen> {
        self.additional.of(agent, node)
    }
}

/// What a project file is read against.
#[derive(Clone, Copy)]
pub struct Known<'k> {
    /// The text of a list that the project file names. `Err` is the cause.
    pub list: &'k dyn Fn(&str) -> Result<String, String>,
    /// Whether an agent can open such a store. `Err` is the cause, without the address.
    pub store: &'k dyn Fn(&str) -> Result<(), String>,
}

/// Reads a project file with its lists; `Err` holds every error and warning found.
pub fn load_project(path: &Path) -> Result<Project, Vec<Finding>> {
    load_project_knowing(path, &|_| Ok(()))
}

/// The same by someone who knows which stores there are.
pub fn load_project_knowing(path: &Path, store: &dyn Fn(&str) -> Result<(), String>) -> Result<Project, Vec<Finding>> {
    let file = path.display().to_string();
    let unread = |cause: String| {
        let finding = Finding::new(Level::Error, &file, None, format!("could not read the project file: {cause}"));
        vec![finding.hint("`mailferry init` writes one to begin with; --project names another")]
    };
    let text = text_of(path, PROJECT_BYTES_MAX).map_err(unread)?;
    let list = |name: &str| text_of(&path.with_file_name(name), LIST_BYTES_MAX);
    parse_project_knowing(&file, &text, Known { list: &list, store })
}

/// `Err` is the cause.
fn text_of(path: &Path, bytes_max: u64) -> Result<String, String> {
    let bytes = files::read(path, bytes_max).map_err(|error| error.to_string())?;
    String::from_utf8(bytes).map_err(|error| format!("byte {} is not UTF-8", error.utf8_error().valid_up_to()))
}

/// A project file without lists. `file` is its name in what is reported.
pub fn parse_project(file: &str, text: &str) -> Result<Project, Vec<Finding>> {
    parse_project_knowing(file, text, Known { list: &|_| Err("there are no lists here".into()), store: &|_| Ok(()) })
}

pub fn parse_project_knowing(file: &str, whole: &str, known: Known<'_>) -> Result<Project, Vec<Finding>> {
    let text = whole.strip_prefix('\u{feff}').unwrap_or(whole);
    let lines = Lines::of(text);
    let (mut table, errors) = DeTable::parse_recoverable(text);
    let unreadable = |error: toml::de::Error| {
        let line = error.span().map(|span| lines.number(span.start));
        let finding = Finding::new(Level::Error, file, line, error.message().replace('\n', ", "));
        finding.hint("this is not TOML (https://toml.io); `mailferry init` writes a project file to begin with")
    };
    if !errors.is_empty() {
        return Err(errors.into_iter().map(unreadable).collect());
    }
    let mut findings = Vec::new();
    if !shape(file, &lines, &mut table, &mut findings) {
        findings.sort_by_key(|finding| finding.line);
        return Err(findings);
    }
    let raw = RawProject::deserialize(toml::Deserializer::from(table)).map_err(|error| vec![unreadable(error)])?;
    let mut project = check(Check::new(file, lines, findings, known), raw)?;
    let name = Path::new(file).file_name().map_or_else(|| file.into(), |name| name.to_string_lossy().into_owned());
    project.texts.insert(0, (name, whole.into()));
    Ok(project)
}

/// Where the lines of a text end, to tell the number of a line from a place in bytes.
pub(super) struct Lines(Vec<usize>);

impl Lines {
    pub fn of(text: &str) -> Self {
        Lines(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// Counted from 1.
    pub fn number(&self, at: usize) -> u32 {
        1 + self.0.partition_point(|end| *end < at) as u32
    }
}

/// A documented name of the project file.
pub(super) struct Field {
    pub name: &'static str,
    pub doc: &'static str,
    pub kind: Kind,
    pub required: bool,
}

/// A table of the project file: the struct that reads it, and its documentation.
macro_rules! documented {
    ($(#[$meta:meta])* struct $table:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $table { $($(#[doc = $doc])+ pub $field: $type,)+ }

        impl $table {
            pub const FIELDS: &'static [Field] = &[$(Field {
                name: stringify!($field),
                doc: concat!($($doc),+),
                kind: <$type as Shaped>::KIND,
                required: <$type as Shaped>::REQUIRED,
            },)+];
        }
    };
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProject {
    pub project: RawHead,
    pub source: RawCluster,
    pub target: RawCluster,
    #[serde(default)]
    pub settings: RawKeys,
    #[serde(default, rename = "additional-parameters")]
    pub additional: RawKeys,
    #[serde(default)]
    pub collections: Vec<RawCollection>,
}

documented! {
    /// `[project]`
    struct RawHead {
        /// Name of the project. Required. The ids of mailboxes are made from it, so it does not change once containers are on their way.
        name: Spanned<String>,
    }
}

documented! {
    /// `[source]` and `[target]`
    struct RawCluster {
        /// Name of the virtual server, or of the standalone server. Required. 1 to 63 letters, digits, `-`, `_` or `.`, compared without case.
        name: Spanned<String>,
        /// Folder where the epochs of a cluster are claimed; every node must reach it when the other is down. Required for a cluster; a standalone server uses its own share.
        witness: Option<Spanned<String>>,
        /// Who says which node of a cluster is active: `static`, a file at the witness that `mailferry role` changes; `pacemaker`, the node where Pacemaker has started `role_resource`; `wsfc`, the owner of the group `role_resource` of Windows Failover Clustering. Default `static`.
        role: Option<Spanned<String>>,
        /// The resource of Pacemaker, or the group of Windows Failover Clustering, that is where the active node is. Required with `pacemaker` and `wsfc`.
        role_resource: Option<Spanned<String>>,
        /// Put before the stores of mailboxes that name no kind, such as `maildir:/srv/mail`. Optional.
        store_root: Option<Spanned<String>>,
        /// One node for a standalone server, two for a cluster. Required.
        nodes: Spanned<Vec<RawNode>>,
    }
}

documented! {
    /// `[[source.nodes]]` and `[[target.nodes]]`
    struct RawNode {
        /// Name of the node. Required. No two nodes of a project share a name.
        name: Spanned<String>,
        /// The folder above `NTA`, as every agent reaches it. Default: `\\NODE\MFEx$NAME$` for a standalone server, `\\NODE\MFExNode$` for a node of a cluster.
        share: Option<Spanned<String>>,
        /// The folder above `source`, `transmission` and `target` on this node, as the console reaches it. Required. It must exist when the project is committed.
        agents: Spanned<String>,
        /// Name of this node in the cluster manager. Default: its name here; compared without case.
        cluster_node: Option<Spanned<String>>,
    }
}

impl Shaped for Vec<RawMailbox> {
    const KIND: Kind = Kind::Tables(RawMailbox::FIELDS);
}

impl Shaped for Spanned<Vec<RawNode>> {
    const KIND: Kind = Kind::AllTables(RawNode::FIELDS);
}

documented! {
    /// `[[collections]]`
    struct RawCollection {
        /// Name of the collection. Required.
        name: Spanned<String>,
        /// Collections with a higher priority go first. A whole number, default 0.
        priority: Option<i32>,
        /// The mailboxes. Optional.
        mailboxes: Option<Vec<RawMailbox>>,
        /// A CSV file with more mailboxes of this collection, beside the project file or in a folder there: `waves/first.csv`. Optional.
        list: Option<Spanned<String>>,
    }
}

documented! {
    /// `[[collections.mailboxes]]`
    struct RawMailbox {
        /// Name of the mailbox. Required. Unique in the project, compared without case; of two the first counts, with a warning.
        name: Spanned<String>,
        /// Store it is read from, such as `maildir:/srv/mail/alice`, or a path below `store_root`. Required. No password belongs here.
        source: Spanned<String>,
        /// Store it is written to. Required.
        target: Spanned<String>,
        /// Name of the mailbox of the project that is the archive of this one: `mailferry moves new` moves the two as one. Optional.
        archive: Option<Spanned<String>>,
        /// Default: the priority of the collection.
        priority: Option<i32>,
        /// 32 lower-case hex digits. Default: made from the names of project and mailbox, so that it is the same after each commit.
        id: Option<Spanned<String>>,
    }
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
