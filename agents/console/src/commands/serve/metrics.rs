//! The fleet for Prometheus, as OpenMetrics. A series for each mailbox would be ten thousand of each kind: mailboxes are told by
//! collection and state.

use std::sync::atomic::AtomicU64;

use mailferry_core::engine::{SessionEnd, SessionReport};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

use crate::fleet::{AgentSeen, Figures, Fleet};

pub const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

type Labels = Vec<(&'static str, String)>;
type OfFigures = fn(&Figures) -> u64;
type Values = Family<Labels, Gauge<f64, AtomicU64>>;

struct Page {
    registry: Registry,
}

impl Page {
    fn gauge(&mut self, name: &str, help: &str) -> Values {
        let values = Values::default();
        self.registry.register(name, help, values.clone());
        values
    }

    fn single(&mut self, name: &str, help: &str, value: f64) {
        let gauge = Gauge::<f64, AtomicU64>::default();
        gauge.set(value);
        self.registry.register(name, help, gauge);
    }

    fn counter(&mut self, name: &str, help: &str) -> Family<Labels, Counter> {
        let values = Family::<Labels, Counter>::default();
        self.registry.register(name, help, values.clone());
        values
    }
}

fn set(values: &Values, labels: &Labels, value: f64) {
    values.get_or_create(labels).set(value);
}

pub fn text(fleet: &Fleet) -> String {
    let mut page = Page { registry: Registry::with_prefix("mailferry") };
    agents(&mut page, fleet);
    queues(&mut page, fleet);
    mailboxes(&mut page, fleet);
    requests(&mut page, fleet);
    page.single("unreadable_files", "Files of agents that could not be read, beside their reports", fleet.troubles.len() as f64);
    let mut text = String::new();
    match encode(&mut text, &page.registry) {
        Ok(()) => text,
        Err(_) => "# EOF\n".to_owned(),
    }
}

fn labels(seen: &AgentSeen) -> Labels {
    vec![("side", seen.side.to_owned()), ("node", seen.node.clone()), ("agent", seen.agent.to_string())]
}

fn seconds(now_ms: u64, then_ms: u64) -> f64 {
    now_ms.saturating_sub(then_ms) as f64 / 1000.0
}

fn agents(page: &mut Page, fleet: &Fleet) {
    let up = page.gauge("agent_reports", "1: the agent has left a report that can be read");
    fleet.agents.iter().for_each(|seen| set(&up, &labels(seen), f64::from(u8::from(seen.report.is_some()))));
    let now_ms = fleet.looked_ms;
    let flag = |yes: bool| f64::from(u8::from(yes));
    type Read = Box<dyn Fn(&SessionReport) -> f64>;
    let all: [(&str, &str, Read); 9] = [
        ("agent_active", "1: the node is active for this agent", Box::new(move |of| flag(of.role == "active"))),
        ("agent_epoch", "Number of its activation", Box::new(|of| of.epoch as f64)),
        ("agent_report_age_seconds", "Since the end of its last session", Box::new(move |of| seconds(now_ms, of.finished_ms))),
        ("agent_session_seconds", "How long its last session took", Box::new(|of| seconds(of.finished_ms, of.started_ms))),
        ("agent_held_up", "1: its last session ended early", Box::new(move |of| flag(matches!(of.end, SessionEnd::HeldUp(_))))),
        ("agent_stalls", "What waits, of its last session", Box::new(|of| of.stalls.len() as f64)),
        ("agent_deletion_debts", "Deletions that are owed", Box::new(|of| of.deletion_debts.len() as f64)),
        ("agent_coverage_debts", "Copies that a standby lacks", Box::new(|of| of.coverage_debts.len() as f64)),
        ("agent_bad_containers", "Containers that were damaged or given up", Box::new(|of| of.containers_bad.len() as f64)),
    ];
    for (name, help, read) in all {
        let values = page.gauge(name, help);
        fleet.reports().for_each(|(seen, report)| set(&values, &labels(seen), read(report)));
    }
    let oldest = page.gauge("agent_oldest_debt_age_seconds", "Since when the oldest debt is owed; without debts not there");
    for (seen, report) in fleet.reports() {
        let since_ms = report.deletion_debts.iter().chain(&report.coverage_debts).map(|debt| debt.since_ms).min();
        since_ms.into_iter().for_each(|since_ms| set(&oldest, &labels(seen), seconds(now_ms, since_ms)));
    }
}

fn queues(page: &mut Page, fleet: &Fleet) {
    let sets = page.gauge("copy_queue_sets", "Change sets of the agent's database that a standby lacks");
    let bytes = page.gauge("copy_queue_bytes", "Bytes of these");
    let age = page.gauge("copy_queue_age_seconds", "Age of the oldest of these");
    let snapshot = page.gauge("copy_queue_needs_snapshot", "1: the standby needs a snapshot of the database");
    let replay = page.gauge("replay_queue_sets", "Change sets that lie at a standby and are not replayed");
    let replay_age = page.gauge("replay_queue_age_seconds", "Age of the oldest of these");
    let now_ms = fleet.looked_ms;
    let age_of = |oldest_ms: Option<u64>| oldest_ms.map_or(0.0, |oldest_ms| seconds(now_ms, oldest_ms));
    for (seen, report) in fleet.reports() {
        for queue in &report.replication.copy {
            let labels: Labels = labels(seen).into_iter().chain([("to", queue.node.clone())]).collect();
            queue.sets.into_iter().for_each(|number| set(&sets, &labels, number as f64));
            set(&bytes, &labels, queue.bytes as f64);
            set(&age, &labels, age_of(queue.oldest_ms));
            set(&snapshot, &labels, f64::from(u8::from(queue.sets.is_none())));
        }
        if !seen.is_active() {
            set(&replay, &labels(seen), report.replication.replay.sets as f64);
            set(&replay_age, &labels(seen), age_of(report.replication.replay.oldest_ms));
        }
    }
}

fn mailboxes(page: &mut Page, fleet: &Fleet) {
    let states = page.gauge("mailboxes", "Mailboxes of the project");
    for (collection, sums) in &fleet.totals.collections {
        for (state, number) in &sums.states {
            set(&states, &vec![("collection", collection.clone()), ("state", state.clone())], *number as f64);
        }
    }
    let grow: [(&str, &str, OfFigures); 7] = [
        ("containers", "Containers put into OUT", |of| of.containers),
        ("containers_answered", "Of these, those that the target has answered", |of| of.answered),
        ("items", "Items in these containers; what was sent again counts again", |of| of.items),
        ("container_bytes", "Bytes of these containers", |of| of.bytes),
        ("applied", "Records that changed the target", |of| of.applied),
        ("already_there", "Items that were at the target already", |of| of.already),
        ("found_again", "Items found again after an interruption", |of| of.found),
    ];
    for (name, help, read) in grow {
        let values = page.counter(name, help);
        for (collection, sums) in &fleet.totals.collections {
            values.get_or_create(&vec![("collection", collection.clone())]).inc_by(read(&sums.figures));
        }
    }
    let stand: [(&str, &str, OfFigures); 3] = [
        ("containers_on_their_way", "Containers without an answer", Figures::on_their_way),
        ("items_left_out", "Items that are not at the target though a container named them", |of| of.left_out),
        ("containers_bad", "Containers that were damaged, given up or refused at the target", |of| of.bad_containers),
    ];
    for (name, help, read) in stand {
        let values = page.gauge(name, help);
        for (collection, sums) in &fleet.totals.collections {
            set(&values, &vec![("collection", collection.clone())], read(&sums.figures) as f64);
        }
    }
}

fn requests(page: &mut Page, fleet: &Fleet) {
    let all = [
        ("move_requests", "Move requests", fleet.totals.requests as f64),
        ("move_bad_items", "Bad items of move requests", fleet.totals.bad_items as f64),
        ("move_large_items", "Large items of move requests", fleet.totals.large_items as f64),
        ("first_copies_left", "Requests whose first copy is still to be made and that nothing stops", fleet.pace.left as f64),
    ];
    for (name, help, value) in all {
        page.single(name, help, value);
    }
    if let Some(eta_s) = fleet.pace.eta_s {
        let help = "Until all first copies are made, at the pace of the last day; not there while there is none";
        page.single("first_copies_eta_seconds", help, eta_s as f64);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::fleet::fixture::Fixture;

    /// Names of series, as Prometheus stores them.
    fn series(text: &str) -> BTreeSet<String> {
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines.map(|line| line.split(['{', ' ']).next().unwrap_or_default().to_owned()).collect()
    }

    fn named(text: &str) -> BTreeSet<String> {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
        words.filter(|word| word.starts_with("mailferry_")).map(str::to_owned).collect()
    }

    #[test]
    fn every_value_stands_under_its_labels() {
        let (fleet, _) = Fixture::new(2_020).look();
        let text = text(&fleet);
        for line in [
            "mailferry_agent_active{side=\"source\",node=\"SRC1\",agent=\"source\"} 1.0",
            "mailferry_agent_report_age_seconds{side=\"source\",node=\"SRC1\",agent=\"source\"} 20.0",
            "mailferry_agent_held_up{side=\"target\",node=\"TGT2\",agent=\"target\"} 1.0",
            "mailferry_agent_oldest_debt_age_seconds{side=\"source\",node=\"SRC1\",agent=\"source\"} 5400.0",
            "mailferry_copy_queue_sets{side=\"source\",node=\"SRC1\",agent=\"source\",to=\"SRC2\"} 17.0",
            "mailferry_copy_queue_age_seconds{side=\"source\",node=\"SRC1\",agent=\"source\",to=\"SRC2\"} 120.0",
            "mailferry_containers_total{collection=\"wave 1\"} 4000",
            "mailferry_containers_on_their_way{collection=\"wave 1\"} 100.0",
            "mailferry_mailboxes{collection=\"wave 1\",state=\"Stalled\"} 1.0",
            "mailferry_move_requests 1010.0",
        ] {
            assert!(text.lines().any(|told| told == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn ten_thousand_mailboxes_are_as_many_series_as_their_collections_and_states() {
        let (fleet, _) = Fixture::new(10_000).look();
        let lines = text(&fleet).lines().count();
        assert!(lines < 600, "{lines} lines");
    }

    #[test]
    fn alerts_and_dashboard_name_only_what_is_there() {
        let (fleet, _) = Fixture::new(2_020).look();
        let there = series(&text(&fleet));
        let config = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
        for (file, least) in [("prometheus/alerts.yml", 8), ("grafana/mailferry.json", 12)] {
            let text = std::fs::read_to_string(config.join(file)).expect("a file of config");
            let named = named(&text);
            let unknown: Vec<&String> = named.difference(&there).collect();
            assert!(unknown.is_empty(), "{file} names {unknown:?}");
            assert!(named.len() >= least, "{file} names {named:?}");
        }
        let page = std::fs::read_to_string(config.join("../docs/reference/metrics.md")).expect("a page");
        let told = named(&page);
        assert_eq!(there.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new(), "not on the page");
        assert_eq!(told.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "only on the page");
        let grafana = std::fs::read(config.join("grafana/mailferry.json")).expect("a file of config");
        let dashboard: serde_json::Value = serde_json::from_slice(&grafana).expect("JSON");
        assert!(dashboard["panels"].as_array().is_some_and(|panels| panels.len() >= 8));
    }
}
