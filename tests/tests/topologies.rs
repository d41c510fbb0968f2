//! Four topologies, each fresh, with changes, and with the role moved after every step (R1, R5, R14, R20, R42, R43).
//!
//! Agents run one session at a time in a fixed order, so that every run is the same.

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::{Bed, Plan, Tree, prove, sample::User};

fn bed(source_nodes: usize, target_nodes: usize) -> Bed {
    let settings = "[settings.source]\nContainerItemsMax = 9\n[settings.target]\nApplyDeletions = true";
    Plan::new(source_nodes, target_nodes).sample("alice", 40).sample("bob", 25).settings(settings).build()
}

fn users(bed: &Bed) -> [User; 2] {
    [("alice", 7), ("bob", 8)].map(|(name, seed)| User::of(&bed.path("mail/old").join(name), seed))
}

fn a_fresh_migration_is_complete(source_nodes: usize, target_nodes: usize) {
    let bed = bed(source_nodes, target_nodes);
    let before = Tree::of(&bed.path("mail/old"));
    bed.settle();
    prove(&bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
}

fn later_changes_arrive(source_nodes: usize, target_nodes: usize) {
    let bed = bed(source_nodes, target_nodes);
    let mut users = users(&bed);
    bed.settle();
    for _ in 0..2 {
        (0..4).for_each(|_| users.iter_mut().for_each(User::work));
        let before = Tree::of(&bed.path("mail/old"));
        bed.settle();
        prove(&bed);
        before.assert_same(&Tree::of(&bed.path("mail/old")));
    }
}

/// After every session of an agent kind the role of one side moves: each hand-over that a switchover can cut through is cut.
fn the_role_may_move_after_every_step(source_nodes: usize, target_nodes: usize) {
    let bed = bed(source_nodes, target_nodes);
    let mut users = users(&bed);
    let road = [
        (Side::Source, AgentKind::Source),
        (Side::Source, AgentKind::Transmission),
        (Side::Target, AgentKind::Target),
        (Side::Target, AgentKind::Transmission),
    ];
    for switched in [Side::Source, Side::Target, Side::Source] {
        for (side, kind) in road {
            bed.nodes(side).iter().for_each(|node| drop(bed.once(node, kind)));
            bed.switch_over(switched);
        }
        users.iter_mut().for_each(User::work);
    }
    let before = Tree::of(&bed.path("mail/old"));
    bed.settle();
    prove(&bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
}

macro_rules! topologies {
    ($($name:ident: $source:literal to $target:literal,)+) => {
        $(mod $name {
            #[test]
            fn a_fresh_migration_is_complete() {
                super::a_fresh_migration_is_complete($source, $target);
            }

            #[test]
            fn later_changes_arrive() {
                super::later_changes_arrive($source, $target);
            }

            #[test]
            fn the_role_may_move_after_every_step() {
                super::the_role_may_move_after_every_step($source, $target);
            }
        })+
    };
}

topologies! {
    server_to_server: 1 to 1,
    cluster_to_server: 2 to 1,
    server_to_cluster: 1 to 2,
    cluster_to_cluster: 2 to 2,
}
