//! One command under GNU time, beside what the servers use meanwhile.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use mailferry_mailbed::servers::Server;

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Measure {
    pub wall_s: f64,
    pub client_cpu_s: f64,
    pub servers_cpu_s: f64,
    /// Of the largest of its processes.
    pub peak_mb: f64,
}

/// The commands one after the other are one client.
pub(super) fn measure(commands: Vec<Command>, also_done: &[i32], servers: [&Server; 2], scratch: &Path) -> Result<Measure> {
    let cpu = || servers.iter().map(|server| server.cpu_seconds()).sum::<f64>();
    let (before, began) = (cpu(), Instant::now());
    let mut total = Measure::default();
    for command in commands {
        let one = timed(&command, also_done, scratch)?;
        total.client_cpu_s += one.client_cpu_s;
        total.peak_mb = total.peak_mb.max(one.peak_mb);
    }
    Ok(Measure { wall_s: began.elapsed().as_secs_f64(), servers_cpu_s: cpu() - before, ..total })
}

/// GNU time asks wait4 for what it and its children have used.
fn timed(command: &Command, also_done: &[i32], scratch: &Path) -> Result<Measure> {
    let (figures, log) = (scratch.join("time"), scratch.join("log"));
    let output = fs::File::create(&log).context("no log")?;
    let mut time = Command::new("/usr/bin/time");
    time.args(["-f", "%U %S %M", "-o"]).arg(&figures).arg(command.get_program()).args(command.get_args());
    let time = time
        .stdin(Stdio::null())
        .stdout(output.try_clone().context("no log")?)
        .stderr(output)
        .env("HOME", scratch)
        .env("RUST_BACKTRACE", "0");
    let status = time.status().context("/usr/bin/time cannot be run")?;
    if !status.success() && !status.code().is_some_and(|code| also_done.contains(&code)) {
        let log = fs::read_to_string(&log).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(10).collect();
        bail!("{:?} failed ({status}); its last lines, backwards:\n{}", command.get_program(), tail.join("\n"));
    }
    // Before them it says how a command failed.
    let figures = fs::read_to_string(&figures).context("no figures")?;
    let figures = figures.lines().last().unwrap_or_default();
    let [user, system, kilobytes] = figures.split_whitespace().filter_map(|word| word.parse().ok()).collect::<Vec<f64>>()[..] else {
        bail!("not the figures of GNU time: {figures}");
    };
    Ok(Measure { client_cpu_s: user + system, peak_mb: kilobytes / 1024.0, ..Measure::default() })
}
