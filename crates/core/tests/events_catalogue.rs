//! docs/reference/events.md names every event of the sources, and no other.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What stands before the name of an event wherever one is told.
const CALLS: [&str; 4] = [".event(\"", ".tell(\"", "event = \"", "Event { name: \""];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the repository").map(|entry| entry.expect("an entry")) {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if name != "tests" {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// A call may be broken over lines: what is between the bracket and the name does not count.
fn told_in(source: &str) -> Vec<String> {
    let words = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = words.replace("( \"", "(\"").replace("{name:", "{ name:");
    CALLS.iter().flat_map(|call| text.split(call).skip(1).map(first_name).collect::<Vec<_>>()).collect()
}

fn first_name(rest: &str) -> String {
    rest.split('"').next().unwrap_or_default().to_owned()
}

fn told() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["crates", "agents"] {
        sources(&root().join(folder), &mut files);
    }
    files.iter().flat_map(|file| told_in(&fs::read_to_string(file).expect("a source is text"))).collect()
}

fn catalogued() -> Vec<String> {
    let page = fs::read_to_string(root().join("docs/reference/events.md")).expect("the page is there");
    page.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next().map(str::to_owned)).collect()
}

#[test]
fn every_event_is_in_the_catalogue_and_the_catalogue_names_no_other() {
    let (told, page) = (told(), catalogued());
    let listed: BTreeSet<String> = page.iter().cloned().collect();
    assert!(told.len() > 30, "only {} events were found in the sources: has the way to tell them changed?", told.len());
    assert_eq!(told.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "told, but not in docs/reference/events.md");
    assert_eq!(listed.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "in docs/reference/events.md, but never told");
    assert_eq!(page.len(), listed.len(), "an event is listed twice");
}

#[test]
fn the_names_in_the_catalogue_stand_in_order() {
    let page = catalogued();
    assert!(page.is_sorted(), "sort the table by name");
}

#[test]
fn a_name_is_found_in_each_way_of_telling() {
    let source = "self.event(\n    \"a.b\", x); agent.tell(\"c.d\", y); warn!(event = \"e.f\"); Event { name: \"g.h\" }";
    assert_eq!(told_in(source), ["a.b", "c.d", "e.f", "g.h"]);
}
