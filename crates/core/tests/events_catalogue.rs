//! The catalogue of events names every event of the sources, and no other, at the levels at which they are told; its numbers stay; and no
//! path of an error is silent: a warning has a name, and what waits is told.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use mailferry_core::events::{AREAS, RETIRED, UNKNOWN, all, known};
use mailferry_core::ports::Level;

/// What stands before the name of an event wherever one is told, and the level that this says.
const CALLS: [(&str, Option<Level>); 8] = [
    (".event(\"", None),
    (".tell(\"", None),
    (".tell_while_it_lasts(\"", None),
    ("error!(event = \"", Some(Level::Error)),
    ("warn!(event = \"", Some(Level::Warning)),
    ("info!(event = \"", Some(Level::Info)),
    ("debug!(event = \"", Some(Level::Debug)),
    ("Event { name: \"", None),
];

const LEVELS: [(&str, Level); 4] =
    [("Level::Error", Level::Error), ("Level::Warning", Level::Warning), ("Level::Info", Level::Info), ("Level::Debug", Level::Debug)];

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

fn read(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    folders.iter().for_each(|folder| sources(&root().join(folder), &mut files));
    files.into_iter().map(|file| (file.clone(), fs::read_to_string(&file).expect("a source is text"))).collect()
}

/// A call may be broken over lines: what is between the bracket and the name does not count.
fn told_in(source: &str) -> Vec<(String, Option<Level>)> {
    let words = source.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = words.replace("( \"", "(\"").replace("( event =", "(event =").replace("{name:", "{ name:");
    CALLS.iter().flat_map(|(call, level)| text.split(call).skip(1).map(|rest| told_by(rest, *level)).collect::<Vec<_>>()).collect()
}

/// The name, and the level where it stands right behind.
fn told_by(rest: &str, level: Option<Level>) -> (String, Option<Level>) {
    let (name, rest) = rest.split_once('"').unwrap_or((rest, ""));
    let argument = rest.trim_start_matches(',').trim_start().trim_start_matches("level: ");
    let literal = || LEVELS.iter().find(|(words, _)| argument.starts_with(words)).map(|(_, level)| *level);
    (name.to_owned(), level.or_else(literal))
}

fn told() -> BTreeSet<(String, Option<Level>)> {
    read(&["crates", "agents"]).iter().flat_map(|(_, source)| told_in(source)).collect()
}

#[test]
fn every_event_is_in_the_catalogue_and_the_catalogue_names_no_other() {
    let told: BTreeSet<String> = told().into_iter().map(|(name, _)| name).collect();
    let listed: BTreeSet<String> = all().map(|event| event.name.to_owned()).collect();
    assert!(told.len() > 30, "only {} events were found in the sources: has the way to tell them changed?", told.len());
    assert_eq!(told.difference(&listed).collect::<Vec<_>>(), Vec::<&String>::new(), "told, but not in core::events");
    assert_eq!(listed.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "in core::events, but never told");
}

#[test]
fn events_are_told_at_the_levels_that_the_catalogue_names() {
    for (name, level) in told() {
        let Some(level) = level else { continue };
        let levels = known(&name).map(|event| event.levels).unwrap_or_default();
        assert!(levels.contains(&level), "{name} is told at {level:?}; the catalogue has {levels:?}");
    }
}

#[test]
fn whoever_is_warned_reads_what_it_means_and_what_to_do() {
    for event in all() {
        let told = |text: &str| text.len() >= 5 && !text.ends_with('.') && !text.contains('\n');
        assert!(told(event.meaning) && told(event.advice) && !event.levels.is_empty(), "{}", event.name);
        let warns = event.levels.iter().any(|level| *level >= Level::Warning);
        assert!(!event.once || warns, "{}: what is normal does not last", event.name);
        assert!(!event.levels.contains(&Level::Error) || event.advice != "Nothing", "{}: an error needs a person", event.name);
    }
}

