//! IMAP accounts of real servers, as source and as target. What is at the target is read by `mailbed`, never by our own client.

mod bulk;
mod hostile;
mod kit;
mod migrate;
