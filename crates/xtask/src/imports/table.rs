//! Which crate may build on which.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use toml::{Table, Value};

use super::Violation;
use super::sources::{folders_in, slashed};

struct Row {
    name: &'static str,
    /// Crates of the house it may build on.
    house: &'static [&'static str],
    outside: Outside,
    law: &'static str,
}

/// Crates from the registry.
#[derive(PartialEq)]
enum Outside {
    Allowed,
    Refused,
}
use Outside::{Allowed, Refused};

const RULES: &str = "mailferry-rules";
const CHANGESET: &str = "mailferry-changeset";
const CORE: &str = "mailferry-core";
const IMAP: &str = "mailferry-imap";
const STORES: &str = "mailferry-stores";
const HOST: &str = "mailferry-host";
const GUARANTEE: &str = "mailferry-guarantee";
const COMMAND: &str = "mailferry-command";
const SIM: &str = "mailferry-sim";
const CONFORMANCE: &str = "mailferry-conformance";
const MAILBED: &str = "mailferry-mailbed";
const AGENT: &[&str] = &[STORES, HOST, GUARANTEE, CORE, RULES];
const AGENTS_LAW: &str = "an agent is put together from stores, host, guarantee, core and rules";

const TABLE: &[Row] = &[
    Row { name: RULES, house: &[], outside: Refused, law: "the rules build on nothing" },
    Row { name: CHANGESET, house: &[], outside: Allowed, law: "change sets know SQLite and nothing of the house" },
    Row { name: CORE, house: &[RULES, CHANGESET], outside: Allowed, law: "core builds on rules and changeset" },
    Row { name: IMAP, house: &[], outside: Allowed, law: "the client of IMAP knows the protocol and nothing of the house" },
    Row {
        name: STORES,
        house: &[CORE, RULES, IMAP, COMMAND],
        outside: Allowed,
        law: "adapters build on core and rules, and never know each other",
    },
    Row { name: COMMAND, house: &[], outside: Refused, law: "asking a program needs nothing but the standard library" },
    Row {
        name: HOST,
        house: &[CORE, RULES, COMMAND],
        outside: Allowed,
        law: "adapters build on core and rules, and never know each other",
    },
    Row {
        name: GUARANTEE,
        house: &[CORE, RULES, COMMAND],
        outside: Allowed,
        law: "adapters build on core and rules, and never know each other",
    },
    Row { name: SIM, house: &[CORE, RULES], outside: Refused, law: "the simulated world builds on core and rules alone" },
    Row { name: CONFORMANCE, house: &[CORE, RULES], outside: Refused, law: "the suites know the ports and nothing behind them" },
    Row { name: MAILBED, house: &[], outside: Allowed, law: "the mail servers of the tests know nothing of what is tested with them" },
    Row { name: "mailferry-source", house: AGENT, outside: Allowed, law: AGENTS_LAW },
    Row { name: "mailferry-transmission", house: AGENT, outside: Allowed, law: AGENTS_LAW },
    Row { name: "mailferry-target", house: AGENT, outside: Allowed, law: AGENTS_LAW },
    Row { name: "mailferry", house: AGENT, outside: Allowed, law: AGENTS_LAW },
    Row { name: "mailferry-tests", house: &[STORES, HOST, CORE, RULES, SIM, MAILBED], outside: Allowed, law: "tests see what is public" },
    Row { name: "xtask", house: &[STORES, HOST, CORE, RULES, SIM, CHANGESET, MAILBED], outside: Allowed, law: "tasks see what is public" },
];

pub(super) fn violations(root: &Path) -> Result<Vec<Violation>> {
    let mut found = Vec::new();
    for path in manifests(root)? {
        let text = fs::read_to_string(&path).with_context(|| format!("could not read {}", path.display()))?;
        let manifest: Table = text.parse().with_context(|| format!("could not read {}", path.display()))?;
        found.extend(of_manifest(&slashed(path.strip_prefix(root)?), &text, &manifest));
    }
    Ok(found)
}

fn manifests(root: &Path) -> Result<Vec<PathBuf>> {
    let mut folders = folders_in(&root.join("crates"))?;
    folders.extend(folders_in(&root.join("agents"))?);
    folders.push(root.join("tests"));
    Ok(folders.into_iter().map(|folder| folder.join("Cargo.toml")).filter(|path| path.is_file()).collect())
}

fn of_manifest(file: &str, text: &str, manifest: &Table) -> Vec<Violation> {
    let name = manifest.get("package").and_then(|package| package.get("name")).and_then(Value::as_str).unwrap_or_default();
    let violation = |word: &str, what: String, law| Violation { file: file.into(), line: line_of(text, word), what, law };
    let Some(row) = TABLE.iter().find(|row| row.name == name) else {
        return vec![violation(
            "name",
            format!("crate {name}"),
            "every crate of the house has a row in the table (xtask, imports/table.rs)",
        )];
    };
    let refused = |(dependency, kind): &(String, &str)| match dependency.as_str() {
        // The bodies of the ports are held against the suites, and never built on them.
        // Anybody's tests may start mail servers.
        MAILBED => *kind != "dev-dependencies" && !row.house.contains(&MAILBED),
        CONFORMANCE => *kind != "dev-dependencies" || !row.house.contains(&CORE),
        house if TABLE.iter().any(|row| row.name == house) => !row.house.contains(&house),
        _ => row.outside == Refused,
    };
    let refused = dependencies(manifest).into_iter().filter(refused);
    refused.map(|(dependency, _)| violation(&dependency, format!("{name} -> {dependency}"), row.law)).collect()
}

/// All crates it builds on, and what for: normal, for tests, for its build script, for one platform.
fn dependencies(manifest: &Table) -> Vec<(String, &'static str)> {
    let platforms = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values).filter_map(Value::as_table);
    let mut names = Vec::new();
    for table in std::iter::once(manifest).chain(platforms) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let entries = table.get(kind).and_then(Value::as_table).into_iter().flatten();
            let name = |(key, entry): (&String, &Value)| entry.get("package").and_then(Value::as_str).unwrap_or(key).to_owned();
            names.extend(entries.map(|entry| (name(entry), kind)));
        }
    }
    names
}

fn line_of(text: &str, word: &str) -> usize {
    text.lines().position(|line| line.trim_start().starts_with(word)).map_or(1, |at| at + 1)
}
