//! Move requests as a report tells of them (R80, R81). They may be ten thousand: what a session always writes down is how many there are of
//! each state. The requests themselves are told when something about them has changed, what became of orders when some have come.

use std::collections::BTreeMap;

use mailferry_rules::ids::MailboxId;
use mailferry_rules::moves::State;
use serde::{Deserialize, Serialize};

use super::agent::{Agent, Mailbox};
use super::telling::Listed;
use crate::state::ledger::moves::{self, Done, Kept, Kind};
use crate::state::ledger::{outbound, source};
use crate::state::{Connection, SqlResult};

/// Of each request, lines of history and items that are not there are listed at most so many, of many requests fewer; and orders in all.
const HISTORY_MAX: usize = 20;
const ITEMS_MAX: usize = 100;
const ORDERS_MAX: usize = 100;
/// In all, or one for each request if those are more.
const DETAILS_MAX: usize = 20_000;
/// Twice what one look takes of orders.
const FATES_MAX: usize = 20_000;

#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Moves {
    pub requests: Vec<MoveReport>,
    /// The last orders, newest first.
    pub orders: Vec<OrderReport>,
}

/// One request. Times are 0 where something has not happened.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MoveReport {
    pub mailbox: String,
    /// Empty: the committed project does not name it.
    pub name: String,
    pub id: String,
    /// `primary` or `archive`, where it is moved together with the other mailbox of its user; empty: by itself.
    pub part: String,
    /// Mailbox and name of the other part.
    pub partner: String,
    pub partner_name: String,
    pub batch: String,
    pub comment: String,
    pub state: String,
    pub detail: String,
    pub stage: String,
    /// Why it fails or is tried again, or which limit keeps it waiting.
    pub message: String,
    pub priority: String,
    pub suspend_when_ready: bool,
    pub prevent_completion: bool,
    pub start_after_ms: u64,
    pub complete_after_ms: u64,
    pub interval_ms: u64,
    pub bad_items_max: u64,
    pub large_items_max: u64,
    pub bad_items: u64,
    pub large_items: u64,
    pub created_ms: u64,
    pub started_ms: u64,
    pub ready_ms: u64,
    pub synced_ms: u64,
    pub state_since_ms: u64,
    pub retries: u64,
    /// Put out, and of these answered.
    pub containers: u64,
    pub containers_answered: u64,
    pub overall_ms: u64,
    /// By state; they add up to `overall_ms`.
    pub durations_ms: BTreeMap<String, u64>,
    /// Newest first.
    pub history: Vec<LineReport>,
    pub not_there: Vec<ItemReport>,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LineReport {
    pub request: String,
    pub at_ms: u64,
    pub what: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ItemReport {
    pub token: String,
    /// `bad`, `large` or `unreadable`.
    pub kind: String,
    pub reason: String,
    /// Where it is at the source, as its server has it; empty, and only named in the reason, where nothing of it was published.
    #[serde(default)]
    pub folder: String,
    #[serde(default)]
    pub key: String,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct OrderReport {
    pub id: String,
    pub mailbox: String,
    pub name: String,
    pub what: String,
    pub issued_ms: u64,
    pub done_ms: u64,
    /// Why it was not done.
    pub refused: Option<String>,
}

/// What became of an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Fate {
    pub id: String,
    /// Why it was not done.
    pub refused: Option<String>,
}

/// What a session has to tell.
#[derive(Default)]
pub(super) struct MovesTold {
    pub by_state: BTreeMap<String, u64>,
    pub changed: Option<Moves>,
    pub fates: Option<Vec<Fate>>,
}

impl Agent {
    /// A database that failed has been told of already; its report is empty.
    pub(super) fn move_report(&mut self, now_ms: u64) -> MovesTold {
        let Ok(moves) = self.db.read(|db| Ok(Moves::read(db, &self.mailboxes, &self.move_holds, now_ms)?)) else {
            return MovesTold::default();
        };
        self.orders_have_come |= self.moves_told.begins_anew(self.epoch.0);
        let mut by_state = BTreeMap::new();
        moves.requests.iter().for_each(|of| *by_state.entry(of.state.clone()).or_default() += 1);
        let fates = std::mem::take(&mut self.orders_have_come).then(|| self.db.read(|db| Ok(moves::orders(db, FATES_MAX)?)));
        let fates = fates.and_then(Result::ok).map(|all| all.into_iter().map(|Done { id, refused, .. }| Fate { id, refused }).collect());
        MovesTold { by_state, changed: self.moves_told.is_news(&moves, now_ms).then_some(moves), fates }
    }
}

impl Listed for Moves {
    fn count(&self) -> usize {
        self.requests.len()
    }

    /// What only the passing of time has changed is no news.
    fn print(&self) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new();
        for of in &self.requests {
            let still = MoveReport { overall_ms: 0, durations_ms: BTreeMap::new(), ..of.clone() };
            hasher.update(format!("{still:?}\n").as_bytes());
        }
        hasher.update(format!("{:?}", self.orders).as_bytes());
        hasher.finalize()
    }
}

