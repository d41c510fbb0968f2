//! commits.json: what was committed to a node, when and by whom. It is the moment at which a commit counts there.
//!
//! A commit first puts each file beside the one it will replace, as `NAME.next`, then replaces commits.json, which names the
//! digest of every file, and then renames. Whoever reads a file that has a `.next` looks at commits.json: the digest says which
//! of the two counts. So all agents of a node go from one commit to the next together, whenever the console is killed, and the
//! next commit finishes what was begun. The road not taken: a folder for each commit and a pointer to it. Nobody would find
//! config.ini where it has always been.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::desired::Revision;
use super::files;
use crate::model::Digest;

pub const RECORD_FILE: &str = "commits.json";

/// Version 1: as below.
const RECORD_FORMAT: u32 = 1;

const RECORD_BYTES_MAX: u64 = 4 << 20;

/// Commits that a node remembers.
const COMMITS_KEPT: usize = 100;

/// Who commits, and when.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Author {
    /// Such as `root on desk`.
    pub by: String,
    pub at_ms: u64,
}

impl Author {
    /// Someone who commits a project of their own making, such as the demo.
    pub fn unnamed() -> Self {
        Author { by: "mailferry".into(), at_ms: 0 }
    }
}

/// One commit as a node remembers it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct CommitEntry {
    pub number: u64,
    pub digest: String,
    pub at_ms: u64,
    pub by: String,
    /// The files that it changed, below the agents' folder.
    pub wrote: Vec<String>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct NodeRecord {
    pub format: u32,
    /// Digests of the files that count, by their names below the agents' folder, such as `source/config.ini`.
    pub files: BTreeMap<String, String>,
    /// The newest first.
    pub commits: Vec<CommitEntry>,
}

impl NodeRecord {
    /// The record in an agents' folder. `None`: nothing was committed, or by a version that kept none.
    pub(super) fn read(agents: &Path) -> io::Result<Option<NodeRecord>> {
        let Some(bytes) = files::read_if_there(&agents.join(RECORD_FILE), RECORD_BYTES_MAX)? else { return Ok(None) };
        let record: NodeRecord = serde_json::from_slice(&bytes).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        match record.format {
            RECORD_FORMAT => Ok(Some(record)),
            other => Err(io::Error::new(io::ErrorKind::InvalidData, format!("it has format {other}; this version reads {RECORD_FORMAT}"))),
        }
    }

    /// The record after one commit more.
    pub(super) fn after(earlier: Option<&NodeRecord>, files: BTreeMap<String, String>, entry: CommitEntry) -> NodeRecord {
        let mut commits = vec![entry];
        commits.extend(earlier.into_iter().flat_map(|record| record.commits.iter().cloned()));
        commits.truncate(COMMITS_KEPT);
        NodeRecord { format: RECORD_FORMAT, files, commits }
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }

    pub fn revision(&self) -> Option<Revision> {
        self.commits.first().map(|newest| Revision { number: newest.number, digest: newest.digest.clone() })
    }
}

/// Where a file waits until the record names it.
pub(super) fn next_of(path: &Path) -> PathBuf {
    path.with_added_extension("next")
}

/// The file that one becomes which waits, or the same.
pub(super) fn counted_as(path: &Path) -> PathBuf {
    if path.extension().is_some_and(|extension| extension == "next") { path.with_extension("") } else { path.into() }
}

/// A file of an agent as it counts now, and whether it still waits under its other name.
pub(super) fn read_counting(path: &Path, bytes_max: u64) -> io::Result<(Option<Vec<u8>>, bool)> {
    if let Some(next) = files::read_if_there(&next_of(path), bytes_max)?
        && recorded(path).is_some_and(|wanted| wanted == digest_of(&next))
    {
        return Ok((Some(next), true));
    }
    Ok((files::read_if_there(path, bytes_max)?, false))
}

/// What the record of the node says of a file in the folder of an agent. One that cannot be read says nothing: the file that was
/// there before counts.
fn recorded(path: &Path) -> Option<String> {
    let path = std::path::absolute(path).ok()?;
    let folder = path.parent()?;
    let record = NodeRecord::read(folder.parent()?).ok()??;
    record.files.get(&name_below(folder, &path)?).cloned()
}

fn name_below(folder: &Path, path: &Path) -> Option<String> {
    Some(format!("{}/{}", folder.file_name()?.to_str()?, path.file_name()?.to_str()?))
}

pub(super) fn digest_of(bytes: &[u8]) -> String {
    Digest::of(bytes).to_string()
}
