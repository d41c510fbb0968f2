//! The log: numbered change sets, chained by digest, and the local tables that keep them. Everything here runs inside a transaction
//! of `Database`.

use mailferry_changeset::Tables;
use mailferry_rules::ids::Epoch;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};

use super::statements::Statements;
use super::{Beginning, Lineage, Position, StateError, lineage::BEGINNINGS_MAX};
use crate::model::Digest;

/// One transaction of the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChangeSet {
    pub lsn: u64,
    /// Chain digest up to and with this change set.
    pub digest: Digest,
    /// When its writer committed it; 0: not known.
    pub committed_ms: u64,
    pub changes: Vec<u8>,
}

/// The change sets kept for the standbys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Outbox {
    pub sets: u64,
    pub bytes: u64,
    /// Number of the oldest one.
    pub first: Option<u64>,
}

/// About the last change set: when its writer committed it, when this node replayed it. 0: not known, or not replayed but written here.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Times {
    pub committed_ms: u64,
    pub replayed_ms: u64,
}

/// What lies in the outbox behind a change set.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tail {
    pub bytes: u64,
    /// Commit time of the oldest one; 0: not known.
    pub oldest_ms: u64,
}

/// What a standby was last seen to hold durably.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Replica {
    pub node: String,
    pub epoch: Epoch,
    pub lsn: u64,
    /// When it was brought there.
    pub seen_ms: u64,
}

/// The chain: each digest covers the one before, so equal digests mean equal histories.
pub fn chained(previous: &Digest, epoch: Epoch, lsn: u64, changes: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&previous.0).update(&epoch.0.to_le_bytes()).update(&lsn.to_le_bytes()).update(changes);
    Digest(*hasher.finalize().as_bytes())
}

/// SQLite's integers are signed; numbers that count from 1 never get there.
pub fn sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|value| u64::try_from(value).unwrap_or(0))
}

fn digest(row: &Row<'_>, column: usize) -> rusqlite::Result<Digest> {
    row.get::<_, [u8; 32]>(column).map(Digest)
}

pub fn position(connection: &Connection) -> Result<Position, StateError> {
    Ok(connection.row("SELECT epoch, lsn, digest FROM local_log", [], |row| {
        Ok(Position { epoch: Epoch(number(row, 0)?), lsn: number(row, 1)?, digest: digest(row, 2)? })
    })?)
}

pub fn is_writer(connection: &Connection) -> Result<bool, StateError> {
    Ok(connection.row("SELECT writer FROM local_log", [], |row| row.get(0))?)
}

pub fn wants(connection: &Connection) -> Result<Option<String>, StateError> {
    Ok(connection.row("SELECT wants FROM local_log", [], |row| row.get(0))?)
}

pub fn want(transaction: &Transaction<'_>, why: &str) -> Result<(), StateError> {
    transaction.run("UPDATE local_log SET wants = ?1", [why])?;
    Ok(())
}

pub fn begin_epoch(transaction: &Transaction<'_>, epoch: Epoch) -> Result<(), StateError> {
    let here = position(transaction)?;
    if epoch == here.epoch && is_writer(transaction)? {
        return Ok(());
    }
    if epoch <= here.epoch || sql(epoch.0) == i64::MAX {
        return Err(StateError::StaleEpoch { epoch, seen: here.epoch });
    }
    transaction.run("UPDATE local_log SET epoch = ?1, writer = 1, wants = NULL", [sql(epoch.0)])?;
    empty_outbox(transaction)?;
    remember(transaction, &[Beginning { epoch, base: here.lsn }])
}

fn remember(transaction: &Transaction<'_>, beginnings: &[Beginning]) -> Result<(), StateError> {
    let mut insert = transaction.prepare_cached("INSERT OR REPLACE INTO local_lineage VALUES (?1, ?2)")?;
    for beginning in beginnings {
        insert.execute([sql(beginning.epoch.0), sql(beginning.base)])?;
    }
    let forget = "DELETE FROM local_lineage WHERE epoch NOT IN (SELECT epoch FROM local_lineage ORDER BY epoch DESC LIMIT ?1)";
    transaction.run(forget, [sql(BEGINNINGS_MAX as u64)])?;
    Ok(())
}

pub fn lineage(connection: &Connection) -> Result<Lineage, StateError> {
    let mut statement = connection.prepare_cached("SELECT epoch, base FROM local_lineage ORDER BY epoch")?;
    let beginnings = statement.query_map([], |row| Ok(Beginning { epoch: Epoch(number(row, 0)?), base: number(row, 1)? }))?;
    Ok(Lineage { beginnings: beginnings.collect::<Result<_, _>>()?, lsn: position(connection)?.lsn })
}

