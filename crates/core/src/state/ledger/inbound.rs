//! The incoming chain: what has been taken from IN, what is being tried, which receipts are still to be sent.

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use mailferry_rules::import::{Arrival, Position, advance};
use rusqlite::{Connection, OptionalExtension, params};

use super::{container, digest, from_json, to_json};
use crate::model::{Digest, Outcome, Receipt, Skipped, Token};
use crate::state::statements::Statements;

pub(super) fn outcome_number(outcome: Outcome) -> i64 {
    match outcome {
        Outcome::Applied => 1,
        Outcome::Damaged => 2,
        Outcome::Archived => 3,
        Outcome::Refused => 4,
    }
}

pub(super) fn outcome_from(number: i64) -> Option<Outcome> {
    [Outcome::Applied, Outcome::Damaged, Outcome::Archived, Outcome::Refused].into_iter().find(|outcome| outcome_number(*outcome) == number)
}

pub fn position(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Position> {
    let row = db
        .prepare_cached("SELECT last_seq, newest_epoch, base FROM inbound WHERE mailbox = ?1")?
        .query_row([mailbox.0], |row| {
            let number = |at: usize| row.get::<_, i64>(at).map(|value| value as u64);
            Ok(Position { last: Sequence(number(0)?), epoch: Epoch(number(1)?), base: Sequence(number(2)?) })
        })
        .optional()?;
    Ok(row.unwrap_or_default())
}

pub fn is_taken(db: &Connection, name: &ContainerName) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM taken WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3")?.exists(params![
        name.mailbox.0,
        name.sequence.0 as i64,
        name.epoch.0 as i64
    ])
}

/// Whether a container of the same sequence and another epoch was taken and not refused.
pub fn has_rival(db: &Connection, name: &ContainerName) -> rusqlite::Result<bool> {
    let which = params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, outcome_number(Outcome::Refused)];
    db.prepare_cached("SELECT 1 FROM taken WHERE mailbox = ?1 AND seq = ?2 AND epoch <> ?3 AND outcome <> ?4")?.exists(which)
}

/// Takes a container: its receipt and the new position of the chain (R43). The attempt is over.
/// `answer`: whether a receipt goes back to the other side.
pub fn take(db: &Connection, receipt: &Receipt, arrival: Arrival, answer: bool, now_ms: u64) -> rusqlite::Result<()> {
    let name = &receipt.container;
    let position = advance(position(db, name.mailbox)?, arrival);
    db.run(
        "INSERT INTO inbound (mailbox, last_seq, newest_epoch, base, applied, already, found, taken_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (mailbox) DO UPDATE SET last_seq = ?2, newest_epoch = ?3, base = ?4,
         applied = applied + ?5, already = already + ?6, found = found + ?7, taken_ms = ?8",
        params![
            name.mailbox.0,
            position.last.0 as i64,
            position.epoch.0 as i64,
            position.base.0 as i64,
            receipt.applied as i64,
            receipt.already as i64,
            receipt.found as i64,
            now_ms as i64,
        ],
    )?;
    let skipped: Vec<(String, &str)> = receipt.skipped.iter().map(|skip| (skip.token.to_string(), skip.reason.as_str())).collect();
    db.run(
        "INSERT OR REPLACE INTO taken (mailbox, seq, epoch, digest, outcome, applied, already, found, skipped, taken_ms, receipt_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            name.mailbox.0,
            name.sequence.0 as i64,
            name.epoch.0 as i64,
            receipt.digest.0,
            outcome_number(receipt.outcome),
            receipt.applied as i64,
            receipt.already as i64,
            receipt.found as i64,
            to_json(&skipped)?,
            now_ms as i64,
            if answer { 0 } else { -1 },
        ],
    )?;
    end_attempt(db, name)
}

