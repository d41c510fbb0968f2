//! What the logs of the agents tell that is worth a look: their warnings and errors, the newest first.
//!
//! Only the end of a log is read: the one beside config.ini, or the one in its LogDirectory. That is a path of the node, and the same path
//! here may be another's: it is followed where it names a share, or where this machine is the node.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use mailferry_core::settings::AgentKind;
use serde::{Deserialize, Serialize};

use super::Work;
use super::agents::AgentSeen;
use crate::commands::commit::author::host;

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
    let here = host().unwrap_or_default();
    for seen in agents {
        let text = log(seen, &here).and_then(|path| tail(&path, work).map_err(|error| format!("{}: {error}", path.display())));
        match text {
            Ok(text) => all.extend(read(&text).into_iter().map(|told| Told { node: seen.node.clone(), agent: seen.agent, ..told })),
            Err(why) => unread.push(why),
        }
    }
    all.sort_by(|a, b| b.at.cmp(&a.at));
    all.truncate(most);
    (all, unread)
}

/// Where the log lies as seen from the machine `here`; `Err`: only its node knows.
fn log(seen: &AgentSeen, here: &str) -> Result<PathBuf, String> {
    let settings = seen.home.settings(None, &[]).settings;
    let folder = Path::new(&settings.log_directory);
    let is_share = settings.log_directory.starts_with(r"\\") || settings.log_directory.starts_with("//");
    let is_here = folder.is_absolute() && is_machine(&seen.node, here);
    if settings.log_directory.is_empty() || is_share || is_here {
        return Ok(seen.home.log(&settings));
    }
    Err(format!("the {} agent of {} writes it into {}, a folder of that node", seen.agent, seen.node, settings.log_directory))
}

/// Whether a node has the name of a machine, with its domain or without.
fn is_machine(node: &str, machine: &str) -> bool {
    let first = |name: &'_ str| name.split('.').next().unwrap_or_default().to_ascii_lowercase();
    !node.is_empty()
        && (node.eq_ignore_ascii_case(machine) || (first(node) == first(machine) && (!node.contains('.') || !machine.contains('.'))))
}

/// Whole lines at the end of a file.
fn tail(path: &Path, work: &mut Work) -> io::Result<String> {
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
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

    #[test]
    fn a_log_elsewhere_is_read_where_its_path_means_the_same_and_told_where_it_does_not() -> io::Result<()> {
        let fixture = super::super::fixture::Fixture::new(1);
        let elsewhere = tempfile::tempdir()?;
        std::fs::write(elsewhere.path().join("target.log"), "2026-05-01T20:00:00.000Z  WARN it waits event=\"e\"\n")?;
        let ini = |folder: &str| {
            std::fs::write(fixture.agent("TGT1", AgentKind::Target).join("config.ini"), format!("[Log]\nLogDirectory = {folder}\n"))
        };
        ini(&elsewhere.path().display().to_string())?;
        let (fleet, _) = fixture.look();
        let seen = fleet.agents.iter().find(|seen| seen.node == "TGT1" && seen.agent == AgentKind::Target).expect("an agent");
        assert_eq!(log(seen, "tgt1.example.org"), Ok(elsewhere.path().join("target.log")));
        let told = log(seen, "desk").expect_err("a path of the node");
        assert!(told.contains("target agent of TGT1") && told.contains(&elsewhere.path().display().to_string()), "{told}");
        assert!(events(&fleet.agents, 9, &mut Work::default()).1.contains(&told));
        ini(r"\\logs\of\TGT1")?;
        assert!(log(seen, "desk").is_ok_and(|path| path.starts_with(r"\\logs\of\TGT1")), "a share is the same everywhere");
        assert!(!is_machine("SRC1.a", "SRC1.b") && is_machine("SRC1.a", "src1") && !is_machine("SRC1", "SRC10") && !is_machine("", ""));
        Ok(())
    }
}