/// Gives a recorded change set its place in the log.
pub fn append(transaction: &Transaction<'_>, changes: &[u8], bytes_max: u64, now_ms: u64) -> Result<(), StateError> {
    let here = position(transaction)?;
    if !is_writer(transaction)? {
        return Err(StateError::Standby(here.epoch));
    }
    let lsn = here.lsn + 1;
    let digest = chained(&here.digest, here.epoch, lsn, changes);
    let insert = "INSERT INTO local_outbox (lsn, digest, changes, committed_ms) VALUES (?1, ?2, ?3, ?4)";
    transaction.run(insert, params![sql(lsn), digest.0, changes, sql(now_ms)])?;
    let update = "UPDATE local_log SET lsn = ?1, digest = ?2, outbox_bytes = outbox_bytes + ?3, committed_ms = ?4, replayed_ms = 0
                  RETURNING outbox_bytes";
    let values = params![sql(lsn), digest.0, sql(changes.len() as u64), sql(now_ms)];
    let bytes: i64 = transaction.row(update, values, |row| row.get(0))?;
    if bytes > sql(bytes_max) { shrink(transaction, bytes - sql(bytes_max)) } else { Ok(()) }
}

/// Drops the oldest change sets; a standby that still misses them gets a snapshot.
fn shrink(transaction: &Transaction<'_>, mut surplus: i64) -> Result<(), StateError> {
    while surplus > 0 {
        let sql = "DELETE FROM local_outbox WHERE lsn = (SELECT min(lsn) FROM local_outbox) RETURNING length(changes)";
        let Some(freed) = transaction.row(sql, [], |row| row.get::<_, i64>(0)).optional()? else { break };
        surplus -= freed;
        transaction.run("UPDATE local_log SET outbox_bytes = outbox_bytes - ?1", [freed])?;
    }
    Ok(())
}

fn empty_outbox(transaction: &Transaction<'_>) -> Result<(), StateError> {
    transaction.run("DELETE FROM local_outbox", [])?;
    transaction.run("UPDATE local_log SET outbox_bytes = 0", [])?;
    Ok(())
}

/// The outbox has no hole up to the last change set: nothing is counted row by row.
pub fn outbox(connection: &Connection) -> Result<Outbox, StateError> {
    let first: Option<i64> = connection.row("SELECT min(lsn) FROM local_outbox", [], |row| row.get(0))?;
    let first = first.and_then(|lsn| u64::try_from(lsn).ok());
    let (lsn, bytes) = connection.row("SELECT lsn, outbox_bytes FROM local_log", [], |row| Ok((number(row, 0)?, number(row, 1)?)))?;
    Ok(Outbox { sets: first.map_or(0, |first| lsn + 1 - first), bytes, first })
}

/// What a standby that holds the log up to `after` does not have.
pub fn tail(connection: &Connection, after: u64) -> Result<Tail, StateError> {
    let oldest = connection
        .row("SELECT committed_ms FROM local_outbox WHERE lsn > ?1 ORDER BY lsn LIMIT 1", [sql(after)], |row| number(row, 0))
        .optional()?;
    let outbox = outbox(connection)?;
    let bytes = match (oldest, outbox.first) {
        (None, _) => 0,
        (_, Some(first)) if first == after + 1 => outbox.bytes,
        _ => connection.row("SELECT sum(length(changes)) FROM local_outbox WHERE lsn > ?1", [sql(after)], |row| number(row, 0))?,
    };
    Ok(Tail { bytes, oldest_ms: oldest.unwrap_or(0) })
}

pub fn times(connection: &Connection) -> Result<Times, StateError> {
    Ok(connection.row("SELECT committed_ms, replayed_ms FROM local_log", [], |row| {
        Ok(Times { committed_ms: number(row, 0)?, replayed_ms: number(row, 1)? })
    })?)
}

pub fn changes(connection: &Connection, after: u64, up_to: u64, bytes: u64) -> Result<Vec<ChangeSet>, StateError> {
    let select = "SELECT lsn, digest, changes, committed_ms FROM local_outbox WHERE lsn > ?1 AND lsn <= ?2 ORDER BY lsn";
    let mut statement = connection.prepare_cached(select)?;
    let mut rows = statement.query([sql(after), sql(up_to)])?;
    let mut sets = Vec::new();
    let mut total = 0u64;
    while let Some(row) = rows.next()? {
        let set = ChangeSet { lsn: number(row, 0)?, digest: digest(row, 1)?, changes: row.get(2)?, committed_ms: number(row, 3)? };
        total += set.changes.len() as u64;
        if total > bytes && !sets.is_empty() {
            break;
        }
        sets.push(set);
    }
    Ok(sets)
}

