//! The contract of the agents' database (R3, R14, R21) as named laws: what must hold in memory as on a file.

mod kit;
mod laws;
mod replicas;

pub use kit::{Bench, Kill, debt, debts, everything, owe, replay, ship};
pub use laws::*;
pub use replicas::*;

/// One test per law: `mailferry_conformance::state!(bench());`
#[macro_export]
macro_rules! state {
    ($bench:expr) => {
        $crate::tests_of! { state, $bench;
            a_database_begins_empty
            a_write_is_one_change_set
            a_write_that_changes_nothing_leaves_the_log_alone
            a_write_that_fails_leaves_nothing
            killed_before_the_commit_it_is_not_there
            killed_after_the_commit_it_is_there
            what_was_written_outlives_the_process
            a_reader_changes_nothing
            an_epoch_is_larger_than_every_one_seen_or_does_not_begin
            a_new_epoch_begins_with_an_empty_outbox
            equal_histories_have_equal_digests
            the_row_digest_sees_rows_alone
            the_outbox_keeps_within_its_limit
            pruning_keeps_what_some_standby_misses
            two_databases_live_apart
            a_standby_that_replays_is_equal
            a_standby_does_not_write
            a_snapshot_takes_the_place_of_everything
            a_replay_that_is_killed_is_done_again
        }
    };
}
