//! `mailferry manifest`: looking into a manifest, and approving what it names (docs/formats/manifest.md).

mod approve;
mod show;
pub mod trust;

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use clap::Subcommand;
use mailferry_core::manifest::{ManifestError, Reader, Trust};
use mailferry_core::model::key_bytes;
use mailferry_core::trouble::Trouble;

use crate::exit::Exit;
use crate::screen::Screen;

/// Look into a manifest, the signed proof of a migration, and approve what it names
#[derive(Subcommand)]
#[command(after_help = crate::exit::CODES)]
pub enum Command {
    Show(show::Args),
    Approve(approve::Args),
}

pub fn run(command: &Command, screen: &mut Screen) -> anyhow::Result<Exit> {
    match command {
        Command::Show(args) => show::run(args, screen),
        Command::Approve(args) => approve::run(args, screen),
    }
}

/// Opens a manifest. Nothing that is read from it counts before its end.
pub fn open(file: &Path, trust: &Trust) -> Result<Reader<BufReader<File>>, ManifestError> {
    Reader::open(BufReader::with_capacity(64 << 10, File::open(file)?), trust)
}

/// Why a manifest is worth nothing.
pub fn refused(file: &Path, error: &ManifestError) -> Trouble {
    let trouble = Trouble::new("the manifest is refused").place(file.display()).cause(error);
    match error {
        ManifestError::UnknownKey(_) => {
            trouble.hint("compare the key with what the target agent publishes (manifest.pub beside its database), and name it with --key")
        }
        ManifestError::FromTheFuture(_) => trouble.hint("read it with the Mailferry that wrote it, or a newer one"),
        ManifestError::Truncated { .. } => trouble.hint("copy it again from NTA/MANIFEST of the target node"),
        ManifestError::NoManifest | ManifestError::Io(_) => trouble.hint("check the path and the right to read"),
        _ => trouble.hint("nothing in it is to be believed: take the one in NTA/MANIFEST of the target node, or make a new one"),
    }
}

/// An id as administrators of its store write it.
pub fn id_text(target: &str, id: &str) -> String {
    let bytes = key_bytes(id).filter(|_| target.starts_with("imap"));
    match bytes.and_then(|bytes| <[u8; 8]>::try_from(bytes).ok()).map(u64::from_be_bytes) {
        Some(number) => format!("UIDVALIDITY {} UID {}", number >> 32, number as u32),
        None => id.to_owned(),
    }
}
