//! What is owed, and what the logs tell that is worth a look.

use maud::{Markup, html};

use super::{ago, around, date};
use crate::fleet::{Fleet, Told};

/// Debts listed at most: the reports have a thousand of each agent.
const DEBTS_MAX: usize = 500;

pub fn debts(fleet: &Fleet) -> Markup {
    let active = fleet.reports().filter(|(seen, _)| seen.is_active());
    let owed: Vec<_> = active
        .flat_map(|(seen, report)| {
            let deletions = report.deletion_debts.iter().map(|debt| ("deletion", debt));
            deletions.chain(report.coverage_debts.iter().map(|debt| ("copy", debt))).map(move |(kind, debt)| (seen, kind, debt))
        })
        .collect();
    let inner = html! {
        @if owed.is_empty() { p { "Nothing is owed." } } @else {
            p.quiet { "Deletions that failed are tried again by themselves; `mailferry debts --retry` does it at once." }
            div.wide { table {
                thead { tr { th { "owed" } th { "on" } th { "by" } th { "file" } th { "since" } th.n { "attempts" } th { "next" } th { "cause" } } }
                tbody { @for (seen, kind, debt) in owed.iter().take(DEBTS_MAX) {
                    tr {
                        td { (kind) } td { (debt.node) } td { (seen.node) " " (seen.agent) } td.why { (debt.path) }
                        td { (ago(fleet, debt.since_ms)) } td.n { (debt.attempts) }
                        td { @if debt.next_attempt_ms == 0 { "next session" } @else { (date(debt.next_attempt_ms)) } } td.why { (debt.last_error) }
                    }
                } }
            } }
            @if owed.len() > DEBTS_MAX { p { "and " (owed.len() - DEBTS_MAX) " more" } }
        }
    };
    around(fleet, "/debts", "Debts", false, inner)
}

pub fn events(fleet: &Fleet, told: &[Told], unread: &[String]) -> Markup {
    let inner = html! {
        @if told.is_empty() { p { "The logs that can be read from here tell of nothing worth a look." } }
        ul.events { @for one in told {
            li class=(if one.is_error { "bad" } else { "warn" }) {
                p { time { (one.at.replace('T', " ").replace('Z', " UTC")) } " " b { (one.event) } " " span.quiet { (one.node) " " (one.agent) } }
                pre { (one.text) }
            }
        } }
        @if !unread.is_empty() {
            section { h2 { "Logs that cannot be read from here" }
                p.quiet { "Read are those beside config.ini, and those in a LogDirectory that is a share, or is a folder of this machine." }
                ul.lines { @for why in unread { li { (why) } } }
            }
        }
    };
    around(fleet, "/events", "Events worth a look", false, inner)
}
