//! An IMAP account as a source and as a target.
//!
//! ```text
//! access    secrets that were given, connections kept for the next store
//! settings  imap://user@host/?...: server, account, where the secret is
//! secrets   files, variables, commands, credentials of systemd, the keyring of Linux
//! refresh   access tokens by the refresh-token grant
//! line      one connection driven from a thread of an agent, its errors in the words of the port
//! account   folders by their names at the server, with namespace and separator
//! names     names of folders there and back (T17)
//! dates     internal dates there and back (T07)
//! marks     flags and keywords there and back (T19)
//! source    reading: EXAMINE, BODY.PEEK, streams of messages ahead of need
//! walk      the same through a folder of which nothing is known
//! delta     what has changed since a folder was last looked at
//! identity  what a server calls a message wherever it stands (T02)
//! beside    rights and annotations at the source, beside_target at the target (T27)
//! rights    their letters and names
//! labels    Gmail: each message once, its labels as keywords (T20)
//! survey    what a target would do with what is to come
//! target    writing: appends in flight, everything else in turn
//! batch     appends that go together and are answered later
//! repair    what may be changed on a message that a server refuses (X05)
//! room      how large a message may be, and how much room there is
//! receipts  requests for receipts, disarmed by wish (T26)
//! recovery  what became of appends whose connection broke
//! throttle  pauses that a server asks for (T15)
//! listing   what stands in a target folder, to find what was appended before (R42)
//! ```
//!
//! An item's key is UIDVALIDITY and UID. IMAP has no place for a token: what an interrupted run appended is found by size and
//! digest among the messages that nobody claims.

mod access;
mod account;
mod batch;
mod beside;
mod beside_target;
mod dates;
mod delta;
mod identity;
mod labels;
mod line;
mod listing;
mod marks;
mod names;
mod receipts;
mod recovery;
mod refresh;
mod repair;
mod rights;
mod room;
mod secrets;
mod settings;
mod source;
mod survey;
mod target;
mod throttle;
mod walk;

pub use access::Access;
pub use secrets::{from_file as secret_from_file, from_variable as secret_from_variable, readable_by_others};
pub use settings::ImapUrl;
pub use source::ImapSource;
pub use survey::ImapSurvey;
pub use target::ImapTarget;

/// UIDVALIDITY and UID, in the order of arrival.
fn key(validity: u32, uid: u32) -> Vec<u8> {
    [validity.to_be_bytes(), uid.to_be_bytes()].concat()
}

fn parse_key(key: &[u8]) -> Option<(u32, u32)> {
    let key: [u8; 8] = key.try_into().ok()?;
    let number = u64::from_be_bytes(key);
    Some(((number >> 32) as u32, number as u32))
}
