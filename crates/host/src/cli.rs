//! The command line of the three agents: `run`, `run --once`, `status`, `check`, `service`, and of the target agent `manifest`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use mailferry_core::engine::{Manifested, SessionEnd, SessionReport};
use mailferry_core::settings::AgentKind;
use mailferry_core::trouble::Trouble;

use crate::manager::{ServiceCommand, run_service_command};
use crate::{AgentHome, Openers, Service, check_agent, public_file, queue_lines};

/// Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 done in part: something waits.
#[derive(Parser)]
#[command(
    version,
    about = "Runs one agent of this node, or looks at it and checks it",
    arg_required_else_help = true,
    after_help = "`service install` makes it a service, `check` tells what is missing, `run --once` shows what a session does.\n\nExit codes: 0 ok, 1 failed, 2 wrong usage, 3 done in part or something waits."
)]
struct Arguments {
    #[command(subcommand)]
    command: AgentCommand,
}

#[derive(Subcommand, Clone, Debug)]
pub enum AgentCommand {
    /// Run sessions until asked to stop
    Run {
        #[command(flatten)]
        place: Place,
        /// Run one session in the foreground, print what it did, and end
        #[arg(long)]
        once: bool,
        /// Write events to the terminal instead of the log file
        #[arg(long)]
        foreground: bool,
    },
    /// Print what the last session did and what waits
    Status {
        #[command(flatten)]
        place: Place,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Read the target of a mailbox again and sign what is found (target agent)
    Manifest {
        #[command(flatten)]
        place: Place,
        /// Id of the mailbox, 32 hex digits, or its name
        #[arg(long, value_name = "ID")]
        mailbox: String,
        /// Copy the manifest to this file; it stays in NTA/MANIFEST of the share too
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Install this agent as a service of the operating system, start it, stop it, look at it
    #[command(subcommand)]
    Service(ServiceCommand),
    /// Check configuration, folders, rights and free space
    Check {
        #[command(flatten)]
        place: Place,
    },
}

#[derive(Args, Clone, Debug)]
pub struct Place {
    /// config.ini of this agent; its other files lie beside it
    #[arg(long, value_name = "FILE", default_value = "config.ini")]
    pub config: PathBuf,
    /// A setting for this run alone, such as --set LogLevel=debug
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub set: Vec<String>,
}

/// What the program of this agent understands.
pub fn agent_cli(kind: AgentKind) -> clap::Command {
    let (name, about) = match kind {
        AgentKind::Source => {
            ("mailferry-source", "The source agent of this node: reads mailboxes and packs what has changed into containers")
        }
        AgentKind::Transmission => ("mailferry-transmission", "The transmission agent of this node: carries containers to the other side"),
        AgentKind::Target => ("mailferry-target", "The target agent of this node: applies containers to mailboxes, each item once"),
    };
    Arguments::command().name(name).about(about)
}

/// `main` of an agent.
pub fn agent_main(kind: AgentKind, openers: Openers) -> ExitCode {
    let arguments = Arguments::from_arg_matches(&agent_cli(kind).get_matches()).unwrap_or_else(|error| error.exit());
    match run_agent_command(kind, openers, arguments.command) {
        Ok(code) => code,
        Err(trouble) => {
            eprintln!("error: {trouble}");
            ExitCode::from(1)
        }
    }
}

pub fn run_agent_command(kind: AgentKind, openers: Openers, command: AgentCommand) -> Result<ExitCode, Trouble> {
    match command {
        AgentCommand::Run { place, once, foreground } => {
            let service = Service {
                home: AgentHome::new(kind, place.config),
                openers,
                overrides: place.set,
                to_terminal: foreground || once,
                name: None,
            };
            if !once {
                return service.run().map(|()| ExitCode::SUCCESS);
            }
            let report = service.run_once()?;
            print_report(&report);
            Ok(exit_of(&report))
        }
        AgentCommand::Status { place, json } => status(&AgentHome::new(kind, place.config), json),
        AgentCommand::Manifest { place, mailbox, out } => {
            let service =
                Service { home: AgentHome::new(kind, place.config), openers, overrides: place.set, to_terminal: true, name: None };
            let made = service.manifest(&mailbox, out.as_deref())?;
            print_manifest(&made, &service.home);
            Ok(ExitCode::from(if made.may_complete() { 0 } else { 3 }))
        }
        AgentCommand::Service(command) => run_service_command(kind, openers, command),
        AgentCommand::Check { place } => {
            let checks = check_agent(&AgentHome::new(kind, place.config), &openers, &place.set);
            for check in &checks {
                match &check.trouble {
                    None => println!("ok      {}", check.what),
                    Some(trouble) => println!("FAILED  {}\n        {}", check.what, trouble.replace('\n', "\n        ")),
                }
            }
            Ok(ExitCode::from(u8::from(checks.iter().any(|check| check.trouble.is_some()))))
        }
    }
}

fn status(home: &AgentHome, json: bool) -> Result<ExitCode, Trouble> {
    let path = home.status();
    let unknown = |cause: &dyn std::fmt::Display| {
        Trouble::new("this agent has not finished a session yet")
            .place(path.display())
            .cause(cause)
            .hint("start it with `run`, or try `run --once`")
    };
    let text = std::fs::read_to_string(&path).map_err(|error| unknown(&error))?;
    let report: SessionReport = serde_json::from_str(&text).map_err(|error| unknown(&error))?;
    if json {
        println!("{}", text.trim_end());
    } else {
        print_report(&report);
    }
    Ok(exit_of(&report))
}

fn print_manifest(made: &Manifested, home: &AgentHome) {
    println!("manifest {} of {} items: {}", made.number, made.counts.items, made.score);
    for reason in made.counts.found().reasons() {
        println!("  {:<16} {} {}", reason.score.name(), reason.count, reason.what);
    }
    println!("  file             {}", made.place);
    println!("  digest           {}", made.digest);
    println!("  signed by        {} ({})", made.key, public_file(&home.signing_key()).display());
}

fn exit_of(report: &SessionReport) -> ExitCode {
    let waits = matches!(report.end, SessionEnd::HeldUp(_))
        || !report.stalls.is_empty()
        || !report.deletion_debts.is_empty()
        || !report.coverage_debts.is_empty()
        || report.replication.wants_snapshot.is_some();
    ExitCode::from(if waits { 3 } else { 0 })
}

fn print_report(report: &SessionReport) {
    let counts = &report.counts;
    println!("{} agent on {}: {}, epoch {}", report.agent, report.node, report.role, report.epoch);
    let end = match &report.end {
        SessionEnd::Completed => "completed".to_owned(),
        SessionEnd::Standby => "standing by".to_owned(),
        SessionEnd::HeldUp(why) => format!("held up: {why}"),
    };
    println!("  last session     {end}, {} ms", report.finished_ms.saturating_sub(report.started_ms));
    println!("  published        {} containers, {} items, {} bytes", counts.published, counts.packed_items, counts.packed_bytes);
    println!("  delivered        {} containers, {} bytes", counts.delivered, counts.delivered_bytes);
    println!(
        "  taken            {} containers: {} applied, {} already there, {} found again, {} skipped",
        counts.taken, counts.applied, counts.already, counts.found, counts.skipped
    );
    println!(
        "  deleted          {} containers; debts: {} deletion, {} coverage",
        counts.deleted,
        report.deletion_debts.len(),
        report.coverage_debts.len()
    );
    println!("  in all           {} containers put out, {} answered", report.containers, report.containers_answered);
    println!("  replication      change set {} of epoch {}", report.lsn, report.replication.epoch);
    for line in queue_lines(&report.replication, report.finished_ms) {
        println!("                   {line}");
    }
    for bad in &report.containers_bad {
        println!("  container        {bad}");
    }
    for stall in &report.stalls {
        println!("  waits            {}: {}", stall.what, stall.why);
    }
}
