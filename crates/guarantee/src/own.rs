//! The suite's own replicated state: how far the databases of the target agents are (R77).
//!
//! It says of the ledger, not of the mail: for stores that both nodes share, where what matters is that the other node knows
//! what has been applied. Read from what the agents leave behind after each session (docs/reference/status.md).

use mailferry_core::engine::{CopyQueueReport, SessionReport};
use mailferry_rules::guarantee::{Copy, State};

use crate::provider::Provider;

pub struct OwnState {
    pub nodes: Vec<OwnNode>,
}

#[derive(Clone, PartialEq, Eq, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnNode {
    pub name: String,
    pub site: Option<String>,
    /// status.json of its target agent, as this node reaches it.
    pub status: String,
}

const STATUS_BYTES_MAX: u64 = 64 << 20;

fn read(path: &str) -> Result<SessionReport, String> {
    let about = std::fs::metadata(path).map_err(|error| format!("{path}: {error}"))?;
    if about.len() > STATUS_BYTES_MAX {
        return Err(format!("{path} is too long"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    serde_json::from_str(&text).map_err(|error| format!("{path}: {error}"))
}

impl Provider for OwnState {
    fn copies(&self, _store: &str) -> Result<Vec<Copy>, String> {
        let reports = self.nodes.iter().map(|node| (node, read(&node.status)));
        copies(&reports.collect::<Vec<_>>())
    }
}

type Told<'a> = (&'a OwnNode, Result<SessionReport, String>);

fn copies(told: &[Told<'_>]) -> Result<Vec<Copy>, String> {
    let is_active = |report: &SessionReport| report.role.split(' ').next() == Some("active");
    // After a takeover the one before may have left a report of its time.
    let actives =
        told.iter().filter_map(|(node, report)| report.as_ref().ok().filter(|report| is_active(report)).map(|report| (*node, report)));
    let (active, report) = actives.max_by_key(|(_, report)| report.epoch).ok_or("no target agent says that it is active")?;
    Ok(told.iter().map(|(node, own)| if *node == active { of_active(node) } else { of_standby(node, own, report) }).collect())
}

fn of_active(node: &OwnNode) -> Copy {
    Copy { site: node.site.clone(), ..Copy::new(&node.name, true, State::Mounted) }
}

fn of_standby(node: &OwnNode, own: &Result<SessionReport, String>, active: &SessionReport) -> Copy {
    let queue = active.replication.copy.iter().find(|queue| queue.node.eq_ignore_ascii_case(&node.name));
    let state = match (own, queue) {
        (Err(why), _) => State::Unreachable(why.clone()),
        (Ok(_), None) => State::Unreachable("the active agent says nothing of it".into()),
        (Ok(own), _) if own.replication.wants_snapshot.is_some() => State::Other("Seeding".into()),
        (Ok(_), Some(CopyQueueReport { sets: None, .. })) => State::Other("Seeding".into()),
        (Ok(_), Some(_)) => State::Healthy,
    };
    let all_replayed = queue.filter(|queue| queue.sets == Some(0) && queue.unreplayed == Some(0));
    Copy {
        site: node.site.clone(),
        copy_queue: queue.and_then(|queue| queue.sets),
        replay_behind_ms: all_replayed.map(|_| 0).or_else(|| waiting(active, queue?)),
        replayed_until_ms: all_replayed.and_then(|queue| queue.replicated_ms),
        ..Copy::new(&node.name, false, state)
    }
}

/// Since when something waits.
fn waiting(active: &SessionReport, queue: &CopyQueueReport) -> Option<u64> {
    let since_ms = queue.oldest_ms.or(queue.replicated_ms)?;
    Some(active.finished_ms.saturating_sub(since_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(name: &str) -> OwnNode {
        OwnNode { name: name.into(), site: Some("X".into()), status: String::new() }
    }

    fn report(role: &str, epoch: u64, queue: Option<CopyQueueReport>) -> SessionReport {
        let mut report: SessionReport = serde_json::from_value(serde_json::json!({
            "agent": "target", "node": "", "role": role, "epoch": epoch, "started_ms": 1, "finished_ms": 100_000, "end": "completed",
            "counts": mailferry_core::engine::Counts::default(), "stalls": [], "deletion_debts": [], "coverage_debts": [],
            "containers": 0, "containers_answered": 0, "containers_bad": [], "copy_queue": 0, "lsn": 9
        }))
        .unwrap();
        report.replication.copy.extend(queue);
        report
    }

    fn queue(sets: Option<u64>, unreplayed: Option<u64>) -> CopyQueueReport {
        let (oldest_ms, replicated_ms) = ((sets != Some(0)).then_some(40_000), Some(90_000));
        CopyQueueReport { node: "t2".into(), sets, unreplayed, oldest_ms, replicated_ms, ..CopyQueueReport::default() }
    }

    fn standby(queue: Option<CopyQueueReport>) -> Copy {
        let (one, two) = (node("T1"), node("T2"));
        let told = [(&one, Ok(report("active", 3, queue))), (&two, Ok(report("standby", 0, None)))];
        copies(&told).unwrap()[1].clone()
    }

    #[test]
    fn a_standby_has_replayed_when_nothing_waits_on_either_node() {
        assert_eq!(standby(Some(queue(Some(0), Some(0)))).replayed_until_ms, Some(90_000));
        for (sets, unreplayed) in [(Some(3), Some(0)), (Some(0), Some(1)), (Some(0), None), (None, None)] {
            let copy = standby(Some(queue(sets, unreplayed)));
            assert_eq!(copy.replayed_until_ms, None, "{sets:?} {unreplayed:?}");
            assert_eq!(copy.copy_queue, sets);
            assert_eq!(copy.state == State::Healthy, sets.is_some());
        }
        assert!(matches!(standby(None).state, State::Unreachable(_)));
    }

    #[test]
    fn the_newest_activation_is_the_active_one_and_without_one_there_is_no_answer() {
        let (one, two) = (node("T1"), node("T2"));
        let told = [(&one, Ok(report("active", 3, None))), (&two, Ok(report("active", 4, None)))];
        let active: Vec<bool> = copies(&told).unwrap().iter().map(|copy| copy.active).collect();
        assert_eq!(active, [false, true]);
        let told = [(&one, Err("gone".into())), (&two, Ok(report("standby", 0, None)))];
        assert!(copies(&told).is_err());
        let told = [(&one, Ok(report("active", 3, Some(queue(Some(0), Some(0)))))), (&two, Err("gone".into()))];
        assert_eq!(copies(&told).unwrap()[1].state, State::Unreachable("gone".into()));
    }
}
