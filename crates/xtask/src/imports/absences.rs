//! What must not be found where.

use super::Violation;
use super::sources::{Line, Source};

struct Absence {
    words: &'static [&'static str],
    /// Beginnings of paths.
    within: &'static [&'static str],
    except: &'static [&'static str],
    in_tests: bool,
    law: &'static str,
}

/// `std::{` would hide from this check what it brings in.
const OS: &[&str] = &["std::{", "std::fs", "std::net", "std::process", "std::env", "SystemTime", "Instant", "std::os"];
const HOUSE: &[&str] = &["crates/", "agents/", "tests/"];
const SQL: &[&str] = &["rusqlite", "\"SELECT ", "\"INSERT ", "\"UPDATE ", "\"DELETE ", "\"PRAGMA ", "CREATE TABLE "];

/// Narrow laws stand before wide ones.
const ABSENCES: &[Absence] = &[
    Absence {
        words: &["std::"],
        within: &["crates/rules/"],
        except: &[],
        in_tests: false,
        law: "the rules cannot read a file, a clock or a byte of mail",
    },
    Absence {
        words: OS,
        within: &["crates/core/src/engine/"],
        except: &[],
        in_tests: false,
        law: "the engine never calls the operating system; it asks a port",
    },
    Absence {
        words: &["std::thread"],
        within: &["crates/core/src/engine/"],
        except: &[],
        in_tests: false,
        law: "an agent is one loop; what runs beside it belongs to a port",
    },
    // Threads that take turns by the seed are no operating system (its clippy.toml refuses free ones).
    Absence {
        words: OS,
        within: &["crates/sim/src/"],
        except: &["crates/sim/src/main.rs"],
        in_tests: true,
        law: "the simulated world knows nothing of the operating system",
    },
    Absence {
        words: &["std::{", "std::fs"],
        within: &["crates/core/src/"],
        // plans.rs reads the sources of the ledger, and is a test.
        except: &["crates/core/src/settings/files.rs", "crates/core/src/state/database.rs", "crates/core/src/state/plans.rs"],
        in_tests: false,
        law: "of core only the settings' files and the database touch a disk by themselves; the rest goes over a share",
    },
    Absence {
        words: &["SystemTime", "Instant"],
        within: &["crates/core/src/"],
        except: &[],
        in_tests: true,
        law: "core has no clock; time is a parameter",
    },
    Absence {
        words: SQL,
        within: HOUSE,
        // IMAP has a SELECT of its own.
        except: &[
            "crates/core/src/state/",
            "crates/changeset/",
            "crates/xtask/",
            "crates/mailbed/",
            "crates/imap/",
            "crates/stores/src/imap/",
        ],
        in_tests: false,
        law: "only state writes SQL",
    },
    Absence {
        words: &["ini::", "Ini::parse"],
        within: HOUSE,
        except: &["crates/core/src/settings/", "crates/xtask/"],
        in_tests: true,
        law: "only settings knows that a config.ini exists",
    },
    Absence {
        words: &["unsafe", "allow(unsafe_code)"],
        within: HOUSE,
        except: &[
            "crates/changeset/",
            "crates/host/src/files.rs",
            "crates/host/src/memory.rs",
            "crates/host/src/logs/event_log.rs",
            "crates/host/src/manager/windows.rs",
            "crates/host/src/role/wsfc/clusapi.rs",
            "crates/xtask/src/imports/",
        ],
        in_tests: true,
        law: "unsafe stands in crates/changeset and in files.rs, memory.rs, logs/event_log.rs, manager/windows.rs and role/wsfc/clusapi.rs of crates/host alone",
    },
];

/// One for each line, by the narrowest law.
pub(super) fn violations(source: &Source) -> Vec<Violation> {
    let laws = ABSENCES.iter().filter(|absence| absence.covers(&source.file));
    let mut found: Vec<Violation> = laws.flat_map(|absence| absence.broken_in(source)).collect();
    found.sort_by_key(|violation| violation.line);
    found.dedup_by_key(|violation| violation.line);
    found
}

impl Absence {
    fn covers(&self, file: &str) -> bool {
        let begins = |beginnings: &[&str]| beginnings.iter().any(|beginning| file.starts_with(beginning));
        begins(self.within) && !begins(self.except)
    }

    fn broken_in(&self, source: &Source) -> Vec<Violation> {
        let lines = source.lines.iter().enumerate().filter(|(_, line)| self.in_tests || !line.test);
        let broken = lines.filter_map(|(at, line)| Some((at, self.word_in(line)?)));
        broken.map(|(at, word)| Violation { file: source.file.clone(), line: at + 1, what: word.into(), law: self.law }).collect()
    }

    fn word_in(&self, line: &Line) -> Option<&'static str> {
        self.words.iter().find(|word| has_word(&line.code, word)).copied()
    }
}

/// Whether the word stands there by itself: `Instant` is not in `Instantly`.
fn has_word(code: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).any(|(at, _)| {
        let joined = |c: Option<char>, edge: Option<char>| c.is_some_and(part) && edge.is_some_and(part);
        let before = joined(code[..at].chars().next_back(), word.chars().next());
        let after = joined(code[at + word.len()..].chars().next(), word.chars().next_back());
        !before && !after
    })
}
