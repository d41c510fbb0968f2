//! Where the programs under test are.
//!
//! Beside the test program, or in MAILFERRY_PROGRAMS. In the first case cargo is asked once whether they are up to date: a test
//! of yesterday's agent proves nothing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use mailferry_core::settings::AgentKind;

const PACKAGES: [&str; 4] = ["mailferry-source", "mailferry-transmission", "mailferry-target", "mailferry"];

fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| match std::env::var_os("MAILFERRY_PROGRAMS") {
        Some(folder) => folder.into(),
        None => built(),
    })
}

fn built() -> PathBuf {
    let test = std::env::current_exe().expect("a running test has a path");
    let folder = test.parent().and_then(Path::parent).expect("tests lie in the folder deps of a profile");
    let (target, profile) = (folder.parent().expect("a profile lies in a target folder"), folder.file_name().unwrap_or_default());
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.arg("build").arg("--quiet").arg("--manifest-path").arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"));
    command.arg("--target-dir").arg(target).args(["--profile", if profile == "debug" { "dev" } else { profile.to_str().unwrap_or("dev") }]);
    command.args(PACKAGES.iter().flat_map(|package| ["--package", package]));
    // What cargo has told about this package: build scripts ask for it, and would be run again, here and for the next tests.
    let of_package = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(of_package)) {
        command.env_remove(name);
    }
    let status = command.status().expect("cargo can be run");
    assert!(status.success(), "the programs under test could not be built");
    folder.to_path_buf()
}

fn program(name: &str) -> PathBuf {
    folder().join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

pub fn agent_program(kind: AgentKind) -> PathBuf {
    program(&format!("mailferry-{kind}"))
}

/// Runs the console.
pub fn console(arguments: &[&str]) -> Output {
    console_command(arguments).output().expect("the console can be run")
}

/// The same, not yet run.
pub fn console_command(arguments: &[&str]) -> Command {
    let mut command = Command::new(program("mailferry"));
    command.args(arguments);
    command
}
