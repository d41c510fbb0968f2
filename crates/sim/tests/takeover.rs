//! A takeover whose predecessor had not replicated its last work: what was done again is reported, and no more than the bound
//! (R3, R11, R12, R14).
//!
//! The bound: with ContinueWithoutReplication=0 the item under way, with 1 everything since the last replication.

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mailferry_core::settings::AgentKind;
use mailferry_rules::ids::ContainerName;
use mailferry_rules::topology::Side;
use mailferry_sim::process::Fate;
use mailferry_sim::world::World;
use mailferry_sim::{check, story};

use common::{mail, settle};

const EVENT: &str = "takeover.reconciled";

/// Reports of all takeovers in a world: who took over, and the containers and words of everything it told of that epoch.
fn reports(world: &World) -> BTreeMap<String, String> {
    let mut reports: BTreeMap<String, String> = BTreeMap::new();
    for text in world.told.named(EVENT) {
        let (who, what) = text.split_once(": ").expect("who and what");
        reports.entry(who.to_owned()).or_default().push_str(what);
    }
    reports
}

/// Containers done again. Those whose deletion was merely finished do not count: why they may go was replicated.
fn redone(report: &str) -> BTreeSet<ContainerName> {
    let lists = report.split("; ").filter(|list| !list.starts_with("deletions finished"));
    lists.flat_map(|list| list.split([' ', ',', ':'])).filter_map(|word| word.parse().ok()).collect()
}

fn is_clean(report: &str) -> bool {
    report.contains("nothing was lost")
}

/// Every death of a story, each with a failover.
fn each_death(name: &str, mut look: impl FnMut(u64, &World)) {
    let story = story::all().into_iter().find(|story| story.name == name).expect("the story exists");
    let undisturbed = Arc::new(Fate::default());
    story.play(undisturbed.clone()).expect("the story ends");
    for step in 1..=undisturbed.steps() {
        let world = story.play(Fate::dying_before(step)).expect("the story ends");
        look(step, &world);
    }
}

#[test]
fn a_takeover_does_at_most_the_item_under_way_again() {
    let (mut lossy, mut clean) = (BTreeMap::new(), 0);
    each_death("cluster_to_cluster_fails_over_incremental", |step, world| {
        assert!(!reports(world).is_empty() || world.told.named("epoch.claimed").len() == 4, "step {step}: a takeover was not told");
        for (who, report) in reports(world) {
            let again = redone(&report);
            assert!(again.len() <= 1, "step {step}: {who}: {report}");
            clean += usize::from(is_clean(&report));
            if !again.is_empty() {
                assert!(!is_clean(&report), "step {step}: {who}: {report}");
                let kind = AgentKind::ALL.into_iter().find(|kind| who.contains(&format!("the {kind} agent")));
                *lossy.entry(kind.expect("an agent")).or_insert(0) += 1;
            }
        }
    });
    // Both have steps between what they do and what the other node knows. What a transmission agent did last has been taken and
    // is gone before its successor looks.
    assert!([AgentKind::Source, AgentKind::Target].iter().all(|kind| lossy.contains_key(kind)), "{lossy:?}");
    assert!(clean > 0);
}

fn clusters() -> World {
    let (source, target) = (Side::cluster("SRC", &["SRC1", "SRC2"]), Side::cluster("TGT", &["TGT1", "TGT2"]));
    let mut world = World::new(source, target, Arc::new(Fate::default())).expect("a database in memory can be made");
    world.policy.container_items_max = 1;
    world.add_mailbox("alice", 0);
    world
}

/// Both nodes of a side exchange their fates: the one that was away takes over, the one that was active is gone for a while.
fn exchange(world: &mut World, side: &Side) {
    exchange_before(world, side, |world| (0..3).for_each(|_| drop(world.round())));
}

fn exchange_before(world: &mut World, side: &Side, meanwhile: impl FnOnce(&mut World)) {
    let old = world.active(side);
    let new = side.others(&old).next().expect("a cluster").clone();
    world.disks[&old].set_away(true);
    world.disks[&new].set_away(false);
    world.fail_over(side);
    meanwhile(world);
    world.disks[&old].set_away(false);
}

#[test]
fn without_replication_a_takeover_does_at_most_everything_since_the_last_one_again() {
    for side in ["SRC", "TGT"] {
        let mut world = clusters();
        mail(&world, &["replicated"]);
        settle(&mut world);
        world.policy.continue_without_replication = true;
        let side = [&world.source, &world.target].into_iter().find(|known| known.name() == side).expect("a side").clone();
        let standby = side.others(&world.active(&side)).next().expect("a cluster").clone();
        world.disks[&standby].set_away(true);
        let before = world.told.named("container.published").len();
        mail(&world, &["first", "second", "third"]);
        (0..3).for_each(|_| drop(world.round()));
        let since = world.told.named("container.published").len() - before;
        exchange(&mut world, &side);
        settle(&mut world);
        assert_eq!(check::troubles(&world), Vec::<String>::new());
        let reports = reports(&world);
        let again: BTreeSet<ContainerName> = reports.values().flat_map(|report| redone(report)).collect();
        assert!(!again.is_empty() && again.len() <= since, "{} of {since}: {reports:#?}", again.len());
        assert!(again.len() > 1, "a loss of one item proves nothing here: {reports:#?}");
    }
}

#[test]
fn a_planned_switch_over_says_that_nothing_was_lost() {
    let mut world = clusters();
    mail(&world, &["first", "second"]);
    settle(&mut world);
    for side in [world.source.clone(), world.target.clone()] {
        world.fail_over(&side);
    }
    settle(&mut world);
    let reports = reports(&world);
    assert_eq!(reports.len(), 4, "{reports:#?}");
    assert!(reports.values().all(|report| is_clean(report)), "{reports:#?}");
}

#[test]
fn a_container_that_lies_at_the_receiver_already_is_named() {
    let mut world = clusters();
    mail(&world, &["mail"]);
    world.session("SRC1", AgentKind::Source);
    world.session("SRC2", AgentKind::Source);
    let published = world.told.named("container.published").len();
    world.disks["SRC2"].set_away(true);
    world.policy.continue_without_replication = true;
    world.session("SRC1", AgentKind::Transmission);
    let source = world.source.clone();
    exchange_before(&mut world, &source, |world| drop(world.session("SRC2", AgentKind::Transmission)));
    settle(&mut world);
    let text = reports(&world).into_iter().find(|(who, _)| who.contains("the transmission agent")).expect("a report").1;
    assert!(text.contains("containers taken again: "), "{text}");
    assert_eq!(redone(&text).len(), published, "{text}");
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

#[test]
fn items_that_a_dead_node_had_appended_are_counted_by_mailbox() {
    let mut world = clusters();
    world.policy.container_items_max = 9;
    mail(&world, &["one", "two", "three"]);
    world.session("SRC1", AgentKind::Source);
    world.session("SRC1", AgentKind::Transmission);
    // It appends, and dies before another node hears of it: its standby's disk is cut off.
    world.disks["TGT2"].set_away(true);
    world.policy.continue_without_replication = true;
    world.session("TGT1", AgentKind::Target);
    world.disks["TGT2"].set_away(false);
    let target = world.target.clone();
    world.fail_over(&target);
    settle(&mut world);
    let text = reports(&world).into_iter().find(|(who, _)| who.contains("the target agent")).expect("a report").1;
    assert!(text.contains("items found again at the target: 3 of alice"), "{text}");
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}
