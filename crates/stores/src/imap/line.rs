//! One connection driven from a thread of an agent. The agent's thread does the reading and writing itself: no other thread is
//! woken for it, and the server reads or writes ahead as far as the buffers of the connection reach.

use mailferry_core::ports::{Blast, Retry, StoreError};
use mailferry_core::trouble::Trouble;
use mailferry_imap::{Code, Connection, ImapError, Kind};
use tokio::runtime::Runtime;

use super::settings::ImapUrl;
use super::throttle;

pub struct Line {
    runtime: Runtime,
    pub connection: Connection,
    settings: ImapUrl,
    url: String,
}

impl Line {
    /// In place of a connection that broke: logs in again, with a secret fetched anew.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        let streams = self.connection.streams_bodies();
        *self = Line::open(&self.settings)?;
        self.connection.stream_bodies(streams);
        Ok(())
    }

    pub fn open(url: &ImapUrl) -> Result<Line, StoreError> {
        let place = url.to_string();
        let settings =
            |trouble: Trouble| StoreError::new(Blast::Mailbox, Retry::Never, "log in to a mail server", place.clone(), trouble.to_string());
        let (endpoint, account) = (url.endpoint().map_err(settings)?, url.account().map_err(settings)?);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| StoreError::io(Blast::Store, "prepare a connection", place.clone(), &error))?;
        let connection =
            runtime.block_on(mailferry_imap::connect(&endpoint, &account)).map_err(|error| store_error(error, &place, Blast::Mailbox))?;
        Ok(Line { runtime, connection, settings: url.clone(), url: place })
    }

    /// Does something on the connection. `blast`: how far a refusal reaches.
    pub fn run<T>(&mut self, blast: Blast, work: impl AsyncFnOnce(&mut Connection) -> Result<T, ImapError>) -> Result<T, StoreError> {
        self.attempt(work).map_err(|error| self.error(error, blast))
    }

    /// The same, for callers that look at the error first.
    pub fn attempt<T>(&mut self, work: impl AsyncFnOnce(&mut Connection) -> Result<T, ImapError>) -> Result<T, ImapError> {
        let Line { runtime, connection, .. } = self;
        runtime.block_on(work(connection))
    }

    pub fn error(&self, error: ImapError, blast: Blast) -> StoreError {
        store_error(error, &self.url, blast)
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Line { runtime, connection, .. } = self;
        // Not waited for: a server that has gone away would hold us up.
        let _ = runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(1), connection.farewell()).await });
    }
}

fn store_error(error: ImapError, place: &str, blast: Blast) -> StoreError {
    let cause = error.kind.to_string();
    let made = |blast, retry| StoreError::new(blast, retry, error.what.clone(), place, cause.clone());
    match &error.kind {
        Kind::Io(_) | Kind::Silent(_) | Kind::Closed | Kind::Bye(_) => {
            let mut made = made(blast.max(Blast::Mailbox), Retry::Later);
            made.away = true;
            made
        }
        Kind::Tls(_) => made(Blast::Store, Retry::Never)
            .hint("add ?ca=FILE with the authority's certificate, or check host name and clock; see docs/OPERATING.md"),
        Kind::Login(_) => made(Blast::Mailbox, Retry::Never).hint("check user, password and the option auth"),
        Kind::Settings(_) => made(Blast::Mailbox, Retry::Never),
        Kind::Protocol(_) => made(blast.max(Blast::Mailbox), Retry::Later),
        Kind::No { code: Some(Code::OverQuota), .. } => {
            let mut made = made(Blast::Mailbox, Retry::Later).hint("raise the quota of the mailbox or free space in it");
            made.no_space = true;
            made
        }
        Kind::No { code: Some(Code::Limit | Code::InUse | Code::Unavailable), .. } => made(blast.max(Blast::Mailbox), Retry::Later),
        Kind::No { text, .. } | Kind::Bad(text) if throttle::is_throttle(text) => made(Blast::Mailbox, Retry::Later),
        Kind::No { .. } | Kind::Bad(_) => made(blast, if blast == Blast::Mailbox { Retry::Later } else { Retry::Never }),
    }
}
