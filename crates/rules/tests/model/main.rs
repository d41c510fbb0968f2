//! The rules as a model: every interleaving of a small migration, with the real rules deciding (docs/testing.md, "The model").
//!
//! ```text
//! world         the state: disks, ledgers, claims, roles, sessions
//! words         the state as a few words, and their fingerprint
//! model         a configuration; steps and what starts and ends sessions without one
//! activation    role, claims, replication                     core::engine::{activation, replicating}
//! source        leftovers, packing, publishing                core::engine::{leftover, packing, publishing}
//! transmission  OUT to IN                                     core::engine::transmission
//! target        import                                        core::engine::{intake, target}
//! deleting      deletions and their debts                     core::engine::deleting
//! faults        what may go wrong
//! laws          what holds in every state and in the end
//! reduction     steps whose order does not matter
//! search, known all states; the way to one that breaks a law
//! story         that way, told
//! ```

#![allow(clippy::panic, reason = "a law that is broken is told as a story")]

mod activation;
mod deleting;
mod faults;
mod known;
mod laws;
mod model;
mod reduction;
mod search;
mod source;
mod story;
mod target;
mod transmission;
mod words;
mod world;

use std::io::Write as _;

use model::{Model, Orders};
use search::Found;

/// Nodes, containers and faults of source and target side.
fn model(nodes: [usize; 2], containers: u8, faults: [u8; 2]) -> Model {
    Model { nodes, containers, faults, carry_on: false, keyed: true, orders: Orders::All }
}

fn carry_on(model: Model) -> Model {
    Model { carry_on: true, ..model }
}

fn explore(model: &Model) -> Found {
    let started = std::time::Instant::now();
    let found = model.explore();
    let (Model { nodes, containers, faults, .. }, seconds) = (model, started.elapsed().as_secs_f32());
    let setting = if model.carry_on { ", ContinueWithoutReplication" } else { "" };
    let orders = if model.orders == Orders::All { String::new() } else { format!(", {:?}", model.orders) };
    // Straight to the error output: what is printed while a test passes is held back.
    let _ = writeln!(
        std::io::stderr(),
        "model: {}+{} nodes, {containers} containers, {}+{} faults{setting}{orders}: {} states, {} transitions, {seconds:.1} s",
        nodes[0],
        nodes[1],
        faults[0],
        faults[1],
        found.states,
        found.transitions,
    );
    found
}

fn keeps_every_law(model: Model) {
    let story = explore(&model).violation.map(|violation| model.story(&violation));
    assert!(story.is_none(), "{}", story.unwrap_or_default());
}

/// What takes minutes is looked at where it is asked for.
fn long() -> bool {
    std::env::var_os("MAILFERRY_MODEL_LONG").is_some()
}

#[test]
fn standalone_servers_keep_every_law_under_any_two_faults() {
    for faults in [[2, 0], [1, 1], [0, 2]] {
        keeps_every_law(model([1, 1], 3, faults));
    }
}

#[test]
fn a_source_cluster_keeps_every_law() {
    keeps_every_law(model([2, 1], 1, [2, 0]));
    keeps_every_law(model([2, 1], 3, [1, 0]));
    keeps_every_law(model([2, 1], 3, [0, 2]));
    if long() {
        keeps_every_law(model([2, 1], 3, [1, 1]));
        keeps_every_law(model([2, 1], 2, [2, 0]));
        keeps_every_law(Model { orders: Orders::TargetLast, ..model([2, 1], 3, [2, 0]) });
        keeps_every_law(Model { orders: Orders::TargetFirst, ..model([2, 1], 3, [2, 0]) });
    }
}

#[test]
fn a_target_cluster_keeps_every_law() {
    keeps_every_law(model([1, 2], 3, [0, 2]));
    keeps_every_law(model([1, 2], 1, [1, 1]));
    keeps_every_law(model([1, 2], 1, [2, 0]));
    if long() {
        keeps_every_law(model([1, 2], 3, [1, 1]));
        keeps_every_law(model([1, 2], 2, [2, 0]));
    }
}

#[test]
fn two_clusters_keep_every_law_under_any_two_faults_of_the_target() {
    keeps_every_law(model([2, 2], 3, [0, 2]));
}

#[test]
fn two_clusters_keep_every_law_under_a_fault_of_the_source() {
    keeps_every_law(model([2, 2], 1, [1, 0]));
    keeps_every_law(Model { orders: Orders::TargetLast, ..model([2, 2], 3, [1, 0]) });
    if long() {
        keeps_every_law(Model { orders: Orders::TargetFirst, ..model([2, 2], 3, [1, 0]) });
        keeps_every_law(model([2, 2], 2, [1, 0]));
        keeps_every_law(model([2, 2], 1, [1, 1]));
        keeps_every_law(Model { orders: Orders::TargetFirst, ..model([2, 2], 1, [2, 0]) });
        keeps_every_law(Model { orders: Orders::TargetLast, ..model([2, 2], 1, [2, 0]) });
        keeps_every_law(Model { orders: Orders::TargetLast, ..model([2, 2], 2, [2, 0]) });
    }
}

#[test]
fn going_on_without_replication_keeps_every_law() {
    keeps_every_law(carry_on(model([2, 1], 2, [1, 0])));
    keeps_every_law(carry_on(model([1, 2], 2, [0, 2])));
    keeps_every_law(carry_on(model([2, 2], 1, [1, 0])));
    if long() {
        keeps_every_law(carry_on(model([2, 1], 1, [2, 0])));
        keeps_every_law(carry_on(model([2, 1], 3, [1, 1])));
        keeps_every_law(carry_on(model([1, 2], 3, [0, 2])));
        keeps_every_law(carry_on(model([2, 2], 1, [1, 1])));
    }
}

#[test]
fn the_orders_that_are_left_out_lead_to_no_other_end() {
    let small = [model([2, 1], 1, [1, 0]), model([1, 2], 2, [0, 1]), model([2, 2], 1, [1, 0]), carry_on(model([2, 1], 1, [1, 0]))];
    for model in small {
        let each = explore(&Model { orders: Orders::Each, ..model });
        let some = explore(&model);
        assert!(each.violation.is_none() && some.states < each.states, "{model:?}");
        assert_eq!(each.ends, some.ends, "{model:?}");
    }
}

/// Maildir names items by their token, so that an append which a failover has overtaken meets the one that came before it.
#[test]
fn only_names_made_of_tokens_keep_an_append_under_way_at_a_failover_from_doubling_its_item() {
    keeps_every_law(model([1, 2], 2, [0, 1]));
    let unkeyed = Model { keyed: false, ..model([1, 2], 2, [0, 1]) };
    let law = explore(&unkeyed).violation.map(|violation| violation.law);
    assert_eq!(law, Some(laws::NOTHING_TWICE));
}
