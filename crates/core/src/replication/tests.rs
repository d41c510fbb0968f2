#![allow(clippy::unwrap_used, clippy::panic)]

mod disk;
mod formats;
mod kills;
mod queues;
mod swarm;

use std::sync::Arc;

use mailferry_rules::ids::Epoch;

use super::*;
use crate::ports::{Share, UnwatchedSteps};
use crate::state::{Database, StateError, tests as state};
use disk::{Disk, Fuse};

fn who(node: &str) -> Identity {
    Identity { cluster: "SRC".into(), agent: "source".into(), node: node.into() }
}

/// A node: its database and its disk.
struct Node {
    name: &'static str,
    db: Database,
    disk: Disk,
}

impl Node {
    fn new(name: &'static str) -> Self {
        Node::fused(name, &Arc::new(Fuse::default()))
    }

    fn fused(name: &'static str, fuse: &Arc<Fuse>) -> Self {
        Node { name, db: Database::open_trial(None, fuse.clone(), state::PROBE).unwrap(), disk: Disk::new(name, fuse.clone()) }
    }

    fn set(&mut self, name: &str, value: &str) {
        state::set(&mut self.db, name, value).unwrap();
    }

    fn ship_to(&mut self, standby: &Node) -> Result<Shipped, ReplicationError> {
        ship(&mut self.db, &standby.disk, &who(self.name), standby.name, None)
    }

    fn replay(&mut self) -> Result<Replayed, ReplicationError> {
        replay(&mut self.db, &self.disk, &who(self.name))
    }
}

fn active_and_standby() -> (Node, Node) {
    let (mut active, standby) = (Node::new("A"), Node::new("B"));
    active.db.begin_epoch(Epoch(1)).unwrap();
    active.set("first", "1");
    (active, standby)
}

fn paired() -> (Node, Node) {
    let (mut active, mut standby) = active_and_standby();
    active.ship_to(&standby).unwrap();
    standby.replay().unwrap();
    (active, standby)
}

fn assert_equal(a: &Node, b: &Node) {
    assert_eq!(a.db.position().unwrap(), b.db.position().unwrap());
    assert_eq!(a.db.row_digest().unwrap(), b.db.row_digest().unwrap());
}

#[test]
fn a_standby_that_replays_what_is_shipped_is_equal() {
    let (mut active, mut standby) = active_and_standby();
    let first = active.ship_to(&standby).unwrap();
    assert!(first.snapshot.is_some());
    standby.replay().unwrap();
    assert_equal(&active, &standby);
    (0..10).for_each(|n| active.set("counter", &n.to_string()));
    let second = active.ship_to(&standby).unwrap();
    assert_eq!((second.snapshot, second.files, second.lsn), (None, 1, 11));
    let replayed = standby.replay().unwrap();
    assert_eq!((replayed.sets, replayed.changes), (10, 10));
    assert_equal(&active, &standby);
    assert_eq!(standby.disk.names(), ["NTA/REP/source/ack"]);
}

#[test]
fn nothing_new_ships_nothing() {
    let (mut active, standby) = paired();
    let again = active.ship_to(&standby).unwrap();
    assert_eq!(again, Shipped { lsn: 1, applied: Some(1), ..Shipped::default() });
}

#[test]
fn what_was_shipped_is_not_shipped_again_before_it_is_replayed() {
    let (mut active, mut standby) = paired();
    for n in 0..5 {
        active.set("counter", &n.to_string());
        assert_eq!(active.ship_to(&standby).unwrap().files, 1);
        assert_eq!(active.ship_to(&standby).unwrap().files, 0);
    }
    active.db.prune(&["B"]).unwrap();
    assert_eq!(active.db.outbox().unwrap().sets, 0);
    assert_eq!(standby.replay().unwrap().files, 5);
    assert_equal(&active, &standby);
}

#[test]
fn without_an_epoch_nothing_is_shipped() {
    let (mut active, standby) = (Node::new("A"), Node::new("B"));
    active.set("a", "1");
    assert!(matches!(active.ship_to(&standby), Err(ReplicationError::NoEpoch)));
    assert!(standby.disk.names().is_empty());
}

