//! A project in a temporary folder: nodes are folders, shares are folders below them, agents live beside these.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use mailferry_core::engine::{SessionEnd, SessionReport};
use mailferry_core::settings::{self, AgentKind, Cluster, Mailbox, Project, Side};
use mailferry_host::{AgentHome, LocalShare, active_node, rules_side, set_active_node};
use tempfile::TempDir;

use crate::programs::agent_program;
use crate::sample;
use crate::scratch::{on_disk, scratch};

/// Rounds after which a project that is not quiet hangs.
const ROUNDS_MAX: usize = 60;

/// What a bed is to be.
#[derive(Clone, Debug)]
pub struct Plan {
    nodes: [usize; 2],
    mailboxes: Vec<[String; 3]>,
    samples: Vec<(String, u64)>,
    /// Primary mailboxes with their archives.
    archives: Vec<[String; 2]>,
    settings: String,
    /// Lines for both clusters.
    role: String,
    sleep: &'static str,
    on_disk: bool,
    power: Option<&'static str>,
}

impl Plan {
    /// One node is a standalone server, two are a cluster.
    pub fn new(source_nodes: usize, target_nodes: usize) -> Self {
        Plan {
            nodes: [source_nodes, target_nodes],
            mailboxes: Vec::new(),
            samples: Vec::new(),
            archives: Vec::new(),
            settings: String::new(),
            role: String::new(),
            sleep: "1s",
            on_disk: false,
            power: None,
        }
    }

    /// A Maildir mailbox with messages from a seed.
    #[must_use]
    pub fn sample(self, name: &str, messages: u64) -> Self {
        self.sample_to(name, messages, "maildir")
    }

    /// The same, to another kind of store.
    #[must_use]
    pub fn sample_to(mut self, name: &str, messages: u64, target: &str) -> Self {
        self.samples.push((name.into(), messages));
        self.mailbox(name, "maildir", target)
    }

    /// A mailbox in `mail/old/NAME` and `mail/new/NAME`, or where an address such as `imap://..` says; whoever names it fills it.
    #[must_use]
    pub fn mailbox(mut self, name: &str, source: &str, target: &str) -> Self {
        self.mailboxes.push([name.into(), source.into(), target.into()]);
        self
    }

    /// One mailbox is the archive of another.
    #[must_use]
    pub fn archive(mut self, primary: &str, archive: &str) -> Self {
        self.archives.push([primary.into(), archive.into()]);
        self
    }

    /// Lines for `[settings]` of the project file, or `[settings.target]` and others behind their header.
    #[must_use]
    pub fn settings(mut self, lines: &str) -> Self {
        self.settings += lines;
        self.settings += "\n";
        self
    }

    /// The role of both sides comes from a resource of Pacemaker.
    #[must_use]
    pub fn role_from_pacemaker(self, resource: &str) -> Self {
        Plan { role: format!("role = \"pacemaker\"\nrole_resource = {resource:?}\n"), ..self }
    }

    /// How long agents sleep, where nobody else says it: long enough here that only what wakes them can be the reason for a session.
    #[must_use]
    pub fn sleeping(self, sleep: &'static str) -> Self {
        Plan { sleep, ..self }
    }

    #[must_use]
    pub fn on_disk(self) -> Self {
        Plan { on_disk: true, ..self }
    }

    /// Every node, both witnesses and the new mail on disks of their own whose power can be cut, with this file system.
    #[cfg(target_os = "linux")]
    #[must_use]
    pub fn on_power(self, kind: &'static str) -> Self {
        Plan { power: Some(kind), ..self }
    }

    pub fn build(&self) -> Bed {
        Bed::build(self)
    }
}

pub struct Bed {
    /// Unmounted before their folder goes.
    #[cfg(target_os = "linux")]
    disks: Vec<crate::power::Disk>,
    dir: Option<TempDir>,
    root: PathBuf,
    project: Project,
}

impl Bed {
    fn build(plan: &Plan) -> Bed {
        let dir = if plan.on_disk { on_disk() } else { scratch() };
        let root = dir.path().to_path_buf();
        #[cfg(target_os = "linux")]
        let disks = plan.power.map_or(Vec::new(), |kind| power_disks(&root, plan, kind));
        for side in [Side::Source, Side::Target] {
            make(&root.join(witness(side)));
            for node in node_names(side, plan.nodes[side as usize]) {
                make(&root.join(&node).join("share"));
                make(&root.join(&node).join("agents"));
            }
        }
        make(&root.join("mail/old"));
        make(&root.join("mail/new"));
        fs::write(root.join("project.toml"), project_text(&root, plan)).expect("a project file");
        let project = settings::load_project(&root.join("project.toml")).expect("the bed's project file makes sense");
        let bed = Bed {
            #[cfg(target_os = "linux")]
            disks,
            dir: Some(dir),
            root,
            project,
        };
        bed.commit();
        #[cfg(target_os = "linux")]
        bed.disks.iter().for_each(crate::power::Disk::sync);
        for (number, (name, messages)) in plan.samples.iter().enumerate() {
            sample::fill(&bed.mailbox(name).source, number as u64 + 1, *messages);
        }
        bed
    }

