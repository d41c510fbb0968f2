//! Events 401 to 499: containers on their way.

use super::{Known, event, once};
use crate::ports::Level::{Error, Info, Warning};

pub(super) const EVENTS: &[Known] = &[
    event(
        401,
        "container.adopted",
        &[Info],
        "A container had been placed but not recorded when an activation ended; it is the next link and is kept",
        "Nothing",
    ),
    event(402, "container.applied", &[Info], "All records of a container are at the target or listed as skipped", "Nothing"),
    event(
        403,
        "container.archived",
        &[Error],
        "Given up after `ImportAttemptsMax` attempts; kept in ARCHIVE (R44)",
        "[Operating: an archived container](../OPERATING.md#an-archived-container)",
    ),
    event(
        404,
        "container.damaged",
        &[Error],
        "A container in IN is not what was written; moved to CORRUPT. The other node's copy or a new container takes its place \
(R40)",
        "Check disks and network on the way",
    ),
    event(405, "container.delivered", &[Info], "Carried to one node of the other side, checked there and recorded", "Nothing"),
    event(406, "container.fetched", &[Info], "A container that was missing or damaged here was copied from the other node's IN", "Nothing"),
    once(
        407,
        "container.held",
        &[Warning],
        "A copy could not be placed, or a container in WORK not be read; it stays there until the next session (R22)",
        "Bring the node back, or set `ContinueWithoutReplication=1`",
    ),
    once(408, "container.not-packed", &[Error], "A container could not be written in WORK", "Look at cause: space, rights, disk"),
    event(409, "container.published", &[Info], "All copies are placed and recorded", "Nothing"),
    event(
        410,
        "container.refused",
        &[Warning],
        "A container came from an activation that had already been replaced. It is put aside; its receipt makes the source \
compare the whole mailbox (R3, R14)",
        "Nothing",
    ),
    event(411, "container.rescued", &[Info], "A container of an older epoch lay only on the passive node and was brought over", "Nothing"),
    once(
        412,
        "container.unreadable",
        &[Warning],
        "A container in IN cannot be read now, was made by a newer version, or is damaged and came before its predecessors; it waits",
        "Check the disk; install the newer version. Damaged: nothing, its turn comes",
    ),
    event(
        413,
        "spool.set-aside",
        &[Warning],
        "A file was in the way or is of an activation that is over; moved to STALE",
        "[Operating: CORRUPT, STALE, ARCHIVE](../OPERATING.md#corrupt-stale-archive)",
    ),
    once(414, "spool.unreadable", &[Error], "OUT or IN of this node cannot be listed", "Bring the share back"),
    event(415, "node.answers-again", &[Info], "A node that could not be reached is served again", "Nothing"),
    once(
        416,
        "node.unreachable",
        &[Warning],
        "Containers cannot be delivered to a node; the wait doubles up to `RetryBackoffMax` (R34)",
        "Check share, rights and space of that node",
    ),
    event(417, "receipt.applied", &[Info], "The source knows that a container was applied", "Nothing"),
    event(418, "receipt.archived", &[Error], "The target gave up on a container", "See `container.archived` on the target"),
    event(
        419,
        "receipt.damaged",
        &[Warning],
        "A container arrived damaged; its content goes out again in a new one (R40)",
        "See `container.damaged` on the target",
    ),
    event(
        420,
        "receipt.refused",
        &[Warning],
        "The target refused a container: another activation had gone on before it arrived. The mailbox is compared as a whole",
        "Nothing",
    ),
    once(
        421,
        "container.not-kept",
        &[Warning],
        "A container could not be copied to CORRUPT or ARCHIVE of this node. It stays in IN, and nothing is lost",
        "Look at cause: space, rights, disk",
    ),
    once(
        422,
        "container.not-rescued",
        &[Warning],
        "A container lies only on the passive node of its side, and could not be brought over. It is tried again in every \
session",
        "Bring the share of that node back",
    ),
    once(
        423,
        "container.not-restored",
        &[Warning],
        "A file in RESTORE cannot be taken: it was never archived here, or it is not what was archived (R44)",
        "Move the container of ARCHIVE there, under its name, and nothing else",
    ),
    event(
        424,
        "container.early",
        &[Info],
        "A container has come before its predecessor, and waits for it (R41). A warning follows after `GapAlarmAfter`",
        "Nothing",
    ),
];
