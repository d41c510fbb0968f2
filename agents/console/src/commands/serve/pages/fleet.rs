//! The first page: how it goes as a whole, then agent by agent.

use indicatif::HumanBytes;
use mailferry_host::queue_lines;
use maud::{Markup, html};

use super::{ago, around, class_of, number, span_ms};
use crate::commands::serve::chart::{Part, line, parts, progress};
use crate::fleet::{AgentSeen, Fleet, Health, History};
use crate::text;

pub fn fleet(fleet: &Fleet, history: &History) -> Markup {
    let inner = html! {
        (numbers(fleet, history))
        section { h2 { "Mailboxes" } (states(fleet)) (collections(fleet)) }
        section { h2 { "Over time" } (charts(history)) }
        section { h2 { "Agents" } (agents(fleet)) }
    };
    around(fleet, "/", "Fleet", true, inner)
}

fn numbers(fleet: &Fleet, history: &History) -> Markup {
    let totals = &fleet.totals;
    let figures = &totals.all.figures;
    let rates = history.rates();
    let debts = totals.deletion_debts + totals.coverage_debts;
    let quiet = totals.silent + totals.bad;
    let card = |name: &str, value: String, about: String, is_bad: bool| {
        html! { div.card.worry[is_bad] { p.what { (name) } p.value { (value) } p.about { (about) } } }
    };
    html! {
        div.cards {
            (card("Mailboxes", text::number(totals.all.mailboxes), format!("{} with move requests", text::number(totals.requests)), false))
            (card("Containers answered", percent(figures.answered, figures.containers),
                format!("{} of {} on their way", text::number(figures.on_their_way()), text::number(figures.containers)), false))
            (card("Items packed", text::number(figures.items), format!("{} in containers", HumanBytes(figures.bytes)), false))
            (card("Rate", rates.map_or("-".into(), |rates| per_second(rates.items)),
                rates.map_or("after two looks".into(), |rates| format!("{}/s; answers in {}", HumanBytes(rates.bytes as u64), eta(rates.eta_s))), false))
            (card("First copies left", text::number(fleet.pace.left),
                fleet.pace.ready_per_hour.map_or("no pace yet".into(), |pace| format!("{pace:.1} an hour; done in {}", eta(fleet.pace.eta_s))), false))
            (card("Not at the target", text::number(figures.left_out), format!("items; {} bad containers", figures.bad_containers),
                figures.left_out + figures.bad_containers > 0))
            (card("Waiting", text::number(totals.stalls), format!("{} owed", text::count(debts, "debt")), totals.stalls + debts > 0))
            (card("Agents", format!("{}/{}", totals.agents - quiet, totals.agents),
                format!("well; {} silent, {} held up or old", totals.silent, totals.bad), quiet > 0))
        }
    }
}

fn per_second(items: f64) -> String {
    if items < 100.0 { format!("{items:.1} items/s") } else { format!("{} items/s", text::number(items as u64)) }
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 { "-".into() } else { format!("{:.1} %", part as f64 / whole as f64 * 100.0) }
}

fn eta(seconds: Option<u64>) -> String {
    seconds.map_or("an unknown time".into(), |seconds| span_ms(seconds * 1000))
}

fn states(fleet: &Fleet) -> Markup {
    let states = &fleet.totals.all.states;
    let all: Vec<Part<'_>> = states.iter().map(|(name, count)| Part { name, count: *count, class: class_of(name) }).collect();
    parts(&all)
}

fn collections(fleet: &Fleet) -> Markup {
    html! {
        div.wide { table {
            thead { tr {
                th { "collection" } th.n { "mailboxes" } th { "answered" } th.n { "containers" } th.n { "items" } th.n { "bytes" }
                th.n { "left out" } th.n { "bad" }
            } }
            tbody { @for (name, sums) in &fleet.totals.collections {
                tr {
                    td { a href={ "/mailboxes" (super::Query::with("collection", name)) } { (name) } }
                    (number(sums.mailboxes))
                    td.bar { (progress(sums.figures.answered, sums.figures.containers)) }
                    (number(sums.figures.containers)) (number(sums.figures.items))
                    td.n { (HumanBytes(sums.figures.bytes)) }
                    (number(sums.figures.left_out)) (number(sums.figures.bad_containers))
                }
            } }
        } }
    }
}

fn charts(history: &History) -> Markup {
    let samples = history.samples();
    let way: Vec<(u64, f64)> = samples.iter().map(|sample| (sample.at_ms, sample.on_their_way as f64)).collect();
    let steps = samples.windows(2).map(|two| {
        let seconds = (two[1].at_ms.saturating_sub(two[0].at_ms) as f64 / 1000.0).max(0.001);
        (two[1].at_ms, two[1].items.saturating_sub(two[0].items) as f64 / seconds)
    });
    let rate: Vec<(u64, f64)> = steps.collect();
    html! { div.charts { (line(&way, "containers on their way")) (line(&rate, "items packed per second")) } }
}

fn agents(fleet: &Fleet) -> Markup {
    html! {
        div.agents { @for seen in &fleet.agents { (agent(fleet, seen)) } }
    }
}

fn agent(fleet: &Fleet, seen: &AgentSeen) -> Markup {
    let health = match seen.health(fleet.looked_ms) {
        Health::Good => "good",
        Health::Waits => "warn",
        Health::Bad | Health::Silent => "bad",
    };
    html! {
        article class=(health) {
            h3 { span class={ "dot " (health) } {} (seen.node) " " span.quiet { (seen.agent) } }
            @match seen.report.as_deref() {
                None => p { (seen.end()) },
                Some(report) => {
                    p { b { (seen.role()) } ", epoch " (report.epoch) ", " (seen.end()) ", " (ago(fleet, report.finished_ms)) }
                    ul.facts {
                        @if let Some(doubt) = seen.doubt(fleet.looked_ms) { li.bad { (doubt) } }
                        @for line in queue_lines(&report.replication, fleet.looked_ms) { li { (line) } }
                        @for stall in report.stalls.iter().take(STALLS_MAX) { li.warn { (stall.what) ": " (stall.why) } }
                        @if report.stalls.len() > STALLS_MAX { li.warn { "and " (report.stalls.len() - STALLS_MAX) " more wait" } }
                        @for bad in report.containers_bad.iter().take(STALLS_MAX) { li.bad { "container " (bad) } }
                        @if !report.deletion_debts.is_empty() { li.warn { (text::count(report.deletion_debts.len() as u64, "deletion debt")) } }
                        @if !report.coverage_debts.is_empty() { li.warn { (text::count(report.coverage_debts.len() as u64, "coverage debt")) } }
                    }
                }
            }
        }
    }
}

/// Of an agent, on this page.
const STALLS_MAX: usize = 5;
