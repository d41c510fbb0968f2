//! What the logs of the agents tell that is worth a look: their warnings and errors, the newest first.
//!
//! Only the end of a log is read, and only the one that lies in the folder of its agent: a LogDirectory is a path of the node, and the same
//! path here may be another's.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mailferry_core::settings::AgentKind;
use serde::{Deserialize, Serialize};

use super::Work;
use super::agents::AgentSeen;

/// Of each log.
const BYTES_MAX: u64 = 64 << 10;

/// One event of a log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Told {
    /// As the log has it: RFC 3339 in UTC.
    pub at: String,
    pub is_error: bool,
    pub event: String,
    pub text: String,
    pub node: String,
    pub agent: AgentKind,
}

/// At most so many, and the logs that cannot be read from here.
pub fn events(agents: &[AgentSeen], most: usize, work: &mut Work) -> (Vec<Told>, Vec<String>) {
    let (mut all, mut unread) = (Vec::new(), Vec::new());
    for seen in agents {
        let path = log(seen);
        match tail(&path, work) {
            Ok(text) => all.extend(read(&text).into_iter().map(|told| Told { node: seen.node.clone(), agent: seen.agent, ..told })),
            Err(error) => unread.push(format!("{}: {error}", path.display())),
        }
    }
    all.sort_by(|a, b| b.at.cmp(&a.at));
    all.truncate(most);
    (all, unread)
}

fn log(seen: &AgentSeen) -> PathBuf {
    seen.home.status().with_file_name("log").join(format!("{}.log", seen.agent))
}

/// Whole lines at the end of a file.
fn tail(path: &Path, work: &mut Work) -> io::Result<String> {
    let mut file = File::open(path)?;
    work.opened += 1;
    let length = file.metadata()?.len();
    let from = length.saturating_sub(BYTES_MAX);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(BYTES_MAX).read_to_end(&mut bytes)?;
    work.bytes += bytes.len() as u64;
    let text = String::from_utf8_lossy(&bytes);
    let whole = if from > 0 { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    Ok(whole.to_owned())
}

/// Warnings and errors of a log, in its order. Lines that belong to none are passed over.
fn read(text: &str) -> Vec<Told> {
    let mut all: Vec<Option<Told>> = Vec::new();
    for line in text.lines() {
        match begin(line) {
            Some(told) => all.push(told),
            None => {
                if let Some(Some(last)) = all.last_mut() {
                    last.text.push('\n');
                    last.text.push_str(line);
                }
            }
        }
    }
    let mut all: Vec<Told> = all.into_iter().flatten().collect();
    all.iter_mut().filter(|told| told.event.is_empty()).for_each(name);
    all
}

/// `None`: the line goes on with the one before. `Some(None)`: an event that is not worth a look.
fn begin(line: &str) -> Option<Option<Told>> {
    if line.starts_with('{') {
        return Some(serde_json::from_str::<Line>(line).ok().and_then(Line::told));
    }
    let (at, rest) = line.split_once(' ')?;
    let (level, text) = rest.trim_start().split_once(' ')?;
    let is_time = at.len() >= 20 && at.ends_with('Z') && at.as_bytes()[0].is_ascii_digit();
    let is_level = ["ERROR", "WARN", "INFO", "DEBUG", "TRACE"].contains(&level);
    (is_time && is_level).then(|| told(at, level, text, ""))
}

fn told(at: &str, level: &str, text: &str, event: &str) -> Option<Told> {
    let worth = level == "ERROR" || level == "WARN";
    worth.then(|| Told {
        at: at.to_owned(),
        is_error: level == "ERROR",
        event: event.to_owned(),
        text: text.to_owned(),
        node: String::new(),
        agent: AgentKind::Source,
    })
}

/// The name of an event stands behind its text, with other fields.
fn name(told: &mut Told) {
    let Some((text, fields)) = told.text.rsplit_once(" event=\"") else { return };
    let Some((event, _)) = fields.split_once('"') else { return };
    (told.event, told.text) = (event.to_owned(), text.to_owned());
}

/// With `LogFormat=json`.
#[derive(Deserialize)]
struct Line {
    timestamp: String,
    level: String,
    fields: Fields,
}

#[derive(Deserialize)]
struct Fields {
    #[serde(default)]
    message: String,
    #[serde(default)]
    event: String,
}

impl Line {
    fn told(self) -> Option<Told> {
        told(&self.timestamp, &self.level, &self.fields.message, &self.fields.event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn short(text: &str) -> Vec<(bool, String, String)> {
        read(text).into_iter().map(|told| (told.is_error, told.event, told.text)).collect()
    }

    #[test]
    fn warnings_and_errors_are_read_with_all_their_lines_and_nothing_else() {
        let text = "the rest of a line\n\
            2026-05-01T20:00:00.000Z  INFO c1 published event=\"container.published\"\n\
            2026-05-01T20:00:01.000Z  WARN could not place a container\n  cause: away\n  hint:  bring it back event=\"container.held\" event_id=7\n\
            2026-05-01T20:00:02.000Z ERROR it says event=\"x\" itself event=\"state.failed\"\n\
            2026-05-01T20:00:03.000Z DEBUG subject\nof two lines\n";
        let held = "could not place a container\n  cause: away\n  hint:  bring it back";
        assert_eq!(
            short(text),
            [(false, "container.held".into(), held.into()), (true, "state.failed".into(), "it says event=\"x\" itself".into())]
        );
    }

    #[test]
    fn a_log_in_json_is_read_too() {
        let text = "{\"timestamp\":\"2026-05-01T20:00:00.000Z\",\"level\":\"WARN\",\"fields\":{\"message\":\"two\\nlines\",\"event\":\"node.unreachable\"}}\n\
            {\"timestamp\":\"2026-05-01T20:00:00.000Z\",\"level\":\"INFO\",\"fields\":{\"message\":\"x\",\"event\":\"y\"}}\n{damaged\n";
        assert_eq!(short(text), [(false, "node.unreachable".into(), "two\nlines".into())]);
    }

    #[test]
    fn of_a_long_log_only_the_end_is_read() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("source.log");
        let line = format!("2026-05-01T20:00:00.000Z  WARN {} event=\"e\"\n", "x".repeat(400));
        std::fs::write(&path, line.repeat(2_000))?;
        let mut work = Work::default();
        let text = tail(&path, &mut work)?;
        assert_eq!((work.opened, work.bytes), (1, BYTES_MAX));
        assert!(text.starts_with("2026-") && read(&text).len() > 100);
        Ok(())
    }
}
