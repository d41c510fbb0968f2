//! Real servers. They come from `scripts/mail-servers.sh`; [`available`] says what is missing where they are not there.
//!
//! Each has a loopback address of its own (127.x.y.z), so that its ports stay free while it is down and no client's port is in
//! their way. It runs in a process group of its own; a watcher kills the group when the test process dies without dropping it, and a
//! janitor removes the folders.

mod ca;
mod courier;
mod cyrus;
mod dovecot;
mod janitor;
mod oauth;
mod options;
mod packages;
mod pair;
mod places;
mod postfix;
mod processes;
mod server;

pub use ca::Ca;
pub use courier::Courier;
pub use cyrus::Cyrus;
pub use dovecot::Dovecot;
pub use options::{Format, Options};
pub use packages::{Kind, available};
pub use places::scratch;
pub use postfix::Postfix;
pub use processes::tree_cpu_seconds;
pub use server::{Account, Server};
