//! Move requests with their history, orders that were done, and items that are not at the target (R80, R81).

use mailferry_rules::ids::{ContainerName, MailboxId, Sequence};
use mailferry_rules::moves::{Failure, Part, Priority, Progress, Request, Spent, State, Wishes};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{container, outbound, token};
use crate::model::{Skipped, Token};
use crate::state::statements::Statements;

/// Lines of history that are kept of a mailbox.
const HISTORY_MAX: i64 = 500;

/// A request as it stands in the ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    pub mailbox: MailboxId,
    /// Of the order that made it.
    pub id: String,
    pub batch: String,
    pub comment: String,
    pub request: Request,
    /// The other half of its user's mail, where the two are moved as one (R76).
    pub tie: Option<Tie>,
}

/// What ties a request to the other part.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tie {
    pub partner: MailboxId,
    /// Which part this request is.
    pub part: Part,
}

const REQUEST: &str = "mailbox, id, batch, comment, state, since_ms, spent, created_ms, started_ms, ready_ms, packed_ms, synced_ms, retries, again_ms, failure, message, priority, suspend_when_ready, prevent_completion, start_after_ms, complete_after_ms, interval_ms, bad_items_max, large_items_max, accept_large_data_loss";
/// With what ties it to another.
const TIED: &str = "move_request LEFT JOIN move_tie USING (mailbox)";

pub fn all(db: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut query = db.prepare_cached(&format!("SELECT {REQUEST}, partner, part FROM {TIED} ORDER BY mailbox"))?;
    let rows = query.query_map([], kept)?;
    rows.collect()
}

