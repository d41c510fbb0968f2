//! What `mailferry doctor` finds: everything an agent needs, looked at from where it is run, and what to do about each fault.
//!
//! ```text
//! probe    rights in a share, one by one, its clock and its room
//! mod      one agent on its node
//! ```
//! Nothing is changed but probe files, which are removed again.

mod probe;

use mailferry_core::engine::SessionReport;
use mailferry_core::ports::{Clock, Level, Role, RolePort, UnwatchedSteps};
use mailferry_core::settings::{AgentKind, AgentSettings, Desired, Node};
use mailferry_core::state::Database;
use serde::Serialize;

pub use self::probe::{Probe, examine_share};
use crate::manager::{State, standing_of};
use crate::{AgentHome, Openers};

/// How bad it is. A note needs nobody's doing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    Error,
    Warning,
    Note,
}

/// One thing that is not as it should be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Ailment {
    pub grade: Grade,
    /// Name of the check, such as `share.rename`.
    pub check: &'static str,
    /// The agent, node or cluster that has it.
    pub who: String,
    pub what: String,
    pub hint: String,
}

/// What was looked at, and what was found.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Examination {
    pub looked_at: Vec<String>,
    pub found: Vec<Ailment>,
}

impl Examination {
    pub fn looks_at(&mut self, what: impl Into<String>) {
        self.looked_at.push(what.into());
    }

    pub fn finds(&mut self, grade: Grade, check: &'static str, who: &str, what: impl Into<String>, hint: impl Into<String>) {
        let found = Ailment { grade, check, who: who.into(), what: what.into(), hint: hint.into() };
        if !self.found.contains(&found) {
            self.found.push(found);
        }
    }

    /// Whether somebody has to do something.
    pub fn is_ill(&self) -> bool {
        self.found.iter().any(|found| found.grade != Grade::Note)
    }
}

/// An agent on its own node.
pub fn examine_agent(home: &AgentHome, openers: &Openers, clock: &dyn Clock, examination: &mut Examination) {
    let name = format!("{} agent", home.kind);
    examination.looks_at(format!("{name}: settings, shares, witness, role, database, service"));
    service(home.kind, &name, examination);
    let desired = match home.desired() {
        Ok(desired) => desired,
        Err(trouble) => {
            let hint = "commit the project: `mailferry commit`; the agent waits for it";
            return examination.finds(Grade::Error, "committed", &name, trouble.to_string(), hint);
        }
    };
    let who = format!("{} {}", desired.node, home.kind);
    let loaded = home.settings(Some(&desired), &[]);
    for finding in loaded.findings.iter().filter(|finding| finding.level != Level::Info) {
        let grade = if finding.is_error() { Grade::Error } else { Grade::Warning };
        let hint = finding.hint.clone().unwrap_or_else(|| "change the project file and commit; config.ini is written anew".into());
        examination.finds(grade, "settings", &who, format!("{}: {}", finding.place(), finding.text), hint);
    }
    shares(home.kind, &desired, &loaded.settings, clock, &who, examination);
    role(home, &desired, &who, examination);
    database(home, &who, examination);
    if let (AgentKind::Target, Err(trouble)) = (home.kind, (openers.guarantee)(&loaded.settings)) {
        examination.finds(Grade::Error, "guarantee", &who, trouble.to_string(), "mend the file that CopyStatusProviders names");
    }
    report(home, &desired, &loaded.settings, clock, &who, examination);
}

fn shares(kind: AgentKind, desired: &Desired, settings: &AgentSettings, clock: &dyn Clock, who: &str, examination: &mut Examination) {
    let own = desired.own_cluster();
    let peers: &[Node] = if kind == AgentKind::Transmission { &desired.peer_cluster().nodes } else { &[] };
    for (node, folder) in own.nodes.iter().map(|node| (node, "NTA")).chain(peers.iter().map(|node| (node, "NTA/IN"))) {
        let here = node.name.eq_ignore_ascii_case(&desired.node);
        let probe = Probe {
            who,
            what: format!("the share of {}", node.name),
            place: node.share.as_ref(),
            folder,
            floor: (here && kind == AgentKind::Source).then_some(settings.free_space_floor),
        };
        examine_share(&probe, clock, examination);
    }
    match own.witness_place() {
        Some(place) => {
            let probe = Probe { who, what: format!("the witness of {}", own.name), place: place.as_ref(), folder: "NTA", floor: None };
            examine_share(&probe, clock, examination);
        }
        None => {
            let hint = "name a folder that both nodes reach as `witness` in the project file, and commit";
            examination.finds(Grade::Error, "witness", who, format!("{} has no witness", own.name), hint);
        }
    }
}

