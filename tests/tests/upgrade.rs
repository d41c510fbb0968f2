//! State and configuration as the first complete version left them in the middle of a migration, gone on with by today's agents. The fixture
//! is made by `scripts/upgrade-fixture.sh` with the programs of that version: mail that has arrived, a container that is delivered and not imported,
//! one that is packed and not delivered, a standby.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use mailferry_core::engine::SessionReport;
use mailferry_core::settings::AgentKind;
use mailferry_tests::{agent_program, console_command};
use tempfile::TempDir;

const AGENTS: [(&str, AgentKind); 6] = [
    ("S1", AgentKind::Source),
    ("S1", AgentKind::Transmission),
    ("S2", AgentKind::Source),
    ("S2", AgentKind::Transmission),
    ("T1", AgentKind::Target),
    ("T1", AgentKind::Transmission),
];

/// A site as the first version left it.
struct Site {
    dir: TempDir,
}

impl Site {
    fn new() -> Self {
        let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/upgrade/first.tar.zst");
        let site = Site { dir: TempDir::new().expect("a temporary folder") };
        let packed = fs::File::open(fixture).expect("the fixture");
        let unpacked = zstd::Decoder::new(packed).expect("a frame of zstd");
        tar::Archive::new(unpacked).unpack(site.dir.path()).expect("an archive");
        site
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn console(&self, arguments: &[&str]) -> Output {
        console_command(arguments).current_dir(self.dir.path()).output().expect("the console can be run")
    }

    /// What it says, when it ends with this code.
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.console(arguments);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
        text
    }

    fn session(&self, node: &str, kind: AgentKind) -> SessionReport {
        let config = format!("{node}/agents/{kind}/config.ini");
        let mut command = std::process::Command::new(agent_program(kind));
        let ran = command.args(["run", "--once", "--config", &config]).current_dir(self.dir.path()).output().expect("an agent can be run");
        assert!(matches!(ran.status.code(), Some(0 | 3)), "{node} {kind}: {}", String::from_utf8_lossy(&ran.stderr));
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(!said.contains("ERROR"), "{node} {kind}: {said}");
        let status = fs::read(self.path(&format!("{node}/agents/{kind}/status.json"))).expect("a status");
        serde_json::from_slice(&status).expect("a report")
    }

    /// Rounds of all agents until nothing is left to do.
    fn settle(&self) -> Vec<SessionReport> {
        let mut rounds = 0;
        loop {
            let reports: Vec<SessionReport> = AGENTS.iter().map(|(node, kind)| self.session(node, *kind)).collect();
            if reports.iter().all(|report| !report.counts.progress()) {
                return reports;
            }
            rounds += 1;
            assert!(rounds < 20, "the agents do not come to an end: {reports:?}");
        }
    }

    /// Both mailboxes have arrived, each message once, with its marks.
    fn has_arrived(&self) {
        self.says(0, &["verify", "maildir:mail/alice", "maildir:mail/new/alice"]);
        self.says(0, &["verify", "maildir:mail/bob", "mbox:mail/new/bob"]);
    }

    fn new_mail(&self, mailbox: &str, number: u32) {
        let name = format!("mail/{mailbox}/cur/17620001{number:02}.M{number}.host:2,");
        let text = format!("Message-ID: <{mailbox}.{number}@example.org>\r\nSubject: new {number}\r\n\r\nHello.\r\n");
        fs::write(self.path(&name), text).expect("a message");
    }
}

#[test]
fn agents_go_on_where_those_of_the_first_version_stopped() {
    let site = Site::new();
    let before = site.console(&["verify", "maildir:mail/alice", "maildir:mail/new/alice"]);
    assert_ne!(before.status.code(), Some(0), "the migration was in full swing");
    let reports = site.settle();
    site.has_arrived();
    for report in reports.iter().filter(|report| report.agent == "source" && report.role == "active") {
        assert!(report.containers > 2 && report.containers_answered == report.containers && report.epoch == 1, "{report:?}");
    }
    assert!(reports.iter().all(|report| report.stalls.is_empty() && report.containers_bad.is_empty()), "{reports:?}");
    let numbers: Vec<Option<u64>> = reports.iter().map(|report| report.revision.as_ref().map(|revision| revision.number)).collect();
    assert_eq!(numbers, [Some(1); 6], "by what the first version has committed");
}

#[test]
fn a_standby_of_the_first_version_takes_over() {
    let site = Site::new();
    site.says(0, &["role", "S2"]);
    site.new_mail("bob", 9);
    let reports = site.settle();
    site.has_arrived();
    let active: Vec<&str> = reports.iter().filter(|report| report.role == "active").map(|report| report.node.as_str()).collect();
    assert_eq!(active, ["S2", "S2", "T1", "T1"]);
    assert!(reports.iter().all(|report| report.stalls.is_empty()), "{reports:?}");
}

#[test]
fn the_console_knows_what_the_first_version_committed_and_commits_the_next() {
    let site = Site::new();
    let list = site.says(3, &["commit", "--list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    let agents = list["standing"]["agents"].as_array().expect("a list");
    assert!(
        agents.len() == 6 && agents.iter().all(|agent| agent["committed"]["number"] == 1 && agent["drift"] == serde_json::json!([])),
        "{list:#}"
    );
    let edited = fs::read_to_string(site.path("T1/agents/target/config.ini")).expect("a file") + "\n[Log]\nLogFilesMax = 3\n";
    fs::write(site.path("T1/agents/target/config.ini"), edited).expect("a file");
    let shown = site.says(0, &["commit", "--dry-run"]);
    assert!(shown.contains("`LogFilesMax = 3` goes"), "an edit by hand is known as one: {shown}");
    site.says(0, &["commit", "--yes"]);
    assert!(site.path("S2/agents/commits.json").exists() && site.path("project.commits").is_dir());
    site.settle();
    site.has_arrived();
    site.says(0, &["commit", "--list"]);
    site.says(0, &["set", "--agent", "source", "ContainerItemsMax=8"]);
    let shown = site.says(0, &["commit", "--yes"]);
    assert!(shown.contains("ContainerItemsMax: `8` is new"), "{shown}");
    site.new_mail("alice", 9);
    let reports = site.settle();
    site.has_arrived();
    assert!(reports.iter().all(|report| report.revision.as_ref().is_some_and(|revision| revision.number >= 2)), "{reports:?}");
}
