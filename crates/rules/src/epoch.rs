//! Epochs: who may act, and which containers come from an activation that is over (R3).
//!
//! A claim is a file made by exclusive create at the witness; its number is the epoch. The cluster manager's word is
//! necessary, never sufficient: an agent acts only while the newest claim is its own.
//!
//! A container of an older epoch is not stale by itself: a new active inherits what its predecessor had recorded, and that
//! must still be delivered. Each container therefore carries its *base*, the last sequence its epoch inherited. Of a lower
//! epoch, everything up to the base is the common past; everything above it is the work of a node that no longer counts.

use crate::ids::{Epoch, Sequence};

/// The newest claim at the witness.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claimed {
    pub epoch: Epoch,
    pub mine: bool,
}

/// What an agent whose role is active does about its epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// The newest claim is this node's: act under it.
    Holds(Epoch),
    /// Claim this number first.
    MustClaim(Epoch),
}

/// At session start: `recorded` is the epoch of the agent database, and whether this node claimed it.
///
/// A claim of our own that the database does not know is the trace of a kill between claim and record, or of a database that
/// was lost or put back from an old copy. Under that epoch containers may have gone out that this database knows nothing of:
/// their names must not be used again, so a new epoch it is.
pub fn standing(newest: Option<Claimed>, recorded: Option<Claimed>) -> Standing {
    let highest = newest.iter().chain(recorded.iter()).map(|claim| claim.epoch).max().unwrap_or_default();
    match newest {
        Some(claim) if claim.mine && recorded == newest => Standing::Holds(claim.epoch),
        _ => Standing::MustClaim(Epoch(highest.0 + 1)),
    }
}

/// Why an activation that claims may lack what an earlier one did, so that mailboxes have to be compared as a whole (R14).
/// Otherwise only the item under way when the predecessor died can be missing, and its receipt tells.
pub fn may_lack(newest: Option<Claimed>, recorded: Option<Claimed>, continue_without_replication: bool) -> Option<&'static str> {
    match (newest, recorded) {
        (None, _) => None,
        (Some(_), None) => Some("this database is new, and an activation was before it"),
        (Some(claim), Some(known)) if claim.mine && claim.epoch > known.epoch => Some("this database is older than its last claim"),
        (Some(claim), _) if !claim.mine && continue_without_replication => Some("the other node may have gone on without replication"),
        _ => None,
    }
}

/// For so long a positive answer to "is this node still active?" counts in the target store, where every item is a step of its own:
/// asking before each would cost a look at the witness per item, not asking would leave a whole flush to a node that was replaced.
pub const LEASE_MS: u64 = 250;

/// So long a new active leaves the target store alone after its claim. Its predecessor got its last positive answer before that claim
/// and begins no step once its lease is over; the rest is for the step under way. Twice as long would still be correct, but a failover
/// has no more than two seconds beyond what the cluster manager takes.
pub const GRACE_MS: u64 = 500;

/// So long a node that takes over with a damaged copy of the database, which ContinueWithoutReplication allows, leaves its predecessor
/// time to hand over a sound one.
pub const HANDOVER_WAIT_MS: u64 = 5_000;

/// How long it still waits. `asked_before`: a snapshot had been asked for before this look; `since_ms`: this process waits already.
pub fn handover_left_ms(asked_before: bool, since_ms: Option<u64>, now_ms: u64) -> u64 {
    match since_ms {
        None if asked_before => 0,
        since_ms => HANDOVER_WAIT_MS.saturating_sub(now_ms.saturating_sub(since_ms.unwrap_or(now_ms))),
    }
}

/// Whether the question has to be asked again. A clock that has been set back, or has run on, means that this node was frozen.
pub fn must_ask(asked_ms: Option<u64>, now_ms: u64) -> bool {
    asked_ms.is_none_or(|asked_ms| now_ms < asked_ms || now_ms - asked_ms >= LEASE_MS)
}

/// How long a node that claimed an epoch of a cluster leaves the target store alone yet. Nobody was before the first epoch.
pub fn grace_left_ms(epoch: Epoch, claimed_ms: u64, now_ms: u64) -> u64 {
    if epoch <= Epoch(1) { 0 } else { GRACE_MS.saturating_sub(now_ms.saturating_sub(claimed_ms)) }
}