impl Moves {
    pub(super) fn read(db: &Connection, mailboxes: &[Mailbox], holds: &BTreeMap<MailboxId, String>, now_ms: u64) -> SqlResult<Self> {
        let names: BTreeMap<MailboxId, &str> = mailboxes.iter().map(|mailbox| (mailbox.id, mailbox.name.as_str())).collect();
        let name = |id: MailboxId| names.get(&id).copied().unwrap_or_default().to_owned();
        let mut reports = Moves::default();
        let all = moves::all(db)?;
        let each = DETAILS_MAX / all.len().max(1);
        for kept in all {
            let mut report = MoveReport::read(db, &kept, now_ms, each.max(1))?;
            report.name = name(kept.mailbox);
            report.partner_name = kept.tie.map(|tie| name(tie.partner)).unwrap_or_default();
            if let Some(hold) = holds.get(&kept.mailbox) {
                report.message = hold.clone();
            }
            reports.requests.push(report);
        }
        reports.requests.sort_by(|a, b| (&a.name, &a.mailbox).cmp(&(&b.name, &b.mailbox)));
        reports.orders = moves::orders(db, ORDERS_MAX)?.into_iter().map(|done| OrderReport::of(name(done.mailbox), done)).collect();
        Ok(reports)
    }
}

impl OrderReport {
    fn of(name: String, done: Done) -> Self {
        let Done { id, mailbox, what, issued_ms, done_ms, refused } = done;
        OrderReport { id, mailbox: mailbox.to_string(), name, what, issued_ms, done_ms, refused }
    }
}