fn role(home: &AgentHome, desired: &Desired, who: &str, examination: &mut Examination) {
    let cluster = desired.own_cluster();
    let why = match home.role(desired).map(|reader| reader.role()) {
        Err(trouble) => trouble.to_string(),
        Ok(Role::Unknown { why }) => why,
        Ok(_) => return,
    };
    let hint = match cluster.role.is_static() {
        true => format!("from the console: mailferry role {}", cluster.nodes.first().map_or("NODE", |node| node.name.as_str())),
        false => format!("look at {} on this node, and at role_resource in the project file", cluster.role.title()),
    };
    examination.finds(Grade::Error, "role", who, format!("nobody says which node of {} is active: {why}", cluster.name), hint);
}

fn database(home: &AgentHome, who: &str, examination: &mut Examination) {
    let path = home.database();
    if !path.exists() {
        return examination.finds(Grade::Note, "database", who, "there is no database yet", "it is made at the first session");
    }
    let opened = Database::open(&path, std::sync::Arc::new(UnwatchedSteps)).and_then(|db| db.integrity());
    if let Err(error) = opened {
        let what = error.trouble(&path.display().to_string()).to_string();
        examination.finds(Grade::Error, "database", who, what, "docs/OPERATING.md, on restoring the database of an agent");
    }
}

fn service(kind: AgentKind, who: &str, examination: &mut Examination) {
    let program = format!("mailferry-{kind}");
    let start = format!("{program} service start");
    match standing_of(kind) {
        Err(trouble) => {
            examination.finds(Grade::Note, "service", who, trouble.to_string(), "without a service manager, start it with `run`")
        }
        Ok(standing) => match standing.state {
            State::Running | State::Starting => {}
            State::NotInstalled => {
                let hint = format!("{program} service install --config FILE; or keep it running by other means");
                examination.finds(Grade::Warning, "service", who, format!("service {} is not installed", standing.name), hint);
            }
            State::Failed => {
                let hint = format!("look at its log, then {start}");
                examination.finds(Grade::Error, "service", who, format!("service {} has failed: {}", standing.name, standing.detail), hint);
            }
            State::Stopped | State::Stopping => {
                examination.finds(Grade::Warning, "service", who, format!("service {} does not run", standing.name), start);
            }
        },
    }
}

/// What the agent itself has said last.
fn report(home: &AgentHome, desired: &Desired, settings: &AgentSettings, clock: &dyn Clock, who: &str, examination: &mut Examination) {
    let report: Option<SessionReport> = std::fs::read(home.status()).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let Some(report) = report else {
        return examination.finds(Grade::Warning, "session", who, "it has not finished a session yet", "start it, or try `run --once`");
    };
    examine_report(&report, settings, clock, who, examination);
    if report.revision.as_ref() != Some(&desired.revision) {
        let works_by = report.revision.map_or_else(|| "none that it tells".to_owned(), |revision| revision.to_string());
        let what = format!("it works by commit {works_by}, and has {}", desired.revision);
        examination.finds(Grade::Warning, "commit", who, what, "it takes a commit over at its next session: see that it runs");
    }
}

/// Sessions follow each other; one is late when three could have been.
pub fn examine_report(report: &SessionReport, settings: &AgentSettings, clock: &dyn Clock, who: &str, examination: &mut Examination) {
    let interval_s = settings.sleep_interval.0.max(settings.transmission_poll_interval.0);
    let (age_s, late_s) = (clock.now_ms().saturating_sub(report.finished_ms) / 1000, interval_s * 3 + 600);
    if age_s > late_s {
        let what = format!("its last session ended {age_s} seconds ago; one is due every {interval_s}");
        examination.finds(Grade::Warning, "session", who, what, "see that it runs: `service status`, and its log");
    }
    let ahead_s = report.finished_ms.saturating_sub(clock.now_ms()) / 1000;
    if ahead_s > probe::CLOCK_MAX_S {
        let what = format!("its last session ended {ahead_s} seconds in the future");
        examination.finds(Grade::Error, "clock", who, what, "set the clocks of all nodes by the same time server");
    }
    let own = env!("CARGO_PKG_VERSION");
    if let Some(version) = report.version.as_deref().filter(|version| *version != own) {
        let what = format!("it is version {version}; this program is {own}");
        examination.finds(Grade::Warning, "version", who, what, "bring all nodes and the console to one version, standby nodes first");
    }
}
