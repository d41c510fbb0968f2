//! What the transmission agent does with a container it finds in OUT, for one lane (R31-R34, R51, R55).

/// What is at the destination under the container's final name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Arrived {
    Nothing,
    /// The very same bytes: an earlier run was stopped between rename and record.
    Whole,
    /// Other bytes.
    Different,
}

/// What is known about one container in one lane.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Facts {
    /// The ledger says "delivered to this node".
    pub delivered: bool,
    /// A tombstone names it: its deletion was given up (R55).
    pub tombstoned: bool,
    /// DeletedDataFiles has a row for it in this lane (R51).
    pub in_debt: bool,
}

/// What to do before looking at the destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OnSight {
    /// Deletion is under way: as good as not there.
    Invisible,
    /// Never send it again: delete it, passive copy first (R33, R50).
    Delete,
    /// Take it to the destination.
    Ship,
}

pub fn on_sight(facts: Facts) -> OnSight {
    match facts {
        Facts { in_debt: true, .. } => OnSight::Invisible,
        Facts { delivered: true, .. } | Facts { tombstoned: true, .. } => OnSight::Delete,
        _ => OnSight::Ship,
    }
}

/// The next step at the destination.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// Copy under a temporary name, verify as read back there, rename (R32).
    Copy,
    /// Put the other file of that name out of the way, with an event, and look again.
    SetAside,
    /// Commit "delivered" before anything is deleted (R33).
    Record,
}

pub fn next_step(arrived: Arrived) -> Step {
    match arrived {
        Arrived::Nothing => Step::Copy,
        Arrived::Different => Step::SetAside,
        Arrived::Whole => Step::Record,
    }
}

/// Whether to bring a container over that lies only on the passive node (R56, invariant "what the active holds"). One of an older
/// epoch was being placed when an activation ended. One of the running epoch may be in the making: the packing agent places the
/// passive copy first, from the sealed one in WORK. With none in WORK it is published, and the active copy was deleted by a
/// transmission agent whose record "delivered" has been lost since.
pub fn rescue_from_passive(epoch: crate::ids::Epoch, newest: crate::ids::Epoch, sealed_in_work: bool) -> bool {
    epoch < newest || !sealed_in_work
}

/// Delay before an unreachable node is tried again, doubling from the poll interval up to the cap (R34).
pub fn back_off_ms(failures: u32, poll_ms: u64, cap_ms: u64) -> u64 {
    poll_ms.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(cap_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_delivered_tombstoned_or_in_debt_is_never_sent() {
        for n in 0..8u8 {
            let facts = Facts { delivered: n & 1 != 0, tombstoned: n & 2 != 0, in_debt: n & 4 != 0 };
            assert_eq!(on_sight(facts) == OnSight::Ship, n == 0, "{facts:?}");
            assert_eq!(on_sight(facts) == OnSight::Invisible, facts.in_debt, "{facts:?}");
        }
    }

    #[test]
    fn what_lies_on_the_passive_node_alone_is_brought_over_unless_it_is_in_the_making() {
        use crate::ids::Epoch;
        assert!(rescue_from_passive(Epoch(1), Epoch(2), false), "its activation is over");
        assert!(rescue_from_passive(Epoch(1), Epoch(2), true), "its activation is over");
        assert!(rescue_from_passive(Epoch(2), Epoch(2), false), "published, and its active copy deleted");
        assert!(!rescue_from_passive(Epoch(2), Epoch(2), true), "being placed, the passive copy first");
    }

    #[test]
    fn back_off_doubles_up_to_its_cap() {
        assert_eq!([1, 2, 3, 9, 40].map(|failures| back_off_ms(failures, 60_000, 900_000)), [60_000, 120_000, 240_000, 900_000, 900_000]);
    }
}
