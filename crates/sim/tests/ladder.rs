//! Every scenario is stopped before and after every durable step, resumed, and must end in the same state.

#![allow(clippy::print_stderr)]

use mailferry_sim::{ladder, story};

fn climb(name: &str) {
    let story = story::all().into_iter().find(|story| story.name == name).expect("the story exists");
    let climb = ladder::climb(&story);
    eprintln!("{name}: {} durable steps", climb.steps);
    for (step, trouble) in &climb.failures {
        eprintln!("{name}, killed at step {step}:\n    {trouble}");
    }
    assert!(climb.steps > 20, "the story does too little to prove anything");
    assert!(climb.failures.is_empty(), "{name}: {} runs end in another state", climb.failures.len());
}

macro_rules! ladders {
    ($($name:ident),* $(,)?) => {
        $(#[test] fn $name() { climb(stringify!($name)) })*

        #[test]
        fn no_story_is_left_out() {
            let names = [$(stringify!($name)),*];
            assert!(story::all().iter().all(|story| names.contains(&story.name)));
        }
    };
}

ladders!(
    alone_to_alone_fresh,
    alone_to_alone_incremental,
    cluster_to_alone_fresh,
    cluster_to_alone_incremental,
    cluster_to_alone_passive_node_down,
    cluster_to_alone_source_fails_over,
    alone_to_cluster_fresh,
    alone_to_cluster_incremental,
    alone_to_cluster_passive_node_down,
    alone_to_cluster_target_fails_over,
    cluster_to_cluster_fresh,
    cluster_to_cluster_incremental,
    cluster_to_cluster_fails_over_fresh,
    cluster_to_cluster_fails_over_incremental,
    cluster_to_cluster_passive_nodes_down,
    cluster_to_cluster_deletions_refused,
    cluster_to_cluster_deletions_given_up,
    cluster_to_cluster_switchover,
);
