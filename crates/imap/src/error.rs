//! What went wrong on a connection. The server's words are kept; a secret never is.

use std::io;

use crate::wire::response::Code;

pub type Result<T> = std::result::Result<T, ImapError>;

#[derive(Debug, thiserror::Error)]
#[error("{what}: {kind}")]
pub struct ImapError {
    /// What was being done, such as `SELECT "Sent"`.
    pub what: String,
    pub kind: Kind,
}

#[derive(Debug, thiserror::Error)]
pub enum Kind {
    /// The way to the server is broken: nothing is known about what was under way.
    #[error("the connection failed: {0}")]
    Io(io::Error),
    #[error("the server said nothing for {0} s")]
    Silent(u64),
    #[error("the server closed the connection")]
    Closed,
    #[error("the server ended the session: {0}")]
    Bye(String),
    #[error("the certificate or the encryption was refused: {0}")]
    Tls(String),
    #[error("the login was refused: {0}")]
    Login(String),
    #[error("the server refused: {text}")]
    No { code: Option<Code>, text: String },
    #[error("the server did not understand: {0}")]
    Bad(String),
    #[error("an answer could not be understood: {0}")]
    Protocol(String),
    /// What was asked for cannot be done with this server or these settings.
    #[error("{0}")]
    Settings(String),
}

impl ImapError {
    pub fn new(what: impl Into<String>, kind: Kind) -> Self {
        ImapError { what: what.into(), kind }
    }

    /// Nothing more can be done on this connection.
    pub fn is_fatal(&self) -> bool {
        !matches!(self.kind, Kind::No { .. } | Kind::Bad(_) | Kind::Login(_) | Kind::Settings(_))
    }

    /// For a command whose refusal is of no matter.
    pub fn unless_fatal(self) -> Result<()> {
        if self.is_fatal() { Err(self) } else { Ok(()) }
    }

    pub fn code(&self) -> Option<&Code> {
        match &self.kind {
            Kind::No { code, .. } => code.as_ref(),
            _ => None,
        }
    }
}

impl Kind {
    pub fn io(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => Kind::Closed,
            _ => Kind::Io(error),
        }
    }
}
