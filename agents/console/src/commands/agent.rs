//! `mailferry agent KIND ...`: the three agents inside the console, so that a single file is enough for troubleshooting.

use std::sync::Arc;

use mailferry_core::settings::AgentKind;
use mailferry_host::{AgentCommand, Openers, run_agent_command};
use mailferry_stores::StoresByUrl;

/// Run, look at or check one agent of this node
///
/// The same as the binaries mailferry-source, mailferry-transmission and mailferry-target.
///
/// Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 done in part or something waits.
#[derive(clap::Args)]
pub struct Args {
    /// source, transmission or target
    #[arg(value_parser = parse_kind)]
    kind: AgentKind,
    #[command(subcommand)]
    command: AgentCommand,
}

fn parse_kind(text: &str) -> Result<AgentKind, String> {
    text.parse::<AgentKind>().map_err(|error| format!("{error}"))
}

pub fn run(args: Args) -> anyhow::Result<std::process::ExitCode> {
    let openers = Openers { stores: Arc::new(StoresByUrl), guarantee: mailferry_guarantee::open };
    Ok(run_agent_command(args.kind, openers, args.command)?)
}
