//! One agent and its last report.

use std::path::Path;
use std::sync::Arc;

use mailferry_core::engine::{SessionEnd, SessionReport};
use mailferry_core::settings::{AgentKind, AgentSettings, Node, Project, Side};
use mailferry_host::AgentHome;
use serde::{Serialize, Serializer};

use super::files::{BYTES_MAX, Unread, bytes};

/// A report that is older is doubted, and so is one that is older than three sleeps of its agent.
const OLD_AFTER_MS: u64 = 15 * 60_000;
/// A report from the future would look fresh for as long, whether its agent runs or not.
const AHEAD_AFTER_MS: u64 = 60_000;

/// One agent as the console sees it.
#[derive(Clone, Serialize)]
pub struct AgentSeen {
    pub side: &'static str,
    pub node: String,
    pub agent: AgentKind,
    #[serde(flatten, serialize_with = "bare")]
    pub report: Option<Arc<SessionReport>>,
    /// Why there is no report.
    pub unknown: Option<String>,
    #[serde(skip)]
    pub home: AgentHome,
    #[serde(skip)]
    old_after_ms: u64,
    /// There is no report at all, as before the first session.
    #[serde(skip)]
    pub is_new: bool,
}

/// How an agent does, the worst last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    Good,
    /// Something waits, or is owed.
    Waits,
    /// The last session ended early, or the report is old.
    Bad,
    Silent,
}

fn bare<S: Serializer>(report: &Option<Arc<SessionReport>>, serializer: S) -> Result<S::Ok, S::Error> {
    report.as_deref().serialize(serializer)
}

impl AgentSeen {
    pub fn new(project: &Project, side: Side, node: &Node, agent: AgentKind, report: Result<Arc<SessionReport>, Unread>) -> Self {
        let is_new = report.as_ref().is_err_and(|unread| unread.is_missing);
        let (report, unknown) = match report {
            Ok(report) => (Some(report), None),
            Err(unread) => (None, Some(unread.text)),
        };
        let settings = settings_of(project, agent, &node.name);
        let sleep_s = settings.sleep_interval.0.max(settings.transmission_poll_interval.0);
        let old_after_ms = OLD_AFTER_MS.max(sleep_s * 3_000);
        AgentSeen {
            side: side.name(),
            node: node.name.clone(),
            agent,
            report,
            unknown,
            home: home(&node.agents, agent),
            old_after_ms,
            is_new,
        }
    }

    pub fn is_active(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.role == "active")
    }

    pub fn age_ms(&self, now_ms: u64) -> Option<u64> {
        self.report.as_ref().map(|report| now_ms.saturating_sub(report.finished_ms))
    }

    fn is_old(&self, now_ms: u64) -> bool {
        self.age_ms(now_ms).is_some_and(|age_ms| age_ms > self.old_after_ms)
    }

    /// Why its report says nothing of how it does now.
    pub fn doubt(&self, now_ms: u64) -> Option<String> {
        let ahead_ms = self.report.as_ref()?.finished_ms.saturating_sub(now_ms);
        match ahead_ms > AHEAD_AFTER_MS {
            true => Some(format!("its clock is {} s ahead of the one here: whether it still runs cannot be told", ahead_ms / 1000)),
            false => self.is_old(now_ms).then(|| "no session has ended since: see that it runs, and is not in a long one".to_owned()),
        }
    }

    pub fn health(&self, now_ms: u64) -> Health {
        let Some(report) = &self.report else { return Health::Silent };
        match report.end {
            SessionEnd::HeldUp(_) => Health::Bad,
            _ if self.doubt(now_ms).is_some() => Health::Bad,
            _ if waiting(report) => Health::Waits,
            _ => Health::Good,
        }
    }

    /// It does not answer, or something of it waits.
    pub fn waits(&self, now_ms: u64) -> bool {
        self.health(now_ms) != Health::Good
    }

    /// `active`, `standby` and so on, in one word.
    pub fn role(&self) -> &str {
        self.report.as_ref().map_or("", |report| report.role.split(' ').next().unwrap_or_default())
    }

    pub fn end(&self) -> String {
        match self.report.as_ref().map(|report| &report.end) {
            None => self.unknown.clone().map_or_else(String::new, |why| format!("no report: {why}")),
            Some(SessionEnd::Completed) => "completed".to_owned(),
            Some(SessionEnd::Standby) => "standing by".to_owned(),
            Some(SessionEnd::HeldUp(why)) => format!("held up: {why}"),
        }
    }
}

/// Whether something waits for a person or another node.
pub fn waiting(report: &SessionReport) -> bool {
    matches!(report.end, SessionEnd::HeldUp(_))
        || !report.stalls.is_empty()
        || !report.deletion_debts.is_empty()
        || !report.coverage_debts.is_empty()
        || report.replication.wants_snapshot.is_some()
}

/// What the project says to an agent; a hand may have said something else since.
pub fn settings_of(project: &Project, agent: AgentKind, node: &str) -> AgentSettings {
    let mut settings = AgentSettings::default();
    for chosen in project.settings_used(agent, node).iter().chain(&project.additional(agent, node)) {
        let _unknown_keys_are_told_elsewhere = settings.apply(&chosen.key, &chosen.value);
    }
    settings
}

/// Where an agent lives, as the console reaches it.
pub fn home(agents: &str, kind: AgentKind) -> AgentHome {
    AgentHome::new(kind, Path::new(agents).join(kind.name()).join("config.ini"))
}

/// The report of one agent alone.
pub fn read_report(home: &AgentHome) -> Result<SessionReport, String> {
    let unread = |error: &dyn std::fmt::Display| format!("{}: {error}", home.status().display());
    let text = bytes(&home.status(), BYTES_MAX).map_err(|error| unread(&error))?;
    serde_json::from_slice(&text).map_err(|error| unread(&error))
}
