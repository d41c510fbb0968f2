//! The contract of `RolePort` (R2) as named laws.

use std::sync::Arc;

use mailferry_core::ports::{Role, RolePort};

/// A side of two nodes as its cluster manager sees it; the first is active to begin with.
pub trait Bench {
    fn nodes(&self) -> [String; 2];

    /// What a node of the side asks.
    fn role_of(&self, node: &str) -> Arc<dyn RolePort>;

    /// What the one node of a side without a cluster asks.
    fn alone(&self) -> Arc<dyn RolePort>;

    /// The role moves to a node; perhaps to one that this side does not have.
    fn give(&self, node: &str);

    /// From now on nobody can tell.
    fn silence(&self);
}

/// One test per law: `mailferry_conformance::role!(bench());`
#[macro_export]
macro_rules! role {
    ($bench:expr) => {
        $crate::tests_of! { role, $bench;
            of_two_nodes_one_is_active_and_the_other_knows_it
            the_role_moves_and_both_are_told_at_their_next_question
            asking_changes_nothing
            where_nobody_can_tell_nobody_is_active
            a_role_given_to_a_stranger_makes_nobody_active
            a_server_alone_is_active
        }
    };
}

fn roles(bench: &dyn Bench) -> [Role; 2] {
    bench.nodes().map(|node| bench.role_of(&node).role())
}

fn passive(active: &str) -> Role {
    Role::Passive { active: active.into() }
}

pub fn of_two_nodes_one_is_active_and_the_other_knows_it(bench: &dyn Bench) {
    let [first, _] = bench.nodes();
    assert_eq!(roles(bench), [Role::Active, passive(&first)]);
}

/// One port that is kept over the move, as a running agent keeps it.
pub fn the_role_moves_and_both_are_told_at_their_next_question(bench: &dyn Bench) {
    let [first, second] = bench.nodes();
    let [one, two] = [&first, &second].map(|node| bench.role_of(node));
    for _ in 0..3 {
        bench.give(&second);
        assert_eq!([one.role(), two.role()], [passive(&second), Role::Active]);
        bench.give(&first);
        assert_eq!([one.role(), two.role()], [Role::Active, passive(&first)]);
    }
}

pub fn asking_changes_nothing(bench: &dyn Bench) {
    let before = roles(bench);
    (0..10).for_each(|_| assert_eq!(roles(bench), before));
}

pub fn where_nobody_can_tell_nobody_is_active(bench: &dyn Bench) {
    let kept = bench.role_of(&bench.nodes()[0]);
    assert_eq!(kept.role(), Role::Active);
    bench.silence();
    for role in roles(bench).into_iter().chain([kept.role()]) {
        assert!(matches!(&role, Role::Unknown { why } if !why.is_empty()), "{role}");
    }
}

pub fn a_role_given_to_a_stranger_makes_nobody_active(bench: &dyn Bench) {
    bench.give("STRANGER");
    assert!(roles(bench).iter().all(|role| matches!(role, Role::Unknown { .. })), "{:?}", roles(bench));
}

pub fn a_server_alone_is_active(bench: &dyn Bench) {
    assert_eq!(bench.alone().role(), Role::Active);
}
