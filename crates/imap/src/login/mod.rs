//! Who logs in, and how: LOGIN, and SASL PLAIN, SCRAM-SHA-256, SCRAM-SHA-1, XOAUTH2, OAUTHBEARER (RFC 4616, 5802, 7677, 7628).
//!
//! Without a mechanism named, the first that the server offers of SCRAM-SHA-256, SCRAM-SHA-1, PLAIN, LOGIN is taken: those that
//! do not show the password before those that do. CRAM-MD5 and its like are left out; TLS protects better.

mod scram;

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::connection::{Connection, Event, ended_as};
use crate::error::{ImapError, Kind, Result};
use crate::wire::command::Command;
use crate::wire::response::{Code, Response, Status};

use scram::{Hash, Scram};

/// A password or token. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mechanism {
    Login,
    Plain,
    ScramSha1,
    ScramSha256,
    XOAuth2,
    OAuthBearer,
}

const BY_NAME: [(&str, Mechanism); 6] = [
    ("login", Mechanism::Login),
    ("plain", Mechanism::Plain),
    ("scram-sha-1", Mechanism::ScramSha1),
    ("scram-sha-256", Mechanism::ScramSha256),
    ("xoauth2", Mechanism::XOAuth2),
    ("oauthbearer", Mechanism::OAuthBearer),
];

impl Mechanism {
    pub fn named(name: &str) -> Option<Mechanism> {
        BY_NAME.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, mechanism)| *mechanism)
    }

    fn name(self) -> &'static str {
        BY_NAME.iter().find(|(_, mechanism)| *mechanism == self).map_or("", |(name, _)| name)
    }
}

#[derive(Clone, Debug)]
pub struct Account {
    /// Whose secret it is. With a master user of Dovecot: `user*master`.
    pub user: String,
    pub secret: Secret,
    /// Whose mailbox is to be opened, where the server lets an administrator do so by SASL (RFC 4616, authzid).
    pub act_as: Option<String>,
    pub mechanism: Option<Mechanism>,
}

/// Logs in, and learns what the server offers afterwards.
pub(crate) async fn login(connection: &mut Connection, account: &Account, host: &str, port: u16) -> Result<()> {
    let mechanism = match account.mechanism {
        Some(mechanism) => mechanism,
        None => chosen(connection, account)?,
    };
    let done = match mechanism {
        Mechanism::Login => {
            let command = Command::new("LOGIN").string(account.user.as_bytes()).secret(account.secret.0.as_bytes());
            connection.run(command, |_| {}).await.map(|done| done.code)
        }
        _ => authenticate(connection, account, mechanism, host, port).await,
    };
    match done {
        Ok(Some(Code::Capability(_))) => Ok(()),
        Ok(_) => connection.run(Command::new("CAPABILITY"), |_| {}).await.map(|_| ()),
        Err(error) => Err(refused(error, account)),
    }
}

fn chosen(connection: &Connection, account: &Account) -> Result<Mechanism> {
    let order = [Mechanism::ScramSha256, Mechanism::ScramSha1, Mechanism::Plain];
    let offered = |mechanism: &Mechanism| connection.has(&format!("AUTH={}", mechanism.name().to_uppercase()));
    if let Some(mechanism) = order.into_iter().find(offered) {
        return Ok(mechanism);
    }
    if account.act_as.is_none() && !connection.has("LOGINDISABLED") {
        return Ok(Mechanism::Login);
    }
    let offers: Vec<&str> = connection.capabilities().filter(|name| name.starts_with("AUTH=")).collect();
    Err(ImapError::new("log in", Kind::Settings(format!("no way to log in that we know is offered ({})", offers.join(" ")))))
}

/// What the server says of a refused login; NO for other reasons stays what it is.
fn refused(error: ImapError, account: &Account) -> ImapError {
    let what = format!("log in as {}", account.user);
    let kind = match error.kind {
        Kind::No { code: Some(code @ (Code::Unavailable | Code::InUse | Code::Limit)), text } => Kind::No { code: Some(code), text },
        Kind::No { text, .. } | Kind::Bad(text) => Kind::Login(text),
        kind => kind,
    };
    ImapError::new(what, kind)
}

