//! Every developer task behind one door: `cargo xtask TASK`.

mod generate;

use clap::Parser;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Developer tasks of Mailferry")]
enum Task {
    /// Write the samples in config/ and the pages in docs/reference/ from the code
    Gen(generate::Gen),
}

fn main() -> anyhow::Result<()> {
    match Task::parse() {
        Task::Gen(task) => task.run(),
    }
}
