//! A config.db that is deleted: nothing is overwritten by its emptiness, no name is used twice (R3, R6, R14).

mod common;

use std::sync::Arc;

use mailferry_core::settings::AgentKind;
use mailferry_rules::topology::Side;
use mailferry_sim::check;
use mailferry_sim::process::Fate;
use mailferry_sim::world::World;

use common::{mail, settle};

fn settled(source: Side) -> World {
    settled_between(source, Side::cluster("TGT", &["TGT1", "TGT2"]))
}

fn settled_between(source: Side, target: Side) -> World {
    let mut world = World::new(source, target, Arc::new(Fate::default())).expect("a database in memory can be made");
    world.policy.container_items_max = 1;
    world.add_mailbox("alice", 0);
    mail(&world, &["first", "second", "third"]);
    settle(&mut world);
    world
}

fn cluster() -> Side {
    Side::cluster("SRC", &["SRC1", "SRC2"])
}

fn published(world: &World) -> usize {
    world.told.named("container.published").len()
}

#[test]
fn a_standby_without_its_database_does_not_lead() {
    let mut world = settled(cluster());
    let source = world.source.clone();
    mail(&world, &["fourth"]);
    world.lose_database("SRC2", AgentKind::Source).expect("a database in memory can be made");
    world.power_cut("SRC1");
    world.fail_over(&source);
    let before = published(&world);
    (0..3).for_each(|_| drop(world.round()));
    assert_eq!(published(&world), before, "the empty node has published");
    assert!(world.told.named("agent.not-active").iter().any(|text| text.contains("give the role to a node whose database is")));
    world.disks["SRC1"].set_away(false);
    world.activate(&source, "SRC1");
    settle(&mut world);
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

#[test]
fn a_standby_without_its_database_leads_once_the_node_that_wrote_last_has_handed_it_over() {
    let mut world = settled(cluster());
    let source = world.source.clone();
    mail(&world, &["fourth"]);
    world.lose_database("SRC2", AgentKind::Source).expect("a database in memory can be made");
    world.fail_over(&source);
    settle(&mut world);
    assert!(!world.told.named("container.published").is_empty());
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

#[test]
fn an_active_node_without_its_database_does_not_overwrite_its_standby() {
    let mut world = settled(cluster());
    let source = world.source.clone();
    mail(&world, &["fourth"]);
    world.lose_database("SRC1", AgentKind::Source).expect("a database in memory can be made");
    let before = published(&world);
    (0..3).for_each(|_| drop(world.round()));
    assert_eq!(published(&world), before, "the empty node has published");
    world.activate(&source, "SRC2");
    settle(&mut world);
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

#[test]
fn a_standalone_source_without_its_database_starts_again_under_new_names() {
    let mut world = settled(Side::standalone("SRC"));
    mail(&world, &["fourth", "fifth", "sixth", "seventh"]);
    world.lose_database("SRC", AgentKind::Source).expect("a database in memory can be made");
    settle(&mut world);
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

/// What a target agent without its database does not know of any more: an item moved since, and one deleted since.
fn stir(world: &World) {
    world.edit("alice", |mailbox| {
        mailbox.move_item("INBOX", 0, "Archive");
        mailbox.remove("INBOX", 0);
    });
    mail(world, &["fourth"]);
}

#[test]
fn a_standalone_target_without_its_database_takes_up_its_chains() {
    let mut world = settled_between(cluster(), Side::standalone("TGT"));
    world.lose_database("TGT", AgentKind::Target).expect("a database in memory can be made");
    stir(&world);
    world.come_to_rest().expect("rest");
    assert_eq!(check::troubles(&world), Vec::<String>::new());
}

#[test]
fn a_cluster_whose_agents_of_a_kind_all_lost_their_databases_goes_on() {
    for (kind, nodes) in [(AgentKind::Target, ["TGT1", "TGT2"]), (AgentKind::Source, ["SRC1", "SRC2"])] {
        let mut world = settled(cluster());
        for node in nodes {
            world.lose_database(node, kind).expect("a database in memory can be made");
        }
        stir(&world);
        world.come_to_rest().expect("rest");
        assert_eq!(check::troubles(&world), Vec::<String>::new(), "{kind}");
    }
}