#[test]
fn records_held_back_are_not_shipped() {
    let (mut active, mut standby) = paired();
    (0..5).for_each(|n| active.set("counter", &n.to_string()));
    let shipped = ship(&mut active.db, &standby.disk, &who("A"), "B", Some(4)).unwrap();
    assert_eq!(shipped.lsn, 4);
    standby.replay().unwrap();
    assert_eq!(standby.db.position().unwrap().lsn, 4);
    active.db.begin_epoch(Epoch(2)).unwrap();
    let snapshot = ship(&mut active.db, &standby.disk, &who("A"), "B", Some(4));
    assert!(matches!(snapshot, Err(ReplicationError::HeldBack { up_to: 4, lsn: 6 })));
}

#[test]
fn an_outbox_that_does_not_reach_back_is_mended_by_a_snapshot() {
    let (mut active, mut standby) = paired();
    active.db.set_outbox_bytes_max(200);
    (0..50).for_each(|n| active.set(&format!("name {n}"), "value"));
    assert!(active.ship_to(&standby).unwrap().snapshot.is_some());
    standby.replay().unwrap();
    assert_equal(&active, &standby);
}

#[test]
fn a_lost_folder_is_noticed_and_mended() {
    let (mut active, mut standby) = paired();
    active.set("a", "1");
    active.ship_to(&standby).unwrap();
    standby.disk.wipe();
    assert!(active.ship_to(&standby).unwrap().snapshot.is_some());
    standby.replay().unwrap();
    assert_equal(&active, &standby);
}

#[test]
fn a_damaged_file_is_moved_aside_and_replaced_by_a_snapshot() {
    for damage in [disk::Damage::Flip, disk::Damage::Cut, disk::Damage::Empty] {
        let (mut active, mut standby) = paired();
        active.set("a", "1");
        active.ship_to(&standby).unwrap();
        standby.disk.damage(".chg", damage);
        active.set("a", "2");
        active.ship_to(&standby).unwrap();
        let replayed = standby.replay().unwrap();
        assert_eq!((replayed.refused.len(), replayed.wants.is_some()), (1, true));
        assert_eq!(standby.db.position().unwrap().lsn, 1);
        assert_eq!(active.ship_to(&standby).unwrap().snapshot, Some("the standby asks for it"));
        assert_eq!(active.ship_to(&standby).unwrap().files, 0, "one snapshot serves the request");
        standby.disk.damage(".snap", damage);
        assert!(standby.replay().unwrap().wants.is_some());
        active.ship_to(&standby).unwrap();
        assert_eq!(standby.replay().unwrap().wants, None);
        assert_equal(&active, &standby);
        assert!(standby.disk.names().iter().all(|name| name.ends_with("/ack") || name.contains("/REFUSED/")), "{:?}", standby.disk.names());
    }
}

#[test]
fn no_bytes_crash_a_reader() {
    let (mut active, standby) = paired();
    active.set("a", &"x".repeat(300));
    active.ship_to(&standby).unwrap();
    let (_, content) = standby.disk.file(".chg");
    let body = &content[..content.len() - sealed::SEAL_BYTES];
    assert!(change_file::read(body).is_ok());
    for cut in 0..body.len() {
        assert!(change_file::read(&body[..cut]).is_err(), "{cut}");
    }
    for place in 0..body.len() {
        for flip in [1, 0x80, 0xff] {
            let mut damaged = body.to_vec();
            damaged[place] ^= flip;
            let _ = change_file::read(&damaged);
        }
    }
}

