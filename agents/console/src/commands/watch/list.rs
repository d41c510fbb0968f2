//! Rows of the five lists, and everything about one row. Of ten thousand rows only those on the screen are made.

use indicatif::HumanBytes;
use mailferry_core::engine::{DebtReport, SessionEnd};
use mailferry_host::queue_lines;
use mailferry_rules::moves::State;
use ratatui::layout::Constraint::{self, Fill, Length};
use ratatui::style::{Color, Style};

use super::Seen;
use super::view::{Tab, View};
use crate::fleet::{AgentSeen, Fleet, Health};
use crate::text;

/// Titles and widths. The last column takes what is left: 80 columns are enough for all of them.
pub fn columns(tab: Tab) -> Vec<(&'static str, Constraint)> {
    let fixed: &[(&str, u16)] = match tab {
        Tab::Fleet => &[("node", 10), ("agent", 12), ("role", 8), ("epoch", 5), ("age", 6), ("queue", 6), ("debts", 5), ("waits", 5)],
        Tab::Mailboxes => &[("mailbox", 18), ("state", 14), ("answered", 9), ("items", 9), ("left", 5)],
        Tab::Moves => &[("mailbox", 18), ("state", 14), ("answered", 9), ("bad", 5), ("large", 5)],
        Tab::Debts => &[("owed", 8), ("on", 10), ("by", 23), ("since", 6), ("tries", 5)],
        Tab::Events => &[("at", 19), ("level", 7), ("event", 20), ("node", 10)],
    };
    let last = match tab {
        Tab::Fleet => "last session",
        Tab::Mailboxes => "why it waits",
        Tab::Moves => "message",
        Tab::Debts => "cause",
        Tab::Events => "text",
    };
    fixed.iter().map(|(title, width)| (*title, Length(*width))).chain([(last, Fill(1))]).collect()
}

/// Places of the rows that pass the filter.
pub fn rows(view: &View, seen: &Seen) -> Vec<usize> {
    let fleet = &seen.fleet;
    let words = view.filter.to_lowercase();
    let has = |texts: &[&str]| words.is_empty() || texts.iter().any(|text| text.to_lowercase().contains(&words));
    let owed = if view.tab == Tab::Debts { debts(fleet) } else { Vec::new() };
    let count = match view.tab {
        Tab::Fleet => fleet.agents.len(),
        Tab::Mailboxes => fleet.mailboxes.len(),
        Tab::Moves => fleet.moves.requests.len(),
        Tab::Debts => owed.len(),
        Tab::Events => seen.events.len(),
    };
    let passes = |at: &usize| match view.tab {
        Tab::Fleet => has(&[&fleet.agents[*at].node, fleet.agents[*at].agent.name()]),
        Tab::Mailboxes => {
            let of = &fleet.mailboxes[*at];
            has(&[&of.name, &of.state, &of.collection])
        }
        Tab::Moves => {
            let of = &fleet.moves.requests[*at];
            has(&[&of.name, &of.state, &of.batch])
        }
        Tab::Debts => words.is_empty() || owed.get(*at).is_some_and(|(_, _, debt)| has(&[&debt.node, &debt.path])),
        Tab::Events => {
            let of = &seen.events[*at];
            has(&[&of.event, &of.node, &of.text])
        }
    };
    (0..count).filter(passes).collect()
}

type Debt<'a> = (&'a AgentSeen, &'static str, &'a DebtReport);

fn debts(fleet: &Fleet) -> Vec<Debt<'_>> {
    let active = fleet.reports().filter(|(seen, _)| seen.is_active());
    let owed = active.flat_map(|(seen, report)| {
        let deletions = report.deletion_debts.iter().map(move |debt| (seen, "deletion", debt));
        deletions.chain(report.coverage_debts.iter().map(move |debt| (seen, "copy", debt)))
    });
    owed.collect()
}

