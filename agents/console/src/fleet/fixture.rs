//! A project in a folder, with the files its agents would leave: for tests of views.

use std::fs;
use std::path::{Path, PathBuf};

use mailferry_core::engine::{
    CopyQueueReport, Counts, DebtReport, MailboxReport, Mailboxes, MoveReport, Moves, SessionEnd, SessionReport, Stall,
};
use mailferry_core::settings::{AgentKind, Project, load_project, mailbox_id};
use tempfile::TempDir;

use super::{Fleet, Looker, Work};

/// When everything is as it is told.
pub const NOW_MS: u64 = 1_790_000_000_000;
const MINUTE_MS: u64 = 60_000;

pub struct Fixture {
    dir: TempDir,
}

/// What stands in no view, whatever its files hold: a user of a store, the place of one, a subject.
pub const HIDDEN: [&str; 3] = ["hidden.user", "/srv/hidden", "a subject at debug"];

impl Fixture {
    /// Two clusters and so many mailboxes, in collections of a thousand; half of them have requests.
    pub fn new(mailboxes: usize) -> Self {
        let fixture = Fixture { dir: TempDir::new().expect("a folder") };
        fs::write(fixture.project_file(), project_text(fixture.dir.path(), mailboxes)).expect("a project file");
        for (node, kind) in agents() {
            fs::create_dir_all(fixture.agent(node, kind).join("log")).expect("a folder");
            fixture.write(node, kind, "status.json", &report(node, kind, mailboxes as u64));
        }
        fixture.write("SRC1", AgentKind::Source, "mailboxes.json", &at_source(mailboxes));
        fixture.write("TGT1", AgentKind::Target, "mailboxes.json", &at_target(mailboxes));
        fixture.write("SRC1", AgentKind::Source, "moves.json", &moves(mailboxes));
        fs::write(fixture.agent("SRC1", AgentKind::Source).join("log/source.log"), LOG).expect("a log");
        fixture
    }

    pub fn project_file(&self) -> PathBuf {
        self.dir.path().join("project.toml")
    }

    pub fn project(&self) -> Project {
        load_project(&self.project_file()).expect("the fixture's project makes sense")
    }

    pub fn agent(&self, node: &str, kind: AgentKind) -> PathBuf {
        self.dir.path().join(node).join(kind.name())
    }

    pub fn write(&self, node: &str, kind: AgentKind, name: &str, value: &impl serde::Serialize) {
        fs::write(self.agent(node, kind).join(name), serde_json::to_vec(value).expect("JSON")).expect("a file");
    }

    /// A first look, and what it has cost.
    pub fn look(&self) -> (Fleet, Work) {
        let mut looker = Looker::new(self.project());
        (looker.look(NOW_MS), looker.work)
    }

    /// Bytes of all files that a first look reads.
    pub fn bytes(&self) -> u64 {
        let files =
            agents().flat_map(|(node, kind)| ["status.json", "mailboxes.json", "moves.json"].map(|name| self.agent(node, kind).join(name)));
        files.filter_map(|path| fs::metadata(path).ok()).map(|about| about.len()).sum()
    }
}

fn agents() -> impl Iterator<Item = (&'static str, AgentKind)> {
    let of = |node, kind| [(node, kind), (node, AgentKind::Transmission)];
    let sides = [("SRC1", AgentKind::Source), ("SRC2", AgentKind::Source), ("TGT1", AgentKind::Target), ("TGT2", AgentKind::Target)];
    sides.into_iter().flat_map(move |(node, kind)| of(node, kind))
}

pub fn name(number: usize) -> String {
    format!("user{number:05}")
}

fn id(number: usize) -> String {
    mailbox_id("fixture", &name(number)).to_string()
}

fn project_text(root: &Path, mailboxes: usize) -> String {
    let mut text = "[project]\nname = \"fixture\"\n".to_owned();
    for side in ["source", "target"] {
        let cluster = if side == "source" { "SRC" } else { "TGT" };
        text += &format!("[{side}]\nname = \"{cluster}\"\nwitness = '{}'\n", root.join("witness").display());
        for node in [1, 2].map(|number| format!("{cluster}{number}")) {
            let agents = root.join(&node);
            text += &format!("[[{side}.nodes]]\nname = \"{node}\"\nshare = '/x/{node}'\nagents = '{}'\n", agents.display());
        }
    }
    for first in (0..mailboxes).step_by(1_000) {
        text += &format!("[[collections]]\nname = \"wave {}\"\nmailboxes = [\n", first / 1_000 + 1);
        for number in first..mailboxes.min(first + 1_000) {
            let (name, [user, place, _]) = (name(number), HIDDEN);
            text += &format!(
                "{{ name = \"{name}\", source = \"imaps://{user}@old.example?password-env=X\", target = \"maildir:{place}/{name}\" }},\n"
            );
        }
        text += "]\n";
    }
    text
}

