//! `mailferry init`: a project file to begin with. What is there already is never overwritten.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;

use mailferry_core::settings::project_sample;
use mailferry_core::trouble::Trouble;
use serde_json::json;

use super::project::PROJECT_FILE;
use crate::exit::Exit;
use crate::screen::Screen;
use crate::text;

/// Write a commented project file to begin with
#[derive(clap::Args)]
#[command(after_help = "Exit codes: 0 written, 1 not written (a file of this name exists, or the disk refused), 2 wrong usage")]
pub struct Args {
    /// Where to write it
    #[arg(default_value = PROJECT_FILE)]
    file: PathBuf,
}

pub fn run(args: &Args, screen: &mut Screen) -> anyhow::Result<Exit> {
    let written = OpenOptions::new().write(true).create_new(true).open(&args.file).and_then(|mut file| {
        file.write_all(project_sample().as_bytes())?;
        file.sync_all()
    });
    written.map_err(|error| {
        let trouble = Trouble::new("could not write the project file").place(args.file.display());
        match error.kind() {
            ErrorKind::AlreadyExists => {
                trouble.cause("there is a file of this name already").hint("name another file: mailferry init FILE")
            }
            _ => trouble.cause(error).hint("name a file in a folder that exists and that you may write to"),
        }
    })?;
    if screen.json {
        screen.document(&json!({ "written": args.file }))?;
    } else {
        let shown = text::line(&args.file.display().to_string());
        writeln!(screen, "{shown} is written. Edit it, then run: mailferry check --project {shown}")?;
    }
    Ok(Exit::Ok)
}
