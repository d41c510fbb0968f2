//! What each mailbox has come to, for people: sums that are kept up with every container, read for all mailboxes at once.

use std::collections::BTreeMap;

use mailferry_rules::ids::MailboxId;
use rusqlite::Connection;

/// Of the outgoing chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Sent {
    pub containers: u64,
    pub items: u64,
    pub bytes: u64,
    pub published_ms: u64,
}

/// Of the incoming chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Came {
    pub containers: u64,
    pub applied: u64,
    pub already: u64,
    pub found: u64,
    pub taken_ms: u64,
}

pub fn sent(db: &Connection) -> rusqlite::Result<BTreeMap<MailboxId, Sent>> {
    let mut query = db.prepare_cached("SELECT mailbox, last_seq, items, bytes, published_ms FROM outbound")?;
    let rows = query.query_map([], |row| {
        let number = |at: usize| row.get::<_, i64>(at).map(|value| value as u64);
        Ok((MailboxId(row.get(0)?), Sent { containers: number(1)?, items: number(2)?, bytes: number(3)?, published_ms: number(4)? }))
    })?;
    rows.collect()
}

pub fn came(db: &Connection) -> rusqlite::Result<BTreeMap<MailboxId, Came>> {
    let mut query = db.prepare_cached("SELECT mailbox, last_seq, applied, already, found, taken_ms FROM inbound")?;
    let rows = query.query_map([], |row| {
        let number = |at: usize| row.get::<_, i64>(at).map(|value| value as u64);
        let (containers, applied, already, found) = (number(1)?, number(2)?, number(3)?, number(4)?);
        Ok((MailboxId(row.get(0)?), Came { containers, applied, already, found, taken_ms: number(5)? }))
    })?;
    rows.collect()
}

/// Containers on their way, by mailbox. An index holds these alone.
pub fn unanswered(db: &Connection) -> rusqlite::Result<BTreeMap<MailboxId, u64>> {
    counts(db, "SELECT mailbox, count(*) FROM published WHERE outcome IS NULL GROUP BY mailbox")
}

/// Containers that were damaged, given up or refused, by mailbox. An index holds these alone.
pub fn bad(db: &Connection) -> rusqlite::Result<BTreeMap<MailboxId, u64>> {
    counts(db, "SELECT mailbox, count(*) FROM taken WHERE outcome > 1 GROUP BY mailbox")
}

/// Items that a container named and that the target did not take, by mailbox: a row for each trouble.
pub fn left_out(db: &Connection) -> rusqlite::Result<BTreeMap<MailboxId, u64>> {
    counts(db, "SELECT mailbox, count(*) FROM left_out GROUP BY mailbox")
}

fn counts(db: &Connection, statement: &str) -> rusqlite::Result<BTreeMap<MailboxId, u64>> {
    let mut query = db.prepare_cached(statement)?;
    let rows = query.query_map([], |row| Ok((MailboxId(row.get(0)?), row.get::<_, i64>(1)? as u64)))?;
    rows.collect()
}