/// Receipts of a mailbox that have not been sent back, oldest first.
pub fn receipts_to_send(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<Receipt>> {
    let mut query = db.prepare_cached(
        "SELECT mailbox, seq, epoch, digest, outcome, applied, already, found, skipped FROM taken
         WHERE mailbox = ?1 AND receipt_seq = 0 ORDER BY taken_ms, seq, epoch",
    )?;
    let rows = query.query_map([mailbox.0], receipt)?;
    rows.collect()
}

/// Containers that were damaged or given up, for `status` and the operator.
pub fn taken_badly(db: &Connection, limit: usize) -> rusqlite::Result<Vec<(ContainerName, Outcome)>> {
    // An index holds these rows alone: they are few.
    let mut query =
        db.prepare_cached("SELECT mailbox, seq, epoch, outcome FROM taken WHERE outcome > 1 ORDER BY mailbox, seq, epoch LIMIT ?1")?;
    let rows = query.query_map([limit as i64], |row| {
        let outcome: i64 = row.get(3)?;
        Ok((container(row, 0)?, outcome_from(outcome).ok_or(rusqlite::Error::IntegralValueOutOfRange(3, outcome))?))
    })?;
    rows.collect()
}

fn receipt(row: &rusqlite::Row<'_>) -> rusqlite::Result<Receipt> {
    let number = |at: usize| row.get::<_, i64>(at);
    let outcome = number(4)?;
    let skipped: Vec<(String, String)> = from_json(row, 8)?;
    let skipped = skipped.into_iter().filter_map(|(token, reason)| Some(Skipped { token: token.parse::<Token>().ok()?, reason }));
    Ok(Receipt {
        container: container(row, 0)?,
        digest: digest(row, 3)?,
        outcome: outcome_from(outcome).ok_or(rusqlite::Error::IntegralValueOutOfRange(4, outcome))?,
        applied: number(5)? as u64,
        already: number(6)? as u64,
        found: number(7)? as u64,
        skipped: skipped.collect(),
    })
}

/// The receipt of `name` went out in container `sequence` of the way back.
pub fn receipt_sent(db: &Connection, name: &ContainerName, sequence: Sequence) -> rusqlite::Result<()> {
    db.run(
        "UPDATE taken SET receipt_seq = ?4 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, sequence.0 as i64],
    )?;
    Ok(())
}

/// The container that carried these receipts arrived damaged: they go again in another.
pub fn send_receipts_again(db: &Connection, mailbox: MailboxId, sequence: Sequence) -> rusqlite::Result<()> {
    db.run("UPDATE taken SET receipt_seq = 0 WHERE mailbox = ?1 AND receipt_seq = ?2", params![mailbox.0, sequence.0 as i64])?;
    db.run("UPDATE wanted SET seq = 0 WHERE mailbox = ?1 AND seq = ?2", params![mailbox.0, sequence.0 as i64])?;
    let which = params![mailbox.0, sequence.0 as i64];
    db.run("UPDATE confirmation SET receipt_seq = 0 WHERE mailbox = ?1 AND receipt_seq = ?2", which)?;
    Ok(())
}

/// The source has no answer to this container: where it was taken, its receipt goes again.
pub fn send_receipt_again(db: &Connection, name: &ContainerName) -> rusqlite::Result<()> {
    db.run(
        "UPDATE taken SET receipt_seq = 0 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64],
    )?;
    Ok(())
}

/// Digest of a container as it was taken.
pub fn taken(db: &Connection, name: &ContainerName) -> rusqlite::Result<Option<Digest>> {
    db.prepare_cached("SELECT digest FROM taken WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3")?
        .query_row(params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64], |row| digest(row, 0))
        .optional()
}

/// When a container was taken, the time of its receipt; `None` when it was not.
pub fn taken_at(db: &Connection, name: &ContainerName) -> rusqlite::Result<Option<u64>> {
    db.prepare_cached("SELECT taken_ms FROM taken WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3")?
        .query_row(params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64], |row| row.get::<_, i64>(0))
        .optional()
        .map(|taken_ms| taken_ms.map(|taken_ms| taken_ms as u64))
}

/// A container that is kept was applied once more: what it holds counts as committed now.
pub fn taken_again(db: &Connection, name: &ContainerName, now_ms: u64) -> rusqlite::Result<()> {
    db.run(
        "UPDATE taken SET taken_ms = ?4 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, now_ms as i64],
    )?;
    Ok(())
}

/// What became of a container; `None` when it was not taken.
pub fn outcome(db: &Connection, name: &ContainerName) -> rusqlite::Result<Option<Outcome>> {
    let number = db
        .prepare_cached("SELECT outcome FROM taken WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3")?
        .query_row(params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64], |row| row.get(0))
        .optional()?;
    Ok(number.and_then(outcome_from))
}

/// Applied once more, a container could not bring these any more: its receipt says so, and goes again.
pub fn skipped_again(db: &Connection, name: &ContainerName, skipped: &[Skipped]) -> rusqlite::Result<()> {
    let skipped: Vec<(String, &str)> = skipped.iter().map(|skip| (skip.token.to_string(), skip.reason.as_str())).collect();
    db.run(
        "UPDATE taken SET skipped = ?4, receipt_seq = 0 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, to_json(&skipped)?],
    )?;
    Ok(())
}

