//! `mailferry prv`: looking into a container without an agent. Nothing here changes a container, and no name found in one
//! becomes a path.

mod extract;
mod list;
mod rows;
mod show;
mod verify;

use std::fs::File;
use std::path::Path;

use clap::Subcommand;
use mailferry_core::prv::{PrvError, Reader};
use mailferry_core::trouble::Trouble;

use crate::exit::Exit;
use crate::screen::Screen;

/// Look into a container (PRV file)
#[derive(Subcommand)]
#[command(after_help = crate::exit::CODES)]
pub enum Command {
    List(list::Args),
    Show(show::Args),
    Verify(verify::Args),
    Extract(extract::Args),
}

pub fn run(command: &Command, screen: &mut Screen) -> anyhow::Result<Exit> {
    match command {
        Command::List(args) => list::run(args, screen),
        Command::Show(args) => show::run(args, screen),
        Command::Verify(args) => verify::run(args, screen),
        Command::Extract(args) => extract::run(args, screen),
    }
}

fn open_file(path: &Path) -> Result<File, Trouble> {
    File::open(path).map_err(|error| {
        Trouble::new("could not open the container")
            .place(path.display())
            .cause(error)
            .hint("check the path and the right to read; containers lie below NTA of a share and end in .prv")
    })
}

fn open(path: &Path) -> Result<Reader<File>, Trouble> {
    Reader::open(open_file(path)?).map_err(|error| unreadable(path, &error))
}

fn unreadable(path: &Path, error: &PrvError) -> Trouble {
    let trouble = Trouble::new("could not read the container").place(path.display()).cause(error);
    match error {
        PrvError::FromTheFuture(_) => trouble.hint("read it with the Mailferry that wrote it, or a newer one"),
        error if error.is_damage() => {
            trouble.hint("`mailferry prv verify` says what is lost, `mailferry prv extract --salvage` gets out the rest")
        }
        _ => trouble.hint("check the disk, and that it is a container: a file that ends in .prv"),
    }
}
