//! The table at the end.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::Result;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Suite {
    pub name: String,
    pub passed: usize,
    pub failed: usize,
    /// Left out, or passed without having done its work.
    pub skipped: usize,
    /// Why something was skipped or failed.
    pub notes: Vec<String>,
}

impl Suite {
    pub fn new(name: impl Into<String>) -> Self {
        Suite { name: name.into(), ..Suite::default() }
    }

    pub fn of(name: &str, result: Result<()>) -> Self {
        match result {
            Ok(()) => Suite { passed: 1, ..Suite::new(name) },
            Err(error) => Suite::failed(name, format!("{error:#}")),
        }
    }

    pub fn failed(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Suite { failed: 1, notes: vec![reason.into()], ..Suite::new(name) }
    }

    pub fn skipped(name: impl Into<String>, reason: impl Into<String>) -> Self {
        Suite { skipped: 1, notes: vec![reason.into()], ..Suite::new(name) }
    }

    /// One of its tests could not do its work.
    pub fn skip(&mut self, reason: &str) {
        self.skipped += 1;
        self.notes.push(reason.into());
    }
}

#[derive(Default)]
pub(super) struct Summary {
    suites: Vec<Suite>,
}

impl Summary {
    pub fn add(&mut self, suite: Suite) {
        self.suites.push(suite);
    }

    /// Nothing failed, and something ran.
    pub fn passed(&self) -> bool {
        self.total(|suite| suite.failed) == 0 && self.total(|suite| suite.passed) > 0
    }

    fn total(&self, count: impl Fn(&Suite) -> usize) -> usize {
        self.suites.iter().map(count).sum()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let told = || self.suites.iter().filter(|suite| suite.passed + suite.failed + suite.skipped > 0);
        let width = told().map(|suite| suite.name.len()).max().unwrap_or(0).max(5);
        let mut row =
            |name: &str, counts: [&dyn fmt::Display; 3]| writeln!(f, "{name:width$} {:>7} {:>7} {:>8}", counts[0], counts[1], counts[2]);
        row("suite", [&"passed", &"failed", &"skipped"])?;
        for suite in told() {
            row(&suite.name, [&suite.passed, &suite.failed, &suite.skipped])?;
        }
        let total = [self.total(|suite| suite.passed), self.total(|suite| suite.failed), self.total(|suite| suite.skipped)];
        row("all", [&total[0], &total[1], &total[2]])?;
        self.suites.iter().try_for_each(|suite| notes(suite, f))
    }
}

/// Each reason once, with the number of times it came.
fn notes(suite: &Suite, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    suite.notes.iter().for_each(|note| *times.entry(note).or_default() += 1);
    let word = if suite.failed > 0 { "FAILED" } else { "SKIPPED" };
    times.iter().try_for_each(|(note, times)| match times {
        1 => writeln!(f, "{word} {}: {note}", suite.name),
        _ => writeln!(f, "{word} {} ({times} times): {note}", suite.name),
    })
}
