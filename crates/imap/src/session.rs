//! From the greeting to a usable connection: STARTTLS, login, ID, NAMESPACE, COMPRESS.

use std::time::Duration;

use crate::connection::{Connection, Event};
use crate::error::{ImapError, Kind, Result};
use crate::login::{self, Account};
use crate::transport::{self, Trust};
use crate::wire::command::Command;
use crate::wire::response::{Namespace, Response, Status};

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Security {
    /// From the first byte.
    Tls,
    /// STARTTLS, or nothing is said.
    StartTls,
    /// STARTTLS where it is offered. Without it only with a server on this machine.
    Opportunistic,
    /// None, by the word of a person.
    Plain,
}

/// Where a server is and how it is spoken to.
#[derive(Clone, Debug)]
pub struct Endpoint {
    pub host: String,
    pub port: u16,
    pub security: Security,
    pub trust: Trust,
    pub compress: bool,
    /// How long the server may say nothing.
    pub patience: Duration,
}

impl Endpoint {
    fn is_here(&self) -> bool {
        is_this_machine(&self.host)
    }
}

pub(crate) fn is_this_machine(host: &str) -> bool {
    let address = host.parse::<std::net::IpAddr>();
    host.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

/// Connects and logs in.
pub async fn connect(endpoint: &Endpoint, account: &Account) -> Result<Connection> {
    let what = format!("connect to {}:{}", endpoint.host, endpoint.port);
    let opened = tokio::time::timeout(endpoint.patience, opened(endpoint)).await;
    let mut connection = opened.unwrap_or(Err(Kind::Silent(endpoint.patience.as_secs()))).map_err(|kind| ImapError::new(what, kind))?;
    if !greeted(&mut connection).await? {
        login::login(&mut connection, account, &endpoint.host, endpoint.port).await?;
    }
    if endpoint.compress && connection.has("COMPRESS=DEFLATE") {
        connection.run(Command::new("COMPRESS DEFLATE"), |_| {}).await?;
        connection = connection.compress();
    }
    if connection.has("ID") {
        let command = Command::new(concat!("ID (\"name\" \"Mailferry\" \"version\" \"", env!("CARGO_PKG_VERSION"), "\")"));
        let mut told = Vec::new();
        let each = |response| {
            if let Response::Id(fields) = response {
                told = fields;
            }
        };
        connection.run(command, each).await.map(|_| ()).or_else(ImapError::unless_fatal)?;
        connection.name_server(told.into_iter().find(|(field, _)| field == "name").map(|(_, name)| name).unwrap_or_default());
    }
    Ok(connection)
}

async fn opened(endpoint: &Endpoint) -> std::result::Result<Connection, Kind> {
    let stream = transport::connected(&endpoint.host, endpoint.port).await?;
    if endpoint.security == Security::Tls {
        let stream = transport::encrypted(stream, &endpoint.host, &endpoint.trust).await?;
        return Ok(Connection::new(stream, endpoint.patience));
    }
    let mut connection = Connection::new(stream, endpoint.patience);
    if endpoint.security == Security::Plain {
        return Ok(connection);
    }
    let greeting = connection.event().await.map_err(|error| error.kind)?;
    connection.run(Command::new("CAPABILITY"), |_| {}).await.map_err(|error| error.kind)?;
    if connection.has("STARTTLS") {
        connection.run(Command::new("STARTTLS"), |_| {}).await.map_err(|error| error.kind)?;
        let host = &endpoint.host;
        let mut connection = connection.layer(|stream| async move { transport::encrypted(stream, host, &endpoint.trust).await }).await?;
        // What was said before the encryption is not believed (RFC 9051, 6.2.1).
        connection.offer(Vec::new());
        return Ok(connection);
    }
    if endpoint.security == Security::StartTls || !endpoint.is_here() {
        let text =
            "the server offers no encryption, and a password would go over the network readable: use imaps://, or ?tls=off to accept it";
        return Err(Kind::Settings(text.into()));
    }
    if let Event::Response(greeting) = greeting {
        connection.hold(greeting);
    }
    Ok(connection)
}

/// Takes the greeting and the capabilities; true when the server knows us already (PREAUTH).
async fn greeted(connection: &mut Connection) -> Result<bool> {
    let mut known = false;
    if connection.awaits_greeting() {
        match connection.event().await? {
            Event::Response(Response::Untagged { status: Status::Ok, .. }) => {}
            Event::Response(Response::Untagged { status: Status::Preauth, .. }) => known = true,
            Event::Response(Response::Untagged { status: Status::Bye, text, .. }) => {
                return Err(ImapError::new("greet the server", Kind::Bye(text)));
            }
            _ => return Err(ImapError::new("greet the server", Kind::Protocol("this is no IMAP server".into()))),
        }
    }
    if connection.capabilities().next().is_none() {
        connection.run(Command::new("CAPABILITY"), |_| {}).await?;
    }
    Ok(known)
}

impl Connection {
    /// The namespaces (RFC 2342); that of a server without them is empty.
    pub async fn namespace(&mut self) -> Result<Namespace> {
        let mut namespace = Namespace::default();
        if self.has("NAMESPACE") {
            let each = |response| {
                if let Response::Namespace(found) = response {
                    namespace = found;
                }
            };
            self.run(Command::new("NAMESPACE"), each).await.map(|_| ()).or_else(ImapError::unless_fatal)?;
        }
        Ok(namespace)
    }
}
