//! Rows as CSV (RFC 4180): a line for each mailbox. What a spreadsheet would take for a formula is shown as text.

use mailferry_core::engine::MoveReport;
use mailferry_rules::moves::State;

use super::rows::{Report, Row};
use crate::commands::csv::field;
use crate::text;

type Read = fn(&Row<'_>) -> String;

/// Columns without the durations, which follow: one for each state.
const COLUMNS: [(&str, Read); 35] = [
    ("mailbox", |row| row.mailbox.name.clone()),
    ("id", |row| row.mailbox.id.clone()),
    ("collection", |row| row.mailbox.collection.clone()),
    ("priority", |row| row.mailbox.priority.to_string()),
    ("state", |row| row.mailbox.state.clone()),
    ("waits", |row| row.mailbox.why.clone()),
    ("containers", |row| row.mailbox.figures.containers.to_string()),
    ("answered", |row| row.mailbox.figures.answered.to_string()),
    ("items", |row| row.mailbox.figures.items.to_string()),
    ("bytes", |row| row.mailbox.figures.bytes.to_string()),
    ("applied", |row| row.mailbox.figures.applied.to_string()),
    ("already", |row| row.mailbox.figures.already.to_string()),
    ("found", |row| row.mailbox.figures.found.to_string()),
    ("left_out", |row| row.mailbox.figures.left_out.to_string()),
    ("bad_containers", |row| row.mailbox.figures.bad_containers.to_string()),
    ("published", |row| time(row.mailbox.published_ms)),
    ("compared", |row| time(row.mailbox.passed_ms)),
    ("taken", |row| time(row.mailbox.taken_ms)),
    ("request", |row| of(row, |of| of.id.clone())),
    ("batch", |row| of(row, |of| of.batch.clone())),
    ("part", |row| of(row, |of| of.part.clone())),
    ("partner", |row| of(row, |of| of.partner_name.clone())),
    ("detail", |row| of(row, |of| of.detail.clone())),
    ("stage", |row| of(row, |of| of.stage.clone())),
    ("message", |row| of(row, |of| of.message.clone())),
    ("bad_items", |row| of(row, |of| of.bad_items.to_string())),
    ("bad_items_max", |row| of(row, |of| of.bad_items_max.to_string())),
    ("large_items", |row| of(row, |of| of.large_items.to_string())),
    ("large_items_max", |row| of(row, |of| of.large_items_max.to_string())),
    ("retries", |row| of(row, |of| of.retries.to_string())),
    ("queued", |row| of(row, |of| time(of.created_ms))),
    ("started", |row| of(row, |of| time(of.started_ms))),
    ("first_copy", |row| of(row, |of| time(of.ready_ms))),
    ("in_step", |row| of(row, |of| time(of.synced_ms))),
    ("overall_ms", |row| of(row, |of| of.overall_ms.to_string())),
];

pub fn csv(report: &Report<'_>) -> String {
    let names = COLUMNS.iter().map(|(name, _)| (*name).to_owned());
    let mut text = line(names.chain(State::ALL.map(|state| format!("{}_ms", state.name()))));
    for row in &report.rows {
        let spent = |state: State| of(row, |of| of.durations_ms.get(state.name()).copied().unwrap_or_default().to_string());
        text += &line(COLUMNS.iter().map(|(_, read)| read(row)).chain(State::ALL.map(spent)));
    }
    text
}

fn line(fields: impl Iterator<Item = String>) -> String {
    fields.map(|text| field(&text)).collect::<Vec<_>>().join(",") + "\r\n"
}

/// Empty where there is no request.
fn of(row: &Row<'_>, read: impl Fn(&MoveReport) -> String) -> String {
    row.request.map(read).unwrap_or_default()
}

/// Empty where it has not happened.
fn time(ms: u64) -> String {
    if ms == 0 { String::new() } else { text::date((ms / 1000) as i64) }
}
