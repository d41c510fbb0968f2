//! Commands that look at the agents of a project, node by node: `status`, `debts`, `role`.
//!
//! They read what the agents publish and write requests beside it; the databases belong to the agents.

use std::io::{IsTerminal, Write};

use indicatif::HumanDuration;
use mailferry_core::engine::{DebtReport, SessionReport};
use mailferry_core::ports::{Clock, Share};
use mailferry_core::settings::{AgentKind, Cluster, Node, RoleOrigin, Side};
use mailferry_core::trouble::Trouble;
use mailferry_host::{LocalShare, SystemClock, active_node, queue_lines, rules_side, set_active_node};
use mailferry_rules::topology::canonical;
use serde::Serialize;

use super::commit::{CommitOfAgent, Standing};
use super::project::ProjectFile;
use super::watch;
use crate::exit::{Exit, WrongUse};
use crate::fleet::{AgentSeen, Looker, home, read_report};
use crate::screen::Screen;
use crate::text;

/// Show what every agent of the project does and what waits
///
/// With --watch it stays and looks again every two seconds: agents, mailboxes, move requests, debts and events, to be leafed through. Where
/// the output is no terminal, or with --json, it prints once all the same.
/// Exit codes: 0 nothing waits, 1 failed, 2 wrong usage, 3 something waits or an agent does not answer.
#[derive(clap::Args)]
pub struct StatusArgs {
    #[command(flatten)]
    file: ProjectFile,
    /// Stay, and show it live in the terminal
    #[arg(long)]
    watch: bool,
}

/// Show the deletions and copies that are owed (DeletedDataFiles, coverage debts)
///
/// Exit codes: 0 nothing is owed, 1 failed, 2 wrong usage, 3 something is owed.
#[derive(clap::Args)]
pub struct DebtsArgs {
    #[command(flatten)]
    file: ProjectFile,
    /// Ask the active agents to try every deletion again now
    #[arg(long)]
    retry: bool,
}

/// Show or move the active role of a side
///
/// Exit codes: 0 ok, 1 failed, 2 wrong usage.
#[derive(clap::Args)]
pub struct RoleArgs {
    #[command(flatten)]
    file: ProjectFile,
    /// The node that is to become active; without it the roles are shown
    #[arg(value_name = "NODE")]
    node: Option<String>,
}

fn ago(then_ms: u64) -> String {
    let since = SystemClock.now_ms().saturating_sub(then_ms);
    format!("{} ago", HumanDuration(std::time::Duration::from_millis(since)))
}

pub fn status(args: &StatusArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let project = args.file.loaded()?;
    if args.watch && !screen.json && std::io::stdout().is_terminal() {
        return Ok(if watch::run(project)?.waits() { Exit::Partly } else { Exit::Ok });
    }
    let mut looker = Looker::new(project);
    let seen = looker.agents();
    let now_ms = SystemClock.now_ms();
    let waits = seen.iter().any(|seen| seen.waits(now_ms));
    let standing = Standing::of(&args.file, looker.project())?;
    if screen.json {
        let seen = seen.iter().map(|seen| Told { seen, doubt: seen.doubt(now_ms), commit: standing.of_agent(&seen.node, seen.agent) });
        screen.document(&seen.collect::<Vec<_>>())?;
    } else {
        for seen in &seen {
            line(seen, now_ms, screen)?;
        }
        standing.write(screen)?;
    }
    Ok(if waits { Exit::Partly } else { Exit::Ok })
}

/// One agent for programs.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    seen: &'a AgentSeen,
    doubt: Option<String>,
    commit: CommitOfAgent<'a>,
}

fn line(seen: &AgentSeen, now_ms: u64, screen: &mut Screen) -> std::io::Result<()> {
    let AgentSeen { side, node, agent, report, .. } = seen;
    let (role, end) = (text::line(seen.role()), text::lines(&seen.end()));
    let Some(report) = report else {
        return writeln!(screen, "{side:<7} {node:<12} {agent:<13} {end}");
    };
    writeln!(
        screen,
        "{side:<7} {node:<12} {agent:<13} {role:<8} epoch {:<3} {}/{} answered, {} debts, {end}, {}",
        report.epoch,
        report.containers_answered,
        report.containers,
        report.deletion_debts.len() + report.coverage_debts.len(),
        ago(report.finished_ms)
    )?;
    if let Some(doubt) = seen.doubt(now_ms) {
        writeln!(screen, "{:36} doubtful: {doubt}", "")?;
    }
    // Ages as of now: a report that nobody renews grows old with what waits.
    for queue in queue_lines(&report.replication, now_ms) {
        writeln!(screen, "{:36} {}", "", text::line(&queue))?;
    }
    for stall in &report.stalls {
        writeln!(screen, "{:36} waits: {}: {}", "", text::line(&stall.what), text::lines(&stall.why))?;
    }
    report.containers_bad.iter().try_for_each(|bad| writeln!(screen, "{:36} container {}", "", text::line(bad)))
}

#[derive(Serialize)]
struct Owed<'a> {
    node: &'a str,
    agent: AgentKind,
    kind: &'static str,
    #[serde(flatten)]
    debt: &'a DebtReport,
}

