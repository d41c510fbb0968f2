//! `mailferry`, the console: what people type.
//!
//! One module a command, each a function from its arguments to an exit code. Results go to stdout, progress and errors to
//! stderr. The road not taken: a console that writes the databases of the agents. It commits what is desired, and the agents
//! take it over (R90).

mod commands;
mod exit;
mod fleet;
mod one_process;
mod screen;
mod text;

use std::io::Write;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

use commands::{
    agent, check, commit, demo, deploy, doctor, guarantee, init, manifest, migrate, moves, nodes, pages, prv, rehearse, report, serve, set,
    verify,
};
use exit::Exit;
use screen::Screen;

/// Behind the list of commands, for whoever sees it for the first time.
const BEGIN: &str = "See it work: mailferry demo. One mailbox: rehearse, migrate, verify. Servers and clusters: init, check, commit, then status \
                     every morning. Runbook: docs/OPERATING.md, in the package /usr/share/doc/mailferry.";

/// Moves mailboxes between mail organisations; nothing is lost and nothing is doubled.
#[derive(Parser)]
#[command(name = "mailferry", version, max_term_width = 100, after_help = format!("{BEGIN}\n\n{}", exit::CODES), arg_required_else_help = true)]
struct Cli {
    /// Print results as JSON
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Demo(demo::Args),
    Rehearse(rehearse::Args),
    Migrate(migrate::Args),
    Verify(verify::Args),
    #[command(subcommand)]
    Manifest(manifest::Command),
    Init(init::Args),
    Check(check::Args),
    Set(set::Args),
    Commit(commit::Args),
    Deploy(deploy::Args),
    Status(nodes::StatusArgs),
    Debts(nodes::DebtsArgs),
    Doctor(doctor::Args),
    Role(nodes::RoleArgs),
    Report(report::Args),
    Serve(serve::Args),
    #[command(subcommand)]
    Moves(moves::Command),
    #[command(subcommand)]
    Guarantee(guarantee::Command),
    #[command(subcommand)]
    Prv(prv::Command),
    Agent(agent::Args),
    Completions(pages::CompletionsArgs),
    Man(pages::ManArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Command::Agent(args) = cli.command {
        return agent::run(args).unwrap_or_else(|error| exit::told(&error).into());
    }
    let mut screen = Screen::new(cli.json);
    let done = run(cli.command, &mut screen);
    let flushed = screen.flush().map_err(anyhow::Error::from);
    done.and_then(|exit| flushed.map(|()| exit)).unwrap_or_else(|error| exit::told(&error)).into()
}

fn run(command: Command, screen: &mut Screen) -> anyhow::Result<Exit> {
    match command {
        Command::Init(args) => init::run(&args, screen),
        Command::Check(args) => check::run(&args, screen),
        Command::Set(args) => set::run(&args, screen),
        Command::Commit(args) => commit::run(&args, screen),
        Command::Verify(args) => verify::run(&args, screen),
        Command::Manifest(command) => manifest::run(&command, screen),
        Command::Guarantee(command) => guarantee::run(&command, screen),
        Command::Prv(command) => prv::run(&command, screen),
        Command::Demo(args) => demo::run(&args, screen),
        Command::Rehearse(args) => rehearse::run(&args, screen),
        Command::Migrate(args) => migrate::run(&args, screen),
        Command::Deploy(args) => deploy::run(&args, screen),
        Command::Status(args) => nodes::status(&args, screen),
        Command::Doctor(args) => doctor::run(&args, screen),
        Command::Debts(args) => nodes::debts(&args, screen),
        Command::Report(args) => report::run(&args, screen),
        Command::Serve(args) => serve::run(&args, screen),
        Command::Role(args) => nodes::role(&args, screen),
        Command::Moves(command) => moves::run(&command, screen),
        Command::Completions(args) => pages::completions(&args, screen),
        Command::Man(args) => pages::man(&args, screen),
        Command::Agent(_) => Ok(Exit::Usage),
    }
}
