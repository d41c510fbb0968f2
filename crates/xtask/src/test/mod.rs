//! `cargo xtask test`: the one command that passes the tests, on any machine with Rust and a C compiler.
//!
//! It brings what the suites need, runs them all, and ends with a table. A suite that cannot run is named with the reason;
//! it fails the command when it was asked for (`--require`, `--long`, MAILFERRY_CORPORA).
//!
//! A test that cannot do its work here writes a line that begins with `SKIPPED: ` straight to the standard error output
//! (`writeln!(std::io::stderr(), ..)`: what `eprintln!` says is held back while a test passes) and returns.

mod corpora;
mod fuzz;
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
    /// Also what takes long: the larger models, the fuzzers, and the Windows build under Wine
    #[arg(long)]
    long: bool,
    /// Fail when this suite cannot run here
    #[arg(long, value_name = "SUITE")]
    require: Vec<Optional>,
    /// How long each fuzzer runs with --long
    #[arg(long, default_value_t = 5, value_name = "MINUTES")]
    fuzz_minutes: u64,
}

/// Suites that need what a machine may not have.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Optional {
    /// Real mail, as archives in ../shared/corpora or in MAILFERRY_CORPORA
    Corpora,
    /// The fuzz targets of tests/fuzz
    Fuzz,
    /// The build for Windows, tested under Wine
    Windows,
}

impl Test {
    pub fn run(self) -> Result<()> {
        let mut summary = Summary::default();
        let corpora = corpora::prepare();
        if let Err(reason) = &corpora {
            self.not_run(Optional::Corpora, reason.clone(), &mut summary);
        }
        // The end-to-end suites start the real programs.
        run(cargo(&["build", "--workspace", "--bins"]))?;
        let mut tests = cargo(&["test", "--workspace", "--no-fail-fast"]);
        if let Ok(folder) = &corpora {
            tests.env("MAILFERRY_CORPORA", folder);
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
                Optional::Fuzz | Optional::Windows => self.long,
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

    fn long_suites(&self, summary: &mut Summary) {
        match self.asked_for(Optional::Fuzz) {
            true => fuzz::fuzz_all(self.fuzz_minutes * 60).into_iter().for_each(|suite| summary.add(suite)),
            false => self.not_run(Optional::Fuzz, "takes long; run `cargo xtask test --long`".into(), summary),
        }
        match self.asked_for(Optional::Windows) {
            true => summary.add(Suite::of("windows", run(command("bash", &["scripts/windows.sh", "--require"])))),
            false => self.not_run(Optional::Windows, "takes long; run `cargo xtask test --long`".into(), summary),
        }
    }
}
