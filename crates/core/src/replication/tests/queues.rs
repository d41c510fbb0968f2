//! The numbers that `status` shows: what waits to be copied, what waits to be replayed, and since when.

use std::sync::atomic::{AtomicU64, Ordering};

use super::*;
use crate::ports::Clock;

#[derive(Default)]
struct Watch(AtomicU64);

impl Watch {
    fn set(&self, now_ms: u64) {
        self.0.store(now_ms, Ordering::Relaxed);
    }
}

impl Clock for Watch {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn timed_pair() -> (Node, Node, Arc<Watch>) {
    let (mut active, mut standby) = active_and_standby();
    let watch = Arc::new(Watch::default());
    for node in [&mut active, &mut standby] {
        node.db.set_clock(watch.clone());
    }
    watch.set(1_000);
    active.ship_to(&standby).unwrap();
    standby.replay().unwrap();
    (active, standby, watch)
}

fn copy(active: &Node) -> CopyQueue {
    copy_queue(&active.db, "B").unwrap()
}

fn replays(standby: &Node) -> ReplayQueue {
    replay_queue(&standby.db, &standby.disk, &who("B")).unwrap()
}

/// Three change sets, a second apart.
fn work(active: &mut Node, watch: &Watch) {
    for second in 2..5 {
        watch.set(second * 1_000);
        active.set("a", &second.to_string());
    }
}

#[test]
fn the_copy_queue_counts_what_a_standby_lacks_and_tells_the_age_of_the_oldest() {
    let (mut active, standby, watch) = timed_pair();
    assert_eq!((copy(&active).sets, copy(&active).bytes, copy(&active).oldest_ms), (Some(0), 0, None));
    work(&mut active, &watch);
    let queue = copy(&active);
    assert_eq!((queue.sets, queue.oldest_ms, queue.brought_ms), (Some(3), Some(2_000), Some(1_000)));
    assert_eq!(queue.bytes, active.db.changes(1, 9, 1 << 20).unwrap().iter().map(|set| set.changes.len() as u64).sum::<u64>());
    // Held back in part: the rest is counted, not the whole outbox.
    ship(&mut active.db, &standby.disk, &who("A"), "B", Some(3)).unwrap();
    let queue = copy(&active);
    assert_eq!((queue.sets, queue.oldest_ms), (Some(1), Some(4_000)));
    assert_eq!(queue.bytes, active.db.changes(3, 9, 1 << 20).unwrap()[0].changes.len() as u64);
    active.ship_to(&standby).unwrap();
    assert_eq!((copy(&active).sets, copy(&active).oldest_ms, copy(&active).brought_ms), (Some(0), None, Some(4_000)));
}

#[test]
fn a_standby_that_needs_a_snapshot_has_no_number_of_change_sets() {
    let (mut active, _, watch) = timed_pair();
    assert_eq!(copy_queue(&active.db, "NEW").unwrap().sets, None);
    active.db.begin_epoch(Epoch(2)).unwrap();
    work(&mut active, &watch);
    assert_eq!((copy(&active).sets, copy(&active).oldest_ms), (None, Some(2_000)));
}

#[test]
fn the_replay_queue_counts_what_lies_unreplayed_and_tells_the_age_of_the_oldest() {
    let (mut active, mut standby, watch) = timed_pair();
    assert_eq!(replays(&standby), ReplayQueue::default());
    work(&mut active, &watch);
    ship(&mut active.db, &standby.disk, &who("A"), "B", Some(3)).unwrap();
    active.ship_to(&standby).unwrap();
    let queue = replays(&standby);
    assert_eq!((queue.files, queue.sets, queue.oldest_ms, queue.up_to), (2, 3, Some(2_000), Some(4)));
    assert_eq!(queue.bytes, standby.disk.bytes(".chg"));
    watch.set(9_000);
    standby.replay().unwrap();
    assert_eq!(replays(&standby), ReplayQueue::default());
    let times = standby.db.times().unwrap();
    assert_eq!((times.committed_ms, times.replayed_ms), (4_000, 9_000));
    assert_eq!(active.db.times().unwrap().replayed_ms, 0);
}

#[test]
fn what_waits_behind_a_missing_file_is_counted_until_the_snapshot_has_come() {
    let (mut active, mut standby, watch) = timed_pair();
    work(&mut active, &watch);
    for up_to in 2..5 {
        ship(&mut active.db, &standby.disk, &who("A"), "B", Some(up_to)).unwrap();
    }
    standby.disk.take("00000000000000000003-00000000000000000003");
    assert!(standby.replay().unwrap().wants.is_some());
    let queue = replays(&standby);
    assert_eq!((queue.files, queue.sets, queue.oldest_ms), (1, 1, Some(4_000)));
    active.ship_to(&standby).unwrap();
    watch.set(9_000);
    standby.replay().unwrap();
    assert_eq!(replays(&standby), ReplayQueue::default());
    assert_eq!(standby.db.times().unwrap().committed_ms, 4_000);
}

#[test]
fn the_shipper_sees_how_far_the_standby_has_replayed() {
    let (mut active, mut standby, _) = timed_pair();
    active.set("a", "2");
    assert_eq!(active.ship_to(&standby).unwrap().applied, Some(1));
    assert_eq!(active.ship_to(&standby).unwrap().applied, Some(1));
    standby.replay().unwrap();
    assert_eq!(active.ship_to(&standby).unwrap().applied, Some(2));
}
