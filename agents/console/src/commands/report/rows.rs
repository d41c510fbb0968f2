//! One mailbox with everything known of it, and a collection of them.

use std::collections::BTreeMap;

use mailferry_core::engine::{ItemReport, MoveReport};
use serde::Serialize;

use crate::fleet::{AgentSeen, Fleet, MailboxSeen, Pace, Sums};
use crate::text;

/// A collection.
#[derive(Serialize)]
pub struct Report<'a> {
    pub project: &'a str,
    pub collection: &'a str,
    pub as_of_ms: u64,
    #[serde(flatten)]
    pub sums: &'a Sums,
    /// Of all move requests of the project.
    pub pace: Pace,
    /// By state, of all requests of the collection.
    pub durations_ms: BTreeMap<&'a str, u64>,
    pub overall_ms: u64,
    pub rows: Vec<Row<'a>>,
    pub agents: &'a [AgentSeen],
}

#[derive(Serialize)]
pub struct Row<'a> {
    #[serde(flatten)]
    pub mailbox: &'a MailboxSeen,
    pub request: Option<&'a MoveReport>,
    /// Containers that were damaged or given up at either side, of those that are listed.
    pub bad: Vec<&'a str>,
}

impl<'a> Report<'a> {
    pub fn of(fleet: &'a Fleet, name: &'a str) -> Self {
        let bad = bad_containers(fleet);
        let of_collection = fleet.mailboxes.iter().filter(|mailbox| mailbox.collection == name);
        let row = |mailbox: &'a MailboxSeen| Row {
            mailbox,
            request: fleet.request(mailbox),
            bad: bad.get(mailbox.id.as_str()).cloned().unwrap_or_default(),
        };
        let rows: Vec<Row<'a>> = of_collection.map(row).collect();
        let mut durations_ms: BTreeMap<&str, u64> = BTreeMap::new();
        let requests = || rows.iter().filter_map(|row| row.request);
        for (state, ms) in requests().flat_map(|of| &of.durations_ms) {
            *durations_ms.entry(state).or_default() += ms;
        }
        let overall_ms = requests().map(|of| of.overall_ms).sum();
        Report {
            project: &fleet.project,
            collection: name,
            as_of_ms: fleet.looked_ms,
            sums: &fleet.totals.collections[name],
            pace: fleet.pace,
            durations_ms,
            overall_ms,
            rows,
            agents: &fleet.agents,
        }
    }

    pub fn is_well(&self) -> bool {
        self.rows.iter().all(Row::is_well)
    }

    pub fn in_short(&self) -> String {
        let figures = &self.sums.figures;
        let states: Vec<String> = self.sums.states.iter().map(|(state, count)| format!("{} {state}", text::number(*count))).collect();
        let worries = self.rows.iter().filter(|row| !row.is_well()).count() as u64;
        format!(
            "{}: {} ({}); {}, {}/{} containers answered, {} left out; {} not well",
            text::line(self.collection),
            text::count(self.sums.mailboxes, "mailbox"),
            states.join(", "),
            text::count(figures.items, "item"),
            figures.answered,
            figures.containers,
            text::number(figures.left_out),
            text::number(worries)
        )
    }
}

/// By mailbox: the name of a container begins with it.
fn bad_containers(fleet: &Fleet) -> BTreeMap<&str, Vec<&str>> {
    let mut bad: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for told in fleet.reports().flat_map(|(_, report)| &report.containers_bad) {
        let Some((id, _)) = told.split_once('-') else { continue };
        let of_mailbox = bad.entry(id).or_default();
        if !of_mailbox.contains(&told.as_str()) {
            of_mailbox.push(told);
        }
    }
    bad
}

impl Row<'_> {
    /// Everything that was read is at the target, as far as it is known, and nothing waits.
    pub fn is_well(&self) -> bool {
        let figures = &self.mailbox.figures;
        let state_is_bad = matches!(self.mailbox.state.as_str(), "Failed" | "Stalled" | "Retrying");
        figures.left_out + figures.bad_containers == 0 && !state_is_bad && self.mailbox.why.is_empty() && self.not_there().is_empty()
    }

    pub fn not_there(&self) -> &[ItemReport] {
        self.request.map_or(&[], |of| &of.not_there)
    }
}
