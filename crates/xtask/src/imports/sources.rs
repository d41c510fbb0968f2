//! The sources of the house as text.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A source file. Comments are blanked; lines keep their numbers.
pub(super) struct Source {
    /// From the root of the repository, with `/`.
    pub file: String,
    pub lines: Vec<Line>,
}

pub(super) struct Line {
    pub code: String,
    /// Part of a test.
    pub test: bool,
}

impl Source {
    pub fn new(file: String, text: &str) -> Self {
        let mut test = is_test_file(&file);
        let mut marked = false;
        let mut lines = Vec::new();
        for raw in text.lines() {
            let code = without_comment(raw);
            // House style: the tests of a file are one inline module at its end.
            test |= marked && code.trim_start().starts_with("mod ") && code.ends_with('{');
            marked = code.trim() == "#[cfg(test)]" || (marked && code.trim_start().starts_with("#["));
            lines.push(Line { code, test });
        }
        Source { file, lines }
    }
}

fn is_test_file(file: &str) -> bool {
    let mut parts = file.rsplit('/');
    let name = parts.next().unwrap_or_default();
    name == "tests.rs" || name.ends_with("_tests.rs") || parts.any(|folder| folder == "tests")
}

/// Cuts a `//` comment. An address in a string (`https://`) is no comment.
fn without_comment(line: &str) -> String {
    let starts = |at: &usize| line[..*at].chars().next_back().is_none_or(|before| before != ':');
    let end = line.match_indices("//").map(|(at, _)| at).find(starts);
    line[..end.unwrap_or(line.len())].trim_end().to_owned()
}

/// Every Rust file of crates, agents and tests, in order.
pub(super) fn all(root: &Path) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    for top in ["crates", "agents", "tests"] {
        collect(&root.join(top), &mut files)?;
    }
    files.iter().map(|path| read(root, path)).collect()
}

fn read(root: &Path, path: &Path) -> Result<Source> {
    let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    Ok(Source::new(slashed(path.strip_prefix(root)?), &text))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for path in entries(folder)? {
        if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

pub(super) fn folders_in(folder: &Path) -> Result<Vec<PathBuf>> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let could_not = || format!("could not list {}", folder.display());
    let paths = fs::read_dir(folder).with_context(could_not)?.map(|entry| Ok(entry?.path()));
    let mut paths = paths.collect::<std::io::Result<Vec<_>>>().with_context(could_not)?;
    paths.sort();
    Ok(paths)
}

pub(super) fn slashed(path: &Path) -> String {
    path.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}
