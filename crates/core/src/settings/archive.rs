//! What was committed, kept by the console beside the project file: for `project.toml` a folder `project.commits`, in it a
//! folder for each commit with the project file and its lists as they were.
//!
//! A commit is kept before the first node gets it, so that each that a node may have is known here.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::desired::Revision;
use super::files::{self, Lock};
use super::project::{PROJECT_BYTES_MAX, Project};
use super::record::Author;
use crate::trouble::Trouble;

/// Version 1: as below.
const KEPT_FORMAT: u32 = 1;
const KEPT_BYTES_MAX: u64 = 1 << 20;
const ABOUT: &str = "commit.json";

/// One commit that is kept.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct KeptCommit {
    pub format: u32,
    pub number: u64,
    pub digest: String,
    pub at_ms: u64,
    pub by: String,
    /// The commit that it brought back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_to: Option<u64>,
    pub mailboxes: u64,
    /// The project file and its lists, by their names beside commit.json.
    pub files: Vec<String>,
}

impl KeptCommit {
    pub fn revision(&self) -> Revision {
        Revision { number: self.number, digest: self.digest.clone() }
    }
}

#[derive(Clone, Debug)]
pub struct Archive {
    project: PathBuf,
    folder: PathBuf,
}

impl Archive {
    pub fn beside(project: &Path) -> Archive {
        let project = std::path::absolute(project).unwrap_or_else(|_| project.into());
        Archive { folder: project.with_extension("commits"), project }
    }

    /// Keeps every other commit from here waiting outside, until the answer is dropped or the process ends, however it ends.
    pub fn lock(&self) -> Result<Lock, Trouble> {
        let path = self.folder.join("lock");
        let unlocked = |cause: &dyn fmt::Display, hint: &str| {
            Trouble::new("could not begin a commit").place(path.display()).cause(cause).now("no node was written").hint(hint)
        };
        let file = files::make_folders(&self.folder)
            .and_then(|()| Lock::file(&path))
            .map_err(|error| unlocked(&error, "give this account the right to write beside the project file"))?;
        match file.taken() {
            Ok(Some(lock)) => Ok(lock),
            Ok(None) => Err(unlocked(
                &"another commit of this project is going on",
                "wait until it is done, look at `mailferry status`, commit again",
            )),
            Err(error) => Err(unlocked(&error, "keep the project file on a disk that can lock files")),
        }
    }

    /// The newest first. Folders that are no commits are passed over.
    pub fn commits(&self) -> Result<Vec<KeptCommit>, Trouble> {
        let names = files::names(&self.folder).map_err(|error| self.unread(&self.folder, &error.to_string()))?;
        let numbers = names.iter().filter_map(|name| name.parse::<u64>().ok());
        let mut commits: Vec<KeptCommit> = numbers.map(|number| self.about(number)).collect::<Result<_, _>>()?;
        commits.sort_by_key(|commit| std::cmp::Reverse(commit.number));
        Ok(commits)
    }

    /// One commit; `Err` names those there are.
    pub fn commit(&self, number: u64) -> Result<KeptCommit, Trouble> {
        let commits = self.commits()?;
        let known: Vec<String> = commits.iter().take(10).map(|commit| commit.number.to_string()).collect();
        commits.into_iter().find(|commit| commit.number == number).ok_or_else(|| {
            let trouble = Trouble::new(format!("no commit {number} is kept here")).place(self.folder.display());
            match known.as_slice() {
                [] => trouble.hint("nothing was committed from here yet"),
                known => trouble.cause(format!("the newest are {}", known.join(", "))).hint("`mailferry commit --list` shows them"),
            }
        })
    }

    fn about(&self, number: u64) -> Result<KeptCommit, Trouble> {
        let path = self.of(number).join(ABOUT);
        let bytes = files::read(&path, KEPT_BYTES_MAX).map_err(|error| self.unread(&path, &error.to_string()))?;
        let about: KeptCommit = serde_json::from_slice(&bytes).map_err(|error| self.unread(&path, &error.to_string()))?;
        match about.format {
            KEPT_FORMAT => Ok(about),
            other => Err(self.unread(&path, &format!("it has format {other}; this version reads {KEPT_FORMAT}"))),
        }
    }

    fn unread(&self, path: &Path, cause: &str) -> Trouble {
        let hint = "move what is damaged out of this folder; the nodes have what was committed to them";
        Trouble::new("could not read what was committed before").place(path.display()).cause(cause).hint(hint)
    }

    fn of(&self, number: u64) -> PathBuf {
        self.folder.join(number.to_string())
    }

    /// The project file of a commit; its lists lie beside it.
    pub fn project_of(&self, number: u64) -> PathBuf {
        self.of(number).join(self.project.file_name().unwrap_or_default())
    }

