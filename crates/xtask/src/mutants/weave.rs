//! A copy of the tree in which every mutant sleeps behind a switch.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::Mutant;
use crate::shell::command;

/// Woven into the rules, which everything builds on: the number of the mutant that is awake, from 1; none is 0, and one that nobody has
/// looked up yet the largest of all.
const SWITCH: &str = "
pub mod mutant {
    extern crate std;
    use core::sync::atomic::{AtomicUsize, Ordering};
    static AWAKE: AtomicUsize = AtomicUsize::new(usize::MAX);
    pub fn is(number: usize) -> bool {
        let mut awake = AWAKE.load(Ordering::Relaxed);
        if awake == usize::MAX {
            awake = std::env::var(\"MUTANT\").ok().and_then(|text| text.parse().ok()).unwrap_or(0);
            AWAKE.store(awake, Ordering::Relaxed);
        }
        awake == number
    }
}
";

pub(super) fn weave(root: &Path, tree: &Path, mutants: &[Mutant]) -> Result<()> {
    copy(root, tree)?;
    let mut files: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
    for (at, mutant) in mutants.iter().enumerate() {
        files.entry(&mutant.file).or_default().push((at + 1, mutant));
    }
    for (file, mutants) in files {
        edit(&tree.join(file), |text| woven(text, file.starts_with("crates/rules/"), &mutants))?;
    }
    edit(&tree.join("crates/rules/src/lib.rs"), |text| Ok(format!("{text}{SWITCH}")))
}

fn edit(path: &Path, change: impl FnOnce(&str) -> Result<String>) -> Result<()> {
    let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
    fs::write(path, change(&text)?).with_context(|| format!("could not write {}", path.display()))
}

/// Files that have not changed keep their times, so that little is built again; those that are gone go.
fn copy(root: &Path, tree: &Path) -> Result<()> {
    let listed = command("git", &["ls-files", "--cached", "--others", "--exclude-standard", "-z"]).output().context("git is not there")?;
    let mut kept = BTreeSet::new();
    for name in String::from_utf8_lossy(&listed.stdout).split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root.join(name), tree.join(name));
        let Ok(bytes) = fs::read(&from) else { continue };
        kept.insert(to.clone());
        if fs::read(&to).is_ok_and(|old| old == bytes) {
            continue;
        }
        fs::create_dir_all(to.parent().unwrap_or(tree))?;
        fs::write(&to, bytes).with_context(|| format!("could not write {}", to.display()))?;
    }
    clear(tree, &kept)
}

fn clear(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            clear(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path).with_context(|| format!("could not remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// Where a mutant changes its file.
pub(super) fn place(text: &str, mutant: &Mutant) -> Result<Range<usize>> {
    let old = mutant.old.as_deref().unwrap_or(&mutant.find);
    let count = text.matches(&mutant.find).count();
    ensure!(count == 1, "`{}`: its text stands {count} times in {}", mutant.name, mutant.file);
    ensure!(mutant.find.matches(old).count() == 1, "`{}`: `old` is not once in `find`", mutant.name);
    let start = text.find(&mutant.find).unwrap_or_default() + mutant.find.find(old).unwrap_or_default();
    Ok(start..start + old.len())
}

fn woven(text: &str, in_rules: bool, mutants: &[(usize, &Mutant)]) -> Result<String> {
    let mut places: BTreeMap<(usize, usize), Vec<(usize, &Mutant)>> = BTreeMap::new();
    for (number, mutant) in mutants {
        let place = place(text, mutant)?;
        places.entry((place.start, place.end)).or_default().push((*number, *mutant));
    }
    let switch = if in_rules { "crate" } else { "mailferry_rules" };
    let (mut text, mut next) = (text.to_owned(), usize::MAX);
    for ((start, end), mutants) in places.into_iter().rev() {
        if end > next {
            bail!("`{}` overlaps another mutant", mutants[0].1.name);
        }
        let cases: String =
            mutants.iter().map(|(number, mutant)| format!("if {switch}::mutant::is({number}) {{ {} }} else ", mutant.new)).collect();
        let choice = format!("{cases}{{ {} }}", &text[start..end]);
        text.replace_range(start..end, &if mutants[0].1.statement { choice } else { format!("core::convert::identity({choice})") });
        next = start;
    }
    Ok(text)
}
