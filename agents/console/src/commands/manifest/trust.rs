//! Whose manifests are believed: keys from the command line, or those pinned beside the project.

use std::path::Path;

use mailferry_core::manifest::{PublicKey, Trust};
use mailferry_core::trouble::Trouble;

use crate::exit::WrongUse;

/// Beside the project file: one key a line, behind it whose it is.
pub const PINNED: &str = "manifest.keys";

#[derive(clap::Args)]
pub struct Keys {
    /// Public key of the target agent, as 64 hex digits or as a file that holds it; several times for several nodes. Without it, those of the file
    /// manifest.keys
    #[arg(long = "key", value_name = "KEY")]
    keys: Vec<String>,
}

impl Keys {
    pub fn is_given(&self) -> bool {
        !self.keys.is_empty() || Path::new(PINNED).is_file()
    }

    pub fn trust(&self) -> anyhow::Result<Trust> {
        if self.keys.is_empty() {
            let none = Trouble::new("no key is known by which the manifest could be believed");
            let hint = format!("name it with --key, or write it into {PINNED} beside the project file");
            let file = Path::new(PINNED);
            return if file.is_file() { Ok(Trust::Keys(of_file(file)?)) } else { Err(WrongUse(none.hint(hint)).into()) };
        }
        let mut keys = Vec::new();
        for text in &self.keys {
            match text.parse::<PublicKey>() {
                Ok(key) => keys.push(key),
                Err(_) => keys.extend(of_file(Path::new(text))?),
            }
        }
        Ok(Trust::Keys(keys))
    }
}

fn of_file(file: &Path) -> Result<Vec<PublicKey>, Trouble> {
    let trouble = || {
        let hint = "a key is 64 hex digits, or a file with one a line, such as the agent's manifest.pub";
        Trouble::new("could not read the public keys").place(file.display()).hint(hint)
    };
    let text = std::fs::read_to_string(file).map_err(|error| trouble().cause(error))?;
    let keys = PublicKey::all_of(&text).map_err(|error| trouble().cause(error))?;
    if keys.is_empty() { Err(trouble().cause("there is no key in it")) } else { Ok(keys) }
}
