//! `mailferry completions` and `mailferry man`: what shells and manuals know of the commands, made from the same words as `--help`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use mailferry_core::settings::AgentKind;
use mailferry_core::trouble::Trouble;
use serde_json::json;

use crate::Cli;
use crate::exit::Exit;
use crate::screen::Screen;

/// Print a script by which a shell completes commands and options
///
/// For example: mailferry completions bash > /etc/bash_completion.d/mailferry
///
/// Exit codes: 0 printed, 1 failed, 2 wrong usage.
#[derive(clap::Args)]
pub struct CompletionsArgs {
    shell: clap_complete::Shell,
    /// Of an agent's program instead of the console: source, transmission or target
    #[arg(long, value_name = "KIND")]
    agent: Option<AgentKind>,
}

/// Write manual pages of the console, of each of its commands, and of the agents
///
/// Exit codes: 0 written, 1 not all written, 2 wrong usage.
#[derive(clap::Args)]
pub struct ManArgs {
    /// A folder, such as /usr/local/share/man/man1
    #[arg(value_name = "FOLDER")]
    folder: PathBuf,
}

pub fn completions(args: &CompletionsArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let (mut command, name) = match args.agent {
        None => (Cli::command(), "mailferry".to_owned()),
        Some(kind) => (mailferry_host::agent_cli(kind), format!("mailferry-{kind}")),
    };
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    screen.write_all(&script)?;
    Ok(Exit::Ok)
}

pub fn man(args: &ManArgs, screen: &mut Screen) -> anyhow::Result<Exit> {
    let agents = AgentKind::ALL.into_iter().map(mailferry_host::agent_cli);
    let mut written = Vec::new();
    for command in std::iter::once(Cli::command()).chain(agents) {
        write_pages(&command, &args.folder, &mut written)?;
    }
    if screen.json {
        screen.document(&json!({ "written": written }))?;
    } else {
        writeln!(screen, "{} manual pages are in {}", written.len(), crate::text::line(&args.folder.display().to_string()))?;
    }
    Ok(Exit::Ok)
}

/// A command, and below it those that it has; what is hidden has no page.
fn write_pages(command: &clap::Command, folder: &Path, written: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    fn walk(command: &clap::Command, name: &str, folder: &Path, written: &mut Vec<PathBuf>) -> anyhow::Result<()> {
        let path = folder.join(format!("{name}.1"));
        let mut page = Vec::new();
        clap_mangen::Man::new(command.clone().display_name(name.to_owned())).render(&mut page)?;
        std::fs::write(&path, page).map_err(|error| {
            let trouble = Trouble::new("could not write a manual page").place(path.display()).cause(error);
            trouble.hint("name a folder that exists and that you may write to")
        })?;
        written.push(path);
        let below = command.get_subcommands().filter(|below| !below.is_hide_set() && below.get_name() != "help");
        below.into_iter().try_for_each(|below| walk(below, &format!("{name}-{}", below.get_name()), folder, written))
    }
    let mut command = command.clone();
    command.build();
    let name = command.get_name().to_owned();
    walk(&command, &name, folder, written)
}
