//! `cargo xtask lint`: everything that is checked without running the suite. All checks run, then the failures are named.

use anyhow::{Result, bail};

use crate::generate::Gen;
use crate::imports;
use crate::shell::{cargo, command, is_there, run};

type Check = (&'static str, fn() -> Result<()>);

const CHECKS: &[Check] = &[("imports", imports::run), ("generated files", generated), ("format", format), ("clippy", clippy)];

pub fn lint() -> Result<()> {
    let mut failures = Vec::new();
    for (name, check) in CHECKS {
        if let Err(error) = check() {
            println!("FAILED {name}: {error:#}");
            failures.push(*name);
        }
    }
    if !failures.is_empty() {
        bail!("lint failed: {}", failures.join(", "));
    }
    println!("lint: all checks passed");
    Ok(())
}

fn generated() -> Result<()> {
    Gen { check: true }.run()?;
    println!("generated files: up to date");
    Ok(())
}

fn format() -> Result<()> {
    component("fmt", "rustfmt")?;
    run(cargo(&["fmt", "--all", "--", "--check"]))
}

fn clippy() -> Result<()> {
    component("clippy", "clippy")?;
    run(cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

/// A minimal toolchain comes without these.
fn component(subcommand: &str, component: &str) -> Result<()> {
    let there = cargo(&[subcommand, "--version"]).output().is_ok_and(|output| output.status.success());
    if there || (is_there("rustup", "--version") && run(command("rustup", &["component", "add", component])).is_ok()) {
        return Ok(());
    }
    bail!("cargo {subcommand} is not there; install it, for instance with `rustup component add {component}`")
}
