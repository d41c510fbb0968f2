//! Runs `cargo test`, shows every line of it, and reads the counts from what it prints.

use std::io::{BufRead, BufReader, PipeReader, Write};
use std::process::Command;

use anyhow::{Context, Result};

use super::summary::{Suite, Summary};
use crate::shell::line_of;

pub(super) fn test(mut tests: Command, summary: &mut Summary) -> Result<()> {
    let line = line_of(&tests);
    println!("\n$ {line}");
    // One pipe for both outputs keeps the name of a suite before its counts.
    let (reader, writer) = std::io::pipe().context("no pipe")?;
    tests.stderr(writer.try_clone().context("no pipe")?).stdout(writer);
    let mut child = tests.spawn().with_context(|| format!("could not run `{line}`"))?;
    // It holds the ends of the pipe that are written to.
    drop(tests);
    let mut listener = Listener::default();
    listen(reader, &mut listener)?;
    let status = child.wait().with_context(|| format!("could not wait for `{line}`"))?;
    let suites = listener.finish();
    let explained = suites.iter().any(|suite| suite.failed > 0);
    suites.into_iter().for_each(|suite| summary.add(suite));
    if !status.success() && !explained {
        summary.add(Suite::failed("cargo test", format!("ended with {status}: see above")));
    }
    Ok(())
}

fn listen(reader: PipeReader, listener: &mut Listener) -> Result<()> {
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).context("could not read what cargo test says")? > 0 {
        std::io::stdout().write_all(&line).context("could not write")?;
        listener.hear(String::from_utf8_lossy(&line).trim_end());
        line.clear();
    }
    Ok(())
}

/// Makes suites of the lines that cargo and the test programs print.
#[derive(Default)]
pub(super) struct Listener {
    suites: Vec<Suite>,
    running: Option<Suite>,
}

impl Listener {
    pub fn hear(&mut self, line: &str) {
        if let Some(name) = suite_name(line) {
            self.end();
            self.running = Some(Suite::new(name));
        } else if let Some(counts) = line.strip_prefix("test result: ") {
            self.count(counts);
        } else if let Some(suite) = &mut self.running {
            note_skipped(suite, line);
        }
    }

    fn count(&mut self, counts: &str) {
        let Some(mut suite) = self.running.take() else { return };
        let number = |word: &str| -> usize {
            let part = counts.split([';', '.']).find_map(|part| part.trim().strip_suffix(word));
            part.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        // A test that was skipped has returned, and counts as passed for its program.
        suite.passed = number(" passed").saturating_sub(suite.skipped);
        suite.failed += number(" failed");
        suite.skipped += number(" ignored");
        self.suites.push(suite);
    }

    /// A suite that was begun and never gave its counts has crashed.
    fn end(&mut self) {
        self.suites.extend(self.running.take().map(|suite| Suite::failed(suite.name, "ended without its counts")));
    }

    pub fn finish(mut self) -> Vec<Suite> {
        self.end();
        self.suites
    }
}

/// From `Running tests/corpora.rs (target/debug/deps/corpora-0123456789abcdef)` or `Doc-tests mailferry_core`.
fn suite_name(line: &str) -> Option<String> {
    let line = line.trim_start();
    if let Some(name) = line.strip_prefix("Doc-tests ") {
        return Some(format!("{name} (documentation)"));
    }
    let (_, program) = line.strip_prefix("Running ")?.rsplit_once('(')?;
    let file = program.trim_end_matches(')').rsplit(['/', '\\']).next()?;
    Some(file.rsplit_once('-').map_or(file, |(name, _)| name).replace('_', "-"))
}

fn note_skipped(suite: &mut Suite, line: &str) {
    if let Some((_, reason)) = line.split_once("SKIPPED: ") {
        suite.skip(reason);
    } else if let Some((name, reason)) = line.strip_prefix("test ").and_then(|line| line.split_once(" ... ignored, ")) {
        suite.notes.push(format!("{name}: {reason}"));
    }
}
