//! IMAP accounts of real servers, as source and as target. What is at the target is read by `mailbed`, never by our own client.
#![allow(clippy::print_stderr)]

mod beside;
mod bulk;
mod chain;
mod conformance;
mod deltas;
mod dispositions;
mod failover;
mod fidelity;
mod gmail;
mod hostile;
mod identities;
mod killed;
mod kit;
mod limits;
mod logins;
mod manifest;
mod migrate;
mod rehearse;
mod rights;
mod room;
mod switch;
mod tokens;
