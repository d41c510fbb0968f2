//! `mailferry commit`: plan, show the plan, execute that very plan (R90); what was committed before, and the way back to it.

pub mod author;
mod json;
mod list;

use std::io::Write;

use mailferry_core::settings::{Archive, CommitPlan, Finding, KeptCommit, NodeOutcome, Project, content_digest, plan_commit};
use mailferry_core::trouble::Trouble;
use serde_json::json;

use super::project::{self, ProjectFile};
use crate::exit::{Exit, WrongUse, complain};
use crate::screen::Screen;
use crate::text;

/// Carry the project to every agent: show what will change, ask, write
///
/// Every commit has a number and a digest. It is kept beside the project file, in a folder such as project.commits, with the project
/// file and its lists as they were, and each node remembers in commits.json what was written there, when and by whom.
///
/// --rollback N shows what goes back, and writes commit N once more, as a new commit with the next number; the project file
/// and its lists become those of commit N.
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 every node has it (or would, with --dry-run), 1 nothing was written, 2 wrong usage, \
                        3 a node could not be reached or written: commit again when it is back")]
pub struct Args {
    #[command(flatten)]
    file: ProjectFile,
    /// Show the plan and stop
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// Show what was committed from here, and which commit every agent has
    #[arg(long, conflicts_with_all = ["dry_run", "yes", "rollback"])]
    list: bool,
    /// Go back to commit N
    #[arg(long, value_name = "N")]
    rollback: Option<u64>,
}

/// What is to be committed: the project as it is, or as it was.
struct Wanted {
    project: Project,
    archive: Archive,
    kept: Vec<KeptCommit>,
    back_to: Option<KeptCommit>,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    if args.list {
        return list::run(&args.file, screen);
    }
    // Two at once would give one number to two commits, and mix their files on a node.
    let _alone = if args.dry_run { None } else { Some(Archive::beside(&args.file.project).lock()?) };
    match wanted(args)? {
        Ok(wanted) => commit(args, &wanted, screen),
        Err(findings) => {
            project::tell(&findings);
            Ok(Exit::Failed)
        }
    }
}

fn wanted(args: &Args) -> Result<Result<Wanted, Vec<Finding>>, Trouble> {
    let archive = Archive::beside(&args.file.project);
    let back_to = args.rollback.map(|number| archive.commit(number)).transpose()?;
    if back_to.is_some() && !archive.holds_what_is_there()? {
        let trouble = Trouble::new("nothing is written: the project file has changes that were never committed");
        return Err(trouble
            .place(args.file.project.display())
            .cause("going back would overwrite them")
            .hint("move the project file away to keep it, then go back; or commit it first"));
    }
    let file = back_to.as_ref().map_or_else(|| args.file.project.clone(), |commit| archive.project_of(commit.number));
    let kept = archive.commits()?;
    Ok(project::load(&file).map(|project| Wanted { project, archive, kept, back_to }))
}

fn commit(args: &Args, wanted: &Wanted, screen: &mut Screen) -> anyhow::Result<Exit> {
    project::tell(&wanted.project.warnings);
    let newest = wanted.kept.first().map(KeptCommit::revision);
    let plan = plan_commit(&wanted.project, newest.as_ref())?;
    let shown = if screen.json { Some(json::plan(&plan)) } else { None };
    if shown.is_none() {
        if let Some(commit) = &wanted.back_to {
            writeln!(screen, "back to commit {} of {} by {}", commit.number, author::time(commit.at_ms), text::line(&commit.by))?;
        }
        write!(screen, "{}", text::lines(&plan.to_string()))?;
    }
    let left_out = plan.nodes.iter().any(|node| node.agents.is_err());
    let outcomes = if args.dry_run || plan.is_done() { None } else { Some(execute(args, wanted, plan, screen)?) };
    if let (Some(commit), false) = (&wanted.back_to, args.dry_run) {
        wanted.archive.put_back(commit)?;
    }
    let result = if left_out || outcomes.iter().flatten().any(|outcome| outcome.result.is_err()) { Exit::Partly } else { Exit::Ok };
    match (shown, outcomes) {
        (Some(plan), outcomes) => screen.document(&json!({ "plan": plan, "outcomes": outcomes.as_deref().map(json::outcomes) }))?,
        (None, Some(outcomes)) => outcomes.iter().try_for_each(|outcome| write_outcome(screen, outcome))?,
        (None, None) if args.dry_run => writeln!(screen, "nothing is written: --dry-run")?,
        (None, None) => writeln!(screen, "nothing to do on the nodes that can be reached")?,
    }
    Ok(result)
}

/// Kept here first: whatever a node may have is then known here.
fn execute(args: &Args, wanted: &Wanted, plan: CommitPlan, screen: &mut Screen) -> anyhow::Result<Vec<NodeOutcome>> {
    if !args.yes {
        match screen.agrees("Commit this?")? {
            Some(true) => {}
            Some(false) => return Err(Trouble::new("nothing is written: the plan was not agreed to").into()),
            None => return Err(unasked().into()),
        }
    }
    let author = author::author();
    wanted.archive.keep(&wanted.project, &plan.revision, &author, wanted.back_to.as_ref().map(|commit| commit.number))?;
    Ok(plan.execute(&author))
}

fn unasked() -> WrongUse {
    let trouble = Trouble::new("nothing is written: nobody is there to agree to the plan").cause("input or output is no terminal");
    WrongUse(trouble.hint("give --yes to write without asking, or --dry-run to look only"))
}

fn write_outcome(screen: &mut Screen, outcome: &NodeOutcome) -> std::io::Result<()> {
    match &outcome.result {
        Ok(()) => writeln!(screen, "{}: written", outcome.node),
        Err(trouble) => {
            screen.flush()?;
            complain("error", &trouble.to_string());
            Ok(())
        }
    }
}

/// Whether the project, as it is in its file, is another than the one that was committed last.
pub fn is_dirty(project: &Project, newest: &KeptCommit) -> Result<bool, Trouble> {
    Ok(content_digest(project)? != newest.digest)
}

pub use list::{CommitOfAgent, Standing};
