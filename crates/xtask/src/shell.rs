//! Running other programs from the root of the repository.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(root()).stdin(Stdio::null());
    command
}

/// Cargo as the one that runs this task. What that has told about this package is taken out: build scripts ask for it, and would be run
/// again whenever cargo is called another way.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut command = command(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".into()), arguments);
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_of_package)) {
        command.env_remove(name);
    }
    command
}

fn is_of_package(name: &str) -> bool {
    name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Shows the command, runs it, and fails with its name.
pub fn run(mut command: Command) -> Result<()> {
    let line = line_of(&command);
    println!("\n$ {line}");
    let status = command.status().with_context(|| format!("could not run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

pub fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program()).file_name().unwrap_or(command.get_program());
    let words = std::iter::once(program).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Whether the program can be run here.
pub fn is_there(program: &str, question: &str) -> bool {
    let mut command = command(program, &[question]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Installs Debian packages where that may be done without asking anybody: as root, with apt-get there.
pub fn install(packages: &[&str]) -> bool {
    let root = cfg!(unix) && command("id", &["-u"]).output().is_ok_and(|output| output.stdout == b"0\n");
    if !root || !is_there("apt-get", "--version") {
        return false;
    }
    let apt = |arguments: &[&str]| {
        let mut command = command("apt-get", arguments);
        command.env("DEBIAN_FRONTEND", "noninteractive");
        run(command).is_ok()
    };
    let install: Vec<&str> = ["install", "-y", "-q", "--no-install-recommends"].iter().chain(packages).copied().collect();
    apt(&install) || (apt(&["update", "-q"]) && apt(&install))
}
