//! What the receiving agent does with a container it finds in IN: the target agent with mail, the source agent with
//! receipts (R3, R40, R41, R43).
//!
//! The containers of a mailbox are a chain: each names its predecessor by sequence and epoch, and is applied when that one
//! has been taken. Comparing sequences alone would not do: after two failovers there can be three containers of one
//! sequence, and only one of them is the past of the fourth. A new epoch may begin before what its predecessor still got
//! through; those items are then met a second time, and found to be there.

use crate::epoch::is_stale;
use crate::ids::{Epoch, Sequence};

/// Newest epoch seen for a mailbox, what it inherited, and the sequence taken last.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    pub last: Sequence,
    pub epoch: Epoch,
    pub base: Sequence,
}

/// The header of a container, as far as order is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    pub sequence: Sequence,
    pub epoch: Epoch,
    /// Last sequence that its epoch inherited.
    pub base: Sequence,
    /// Epoch of the container before it in the chain; meaningless for sequence 1.
    pub previous_epoch: Epoch,
}

impl Arrival {
    /// The link that must have been taken before; `None` for the first of the chain.
    pub fn previous(&self) -> Option<(Sequence, Epoch)> {
        (self.sequence.0 > 1).then(|| (Sequence(self.sequence.0 - 1), self.previous_epoch))
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Its turn.
    Apply,
    /// It was taken before: straight to deletion (R43).
    Already,
    /// From an activation that had been replaced: quarantine (R3).
    Stale,
    /// The chain has been taken up behind it, because its receiver had forgotten what came before: refused (R14).
    Passed,
    /// This link of the chain has to come first (R41).
    Gap { missing: (Sequence, Epoch) },
}

/// `taken` answers whether the receiver has taken a container, be it applied, damaged or archived. `rival`: one of the same sequence and
/// another epoch was taken and not refused. The chain has gone on with that one; what the newest epoch inherited reaches beyond it, and
/// would not tell that this one is of a branch that nobody inherited.
pub fn verdict(position: Position, arrival: Arrival, rival: bool, taken: impl Fn(Sequence, Epoch) -> bool) -> Verdict {
    if taken(arrival.sequence, arrival.epoch) {
        return Verdict::Already;
    }
    let branched = rival && arrival.epoch < position.epoch;
    if branched || is_stale(arrival.sequence, arrival.epoch, position.epoch, position.base) {
        return Verdict::Stale;
    }
    match arrival.previous() {
        Some(missing) if !taken(missing.0, missing.1) => {
            let passed = arrival.epoch <= position.epoch && arrival.sequence < position.last;
            if passed { Verdict::Passed } else { Verdict::Gap { missing } }
        }
        _ => Verdict::Apply,
    }
}

/// The position after a container was taken.
pub fn advance(position: Position, arrival: Arrival) -> Position {
    if arrival.epoch > position.epoch {
        Position { last: arrival.sequence, epoch: arrival.epoch, base: arrival.base }
    } else if arrival.epoch == position.epoch {
        Position { last: arrival.sequence.max(position.last), ..position }
    } else {
        position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn container(sequence: u64, epoch: u64, base: u64, previous_epoch: u64) -> Arrival {
        Arrival { sequence: Sequence(sequence), epoch: Epoch(epoch), base: Sequence(base), previous_epoch: Epoch(previous_epoch) }
    }

    fn taken<'a>(list: &'a [(u64, u64)]) -> impl Fn(Sequence, Epoch) -> bool + 'a {
        |sequence, epoch| list.contains(&(sequence.0, epoch.0))
    }

    fn gap(sequence: u64, epoch: u64) -> Verdict {
        Verdict::Gap { missing: (Sequence(sequence), Epoch(epoch)) }
    }

    #[test]
    fn containers_are_applied_along_the_chain_and_a_gap_waits() {
        let position = Position::default();
        assert_eq!(verdict(position, container(1, 1, 0, 0), false, taken(&[])), Verdict::Apply);
        assert_eq!(verdict(position, container(2, 1, 0, 1), false, taken(&[])), gap(1, 1));
        assert_eq!(verdict(position, container(2, 1, 0, 1), false, taken(&[(1, 1)])), Verdict::Apply);
    }

    #[test]
    fn what_comes_late_before_the_place_where_a_chain_was_taken_up_waits_for_nothing() {
        // All of 1 to 3 forgotten, 4 refused.
        let position = advance(Position::default(), container(4, 1, 0, 1));
        assert_eq!(verdict(position, container(5, 1, 0, 1), false, taken(&[(4, 1)])), Verdict::Apply);
        assert_eq!(verdict(position, container(3, 1, 0, 1), false, taken(&[(4, 1)])), Verdict::Passed);
        // Ahead of its own chain, in an epoch that is not known here yet, a container waits.
        assert_eq!(verdict(position, container(3, 2, 1, 2), false, taken(&[(4, 1)])), gap(2, 2));
    }

    #[test]
    fn a_container_that_was_taken_is_never_applied_again() {
        assert_eq!(verdict(Position::default(), container(2, 1, 0, 1), false, taken(&[(2, 1)])), Verdict::Already);
    }

    #[test]
    fn a_new_epoch_starts_after_its_base_and_refuses_what_its_predecessor_did_beyond() {
        let seen = [(42, 1), (43, 1), (44, 1)];
        let first = container(43, 2, 42, 1);
        let before = Position { last: Sequence(44), epoch: Epoch(1), base: Sequence(0) };
        assert_eq!(verdict(before, first, false, taken(&seen)), Verdict::Apply);
        let after = advance(before, first);
        assert_eq!(after, Position { last: Sequence(43), epoch: Epoch(2), base: Sequence(42) });
        assert_eq!(verdict(after, container(45, 1, 0, 1), false, taken(&seen)), Verdict::Stale);
        assert_eq!(verdict(after, container(42, 1, 0, 1), false, taken(&[(41, 1)])), Verdict::Apply);
    }

    #[test]
    fn a_branch_that_nobody_inherited_is_stale_however_far_the_newest_epoch_reaches() {
        // 4 of epoch 3 came late: epoch 4 began without it, epoch 8 inherited what epoch 4 had sent.
        let position = Position { last: Sequence(6), epoch: Epoch(8), base: Sequence(5) };
        let late = container(4, 3, 2, 2);
        assert_eq!(verdict(position, late, true, taken(&[(3, 2), (4, 4)])), Verdict::Stale);
        assert_eq!(verdict(position, late, false, taken(&[(3, 2)])), Verdict::Apply, "nobody else's 4 was taken: it is the one inherited");
        let newest = Position { last: Sequence(4), epoch: Epoch(4), base: Sequence(3) };
        assert_eq!(
            verdict(newest, container(4, 4, 3, 2), true, taken(&[(3, 2), (4, 3)])),
            Verdict::Apply,
            "the newest epoch is never a branch"
        );
    }

    #[test]
    fn a_namesake_of_another_epoch_does_not_close_a_gap() {
        let seen = [(42, 1), (43, 1), (44, 1)];
        let position = Position { last: Sequence(44), epoch: Epoch(1), base: Sequence(0) };
        assert_eq!(verdict(position, container(45, 3, 44, 2), false, taken(&seen)), gap(44, 2));
    }

    #[test]
    fn a_container_of_an_older_epoch_leaves_the_position_alone() {
        let position = Position { last: Sequence(50), epoch: Epoch(3), base: Sequence(49) };
        assert_eq!(advance(position, container(49, 2, 40, 2)), position);
    }
}
