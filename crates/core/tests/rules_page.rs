//! docs/rules.md cites modules and tests that exist, and every rule says where it is held or that it is yet to come.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read_sources(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for path in fs::read_dir(folder).expect("a folder of the repository").map(|entry| entry.expect("an entry").path()) {
        if path.is_dir() {
            read_sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = fs::read_to_string(&path).expect("a source is text");
            found.insert(path, text);
        }
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

struct House {
    sources: BTreeMap<PathBuf, String>,
}

impl House {
    fn look() -> Self {
        let mut sources = BTreeMap::new();
        ["crates", "tests/tests"].iter().for_each(|folder| read_sources(&root().join(folder), &mut sources));
        House { sources }
    }

    /// `rules::cleanup` is a module of crates/rules, `rules::cleanup::next_step` something in it.
    fn has(&self, cited: &str) -> bool {
        let names: Vec<&str> = cited.split("::").collect();
        let Some((last, before)) = names.split_last() else { return false };
        self.module(&names).is_some() || self.module(before).is_some_and(|text| words(text).any(|word| word == *last))
    }

    fn module(&self, names: &[&str]) -> Option<&String> {
        let (krate, modules) = names.split_first()?;
        let place = modules.iter().fold(root().join("crates").join(krate).join("src"), |place, name| place.join(name));
        [place.with_extension("rs"), place.join("mod.rs"), place.join("lib.rs")].iter().find_map(|file| self.sources.get(file))
    }

    fn tests(&self) -> BTreeSet<&str> {
        let functions = self.sources.values().flat_map(|text| text.split("fn ").skip(1)).filter_map(|rest| words(rest).next());
        let ladders = self.sources.iter().filter(|(path, _)| path.ends_with("sim/tests/ladder.rs")).flat_map(|(_, text)| words(text));
        functions.chain(ladders).collect()
    }
}

/// The rules of the page with the lines that belong to each.
fn rules(page: &str) -> BTreeMap<u32, Vec<&str>> {
    let mut rules: BTreeMap<u32, Vec<&str>> = BTreeMap::new();
    let mut number = None;
    for line in page.lines() {
        if line.starts_with('#') {
            number = line.strip_prefix("### R").and_then(|rest| words(rest).next()?.parse().ok());
        }
        if let Some(number) = number {
            rules.entry(number).or_default().push(line);
        }
    }
    rules
}

fn page() -> String {
    fs::read_to_string(root().join("docs/rules.md")).expect("the page is there")
}

fn quoted(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

#[test]
fn every_rule_says_where_it_is_held_or_that_it_is_yet_to_come() {
    let page = page();
    let rules = rules(&page);
    assert!(rules.len() >= 48, "only {} rules were found", rules.len());
    for (number, lines) in rules {
        let later = lines.iter().any(|line| line.starts_with("Later"));
        let code = lines.iter().any(|line| line.starts_with("Code: "));
        let tests = lines.iter().any(|line| line.starts_with("Tests: "));
        assert!(later || code && tests, "R{number} says neither code and tests nor `Later`");
    }
}

#[test]
fn every_module_and_test_that_the_rules_cite_exists() {
    let (page, house) = (page(), House::look());
    let tests = house.tests();
    let mut missing = Vec::new();
    for line in page.lines() {
        match line.split_once(": ") {
            Some(("Code", modules)) => missing.extend(quoted(modules).filter(|cited| !house.has(cited))),
            Some(("Tests", names)) => missing.extend(quoted(names).filter(|cited| !tests.contains(cited))),
            _ => {}
        }
    }
    assert_eq!(missing, Vec::<&str>::new(), "cited in docs/rules.md, but not in the sources");
}
