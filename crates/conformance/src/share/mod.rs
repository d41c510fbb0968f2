//! The contract of `Share` (R3, R32, R50) as named laws.

mod kit;
mod laws;
mod open_files;
mod troubles;

pub use kit::{Bench, path, put, read};
pub use laws::*;
pub use open_files::*;
pub use troubles::*;

/// One test per law: `mailferry_conformance::share!(bench());`
#[macro_export]
macro_rules! share {
    ($bench:expr) => {
        $crate::tests_of! { share, $bench;
            a_folder_that_is_not_there_is_empty
            a_list_names_files_only_sorted_and_with_their_sizes
            what_is_not_there_has_no_size_and_cannot_be_opened
            a_file_is_read_from_anywhere
            a_part_begins_empty
            a_part_goes_on_behind_what_is_kept
            a_part_never_keeps_more_than_is_there
            nothing_stands_under_the_final_name_before_publishing
            publishing_never_replaces_a_file
            publishing_what_is_not_there_is_not_found
            a_small_file_is_replaced_whole
            readers_of_a_replaced_file_see_the_old_or_the_new
            of_many_claims_one_is_won
            a_claim_keeps_the_word_of_the_winner
            a_move_makes_the_folder_and_never_replaces
            a_move_of_what_is_not_there_is_not_found
            removing_what_is_not_there_counts_as_deleted
            names_are_kept_as_they_are
            a_folder_is_no_file
            a_file_is_no_folder
            room_is_unknown_or_adds_up
            a_reader_keeps_what_it_has_opened
            what_is_written_into_a_removed_file_is_seen_by_nobody
            what_is_written_after_a_rename_follows_the_file
            two_writers_of_one_file_each_write_where_they_stand
            parts_are_listed_under_their_own_names
            a_share_that_is_away_is_unreachable_not_empty
            a_share_that_comes_back_holds_what_it_held
            a_full_disk_says_so_and_shows_nothing
            a_denied_deletion_says_so_and_keeps_the_file
        }
    };
}
