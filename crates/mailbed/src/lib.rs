//! Mail servers for tests and benches.
//!
//! | module | what it brings |
//! |---|---|
//! | [`servers`] | Dovecot, Cyrus and Courier from Debian's packages, each a guard: dropped, its processes and files are gone |
//! | [`hostile`] | a server that speaks IMAP4rev1 and does one of the nasty things of the field when told to |
//! | [`corpus`], [`fill`], [`mutate`] | mail from a seed, put into a server, and changed there |
//! | [`compare`] | whether two servers hold the same mail, read with [`talk`] and not with the client under test |
//! | [`tap`] | a wire between a client and a server on which something happens at a byte |
//! | [`smtp`] | who sends mail to a mail server |
//! | [`token_server`] | an endpoint that gives access tokens, by a script |
//! | [`raw_copy`] | the least that a copier does: what no client can be faster than |
//!
//! Nothing here knows the crates under test: what proves them must not share their mistakes.

pub mod compare;
pub mod corpus;
pub mod fill;
pub mod hostile;
pub mod mutate;
pub mod raw_copy;
#[cfg(unix)]
pub mod servers;
pub mod smtp;
pub mod talk;
pub mod tap;
#[cfg(unix)]
pub mod token_server;
