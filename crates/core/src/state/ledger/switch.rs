//! Switches under way at the source, and what the target is asked to confirm (R82).

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use mailferry_rules::moves::{Phase, Switch};
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{container, stamps};
use crate::model::{SwitchId, Token};
use crate::state::statements::Statements;

/// A switch as it stands in the ledger of the source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    pub mailbox: MailboxId,
    pub id: SwitchId,
    pub switch: Switch,
    /// The container that carried the question of its phase.
    pub asked: Option<(Sequence, Epoch)>,
    /// The target's answer to it; `Err`: why not.
    pub verdict: Option<Result<(), String>>,
}

impl Kept {
    /// Another phase has a question of its own, or none.
    pub fn enter(&mut self, phase: Phase) {
        self.switch.phase = phase;
        (self.asked, self.verdict) = (None, None);
    }
}

pub fn of(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<Kept>> {
    db.prepare_cached(
        "SELECT id, phase, locked_ms, why, asked_seq, asked_epoch, verdict, locked_under FROM move_switch WHERE mailbox = ?1",
    )?
    .query_row([mailbox.0], |row| {
        let phase: String = row.get(1)?;
        let phase = Phase::named(&phase).ok_or(rusqlite::Error::InvalidColumnType(1, phase, Type::Text))?;
        let (asked, epoch): (i64, i64) = (row.get(4)?, row.get(5)?);
        Ok(Kept {
            mailbox,
            id: SwitchId(row.get(0)?),
            switch: Switch {
                phase,
                locked_ms: row.get::<_, i64>(2)? as u64,
                locked_under: Epoch(row.get::<_, i64>(7)? as u64),
                why: row.get(3)?,
            },
            asked: (asked != 0).then_some((Sequence(asked as u64), Epoch(epoch as u64))),
            verdict: verdict(row, 6)?,
        })
    })
    .optional()
}

fn verdict(row: &Row<'_>, at: usize) -> rusqlite::Result<Option<Result<(), String>>> {
    let text: Option<String> = row.get(at)?;
    Ok(text.map(|text| if text.is_empty() { Ok(()) } else { Err(text) }))
}

fn text_of(verdict: &Result<(), String>) -> &str {
    match verdict {
        Ok(()) => "",
        Err(why) if why.is_empty() => "no reason was given",
        Err(why) => why,
    }
}

pub fn put(db: &Connection, kept: &Kept) -> rusqlite::Result<()> {
    let Kept { mailbox, id, switch, asked, verdict } = kept;
    db.run(
        "INSERT OR REPLACE INTO move_switch (mailbox, id, phase, locked_ms, why, asked_seq, asked_epoch, verdict, locked_under)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        params![
            mailbox.0,
            id.0,
            switch.phase.name(),
            switch.locked_ms as i64,
            switch.why,
            asked.map_or(0, |(sequence, _)| sequence.0 as i64),
            asked.map_or(0, |(_, epoch)| epoch.0 as i64),
            verdict.as_ref().map(text_of),
            switch.locked_under.0 as i64,
        ],
    )?;
    Ok(())
}

/// Mailboxes with a switch under way.
pub fn all(db: &Connection) -> rusqlite::Result<Vec<MailboxId>> {
    let mut query = db.prepare_cached("SELECT mailbox FROM move_switch ORDER BY mailbox")?;
    query.query_map([], |row| row.get(0).map(MailboxId))?.collect()
}

pub fn end(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("DELETE FROM move_switch WHERE mailbox = ?1", [mailbox.0])?;
    Ok(())
}

/// A container carries the question of a switch; one of another phase, or of a switch that is over, says nothing any more.
pub fn asked(db: &Connection, by: ContainerName, id: SwitchId, last: bool) -> rusqlite::Result<()> {
    match of(db, by.mailbox)?.filter(|kept| kept.id == id && kept.switch.phase.question() == Some(last)) {
        Some(kept) => put(db, &Kept { asked: Some((by.sequence, by.epoch)), verdict: None, ..kept }),
        None => Ok(()),
    }
}

/// The target has answered the question in that container; the answer to another is of the past.
pub fn answered(db: &Connection, question: ContainerName, id: SwitchId, verdict: Result<(), String>) -> rusqlite::Result<()> {
    let asked = Some((question.sequence, question.epoch));
    match of(db, question.mailbox)?.filter(|kept| kept.id == id && kept.asked == asked) {
        Some(kept) => put(db, &Kept { verdict: Some(verdict), ..kept }),
        None => Ok(()),
    }
}

