//! The queries of the ledger, one file per subject. Each takes the connection or transaction it works in, so that a caller
//! commits what belongs together in one durable step.

pub mod beside;
pub mod debts;
pub mod delivery;
pub mod epochs;
pub mod inbound;
pub mod manifest;
pub mod moves;
pub mod outbound;
pub mod serving;
pub mod source;
pub mod stamps;
pub mod stock;
pub mod switch;
pub mod target;
pub mod totals;
pub mod unread;

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use rusqlite::Row;
use rusqlite::types::Type;

use crate::model::{Digest, Flags, Keywords, Marks, Token};

/// Reads three columns from `at` on as a container name.
fn container(row: &Row<'_>, at: usize) -> rusqlite::Result<ContainerName> {
    Ok(ContainerName {
        mailbox: MailboxId(row.get(at)?),
        sequence: Sequence(row.get::<_, i64>(at + 1)? as u64),
        epoch: Epoch(row.get::<_, i64>(at + 2)? as u64),
    })
}

fn digest(row: &Row<'_>, at: usize) -> rusqlite::Result<Digest> {
    Ok(Digest(row.get(at)?))
}

fn token(row: &Row<'_>, at: usize) -> rusqlite::Result<Token> {
    Ok(Token(row.get(at)?))
}

/// Reads flags and keywords from two columns.
fn marks(row: &Row<'_>, at: usize) -> rusqlite::Result<Marks> {
    let bits: u8 = row.get(at)?;
    let flags = Flags::from_bits(bits).ok_or(rusqlite::Error::IntegralValueOutOfRange(at, i64::from(bits)))?;
    let keywords: String = row.get(at + 1)?;
    Ok(Marks { flags, keywords: keywords.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect() })
}

/// Keywords are atoms (RFC 9051): they hold no space.
fn keywords_text(keywords: &Keywords) -> String {
    keywords.iter().map(String::as_str).collect::<Vec<_>>().join(" ")
}

/// Text columns that hold JSON.
fn from_json<T: serde::de::DeserializeOwned>(row: &Row<'_>, at: usize) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    serde_json::from_str(&text).map_err(|error| rusqlite::Error::FromSqlConversionFailure(at, Type::Text, Box::new(error)))
}

fn to_json<T: serde::Serialize>(value: &T) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))
}