#[test]
fn a_number_belongs_to_one_event_of_its_area() {
    for area in AREAS {
        let numbers: Vec<u16> = area.events.iter().map(|event| event.number).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{}: in order, and none twice", area.title);
        assert!(numbers.iter().all(|number| (area.base + 1..area.base + 100).contains(number)), "{}", area.title);
    }
    let numbers = all().map(|event| event.number).chain(RETIRED.iter().map(|(number, _)| *number));
    let mut seen = BTreeSet::from([0, UNKNOWN]);
    numbers.for_each(|number| assert!(number < 1000 && seen.insert(number), "{number} was given before"));
    let names: BTreeSet<&str> = all().map(|event| event.name).collect();
    assert_eq!(names.len(), all().count(), "a name stands twice");
}

#[test]
fn a_number_is_for_ever() {
    let golden = fs::read_to_string(root().join("tests/golden/events/numbers.tsv")).expect("the numbers that there were");
    let given: BTreeMap<u16, &str> = golden
        .lines()
        .map(|line| line.split_once('\t').map(|(number, name)| (number.parse().expect("a number"), name)).expect("number, tab, name"))
        .collect();
    assert_eq!(given.len(), golden.lines().count(), "a number stands twice in numbers.tsv");
    let today: BTreeMap<u16, &str> = all().map(|event| (event.number, event.name)).chain(RETIRED.iter().copied()).collect();
    for (number, name) in &given {
        assert_eq!(today.get(number), Some(name), "{number} was {name}: what is told no more stands in RETIRED");
    }
    for (number, name) in &today {
        assert_eq!(given.get(number), Some(name), "{number} is new: add a line to tests/golden/events/numbers.tsv");
    }
}

#[test]
fn no_warning_of_the_programs_is_without_a_name() {
    let programs = ["crates/core/src", "crates/stores/src", "crates/imap/src", "crates/host/src", "crates/guarantee/src", "agents"];
    let mut found = 0;
    for (file, source) in read(&programs) {
        let words = source.split_whitespace().collect::<Vec<_>>().join(" ").replace("( ", "(");
        for call in ["::warn!(", "::error!("] {
            for rest in words.split(call).skip(1) {
                found += 1;
                assert!(rest.starts_with("event = "), "{}: {call}{}", file.display(), rest.chars().take(60).collect::<String>());
            }
        }
    }
    assert!(found > 10, "only {found} warnings were found: has the way to tell them changed?");
}

/// Functions of a file as rustfmt leaves them: from `fn` to the closing brace as far in.
fn functions(source: &str) -> Vec<String> {
    let mut functions = Vec::new();
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let inner = line.trim_start();
        let head = inner.trim_start_matches("pub(super) ").trim_start_matches("pub(crate) ").trim_start_matches("pub ");
        if !head.starts_with("fn ") {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - inner.len()]);
        let body = lines.by_ref().take_while(|line| *line != end);
        functions.push(std::iter::once(line).chain(body).collect::<Vec<_>>().join("\n"));
    }
    functions
}

#[test]
fn what_waits_is_told_where_it_is_put_down() {
    let mut found = 0;
    for (file, source) in read(&["crates/core/src/engine"]) {
        for function in functions(&source).iter().filter(|function| function.contains(".stall(")) {
            found += 1;
            let told = [".tell(", ".tell_while_it_lasts(", ".event("].iter().any(|call| function.contains(call));
            let name = function.lines().next().unwrap_or_default().trim();
            assert!(told, "{}: {name} puts down that something waits, and tells no event", file.display());
        }
    }
    assert!(found > 8, "only {found} functions were found that wait: has the way to put it down changed?");
}

#[test]
fn a_name_is_found_in_each_way_of_telling() {
    let source = "self.event(\n    \"a.b\", Level::Info, x); agent.tell(\"c.d\", y); warn!(\n event = \"e.f\"); Event { name: \"g.h\", level: Level::Error }";
    let told = |name: &str, level| (name.to_owned(), level);
    let found = [told("a.b", Some(Level::Info)), told("c.d", None), told("e.f", Some(Level::Warning)), told("g.h", Some(Level::Error))];
    assert_eq!(told_in(source), found);
    assert_eq!(functions("fn a() {\n    b\n}\nimpl C {\n    pub fn d() {\n        e\n    }\n}").len(), 2);
}
