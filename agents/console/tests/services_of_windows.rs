//! A migration between two clusters by services: installed, started, asked, stopped and removed through the Service Control Manager. Runs
//! on Windows and under Wine (scripts/windows.sh), with the agents' programs beside the console's.
#![cfg(windows)]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(300);
const MESSAGES: usize = 12;
const SIDES: [(&str, [&str; 2], [&str; 2]); 2] =
    [("source", ["SRC1", "SRC2"], ["source", "transmission"]), ("target", ["TGT1", "TGT2"], ["target", "transmission"])];

struct Site {
    root: tempfile::TempDir,
}

impl Site {
    fn new() -> Self {
        let site = Site { root: tempfile::tempdir().expect("a folder") };
        let mut project =
            String::from("[project]\nname = \"services\"\n[settings]\nSleepInterval = \"2s\"\nTransmissionPollInterval = \"2s\"\n");
        for (side, nodes, agents) in SIDES {
            let witness = site.folder(&format!("witness/{side}"));
            let _ = writeln!(project, "[{side}]\nname = \"{}\"\nwitness = '{}'", side.to_uppercase(), witness.display());
            for node in nodes {
                agents.iter().for_each(|agent| drop(site.folder(&format!("{node}/agents/{agent}"))));
                let (share, agents) = (site.folder(&format!("{node}/share")), site.path(&format!("{node}/agents")));
                let _ = writeln!(
                    project,
                    "[[{side}.nodes]]\nname = \"{node}\"\nshare = '{}'\nagents = '{}'",
                    share.display(),
                    agents.display()
                );
            }
        }
        site.folder("mail");
        let (old, new) = (site.path("mail/old.mbox"), site.path("mail/new.mbox"));
        let _ = writeln!(project, "[[collections]]\nname = \"all\"\n[[collections.mailboxes]]\nname = \"alice\"");
        let _ = writeln!(project, "source = 'mbox:{}'\ntarget = 'mbox:{}'", old.display(), new.display());
        let mail = |number| format!("From alice@old.example Mon Jan  5 10:00:{number:02} 2026\nSubject: {number}\n\nMessage {number}.\n\n");
        fs::write(&old, (0..MESSAGES).map(mail).collect::<String>()).expect("a mailbox");
        fs::write(site.path("project.toml"), project).expect("a project file");
        site
    }

    fn path(&self, below: &str) -> PathBuf {
        self.root.path().join(below.replace('/', "\\"))
    }

    fn folder(&self, below: &str) -> PathBuf {
        let path = self.path(below);
        fs::create_dir_all(&path).expect("a folder");
        path
    }

    fn console(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mailferry"));
        command.args(arguments).current_dir(self.root.path()).output().expect("the console can be run")
    }

    /// Every agent: its program, its home, and the name of its service.
    fn agents(&self) -> Vec<Agent> {
        let of = |(_, nodes, agents): &(&str, [&str; 2], [&str; 2])| {
            let home = |node: &str, agent: &str| Agent {
                program: Path::new(env!("CARGO_BIN_EXE_mailferry")).with_file_name(format!("mailferry-{agent}.exe")),
                home: self.path(&format!("{node}/agents/{agent}")),
                name: format!("Mailferry-{node}-{agent}"),
            };
            nodes.iter().flat_map(|node| agents.iter().map(|agent| home(node, agent))).collect::<Vec<_>>()
        };
        SIDES.iter().flat_map(of).collect()
    }

    fn arrived(&self) -> bool {
        let url = |name: &str| format!("mbox:{}", self.path(name).display());
        self.path("mail/new.mbox").exists()
            && self.console(&["verify", &url("mail/old.mbox"), &url("mail/new.mbox")]).status.code() == Some(0)
    }
}

struct Agent {
    program: PathBuf,
    home: PathBuf,
    name: String,
}

impl Agent {
    fn service(&self, verb: &str, more: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(&self.program);
        let output = command.args(["service", verb, "--name", &self.name]).args(more).output().expect("the program can be run");
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    }

    fn install(&self) {
        let config = self.home.join("config.ini");
        let (code, said) = self.service("install", &["--by-hand", "--config", &config.display().to_string()]);
        assert!(code == Some(0) && said.contains("is installed"), "{said}");
        let source = self.event_source().expect("its source of the event log is registered");
        assert!(source.contains("EventCreate.exe") && source.contains("TypesSupported"), "{source}");
    }

    /// What the registry says of its source in the Application log.
    fn event_source(&self) -> Option<String> {
        let key = format!(r"HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\{}", self.name);
        let output = Command::new("reg").args(["query", &key]).output().expect("reg can be run");
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn log(&self) -> String {
        let logs = fs::read_dir(self.home.join("log")).into_iter().flatten().flatten();
        logs.map(|log| fs::read_to_string(log.path()).unwrap_or_default()).collect()
    }
}

/// Nothing stays behind, however a test ends.
struct Installed<'a>(&'a [Agent]);

impl Drop for Installed<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|agent| drop(agent.service("uninstall", &[])));
    }
}

#[test]
fn two_clusters_are_served_by_services_which_start_stop_and_go() {
    let site = Site::new();
    let agents = site.agents();
    let _removed = Installed(&agents);
    for (arguments, what) in [
        (&["commit", "--project", "project.toml", "--yes"][..], "the project is committed"),
        (&["role", "SRC1", "--project", "project.toml"], "SRC1 is active"),
        (&["role", "TGT2", "--project", "project.toml"], "TGT2 is active"),
    ] {
        let said = site.console(arguments);
        assert!(said.status.success(), "{what}: {}", String::from_utf8_lossy(&said.stderr));
    }
    for agent in &agents {
        assert_eq!(agent.service("status", &[]).0, Some(3), "not installed yet");
        agent.install();
        let (code, said) = agent.service("status", &[]);
        assert!(code == Some(3) && said.contains("is stopped"), "{said}");
        let (code, said) = agent.service("install", &["--config", &agent.home.join("config.ini").display().to_string()]);
        assert!(code == Some(1) && said.contains("could not install"), "a second of that name: {said}");
    }
    for agent in &agents {
        let (code, said) = agent.service("start", &[]);
        assert!(code == Some(0) && said.contains("is running"), "{said}\n{}", agent.log());
    }
    let begun = Instant::now();
    while !site.arrived() {
        assert!(begun.elapsed() < PATIENCE, "not arrived: {}", agents.iter().map(Agent::log).collect::<String>());
    }
    // What runs as a service cannot be run beside it.
    let mut twice = Command::new(&agents[0].program);
    let twice = twice.args(["run", "--once", "--config"]).arg(agents[0].home.join("config.ini")).output().expect("the program can be run");
    assert!(String::from_utf8_lossy(&twice.stderr).contains("another process of this agent is running"), "{twice:?}");
    for agent in &agents {
        let (code, said) = agent.service("stop", &[]);
        assert!(code == Some(0) && said.contains("is stopped"), "{said}\n{}", agent.log());
        assert!(agent.log().contains("epoch.claimed") || !agent.log().contains("ERROR"), "{}", agent.log());
        assert_eq!(agent.service("uninstall", &[]).0, Some(0), "it goes");
        assert!(agent.service("status", &[]).1.contains("is not installed"), "it is gone");
        assert_eq!(agent.event_source(), None, "and so is its source of the event log");
    }
    assert!(site.arrived(), "nothing is lost or doubled by the end");
}
