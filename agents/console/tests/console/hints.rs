//! An error that a person can do something about says what.

use std::fs;
use std::path::{Path, PathBuf};

/// Nothing can be done, or everything has been said; and what stands inside another.
const WITHOUT: [&str; 3] = ["could not write the output", "nothing is written: the plan was not agreed to", "what).cause(causes"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the sources").map(|entry| entry.expect("an entry")) {
        if entry.path().is_dir() { sources(&entry.path(), found) } else { found.push(entry.path()) }
    }
}

#[test]
fn every_error_of_the_console_says_what_to_do() {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let (mut seen, mut bare) = (0, Vec::new());
    for file in files {
        let source = fs::read_to_string(&file).expect("a source is text");
        for made in source.split("Trouble::new(").skip(1) {
            seen += 1;
            // The hint may be added further down in the same function.
            let function = made.split("\n}\n").next().unwrap_or_default();
            if !function.contains(".hint(") && !WITHOUT.iter().any(|what| made.starts_with(what) || made[1..].starts_with(what)) {
                bare.push(format!("{}: {}", file.display(), made.lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(seen > 25, "only {seen} errors were found: has the way to make them changed?");
    assert!(bare.is_empty(), "without a hint: {bare:#?}");
}
