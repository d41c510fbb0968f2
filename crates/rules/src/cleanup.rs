//! Which copy to delete next, and when a deletion debt is due (R50-R56).
//!
//! The passive copy goes first. While it cannot be deleted, its path waits in DeletedDataFiles and the active copy stays on
//! disk, invisible to every scan: after delivery, what the passive node still holds the active node holds too. Only when a
//! debt is given up after its lifetime does the active copy go first; then a tombstone takes its place, so that the orphan
//! is deleted on sight whenever it turns up.

/// One copy of a container that is to be deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Copy {
    /// Not tried yet in this deletion.
    There,
    /// Deleted or not found: the same (R50).
    Gone,
    /// Waiting in DeletedDataFiles.
    Owed,
    /// Given up; a tombstone names it (R55).
    GivenUp,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    pub on_passive: bool,
    pub copy: Copy,
}

/// The next durable step; numbers are positions in the places given.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Delete this copy; if that fails, insert its path into DeletedDataFiles.
    Delete(usize),
    /// Nothing now: a debt has to be paid first.
    WaitForDebt,
    Finished,
}

/// The one place that decides a deletion.
pub fn next_step(places: &[Place]) -> Step {
    let there = |on_passive: bool| places.iter().position(|place| place.on_passive == on_passive && place.copy == Copy::There);
    if let Some(at) = there(true) {
        return Step::Delete(at);
    }
    if places.iter().any(|place| place.on_passive && place.copy == Copy::Owed) {
        return Step::WaitForDebt;
    }
    if let Some(at) = there(false) {
        return Step::Delete(at);
    }
    if places.iter().any(|place| place.copy == Copy::Owed) { Step::WaitForDebt } else { Step::Finished }
}

/// A row of DeletedDataFiles, as far as time is concerned (milliseconds).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Debt {
    pub first_failure_ms: u64,
    pub next_attempt_ms: u64,
}

/// CcrDeletedItemsTouchInterval and CcrDeletedItemsLifeTime.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Patience {
    pub touch_interval_ms: u64,
    pub lifetime_ms: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    NotYet,
    Try,
    /// Older than its lifetime: remove the row without another attempt, with a warning and a tombstone (R55).
    GiveUp,
}

/// All rows are tried when the agent starts, then each every touch interval (R54).
pub fn due(debt: Debt, now_ms: u64, at_start: bool, patience: Patience) -> Due {
    if now_ms.saturating_sub(debt.first_failure_ms) > patience.lifetime_ms {
        Due::GiveUp
    } else if at_start || crate::session::has_come(debt.next_attempt_ms, now_ms, patience.touch_interval_ms) {
        Due::Try
    } else {
        Due::NotYet
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPIES: [Copy; 4] = [Copy::There, Copy::Gone, Copy::Owed, Copy::GivenUp];

    fn worlds() -> impl Iterator<Item = [Place; 3]> {
        (0..64usize).map(|n| [0, 1, 2].map(|at| Place { on_passive: at < 2, copy: COPIES[n / 4usize.pow(at) % 4] }))
    }

    #[test]
    fn the_active_copy_is_deleted_only_when_no_passive_copy_is_left_or_owed() {
        for places in worlds() {
            if next_step(&places) == Step::Delete(2) {
                assert!(places[..2].iter().all(|place| matches!(place.copy, Copy::Gone | Copy::GivenUp)), "{places:?}");
            }
        }
    }

    #[test]
    fn a_deletion_is_finished_only_when_no_copy_is_there_or_owed() {
        for places in worlds() {
            let left = places.iter().any(|place| matches!(place.copy, Copy::There | Copy::Owed));
            assert_eq!(next_step(&places) == Step::Finished, !left, "{places:?}");
        }
    }

    #[test]
    fn only_a_copy_that_is_there_is_deleted() {
        for places in worlds() {
            if let Step::Delete(at) = next_step(&places) {
                assert_eq!(places[at].copy, Copy::There);
            }
        }
    }

    #[test]
    fn a_debt_is_tried_at_start_and_every_touch_interval_and_given_up_after_its_lifetime() {
        let patience = Patience { touch_interval_ms: 3_600_000, lifetime_ms: 86_400_000 };
        let debt = Debt { first_failure_ms: 1_000, next_attempt_ms: 3_601_000 };
        assert_eq!(due(debt, 2_000, false, patience), Due::NotYet);
        assert_eq!(due(debt, 2_000, true, patience), Due::Try);
        assert_eq!(due(debt, 3_601_000, false, patience), Due::Try);
        assert_eq!(due(debt, 86_401_000, false, patience), Due::Try);
        assert_eq!(due(debt, 86_401_001, true, patience), Due::GiveUp);
        assert_eq!(due(debt, 1_000, false, patience), Due::NotYet);
        assert_eq!(due(debt, 0, false, patience), Due::Try, "the clock was set back: the debt does not wait longer for that");
    }
}
