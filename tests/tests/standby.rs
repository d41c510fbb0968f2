//! Standbys as services: they replay what comes, when it comes, and say so (R14, R30).
//!
//! Their sleep is set to an hour, so that only what the active node ships can wake them. The active agents run session by session.

use std::time::{Duration, Instant};

use mailferry_core::engine::SessionReport;
use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::{Bed, Plan, Services, sample, wait_until};

/// What a busy machine may take. An agent that is not woken sleeps an hour.
const PATIENCE: Duration = Duration::from_secs(30);
/// Rounds of all active agents.
const SHIPS: u64 = 3;

const SETTINGS: &str = "[settings.source]\nSleepInterval = \"1h\"\nTransmissionPollInterval = \"1h\"
[settings.transmission]\nSleepInterval = \"1h\"\nTransmissionPollInterval = \"1h\"
[settings.target]\nSleepInterval = \"1h\"\nTransmissionPollInterval = \"1h\"\n";

fn standbys(bed: &Bed) -> Vec<(String, AgentKind)> {
    bed.agents().into_iter().filter(|(node, _)| [Side::Source, Side::Target].iter().all(|side| bed.active(*side) != *node)).collect()
}

/// The report of a standby that stands where the active node's agent does.
fn caught_up(bed: &Bed, node: &str, kind: AgentKind, active: &SessionReport) -> Option<SessionReport> {
    let report = bed.report(node, kind)?;
    let at = |report: &SessionReport| (report.replication.epoch, report.replication.lsn, report.replication.committed_ms);
    (report.role.starts_with("passive") && at(&report) == at(active)).then_some(report)
}

#[test]
fn standbys_of_all_agents_replay_what_comes_without_waiting_for_their_poll() {
    let bed = Plan::new(2, 2).sample("alice", 3).settings(SETTINGS).build();
    let mut services = Services::none(&bed);
    let standbys = standbys(&bed);
    for (node, kind) in &standbys {
        services.start(node, *kind);
    }
    let mut user = sample::User::of(&bed.path("mail/old/alice"), 7);
    let mut slowest = Duration::ZERO;
    for _ in 0..SHIPS {
        (0..2).for_each(|_| user.work());
        for (standby, kind) in &standbys {
            let side = if bed.nodes(Side::Source).contains(standby) { Side::Source } else { Side::Target };
            let active = bed.once(&bed.active(side), *kind);
            let shipped = Instant::now();
            let mut report = None;
            wait_until(&format!("the {kind} agent of {standby} has replayed"), PATIENCE, || {
                services.assert_running();
                report = caught_up(&bed, standby, *kind, &active);
                report.is_some()
            });
            slowest = slowest.max(shipped.elapsed());
            let replay = report.expect("it has just been seen").replication.replay;
            assert_eq!((replay.files, replay.sets), (0, 0), "the {kind} agent of {standby}");
            let queues = &active.replication.copy;
            assert_eq!((queues.len(), queues[0].sets, queues[0].bytes), (1, Some(0), 0), "the {kind} agent of {standby}");
        }
    }
    writeln(&format!("slowest replay: {} ms after the active agent's session", slowest.as_millis()));
}

#[test]
fn a_standby_that_does_not_run_is_seen_by_the_active_node() {
    let bed = Plan::new(2, 1).sample("alice", 3).settings("[settings.source]\nContainerItemsMax = 1").build();
    let (first, second) = ("SRC1", "SRC2");
    let queue = |report: &SessionReport| report.replication.copy[0].clone();
    bed.once(first, AgentKind::Source);
    bed.once(second, AgentKind::Source);
    assert_eq!(queue(&bed.once(first, AgentKind::Source)).unreplayed, Some(0));
    let mut user = sample::User::of(&bed.path("mail/old/alice"), 7);
    (0..5).for_each(|_| user.work());
    bed.once(first, AgentKind::Source);
    let behind = queue(&bed.once(first, AgentKind::Source));
    assert!(behind.sets == Some(0) && behind.unreplayed.is_some_and(|sets| sets > 0), "{behind:?}");
    // Its share away as well: now nothing can be shipped.
    let (share, aside) = (bed.share(second), bed.path("aside"));
    std::fs::rename(&share, &aside).expect("a share goes away");
    (0..5).for_each(|_| user.work());
    let held_up = bed.once(first, AgentKind::Source).replication;
    assert_eq!((held_up.copy[0].sets, held_up.copy[0].replicated_ms.is_some()), (Some(0), true), "without replication no item is touched");
    std::fs::rename(&aside, &share).expect("a share comes back");
    let back = bed.once(first, AgentKind::Source).replication.lsn;
    assert_eq!(bed.once(second, AgentKind::Source).replication.lsn, back);
}

fn writeln(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr(), "{text}");
}