/// SRC1 and TGT1 are active; the way from SRC1 to its standby is slow, and something is owed.
pub fn report(node: &str, kind: AgentKind, mailboxes: u64) -> SessionReport {
    let is_active = node.ends_with('1');
    let debt = DebtReport {
        node: "SRC2".into(),
        path: "NTA/OUT/TGT1/x.prv".into(),
        container: "00000000000000000000000000000000-0000000042-0000000001".into(),
        since_ms: NOW_MS - 90 * MINUTE_MS,
        attempts: 3,
        next_attempt_ms: NOW_MS + MINUTE_MS,
        last_error: "access denied <os error 5>".into(),
    };
    let mut report: SessionReport = serde_json::from_value(serde_json::json!({
        "agent": kind, "node": node, "role": if is_active { "active" } else { "standby" }, "epoch": 3,
        "started_ms": NOW_MS - 50_000, "finished_ms": NOW_MS - 20_000, "end": if is_active { "completed" } else { "standby" },
        "counts": Counts::default(), "stalls": [], "deletion_debts": [], "coverage_debts": [],
        "containers": 0, "containers_answered": 0, "containers_bad": [], "copy_queue": 0, "lsn": 4_711
    }))
    .expect("a report");
    if (node, kind) == ("SRC1", AgentKind::Source) {
        (report.containers, report.containers_answered) = (mailboxes * 4, mailboxes * 4 - mailboxes / 10);
        report.counts = Counts { published: 12, packed_items: 3_400, packed_bytes: 55 << 20, ..Counts::default() };
        report.stalls = vec![Stall { what: name(3), why: "the server says <NO> [INUSE] & closes".into() }];
        report.replication.copy = vec![CopyQueueReport {
            node: "SRC2".into(),
            sets: Some(17),
            bytes: 90_000,
            oldest_ms: Some(NOW_MS - 2 * MINUTE_MS),
            replicated_ms: Some(NOW_MS - 3 * MINUTE_MS),
            ..CopyQueueReport::default()
        }];
        report.deletion_debts = vec![debt];
    }
    if (node, kind) == ("TGT2", AgentKind::Target) {
        report.end = SessionEnd::HeldUp("the witness cannot be read".into());
        report.finished_ms = NOW_MS - 40 * MINUTE_MS;
    }
    report
}

fn at_source(mailboxes: usize) -> Mailboxes {
    let one = |number: usize| MailboxReport {
        mailbox: id(number),
        name: name(number),
        containers: 4,
        answered: if number % 10 == 1 { 3 } else { 4 },
        items: 1_000 + number as u64,
        bytes: 50_000_000 + number as u64,
        published_ms: NOW_MS - 10 * MINUTE_MS,
        passed_ms: NOW_MS - MINUTE_MS,
        ..MailboxReport::default()
    };
    Mailboxes { mailboxes: (0..mailboxes).map(one).collect() }
}

fn at_target(mailboxes: usize) -> Mailboxes {
    let one = |number: usize| MailboxReport {
        mailbox: id(number),
        name: name(number),
        containers: if number % 10 == 1 { 3 } else { 4 },
        applied: 1_000,
        already: number as u64 % 3,
        left_out: u64::from(number % 50 == 2) * 2,
        bad_containers: u64::from(number % 1_000 == 5),
        taken_ms: NOW_MS - 9 * MINUTE_MS,
        ..MailboxReport::default()
    };
    Mailboxes { mailboxes: (0..mailboxes).map(one).collect() }
}

fn moves(mailboxes: usize) -> Moves {
    let states = ["Queued", "InProgress", "AutoSuspended", "Suspended", "Failed", "Completed"];
    let one = |number: usize| {
        let state = states[number / 2 % states.len()];
        let is_ready = matches!(state, "AutoSuspended" | "Completed");
        MoveReport {
            mailbox: id(number),
            name: name(number),
            id: format!("{number:032x}"),
            batch: "first <wave>".into(),
            state: state.into(),
            detail: state.into(),
            message: if state == "Failed" { "=too many bad items".into() } else { String::new() },
            priority: "Normal".into(),
            bad_items: u64::from(state == "Failed") * 7,
            created_ms: NOW_MS - 300 * MINUTE_MS,
            started_ms: if state == "Queued" { 0 } else { NOW_MS - 200 * MINUTE_MS },
            ready_ms: if is_ready { NOW_MS - 100 * MINUTE_MS } else { 0 },
            state_since_ms: NOW_MS - 100 * MINUTE_MS,
            containers: 4,
            containers_answered: 4,
            overall_ms: 300 * MINUTE_MS,
            durations_ms: [("Retrying".to_owned(), 100 * MINUTE_MS), (state.to_owned(), 200 * MINUTE_MS)].into(),
            ..MoveReport::default()
        }
    };
    Moves { requests: (0..mailboxes).step_by(2).map(one).collect(), orders: Vec::new() }
}

const LOG: &str = "2026-09-21T13:20:00.000Z  WARN could not place a container for <TGT1>\n  cause: away event=\"container.held\"\n\
    2026-09-21T13:20:01.000Z DEBUG a subject at debug event=\"item\"\n\
    2026-09-21T13:20:02.000Z ERROR mailbox user00005: given up event=\"container.archived\"\n";
