//! Maildir and Maildir++: one file an item, as Dovecot and Courier keep them.
//!
//! - the base name of a file (before `:2,`) is the item's key and its hint for moves; flags are letters after it;
//! - the internal date is the time of modification; size comes from the directory, so that a scan opens no message;
//! - `.A.B` beside `cur` is the folder A/B (Maildir++); as a source, directories below directories (`fs` layout) are
//!   understood as well, whichever is there;
//! - a target writes into `tmp`, makes the data durable in one go at `flush`, then renames into `cur` (R42: the token is
//!   part of the name, so an append whose answer was lost is found again by listing).
//!
//! The road not taken: `new/` for items that nobody has seen. Moving a file out of `new/` is the reading client's way to
//! notice fresh mail; old mail of a migration is not fresh, and `cur/` alone means one rename and one directory to sync.

mod keywords;
mod layout;
mod listing;
mod message_name;
mod source;
mod steps;
mod strangers;
mod subscriptions;
mod survey;
mod target;
mod target_folder;
#[cfg(test)]
mod tests;

pub use source::MaildirSource;
pub use survey::MaildirSurvey;
pub use target::MaildirTarget;

use mailferry_core::ports::{Blast, StoreError};
use std::io;
use std::path::Path;

/// The keyword that Maildir knows as the letter `P`.
const FORWARDED: &str = "$Forwarded";

fn folder_error(what: &str, path: &Path, error: &io::Error) -> StoreError {
    StoreError::io(Blast::Folder, what, path.display().to_string(), error)
}
