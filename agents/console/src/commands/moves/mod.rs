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

use std::path::Path;

use mailferry_core::engine::{Fate, MoveReport, Moves};
use mailferry_core::orders::What;
use mailferry_core::settings::{AgentKind, Project, Side};
use mailferry_core::trouble::Trouble;
use mailferry_host::AgentHome;

use crate::exit::{Exit, WrongUse};
use crate::fleet::{home, read_report};
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
    /// Send once more what the target has refused, after its limit was raised or the cause mended; a request that has failed is resumed
    RetryRefused(order::Which),
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
        Command::RetryRefused(which) => order::to_all(which, &What::RetryRefused, screen),
        Command::Remove(which) => order::to_all(which, &What::Remove, screen),
    }
}

/// The home of the source agent that is active, as far as the statuses say.
fn active_home(project: &Project) -> Result<AgentHome, Trouble> {
    let nodes = &project.topology.cluster(Side::Source).nodes;
    let homes = nodes.iter().map(|node| home(&node.agents, AgentKind::Source));
    let reports = homes.filter_map(|home| Some((read_report(&home).ok()?, home)));
    let newest = reports.filter(|(report, _)| report.role == "active").max_by_key(|(report, _)| report.finished_ms);
    newest.map(|(_, home)| home).ok_or_else(|| {
        Trouble::new("no source agent says that it is active")
            .cause("no status.json of a source node that can be read from here is of an active agent")
            .hint("`mailferry status` shows what the agents say; mount the `agents` folders of the source nodes here")
    })
}

/// What it wrote down last of the move requests.
fn moves(project: &Project) -> Result<Moves, Trouble> {
    written(&active_home(project)?.moves())
}

/// What became of the last orders.
fn fates(project: &Project) -> Result<Vec<Fate>, Trouble> {
    written(&active_home(project)?.orders())
}

/// Empty where it is not there: nothing has happened yet.
fn written<T: serde::de::DeserializeOwned + Default>(path: &Path) -> Result<T, Trouble> {
    let trouble =
        |cause: String| Trouble::new("could not read what the source agent says of move requests").place(path.display()).cause(cause);
    match std::fs::read(path) {
        Ok(text) => serde_json::from_slice(&text).map_err(|error| trouble(error.to_string())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(T::default()),
        Err(error) => Err(trouble(error.to_string()).hint("mount the `agents` folders of the source nodes here, to be read")),
    }
}

/// What people call a mailbox; where the project has forgotten it, its id.
pub(in crate::commands) fn label(report: &MoveReport) -> &str {
    if report.name.is_empty() { &report.mailbox } else { &report.name }
}

fn wrong(what: impl Into<String>, hint: &str) -> anyhow::Error {
    WrongUse(Trouble::new(what.into()).now("nothing was ordered").hint(hint)).into()
}
