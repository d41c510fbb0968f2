//! Move requests: a page of them, and all about one.

use mailferry_core::engine::MoveReport;
use mailferry_rules::moves::State;
use maud::{Markup, html};

use super::mailboxes::{cut, paging, select};
use super::{Query, ago, around, date, number, span_ms, state};
use crate::commands::moves::label;
use crate::fleet::Fleet;
use crate::text;

pub fn moves(fleet: &Fleet, query: &Query) -> Markup {
    let [words, wanted, batch] = ["q", "state", "batch"].map(|name| query.text(name));
    let words = words.to_lowercase();
    let is_wanted = |of: &&MoveReport| {
        (words.is_empty() || of.name.to_lowercase().contains(&words))
            && (wanted.is_empty() || of.state == wanted)
            && (batch.is_empty() || of.batch == batch)
    };
    let chosen: Vec<&MoveReport> = fleet.moves.requests.iter().filter(is_wanted).collect();
    let (rows, page, pages) = cut(&chosen, query);
    let mut batches: Vec<&str> = fleet.moves.requests.iter().map(|of| of.batch.as_str()).filter(|name| !name.is_empty()).collect();
    batches.sort_unstable();
    batches.dedup();
    let inner = html! {
        form.filter method="get" action="/moves" {
            label { "Name " input type="search" name="q" value=(query.text("q")); }
            (select("state", "State", State::ALL.map(|state| (state.name(), state.name())).into_iter(), query))
            (select("batch", "Batch", batches.into_iter().map(|name| (name, name)), query))
            button { "Show" }
        }
        p.quiet { (text::count(chosen.len() as u64, "request")) " of " (text::number(fleet.moves.requests.len() as u64)) }
        (table(fleet, rows))
        (paging(query, page, pages))
        (refused(fleet))
    };
    around(fleet, "/moves", "Move requests", false, inner)
}

fn table(fleet: &Fleet, rows: &[&MoveReport]) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "mailbox" } th { "batch" } th { "state" } th { "detail" } th { "since" } th.n { "answered" } th.n { "bad" } th.n { "large" }
                th { "message" }
            } }
            tbody { @for of in rows {
                tr {
                    td { a href={ "/mailboxes/" (of.mailbox) } { (label(of)) } }
                    td { (of.batch) }
                    td { (state(&of.state)) }
                    td { (of.detail) }
                    td { (ago(fleet, of.state_since_ms)) }
                    td.n { (of.containers_answered) "/" (of.containers) }
                    (number(of.bad_items)) (number(of.large_items))
                    td.why { (of.message) }
                }
            } }
        } }
    }
}

fn refused(fleet: &Fleet) -> Markup {
    let orders: Vec<_> = fleet.moves.orders.iter().filter_map(|order| Some((order, order.refused.as_deref()?))).take(20).collect();
    html! {
        @if !orders.is_empty() {
            section { h2 { "Orders that were refused" }
                ul.lines { @for (order, why) in orders { li { time { (date(order.done_ms)) } " " (order.name) ": " (order.what) ": " (why) } } }
            }
        }
    }
}

/// All about one request.
pub(super) fn request(of: &MoveReport) -> Markup {
    let limited = |there: u64, most: u64| {
        if most >= u64::from(u32::MAX) { format!("{there}, no limit") } else { format!("{there} of {most} allowed") }
    };
    let partner = if of.partner_name.is_empty() { &of.partner } else { &of.partner_name };
    let rows: Vec<(&str, String)> = vec![
        ("state", format!("{}, since {}", of.state, date(of.state_since_ms))),
        ("detail", of.detail.clone()),
        ("stage", of.stage.clone()),
        ("message", of.message.clone()),
        ("batch", of.batch.clone()),
        ("comment", of.comment.clone()),
        ("priority", of.priority.clone()),
        ("moved as one with", if of.part.is_empty() { String::new() } else { format!("{partner}; this is the {}", of.part) }),
        ("bad items", limited(of.bad_items, of.bad_items_max)),
        ("large items", limited(of.large_items, of.large_items_max)),
        ("retries", of.retries.to_string()),
        ("queued", date(of.created_ms)),
        ("started", date(of.started_ms)),
        ("first copy", date(of.ready_ms)),
        ("in step as of", date(of.synced_ms)),
        ("start after", date(of.start_after_ms)),
        ("complete after", date(of.complete_after_ms)),
    ];
    html! {
        section { h2 { "Move request" }
            dl { @for (name, value) in rows.iter().filter(|(_, value)| !value.is_empty()) { dt { (name) } dd { (value) } } }
        }
        section { h2 { "Time spent" }
            table {
                tbody {
                    @for (name, ms) in &of.durations_ms { tr { td { (state(name)) } td.n { (span_ms(*ms)) } } }
                    tr { td { "overall" } td.n { (span_ms(of.overall_ms)) } }
                }
            }
        }
        @if !of.not_there.is_empty() {
            section { h2 { "Items that are not at the target" }
                div.wide { table {
                    thead { tr { th { "kind" } th { "folder" } th { "item" } th { "reason" } } }
                    tbody { @for item in &of.not_there {
                        tr { td { (item.kind) } td { (item.folder) } td { @if item.key.is_empty() { (item.token) } @else { (item.key) } } td.why { (item.reason) } }
                    } }
                } }
            }
        }
        @if !of.history.is_empty() {
            section { h2 { "History" } ul.lines { @for line in &of.history { li { time { (date(line.at_ms)) } " " (line.what) } } } }
        }
    }
}
