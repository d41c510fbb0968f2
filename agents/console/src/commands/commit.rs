//! `mailferry commit`: plan, show the plan, execute that very plan (R90).

use std::io::Write;

use mailferry_core::settings::{CommitPlan, Effect, Finding, NodeOutcome, NodePlan, plan_commit};
use mailferry_core::trouble::Trouble;
use serde_json::{Value, json};

use super::check::label;
use super::project::{self, ProjectFile};
use crate::exit::{Exit, WrongUse, complain};
use crate::screen::Screen;
use crate::text;

/// Carry the project to every agent: show what will change, ask, write
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
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let project = match project::load(&args.file.project) {
        Ok(project) => project,
        Err(findings) => return Ok(refused(&findings)),
    };
    project.warnings.iter().for_each(tell);
    let plan = plan_commit(&project)?;
    let shown = if screen.json { Some(plan_json(&plan)) } else { None };
    if shown.is_none() {
        write!(screen, "{}", text::lines(&plan.to_string()))?;
    }
    let left_out = plan.nodes.iter().any(|node| node.agents.is_err());
    let outcomes = if args.dry_run || plan.is_done() { None } else { Some(execute(args, plan, screen)?) };
    let result = if left_out || outcomes.iter().flatten().any(|outcome| outcome.result.is_err()) { Exit::Partly } else { Exit::Ok };
    match (shown, outcomes) {
        (Some(plan), outcomes) => screen.document(&json!({ "plan": plan, "outcomes": outcomes.as_deref().map(outcomes_json) }))?,
        (None, Some(outcomes)) => outcomes.iter().try_for_each(|outcome| write_outcome(screen, outcome))?,
        (None, None) if args.dry_run => writeln!(screen, "nothing is written: --dry-run")?,
        (None, None) => writeln!(screen, "nothing to do on the nodes that can be reached")?,
    }
    Ok(result)
}

fn refused(findings: &[Finding]) -> Exit {
    findings.iter().for_each(tell);
    Exit::Failed
}

fn tell(finding: &Finding) {
    complain(label(finding), &finding.to_string());
}

fn execute(args: &Args, plan: CommitPlan, screen: &mut Screen) -> anyhow::Result<Vec<NodeOutcome>> {
    if !args.yes {
        match screen.agrees("Commit this?")? {
            Some(true) => {}
            Some(false) => return Err(Trouble::new("nothing is written: the plan was not agreed to").into()),
            None => return Err(unasked().into()),
        }
    }
    Ok(plan.execute())
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

fn plan_json(plan: &CommitPlan) -> Value {
    json!({ "revision": plan.revision, "nodes": plan.nodes.iter().map(node_json).collect::<Vec<_>>() })
}

fn node_json(node: &NodePlan) -> Value {
    match &node.agents {
        Err(trouble) => json!({ "node": node.node, "left_out": trouble.to_string() }),
        Ok(agents) => {
            let file = |file: &mailferry_core::settings::FilePlan| json!({ "path": file.path, "effect": effect(file.effect) });
            let agent = |agent: &mailferry_core::settings::AgentPlan| {
                json!({
                    "agent": agent.agent,
                    "files": agent.files.iter().map(file).collect::<Vec<_>>(),
                    "overwrites": agent.overwritten.iter().map(ToString::to_string).collect::<Vec<_>>(),
                })
            };
            json!({ "node": node.node, "agents": agents.iter().map(agent).collect::<Vec<_>>() })
        }
    }
}

fn effect(effect: Effect) -> &'static str {
    match effect {
        Effect::Create => "create",
        Effect::Change => "change",
        Effect::Keep => "keep",
    }
}

fn outcomes_json(outcomes: &[NodeOutcome]) -> Vec<Value> {
    let outcome = |outcome: &NodeOutcome| json!({ "node": outcome.node, "written": outcome.result.is_ok(), "error": outcome.result.as_ref().err().map(ToString::to_string) });
    outcomes.iter().map(outcome).collect()
}
