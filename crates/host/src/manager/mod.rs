//! The service manager of the operating system: systemd, or the Service Control Manager of Windows.
//!
//! ```text
//! systemd   units that `service install` writes; what a running agent tells systemd
//! windows   the same by the Service Control Manager, which also starts and stops the agent by calls
//! ```
//! Everything that an administrator can do here can be done with the manager's own tools as well: a unit is a file, a service of
//! Windows is seen by `sc` and `services.msc`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(not(windows))]
mod systemd;
#[cfg(windows)]
mod windows;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Subcommand;
use mailferry_core::settings::AgentKind;
use mailferry_core::trouble::Trouble;
use serde::Serialize;

#[cfg(not(windows))]
use self::systemd as platform;
#[cfg(windows)]
use self::windows as platform;
use crate::Openers;

/// In the command line of every service of ours.
const OURS: &str = "mailferry";

pub(crate) use self::platform::Telling;
#[cfg(not(windows))]
pub use self::systemd::unit;

#[derive(Subcommand, Clone, Debug)]
pub enum ServiceCommand {
    /// Make this agent a service of the operating system
    Install {
        /// config.ini of this agent; its other files lie beside it
        #[arg(long, value_name = "FILE", default_value = "config.ini")]
        config: PathBuf,
        /// Name of the service, where it is not to be the usual one
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Account of the service: on Linux the user, mailferry unless named; on Windows DOMAIN\NAME, LocalSystem unless named. The password
        /// of an ordinary account is read from `MAILFERRY_SERVICE_PASSWORD`
        #[arg(long, value_name = "ACCOUNT")]
        account: Option<String>,
        /// Do not start it when the machine starts
        #[arg(long)]
        by_hand: bool,
        /// Take the place of a service of this name that was installed otherwise
        #[arg(long)]
        replace: bool,
        /// Print what would be installed, and change nothing
        #[arg(long)]
        print: bool,
    },
    /// Stop the service and remove it; nothing else is deleted
    Uninstall(Named),
    /// Start the service and wait until it runs
    Start(Named),
    /// Stop the service and wait until its session has ended
    Stop(Named),
    /// Say whether it is installed and runs; exit code 3 when it does not run
    Status {
        #[command(flatten)]
        named: Named,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// What the service manager of Windows calls
    #[command(hide = true)]
    Run {
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        #[arg(long, value_name = "NAME")]
        name: String,
    },
}

#[derive(clap::Args, Clone, Debug)]
pub struct Named {
    /// Name of the service, where it was not installed under the usual one
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// A service as it is to be installed.
#[derive(Clone, Debug)]
pub struct Wanted {
    pub kind: AgentKind,
    pub name: String,
    pub program: PathBuf,
    pub config: PathBuf,
    pub account: Option<String>,
    pub by_hand: bool,
    /// One that was installed otherwise goes.
    pub replace: bool,
}

impl Wanted {
    /// What people read in the list of services.
    pub fn description(&self) -> &'static str {
        match self.kind {
            AgentKind::Source => "reads mailboxes, packs their changes into containers",
            AgentKind::Transmission => "carries containers to the other side",
            AgentKind::Target => "imports containers into mailboxes",
        }
    }
}

/// What the manager says about a service.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Standing {
    pub name: String,
    pub state: State,
    /// More of it, in the manager's words.
    pub detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    NotInstalled,
    Stopped,
    Starting,
    Running,
    Stopping,
    Failed,
}

impl State {
    fn words(self) -> &'static str {
        match self {
            State::NotInstalled => "not installed",
            State::Stopped => "stopped",
            State::Starting => "starting",
            State::Running => "running",
            State::Stopping => "stopping",
            State::Failed => "failed",
        }
    }
}

