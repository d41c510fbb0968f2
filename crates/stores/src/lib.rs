//! Mail stores behind `MailSource` and `MailTarget`.
//!
//! ```text
//! url           maildir:PATH, mbox:PATH, imap://...: which store is meant, and opening it
//! imap          an account of an IMAP server, over crates/imap
//! maildir       Maildir and Maildir++ (Dovecot, Courier): one file an item
//! mbox          one file a folder, as mboxo, mboxrd and mboxcl2
//! folder_names  names of folders as names of files, reversibly
//! mutf7         modified UTF-7, in which both store non-ASCII names
//! months        names of months as mail writes them
//! files         what std::fs lacks: names as bytes, no symlinks, durable directories
//! ```
//!
//! Absences to keep: a source opens nothing for writing (R20); no name from a mailbox becomes a path without
//! `folder_names`; a clock is read only to judge the age of
//! a stamp or a lock.
#![forbid(unsafe_code)]

mod files;
mod folder_names;
mod imap;
mod maildir;
mod mbox;
mod months;
mod mutf7;
mod opener;
mod url;

pub use imap::{Access, ImapSource, ImapSurvey, ImapTarget, ImapUrl, readable_by_others, secret_from_file, secret_from_variable};
pub use maildir::{MaildirSource, MaildirSurvey, MaildirTarget};
pub use mailferry_imap::Secret;
pub use mbox::{MboxSource, MboxSurvey, MboxTarget, Variant};
pub use opener::StoresByUrl;
pub use url::{DiskUrl, Scheme, StoreUrl, open_source, open_target, survey_with};
