//! Something noticed in a file or on the command line, with its place: what `mailferry check` prints, and what becomes an
//! event of the agent (R91).

use std::fmt;

use crate::ports::Level;
use crate::trouble::Trouble;

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    pub level: Level,
    /// The file as it was named, or `command line`.
    pub file: String,
    /// Counted from 1; `None`: the whole file.
    pub line: Option<u32>,
    pub text: String,
    pub hint: Option<String>,
}

impl Finding {
    pub fn new(level: Level, file: impl Into<String>, line: Option<u32>, text: impl Into<String>) -> Self {
        Finding { level, file: file.into(), line, text: text.into(), hint: None }
    }

    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }

    /// `file:line`, which terminals and editors can follow.
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }
}

impl From<&Finding> for Trouble {
    fn from(finding: &Finding) -> Self {
        let trouble = Trouble::new(&finding.text).place(finding.place());
        match &finding.hint {
            Some(hint) => trouble.hint(hint),
            None => trouble,
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Trouble::from(self).fmt(f)
    }
}

/// The known name that was probably meant.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.to_ascii_lowercase();
    let near = known.map(|known| (distance(&wanted, &known.to_ascii_lowercase()), known));
    near.min_by_key(|(distance, _)| *distance).filter(|(distance, known)| *distance <= known.len() / 3).map(|(_, known)| known)
}

/// Letters to change, add or drop. Long texts are no misspelt names and cost nothing.
fn distance(left: &str, right: &str) -> usize {
    if left.len() > 64 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, letter) in left.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (column, other) in right.bytes().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = changed.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[right.len()]
}

/// A line of a config.ini as it may be shown: what looks like a secret is not.
pub(super) fn shown(line: &str) -> String {
    match line.split_once('=') {
        Some((key, _)) if is_secret(key) => format!("{}= ****", key),
        _ => line.into(),
    }
}

/// Whether the value of such a key looks like a secret.
pub(super) fn is_secret(key: &str) -> bool {
    const SECRETS: [&str; 5] = ["password", "passwd", "secret", "token", "credential"];
    SECRETS.iter().any(|word| key.to_ascii_lowercase().contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_the_name_that_was_meant() {
        let known = ["SleepInterval", "LogLevel", "LogFormat"];
        assert_eq!(nearest("SleepIntervall", known.into_iter()), Some("SleepInterval"));
        assert_eq!(nearest("loglevel", known.into_iter()), Some("LogLevel"));
        assert_eq!(nearest("Entirely", known.into_iter()), None);
        assert_eq!(nearest(&"x".repeat(1 << 20), known.into_iter()), None);
    }

    #[test]
    fn a_finding_reads_like_every_other_trouble() {
        let finding = Finding::new(Level::Warning, "config.ini", Some(3), "there is no key `Sleep`").hint("did you mean SleepInterval?");
        assert_eq!(finding.to_string(), "there is no key `Sleep`\n  where: config.ini:3\n  hint:  did you mean SleepInterval?");
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown() {
        assert_eq!(shown("ProxyPassword = hunter2"), "ProxyPassword = ****");
        assert_eq!(shown("LogLevel = debug"), "LogLevel = debug");
    }
}
