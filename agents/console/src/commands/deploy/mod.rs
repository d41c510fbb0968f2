//! `mailferry deploy`: what a node needs, in one folder or archive for each, with a script that installs it.
//!
//! ```text
//! bundle    the folder of a node: programs, units, configuration, scripts
//! install   .sh for Linux, .ps1 for Windows: install and uninstall, to be run on the node
//! ```
//! A script on the node does the work, on Windows too: services that are made from afar need rights of an administrator and the
//! remote service manager open through every firewall, copy no program, and end half-done when the link breaks; a script does
//! what it does with the agent's own `service install`, and can be read before.

mod bundle;

use std::io::Write;
use std::path::{Path, PathBuf};

use mailferry_core::settings::{Archive, KeptCommit, Node, Project, Side, plan_commit};
use mailferry_core::trouble::Trouble;
use serde::Serialize;

use self::bundle::{Bundle, Kind};
use super::commit::author;
use super::project::ProjectFile;
use crate::exit::{Exit, WrongUse};
use crate::screen::Screen;
use crate::text;

/// Lay out what each node needs: programs, services, configuration, and a script that installs them
///
/// Without --to it is put through the share into the agents folder of each node, as `deploy`; with --to into a folder of that name for each node. On the
/// node, as root: sh deploy/install.sh --start; run it as often as you like. sh deploy/uninstall.sh removes it again.
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 every node has it, 1 failed, 2 wrong usage, 3 a node could not be reached")]
pub struct Args {
    #[command(flatten)]
    file: ProjectFile,
    /// Where the programs are; default: beside this one
    #[arg(long, value_name = "FOLDER")]
    programs: Option<PathBuf>,
    /// Put the folders of the nodes below this folder, to be carried there
    #[arg(long, value_name = "FOLDER")]
    to: Option<PathBuf>,
    /// With --to: one archive (NODE.tar.zst) for each node
    #[arg(long, requires = "to")]
    archive: bool,
    /// Only for this node
    #[arg(long, value_name = "NODE")]
    node: Option<String>,
    /// The folder above the agents as the node itself sees it [default: /var/lib/mailferry, or C:\ProgramData\Mailferry]
    #[arg(long, value_name = "FOLDER")]
    home: Option<String>,
    /// The account of the services on Linux
    #[arg(long, value_name = "USER", default_value = "mailferry", value_parser = account)]
    account: String,
    /// The nodes run Windows
    #[arg(long)]
    windows: bool,
}

/// It goes into scripts and units.
fn account(text: &str) -> Result<String, String> {
    let begins = text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let well = begins && text.len() <= 32 && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_'));
    if well { Ok(text.into()) } else { Err("write small letters, digits, - and _, a letter first, at most 32".into()) }
}

#[derive(Serialize)]
struct Outcome {
    node: String,
    place: PathBuf,
    error: Option<String>,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let project = args.file.loaded()?;
    let nodes = nodes(args, &project)?;
    let programs = programs(args)?;
    let commit = committed(&args.file, &project)?;
    let mut outcomes = Vec::new();
    for (side, node) in nodes {
        let kind = if args.windows { Kind::Windows } else { Kind::Linux };
        let bundle = Bundle {
            project: &project,
            commit: &commit,
            side,
            node,
            programs: &programs,
            home: args.home.as_deref(),
            account: &args.account,
            kind,
        };
        let (place, done) = deploy(args, &bundle);
        outcomes.push(Outcome { node: node.name.clone(), place, error: done.err().map(|trouble| trouble.to_string()) });
    }
    let failed = outcomes.iter().any(|outcome| outcome.error.is_some());
    if screen.json {
        screen.document(&outcomes)?;
    } else {
        outcomes.iter().try_for_each(|outcome| write_outcome(outcome, args, screen))?;
    }
    Ok(if failed { Exit::Partly } else { Exit::Ok })
}

fn write_outcome(outcome: &Outcome, args: &Args, screen: &mut Screen) -> std::io::Result<()> {
    if let Some(error) = &outcome.error {
        return writeln!(screen, "{}: {}", outcome.node, text::lines(&error.replace('\n', "\n  ")));
    }
    let run = match (args.windows, args.archive) {
        (true, _) => "there, as an administrator: powershell -ExecutionPolicy Bypass -File install.ps1 -Start".to_owned(),
        (false, true) => format!("there, as root: tar --zstd -xf {0}.tar.zst && sh {0}/install.sh --start", outcome.node),
        (false, false) => "there, as root: sh install.sh --start".to_owned(),
    };
    writeln!(screen, "{}: {} is ready; {run}", outcome.node, text::line(&outcome.place.display().to_string()))
}

fn nodes<'p>(args: &Args, project: &'p Project) -> Result<Vec<(Side, &'p Node)>, WrongUse> {
    let all =
        [Side::Source, Side::Target].into_iter().flat_map(|side| project.topology.cluster(side).nodes.iter().map(move |node| (side, node)));
    let all: Vec<_> = all.collect();
    let Some(wanted) = &args.node else { return Ok(all) };
    let names = all.iter().map(|(_, node)| node.name.as_str()).collect::<Vec<_>>().join(", ");
    let chosen: Vec<_> = all.into_iter().filter(|(_, node)| node.name.eq_ignore_ascii_case(wanted)).collect();
    if chosen.is_empty() {
        return Err(WrongUse(
            Trouble::new(format!("the project has no node {}", wanted.escape_debug())).hint(format!("nodes are {names}")),
        ));
    }
    Ok(chosen)
}

fn programs(args: &Args) -> Result<PathBuf, Trouble> {
    let beside = || std::env::current_exe().ok().and_then(|program| Some(program.parent()?.to_path_buf()));
    args.programs
        .clone()
        .or_else(beside)
        .ok_or_else(|| Trouble::new("could not tell where the programs are").hint("name their folder with --programs"))
}

/// The commit that the nodes get. A project that was not committed yet is kept as one: the nodes may not be reached from here before
/// they are installed.
fn committed(file: &ProjectFile, project: &Project) -> anyhow::Result<KeptCommit> {
    let archive = Archive::beside(&file.project);
    let newest = archive.commits()?.first().map(KeptCommit::revision);
    let revision = plan_commit(project, newest.as_ref())?.revision;
    archive.keep(project, &revision, &author::author(), None)?;
    Ok(archive.commit(revision.number)?)
}

fn deploy(args: &Args, bundle: &Bundle<'_>) -> (PathBuf, Result<(), Trouble>) {
    let name = bundle.node.name.as_str();
    match &args.to {
        Some(to) if args.archive => {
            let place = to.join(format!("{name}.tar.zst"));
            (place.clone(), bundle.archive(&place))
        }
        Some(to) => (to.join(name), bundle.folder(&to.join(name))),
        None => {
            let agents = Path::new(&bundle.node.agents);
            let place = agents.join("deploy");
            // A mount that is missing must look missing.
            let there = agents.is_dir().then_some(()).ok_or_else(|| {
                let trouble = Trouble::new(format!("could not reach the agents folder of {name}")).place(agents.display());
                trouble.cause("it is not there").hint("mount it, or make it on the node; or carry the folder there: --to FOLDER")
            });
            (place.clone(), there.and_then(|()| bundle.folder(&place)))
        }
    }
}
