//! The import table of the house, checked: which crate may build on which, and what must be absent where (docs/ARCHITECTURE.md).
//!
//! The crates are read from their manifests; the sources are read as text, without comments, which is enough to find a word
//! that has no business there. What the compiler can hold by itself (`no_std`, private modules, `forbid(unsafe_code)`) is
//! left to it. The road not taken: a parser for Rust. It finds the same and costs more compile time than all other tasks.

mod absences;
mod sources;
mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use anyhow::{Result, bail};

use crate::shell::root;

/// A place that breaks the table.
#[derive(Debug, PartialEq, Eq)]
struct Violation {
    /// From the root of the repository, with `/`.
    file: String,
    /// Counted from 1.
    line: usize,
    what: String,
    law: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}: {}", self.file, self.line, self.what, self.law)
    }
}

pub fn run() -> Result<()> {
    let found = violations(&root())?;
    if !found.is_empty() {
        let lines: Vec<String> = found.iter().map(Violation::to_string).collect();
        bail!("the import table is broken (docs/ARCHITECTURE.md) in {} places:\n  {}", lines.len(), lines.join("\n  "));
    }
    println!("imports: the table holds");
    Ok(())
}

fn violations(root: &Path) -> Result<Vec<Violation>> {
    let mut found = table::violations(root)?;
    for source in sources::all(root)? {
        found.extend(absences::violations(&source));
    }
    Ok(found)
}