/// Something did not arrive as it was sent, and comes again behind the question: that is put again, behind it.
pub fn ask_again(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<()> {
    db.run("UPDATE move_switch SET asked_seq = 0, asked_epoch = 0, verdict = NULL WHERE mailbox = ?1", [mailbox.0])?;
    Ok(())
}

/// Whether mail of this mailbox may go to the target already.
pub fn is_past_return(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<bool> {
    Ok(of(db, mailbox)?.is_some_and(|kept| kept.switch.phase.is_past_return()))
}

/// A mailbox that is switched is no source any more, with or without its request: what happens to it there, and be it its end, says
/// nothing about the target.
pub fn is_done(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<bool> {
    Ok(of(db, mailbox)?.is_some_and(|kept| kept.switch.phase == Phase::Done))
}

/// Its switch has been taken back (R83).
pub fn undone(db: &Connection, mailbox: MailboxId, now_ms: u64) -> rusqlite::Result<()> {
    let row = params![mailbox.0, now_ms as i64];
    db.run("INSERT OR REPLACE INTO undone (mailbox, undone_ms, looked_at) VALUES (?1, ?2, 0)", row)?;
    // The last pass has sent what was new and nothing else.
    stamps::forget(db, mailbox)
}

/// Whether the switch of this mailbox has once been taken back, and the source been looked at as a whole since.
pub fn is_undone(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<bool>> {
    db.prepare_cached("SELECT looked_at FROM undone WHERE mailbox = ?1")?.query_row([mailbox.0], |row| row.get(0)).optional()
}

/// It has been looked at as a whole, and these were missing.
pub fn looked_at<'a>(db: &Connection, mailbox: MailboxId, missing: impl Iterator<Item = &'a Token>) -> rusqlite::Result<()> {
    for token in missing {
        db.run("INSERT OR REPLACE INTO astray (mailbox, token) VALUES (?1, ?2)", params![mailbox.0, token.0])?;
    }
    db.run("UPDATE undone SET looked_at = 1 WHERE mailbox = ?1", [mailbox.0])?;
    Ok(())
}

/// One of them is there again.
pub fn found(db: &Connection, mailbox: MailboxId, token: &Token) -> rusqlite::Result<()> {
    db.run("DELETE FROM astray WHERE mailbox = ?1 AND token = ?2", params![mailbox.0, token.0])?;
    Ok(())
}

/// What the target is asked to confirm.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// With the question.
    pub container: ContainerName,
    pub id: SwitchId,
    pub last: bool,
    pub asked_ms: u64,
}

pub fn ask(db: &Connection, asked: &Asked) -> rusqlite::Result<()> {
    let Asked { container, id, last, asked_ms } = asked;
    db.run(
        "INSERT OR REPLACE INTO confirmation (mailbox, id, last, seq, epoch, asked_ms, verdict, receipt_seq)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL, 0)",
        params![container.mailbox.0, id.0, last, container.sequence.0 as i64, container.epoch.0 as i64, *asked_ms as i64],
    )?;
    Ok(())
}

/// Questions without a verdict.
pub fn open(db: &Connection) -> rusqlite::Result<Vec<Asked>> {
    let mut query =
        db.prepare_cached("SELECT mailbox, seq, epoch, id, last, asked_ms FROM confirmation WHERE verdict IS NULL ORDER BY mailbox")?;
    let rows = query.query_map([], |row| {
        let (id, asked_ms) = (SwitchId(row.get(3)?), row.get::<_, i64>(5)? as u64);
        Ok(Asked { container: container(row, 0)?, id, last: row.get(4)?, asked_ms })
    })?;
    rows.collect()
}

pub fn decide(db: &Connection, asked: &Asked, verdict: &Result<(), String>) -> rusqlite::Result<()> {
    db.run(
        "UPDATE confirmation SET verdict = ?4, receipt_seq = 0 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3",
        params![asked.container.mailbox.0, asked.container.sequence.0 as i64, asked.container.epoch.0 as i64, text_of(verdict)],
    )?;
    Ok(())
}

/// Whether a source that asked in this time has been told that it may be locked, and has not put its last question yet.
pub fn has_let_begin(db: &Connection, from_ms: u64, until_ms: u64) -> rusqlite::Result<bool> {
    db.prepare_cached("SELECT 1 FROM confirmation WHERE last = 0 AND verdict = '' AND asked_ms BETWEEN ?1 AND ?2")?
        .exists(params![from_ms as i64, until_ms as i64])
}

/// A verdict that has not been sent back: the switch, the container with the question, and why it is refused.
pub fn to_send(db: &Connection, mailbox: MailboxId) -> rusqlite::Result<Option<(SwitchId, ContainerName, Option<String>)>> {
    let sql = "SELECT mailbox, seq, epoch, id, verdict FROM confirmation WHERE mailbox = ?1 AND verdict IS NOT NULL AND receipt_seq = 0";
    db.prepare_cached(sql)?
        .query_row([mailbox.0], |row| Ok((SwitchId(row.get(3)?), container(row, 0)?, verdict(row, 4)?.and_then(Result::err))))
        .optional()
}

/// The verdict on the question in that container went out in container `sequence` of the way back.
pub fn sent(db: &Connection, question: ContainerName, sequence: Sequence) -> rusqlite::Result<()> {
    db.run(
        "UPDATE confirmation SET receipt_seq = ?4 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3",
        params![question.mailbox.0, question.sequence.0 as i64, question.epoch.0 as i64, sequence.0 as i64],
    )?;
    Ok(())
}

/// The source lacks the verdict on the question in that container.
pub fn send_again(db: &Connection, question: &ContainerName) -> rusqlite::Result<()> {
    db.run(
        "UPDATE confirmation SET receipt_seq = 0 WHERE mailbox = ?1 AND seq = ?2 AND epoch = ?3",
        params![question.mailbox.0, question.sequence.0 as i64, question.epoch.0 as i64],
    )?;
    Ok(())
}
