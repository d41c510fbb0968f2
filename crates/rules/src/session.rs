//! What a failed replication forbids (R11, R12).

/// State of the replication to the other nodes at this moment of the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Replicated {
    /// Every other node durably holds everything committed here; true of a standalone server.
    Yes,
    No,
}

/// What an agent is about to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Act {
    /// Take up another item.
    NextItem,
    /// Delete a container that was taken from IN (R12).
    DeleteTaken,
    Switch,
    /// Open a source again that is locked for a switch which will not be.
    OpenSource,
}

pub fn may(act: Act, replicated: Replicated, continue_without_replication: bool) -> bool {
    match (replicated, act) {
        // Nobody is locked out because a standby is away: whoever takes over locks again before it goes on.
        (Replicated::Yes, _) | (Replicated::No, Act::OpenSource) => true,
        (Replicated::No, Act::NextItem) => continue_without_replication,
        (Replicated::No, Act::DeleteTaken | Act::Switch) => false,
    }
}

/// Whether to attempt a replication after an item: with ContinueWithoutReplication, one failure leaves the rest of the
/// session to a single attempt at its end (R12).
pub fn attempt_after_item(failed_before: bool, continue_without_replication: bool) -> bool {
    !(failed_before && continue_without_replication)
}

/// Whether the time for something has come that was put off by at most `wait_max_ms`. One that lies further ahead was
/// written under a clock that has been set back since: nobody waits for a clock.
pub fn has_come(at_ms: u64, now_ms: u64, wait_max_ms: u64) -> bool {
    now_ms >= at_ms || at_ms - now_ms > wait_max_ms
}

/// The clock moved further between two turns of the loop than the loop can explain: the node was frozen, or its clock was
/// set. Ask for the role again before the next effect (R3).
pub fn was_frozen(last_turn_ms: u64, now_ms: u64, slept_ms: u64, tolerance_ms: u64) -> bool {
    now_ms < last_turn_ms || now_ms - last_turn_ms > slept_ms + tolerance_ms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_replication_no_item_is_touched_unless_the_setting_says_so() {
        assert!(!may(Act::NextItem, Replicated::No, false));
        assert!(may(Act::NextItem, Replicated::No, true));
    }

    #[test]
    fn no_setting_allows_a_switch_or_the_deletion_of_a_taken_container_without_replication() {
        for carry_on in [false, true] {
            assert!(!may(Act::DeleteTaken, Replicated::No, carry_on));
            assert!(!may(Act::Switch, Replicated::No, carry_on));
        }
    }

    #[test]
    fn nobody_is_locked_out_because_a_standby_is_away() {
        assert!([false, true].into_iter().all(|carry_on| may(Act::OpenSource, Replicated::No, carry_on)));
    }

    #[test]
    fn a_clock_that_was_set_back_makes_nothing_wait_longer() {
        assert!(has_come(1_000, 1_000, 60_000));
        assert!(!has_come(61_000, 1_000, 60_000));
        assert!(has_come(61_001, 1_000, 60_000));
    }

    #[test]
    fn a_clock_that_jumped_either_way_means_frozen() {
        assert!(!was_frozen(1_000, 62_000, 60_000, 5_000));
        assert!(was_frozen(1_000, 67_000, 60_000, 5_000));
        assert!(was_frozen(1_000, 999, 60_000, 5_000));
    }
}
