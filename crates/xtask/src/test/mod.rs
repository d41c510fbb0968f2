//! `cargo xtask test`: the one command that passes the tests, on any machine with Rust and a C compiler.
//!
//! It brings what the suites need, runs them all, and ends with a table. A suite that cannot run is named with the reason;
//! it fails the command when it was asked for (`--require`, `--long`, MAILFERRY_CORPORA).
//!
//! A test that cannot do its work here writes a line that begins with `SKIPPED: ` straight to the standard error output
//! (`writeln!(std::io::stderr(), ..)`: what `eprintln!` says is held back while a test passes) and returns.

mod beds;
mod cluster;
mod corpora;
mod fuzz;
mod imap;
mod run;
mod summary;
#[cfg(test)]
mod tests;

use anyhow::{Result, bail};
use clap::ValueEnum;

use self::summary::{Suite, Summary};
use crate::shell::{cargo, command, run};

#[derive(clap::Args)]
pub struct Test {
    /// Also what takes long: the larger models, the clusters, the fuzzers, the Windows build under Wine, the package of Debian, many kills, many power cuts
    #[arg(long)]
    long: bool,
    /// Fail when this suite cannot run here
    #[arg(long, value_name = "SUITE")]
    require: Vec<Optional>,
    /// How long each fuzzer runs with --long
    #[arg(long, default_value_t = 5, value_name = "MINUTES")]
    fuzz_minutes: u64,
    /// How many processes the suite `kills` kills at work
    #[arg(long, default_value_t = 300, value_name = "COUNT")]
    kills: u64,
    /// How often the suite `powercut` cuts the power of each kind of disk, and how many syncs of each agent it kills at
    #[arg(long, default_value_t = 30, value_name = "COUNT")]
    cuts: u64,
    /// Makes the same choices in `kills` and `powercut` as an earlier run, which told its seed
    #[arg(long)]
    seed: Option<u64>,
}

/// Suites that need what a machine may not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Optional {
    /// Two real Pacemaker clusters in namespaces
    Cluster,
    /// Real mail, as archives in ../shared/corpora or in MAILFERRY_CORPORA
    Corpora,
    /// Real mail servers on loopback: Dovecot, Cyrus, Courier
    Imap,
    /// The fuzz targets of tests/fuzz
    Fuzz,
    /// The build for Windows, tested under Wine
    Windows,
    /// The package of Debian: made, installed, used, upgraded, removed and purged in a root of debootstrap
    Deb,
    /// Hundreds of SIGKILLs that hit agents at work
    Kills,
    /// Dozens of power cuts of real file systems; needs root on Linux
    Powercut,
}

impl Test {
    pub fn run(self) -> Result<()> {
        let mut summary = Summary::default();
        let corpora = corpora::prepare();
        if let Err(reason) = &corpora {
            self.not_run(Optional::Corpora, reason.clone(), &mut summary);
        }
        // Without them each of their tests says so itself.
        if let Err(reason) = imap::prepare() {
            self.not_run(Optional::Imap, reason, &mut summary);
        }
        beds::prepare();
        // The end-to-end suites start the real programs.
        run(cargo(&["build", "--workspace", "--bins"]))?;
        let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
        if let Ok(folder) = &corpora {
            tests.env("MAILFERRY_CORPORA", folder);
        }
        if self.clusters(&mut summary) {
            tests.env("MAILFERRY_CLUSTER", "1");
        }
        if self.long {
            tests.env("MAILFERRY_MODEL_LONG", "1");
        }
        run::test(tests, &mut summary)?;
        self.long_suites(&mut summary);
        print!("\n{summary}");
        if !summary.passed() {
            bail!("the tests failed");
        }
        Ok(())
    }

    fn asked_for(&self, suite: Optional) -> bool {
        self.require.contains(&suite)
            || match suite {
                Optional::Corpora => std::env::var_os("MAILFERRY_CORPORA").is_some(),
                Optional::Imap => false,
                Optional::Cluster | Optional::Fuzz | Optional::Windows | Optional::Deb | Optional::Kills | Optional::Powercut => self.long,
            }
    }

    fn not_run(&self, suite: Optional, reason: String, summary: &mut Summary) {
        let name = format!("{suite:?}").to_lowercase();
        let suite = match self.asked_for(suite) {
            true => Suite::failed(name, format!("asked for, and could not run: {reason}")),
            false => Suite::skipped(name, reason),
        };
        summary.add(suite);
    }

    /// Whether they are asked for and can run. Where they are not asked for, each of their tests says so itself.
    fn clusters(&self, summary: &mut Summary) -> bool {
        match self.asked_for(Optional::Cluster).then(cluster::prepare) {
            None => false,
            Some(Ok(())) => true,
            Some(Err(reason)) => {
                self.not_run(Optional::Cluster, reason, summary);
                false
            }
        }
    }

    fn long_suites(&self, summary: &mut Summary) {
        match self.asked_for(Optional::Fuzz) {
            true => fuzz::fuzz_all(self.fuzz_minutes * 60).into_iter().for_each(|suite| summary.add(suite)),
            false => self.not_run(Optional::Fuzz, "takes long; run `cargo xtask test --long`".into(), summary),
        }
        for (suite, name, arguments) in [
            (Optional::Windows, "windows", &["scripts/windows.sh", "--require"][..]),
            (Optional::Deb, "deb", &["scripts/deb.sh", "--test", "--require"]),
        ] {
            match self.asked_for(suite) {
                true => summary.add(Suite::of(name, run(command("bash", arguments)))),
                false => self.not_run(suite, format!("takes long; run `cargo xtask test --long`, or `--require {name}`"), summary),
            }
        }
        match self.asked_for(Optional::Kills) {
            true => summary.add(Suite::of("kills", beds::long("killed", &[("MAILFERRY_KILLS", self.kills)], self.seed))),
            false => self.not_run(Optional::Kills, "takes long; run `cargo xtask test --long`".into(), summary),
        }
        match (self.long, imap::prepare()) {
            (true, Ok(())) => summary.add(Suite::of("imap, long", imap::long(self.kills, self.seed))),
            // That they are missing has been told.
            (true, Err(_)) => {}
            (false, _) => summary.add(Suite::skipped("imap, long", "takes long; run `cargo xtask test --long`")),
        }
        match (self.asked_for(Optional::Powercut), beds::can_cut_power()) {
            (true, Ok(())) => summary.add(Suite::of("powercut", beds::long("power", &[("MAILFERRY_CUTS", self.cuts)], self.seed))),
            (true, Err(reason)) => self.not_run(Optional::Powercut, reason, summary),
            (false, _) => self.not_run(Optional::Powercut, "takes long; run `cargo xtask test --long`".into(), summary),
        }
    }
}