    /// Writes config.ini and desired.toml of every agent.
    pub fn commit(&self) {
        for outcome in settings::plan_commit(&self.project, None).expect("a plan").execute(&settings::Author::unnamed()) {
            outcome.result.expect("a node that can be reached");
        }
    }

    /// The disks of a plan `on_power`.
    #[cfg(target_os = "linux")]
    pub fn disks(&self) -> &[crate::power::Disk] {
        &self.disks
    }

    pub fn path(&self, below: &str) -> PathBuf {
        self.root.join(below)
    }

    pub fn cluster(&self, side: Side) -> &Cluster {
        self.project.topology.cluster(side)
    }

    pub fn nodes(&self, side: Side) -> Vec<String> {
        self.cluster(side).nodes.iter().map(|node| node.name.clone()).collect()
    }

    /// Every agent of the project, active nodes first: their standbys take up in the same round what they ship.
    pub fn agents(&self) -> Vec<(String, AgentKind)> {
        let agents_of = |side: Side| {
            let mut nodes = self.nodes(side);
            let active = self.active(side);
            nodes.sort_by_key(|node| *node != active);
            side.agents().into_iter().flat_map(move |kind| nodes.clone().into_iter().map(move |node| (node, kind)))
        };
        agents_of(Side::Source).chain(agents_of(Side::Target)).collect()
    }

    pub fn mailboxes(&self) -> &[Mailbox] {
        &self.project.mailboxes
    }

    pub fn mailbox(&self, name: &str) -> &Mailbox {
        self.project.mailboxes.iter().find(|mailbox| mailbox.name == name).expect("a mailbox of this bed")
    }

    /// The folder above `NTA`.
    pub fn share(&self, node: &str) -> PathBuf {
        self.root.join(node).join("share")
    }

    pub fn home(&self, node: &str, kind: AgentKind) -> AgentHome {
        AgentHome::new(kind, self.root.join(node).join("agents").join(kind.name()).join("config.ini"))
    }

    pub fn report(&self, node: &str, kind: AgentKind) -> Option<SessionReport> {
        serde_json::from_str(&fs::read_to_string(self.home(node, kind).status()).ok()?).ok()
    }

    /// Everything an agent has told so far, from services and single sessions.
    pub fn log(&self, node: &str, kind: AgentKind) -> String {
        let folder = self.home(node, kind).database().with_file_name("log");
        let read = |name: String| fs::read_to_string(folder.join(name)).unwrap_or_default();
        read("once.log".into()) + &read(format!("{kind}.log"))
    }

    pub fn active(&self, side: Side) -> String {
        active_node(&rules_side(self.cluster(side)), &self.witness(side)).expect("a witness")
    }

    pub fn set_role(&self, side: Side, node: &str) {
        set_active_node(&rules_side(self.cluster(side)), node, &self.witness(side)).expect("a witness");
    }

    /// The role goes to the other node; a standalone server keeps it.
    pub fn switch_over(&self, side: Side) {
        let active = self.active(side);
        if let Some(other) = self.nodes(side).into_iter().find(|node| *node != active) {
            self.set_role(side, &other);
        }
    }

    fn witness(&self, side: Side) -> LocalShare {
        LocalShare::new(self.cluster(side).witness_place().expect("the bed gives every side a witness"))
    }

    /// The command of one session.
    pub fn command(&self, node: &str, kind: AgentKind) -> Command {
        let mut command = Command::new(agent_program(kind));
        command.args(["run", "--once", "--config"]).arg(&self.home(node, kind).config_ini);
        command
    }

    /// `run --once`, whatever comes of it.
    pub fn try_once(&self, node: &str, kind: AgentKind) -> Output {
        let home = self.home(node, kind);
        let output = self.command(node, kind).output().expect("an agent can be run");
        let log = home.database().with_file_name("log");
        make(&log);
        let opened = fs::File::options().append(true).create(true).open(log.join("once.log"));
        opened.and_then(|mut file| file.write_all(&output.stderr)).expect("a log");
        output
    }

