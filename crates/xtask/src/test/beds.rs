//! Suites of the beds with real processes that go on for longer than the test command has time for, and the programs they need.

use std::process::Command;

use anyhow::Result;

use crate::shell::{cargo, install, is_there, run};

/// strace records what agents do to disks; mkfs, mount and xfs_io make disks whose power can be cut. Without them the tests in
/// question say what is missing.
pub(super) fn prepare() {
    let programs = [("strace", "-V", "strace"), ("mkfs.ext4", "-V", "e2fsprogs"), ("xfs_io", "-V", "xfsprogs"), ("mount", "-V", "mount")];
    let missing: Vec<&str> = programs.iter().filter(|(program, ask, _)| !is_there(program, ask)).map(|(_, _, package)| *package).collect();
    if cfg!(target_os = "linux") && !missing.is_empty() && !install(&missing) {
        println!("not there, and not installed: {}", missing.join(" "));
    }
}

/// Root, loop devices and the programs, or what is missing.
pub(super) fn can_cut_power() -> Result<(), String> {
    let root = Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout == b"0\n");
    if !cfg!(target_os = "linux") || !root {
        return Err("needs root on Linux".into());
    }
    for (program, ask) in [("strace", "-V"), ("mkfs.ext4", "-V"), ("mkfs.xfs", "-V"), ("xfs_io", "-V")] {
        if !is_there(program, ask) {
            return Err(format!("{program} is not there and could not be installed"));
        }
    }
    match Command::new("losetup").arg("--find").output().is_ok_and(|output| output.status.success()) {
        true => Ok(()),
        false => Err("there are no loop devices".into()),
    }
}

/// One suite of `tests`, with numbers and perhaps a seed in its environment.
pub(super) fn long(suite: &str, counts: &[(&str, u64)], seed: Option<u64>) -> Result<()> {
    let mut tests = cargo(&["test", "-p", "mailferry-tests", "--test", suite, "--", "--nocapture"]);
    tests.envs(counts.iter().map(|(name, count)| (name, count.to_string())));
    if let Some(seed) = seed {
        tests.env("MAILFERRY_SEED", seed.to_string());
    }
    run(tests)
}