/// The cells of a row, and its colour.
pub fn cells(tab: Tab, seen: &Seen, at: usize) -> (Vec<String>, Style) {
    let fleet = &seen.fleet;
    let (cells, colour) = match tab {
        Tab::Fleet => agent(fleet, &fleet.agents[at]),
        Tab::Mailboxes => {
            let of = &fleet.mailboxes[at];
            let figures = &of.figures;
            let answered = format!("{}/{}", figures.answered, figures.containers);
            let left = figures.left_out + figures.bad_containers;
            let cells = vec![of.name.clone(), of.state.clone(), answered, text::number(figures.items), left.to_string(), of.why.clone()];
            (cells, colour_of(&of.state))
        }
        Tab::Moves => {
            let of = &fleet.moves.requests[at];
            let name = if of.name.is_empty() { &of.mailbox } else { &of.name };
            let answered = format!("{}/{}", of.containers_answered, of.containers);
            let message = if of.message.is_empty() { &of.detail } else { &of.message };
            let cells = [name, &of.state, &answered, &of.bad_items.to_string(), &of.large_items.to_string(), message].map(String::clone);
            (cells.to_vec(), colour_of(&of.state))
        }
        Tab::Debts => match debts(fleet).get(at) {
            Some((by, kind, debt)) => {
                let by = format!("{} {}", by.node, by.agent);
                let since = short(fleet.looked_ms.saturating_sub(debt.since_ms));
                let cells = vec![(*kind).to_owned(), debt.node.clone(), by, since, debt.attempts.to_string(), debt.last_error.clone()];
                (cells, Some(Color::Yellow))
            }
            None => (Vec::new(), None),
        },
        Tab::Events => {
            let of = &seen.events[at];
            let time = of.at.chars().take(19).collect::<String>().replace('T', " ");
            let level = if of.is_error { "error" } else { "warning" };
            let first = of.text.lines().next().unwrap_or_default().to_owned();
            (
                vec![time, level.to_owned(), of.event.clone(), of.node.clone(), first],
                Some(if of.is_error { Color::Red } else { Color::Yellow }),
            )
        }
    };
    let style = colour.map_or_else(Style::default, |colour| Style::default().fg(colour));
    (cells.iter().map(|cell| text::line(cell)).collect(), style)
}

fn agent(fleet: &Fleet, seen: &AgentSeen) -> (Vec<String>, Option<Color>) {
    let colour = match seen.health(fleet.looked_ms) {
        Health::Good => None,
        Health::Waits => Some(Color::Yellow),
        Health::Bad | Health::Silent => Some(Color::Red),
    };
    let Some(report) = seen.report.as_deref() else {
        let nothing = std::iter::repeat_n(String::new(), 6);
        return ([seen.node.clone(), seen.agent.to_string()].into_iter().chain(nothing).chain([seen.end()]).collect(), colour);
    };
    // Why it was held up says more.
    let doubt = seen.doubt(fleet.looked_ms).filter(|_| !matches!(report.end, SessionEnd::HeldUp(_)));
    let replication = &report.replication;
    let queue = match replication.copy.iter().map(|queue| queue.sets).reduce(|a, b| Some(a? + b?)) {
        Some(None) => "all".to_owned(),
        Some(Some(sets)) => sets.to_string(),
        None => replication.replay.sets.to_string(),
    };
    let cells = vec![
        seen.node.clone(),
        seen.agent.to_string(),
        seen.role().to_owned(),
        report.epoch.to_string(),
        short(fleet.looked_ms.saturating_sub(report.finished_ms)),
        queue,
        (report.deletion_debts.len() + report.coverage_debts.len()).to_string(),
        report.stalls.len().to_string(),
        doubt.unwrap_or_else(|| seen.end()),
    ];
    (cells, colour)
}

pub fn colour_of(state: &str) -> Option<Color> {
    match state {
        "Completed" | "InStep" | "AutoSuspended" => Some(Color::Green),
        "InProgress" | "CompletionInProgress" => Some(Color::Blue),
        "CompletedWithWarning" | "Retrying" | "Stalled" => Some(Color::Yellow),
        "Failed" => Some(Color::Red),
        _ => None,
    }
}

/// `20s`, `4m`, `3h`, `12d`
pub fn short(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..=99 => format!("{s}s"),
        s @ 100..=5_999 => format!("{}m", s / 60),
        s @ 6_000..=172_799 => format!("{}h", s / 3_600),
        s => format!("{}d", s / 86_400),
    }
}

/// Everything about one row: what it is, and lines of a name and a value.
pub fn detail(tab: Tab, seen: &Seen, at: usize) -> (String, Vec<(String, String)>) {
    let fleet = &seen.fleet;
    let (title, lines) = match tab {
        Tab::Fleet => about_agent(fleet, &fleet.agents[at]),
        Tab::Mailboxes => about_mailbox(fleet, at),
        Tab::Moves => {
            let id = &fleet.moves.requests[at].mailbox;
            match fleet.mailboxes.iter().position(|mailbox| mailbox.id == *id) {
                Some(at) => about_mailbox(fleet, at),
                None => (id.clone(), about_request(fleet, at)),
            }
        }
        Tab::Debts => match debts(fleet).get(at) {
            Some((by, kind, debt)) => {
                let line = |name: &str, value: String| (name.to_owned(), value);
                let lines = vec![
                    line("where", format!("{} on {}", debt.path, debt.node)),
                    line("by", format!("the {} agent of {}", by.agent, by.node)),
                    line("cause", debt.last_error.clone()),
                    line("since", time(debt.since_ms)),
                    line("attempts", debt.attempts.to_string()),
                    line("next", if debt.next_attempt_ms == 0 { "next session".into() } else { time(debt.next_attempt_ms) }),
                ];
                (format!("{kind} owed"), lines)
            }
            None => Default::default(),
        },
        Tab::Events => {
            let of = &seen.events[at];
            let lines = of.text.lines().map(|line| (String::new(), line.to_owned())).collect();
            (format!("{} at {}, {} of {}", of.event, of.at, of.agent, of.node), lines)
        }
    };
    let lines = lines.into_iter().filter(|(_, value)| !value.is_empty());
    (text::line(&title), lines.map(|(name, value)| (name, text::line(&value))).collect())
}