/// Mailboxes that have receipts, wishes or a verdict to send.
pub fn mailboxes_to_answer(db: &Connection) -> rusqlite::Result<Vec<MailboxId>> {
    let mut query = db.prepare_cached(
        "SELECT mailbox FROM taken WHERE receipt_seq = 0 UNION SELECT mailbox FROM wanted WHERE seq = 0
         UNION SELECT mailbox FROM confirmation WHERE receipt_seq = 0 AND verdict IS NOT NULL ORDER BY mailbox",
    )?;
    let rows = query.query_map([], |row| Ok(MailboxId(row.get(0)?)))?;
    rows.collect()
}

/// A container whose import has begun.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attempt {
    pub name: ContainerName,
    pub begun_ms: u64,
    pub failures: u64,
    pub last_error: String,
}

pub fn attempt(db: &Connection, name: &ContainerName) -> rusqlite::Result<Option<Attempt>> {
    db.prepare_cached("SELECT begun_ms, failures, last_error FROM attempt WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3")?
        .query_row(params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64], |row| {
            Ok(Attempt {
                name: *name,
                begun_ms: row.get::<_, i64>(0)? as u64,
                failures: row.get::<_, i64>(1)? as u64,
                last_error: row.get(2)?,
            })
        })
        .optional()
}

/// The intent of R42: written before the first append of a container.
pub fn begin_attempt(db: &Connection, name: &ContainerName, now_ms: u64) -> rusqlite::Result<()> {
    db.run(
        "INSERT OR IGNORE INTO attempt (mailbox, seq, epoch, begun_ms, failures, last_error) VALUES (?1, ?2, ?3, ?4, 0, '')",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, now_ms as i64],
    )?;
    Ok(())
}

/// Counts a failure of the container itself (R44).
pub fn attempt_failed(db: &Connection, name: &ContainerName, error: &str, now_ms: u64) -> rusqlite::Result<()> {
    begin_attempt(db, name, now_ms)?;
    db.run(
        "UPDATE attempt SET failures = failures + 1, last_error = ?4 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, error],
    )?;
    Ok(())
}

fn end_attempt(db: &Connection, name: &ContainerName) -> rusqlite::Result<()> {
    let which = (name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64);
    db.run("DELETE FROM attempt WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3", which)?;
    db.run("DELETE FROM local_intent WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3", which)?;
    Ok(())
}

/// A token and a digest.
const INTENT_BYTES: usize = 16 + 32;

/// What a container brings to a store that keeps no tokens: noted before the first append, on this node alone.
pub fn intend(db: &Connection, name: &ContainerName, items: &[(Token, Digest)]) -> rusqlite::Result<()> {
    let items: Vec<u8> = items.iter().flat_map(|(token, digest)| token.0.into_iter().chain(digest.0)).collect();
    db.run(
        "INSERT OR IGNORE INTO local_intent (mailbox, seq, epoch, items) VALUES (?1, ?2, ?3, ?4)",
        params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64, items],
    )?;
    Ok(())
}

/// What was noted of a container whose import has begun here.
pub fn intended(db: &Connection, name: &ContainerName) -> rusqlite::Result<Option<Vec<(Token, Digest)>>> {
    let items: Option<Vec<u8>> = db
        .prepare_cached("SELECT items FROM local_intent WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3")?
        .query_row(params![name.mailbox.0, name.sequence.0 as i64, name.epoch.0 as i64], |row| row.get(0))
        .optional()?;
    let item = |bytes: &[u8]| {
        let (token, digest) = bytes.split_first_chunk()?;
        Some((Token(*token), Digest(digest.try_into().ok()?)))
    };
    Ok(items.map(|items| items.chunks(INTENT_BYTES).filter_map(item).collect()))
}

const OLD_INTENTS: &str = "EXISTS (SELECT 1 FROM taken WHERE taken.mailbox = local_intent.mailbox AND taken.seq = local_intent.seq AND taken.epoch = local_intent.epoch)";

/// Whether there are notes of containers that have been taken.
pub fn has_old_intents(db: &Connection) -> rusqlite::Result<bool> {
    db.prepare_cached(&format!("SELECT 1 FROM local_intent WHERE {OLD_INTENTS}"))?.exists([])
}

pub fn forget_old_intents(db: &Connection) -> rusqlite::Result<()> {
    db.run(&format!("DELETE FROM local_intent WHERE {OLD_INTENTS}"), [])?;
    Ok(())
}
