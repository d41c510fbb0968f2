//! The contracts of `MailSource` and `MailTarget` as named laws, for every store alike.
//!
//! A store comes as a `Bench`: one mailbox that can be opened again and again, as target and as source.

mod beside;
mod items;
mod kit;
mod laws;
mod names;
mod settled;

pub use beside::*;
pub use items::*;
pub use kit::{Bench, Limits};
pub use laws::*;
pub use names::*;
pub use settled::{Names, Settled};

/// One test per law: `mailferry_conformance::store!(bench());`
#[macro_export]
macro_rules! store {
    ($bench:expr) => {
        $crate::tests_of! { store, $bench;
            a_flushed_item_is_found_and_read_back
            what_was_not_flushed_is_gone_or_whole
            an_append_done_again_does_not_double
            an_unknown_item_is_not_found
            an_item_is_found_whatever_a_client_did_to_its_flags
            a_client_that_acts_between_staging_and_flush_loses_nothing
            new_marks_replace_the_old
            marks_of_an_unflushed_item_are_kept
            a_move_is_seen_as_a_move
            a_move_done_again_changes_nothing
            a_removal_done_again_changes_nothing
            an_item_moved_there_and_back_before_a_flush_is_there_once
            what_is_staged_for_removal_is_gone_for_all_that_follows
            an_item_staged_removed_and_staged_again_is_there_once
            a_removed_item_can_come_again_with_other_bytes
            what_a_user_deleted_stays_deleted
            twins_are_both_kept
            a_twin_is_known_by_its_token_or_its_date
            what_others_have_put_there_is_adopted_once
            keys_are_the_same_at_every_pass
            what_a_target_has_named_a_source_shows_under_that_name
            a_walk_shows_what_a_scan_shows
            an_item_that_went_away_is_no_error
            a_flush_of_nothing_is_nothing
            a_name_of_any_length_is_refused_at_once_or_holds_mail
            odd_folder_names_come_back_and_are_never_merged
            folders_come_parents_first_and_once
            a_folder_made_twice_is_made_once
            a_name_that_cannot_be_is_refused_and_harms_nothing
            a_mailbox_without_a_folder_is_an_error
            a_folder_that_is_not_there_holds_up_itself_alone
            odd_bytes_come_back_exactly
            big_messages_come_back_exactly
            every_set_of_flags_comes_back
            keywords_come_back_or_are_reported
            dates_come_back
            a_body_of_another_length_than_announced_is_kept_whole
            a_body_that_breaks_off_leaves_nothing
            what_stands_beside_items_is_kept_or_told
            nobody_keeps_a_right_that_is_not_named_where_it_is_closed
            a_new_folder_is_told_once_where_it_may_inherit_rights
        }
    };
}