#[test]
fn a_snapshot_with_a_whole_seal_and_wrong_content_changes_nothing() {
    let (active, mut standby) = paired();
    let before = standby.db.row_digest().unwrap();
    let snapshot = disk::Disk::new("X", Arc::new(Fuse::default()));
    let mut source = active;
    source.db.begin_epoch(Epoch(2)).unwrap();
    ship(&mut source.db, &snapshot, &who("A"), "B", None).unwrap();
    let (name, content) = snapshot.file(".snap");
    let body = content.len() - sealed::SEAL_BYTES;
    for place in 0..body {
        let mut damaged = content.clone();
        damaged[place] ^= 0x11;
        let seal = crate::model::Digest::of(&damaged[..body]);
        damaged[body..].copy_from_slice(&seal.0);
        standby.disk.place(&name, damaged);
        let _ = standby.replay().unwrap();
        if standby.db.position().unwrap().epoch == Epoch(2) {
            assert_eq!(standby.db.row_digest().unwrap(), before, "byte {place}");
            return;
        }
        assert_eq!(standby.db.row_digest().unwrap(), before, "byte {place}");
    }
}

#[test]
fn a_lower_epoch_is_refused_and_a_higher_one_stops_the_shipper() {
    let (mut stale, mut taker) = paired();
    taker.db.begin_epoch(Epoch(2)).unwrap();
    stale.set("stale", "1");
    stale.ship_to(&taker).unwrap();
    let replayed = taker.replay().unwrap();
    assert_eq!(replayed.refused.len(), 1);
    assert_eq!(taker.db.position().unwrap().lsn, 1);
    taker.set("a", "2");
    taker.ship_to(&stale).unwrap();
    stale.replay().unwrap();
    assert!(matches!(stale.ship_to(&taker), Err(ReplicationError::State(StateError::Standby(Epoch(2))))));
    let (mut third, _) = active_and_standby();
    assert!(matches!(third.ship_to(&stale), Err(ReplicationError::Fenced { seen: Epoch(2), .. })));
}

#[test]
fn an_overtaken_log_is_overwritten_reported_and_kept_aside() {
    let (mut old, mut new) = paired();
    (0..3).for_each(|n| old.set("lost", &n.to_string()));
    new.db.begin_epoch(Epoch(2)).unwrap();
    new.set("kept", "1");
    new.ship_to(&old).unwrap();
    let replayed = old.replay().unwrap();
    assert_eq!(replayed.discarded, Some(Discarded { first: 2, last: 4 }));
    assert_equal(&old, &new);
    let (_, content) = old.disk.file("DISCARDED/");
    let (head, sets) = change_file::read(&content[..content.len() - sealed::SEAL_BYTES]).unwrap();
    assert_eq!((head.epoch, head.first, head.last, sets.len()), (Epoch(1), 2, 4, 3));
}

#[test]
fn a_planned_switch_over_discards_nothing() {
    let (mut a, mut b) = paired();
    for epoch in 2..6 {
        b.db.begin_epoch(Epoch(epoch)).unwrap();
        b.set("turn", &epoch.to_string());
        b.ship_to(&a).unwrap();
        assert_eq!(a.replay().unwrap().discarded, None);
        assert_equal(&a, &b);
        std::mem::swap(&mut a, &mut b);
    }
}

#[test]
fn a_standby_whose_rows_were_tampered_with_asks_for_a_snapshot() {
    let (mut active, mut standby) = paired();
    standby.db.tamper("UPDATE probe SET value = 'other'");
    active.set("first", "2");
    active.ship_to(&standby).unwrap();
    assert!(standby.replay().unwrap().wants.is_some());
    active.ship_to(&standby).unwrap();
    assert_eq!(standby.replay().unwrap().wants, None);
    assert_equal(&active, &standby);
}

#[test]
fn files_of_another_agent_are_never_applied() {
    let (mut active, mut standby) = paired();
    active.set("a", "1");
    let stranger = Identity { cluster: "OTHER".into(), ..who("A") };
    ship(&mut active.db, &standby.disk, &stranger, "B", None).unwrap();
    let replayed = standby.replay().unwrap();
    assert!(replayed.refused[0].why.contains("OTHER"));
    assert_eq!(standby.db.position().unwrap().lsn, 1);
}