pub fn run_service_command(kind: AgentKind, openers: Openers, command: ServiceCommand) -> Result<ExitCode, Trouble> {
    let named = |named: Named| named.name.map_or_else(|| Ok(platform::usual_name(kind)), checked_name);
    match command {
        ServiceCommand::Install { config, name, account, by_hand, replace, print } => {
            let name = name.map_or_else(|| Ok(platform::usual_name(kind)), checked_name)?;
            let wanted = Wanted { kind, name, program: program(kind)?, config: absolute(&config)?, account, by_hand, replace };
            if print {
                print!("{}", platform::shown(&wanted));
                return Ok(ExitCode::SUCCESS);
            }
            let home = wanted.config.parent().unwrap_or(Path::new(""));
            if !home.is_dir() {
                let trouble = Trouble::new(format!("could not install service {}", wanted.name)).place(wanted.config.display());
                return Err(trouble
                    .cause("this folder is not there")
                    .hint("make the agent's folder first, or give its config.ini with --config"));
            }
            let notes = platform::install(&wanted)?;
            println!("service {} is installed: {}", wanted.name, wanted.description());
            notes.iter().for_each(|note| println!("  {note}"));
            println!("  start it with `{} service start{}`", short(&wanted.program), name_argument(&wanted));
            Ok(ExitCode::SUCCESS)
        }
        ServiceCommand::Uninstall(name) => {
            let name = named(name)?;
            platform::uninstall(&name)?;
            println!("service {name} is removed; the agent's folder, its database and its log are where they were");
            Ok(ExitCode::SUCCESS)
        }
        ServiceCommand::Start(name) => told(&platform::start(&named(name)?)?, false),
        ServiceCommand::Stop(name) => {
            told(&platform::stop(&named(name)?)?, false)?;
            Ok(ExitCode::SUCCESS)
        }
        ServiceCommand::Status { named: name, json } => told(&platform::standing(&named(name)?)?, json),
        ServiceCommand::Run { config, name } => platform::run(kind, openers, config, name).map(|()| ExitCode::SUCCESS),
    }
}

/// How the service of an agent under its usual name is.
pub(crate) fn standing_of(kind: AgentKind) -> Result<Standing, Trouble> {
    platform::standing(&platform::usual_name(kind))
}

fn told(standing: &Standing, json: bool) -> Result<ExitCode, Trouble> {
    if json {
        println!("{}", serde_json::to_string_pretty(standing).unwrap_or_default());
    } else {
        let detail = if standing.detail.is_empty() { String::new() } else { format!(": {}", standing.detail) };
        println!("service {} is {}{detail}", standing.name, standing.state.words());
    }
    Ok(ExitCode::from(if standing.state == State::Running { 0 } else { 3 }))
}

/// The name goes into a file name, a key of the registry and command lines.
fn checked_name(name: String) -> Result<String, Trouble> {
    let may = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.len() <= 80 && name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(may) {
        return Ok(name);
    }
    let trouble = Trouble::new("this cannot be the name of a service").cause(format!("{name:?}"));
    Err(trouble.hint("letters, digits, - and _ only, at most 80, a letter or digit first"))
}

/// The agent's own program: this one, or, where the console was asked, the one beside it.
fn program(kind: AgentKind) -> Result<PathBuf, Trouble> {
    let this = std::env::current_exe().map_err(|error| Trouble::new("could not tell where this program lies").cause(error))?;
    let agent = this.with_file_name(format!("mailferry-{kind}{}", std::env::consts::EXE_SUFFIX));
    if this == agent || agent.is_file() {
        return Ok(agent);
    }
    let trouble = Trouble::new(format!("could not find the program of the {kind} agent")).place(agent.display());
    Err(trouble.cause("it does not lie beside this one").hint("install all programs into one folder"))
}

/// A service has another working directory.
fn absolute(config: &Path) -> Result<PathBuf, Trouble> {
    std::path::absolute(config).map_err(|error| Trouble::new("this cannot be a path").place(config.display()).cause(error))
}

fn short(program: &Path) -> String {
    program.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn name_argument(wanted: &Wanted) -> String {
    if wanted.name == platform::usual_name(wanted.kind) { String::new() } else { format!(" --name {}", wanted.name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_a_file_name_and_nothing_else() {
        for good in ["mailferry-source", "a", "Mailferry-Source_2"] {
            assert!(checked_name(good.into()).is_ok(), "{good}");
        }
        for bad in ["", "-x", "../x", "ssh.service", "x.timer", "a b", "a/b", "a\\b", "a;b", "ä", &"x".repeat(81)] {
            assert!(checked_name(bad.into()).is_err(), "{bad}");
        }
    }
}
