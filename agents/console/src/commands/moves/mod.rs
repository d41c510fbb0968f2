//! `moves`: orders to the source agent about move requests, and what it says of them (R80, R81).
//!
//! An order is a small file in the spool of every source node that is reached; the active agent takes it within a second or two. What is
//! shown is what the active agent's last session wrote down.
//!
//! ```text
//! ask    options and lists of what is asked for
//! parts  primary, archive, or both
//! order  orders left at the source nodes, and their fate
//! show   requests as text
//! ```

mod ask;
mod order;
mod parts;
mod show;

use mailferry_core::engine::{MoveReport, Moves, SessionReport};
use mailferry_core::orders::What;
use mailferry_core::settings::{AgentKind, Project, Side};
use mailferry_core::trouble::Trouble;

use super::nodes;
use super::project::ProjectFile;
use crate::exit::{Exit, WrongUse};
use crate::screen::Screen;

/// Make, look at and steer move requests
///
/// A mailbox without a move request is kept in step all the time. One with a request is queued, copied, kept in step by periodic
/// incrementals, suspended and resumed as ordered.
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 refused or not done yet.
#[derive(clap::Subcommand)]
pub enum Command {
    /// Request the move of mailboxes (New-MoveRequest)
    New(ask::NewArgs),
    /// List the move requests (Get-MoveRequest)
    List(show::ListArgs),
    /// Show everything about the request of a mailbox (Get-MoveRequestStatistics)
    Show(show::ShowArgs),
    /// Stop copying (Suspend-MoveRequest); what is on its way is still applied
    Suspend(order::SuspendArgs),
    /// Go on with what is suspended or has failed (Resume-MoveRequest)
    Resume(order::Which),
    /// Switch mailboxes to the target as soon as they are ready (Resume-MoveRequest -CompleteAfter); needs SwitchCommand
    Complete(order::Which),
    /// Take the switch of mailboxes back: their mail goes to the source again; what has come to the target meanwhile is brought back by
    /// `mailferry migrate TARGET SOURCE --adopt-existing`
    Undo(order::Which),
    /// Remove requests (Remove-MoveRequest); their mailboxes are kept in step all the time again, but for those that are switched
    Remove(order::Which),
    /// Count requests by state and batch, with their times
    Statistics(show::ListArgs),
    /// Change requests (Set-MoveRequest)
    Set(ask::SetArgs),
}

pub fn run(command: &Command, screen: &mut Screen) -> anyhow::Result<Exit> {
    match command {
        Command::New(args) => ask::new(args, screen),
        Command::Set(args) => ask::set(args, screen),
        Command::List(args) => show::list(args, screen),
        Command::Show(args) => show::show(args, screen),
        Command::Statistics(args) => show::statistics(args, screen),
        Command::Suspend(args) => order::to_all(&args.which, &What::Suspend { comment: args.comment.clone().unwrap_or_default() }, screen),
        Command::Resume(which) => order::to_all(which, &What::Resume, screen),
        Command::Complete(which) => order::to_all(which, &What::Complete, screen),
        Command::Undo(which) => order::to_all(which, &What::Undo, screen),
        Command::Remove(which) => order::to_all(which, &What::Remove, screen),
    }
}

fn loaded(file: &ProjectFile) -> Result<Project, Trouble> {
    nodes::loaded(file)
}

/// What the active source agent wrote down last.
fn active_report(project: &Project) -> Result<SessionReport, Trouble> {
    let nodes = &project.topology.cluster(Side::Source).nodes;
    let reports = nodes.iter().filter_map(|node| nodes::read_report(&nodes::home(&node.agents, AgentKind::Source)).ok());
    let newest = reports.filter(|report| report.role == "active").max_by_key(|report| report.finished_ms);
    newest.ok_or_else(|| {
        Trouble::new("no source agent says that it is active")
            .cause("no status.json of a source node that can be read from here is of an active agent")
            .hint("`mailferry status` shows what the agents say; mount the `agents` folders of the source nodes here")
    })
}

fn moves(project: &Project) -> Result<Moves, Trouble> {
    Ok(active_report(project)?.moves)
}

/// What people call a mailbox; where the project has forgotten it, its id.
fn label(report: &MoveReport) -> &str {
    if report.name.is_empty() { &report.mailbox } else { &report.name }
}

fn wrong(what: impl Into<String>, hint: &str) -> anyhow::Error {
    WrongUse(Trouble::new(what.into()).now("nothing was ordered").hint(hint)).into()
}