#[test]
fn files_of_another_schema_are_never_applied_and_the_shipper_is_told() {
    let mut standby = Node::new("B");
    let other_schema = "CREATE TABLE probe (name TEXT PRIMARY KEY, value TEXT NOT NULL, more TEXT) STRICT, WITHOUT ROWID";
    let mut upgraded = Node { db: Database::open_trial(None, Arc::new(UnwatchedSteps), other_schema).unwrap(), ..Node::new("C") };
    upgraded.db.begin_epoch(Epoch(7)).unwrap();
    // The trial's log is its own, not the one the standby has acknowledged.
    standby.disk.remove(&who("B").folder().unwrap().join("ack").unwrap()).unwrap();
    upgraded.ship_to(&standby).unwrap();
    let replayed = standby.replay().unwrap();
    assert!(replayed.refused[0].why.contains("schema"));
    assert!(matches!(upgraded.ship_to(&standby), Err(ReplicationError::OtherSchema { .. })));
}

#[test]
fn a_standby_replays_without_an_end_in_sight_of_unknown_files() {
    let (mut active, mut standby) = paired();
    standby.disk.place("NTA/REP/source/notes.txt", b"by hand".to_vec());
    standby.disk.place("NTA/REP/source/00000000000000000002-00000000000000000002-0000000001.chg.part", b"half".to_vec());
    active.set("a", "1");
    active.ship_to(&standby).unwrap();
    standby.replay().unwrap();
    assert_equal(&active, &standby);
    assert_eq!(standby.disk.names(), ["NTA/REP/source/ack", "NTA/REP/source/notes.txt"]);
    assert!(standby.disk.list(&who("B").folder().unwrap()).is_ok());
}

#[test]
fn a_file_missing_in_the_middle_is_noticed_by_the_shipper() {
    let (mut active, mut standby) = paired();
    for n in 0..3 {
        active.set("a", &n.to_string());
        active.ship_to(&standby).unwrap();
    }
    active.db.prune(&["B"]).unwrap();
    standby.disk.take("00000000000000000003-00000000000000000003");
    assert!(active.ship_to(&standby).unwrap().snapshot.is_some());
    standby.replay().unwrap();
    assert_equal(&active, &standby);
}

#[test]
fn a_diverged_log_is_never_continued_by_change_files() {
    for theirs in 1..5 {
        let (mut old, mut new) = paired();
        (0..3).for_each(|n| old.set("lost", &n.to_string()));
        let before = old.db.position().unwrap();
        new.db.begin_epoch(Epoch(2)).unwrap();
        new.ship_to(&old).unwrap();
        (0..theirs).for_each(|n| new.set("kept", &n.to_string()));
        new.ship_to(&old).unwrap();
        old.disk.take(".snap");
        assert!(old.replay().unwrap().wants.is_some());
        assert_eq!(old.db.position().unwrap(), before);
        new.ship_to(&old).unwrap();
        assert_eq!(old.replay().unwrap().discarded, Some(Discarded { first: 2, last: 4 }));
        assert_equal(&old, &new);
    }
}

#[test]
fn a_snapshot_before_a_refused_change_file_does_not_make_a_standby_whole() {
    let (mut active, mut standby) = active_and_standby();
    active.ship_to(&standby).unwrap();
    active.set("a", "1");
    active.ship_to(&standby).unwrap();
    standby.disk.damage(".chg", disk::Damage::Flip);
    for _ in 0..3 {
        assert!(standby.replay().unwrap().wants.is_some(), "what the file held is lacking still");
    }
    assert!(active.ship_to(&standby).unwrap().snapshot.is_some());
    assert_eq!(standby.replay().unwrap().wants, None);
    assert_equal(&active, &standby);
}

#[test]
fn change_files_beside_the_snapshot_of_the_next_epoch_are_refused_and_stop_nothing() {
    let (mut lost, mut standby) = active_and_standby();
    lost.ship_to(&standby).unwrap();
    lost.set("a", "1");
    lost.ship_to(&standby).unwrap();
    let mut active = Node::new("A");
    active.db.begin_epoch(Epoch(2)).unwrap();
    active.set("b", "1");
    active.ship_to(&standby).unwrap();
    let replayed = standby.replay().unwrap();
    assert_eq!((replayed.refused.len(), replayed.wants), (2, None));
    assert_equal(&active, &standby);
}
