//! Events 301 to 399: replication and debts.

use super::{Known, event, once};
use crate::ports::Level::{Error, Info, Warning};

pub(super) const EVENTS: &[Known] = &[
    once(
        301,
        "replication.blocked",
        &[Error],
        "The active node runs a newer version; its change files wait",
        "Install the same version on both nodes",
    ),
    event(
        302,
        "replication.discarded",
        &[Warning],
        "This node had been active alone; what nobody received was overwritten and kept in `REP/<agent>/DISCARDED`",
        "Nothing: what it did is found again at the target. Delete the files when you like",
    ),
    once(
        303,
        "replication.failed",
        &[Warning],
        "The database could not be replicated; the cause is named (R11)",
        "[Operating: replication held up](../OPERATING.md#replication-held-up)",
    ),
    event(
        304,
        "replication.refused",
        &[Warning],
        "A change file or snapshot was damaged, stale or foreign; moved to `REP/<agent>/REFUSED`",
        "After a failover: nothing. Otherwise check disk and network",
    ),
    once(
        305,
        "replication.replay-failed",
        &[Error],
        "The standby cannot take in replicated state",
        "Look at cause: disk, rights, database",
    ),
    event(
        306,
        "replication.seeded",
        &[Info],
        "A standby has taken a snapshot over: its database is whole up to that change set",
        "Nothing",
    ),
    event(
        307,
        "replication.seeding",
        &[Info],
        "The active node sends a snapshot to a standby, and why: start of an epoch, a request, a log that has diverged, an \
outbox that is too short. Large ones take minutes",
        "Nothing. Often: look at `replication.wants-snapshot` and `ReplicationOutboxMax`",
    ),
    once(
        308,
        "replication.wants-snapshot",
        &[Warning],
        "The standby is not whole and has asked for a snapshot",
        "Nothing; it comes with the next ship",
    ),
    once(
        309,
        "coverage.owed",
        &[Warning],
        "Published although a passive node lacks its copies; a coverage debt stands (R22)",
        "Bring the node back: debts are paid first, then replication goes on",
    ),
    event(
        310,
        "deletion.given-up",
        &[Warning],
        "A deletion debt outlived `CcrDeletedItemsLifeTime`. A tombstone stays (R55)",
        "Delete the named file when the node is back, or leave it: it is deleted on sight",
    ),
    event(
        311,
        "deletion.owed",
        &[Warning],
        "A copy could not be deleted; its path is in DeletedDataFiles (R51)",
        "Give delete rights or bring the node back",
    ),
    event(312, "deletion.paid", &[Info], "A deletion that had failed has succeeded", "Nothing"),
    once(
        313,
        "replication.not-handed-over",
        &[Warning],
        "The role has moved, and the rest of the database of this node could not be sent to the other one",
        "Nothing, if the new active node goes on: it finds what it does not know. Otherwise bring its share back",
    ),
];
