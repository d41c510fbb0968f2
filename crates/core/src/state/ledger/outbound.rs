//! The outgoing chain: what is published, what the passive node still lacks, what the other side answered.

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use rusqlite::{Connection, OptionalExtension, params};

use super::{container, digest};
use crate::model::{Digest, Outcome};
use crate::state::ledger::inbound::outcome_number;
use crate::state::statements::Statements;

/// Where the outgoing chain of a mailbox stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Chain {
    pub last: Sequence,
    pub last_epoch: Epoch,
    /// The newest epoch that has published, and what it inherited.
    pub run_epoch: Epoch,
    pub run_base: Sequence,
}

impl Chain {
    /// What a container packed next under `epoch` carries as its base.
    pub fn base_under(&self, epoch: Epoch) -> Sequence {
        if self.run_epoch == epoch { self.run_base } else { self.last }
    }

    pub fn next(&self) -> Sequence {
        Sequence(self.last.0 + 1)
    }
}

/// A container as it is recorded when its copies are placed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Published {
    pub name: ContainerName,
    pub base: Sequence,
    pub digest: Digest,
    pub bytes: u64,
    pub items: u64,
}

pub fn chain(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Chain> {
    let row = db
        .prepare_cached("SELECT last_seq, last_epoch, run_epoch, run_base FROM outbound WHERE mailbox = ?1")?
        .query_row([mailbox.0], |row| {
            let number = |at: usize| row.get::<_, i64>(at).map(|value| value as u64);
            Ok(Chain {
                last: Sequence(number(0)?),
                last_epoch: Epoch(number(1)?),
                run_epoch: Epoch(number(2)?),
                run_base: Sequence(number(3)?),
            })
        })
        .optional()?;
    Ok(row.unwrap_or_default())
}

/// "Published" (R21): the chain goes on by one.
pub fn record(db: &Connection, published: &Published, now_ms: u64) -> rusqlite::Result<()> {
    let Published { name, base, digest, bytes, items } = published;
    let (mailbox, seq, epoch) = (name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64);
    db.run(
        "INSERT INTO outbound (mailbox, last_seq, last_epoch, run_epoch, run_base, items, bytes, published_ms)
         VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (mailbox) DO UPDATE
         SET last_seq = ?2, last_epoch = ?3, run_epoch = ?3, run_base = ?4, items = items + ?5, bytes = bytes + ?6, published_ms = ?7",
        params![mailbox, seq, epoch, base.0 as i64, *items as i64, *bytes as i64, now_ms as i64],
    )?;
    db.run(
        "INSERT INTO published (mailbox, seq, epoch, digest, bytes, items, published_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![mailbox, seq, epoch, digest.0, *bytes as i64, *items as i64, now_ms as i64],
    )?;
    Ok(())
}

pub fn is_published(db: &Connection, name: &ContainerName) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM published WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3")?.exists(params![
        name.mailbox.0,
        name.sequence.0 as i64,
        name.epoch.0 as i64
    ])
}

/// Records what the other side said about a container (R45); answers the digest it was published with, and how many items it held.
/// `None`: it is not one of ours.
pub fn answer(db: &Connection, name: &ContainerName, outcome: Outcome, now_ms: u64) -> rusqlite::Result<Option<(Digest, u64)>> {
    db.row(
        "UPDATE published SET outcome = ?4, outcome_ms = ?5 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3 RETURNING digest, items",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, outcome_number(outcome), now_ms as i64],
        |row| Ok((digest(row, 0)?, row.get::<_, i64>(1)? as u64)),
    )
    .optional()
}

/// Containers of a mailbox that are on their way: one index entry each, however many were answered.
pub fn unanswered_count(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<u64> {
    db.prepare_cached("SELECT count(*) FROM published WHERE mailbox = ?1 AND outcome IS NULL")?
        .query_row([mailbox.0], |row| row.get::<_, i64>(0))
        .map(|count| count as u64)
}

/// Containers of a mailbox that the other side has not answered yet.
pub fn unanswered(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<ContainerName>> {
    let mut query =
        db.prepare_cached("SELECT mailbox, seq, epoch FROM published WHERE mailbox = ?1 AND outcome IS NULL ORDER BY seq, epoch")?;
    let rows = query.query_map([mailbox.0], |row| container(row, 0))?;
    rows.collect()
}

/// When the newest container of a mailbox was published, where it has no answer.
pub fn unanswered_since(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<u64>> {
    let sql = "SELECT published_ms FROM published WHERE mailbox = ?1 AND outcome IS NULL ORDER BY seq DESC, epoch DESC LIMIT 1";
    db.prepare_cached(sql)?.query_row([mailbox.0], |row| row.get::<_, i64>(0)).optional().map(|ms| ms.map(|ms| ms as u64))
}

/// A copy the passive node does not hold yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CoverageDebt {
    pub name: ContainerName,
    pub digest: Digest,
    pub node: String,
    pub lane: String,
    pub since_ms: u64,
    pub last_error: String,
}

pub fn owe_coverage(db: &Connection, name: &ContainerName, node: &str, lane: &str, now_ms: u64, error: &str) -> rusqlite::Result<()> {
    db.run(
        "INSERT OR REPLACE INTO coverage_debt (mailbox, seq, epoch, node, lane, since_ms, last_error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, node, lane, now_ms as i64, error],
    )?;
    Ok(())
}

pub fn coverage_debts(db: &Connection) -> rusqlite::Result<Vec<CoverageDebt>> {
    let mut query = db.prepare_cached(
        "SELECT mailbox, seq, epoch, node, lane, since_ms, last_error, digest FROM coverage_debt JOIN published USING (mailbox, seq, epoch)
         ORDER BY mailbox, seq, epoch, node, lane",
    )?;
    let rows = query.query_map([], |row| {
        Ok(CoverageDebt {
            name: container(row, 0)?,
            node: row.get(3)?,
            lane: row.get(4)?,
            since_ms: row.get::<_, i64>(5)? as u64,
            last_error: row.get(6)?,
            digest: digest(row, 7)?,
        })
    })?;
    rows.collect()
}

pub fn coverage_paid(db: &Connection, debt: &CoverageDebt) -> rusqlite::Result<()> {
    db.run(
        "DELETE FROM coverage_debt WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3 AND node = ?4 AND lane = ?5",
        params![debt.name.mailbox.0, debt.name.sequence.0 as i64, debt.name.epoch.0 as i64, debt.node, debt.lane],
    )?;
    Ok(())
}