pub fn of(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<Kept>> {
    db.prepare_cached(&format!("SELECT {REQUEST}, partner, part FROM {TIED} WHERE mailbox = ?1"))?.query_row([mailbox.0], kept).optional()
}

/// How a mailbox is tied to another that is tied to it, whether or not there are requests.
pub fn tie_of(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<Tie>> {
    let sql = "SELECT own.partner, own.part FROM move_tie own JOIN move_tie back ON back.mailbox = own.partner
               WHERE own.mailbox = ?1 AND back.partner = own.mailbox";
    db.prepare_cached(sql)?.query_row([mailbox.0], |row| tie(row, 0)).optional()
}

fn tie(row: &Row<'_>, at: usize) -> rusqlite::Result<Tie> {
    Ok(Tie { partner: MailboxId(row.get(at)?), part: named(row, at + 1, Part::named)? })
}

/// Ties a mailbox to another, or to none.
pub fn set_tie(db: &Connection, mailbox: MailboxId, tie: Option<Tie>) -> rusqlite::Result<()> {
    match tie {
        Some(Tie { partner, part }) => {
            let row = params![mailbox.0, partner.0, part.name()];
            db.run("INSERT OR REPLACE INTO move_tie (mailbox, partner, part) VALUES (?1, ?2, ?3)", row)?
        }
        None => db.run("DELETE FROM move_tie WHERE mailbox = ?1", [mailbox.0])?,
    };
    Ok(())
}

fn kept(row: &Row<'_>) -> rusqlite::Result<Kept> {
    let number = |at: usize| row.get::<_, i64>(at).map(|value| value as u64);
    let failure: Option<String> = row.get(14)?;
    let wishes = Wishes {
        priority: named(row, 16, Priority::named)?,
        suspend_when_ready: row.get(17)?,
        prevent_completion: row.get(18)?,
        start_after_ms: number(19)?,
        complete_after_ms: number(20)?,
        interval_ms: number(21)?,
        bad_items_max: number(22)?,
        large_items_max: number(23)?,
        accept_large_data_loss: row.get(24)?,
    };
    let request = Request {
        wishes,
        state: named(row, 4, State::named)?,
        since_ms: number(5)?,
        spent: Spent(named(row, 6, numbers)?),
        created_ms: number(7)?,
        started_ms: number(8)?,
        ready_ms: number(9)?,
        packed_ms: number(10)?,
        synced_ms: number(11)?,
        retries: number(12)?,
        again_ms: number(13)?,
        failure: failure.as_deref().and_then(Failure::named),
        message: row.get(15)?,
    };
    let is_tied = row.get::<_, Option<[u8; 16]>>(25)?.is_some();
    let tie = if is_tied { Some(tie(row, 25)?) } else { None };
    Ok(Kept { mailbox: MailboxId(row.get(0)?), id: row.get(1)?, batch: row.get(2)?, comment: row.get(3)?, request, tie })
}

/// Reads a text column that holds the name of something.
fn named<T>(row: &Row<'_>, at: usize, read: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text: String = row.get(at)?;
    read(&text).ok_or_else(|| rusqlite::Error::InvalidColumnType(at, text, rusqlite::types::Type::Text))
}

fn numbers<const N: usize>(text: &str) -> Option<[u64; N]> {
    let numbers: Option<Vec<u64>> = text.split(' ').map(|word| word.parse().ok()).collect();
    numbers?.try_into().ok()
}

pub fn put(db: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    let Kept { mailbox, id, batch, comment, request, tie: _ } = kept;
    let Request { wishes, state, spent, failure, message, .. } = request;
    let spent = spent.0.map(|ms| ms.to_string()).join(" ");
    // SQLite's numbers end earlier: what is as good as unlimited stays so.
    let number = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    db.run(
        &format!(
            "INSERT OR REPLACE INTO move_request ({REQUEST}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)"
        ),
        params![
            mailbox.0,
            id,
            batch,
            comment,
            state.name(),
            number(request.since_ms),
            spent,
            number(request.created_ms),
            number(request.started_ms),
            number(request.ready_ms),
            number(request.packed_ms),
            number(request.synced_ms),
            number(request.retries),
            number(request.again_ms),
            failure.map(Failure::name),
            message,
            wishes.priority.name(),
            wishes.suspend_when_ready,
            wishes.prevent_completion,
            number(wishes.start_after_ms),
            number(wishes.complete_after_ms),
            number(wishes.interval_ms),
            number(wishes.bad_items_max),
            number(wishes.large_items_max),
            wishes.accept_large_data_loss,
        ],
    )?;
    Ok(())
}

pub fn remove(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("DELETE FROM move_request WHERE mailbox = ?1", [mailbox.0])?;
    Ok(())
}

/// What was packed last did not arrive as it was sent: another pass is due.
pub fn pack_again(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("UPDATE move_request SET packed_ms = 0 WHERE mailbox = ?1", [mailbox.0])?;
    super::switch::ask_again(db, mailbox)
}

/// What the limits of a request are held against.
pub fn progress(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Progress> {
    let (bad_items, large_items) = skipped_count(db, mailbox)?;
    let archived = archived(db, mailbox)?.len() as u64;
    Ok(Progress { unanswered: outbound::unanswered_count(db, mailbox)?, archived, bad_items, large_items })
}

/// Containers that the target has given up.
pub fn archived(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<ContainerName>> {
    let mut query =
        db.prepare_cached("SELECT mailbox, seq, epoch FROM published WHERE mailbox = ?1 AND outcome = 3 ORDER BY seq, epoch")?;
    let rows = query.query_map([mailbox.0], |row| container(row, 0))?;
    rows.collect()
}

/// A line of the history.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Line {
    pub request: String,
    pub at_ms: u64,
    pub what: String,
}

pub fn note(db: &Connection, kept: &Kept, now_ms: u64, what: &str) -> rusqlite::Result<()> {
    let number: i64 =
        db.row("SELECT coalesce(max(number), 0) + 1 FROM move_history WHERE mailbox = ?1", [kept.mailbox.0], |row| row.get(0))?;
    db.run(
        "INSERT INTO move_history (mailbox, number, request, at_ms, what) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![kept.mailbox.0, number, kept.id, now_ms as i64, what],
    )?;
    db.run("DELETE FROM move_history WHERE mailbox = ?1 AND number <= ?2", params![kept.mailbox.0, number - HISTORY_MAX])?;
    Ok(())
}

/// Newest first.
pub fn history(db: &Connection, mailbox: MailboxId, limit: usize) -> rusqlite::Result<Vec<Line>> {
    let mut query = db.prepare_cached("SELECT request, at_ms, what FROM move_history WHERE mailbox = ?1 ORDER BY number DESC LIMIT ?2")?;
    let rows = query.query_map(params![mailbox.0, limit as i64], |row| {
        Ok(Line { request: row.get(0)?, at_ms: row.get::<_, i64>(1)? as u64, what: row.get(2)? })
    })?;
    rows.collect()
}

/// Of the requests of a mailbox, only the newest so many keep their history.
pub fn forget_old(db: &Connection, mailbox: MailboxId, requests: u64) -> rusqlite::Result<()> {
    db.run(
        "DELETE FROM move_history WHERE mailbox = ?1 AND request NOT IN
         (SELECT request FROM move_history WHERE mailbox = ?1 GROUP BY request ORDER BY max(number) DESC LIMIT ?2)",
        params![mailbox.0, requests as i64],
    )?;
    Ok(())
}

/// An order that was done, or refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Done {
    pub id: String,
    pub mailbox: MailboxId,
    pub what: String,
    pub issued_ms: u64,
    pub done_ms: u64,
    /// Why it was not done.
    pub refused: Option<String>,
}

pub fn is_done(db: &Connection, order: &str) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM move_order WHERE id = ?1")?.exists([order])
}

pub fn done(db: &Connection, order: &Done) -> rusqlite::Result<()> {
    let Done { id, mailbox, what, issued_ms, done_ms, refused } = order;
    db.run(
        "INSERT INTO move_order (id, mailbox, what, issued_ms, done_ms, refused) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![id, mailbox.0, what, *issued_ms as i64, *done_ms as i64, refused],
    )?;
    Ok(())
}

/// The newest orders, newest first.
pub fn orders(db: &Connection, limit: usize) -> rusqlite::Result<Vec<Done>> {
    let mut query = db.prepare_cached(
        "SELECT id, mailbox, what, issued_ms, done_ms, refused FROM move_order ORDER BY done_ms DESC, issued_ms DESC, id LIMIT ?1",
    )?;
    let rows = query.query_map([limit as i64], |row| {
        let number = |at: usize| row.get::<_, i64>(at).map(|value| value as u64);
        Ok(Done {
            id: row.get(0)?,
            mailbox: MailboxId(row.get(1)?),
            what: row.get(2)?,
            issued_ms: number(3)?,
            done_ms: number(4)?,
            refused: row.get(5)?,
        })
    })?;
    rows.collect()
}

/// A newer order to one of these mailboxes that was done, and not refused.
pub fn newer_than(db: &Connection, mailbox: MailboxId, issued_ms: u64) -> rusqlite::Result<Option<String>> {
    let sql = "SELECT what FROM move_order WHERE mailbox = ?1 AND issued_ms > ?2 AND refused IS NULL ORDER BY issued_ms DESC LIMIT 1";
    db.prepare_cached(sql)?.query_row(params![mailbox.0, issued_ms as i64], |row| row.get(0)).optional()
}

/// Orders so old that their files would be refused for their age.
pub fn forget_orders(db: &Connection, before_ms: u64) -> rusqlite::Result<()> {
    db.run("DELETE FROM move_order WHERE done_ms < ?1 AND issued_ms < ?1", [before_ms as i64])?;
    Ok(())
}

/// An item that is not at the target.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotThere {
    pub token: Token,
    pub kind: Kind,
    pub reason: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Bad = 0,
    Large = 1,
    /// It cannot be read at the source.
    Unreadable = 2,
}

