//! What `status` says of replication: copy queue, replay queue, their ages (R14).

use std::sync::Arc;

use mailferry_core::engine::{CopyQueueReport, ReplicationReport};
use mailferry_core::model::Marks;
use mailferry_core::settings::AgentKind;
use mailferry_rules::topology::Side;
use mailferry_sim::process::Fate;
use mailferry_sim::world::World;

const MINUTE_MS: u64 = 60_000;

fn world() -> World {
    let (source, target) = (Side::cluster("SRC", &["SRC1", "SRC2"]), Side::standalone("TGT"));
    let mut world = World::new(source, target, Arc::new(Fate::default())).expect("a database in memory can be made");
    world.policy.container_items_max = 1;
    world.policy.continue_without_replication = true;
    world.add_mailbox("alice", 0);
    mail(&world);
    world.settle(60).expect("mail comes to rest");
    world
}

fn mail(world: &World) {
    world.edit("alice", |alice| drop(alice.add("INBOX", b"mail", Marks::default())));
}

fn report(world: &mut World, node: &str) -> ReplicationReport {
    world.session(node, AgentKind::Source).expect("the node lives").replication
}

fn copy(world: &mut World) -> CopyQueueReport {
    let mut copies = report(world, "SRC1").copy;
    assert_eq!(copies.len(), 1);
    copies.remove(0)
}

#[test]
fn at_rest_nothing_waits_and_the_standby_stands_where_the_active_node_does() {
    let mut world = world();
    let queue = copy(&mut world);
    assert_eq!((queue.node.as_str(), queue.sets, queue.bytes, queue.oldest_age_s, queue.unreplayed), ("SRC2", Some(0), 0, None, Some(0)));
    let (active, standby) = (report(&mut world, "SRC1"), report(&mut world, "SRC2"));
    assert_eq!((active.epoch, active.lsn, active.committed_ms), (standby.epoch, standby.lsn, standby.committed_ms));
    assert!(active.replayed_ms.is_none() && standby.replayed_ms >= standby.committed_ms && standby.committed_ms.is_some());
    assert_eq!((standby.replay.files, standby.replay.sets, standby.wants_snapshot), (0, 0, None));
}

#[test]
fn while_a_standby_is_away_the_copy_queue_grows_in_number_and_age() {
    let mut world = world();
    let replicated_ms = copy(&mut world).replicated_ms;
    world.disks["SRC2"].set_away(true);
    for mails in 1..4 {
        mail(&world);
        world.pass_time(10 * MINUTE_MS);
        let queue = copy(&mut world);
        assert_eq!(queue.sets, Some(2 * mails), "one change set for each container, and one for the stamps of the folders it came from");
        assert_eq!(queue.oldest_age_s, Some((mails - 1) * 600));
        assert_eq!(queue.replicated_ms, replicated_ms);
        let outbox = world.database("SRC1", AgentKind::Source).outbox().expect("an outbox");
        assert_eq!((outbox.sets, outbox.bytes), (2 * mails, queue.bytes));
    }
    world.disks["SRC2"].set_away(false);
    let queue = copy(&mut world);
    assert_eq!((queue.sets, queue.bytes, queue.oldest_age_s), (Some(0), 0, None));
    // The standby's own agent has not run yet.
    world.pass_time(MINUTE_MS);
    assert_eq!(copy(&mut world).unreplayed, Some(9), "three containers with their stamps, and a coverage debt paid for each");
    assert!(copy(&mut world).replicated_ms > replicated_ms);
    report(&mut world, "SRC2");
    assert_eq!(copy(&mut world).unreplayed, Some(0));
}

#[test]
fn what_a_standby_cannot_replay_yet_is_its_replay_queue() {
    let mut world = world();
    for _ in 0..3 {
        mail(&world);
        world.pass_time(MINUTE_MS);
        world.session("SRC1", AgentKind::Source);
    }
    let first = world.disks["SRC2"].below("NTA/REP/source").into_iter().find(|name| name.ends_with(".chg")).expect("a change file");
    world.disks["SRC2"].files().entry(first).and_modify(|content| content.truncate(content.len() / 2));
    world.pass_time(MINUTE_MS);
    let waiting = report(&mut world, "SRC2");
    assert_eq!((waiting.replay.files, waiting.replay.sets, waiting.replay.oldest_age_s), (5, 5, Some(180)));
    assert!(waiting.wants_snapshot.is_some());
    world.session("SRC1", AgentKind::Source);
    let whole = report(&mut world, "SRC2");
    assert_eq!((whole.replay.files, whole.wants_snapshot), (0, None));
    for (event, count) in [("replication.seeding", 2), ("replication.seeded", 2)] {
        let told = world.told.named(event).into_iter().filter(|text| text.contains("source agent")).count();
        assert_eq!(told, count, "{event}: at the start of the epoch, and after the damage");
    }
}
