//! `cargo xtask mutants`: breaks each safety rule on purpose and asks ladder and swarm whether they notice; where these only simulate
//! what a rule decides on, as with the copies of the data guarantee, its own tests.
//!
//! All mutants of `list.toml` are woven into one copy of the tree, each behind a switch, so that one build serves them all:
//! `OLD` becomes `if this mutant { NEW } else { OLD }`. The tree of the house knows nothing of it.

mod weave;

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::shell::{cargo, root, run};

#[derive(clap::Args)]
pub struct Mutants {
    /// Only mutants whose name contains this, or of this rule
    #[arg(long, default_value = "")]
    only: String,
    /// Seeds of the swarm that each mutant has to pass
    #[arg(long, default_value_t = 1500)]
    seeds: u64,
    /// Mutants at a time
    #[arg(long, default_value_t = 2)]
    jobs: usize,
}

/// A rule broken on purpose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Mutant {
    name: String,
    rule: String,
    file: String,
    find: String,
    old: Option<String>,
    new: String,
    #[serde(default)]
    statement: bool,
    /// Package, and filter, of the tests that are asked instead of the simulator.
    tests: Option<String>,
    /// What holds the rule as well, so that nothing can notice this alone: it is not asked.
    twice: Option<String>,
}

#[derive(Deserialize)]
struct List {
    mutant: Vec<Mutant>,
}

fn list() -> Result<Vec<Mutant>> {
    let list: List = toml::from_str(include_str!("list.toml")).context("could not read the list of mutants")?;
    Ok(list.mutant)
}

/// What noticed a mutant.
enum Caught {
    By(String, f64),
    /// The rule is held by something else too.
    HeldTwice(String),
    Never,
}

impl fmt::Display for Caught {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Caught::By(what, seconds) => write!(f, "{what}, after {seconds:.1} s"),
            Caught::HeldTwice(by) => write!(f, "- (held twice: {by})"),
            Caught::Never => f.write_str("NOT CAUGHT"),
        }
    }
}

impl Mutants {
    pub fn run(self) -> Result<()> {
        let mutants = list()?;
        let program = build(&mutants)?;
        let wanted: Vec<usize> =
            (0..mutants.len()).filter(|at| mutants[*at].name.contains(&self.only) || mutants[*at].rule == self.only).collect();
        let mut sound = self.ask(&program, 0)?;
        for tests in wanted.iter().filter_map(|at| mutants[*at].tests.as_deref()).collect::<BTreeSet<_>>() {
            sound = if let Caught::Never = sound { ask_tests(tests, 0)? } else { sound };
        }
        ensure!(matches!(sound, Caught::Never), "without any mutant something fails: mend that first: {sound}");
        let verdicts = self.ask_all(&program, &mutants, &wanted)?;
        println!("\n| rule | broken on purpose | caught by |\n|---|---|---|");
        for (at, caught) in &verdicts {
            println!("| {} | {} | {caught} |", mutants[*at].rule, mutants[*at].name);
        }
        let alive = verdicts.iter().filter(|(_, caught)| matches!(caught, Caught::Never)).count();
        println!("\n{} passed, {alive} failed", verdicts.len() - alive);
        if alive > 0 { bail!("{alive} mutants were not caught") } else { Ok(()) }
    }