/// The target has applied container `sequence`: of what it carried, these items are not there, and the others are.
pub fn applied(db: &Connection, mailbox: MailboxId, sequence: Sequence, skipped: &[Skipped], now_ms: u64) -> rusqlite::Result<()> {
    db.run(
        "DELETE FROM skipped WHERE mailbox = ?1 AND kind <> 2 AND EXISTS
         (SELECT 1 FROM source_item WHERE source_item.mailbox = ?1 AND source_item.token = skipped.token AND body_seq = ?2)",
        params![mailbox.0, sequence.0 as i64],
    )?;
    skipped.iter().try_for_each(|item| {
        let kind = if item.is_too_large() { Kind::Large } else { Kind::Bad };
        record(db, mailbox, &NotThere { token: item.token, kind, reason: item.reason.clone() }, now_ms)
    })
}

/// Items that the last pass could not read, as they are now; answers whether they are others than before.
pub fn unreadable(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<NotThere>> {
    Ok(not_there(db, mailbox, usize::MAX >> 1)?.into_iter().filter(|item| item.kind == Kind::Unreadable).collect())
}

pub fn set_unreadable(db: &Connection, mailbox: MailboxId, items: &[NotThere], now_ms: u64) -> rusqlite::Result<()> {
    db.run("DELETE FROM skipped WHERE mailbox = ?1 AND kind = 2", [mailbox.0])?;
    items.iter().try_for_each(|item| record(db, mailbox, item, now_ms))
}

fn record(db: &Connection, mailbox: MailboxId, item: &NotThere, now_ms: u64) -> rusqlite::Result<()> {
    db.run(
        "INSERT OR REPLACE INTO skipped (mailbox, token, kind, reason, since_ms) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![mailbox.0, item.token.0, item.kind as i64, item.reason, now_ms as i64],
    )?;
    Ok(())
}

/// An item that its user has deleted meanwhile is missed by nobody.
const THERE: &str = "(kind = 2 OR EXISTS (SELECT 1 FROM source_item WHERE source_item.mailbox = ?1 AND source_item.token = skipped.token))";

/// Corrupt and missing items, and those that are too large.
pub fn skipped_count(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<(u64, u64)> {
    db.row(
        &format!("SELECT coalesce(sum(kind <> 1), 0), coalesce(sum(kind = 1), 0) FROM skipped WHERE mailbox = ?1 AND {THERE}"),
        [mailbox.0],
        |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64)),
    )
}

/// What the target has refused, and the source still has.
pub fn refused(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Vec<Token>> {
    let mut query = db.prepare_cached(&format!("SELECT token FROM skipped WHERE mailbox = ?1 AND kind <> 2 AND {THERE} ORDER BY token"))?;
    query.query_map([mailbox.0], |row| token(row, 0))?.collect()
}

/// In the order of their tokens.
pub fn not_there(db: &Connection, mailbox: MailboxId, limit: usize) -> rusqlite::Result<Vec<NotThere>> {
    let mut query =
        db.prepare_cached(&format!("SELECT token, kind, reason FROM skipped WHERE mailbox = ?1 AND {THERE} ORDER BY token LIMIT ?2"))?;
    let rows = query.query_map(params![mailbox.0, limit as i64], |row| {
        let kind = match row.get::<_, i64>(1)? {
            1 => Kind::Large,
            2 => Kind::Unreadable,
            _ => Kind::Bad,
        };
        Ok(NotThere { token: token(row, 0)?, kind, reason: row.get(2)? })
    })?;
    rows.collect()
}
