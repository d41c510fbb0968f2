//! The settings an agent works with: defaults < project < config.ini < command line (R90), and where each value is from.
//!
//! Nothing found here stops an agent (R91): a value that is not allowed leaves the one of the layer below in force, and a
//! config.ini that is missing or damaged leaves all of them; each is a finding, which the agent reports as an event.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use super::desired::Desired;
use super::finding::Finding;
use super::ini::{Entry, Ini};
use super::key::{BadValue, Key};
use super::keys::{AgentSettings, KEYS};
use super::record::read_counting;
use super::topology::AgentKind;
use crate::ports::Level;

/// Bytes of a config.ini that are read at most.
pub(super) const CONFIG_INI_BYTES_MAX: u64 = 1 << 20;

/// The layer that a value is from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    Default,
    Project,
    /// The line that differs from what the project says.
    ConfigIni {
        line: u32,
    },
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::Project => f.write_str("project"),
            Origin::ConfigIni { line } => write!(f, "config.ini:{line}"),
            Origin::CommandLine => f.write_str("command line"),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loaded {
    pub agent: AgentKind,
    pub settings: AgentSettings,
    pub findings: Vec<Finding>,
    /// By name of the key; a key that is not here has its default.
    pub origins: BTreeMap<&'static str, Origin>,
}

/// One setting in force, for `check` and `status`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Effective {
    pub key: &'static str,
    pub value: String,
    pub origin: Origin,
}

/// `command_line` holds texts `Key=Value`.
pub fn load(agent: AgentKind, desired: Option<&Desired>, config_ini: &Path, command_line: &[String]) -> Loaded {
    let mut loaded = Loaded { agent, settings: AgentSettings::default(), findings: Vec::new(), origins: BTreeMap::new() };
    if let Some(desired) = desired {
        loaded.project(desired);
    }
    let file = config_ini.display().to_string();
    match read_counting(config_ini, CONFIG_INI_BYTES_MAX).map(|(bytes, _waits)| bytes) {
        Ok(Some(bytes)) => loaded.config_ini(&file, &bytes),
        Ok(None) => loaded.whole_file(Level::Warning, &file, "there is no config.ini"),
        Err(error) => loaded.whole_file(Level::Error, &file, &format!("could not read config.ini: {error}")),
    }
    loaded.command_line(command_line);
    loaded.judge();
    loaded
}

impl Loaded {
    /// Every key that this agent uses.
    pub fn effective(&self) -> Vec<Effective> {
        let used = KEYS.iter().filter(|key| key.is_for(self.agent));
        used.map(|key| Effective { key: key.name, value: self.settings.value(key), origin: self.origin(key.name) }).collect()
    }

    pub fn origin(&self, key: &str) -> Origin {
        self.origins.get(key).copied().unwrap_or(Origin::Default)
    }

    /// The console has checked these; a key that only another version knows is written to config.ini too and named there.
    fn project(&mut self, desired: &Desired) {
        for setting in desired.settings.iter().chain(&desired.additional) {
            if let (Some(key), Ok(())) = (Key::find(&setting.key), self.settings.apply(&setting.key, &setting.value)) {
                self.origins.insert(key.name, Origin::Project);
            }
        }
    }

    fn config_ini(&mut self, file: &str, bytes: &[u8]) {
        let ini = match Ini::read(bytes) {
            Ok(ini) => ini,
            Err(why) => return self.whole_file(Level::Error, file, &format!("config.ini is damaged: {why}")),
        };
        if ini.was_guessed() {
            let guessed = Finding::new(Level::Warning, file, None, "the file is not Unicode; it was read as Windows text (code page 1252)");
            self.findings.push(guessed.hint("save it as UTF-8"));
        }
        let odd = ini.oddities().into_iter();
        self.findings.extend(odd.map(|odd| Finding::new(Level::Warning, file, Some(odd.line), odd.text)));
        let mut seen: BTreeMap<&str, Entry<'_>> = BTreeMap::new();
        for entry in ini.entries() {
            let Some(key) = self.entry(file, entry) else { continue };
            if let Some(earlier) = seen.insert(key.name, entry).filter(|earlier| !earlier.section.eq_ignore_ascii_case(entry.section)) {
                let text = format!("{key} stands in line {} too; this line counts", earlier.line);
                self.findings.push(Finding::new(Level::Warning, file, Some(entry.line), text));
            }
        }
        self.findings.sort_by_key(|finding| finding.line);
    }

    fn entry(&mut self, file: &str, entry: Entry<'_>) -> Option<&'static Key> {
        let (line, origin) = (Some(entry.line), Origin::ConfigIni { line: entry.line });
        let key = self.apply(file, line, entry.key, entry.value, origin)?;
        if !key.is_for(self.agent) {
            self.findings.push(Finding::new(Level::Info, file, line, format!("the {} agent does not use {key}", self.agent)));
        }
        if !entry.section.eq_ignore_ascii_case(key.section) {
            let text = format!("{key} belongs to [{}]; it counts here too", key.section);
            self.findings.push(Finding::new(Level::Warning, file, line, text));
        }
        Some(key)
    }

    fn command_line(&mut self, pairs: &[String]) {
        for pair in pairs {
            match pair.split_once('=') {
                Some((key, value)) => drop(self.apply("command line", None, key.trim(), value.trim(), Origin::CommandLine)),
                None => self.findings.push(Finding::new(Level::Error, "command line", None, format!("`{pair}` is not Key=Value"))),
            }
        }
    }

    /// The key, when it now has the value.
    fn apply(&mut self, file: &str, line: Option<u32>, name: &str, value: &str, origin: Origin) -> Option<&'static Key> {
        let before = self.settings.clone();
        let finding = match self.settings.apply(name, value) {
            Ok(()) => {
                let key = Key::find(name)?;
                let repeats_project = self.origin(key.name) == Origin::Project && self.settings == before;
                if !repeats_project {
                    self.origins.insert(key.name, origin);
                }
                return Some(key);
            }
            Err(error @ BadValue::UnknownKey { nearest, .. }) => {
                let finding = Finding::new(Level::Warning, file, line, error.to_string());
                nearest.map(|nearest| finding.clone().hint(format!("did you mean {nearest}?"))).unwrap_or(finding)
            }
            Err(error @ BadValue::NotAllowed { .. }) => {
                let stays = Key::find(name).map(|key| self.settings.value(key)).unwrap_or_default();
                Finding::new(Level::Error, file, line, format!("{error}; it stays {stays}"))
            }
        };
        self.findings.push(finding);
        None
    }

    fn whole_file(&mut self, level: Level, file: &str, what: &str) {
        let text = format!("{what}; the agent works with what the project and the defaults say");
        self.findings.push(Finding::new(level, file, None, text).hint("run `mailferry commit` to write it anew"));
    }

    /// What can only be said of the settings in force.
    fn judge(&mut self) {
        let found = self.settings.contradictions(self.agent).into_iter();
        let found: Vec<Finding> =
            found.map(|(key, text)| Finding::new(Level::Warning, "settings in force", None, text).hint(self.said(key))).collect();
        self.findings.extend(found);
    }

    fn said(&self, key: &Key) -> String {
        format!("{key} is from: {}", self.origin(key.name))
    }
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