pub fn debts(args: &DebtsArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let mut looker = Looker::new(args.file.loaded()?);
    let seen = looker.agents();
    let reports = seen.iter().filter(|seen| seen.is_active()).filter_map(|seen| Some((seen, seen.report.as_deref()?)));
    let active: Vec<(&AgentSeen, &SessionReport)> = reports.collect();
    let owed: Vec<Owed<'_>> = active
        .iter()
        .flat_map(|(seen, report)| {
            let deletions = report.deletion_debts.iter().map(|debt| ("deletion", debt));
            let copies = report.coverage_debts.iter().map(|debt| ("coverage", debt));
            deletions.chain(copies).map(|(kind, debt)| Owed { node: &seen.node, agent: seen.agent, kind, debt })
        })
        .collect();
    if screen.json {
        screen.document(&owed)?;
    } else if owed.is_empty() {
        writeln!(screen, "nothing is owed")?;
    } else {
        for Owed { node, agent, kind, debt } in &owed {
            writeln!(screen, "{kind} owed on {} by the {agent} agent of {node}", text::line(&debt.node))?;
            writeln!(screen, "  where:   {}", text::line(&debt.path))?;
            writeln!(screen, "  cause:   {}", text::lines(&debt.last_error))?;
            writeln!(screen, "  since:   {}, {} attempts", ago(debt.since_ms), debt.attempts)?;
        }
    }
    if args.retry {
        request_retry(&active)?;
    }
    Ok(if owed.is_empty() { Exit::Ok } else { Exit::Partly })
}

fn request_retry(active: &[(&AgentSeen, &SessionReport)]) -> anyhow::Result<()> {
    for (seen, _) in active {
        let file = seen.home.retry_request();
        std::fs::write(&file, b"").map_err(|error| {
            Trouble::new("could not leave the request")
                .place(file.display())
                .cause(error)
                .hint("run it as an account that may write to the folders of the agents")
        })?;
    }
    Ok(())
}

pub fn role(args: &RoleArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let project = args.file.loaded()?;
    let Some(wanted) = &args.node else {
        for side in [Side::Source, Side::Target] {
            let cluster = project.topology.cluster(side);
            writeln!(screen, "{:<12} {}", cluster.name, role_of(cluster, side)?)?;
        }
        return Ok(Exit::Ok);
    };
    let wanted = canonical(wanted);
    let clusters = [Side::Source, Side::Target].map(|side| project.topology.cluster(side));
    let Some(cluster) = clusters.into_iter().find(|cluster| rules_side(cluster).nodes().contains(&wanted)) else {
        return Err(
            WrongUse(Trouble::new(format!("{wanted} is no node of this project")).hint("`mailferry role` shows the active nodes")).into()
        );
    };
    set_role(cluster, &wanted)?;
    writeln!(screen, "{wanted} is active for {}; the agents follow at their next step", cluster.name)?;
    Ok(Exit::Ok)
}

/// The active node, by the role file; where a cluster manager has the say, that, and who its agents say is active.
fn role_of(cluster: &Cluster, side: Side) -> anyhow::Result<String> {
    if cluster.role.is_static() {
        return Ok(active_node(&rules_side(cluster), witness(cluster)?.as_ref()).map_err(|error| {
            Trouble::from(error).hint("reach the witness from here; `mailferry role NODE` says for the first time who is active")
        })?);
    }
    let says_active = |node: &&Node| {
        let reports = side.agents().into_iter().filter_map(|agent| read_report(&home(&node.agents, agent)).ok());
        reports.into_iter().any(|report| report.role == "active")
    };
    let active: Vec<&str> = cluster.nodes.iter().filter(says_active).map(|node| node.name.as_str()).collect();
    let active = if active.is_empty() { "none".to_owned() } else { active.join(", ") };
    Ok(format!("{}, {}; active by the last sessions: {active}", cluster.role.title(), managed(cluster)))
}

/// What the cluster manager keeps on the active node.
fn managed(cluster: &Cluster) -> String {
    let what = if cluster.role == RoleOrigin::Wsfc { "group" } else { "resource" };
    format!("{what} {}", cluster.role_resource.as_deref().unwrap_or_default())
}

pub fn set_role(cluster: &Cluster, node: &str) -> Result<(), Trouble> {
    let side = rules_side(cluster);
    if !side.is_cluster() {
        return Err(Trouble::new(format!("{} is a standalone server: its role cannot move", cluster.name))
            .hint("nothing is to be done: it is always active"));
    }
    if !cluster.role.is_static() {
        return Err(Trouble::new(format!("the role of {} is moved by {}, not by mailferry", cluster.name, cluster.role.title()))
            .now("the role stays where it is")
            .hint(how_to_move(cluster, node)));
    }
    set_active_node(&side, node, witness(cluster)?.as_ref()).map_err(|error| {
        Trouble::from(error).now("the role stays where it is").hint("reach the witness from here, and be allowed to write to it")
    })
}

fn how_to_move(cluster: &Cluster, node: &str) -> String {
    let resource = cluster.role_resource.as_deref().unwrap_or_default();
    let place = cluster.node(node).map_or(node, Node::name_in_cluster);
    match cluster.role {
        RoleOrigin::Wsfc => format!("on a node, in PowerShell: Move-ClusterGroup -Name \"{resource}\" -Node {place}"),
        _ => format!(
            "on a node: crm_resource --resource {resource} --move --node {place}; when it is there: crm_resource --resource {resource} --clear"
        ),
    }
}

pub(super) fn witness(cluster: &Cluster) -> Result<Box<dyn Share>, Trouble> {
    let place = cluster.witness_place().ok_or_else(|| {
        Trouble::new(format!("cluster {} has no witness", cluster.name))
            .hint("name a folder that both nodes reach as `witness` in the project file, and commit")
    })?;
    Ok(Box::new(LocalShare::new(place)))
}
