//! A collection as one HTML file that needs no other: the sums, what is not well, and every mailbox.

use indicatif::{HumanBytes, HumanDuration};
use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::rows::{Report, Row};
use crate::commands::serve::STYLE;
use crate::fleet::Fleet;
use crate::text;

/// Listed of one mailbox; the JSON has all that is known.
const ITEMS_MAX: usize = 20;

pub fn html(fleet: &Fleet, report: &Report<'_>) -> String {
    let title = format!("{} - {}", report.collection, report.project);
    let worries: Vec<&Row<'_>> = report.rows.iter().filter(|row| !row.is_well()).collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                // Our own style sheet: there is nothing in it to escape.
                style { (PreEscaped(STYLE)) }
            }
            body {
                header { p.name { "Mailferry" span { (report.project) } } }
                main {
                    h1 { "Collection " (report.collection) }
                    p.quiet { "As of " (date(report.as_of_ms)) }
                    (sums(report))
                    (worried(&worries))
                    section { h2 { "All mailboxes" } (all(report)) }
                    section { h2 { "Agents" } (agents(fleet)) }
                }
            }
        }
    };
    page.into_string()
}

fn sums(report: &Report<'_>) -> Markup {
    let figures = &report.sums.figures;
    let states: Vec<String> = report.sums.states.iter().map(|(state, count)| format!("{} {state}", text::number(*count))).collect();
    let pace = report.pace;
    let rows: Vec<(&str, String)> = vec![
        ("mailboxes", format!("{}: {}", text::number(report.sums.mailboxes), states.join(", "))),
        ("containers", format!("{} put out, {} answered", text::number(figures.containers), text::number(figures.answered))),
        ("packed", format!("{}, {} in containers", text::count(figures.items, "item"), HumanBytes(figures.bytes))),
        (
            "at the target",
            format!(
                "{} applied, {} there already, {} found again",
                text::number(figures.applied),
                text::number(figures.already),
                text::number(figures.found)
            ),
        ),
        ("not at the target", format!("{}, {} bad containers", text::count(figures.left_out, "item"), figures.bad_containers)),
        ("first copies of all move requests", format!("{} in the last day, {} left{}", pace.ready, pace.left, eta(pace.eta_s))),
    ];
    html! {
        dl { @for (name, value) in &rows { dt { (name) } dd { (value) } } }
        @if !report.durations_ms.is_empty() {
            section { h2 { "Time spent by move requests" }
                table { tbody {
                    @for (state, ms) in &report.durations_ms { tr { td { (state) } td.n { (span(*ms)) } } }
                    tr { td { "overall" } td.n { (span(report.overall_ms)) } }
                } }
            }
        }
    }
}

fn eta(eta_s: Option<u64>) -> String {
    eta_s.map_or(String::new(), |eta_s| format!(", at this pace made in {}", span(eta_s * 1000)))
}

fn worried(worries: &[&Row<'_>]) -> Markup {
    html! {
        section { h2 { "What is not well" }
            @if worries.is_empty() { p { "Nothing: all that was read is at the target, as far as it is known here." } }
            ul.events { @for row in worries {
                li class=(if row.mailbox.state == "Failed" { "bad" } else { "warn" }) {
                    p { b { (row.mailbox.name) } " " span.quiet { (row.mailbox.state) } }
                    @if !row.mailbox.why.is_empty() { p { (row.mailbox.why) } }
                    @if row.mailbox.figures.left_out > 0 { p { (text::count(row.mailbox.figures.left_out, "item")) " not at the target" } }
                    @for container in &row.bad { p { "container " (container) } }
                    @if row.bad.is_empty() && row.mailbox.figures.bad_containers > 0 { p { (row.mailbox.figures.bad_containers) " bad containers" } }
                    @for item in row.not_there().iter().take(ITEMS_MAX) {
                        p.quiet { (item.kind) ": " @if item.key.is_empty() { (item.token) } @else { (item.key) " in " (item.folder) } ": " (item.reason) }
                    }
                    @if row.not_there().len() > ITEMS_MAX { p.quiet { "and " (row.not_there().len() - ITEMS_MAX) " more" } }
                }
            } }
        }
    }
}

fn all(report: &Report<'_>) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "mailbox" } th { "state" } th.n { "answered" } th.n { "items" } th.n { "bytes" } th.n { "applied" } th.n { "left out" }
                th.n { "bad items" } th { "queued" } th { "first copy" } th { "in step as of" } th.n { "overall" }
            } }
            tbody { @for row in &report.rows {
                tr {
                    td { (row.mailbox.name) } td { (row.mailbox.state) }
                    td.n { (row.mailbox.figures.answered) "/" (row.mailbox.figures.containers) }
                    td.n { (text::number(row.mailbox.figures.items)) } td.n { (HumanBytes(row.mailbox.figures.bytes)) }
                    td.n { (text::number(row.mailbox.figures.applied)) } td.n { (text::number(row.mailbox.figures.left_out)) }
                    @match row.request {
                        Some(of) => {
                            td.n { (text::number(of.bad_items + of.large_items)) }
                            td { (date(of.created_ms)) } td { (date(of.ready_ms)) } td { (date(of.synced_ms)) } td.n { (span(of.overall_ms)) }
                        }
                        None => { td {} td {} td {} td {} td {} }
                    }
                }
            } }
        } }
    }
}

fn agents(fleet: &Fleet) -> Markup {
    html! {
        div.wide { table {
            thead { tr { th { "node" } th { "agent" } th { "role" } th.n { "epoch" } th { "last session" } th { "as of" } } }
            tbody { @for seen in &fleet.agents {
                tr {
                    td { (seen.node) } td { (seen.agent) } td { (seen.role()) }
                    td.n { @if let Some(report) = &seen.report { (report.epoch) } }
                    td.why { (seen.end()) }
                    td { @if let Some(report) = &seen.report { (date(report.finished_ms)) } }
                }
            } }
        } }
    }
}

fn date(ms: u64) -> String {
    if ms == 0 { String::new() } else { text::date((ms / 1000) as i64).replace('T', " ").replace('Z', " UTC") }
}

fn span(ms: u64) -> String {
    HumanDuration(std::time::Duration::from_millis(ms)).to_string()
}