/// Whether a container comes from an activation that had already been replaced when it was made.
/// `newest` and `base` are the newest epoch seen for this mailbox and what it inherited.
pub fn is_stale(sequence: Sequence, epoch: Epoch, newest: Epoch, base: Sequence) -> bool {
    epoch < newest && sequence > base
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(epoch: u64, mine: bool) -> Option<Claimed> {
        Some(Claimed { epoch: Epoch(epoch), mine })
    }

    #[test]
    fn an_epoch_is_used_only_while_its_claim_is_the_newest_and_ours_and_recorded() {
        let cases = [
            (None, None, Standing::MustClaim(Epoch(1))),
            (claim(1, true), claim(1, true), Standing::Holds(Epoch(1))),
            (claim(2, true), claim(1, true), Standing::MustClaim(Epoch(3))),
            (claim(2, true), None, Standing::MustClaim(Epoch(3))),
            (claim(2, false), claim(1, true), Standing::MustClaim(Epoch(3))),
            (claim(2, false), claim(2, false), Standing::MustClaim(Epoch(3))),
            (None, claim(4, true), Standing::MustClaim(Epoch(5))),
            (claim(3, true), claim(4, false), Standing::MustClaim(Epoch(5))),
        ];
        for (newest, recorded, expected) in cases {
            assert_eq!(standing(newest, recorded), expected, "{newest:?} {recorded:?}");
        }
    }

    #[test]
    fn who_may_have_missed_more_than_one_item_compares_everything() {
        assert_eq!(may_lack(None, None, false), None, "the first activation of all");
        assert!(may_lack(claim(1, true), None, false).is_some(), "a lost database");
        assert!(may_lack(claim(3, true), claim(2, true), false).is_some(), "a database put back from an old copy");
        assert_eq!(may_lack(claim(2, true), claim(2, true), true), None, "nothing happened");
        assert_eq!(may_lack(claim(2, false), claim(2, false), false), None, "everything was replicated but the last item");
        assert!(may_lack(claim(2, false), claim(2, false), true).is_some(), "nothing needs to have been replicated");
    }

    #[test]
    fn a_predecessor_begins_no_step_in_the_target_store_once_its_successor_may() {
        // Asked at 1000 at the latest, when the successor claims.
        let last_step = (1_000..2_000).filter(|now_ms| !must_ask(Some(1_000), *now_ms)).max();
        let first_step = (1_000..2_000).find(|now_ms| grace_left_ms(Epoch(2), 1_000, *now_ms) == 0);
        assert!(last_step.zip(first_step).is_some_and(|(last, first)| first >= last + LEASE_MS), "{last_step:?} {first_step:?}");
        assert!(must_ask(None, 1_000) && must_ask(Some(1_001), 1_000), "never asked; a clock that was set back");
        assert_eq!(grace_left_ms(Epoch(1), 1_000, 1_000), 0, "nobody was before");
    }

    #[test]
    fn a_damaged_copy_is_waited_with_once_and_not_for_ever() {
        assert_eq!(handover_left_ms(false, None, 1_000), HANDOVER_WAIT_MS, "found just now");
        assert_eq!(handover_left_ms(true, None, 1_000), 0, "another process has asked, and nobody came");
        for asked_before in [false, true] {
            assert_eq!(handover_left_ms(asked_before, Some(1_000), 1_000 + HANDOVER_WAIT_MS - 1), 1);
            assert_eq!(handover_left_ms(asked_before, Some(1_000), 1_000 + HANDOVER_WAIT_MS), 0);
            assert_eq!(handover_left_ms(asked_before, Some(1_000), 500), HANDOVER_WAIT_MS, "a clock that was set back");
        }
    }

    #[test]
    fn a_lower_epoch_is_stale_only_above_what_the_newer_one_inherited() {
        assert!(!is_stale(Sequence(42), Epoch(1), Epoch(2), Sequence(42)));
        assert!(is_stale(Sequence(43), Epoch(1), Epoch(2), Sequence(42)));
        assert!(!is_stale(Sequence(43), Epoch(2), Epoch(2), Sequence(42)));
        assert!(!is_stale(Sequence(1), Epoch(3), Epoch(2), Sequence(42)));
    }
}