/// One side of an exchange: answers a challenge, `None` when there is nothing more to say.
enum Exchange {
    Once(Option<Vec<u8>>),
    Scram(Box<Scram>),
}

impl Exchange {
    fn begin(account: &Account, mechanism: Mechanism, host: &str, port: u16) -> Result<(Exchange, Vec<u8>)> {
        let (user, secret) = (&account.user, &account.secret.0);
        let act_as = account.act_as.as_deref().unwrap_or_default();
        Ok(match mechanism {
            Mechanism::ScramSha1 | Mechanism::ScramSha256 => {
                let hash = if mechanism == Mechanism::ScramSha1 { Hash::Sha1 } else { Hash::Sha256 };
                let (scram, first) = Scram::begin(hash, user, secret, act_as).map_err(|kind| ImapError::new("log in", kind))?;
                (Exchange::Scram(Box::new(scram)), first)
            }
            Mechanism::XOAuth2 => (Exchange::Once(Some(Vec::new())), format!("user={user}\x01auth=Bearer {secret}\x01\x01").into_bytes()),
            Mechanism::OAuthBearer => {
                let first = format!("n,a={user},\x01host={host}\x01port={port}\x01auth=Bearer {secret}\x01\x01");
                (Exchange::Once(Some(b"\x01".to_vec())), first.into_bytes())
            }
            Mechanism::Plain | Mechanism::Login => (Exchange::Once(None), format!("{act_as}\0{user}\0{secret}").into_bytes()),
        })
    }

    fn answer(&mut self, challenge: &[u8]) -> std::result::Result<Option<Vec<u8>>, Kind> {
        match self {
            Exchange::Once(answer) => Ok(answer.take()),
            Exchange::Scram(scram) => scram.answer(challenge),
        }
    }

    /// A server that does not prove that it knows the password may be another one.
    fn proven(&self) -> bool {
        match self {
            Exchange::Once(_) => true,
            Exchange::Scram(scram) => scram.proven(),
        }
    }
}

async fn authenticate(connection: &mut Connection, account: &Account, mechanism: Mechanism, host: &str, port: u16) -> Result<Option<Code>> {
    let (mut exchange, first) = Exchange::begin(account, mechanism, host, port)?;
    let name = mechanism.name().to_uppercase();
    let mut first = Some(first);
    let at_once = connection.has("SASL-IR");
    let tag = connection.begin();
    connection.write(format!("AUTHENTICATE {name}").as_bytes()).await?;
    if let Some(first) = first.take_if(|_| at_once) {
        connection.write(format!(" {}", BASE64.encode(first)).as_bytes()).await?;
    }
    connection.write(b"\r\n").await?;
    let mut refusal = None;
    loop {
        match connection.event().await? {
            Event::Response(Response::Continue(challenge)) => {
                let challenge = BASE64.decode(challenge.trim()).unwrap_or_else(|_| challenge.into_bytes());
                let answer = match first.take() {
                    Some(first) => Some(first),
                    None => {
                        if matches!(exchange, Exchange::Once(_)) && !challenge.is_empty() {
                            refusal = Some(String::from_utf8_lossy(&challenge).into_owned());
                        }
                        exchange.answer(&challenge).map_err(|kind| ImapError::new("log in", kind))?
                    }
                };
                // `*` ends an exchange (RFC 9051, 6.2.2).
                let line = answer.map_or_else(|| "*".to_owned(), |answer| BASE64.encode(answer));
                connection.write(format!("{line}\r\n").as_bytes()).await?;
            }
            Event::Response(Response::Tagged { tag: ended, status, code, text }) if tag.is(&ended) => {
                let text = refusal.map_or(text.clone(), |reason| format!("{text} ({reason})"));
                if status == Status::Ok && !exchange.proven() {
                    return Err(ImapError::new("log in", Kind::Login("the server did not prove that it knows the password".into())));
                }
                return ended_as(status, code, text, "log in").map(|done| done.code);
            }
            _ => {}
        }
    }
}