    /// Keeps a commit; one that is kept already stays as it is. `back_to`: the commit it brings back.
    pub fn keep(&self, project: &Project, revision: &Revision, author: &Author, back_to: Option<u64>) -> Result<(), Trouble> {
        let folder = self.of(revision.number);
        if files::is_there(&folder) {
            let kept = self.about(revision.number)?;
            if kept.digest == revision.digest {
                return Ok(());
            }
            let cause = format!("commit {} is kept here already, by {}, and decided something else", kept.number, kept.by);
            return Err(Trouble::new("could not keep the commit beside the project file")
                .place(folder.display())
                .cause(cause)
                .now("no node was written")
                .hint("commit again: it gets a number of its own"));
        }
        let about = KeptCommit {
            format: KEPT_FORMAT,
            number: revision.number,
            digest: revision.digest.clone(),
            at_ms: author.at_ms,
            by: author.by.clone(),
            back_to,
            mailboxes: project.mailboxes.len() as u64,
            files: project.texts.iter().map(|(name, _)| name.clone()).collect(),
        };
        self.write(project, &about, &folder).map_err(|error| {
            Trouble::new("could not keep the commit beside the project file")
                .place(folder.display())
                .cause(error)
                .now("no node was written")
                .hint("give this account the right to write beside the project file")
        })
    }

    fn write(&self, project: &Project, about: &KeptCommit, folder: &Path) -> io::Result<()> {
        files::make_folders(&self.folder)?;
        let part = self.folder.join(format!("{}.part", about.number));
        if files::is_there(&part) {
            files::remove_folder(&part)?;
        }
        for (name, text) in &project.texts {
            let path = part.join(name);
            files::make_folders(path.parent().unwrap_or(&part))?;
            files::write_durably(&path, text.as_bytes())?;
        }
        files::write_durably(&part.join(ABOUT), &serde_json::to_vec_pretty(about)?)?;
        files::rename(&part, folder)
    }

    /// Whether the project file and its lists, as they are now, are those of a commit: nothing is lost when they are replaced.
    pub fn holds_what_is_there(&self) -> Result<bool, Trouble> {
        if !files::is_there(&self.project) {
            return Ok(true);
        }
        let same = |commit: &KeptCommit| {
            let mut files = commit.files.iter();
            let beside = |name: &String| self.project.with_file_name(name);
            let kept = |name: &String| self.of(commit.number).join(name);
            files.all(|name| read(&beside(name)).ok().is_some_and(|now| read(&kept(name)).ok() == Some(now)))
        };
        Ok(self.commits()?.iter().any(same))
    }

    /// The project file and its lists as they were in a commit, the project file last.
    pub fn put_back(&self, commit: &KeptCommit) -> Result<(), Trouble> {
        for name in commit.files.iter().rev() {
            let (from, to) = (self.of(commit.number).join(name), self.project.with_file_name(name));
            let written = read(&from).and_then(|bytes| match read(&to).is_ok_and(|now| now == bytes) {
                true => Ok(()),
                false => files::write_durably(&to, &bytes),
            });
            written.map_err(|error| {
                Trouble::new("could not put the project file back")
                    .place(to.display())
                    .cause(error)
                    .hint(format!("copy it from {}", from.display()))
            })?;
        }
        Ok(())
    }
}

/// A project file, or one of its lists.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    files::read(path, PROJECT_BYTES_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::load_project;

    fn archive() -> (tempfile::TempDir, Archive, Project) {
        let dir = tempfile::tempdir().expect("a folder");
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/settings/project.toml");
        let archive = Archive::beside(&dir.path().join("project.toml"));
        (dir, archive, load_project(&golden).expect("the golden project is correct"))
    }

    #[test]
    fn a_number_is_not_given_to_another_commit() {
        let (_dir, archive, project) = archive();
        let revision = |digest: &str| Revision { number: 4, digest: digest.into() };
        let author = Author { by: "ann".into(), at_ms: 1 };
        archive.keep(&project, &revision("one"), &author, None).expect("kept");
        archive.keep(&project, &revision("one"), &author, None).expect("kept already");
        let other = archive.keep(&project, &revision("two"), &author, None).expect_err("another").to_string();
        assert!(other.contains("commit 4 is kept here already, by ann") && other.contains("no node was written"), "{other}");
        assert_eq!(archive.commit(4).map(|kept| kept.digest), Ok("one".into()));
    }

    #[test]
    fn one_commits_at_a_time_and_a_lock_ends_with_whoever_holds_it() {
        let (_dir, archive, _) = archive();
        let first = archive.lock().expect("locked");
        assert!(archive.lock().is_err_and(|trouble| trouble.to_string().contains("another commit of this project is going on")));
        drop(first);
        archive.lock().expect("locked again");
        assert_eq!(archive.commits().map(|all| all.len()), Ok(0), "a lock is no commit");
    }
}
