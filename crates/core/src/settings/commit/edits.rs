//! What a commit takes back: edits made by hand in a config.ini since the last commit (R90), line by line.

use std::fmt;

use crate::settings::config_ini;
use crate::settings::desired::Desired;
use crate::settings::finding::shown;
use crate::settings::ini::Ini;

/// A line that someone wrote, changed or took out after the last commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Overwritten {
    /// Of the config.ini as it is; `None`: the line was taken out.
    pub line: Option<u32>,
    pub was: Option<String>,
    pub becomes: Option<String>,
}

/// Lines of the config.ini on the node that are neither the last commit's nor this one's, and lines of the last commit that
/// are gone and come back.
pub(super) fn overwritten(last: Option<&Desired>, now: Option<&[u8]>, after: &str) -> Vec<Overwritten> {
    let Some(bytes) = now else { return Vec::new() };
    let committed = last.and_then(|desired| config_ini::render(desired).ok()).unwrap_or_default();
    let Ok(now) = Ini::read(bytes) else {
        return vec![Overwritten { line: None, was: Some("(the whole file: it is no text)".into()), becomes: None }];
    };
    let (now, after) = (Keyed::of(&now.text()), Keyed::of(after));
    let committed = Keyed::of(&committed);
    let edited = now.0.iter().filter(|line| !committed.holds(line) && !after.holds(line));
    let edited = edited.map(|line| Overwritten { line: Some(line.number), was: Some(shown(&line.text)), becomes: after.instead_of(line) });
    let taken_out = committed.0.iter().filter(|line| !now.holds(line) && now.instead_of(line).is_none() && after.holds(line));
    let taken_out = taken_out.map(|line| Overwritten { line: None, was: None, becomes: Some(shown(&line.text)) });
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
        match self.line {
            Some(line) => write!(f, "line {line}: ")?,
            None => f.write_str("a line taken out: ")?,
        }
        match (&self.was, &self.becomes) {
            (Some(was), Some(becomes)) => write!(f, "`{was}` becomes `{becomes}`"),
            (Some(was), None) => write!(f, "`{was}` goes"),
            (None, becomes) => write!(f, "`{}` comes back", becomes.as_deref().unwrap_or_default()),
        }
    }
}