    /// One session.
    pub fn once(&self, node: &str, kind: AgentKind) -> SessionReport {
        let output = self.try_once(node, kind);
        let code = output.status.code();
        assert!(matches!(code, Some(0 | 3)), "{kind} of {node}: {code:?}\n{}", String::from_utf8_lossy(&output.stderr));
        self.report(node, kind).expect("a session leaves a report")
    }

    /// One session of every agent; true when nothing was left to do.
    pub fn round(&self) -> bool {
        let reports: Vec<SessionReport> = self.agents().into_iter().map(|(node, kind)| self.once(&node, kind)).collect();
        reports.iter().all(quiet)
    }

    /// Rounds until a whole one finds nothing to do.
    pub fn settle(&self) {
        for _ in 0..ROUNDS_MAX {
            if self.round() {
                return;
            }
        }
        let told: Vec<String> = self.agents().iter().map(|(node, kind)| format!("{:?}", self.report(node, *kind))).collect();
        assert!(told.is_empty(), "not quiet after {ROUNDS_MAX} rounds:\n{}", told.join("\n"));
    }
}

/// Nothing was done, nothing waits, every container is answered.
pub(crate) fn quiet(report: &SessionReport) -> bool {
    let answered = report.role != "active" || report.agent != "source" || report.containers == report.containers_answered;
    !report.counts.progress() && !matches!(report.end, SessionEnd::HeldUp(_)) && answered
}

impl Drop for Bed {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(dir) = self.dir.take()
        {
            eprintln!("the bed is left in {}", dir.keep().display());
        }
    }
}

#[cfg(target_os = "linux")]
fn power_disks(root: &Path, plan: &Plan, kind: &str) -> Vec<crate::power::Disk> {
    let nodes = [Side::Source, Side::Target].into_iter().flat_map(|side| node_names(side, plan.nodes[side as usize]));
    let places = nodes.chain(["witness-source", "witness-target", "mail/new"].map(String::from));
    make(&root.join("images"));
    let disk = |place: String| crate::power::Disk::make(&root.join("images").join(place.replace('/', "-")), &root.join(&place), kind);
    places.map(|place| disk(place).expect("a disk whose power can be cut")).collect()
}

fn make(folder: &Path) {
    fs::create_dir_all(folder).expect("a folder");
}

fn node_names(side: Side, count: usize) -> Vec<String> {
    let name = cluster_name(side);
    if count == 1 { vec![name.into()] } else { (1..=count).map(|number| format!("{name}{number}")).collect() }
}

/// Inside what may be a mount of its own: a mount point alone is there when the mount is not.
fn witness(side: Side) -> String {
    format!("witness-{side}/witness")
}

fn cluster_name(side: Side) -> &'static str {
    match side {
        Side::Source => "SRC",
        Side::Target => "TGT",
    }
}

fn project_text(root: &Path, plan: &Plan) -> String {
    let quoted = |below: String| format!("{:?}", root.join(below).display().to_string());
    let sleep = plan.sleep;
    let mut text = format!(
        "[project]\nname = \"bed\"\n\n[settings]\nSleepInterval = \"{sleep}\"\nTransmissionPollInterval = \"1s\"\nFreeSpaceFloor = \"0\"\nRetryBackoffMax = \"1s\"\n"
    );
    text += &plan.settings;
    for side in [Side::Source, Side::Target] {
        let witness = quoted(witness(side));
        text += &format!("\n[{side}]\nname = {:?}\nwitness = {witness}\n{}", cluster_name(side), plan.role);
        for node in node_names(side, plan.nodes[side as usize]) {
            let (share, agents) = (quoted(format!("{node}/share")), quoted(format!("{node}/agents")));
            text += &format!("\n[[{side}.nodes]]\nname = {node:?}\nshare = {share}\nagents = {agents}\n");
        }
    }
    text += "\n[[collections]]\nname = \"all\"\n";
    for [name, source, target] in &plan.mailboxes {
        let store = |scheme: &str, place: &str| match scheme.contains("://") {
            true => format!("{scheme:?}"),
            false => format!("{:?}", format!("{scheme}:{}", root.join("mail").join(place).join(name).display())),
        };
        let (source, target) = (store(source, "old"), store(target, "new"));
        text += &format!("\n[[collections.mailboxes]]\nname = {name:?}\nsource = {source}\ntarget = {target}\n");
        for [_, archive] in plan.archives.iter().filter(|[primary, _]| primary == name) {
            text += &format!("archive = {archive:?}\n");
        }
    }
    text
}
