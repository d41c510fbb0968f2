//! `mailferry doctor`: looks at everything that a project, or the agents of this node, need, and says what to do about each fault.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mailferry_core::ports::Level;
use mailferry_core::settings::{AgentKind, Archive, Cluster, Mailbox, Node, Project, RoleOrigin, Side};
use mailferry_host::{
    AgentHome, Ailment, Examination, Grade, Openers, Probe, SystemClock, active_node, examine_agent, examine_report, examine_share,
    rules_side,
};
use mailferry_stores::{StoreUrl, StoresByUrl};

use super::commit::is_dirty;
use super::nodes::witness;
use super::project::{self, ProjectFile};
use crate::exit::Exit;
use crate::fleet::{home, read_report, settings_of};
use crate::screen::Screen;
use crate::text;

/// What a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Find out what is wrong, and what to do about it
///
/// On the console it looks at the project file, what was committed, the folders of the agents, the witnesses, and at the shares as far as they are
/// reached from here. On a node, --here FOLDER names the folder above source, transmission and target: it then looks with
/// the eyes of the agents there, at their settings, both sides' shares, witness, role, database and service; run it as the account of the agents.
/// Probe files are written and removed; nothing else is changed.
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 nothing is wrong, 1 failed, 2 wrong usage, 3 something was found")]
pub struct Args {
    #[command(flatten)]
    file: ProjectFile,
    /// Look at the agents in this folder of this node
    #[arg(long, value_name = "FOLDER", conflicts_with = "project")]
    here: Option<PathBuf>,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let mut examination = Examination::default();
    match &args.here {
        Some(folder) => node(folder, &mut examination),
        None => console(&args.file, &mut examination)?,
    }
    examination.found.sort_by_key(|found| found.grade);
    if screen.json {
        screen.document(&examination)?;
    } else {
        examination.found.iter().try_for_each(|found| write_ailment(found, screen))?;
        let counted = |grade: Grade| examination.found.iter().filter(|found| found.grade == grade).count() as u64;
        let [errors, warnings, notes] = [Grade::Error, Grade::Warning, Grade::Note].map(counted);
        let counts = [text::count(errors, "error"), text::count(warnings, "warning"), text::count(notes, "note")].join(", ");
        writeln!(screen, "{} looked at: {counts}", text::count(examination.looked_at.len() as u64, "thing"))?;
    }
    Ok(if examination.is_ill() { Exit::Partly } else { Exit::Ok })
}

fn write_ailment(found: &Ailment, screen: &mut Screen) -> std::io::Result<()> {
    let word = match found.grade {
        Grade::Error => "error",
        Grade::Warning => "warning",
        Grade::Note => "note",
    };
    writeln!(screen, "{word}: {}: {}", text::line(&found.who), text::lines(&found.what.replace('\n', "\n  ")))?;
    writeln!(screen, "  check: {}", found.check)?;
    writeln!(screen, "  do:    {}", text::lines(&found.hint))
}

fn node(folder: &Path, examination: &mut Examination) {
    let openers = Openers { stores: Arc::new(StoresByUrl), guarantee: mailferry_guarantee::open };
    let homes = AgentKind::ALL.map(|kind| AgentHome::new(kind, folder.join(kind.name()).join("config.ini")));
    let there: Vec<&AgentHome> = homes.iter().filter(|home| home.config_ini.parent().is_some_and(Path::is_dir)).collect();
    if there.is_empty() {
        let hint = "name the folder above source, transmission and target, such as /var/lib/mailferry; `mailferry deploy` makes it";
        examination.finds(Grade::Error, "agents", "this node", format!("no agent has a folder in {}", folder.display()), hint);
    }
    there.iter().for_each(|home| examine_agent(home, &openers, &SystemClock, examination));
    there.iter().for_each(|home| servers(home, examination));
}

/// Mail servers of the agents here: whether somebody listens. Passwords are not tried.
fn servers(home: &AgentHome, examination: &mut Examination) {
    let Ok(desired) = home.desired() else { return };
    let url = |mailbox: &Mailbox| match home.kind {
        AgentKind::Source => Some(mailbox.source.clone()),
        AgentKind::Target => Some(mailbox.target.clone()),
        AgentKind::Transmission => None,
    };
    let server = |url: String| match StoreUrl::parse(&url) {
        Ok(StoreUrl::Imap(url)) => Some(url.server()),
        _ => None,
    };
    let who = format!("{} {}", desired.node, home.kind);
    for server in desired.mailboxes.iter().filter_map(url).filter_map(server).collect::<BTreeSet<String>>() {
        examination.looks_at(format!("{who}: the mail server {server}"));
        if let Err(error) = listens(&server) {
            let hint = "see that the server runs, that its name is right, and that no firewall stands between";
            examination.finds(Grade::Error, "server.reach", &who, format!("the mail server {server} cannot be reached: {error}"), hint);
        }
    }
}