    fn ask_all(&self, program: &Path, mutants: &[Mutant], wanted: &[usize]) -> Result<Vec<(usize, Caught)>> {
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            let work = || -> Result<()> {
                while let Some(at) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let caught = match &mutants[*at].twice {
                        Some(by) => Caught::HeldTwice(by.clone()),
                        None => match &mutants[*at].tests {
                            Some(tests) => ask_tests(tests, at + 1)?,
                            None => self.ask(program, at + 1)?,
                        },
                    };
                    eprintln!("mutant {}: {caught}", at + 1);
                    found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((*at, caught));
                }
                Ok(())
            };
            let workers: Vec<_> = (0..self.jobs.max(1)).map(|_| scope.spawn(work)).collect();
            workers.into_iter().try_for_each(|worker| worker.join().unwrap_or_else(|_| bail!("a worker has crashed")))
        })?;
        let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        found.sort_by_key(|(at, _)| *at);
        Ok(found)
    }

    /// The scenarios, a few lives, many lives, the ladder.
    fn ask(&self, program: &Path, mutant: usize) -> Result<Caught> {
        let (few, started) = (self.seeds.min(150), Instant::now());
        let mut trials: Vec<Vec<String>> = scenarios()?.into_iter().map(|file| vec!["scenario".into(), file]).collect();
        trials.extend([
            vec!["explore".into(), "1".into(), few.to_string(), "first".into()],
            vec!["explore".into(), (1 + few).to_string(), (self.seeds - few).to_string(), "first".into()],
            vec!["ladder".into(), "first".into()],
        ]);
        for trial in trials {
            let output = Command::new(program)
                .args(&trial)
                .env("MUTANT", mutant.to_string())
                .stdin(Stdio::null())
                .output()
                .with_context(|| format!("could not run {}", program.display()))?;
            if !output.status.success() {
                return Ok(Caught::By(noticed(&trial, &String::from_utf8_lossy(&output.stdout)), started.elapsed().as_secs_f64()));
            }
        }
        Ok(Caught::Never)
    }
}

fn ask_tests(tests: &str, mutant: usize) -> Result<Caught> {
    let (started, (tree, target)) = (Instant::now(), places());
    let mut test = cargo(&["test", "--release", "--quiet", "--lib", "--package"]);
    test.args(tests.split(' ')).current_dir(tree).env("CARGO_TARGET_DIR", target).env("MUTANT", mutant.to_string());
    let output = test.stdin(Stdio::null()).output().context("cargo could not be run")?;
    if output.status.success() {
        return Ok(Caught::Never);
    }
    let told = String::from_utf8_lossy(&output.stdout);
    let name = told.lines().find_map(|line| line.strip_prefix("---- ")?.strip_suffix(" stdout ----"));
    let name = name.with_context(|| format!("the tests of {tests} could not be run: {}", String::from_utf8_lossy(&output.stderr)))?;
    let name = name.rsplit("::").next().unwrap_or(name);
    Ok(Caught::By(format!("test {name}"), started.elapsed().as_secs_f64()))
}

/// What a trial says that has failed.
fn noticed(trial: &[String], told: &str) -> String {
    let line = match trial {
        [word, file] if word == "scenario" => return format!("scenario {}", Path::new(file).file_stem().unwrap_or_default().display()),
        _ => told.lines().find(|line| line.contains("fail")).unwrap_or("it crashed"),
    };
    line.chars().take(110).collect::<String>().replace('|', "/")
}

fn scenarios() -> Result<Vec<String>> {
    let folder = root().join("tests/scenarios");
    let entries = std::fs::read_dir(&folder).with_context(|| format!("could not list {}", folder.display()))?;
    let mut files = entries.map(|entry| Ok(entry?.path().display().to_string())).collect::<Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// The simulator with every mutant in it.
fn build(mutants: &[Mutant]) -> Result<PathBuf> {
    let (tree, target) = places();
    weave::weave(&root(), &tree, mutants)?;
    let mut build = cargo(&["build", "--release", "--package", "mailferry-sim", "--bin", "mailferry-sim"]);
    build.current_dir(&tree).env("CARGO_TARGET_DIR", &target);
    run(build)?;
    Ok(target.join("release/mailferry-sim"))
}

/// The copy of the tree, and where it is built.
fn places() -> (PathBuf, PathBuf) {
    let below = root().join("target/mutants");
    (below.join("tree"), below.join("build"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_still_has_its_place_in_the_code() {
        let (root, mutants) = (root(), list().expect("the list can be read"));
        assert!(mutants.len() >= 20, "the list has shrunk");
        for mutant in &mutants {
            let text = std::fs::read_to_string(root.join(&mutant.file)).expect("the file of a mutant is there");
            weave::place(&text, mutant).expect("a mutant has one place");
        }
    }
}
