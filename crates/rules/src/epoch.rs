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
    fn a_lower_epoch_is_stale_only_above_what_the_newer_one_inherited() {
        assert!(!is_stale(Sequence(42), Epoch(1), Epoch(2), Sequence(42)));
        assert!(is_stale(Sequence(43), Epoch(1), Epoch(2), Sequence(42)));
        assert!(!is_stale(Sequence(43), Epoch(2), Epoch(2), Sequence(42)));
        assert!(!is_stale(Sequence(1), Epoch(3), Epoch(2), Sequence(42)));
    }
}
