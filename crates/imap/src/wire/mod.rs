//! IMAP as bytes.
//!
//! ```text
//! framer    bytes of the connection to lines, literals put where the tokens find them or handed out piece by piece
//! cursor    a tolerant reader of tokens in a line
//! response  a line to what it says
//! command   what is sent, with strings in a form every server reads
//! uid_set   sets of UIDs, written short
//! ```

pub mod command;
pub mod cursor;
pub mod framer;
pub mod response;
pub mod uid_set;