pub fn digest_at(connection: &Connection, lsn: u64) -> Result<Option<Digest>, StateError> {
    let here = position(connection)?;
    if here.lsn == lsn {
        return Ok(Some(here.digest));
    }
    Ok(connection.row("SELECT digest FROM local_outbox WHERE lsn = ?1", [sql(lsn)], |row| digest(row, 0)).optional()?)
}

pub fn replicas(connection: &Connection) -> Result<Vec<Replica>, StateError> {
    let mut statement = connection.prepare_cached("SELECT node, epoch, lsn, seen_ms FROM local_replica ORDER BY node")?;
    let replicas = statement.query_map([], |row| {
        Ok(Replica { node: row.get(0)?, epoch: Epoch(number(row, 1)?), lsn: number(row, 2)?, seen_ms: number(row, 3)? })
    })?;
    Ok(replicas.collect::<Result<_, _>>()?)
}

pub fn saw_replica(transaction: &Transaction<'_>, replica: &Replica) -> Result<(), StateError> {
    let values = params![replica.node, sql(replica.epoch.0), sql(replica.lsn), sql(replica.seen_ms)];
    transaction.run("INSERT OR REPLACE INTO local_replica (node, epoch, lsn, seen_ms) VALUES (?1, ?2, ?3, ?4)", values)?;
    Ok(())
}

pub fn prune(transaction: &Transaction<'_>, standbys: &[&str]) -> Result<(), StateError> {
    let here = position(transaction)?;
    let seen = replicas(transaction)?;
    for gone in seen.iter().filter(|replica| !standbys.contains(&replica.node.as_str())) {
        transaction.run("DELETE FROM local_replica WHERE node = ?1", [&gone.node])?;
    }
    let held =
        |node: &&str| seen.iter().find(|replica| replica.node == **node && replica.epoch == here.epoch).map_or(0, |replica| replica.lsn);
    let held_by_all = standbys.iter().map(held).min().unwrap_or(here.lsn);
    let sql_text =
        "UPDATE local_log SET outbox_bytes = outbox_bytes - (SELECT coalesce(sum(length(changes)), 0) FROM local_outbox WHERE lsn <= ?1)";
    transaction.run(sql_text, [sql(held_by_all)])?;
    transaction.run("DELETE FROM local_outbox WHERE lsn <= ?1", [sql(held_by_all)])?;
    Ok(())
}

pub fn apply(transaction: &Transaction<'_>, tables: &Tables, epoch: Epoch, sets: &[ChangeSet], now_ms: u64) -> Result<u64, StateError> {
    let here = position(transaction)?;
    if epoch < here.epoch {
        return Err(StateError::StaleEpoch { epoch, seen: here.epoch });
    }
    let mut at = here;
    let mut changes = 0;
    for set in sets {
        if set.lsn != at.lsn + 1 || set.digest != chained(&at.digest, epoch, set.lsn, &set.changes) {
            return Err(StateError::Discontinuous(format!("change set {} does not follow {} of this node", set.lsn, at.lsn)));
        }
        changes += mailferry_changeset::apply(transaction, tables, &set.changes)?.changes;
        at = Position { epoch, lsn: set.lsn, digest: set.digest };
    }
    if epoch > here.epoch {
        remember(transaction, &[Beginning { epoch, base: here.lsn }])?;
    }
    let committed_ms = sets.last().map_or(times(transaction)?.committed_ms, |set| set.committed_ms);
    stand_at(transaction, Position { epoch, ..at }, Times { committed_ms, replayed_ms: now_ms })?;
    Ok(changes)
}

/// The log of a snapshot takes the place of this one.
pub fn restart(transaction: &Transaction<'_>, position: Position, lineage: &Lineage, times: Times) -> Result<(), StateError> {
    transaction.run("DELETE FROM local_lineage", [])?;
    remember(transaction, &lineage.beginnings)?;
    transaction.run("UPDATE local_log SET wants = NULL", [])?;
    stand_at(transaction, position, times)
}

/// A node that applies what another wrote is not the writer any more, and its outbox serves nobody.
fn stand_at(transaction: &Transaction<'_>, position: Position, times: Times) -> Result<(), StateError> {
    empty_outbox(transaction)?;
    let update = "UPDATE local_log SET epoch = ?1, lsn = ?2, digest = ?3, writer = 0, committed_ms = ?4, replayed_ms = ?5";
    let Position { epoch, lsn, digest } = position;
    transaction.run(update, params![sql(epoch.0), sql(lsn), digest.0, sql(times.committed_ms), sql(times.replayed_ms)])?;
    Ok(())
}
