//! The project file: one TOML file that a person writes and the console commits to every agent (R90).
//!
//! Reading goes in two steps: `toml` and serde say whether it has the right shape (an unknown name is an error there, for
//! a person is present and a misspelt `witness` must not be overlooked); `check` says whether it makes sense, and reports
//! everything it finds at once, each with its line.

use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use toml::Spanned;

use super::check::check;
use super::files;
use super::finding::Finding;
use super::key::Key;
use super::mailbox::Mailbox;
use super::topology::{AgentKind, Topology};
use crate::ports::Level;

/// Bytes of a project file that are read at most.
const PROJECT_BYTES_MAX: u64 = 64 << 20;

/// A project that makes sense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Project {
    pub name: String,
    pub topology: Topology,
    /// By collection priority, then in the order of the file; each name once.
    pub mailboxes: Vec<Mailbox>,
    pub(super) settings: KeyTable,
    pub(super) additional: KeyTable,
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

/// Keys for all agents and for each kind.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct KeyTable {
    pub all: Vec<Chosen>,
    pub own: Vec<(AgentKind, Vec<Chosen>)>,
}

impl KeyTable {
    /// What one agent gets: what is said for its kind overrides what is said for all, a later line an earlier one.
    pub fn of(&self, agent: AgentKind) -> Vec<Chosen> {
        let own = self.own.iter().filter(|(kind, _)| *kind == agent).flat_map(|(_, chosen)| chosen);
        let mut merged: Vec<Chosen> = Vec::new();
        for chosen in self.all.iter().chain(own) {
            merged.retain(|earlier| !earlier.key.eq_ignore_ascii_case(&chosen.key));
            merged.push(chosen.clone());
        }
        merged
    }
}

impl Project {
    /// The `[settings]` that one kind of agent uses.
    pub fn settings_used(&self, agent: AgentKind) -> Vec<Chosen> {
        let used = |chosen: &Chosen| Key::find(&chosen.key).is_some_and(|key| key.is_for(agent));
        self.settings.of(agent).into_iter().filter(used).collect()
    }

    /// The `[additional-parameters]` of one kind of agent, written as they are into each config.ini (R90).
    pub fn additional(&self, agent: AgentKind) -> Vec<Chosen> {
        self.additional.of(agent)
    }
}

/// Reads a project file; `Err` holds every error and warning found.
pub fn load_project(path: &Path) -> Result<Project, Vec<Finding>> {
    let file = path.display().to_string();
    let unread = |cause: String| vec![Finding::new(Level::Error, &file, None, format!("could not read the project file: {cause}"))];
    let bytes = files::read(path, PROJECT_BYTES_MAX).map_err(|error| unread(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|error| unread(format!("byte {} is not UTF-8", error.utf8_error().valid_up_to())))?;
    parse_project(&file, &text)
}

/// `file` is its name in what is reported.
pub fn parse_project(file: &str, text: &str) -> Result<Project, Vec<Finding>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let raw: RawProject = toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| Lines::of(text).number(span.start));
        vec![Finding::new(Level::Error, file, line, error.message().replace('\n', ", "))]
    })?;
    check(file, text, raw)
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
}

/// A table of the project file: the struct that reads it, and its documentation.
macro_rules! documented {
    ($(#[$meta:meta])* struct $table:ident { $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(super) struct $table { $($(#[doc = $doc])+ pub $field: $type,)+ }

        impl $table {
            pub const FIELDS: &'static [Field] = &[$(Field { name: stringify!($field), doc: concat!($($doc),+) },)+];
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

documented! {
    /// `[[collections]]`
    struct RawCollection {
        /// Name of the collection. Required.
        name: Spanned<String>,
        /// Collections with a higher priority go first. A whole number, default 0.
        priority: Option<i32>,
        /// The mailboxes. Optional.
        mailboxes: Option<Vec<RawMailbox>>,
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

/// `[settings]` or `[additional-parameters]`: keys, and a table of keys for each kind of agent. Positions are bytes.
#[derive(Default)]
pub(super) struct RawKeys {
    pub all: Vec<RawKey>,
    pub own: Vec<(AgentKind, Vec<RawKey>)>,
}

pub(super) struct RawKey {
    pub key: Spanned<String>,
    /// `None`: not a text, a whole number, true or false.
    pub value: Option<String>,
}

impl<'de> Deserialize<'de> for RawKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor { nested: true })
    }
}

struct OwnKeys(Vec<RawKey>);

impl<'de> Deserialize<'de> for OwnKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(KeysVisitor { nested: false }).map(|keys| OwnKeys(keys.all))
    }
}

struct KeysVisitor {
    nested: bool,
}

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = RawKeys;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a table of keys")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawKeys, A::Error> {
        let mut keys = RawKeys::default();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            match key.get_ref().parse::<AgentKind>() {
                Ok(kind) if self.nested => keys.own.push((kind, map.next_value::<OwnKeys>()?.0)),
                _ => keys.all.push(RawKey { key, value: scalar(map.next_value()?) }),
            }
        }
        // The parser hands them out by name; the order of the file decides which of two counts.
        keys.all.sort_by_key(|raw| raw.key.span().start);
        Ok(keys)
    }
}

fn scalar(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(u8::from(on).to_string()),
        _ => None,
    }
}

#[cfg(test)]
#[path = "project_tests.rs"]
mod tests;
