//! One agent and its last report.

use std::path::Path;
use std::sync::Arc;

use mailferry_core::engine::{SessionEnd, SessionReport};
use mailferry_core::settings::{AgentKind, Node, Side};
use mailferry_host::AgentHome;
use serde::{Serialize, Serializer};

use super::files::Unread;

/// A report that is older is doubted: no agent sleeps for so long unless it was told to.
const OLD_AFTER_MS: u64 = 15 * 60_000;

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
    pub fn new(side: Side, node: &Node, agent: AgentKind, report: Result<Arc<SessionReport>, Unread>) -> Self {
        let (report, unknown) = match report {
            Ok(report) => (Some(report), None),
            Err(unread) => (None, Some(unread.text)),
        };
        AgentSeen { side: side.name(), node: node.name.clone(), agent, report, unknown, home: home(&node.agents, agent) }
    }

    pub fn is_active(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report.role == "active")
    }

    pub fn age_ms(&self, now_ms: u64) -> Option<u64> {
        self.report.as_ref().map(|report| now_ms.saturating_sub(report.finished_ms))
    }

    pub fn is_old(&self, now_ms: u64) -> bool {
        self.age_ms(now_ms).is_some_and(|age_ms| age_ms > OLD_AFTER_MS)
    }

    pub fn health(&self, now_ms: u64) -> Health {
        let Some(report) = &self.report else { return Health::Silent };
        match report.end {
            SessionEnd::HeldUp(_) => Health::Bad,
            _ if self.is_old(now_ms) => Health::Bad,
            _ if waiting(report) => Health::Waits,
            _ => Health::Good,
        }
    }

    /// It does not answer, or something of it waits.
    pub fn waits(&self) -> bool {
        self.report.as_deref().is_none_or(waiting)
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

/// Where an agent lives, as the console reaches it.
pub fn home(agents: &str, kind: AgentKind) -> AgentHome {
    AgentHome::new(kind, Path::new(agents).join(kind.name()).join("config.ini"))
}

/// The report of one agent alone.
pub fn read_report(home: &AgentHome) -> Result<SessionReport, String> {
    let unread = |error: &dyn std::fmt::Display| format!("{}: {error}", home.status().display());
    let text = std::fs::read(home.status()).map_err(|error| unread(&error))?;
    serde_json::from_slice(&text).map_err(|error| unread(&error))
}
