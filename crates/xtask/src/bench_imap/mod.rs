//! `cargo xtask bench imap`: IMAP to IMAP, side by side with other programs, on the same servers in the same run.
//!
//! The source is a Dovecot with Maildir, the target a fresh Dovecot with mdbox for every pass from nothing. What is measured: wall
//! time; CPU seconds and peak memory of the client with all its children, as the kernel counts them for GNU time; CPU seconds of
//! both servers. Medians over the runs. Afterwards both ends are compared over IMAP, so that a fast loser is seen as one.

mod measure;
mod passes;
mod table;
mod tools;

use anyhow::{Result, bail};
use mailferry_mailbed::servers::{Kind, available};

use self::passes::Bench;
use self::tools::TOOLS;
use crate::shell::{cargo, command, run};

#[derive(clap::Args)]
pub struct Arguments {
    #[arg(long, default_value_t = 3)]
    runs: usize,
    #[arg(long, default_value_t = 20)]
    users: usize,
    #[arg(long, default_value_t = 500, help = "For each user")]
    messages: usize,
    #[arg(long, default_value_t = 50_000, help = "In the one large folder; 0 leaves it out")]
    big: usize,
    /// Only these, of raw, mailferry, dsync, mbsync and offlineimap
    #[arg(long, value_name = "TOOL")]
    only: Vec<String>,
}

pub fn run_bench(arguments: &Arguments) -> Result<()> {
    run(command("bash", &["scripts/mail-servers.sh", "--peers"]))?;
    if let Err(reason) = available(Kind::Dovecot) {
        bail!("{reason}");
    }
    run(cargo(&["build", "--release", "-p", "mailferry-mailbed", "--bin", "raw-copy", "-p", "mailferry", "--bin", "mailferry"]))?;
    let wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    let tools: Vec<_> = TOOLS.iter().filter(|tool| wanted(tool.name)).collect();
    if let Some(unknown) = arguments.only.iter().find(|only| !TOOLS.iter().any(|tool| tool.name == **only)) {
        bail!("there is no tool {unknown}");
    }
    let bench = Bench::fill(arguments.users, arguments.messages, arguments.big)?;
    let mut rows: Vec<_> = tools.iter().map(|tool| table::Row::new(tool.title)).collect();
    // All tools in each run: what else the machine does meets them alike.
    for number in 0..arguments.runs {
        for (tool, row) in tools.iter().zip(&mut rows) {
            println!("{}: run {} of {}", tool.name, number + 1, arguments.runs);
            bench.run(tool, number == 0, row)?;
        }
        println!("\n{}", table::markdown(&rows));
    }
    Ok(())
}
