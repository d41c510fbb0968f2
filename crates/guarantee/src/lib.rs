//! Who tells how far the copies of a target store are, behind the port `DataGuarantee` (R70, R77).
//!
//! ```text
//! guard         the port: constraint and provider of each store; no answer is Retry
//! settings      guarantee.toml
//! provider      what a provider is, and what is believed of it
//! answer        our JSON
//! command       a command that prints it
//! dovecot       doveadm replicator status
//! dovecot_sync  doveadm sync
//! cyrus         sync_client and its log
//! exchange      Get-MailboxDatabaseCopyStatus
//! open          the guarantee of a target agent, by its settings
//! own           the suite's own replicated state
//! ```
//!
//! A provider reports facts and leaves out what it does not know; whether they are enough is decided in `rules::guarantee`.

pub mod answer;
mod command;
mod cyrus;
mod dovecot;
mod dovecot_sync;
mod exchange;
mod guard;
mod open;
mod own;
mod place;
mod provider;
mod settings;

pub use guard::Guard;
pub use open::{WallClock, open};
pub use provider::{COPIES_MAX, NAME_CHARACTERS_MAX, Provider, sound};
pub use settings::{Row, load, parse};
