//! Copy queue and replay queue in words, for `status` of an agent and of the console (R14).

use mailferry_core::engine::{CopyQueueReport, ReplicationReport};

/// A line for each other node, one for the own folder, one for a log that is not whole. Ages are those at `now_ms`: a report that
/// nobody renews grows old with what waits.
pub fn queue_lines(replication: &ReplicationReport, now_ms: u64) -> Vec<String> {
    let mut lines: Vec<String> = replication.copy.iter().map(|queue| copy_line(queue, now_ms)).collect();
    lines.extend(replay_line(replication, now_ms));
    lines.extend(replication.wants_snapshot.iter().map(|why| format!("waits for a snapshot: {why}")));
    lines
}

fn copy_line(queue: &CopyQueueReport, now_ms: u64) -> String {
    let waits = match queue.sets {
        Some(0) => "nothing waits".to_owned(),
        Some(sets) => format!("{sets} change sets of {} bytes wait{}", queue.bytes, oldest(queue.oldest_ms, now_ms)),
        None => format!("it needs a snapshot{}", oldest(queue.oldest_ms, now_ms)),
    };
    let unreplayed = queue.unreplayed.filter(|sets| *sets > 0).map_or(String::new(), |sets| format!(", {sets} not replayed there"));
    let last = queue.replicated_ms.map_or("never replicated".to_owned(), |ms| format!("replicated {} ago", span(ms, now_ms)));
    format!("copy queue to {}: {waits}{unreplayed}, {last}", queue.node)
}

fn replay_line(replication: &ReplicationReport, now_ms: u64) -> Option<String> {
    let replay = &replication.replay;
    let waits = match replay.files {
        0 => "nothing waits".to_owned(),
        files => format!("{} change sets in {files} files wait{}", replay.sets, oldest(replay.oldest_ms, now_ms)),
    };
    let replayed = replication
        .replayed_ms
        .map(|ms| format!(", replayed up to {} of epoch {} {} ago", replication.lsn, replication.epoch, span(ms, now_ms)));
    let silent = replayed.is_none() && replay.files == 0;
    (!silent).then(|| format!("replay queue: {waits}{}", replayed.unwrap_or_default()))
}

fn oldest(ms: Option<u64>, now_ms: u64) -> String {
    ms.map_or(String::new(), |ms| format!(", the oldest for {}", span(ms, now_ms)))
}

fn span(then_ms: u64, now_ms: u64) -> String {
    format!("{} s", now_ms.saturating_sub(then_ms) / 1000)
}

#[cfg(test)]
mod tests {
    use mailferry_core::engine::ReplayQueueReport;

    use super::*;

    fn copy(sets: Option<u64>) -> CopyQueueReport {
        let oldest_ms = (sets != Some(0)).then_some(40_000);
        CopyQueueReport { node: "SRC2".into(), sets, bytes: 3_600, oldest_ms, replicated_ms: Some(39_000), ..CopyQueueReport::default() }
    }

    #[test]
    fn an_active_node_says_what_each_standby_lacks_and_since_when() {
        for (queue, line) in [
            (copy(Some(0)), "copy queue to SRC2: nothing waits, replicated 61 s ago"),
            (copy(Some(3)), "copy queue to SRC2: 3 change sets of 3600 bytes wait, the oldest for 60 s, replicated 61 s ago"),
            (copy(None), "copy queue to SRC2: it needs a snapshot, the oldest for 60 s, replicated 61 s ago"),
            (
                CopyQueueReport { unreplayed: Some(2), replicated_ms: None, ..copy(Some(0)) },
                "copy queue to SRC2: nothing waits, 2 not replayed there, never replicated",
            ),
        ] {
            let report = ReplicationReport { copy: vec![queue], ..ReplicationReport::default() };
            assert_eq!(queue_lines(&report, 100_000), [line]);
        }
    }

    #[test]
    fn a_standby_says_what_waits_to_be_replayed_and_why_it_is_not() {
        let report = ReplicationReport { epoch: 2, lsn: 41, replayed_ms: Some(97_000), ..ReplicationReport::default() };
        assert_eq!(queue_lines(&report, 100_000), ["replay queue: nothing waits, replayed up to 41 of epoch 2 3 s ago"]);
        let replay = ReplayQueueReport { files: 2, sets: 5, oldest_ms: Some(90_000), ..ReplayQueueReport::default() };
        let waiting = ReplicationReport { replay, wants_snapshot: Some("a hole".into()), ..report };
        assert_eq!(
            queue_lines(&waiting, 100_000),
            [
                "replay queue: 5 change sets in 2 files wait, the oldest for 10 s, replayed up to 41 of epoch 2 3 s ago",
                "waits for a snapshot: a hole"
            ]
        );
    }

    #[test]
    fn a_server_without_a_second_node_says_nothing() {
        assert_eq!(queue_lines(&ReplicationReport::default(), 100_000), Vec::<String>::new());
    }
}
