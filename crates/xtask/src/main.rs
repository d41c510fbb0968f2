//! Every developer task behind one door: `cargo xtask TASK`.
#![allow(clippy::print_stdout)]

mod bench_replication;
mod generate;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer tasks of Mailferry")]
enum Task {
    /// Write the samples in config/ and the pages in docs/reference/ from the code
    Gen(generate::Gen),
    /// Measure a part of the suite
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Subcommand)]
enum Bench {
    /// Replication by change sets beside whole copies of the database (docs/adr/0002)
    Replication(bench_replication::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Gen(task) => task.run(),
        Task::Bench(Bench::Replication(arguments)) => bench_replication::run(&arguments),
    }
}
