//! What a commit takes back: edits made by hand in a config.ini since the last commit (R90), line by line.

use std::fmt;

use crate::settings::config_ini;
use crate::settings::desired::Desired;
use crate::settings::finding::shown;
use crate::settings::ini::Ini;

/// What someone did to a config.ini after the last commit, and what becomes of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Overwritten {
    /// A line was written or changed; `becomes` is what the key will be, `None` when the line goes.
    Line { line: u32, was: String, becomes: Option<String> },
    /// A line of the last commit was taken out and comes back.
    TakenOut { becomes: String },
    /// The file is no text; it is written anew.
    Damaged { why: String },
}

/// Lines of the config.ini on the node that are neither the last commit's nor this one's, and lines of the last commit that
/// are gone and come back.
pub(super) fn overwritten(last: Option<&Desired>, now: Option<&[u8]>, after: &str) -> Vec<Overwritten> {
    let Some(bytes) = now else { return Vec::new() };
    let committed = last.and_then(|desired| config_ini::render(desired).ok()).unwrap_or_default();
    let now = match Ini::read(bytes) {
        Ok(now) => Keyed::of(&now.text()),
        Err(why) => return vec![Overwritten::Damaged { why }],
    };
    let (committed, after) = (Keyed::of(&committed), Keyed::of(after));
    let edited = now.0.iter().filter(|line| !committed.holds(line) && !after.holds(line));
    let edited = edited.map(|line| Overwritten::Line { line: line.number, was: shown(&line.text), becomes: after.instead_of(line) });
    let taken_out = committed.0.iter().filter(|line| !now.holds(line) && now.instead_of(line).is_none() && after.holds(line));
    let taken_out = taken_out.map(|line| Overwritten::TakenOut { becomes: shown(&line.text) });
    edited.chain(taken_out).collect()
}

/// The lines of a config.ini that say something.
struct Keyed(Vec<KeyedLine>);

struct KeyedLine {
    number: u32,
    text: String,
    /// Lower-case section and key of `key = value`.
    key: Option<(String, String)>,
}

impl Keyed {
    fn of(text: &str) -> Self {
        let ini = Ini::parse(text);
        let mut entries = ini.entries().peekable();
        let lines = text.lines().zip(1u32..).map(|(line, number)| {
            let key = entries.next_if(|entry| entry.line == number);
            let key = key.map(|entry| (entry.section.to_ascii_lowercase(), entry.key.to_ascii_lowercase()));
            KeyedLine { number, text: line.trim().into(), key }
        });
        Keyed(lines.filter(|line| !line.text.is_empty()).collect())
    }

    fn holds(&self, line: &KeyedLine) -> bool {
        self.0.iter().any(|other| other.text == line.text && other.key == line.key)
    }

    fn instead_of(&self, line: &KeyedLine) -> Option<String> {
        line.key.as_ref()?;
        self.0.iter().find(|other| other.key == line.key).map(|other| shown(&other.text))
    }
}

impl fmt::Display for Overwritten {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Overwritten::Line { line, was, becomes: Some(becomes) } => write!(f, "line {line}: `{was}` becomes `{becomes}`"),
            Overwritten::Line { line, was, becomes: None } => write!(f, "line {line}: `{was}` goes"),
            Overwritten::TakenOut { becomes } => write!(f, "a line taken out: `{becomes}` comes back"),
            Overwritten::Damaged { why } => write!(f, "the whole file: {why}"),
        }
    }
}
