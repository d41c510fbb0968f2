//! mbox: one file a folder, messages one after the other, each behind a line `From sender date`.
//!
//! - `variant`: mboxo, mboxrd and mboxcl2 told apart, with the evidence each needs;
//! - `parse`: one streaming pass over a file finds every message; nothing is held but the message at hand;
//! - `block`: what our writer puts between the `From ` line and the message, so that what is read back is exactly what was
//!   appended, and an append whose answer was lost is found again (R42);
//! - `target`: appends under locks;
//! - `journal` and `tail`: the length before the batch in a sidecar, so that what a dead run left behind it is cut back.
//!
//! The road not taken: an index file beside the mbox. Every other program that touches the file would make it stale.

mod block;
mod folders;
mod from_line;
mod header;
mod journal;
mod lines;
mod lock;
mod parse;
mod rewrite;
mod source;
mod survey;
mod tail;
mod target;
mod target_file;
#[cfg(test)]
mod tests;
mod unquote;
mod variant;

pub use source::MboxSource;
pub use survey::MboxSurvey;
pub use target::MboxTarget;
pub use variant::Variant;

use std::io;
use std::path::Path;

use mailferry_core::ports::{Blast, StoreError};

fn folder_error(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::io(Blast::Folder, what, path.display().to_string(), error)
}
