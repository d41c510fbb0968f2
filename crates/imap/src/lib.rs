//! An IMAP client that is limited by the server, not by itself: commands are pipelined, message bytes stream through, and what
//! servers get wrong is tolerated (RFC 9051, RFC 3501 and the extensions named where they are used).
//!
//! ```text
//! error       how far an error reaches, with the server's own words
//! wire        bytes: lines with literals, tokens, responses, commands, sets of UIDs
//! transport   TCP, TLS, COMPRESS=DEFLATE under one type
//! http        one POST, for the endpoints that give tokens
//! login       SASL mechanisms, SCRAM, where secrets come from
//! connection  one connection: queue commands, take responses, stream bodies
//! session     from the greeting to a usable connection: STARTTLS, login, capabilities, NAMESPACE, COMPRESS
//! ```
//!
//! Absences to keep: no message is held in memory here; nothing is retried here, the caller knows what is safe to do again;
//! no secret is ever formatted or traced. docs/adr/0008 says why this is our own.
#![forbid(unsafe_code)]

mod connection;
mod error;
mod http;
mod login;
mod session;
mod transport;
mod wire;

pub use connection::{Connection, Done, Event, Selected, Tag, ended_as};
pub use error::{ImapError, Kind};
pub use http::{Answer, HttpUrl};
pub use login::{Account, Mechanism, Secret};
pub use session::{Endpoint, Security, connect};
pub use transport::Trust;
pub use wire::command::{Command, quoted};
pub use wire::response::{Acl, Code, Fetch, Listed, Metadata, Namespace, Quota, Resource, Response, Status, StatusItems};
pub use wire::uid_set::UidSet;
