//! Whether a project file makes sense. Everything found is reported at once, each with its line.

pub(super) mod mailboxes;
mod parameters;
mod role;
mod servers;

use std::ops::Range;

use super::finding::Finding;
use super::project::{Known, Lines, Project, RawProject};
use crate::ports::Level;

/// Everything that was found before is told with what is found here.
pub(super) fn check(mut check: Check<'_>, raw: RawProject) -> Result<Project, Vec<Finding>> {
    let name = raw.project.name.get_ref().clone();
    if !is_title(&name) {
        check.error(raw.project.name.span(), format!("`{name}` is no name for a project")).hint(TITLE_HINT);
    }
    let topology = check.topology(&raw);
    let mailboxes = check.collections(&raw);
    let settings = check.settings(&raw.settings, &topology);
    let additional = check.additional(&raw.additional, &topology);
    check.contradictions(&settings, &additional, &topology);
    // Those of the project file first, then list by list.
    let file = check.file.to_owned();
    check.findings.sort_by(|left, right| (left.file != file, &left.file, left.line).cmp(&(right.file != file, &right.file, right.line)));
    if check.findings.iter().any(Finding::is_error) {
        return Err(check.findings);
    }
    Ok(Project { name, topology, mailboxes, settings, additional, texts: check.texts, warnings: check.findings })
}

const TITLE_HINT: &str = "write 1 to 100 characters, none of them a control character, and no blanks at the ends";

/// A name for people: of a project, a collection, a mailbox.
fn is_title(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && name.chars().count() <= 100 && !name.contains(char::is_control)
}

pub(super) struct Check<'a> {
    file: &'a str,
    lines: Lines,
    findings: Vec<Finding>,
    known: Known<'a>,
    /// Lists that the project file names, as they were read.
    texts: Vec<(String, String)>,
}

/// What was just found, to which a hint can be added.
struct Found<'a>(&'a mut Finding);

impl Found<'_> {
    fn hint(self, hint: impl Into<String>) {
        self.0.hint = Some(hint.into());
    }
}

impl<'a> Check<'a> {
    /// `findings`: what was found before.
    pub fn new(file: &'a str, lines: Lines, findings: Vec<Finding>, known: Known<'a>) -> Self {
        Check { file, lines, findings, known, texts: Vec::new() }
    }

    fn found(&mut self, level: Level, at: &Range<usize>, text: String) -> Found<'_> {
        let finding = Finding::new(level, self.file, Some(self.line(at)), text);
        Found(self.findings.push_mut(finding))
    }

    fn error(&mut self, at: Range<usize>, text: impl Into<String>) -> Found<'_> {
        self.found(Level::Error, &at, text.into())
    }

    fn warning(&mut self, at: Range<usize>, text: impl Into<String>) -> Found<'_> {
        self.found(Level::Warning, &at, text.into())
    }

    fn line(&self, at: &Range<usize>) -> u32 {
        self.lines.number(at.start)
    }
}