impl MoveReport {
    /// `details`: lines of history, and of items, at most.
    fn read(db: &Connection, kept: &Kept, now_ms: u64, details: usize) -> SqlResult<Self> {
        let Kept { mailbox, id, batch, comment, request, tie } = kept;
        let progress = moves::progress(db, *mailbox)?;
        let containers = outbound::chain(db, *mailbox)?.last.0;
        let line = |line: moves::Line| LineReport { request: line.request, at_ms: line.at_ms, what: line.what };
        let item = |item: moves::NotThere| -> SqlResult<ItemReport> {
            let kind = match item.kind {
                Kind::Bad => "bad",
                Kind::Large => "large",
                Kind::Unreadable => "unreadable",
            };
            let (folder, key) =
                source::place(db, *mailbox, &item.token)?.map_or_else(Default::default, |(path, key)| (path.to_string(), key.text()));
            Ok(ItemReport { token: item.token.to_string(), kind: kind.into(), reason: item.reason, folder, key })
        };
        let spent = State::ALL.into_iter().map(|state| (state.name().to_owned(), request.spent_in(state, now_ms)));
        Ok(MoveReport {
            mailbox: mailbox.to_string(),
            name: String::new(),
            id: id.clone(),
            part: tie.map(|tie| tie.part.name().to_owned()).unwrap_or_default(),
            partner: tie.map(|tie| tie.partner.to_string()).unwrap_or_default(),
            partner_name: String::new(),
            batch: batch.clone(),
            comment: comment.clone(),
            state: request.state.name().into(),
            detail: request.detail(now_ms).name().into(),
            stage: request.stage().name().into(),
            message: request.message.clone(),
            priority: request.wishes.priority.name().into(),
            suspend_when_ready: request.wishes.suspend_when_ready,
            prevent_completion: request.wishes.prevent_completion,
            start_after_ms: request.wishes.start_after_ms,
            complete_after_ms: request.wishes.complete_after_ms,
            interval_ms: request.wishes.interval_ms,
            bad_items_max: request.wishes.bad_items_max,
            large_items_max: request.wishes.large_items_max,
            bad_items: progress.bad_items,
            large_items: progress.large_items,
            created_ms: request.created_ms,
            started_ms: request.started_ms,
            ready_ms: request.ready_ms,
            synced_ms: request.synced_ms,
            state_since_ms: request.since_ms,
            retries: request.retries,
            containers,
            containers_answered: containers.saturating_sub(progress.unanswered),
            overall_ms: request.overall_ms(now_ms),
            durations_ms: spent.filter(|(_, ms)| *ms > 0).collect(),
            history: moves::history(db, *mailbox, HISTORY_MAX.min(details))?.into_iter().map(line).collect(),
            not_there: moves::not_there(db, *mailbox, ITEMS_MAX.min(details))?.into_iter().map(item).collect::<SqlResult<_>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::SessionReport;
    use crate::engine::telling::{MANY, Told};

    fn requests(count: usize) -> Moves {
        let one = |number: usize| MoveReport { mailbox: format!("{number:032}"), state: "Queued".into(), ..MoveReport::default() };
        Moves { requests: (0..count).map(one).collect(), orders: Vec::new() }
    }

    #[test]
    fn requests_are_told_when_something_has_changed_and_time_alone_is_no_news() {
        let (mut last, mut moves) = (Told::default(), requests(3));
        assert!(last.is_news(&moves, 1_000), "the first time");
        (moves.requests[1].overall_ms, moves.requests[1].durations_ms) = (9_000, [("Queued".to_owned(), 9_000)].into());
        assert!(!last.is_news(&moves, 2_000));
        moves.requests[1].state = "InProgress".into();
        assert!(last.is_news(&moves, 3_000) && !last.is_news(&moves, 4_000));
        assert!(!last.is_news(&moves, 62_999) && last.is_news(&moves, 63_000), "after a while all the same");
    }

    #[test]
    fn what_a_session_writes_down_does_not_grow_with_the_number_of_requests() -> Result<(), serde_json::Error> {
        let mut report: SessionReport = serde_json::from_value(serde_json::json!({
            "agent": "source", "node": "", "role": "active", "epoch": 1, "started_ms": 1, "finished_ms": 2, "end": "completed",
            "counts": crate::engine::Counts::default(), "stalls": [], "deletion_debts": [], "coverage_debts": [],
            "containers": 0, "containers_answered": 0, "containers_bad": [], "copy_queue": 0, "lsn": 9
        }))?;
        let without = serde_json::to_vec(&report)?.len();
        report.moves = Some(requests(10_000));
        report.fates = Some(vec![Fate { id: "7".repeat(32), refused: None }; 10_000]);
        report.move_requests = [("Queued".to_owned(), 10_000)].into();
        let with = serde_json::to_vec(&report)?.len();
        assert!(with < without + 100, "{with} bytes with requests, {without} without");
        Ok(())
    }

    #[test]
    fn of_many_requests_nothing_is_told_too_often_and_no_change_is_forgotten() {
        let (mut last, mut moves) = (Told::default(), requests(MANY + 1));
        assert!(last.is_news(&moves, 1_000));
        moves.requests[7].state = "Failed".into();
        assert!(!last.is_news(&moves, 10_999) && last.is_news(&moves, 11_000));
    }
}
