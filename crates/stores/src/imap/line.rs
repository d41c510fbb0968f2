//! One connection driven from a thread of an agent. The agent's thread does the reading and writing itself: no other thread is
//! woken for it, and the server reads or writes ahead as far as the buffers of the connection reach.

use mailferry_core::ports::{Blast, Retry, Shut, StoreError};
use mailferry_imap::{Code, Connection, ImapError, Kind};
use tokio::runtime::Runtime;

use super::access::Access;
use super::refresh::NoSecret;
use super::room::{self, Lack};
use super::settings::ImapUrl;
use super::throttle;

pub struct Line {
    /// Taken only when the line is dropped.
    live: Option<Live>,
    settings: ImapUrl,
    access: Access,
    url: String,
}

/// A connection that is logged in, and what drives it.
pub struct Live {
    runtime: Runtime,
    connection: Connection,
}

impl Line {
    /// In place of a connection that broke: logs in again, with a secret fetched anew.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        let streams = self.connection().streams_bodies();
        let live = Live::log_in(&self.settings, &self.access)?;
        // The broken one is not kept for others.
        drop(self.live.replace(live));
        self.connection().stream_bodies(streams);
        Ok(())
    }

    /// One that is kept for this account, or a new one.
    pub fn open(url: &ImapUrl, access: &Access) -> Result<Line, StoreError> {
        let kept = access.take(url);
        let live = kept.map_or_else(|| Live::log_in(url, access), Ok)?;
        Ok(Line { live: Some(live), settings: url.clone(), access: access.clone(), url: url.to_string() })
    }

    pub fn connection(&mut self) -> &mut Connection {
        &mut self.live().connection
    }

    fn live(&mut self) -> &mut Live {
        self.live.as_mut().expect("it is taken only when the line is dropped")
    }

    /// Does something on the connection. `blast`: how far a refusal reaches.
    pub fn run<T>(&mut self, blast: Blast, work: impl AsyncFnOnce(&mut Connection) -> Result<T, ImapError>) -> Result<T, StoreError> {
        self.attempt(work).map_err(|error| self.error(error, blast))
    }

    /// The same, for callers that look at the error first.
    pub fn attempt<T>(&mut self, work: impl AsyncFnOnce(&mut Connection) -> Result<T, ImapError>) -> Result<T, ImapError> {
        let Live { runtime, connection } = self.live();
        runtime.block_on(work(connection))
    }

    pub fn error(&self, error: ImapError, blast: Blast) -> StoreError {
        // What stands behind the `?` is nobody's business who reads of the error.
        store_error(error, self.url.split('?').next().unwrap_or_default(), blast)
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        if let Some(live) = self.live.take() {
            self.access.keep(&self.settings, live);
        }
    }
}

impl Live {
    fn log_in(url: &ImapUrl, access: &Access) -> Result<Live, StoreError> {
        let place = url.to_string();
        let endpoint = url.endpoint().map_err(|trouble| no_secret(&place, trouble.into()))?;
        let account = || url.account(access.secret(url)).map_err(|none| no_secret(&place, none));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(|error| StoreError::io(Blast::Store, "prepare a connection", place.clone(), &error))?;
        let connect = |account| runtime.block_on(mailferry_imap::connect(&endpoint, &account));
        let connected = match connect(account()?) {
            // A token that was held ends when the server says so, whatever was said when it was given.
            Err(error) if matches!(error.kind, Kind::Login(_)) && url.forget_token() => connect(account()?),
            connected => connected,
        };
        let connection = connected.map_err(|error| store_error(error, &place, Blast::Mailbox))?;
        Ok(Live { runtime, connection })
    }

    pub fn is_at_rest(&self) -> bool {
        self.connection.is_at_rest()
    }

    /// Whether it is still there, as good as new.
    pub fn refreshed(mut self) -> Option<Live> {
        let Live { runtime, connection } = &mut self;
        connection.stream_bodies(false);
        runtime.block_on(connection.refresh()).is_ok().then_some(self)
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        let Live { runtime, connection } = self;
        // Not waited for: a server that has gone away would hold us up.
        let _ = runtime.block_on(async { tokio::time::timeout(std::time::Duration::from_secs(1), connection.farewell()).await });
    }
}

fn no_secret(place: &str, none: NoSecret) -> StoreError {
    let retry = if none.passes { Retry::Later } else { Retry::Never };
    let error = StoreError::new(Blast::Mailbox, retry, "log in to a mail server", place, none.trouble.to_string());
    StoreError { shut: none.is_refused.then_some(Shut::Login), ..error }
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
        Kind::Tls(_) => StoreError { shut: Some(Shut::Certificate), ..made(Blast::Store, Retry::Never) }
            .hint("add ?ca=FILE with the authority's certificate, or check host name and clock; see docs/OPERATING.md"),
        Kind::Login(_) => {
            StoreError { shut: Some(Shut::Login), ..made(Blast::Mailbox, Retry::Never) }.hint("check user, password and the option auth")
        }
        Kind::Settings(_) => made(Blast::Mailbox, Retry::Never),
        Kind::Protocol(_) => made(blast.max(Blast::Mailbox), Retry::Later),
        Kind::No { code, text } if room::lack(code.as_ref(), text) == Some(Lack::TooBig) => made(blast, Retry::Never),
        Kind::No { code, text } if room::lack(code.as_ref(), text) == Some(Lack::Full) => {
            let mut made = made(Blast::Mailbox, Retry::Later).hint("raise the quota of the mailbox or free space in it");
            made.no_space = true;
            made
        }
        Kind::No { code: Some(Code::Limit | Code::InUse | Code::Unavailable), .. } => made(blast.max(Blast::Mailbox), Retry::Later),
        Kind::No { text, .. } | Kind::Bad(text) if throttle::is_throttle(text) => made(Blast::Mailbox, Retry::Later),
        Kind::No { .. } | Kind::Bad(_) => made(blast, if blast == Blast::Mailbox { Retry::Later } else { Retry::Never }),
    }
}
