//! Every developer task behind one door: `cargo xtask TASK`.
#![allow(clippy::print_stdout, clippy::print_stderr)]

#[cfg(unix)]
mod bench_imap;
mod bench_ledger;
mod bench_pack;
mod bench_replication;
mod generate;
mod imports;
mod lint;
mod mutants;
mod shell;
mod sim;
mod test;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer tasks of Mailferry")]
enum Task {
    /// Write the samples in config/ and the pages in docs/reference/ from the code
    Gen(generate::Gen),
    /// Check which crate builds on which, and what must be absent where
    Imports,
    /// All checks that run no test: imports, generated files, format, clippy
    Lint,
    /// The one command that passes the tests
    Test(test::Test),
    /// Play lives of the simulated world: one seed with its story, or many
    Sim(sim::Sim),
    /// Break each safety rule on purpose and see that ladder or swarm notices
    Mutants(mutants::Mutants),
    /// Measure a part of the suite
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Subcommand)]
enum Bench {
    /// Packing and restoring beside tar and zstd, on the same files
    Pack(bench_pack::Arguments),
    /// 100,000 items through Maildir and mbox, with peak memory
    Stores,
    /// Replication by change sets beside whole copies of the database (docs/adr/0002)
    Replication(bench_replication::Arguments),
    /// Look-ups, items and their replication in ledgers of up to twenty million rows
    Ledger(bench_ledger::Arguments),
    /// IMAP to IMAP beside dsync, mbsync, OfflineIMAP and the raw limit
    #[cfg(unix)]
    Imap(bench_imap::Arguments),
}

fn main() -> ExitCode {
    match run(Task::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> anyhow::Result<()> {
    match task {
        Task::Gen(task) => task.run(),
        Task::Imports => imports::run(),
        Task::Lint => lint::lint(),
        Task::Test(task) => task.run(),
        Task::Sim(task) => task.run(),
        Task::Mutants(task) => task.run(),
        Task::Bench(Bench::Stores) => shell::run(shell::cargo(&[
            "test",
            "--release",
            "-p",
            "mailferry-stores",
            "--test",
            "throughput",
            "--",
            "--ignored",
            "--nocapture",
        ])),
        Task::Bench(Bench::Pack(arguments)) => bench_pack::run(&arguments),
        Task::Bench(Bench::Replication(arguments)) => bench_replication::run(&arguments),
        Task::Bench(Bench::Ledger(arguments)) => bench_ledger::run(&arguments),
        #[cfg(unix)]
        Task::Bench(Bench::Imap(arguments)) => bench_imap::run_bench(&arguments),
    }
}
