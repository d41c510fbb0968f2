//! Where the next copy of a finished container goes (R13, R21, R22).
//!
//! Invariant: nothing is visible on the active node that the passive node does not hold, unless that is recorded as a
//! coverage debt. All passive copies come first, of every lane; then the active ones; then the record.

use alloc::vec::Vec;

/// A copy of a container in one OUT folder of one node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Copy {
    Missing,
    /// Verified under its final name.
    Present,
    /// An attempt of this session failed.
    Failed,
}

/// One place of the container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot {
    pub on_passive: bool,
    pub copy: Copy,
}

/// The next durable step; numbers are positions in the slots given.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    Place(usize),
    /// Commit "published", together with a coverage debt for each of these slots.
    Record {
        uncovered: Vec<usize>,
    },
    /// A passive placement failed and nothing may become visible: the item stays pending (R22, R11).
    HoldUncovered,
    /// The active node itself could not take its copy.
    HoldActive,
}

pub fn next_step(slots: &[Slot], continue_without_replication: bool) -> Step {
    let find = |on_passive: bool, copy: Copy| slots.iter().position(|slot| slot.on_passive == on_passive && slot.copy == copy);
    if let Some(slot) = find(true, Copy::Missing) {
        return Step::Place(slot);
    }
    if find(true, Copy::Failed).is_some() && !continue_without_replication {
        return Step::HoldUncovered;
    }
    if let Some(slot) = find(false, Copy::Missing) {
        return Step::Place(slot);
    }
    if find(false, Copy::Failed).is_some() {
        return Step::HoldActive;
    }
    let uncovered = |(at, slot): (usize, &Slot)| (slot.on_passive && slot.copy == Copy::Failed).then_some(at);
    Step::Record { uncovered: slots.iter().enumerate().filter_map(uncovered).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COPIES: [Copy; 3] = [Copy::Missing, Copy::Present, Copy::Failed];

    /// Every state of two nodes and two lanes, with both settings.
    fn worlds() -> impl Iterator<Item = ([Slot; 4], bool)> {
        (0..81 * 2).map(|n: usize| {
            let copy = |place: u32| COPIES[n / 2 / 3usize.pow(place) % 3];
            let slot = |place: u32| Slot { on_passive: place < 2, copy: copy(place) };
            ([slot(0), slot(1), slot(2), slot(3)], n % 2 == 1)
        })
    }

    #[test]
    fn nothing_becomes_visible_before_the_passive_node_is_covered_or_the_setting_allows_it() {
        for (slots, carry_on) in worlds() {
            if let Step::Place(at) = next_step(&slots, carry_on)
                && !slots[at].on_passive
            {
                let passive = slots.iter().filter(|slot| slot.on_passive);
                assert!(passive.clone().all(|slot| slot.copy != Copy::Missing), "{slots:?}");
                assert!(carry_on || passive.clone().all(|slot| slot.copy == Copy::Present), "{slots:?}");
            }
        }
    }

    #[test]
    fn published_is_recorded_only_with_every_copy_present_or_owed() {
        for (slots, carry_on) in worlds() {
            if let Step::Record { uncovered } = next_step(&slots, carry_on) {
                for (at, slot) in slots.iter().enumerate() {
                    let owed = uncovered.contains(&at);
                    assert_eq!(slot.copy == Copy::Present, !owed, "{slots:?}");
                    assert!(!owed || slot.on_passive && carry_on, "{slots:?}");
                }
            }
        }
    }

    #[test]
    fn every_world_that_does_not_hold_comes_to_its_record() {
        for (mut slots, carry_on) in worlds() {
            for _ in 0..5 {
                match next_step(&slots, carry_on) {
                    Step::Place(at) => {
                        assert_eq!(slots[at].copy, Copy::Missing);
                        slots[at].copy = Copy::Present;
                    }
                    Step::HoldUncovered => assert!(!carry_on && slots.iter().any(|slot| slot.copy == Copy::Failed)),
                    Step::HoldActive | Step::Record { .. } => {}
                }
            }
            assert!(!matches!(next_step(&slots, carry_on), Step::Place(_)));
        }
    }
}