/// `server` is `host:port`. One of its addresses is enough.
fn listens(server: &str) -> io::Result<()> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in server.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn console(file: &ProjectFile, examination: &mut Examination) -> anyhow::Result<()> {
    examination.looks_at(format!("the project file {}", file.project.display()));
    let project = match project::load(&file.project) {
        Ok(project) => project,
        Err(findings) => {
            let (first, more) = project::first(&findings);
            if more > 0 {
                examination.finds(Grade::Error, "project", "the project", format!("{more} more"), "mailferry check --json has them all");
            }
            for found in first {
                let (grade, hint) = (grade_of(found.level), found.hint.clone().unwrap_or_else(|| "docs/reference/project.md".into()));
                examination.finds(grade, "project", "the project", format!("{}: {}", found.place(), found.text), hint);
            }
            return Ok(());
        }
    };
    for found in &project.warnings {
        let hint = found.hint.clone().unwrap_or_else(|| "docs/reference/project.md".into());
        examination.finds(Grade::Warning, "project", "the project", format!("{}: {}", found.place(), found.text), hint);
    }
    commits(file, &project, examination)?;
    for side in [Side::Source, Side::Target] {
        let cluster = project.topology.cluster(side);
        cluster.nodes.iter().for_each(|node| node_from_here(&project, side, node, examination));
        witness_and_role(cluster, side, examination);
    }
    Ok(())
}

fn grade_of(level: Level) -> Grade {
    if level == Level::Error { Grade::Error } else { Grade::Warning }
}

fn commits(file: &ProjectFile, project: &Project, examination: &mut Examination) -> anyhow::Result<()> {
    examination.looks_at("what was committed");
    match Archive::beside(&file.project).commits()?.first() {
        None => examination.finds(Grade::Warning, "committed", "the project", "nothing was committed from here", "mailferry commit"),
        Some(newest) if is_dirty(project, newest)? => {
            let hint = "mailferry commit --dry-run shows them, mailferry commit carries them to the agents";
            examination.finds(Grade::Warning, "dirty", "the project", "the project file has changes that are not committed", hint);
        }
        Some(_) => {}
    }
    for node in mailferry_core::settings::standing(project) {
        for (agent, drift) in node.agents.iter().flat_map(|agent| agent.drift.iter().map(move |drift| (agent.agent, drift))) {
            let hint = "to keep the change put it into the project file; `mailferry commit` takes it back";
            examination.finds(Grade::Warning, "drift", &format!("{} {agent}", node.node), format!("changed by hand: {drift}"), hint);
        }
        for agent in node.agents.iter().filter(|agent| agent.committed.is_none() && agent.drift.is_empty()) {
            examination.finds(
                Grade::Error,
                "committed",
                &format!("{} {}", node.node, agent.agent),
                "nothing was committed to it",
                "mailferry commit",
            );
        }
    }
    Ok(())
}

/// What can be seen of a node from the console.
fn node_from_here(project: &Project, side: Side, node: &Node, examination: &mut Examination) {
    let probe = |what: String, place: &'_ str| (what, PathBuf::from(place));
    let (what, place) = probe(format!("the agents folder of {}", node.name), &node.agents);
    let agents = Probe { who: "console", what, place: &place, folder: ".", floor: None };
    examine_share(&agents, &SystemClock, examination);
    // Only agents need the shares; where the console reaches one, its rights, clock and room are looked at from here.
    let share = Path::new(&node.share);
    if share.is_dir() {
        let probe = Probe { who: "console", what: format!("the share of {}", node.name), place: share, folder: "NTA", floor: None };
        examine_share(&probe, &SystemClock, examination);
    } else {
        let hint = format!("on a node: mailferry doctor --here {}", node.agents);
        examination.finds(Grade::Note, "share.reach", "console", format!("the share of {} is not seen from here", node.name), hint);
    }
    for agent in side.agents() {
        let who = format!("{} {agent}", node.name);
        examination.looks_at(format!("{who}: its last session"));
        match read_report(&home(&node.agents, agent)) {
            Ok(report) => examine_report(&report, &settings_of(project, agent, &node.name), &SystemClock, &who, examination),
            Err(why) => {
                let hint = format!("start it: mailferry-{agent} service start; mailferry-{agent} check says what stands in its way");
                examination.finds(Grade::Warning, "session", &who, format!("it has not finished a session yet: {why}"), hint);
            }
        }
    }
}

fn witness_and_role(cluster: &Cluster, side: Side, examination: &mut Examination) {
    let name = cluster.name.as_str();
    if let Some(place) = cluster.witness.as_deref() {
        let probe = Probe { who: "console", what: format!("the witness of {name}"), place: Path::new(place), folder: "NTA", floor: None };
        examine_share(&probe, &SystemClock, examination);
    }
    examination.looks_at(format!("{name}: who is active"));
    if cluster.role == RoleOrigin::Static && !cluster.is_standalone() {
        let told = witness(cluster).map_err(|trouble| trouble.to_string());
        let told = told.and_then(|witness| active_node(&rules_side(cluster), witness.as_ref()).map_err(|error| error.to_string()));
        let why = match told {
            Ok(active) if cluster.node(&active).is_some() => None,
            Ok(active) => Some(format!("the role file names {active}, which is no node of {name}")),
            Err(why) => Some(why),
        };
        if let Some(why) = why {
            let hint = format!("mailferry role {}", cluster.nodes.first().map_or("NODE", |node| node.name.as_str()));
            examination.finds(Grade::Error, "role", name, format!("nobody says which node is active: {why}"), hint);
        }
    }
    for agent in side.agents() {
        let is_active = |node: &&Node| read_report(&home(&node.agents, agent)).is_ok_and(|report| report.role == "active");
        let active: Vec<&str> = cluster.nodes.iter().filter(is_active).map(|node| node.name.as_str()).collect();
        if active.len() > 1 {
            let text = format!("by their last sessions {} are active for the {agent} agent at once", active.join(" and "));
            let hint = "one of the two has not run since the role moved: see that it runs; epochs keep it from doing harm";
            examination.finds(Grade::Warning, "role", name, text, hint);
        }
    }
}
