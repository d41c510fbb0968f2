//! `cargo xtask sim`: lives drawn by lot (docs/testing.md). `--seed N` plays one exactly as it went and tells every step; else
//! seeds are explored on every core for some minutes.

use anyhow::{Result, bail};

use crate::shell::{cargo, run};

#[derive(clap::Args)]
pub struct Sim {
    /// Play this seed and tell its story
    #[arg(long, conflicts_with = "minutes")]
    seed: Option<u64>,
    /// Play this scenario of tests/scenarios and tell its story
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "minutes"])]
    scenario: Option<String>,
    /// Explore seeds for so long
    #[arg(long, default_value_t = 1)]
    minutes: u64,
    /// First seed to explore
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Processes at a time
    #[arg(long, default_value_t = 2)]
    jobs: u64,
}

/// Seeds that one process takes: far more than it can play.
const SHARE: u64 = 1_000_000_000;

impl Sim {
    pub fn run(self) -> Result<()> {
        run(cargo(&["build", "--quiet", "--release", "--package", "mailferry-sim", "--bin", "mailferry-sim"]))?;
        if let Some(file) = &self.scenario {
            return play(&["scenario", file]);
        }
        match self.seed {
            Some(seed) => play(&["seed", &seed.to_string()]),
            None => self.explore(),
        }
    }

    fn explore(&self) -> Result<()> {
        let seconds = (self.minutes * 60).to_string();
        let ran: Vec<Result<()>> = std::thread::scope(|scope| {
            let start = |job: u64| {
                let from = (self.from + job * SHARE).to_string();
                let seconds = seconds.clone();
                scope.spawn(move || play(&["explore", &from, &SHARE.to_string(), &seconds]))
            };
            let jobs: Vec<_> = (0..self.jobs.max(1)).map(start).collect();
            jobs.into_iter().map(|job| job.join().unwrap_or_else(|_| bail!("a process has crashed"))).collect()
        });
        ran.into_iter().collect()
    }
}

fn play(words: &[&str]) -> Result<()> {
    let mut all = vec!["run", "--quiet", "--release", "--package", "mailferry-sim", "--bin", "mailferry-sim", "--"];
    all.extend(words);
    run(cargo(&all))
}
