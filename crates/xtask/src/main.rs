//! Every developer task behind one door: `cargo xtask <task>`.
#![allow(clippy::print_stdout)]

mod bench_replication;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer tasks of Mailferry")]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Measure a part of the suite
    Bench {
        #[command(subcommand)]
        what: Bench,
    },
}

#[derive(Subcommand)]
enum Bench {
    /// Replication by change sets beside whole copies of the database (docs/adr/0002)
    Replication(bench_replication::Arguments),
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().task {
        Task::Bench { what: Bench::Replication(arguments) } => bench_replication::run(&arguments),
    }
}