fn about_agent(fleet: &Fleet, seen: &AgentSeen) -> (String, Vec<(String, String)>) {
    let title = format!("{} agent of {}", seen.agent, seen.node);
    let Some(report) = seen.report.as_deref() else { return (title, vec![("last session".into(), seen.end())]) };
    let counts = &report.counts;
    let mut lines = vec![
        ("role".to_owned(), format!("{}, epoch {}", report.role, report.epoch)),
        (
            "last session".to_owned(),
            format!(
                "{}, {} ago, took {} ms",
                seen.end(),
                short(fleet.looked_ms.saturating_sub(report.finished_ms)),
                report.finished_ms.saturating_sub(report.started_ms)
            ),
        ),
        (
            "published".to_owned(),
            format!("{} containers, {} items, {}", counts.published, counts.packed_items, HumanBytes(counts.packed_bytes)),
        ),
        ("delivered".to_owned(), format!("{} containers, {}", counts.delivered, HumanBytes(counts.delivered_bytes))),
        (
            "taken".to_owned(),
            format!(
                "{} containers: {} applied, {} there already, {} found again, {} skipped",
                counts.taken, counts.applied, counts.already, counts.found, counts.skipped
            ),
        ),
        ("change set".to_owned(), report.lsn.to_string()),
    ];
    lines.extend(seen.doubt(fleet.looked_ms).map(|doubt| ("doubt".to_owned(), doubt)));
    lines.extend(queue_lines(&report.replication, fleet.looked_ms).into_iter().map(|line| ("queue".to_owned(), line)));
    lines.extend(report.stalls.iter().map(|stall| ("waits".to_owned(), format!("{}: {}", stall.what, stall.why))));
    lines.extend(report.containers_bad.iter().map(|bad| ("container".to_owned(), bad.clone())));
    (title, lines)
}

fn about_mailbox(fleet: &Fleet, at: usize) -> (String, Vec<(String, String)>) {
    let of = &fleet.mailboxes[at];
    let figures = &of.figures;
    let line = |name: &str, value: String| (name.to_owned(), value);
    let mut lines = vec![
        line("state", of.state.clone()),
        line("waits", of.why.clone()),
        line("collection", format!("{}, priority {}", of.collection, of.priority)),
        line("id", of.id.clone()),
        line("containers", format!("{} put out, {} answered, {} bad", figures.containers, figures.answered, figures.bad_containers)),
        line("packed", format!("{}, {}", text::count(figures.items, "item"), HumanBytes(figures.bytes))),
        line("at the target", format!("{} applied, {} there already, {} found again", figures.applied, figures.already, figures.found)),
        line("left out", text::count(figures.left_out, "item")),
        line("published", time(of.published_ms)),
        line("compared", time(of.passed_ms)),
        line("taken", time(of.taken_ms)),
    ];
    lines.extend(of.request.into_iter().flat_map(|at| about_request(fleet, at)));
    (of.name.clone(), lines)
}

fn about_request(fleet: &Fleet, at: usize) -> Vec<(String, String)> {
    let of = &fleet.moves.requests[at];
    let line = |name: &str, value: String| (name.to_owned(), value);
    let mut lines = vec![
        line("request", format!("{}, {}, since {}", of.state, of.detail, time(of.state_since_ms))),
        line("message", of.message.clone()),
        line("batch", of.batch.clone()),
        line("bad items", format!("{} bad, {} large", of.bad_items, of.large_items)),
        line("queued", time(of.created_ms)),
        line("started", time(of.started_ms)),
        line("first copy", time(of.ready_ms)),
        line("in step as of", time(of.synced_ms)),
    ];
    let spent = State::ALL.into_iter().filter_map(|state| Some((state.name(), *of.durations_ms.get(state.name())?)));
    lines.extend(spent.map(|(state, ms)| ("time spent".to_owned(), format!("{state}: {}", short(ms)))));
    lines.extend(of.not_there.iter().map(|item| ("not there".to_owned(), format!("{}: {}", item.kind, item.reason))));
    lines.extend(of.history.iter().map(|line| ("history".to_owned(), format!("{} {}", time(line.at_ms), line.what))));
    lines
}

/// Empty where it has not happened.
fn time(ms: u64) -> String {
    if ms == 0 { String::new() } else { text::date((ms / 1000) as i64) }
}
