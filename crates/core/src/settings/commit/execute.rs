//! Doing what the plan shows: the files of a node are put ready, commits.json is replaced, the files get their names.
//!
//! Before commits.json is replaced the last commit counts for every agent of the node, after it this one does.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use super::{AgentPlan, CommitPlan, Effect, FilePlan, NodeOutcome, NodePlan, RIGHTS};
use crate::settings::desired::Revision;
use crate::settings::files;
use crate::settings::record::{Author, CommitEntry, NodeRecord, RECORD_FILE, counted_as, digest_of, next_of, read_counting};
use crate::trouble::Trouble;

/// One durable step. A kill between any two loses nothing.
#[derive(Debug)]
pub(super) enum Step {
    Write(PathBuf, Vec<u8>),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

impl Step {
    pub fn take(&self) -> Result<(), Trouble> {
        let (done, place) = match self {
            Step::Write(path, bytes) => (files::write_instead(&counted_as(path), path, bytes), path),
            Step::Rename(from, to) => (files::rename(from, to), to),
            Step::Remove(path) => (files::remove(path), path),
        };
        done.map_err(|error| unwritten(place).cause(error).hint(RIGHTS))
    }
}

fn unwritten(path: &Path) -> Trouble {
    Trouble::new("could not write a file of an agent").place(path.display())
}

impl CommitPlan {
    /// Writes what the plan shows. A node that fails holds up no other.
    pub fn execute(self, author: &Author) -> Vec<NodeOutcome> {
        let CommitPlan { revision, nodes } = self;
        nodes.into_iter().map(|node| node.execute(&revision, author)).collect()
    }
}

impl NodePlan {
    pub(super) fn is_done(&self, revision: &Revision) -> bool {
        let kept = |file: &FilePlan| file.effect == Effect::Keep && !file.waits;
        self.files().all(kept) && self.record.as_ref().and_then(NodeRecord::revision).as_ref() == Some(revision)
    }

    fn files(&self) -> impl Iterator<Item = &FilePlan> {
        self.agents.iter().flatten().flat_map(|agent| &agent.files)
    }

    fn execute(self, revision: &Revision, author: &Author) -> NodeOutcome {
        let result = match &self.agents {
            Err(trouble) => Err(trouble.clone()),
            Ok(_) if self.is_done(revision) => Ok(()),
            Ok(agents) => {
                let unchanged = agents.iter().flat_map(|agent| &agent.files).try_for_each(FilePlan::is_as_planned);
                unchanged.and_then(|()| self.steps(agents, revision, author).iter().try_for_each(Step::take))
            }
        };
        NodeOutcome { node: self.node, result }
    }

    pub(super) fn steps(&self, agents: &[AgentPlan], revision: &Revision, author: &Author) -> Vec<Step> {
        let files = || agents.iter().flat_map(|agent| &agent.files);
        // What a commit that was cut off has left is finished first.
        let finished = files().filter(|file| file.waits).map(FilePlan::naming);
        let changed = || files().filter(|file| file.effect != Effect::Keep);
        let put_ready = changed().map(|file| Step::Write(next_of(&file.path), file.after.clone()));
        let record = Step::Write(self.folder.join(RECORD_FILE), self.recorded(agents, revision, author).bytes());
        // And what one has left that never counted goes.
        let left = files().filter(|file| file.effect == Effect::Keep && !file.waits).map(|file| next_of(&file.path));
        let removed = left.filter(|path| files::is_there(path)).map(Step::Remove);
        finished.chain(put_ready).chain([record]).chain(changed().map(FilePlan::naming)).chain(removed).collect()
    }

    pub(super) fn recorded(&self, agents: &[AgentPlan], revision: &Revision, author: &Author) -> NodeRecord {
        let files = || agents.iter().flat_map(|agent| agent.files.iter().map(|file| (format!("{}/{}", agent.agent, file.name()), file)));
        let digests: BTreeMap<String, String> = files().map(|(name, file)| (name, digest_of(&file.after))).collect();
        let wrote = files().filter(|(_, file)| file.effect != Effect::Keep).map(|(name, _)| name).collect();
        let Revision { number, digest } = revision.clone();
        let entry = CommitEntry { number, digest, at_ms: author.at_ms, by: author.by.clone(), wrote };
        NodeRecord::after(self.record.as_ref(), digests, entry)
    }
}

impl FilePlan {
    fn name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn naming(&self) -> Step {
        Step::Rename(next_of(&self.path), self.path.clone())
    }

    /// What is written is what was shown: a file that changed meanwhile is left alone.
    fn is_as_planned(&self) -> Result<(), Trouble> {
        let now: io::Result<_> = read_counting(&self.path, self.bytes_max);
        let (now, _waits) = now.map_err(|error| unwritten(&self.path).cause(error).hint(RIGHTS))?;
        if now != self.before {
            return Err(unwritten(&self.path).cause("it has changed since the plan was made").hint("commit again"));
        }
        Ok(())
    }
}
