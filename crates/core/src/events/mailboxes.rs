//! Events 501 to 599: mailboxes and items.

use super::{Known, event, once};
use crate::ports::Level::{Error, Info, Warning};

pub(super) const EVENTS: &[Known] = &[
    once(
        501,
        "mailbox.gap",
        &[Warning],
        "A container has been missing for `GapAlarmAfter`; its successors wait (R41)",
        "Look at the queue of the other side's transmission agent",
    ),
    event(502, "mailbox.goes-on", &[Info], "A container of a mailbox was taken that had been told of as stuck", "Nothing"),
    event(
        503,
        "mailbox.stuck",
        &[Error],
        "What `import.failed` or `mailbox.gap` told of has lasted for `GapAlarmAfter` since. Told once until `mailbox.goes-on`",
        "Do what the warning says: it is repeated as the cause",
    ),
    event(
        504,
        "mailbox.taken-up",
        &[Warning],
        "After a takeover that may have forgotten what was taken (R14), a container was missing for `GapAlarmAfter`: its \
successor is refused, and the source sends its content again and takes stock",
        "Nothing",
    ),
    once(
        505,
        "mailbox.unknown",
        &[Warning],
        "Containers wait for a mailbox that the committed project does not name",
        "Commit the project that names it, or remove the files",
    ),
    once(
        506,
        "import.failed",
        &[Warning],
        "A container could not be applied. It waits, or its failure was counted (R44)",
        "Look at cause; `attempt n of m` says how near the archive is",
    ),
    event(
        507,
        "stock.taken",
        &[Warning],
        "The target is told of all items of a mailbox, and why: a takeover may have lost something. It drops what nobody knows \
any more and asks for what it lacks (R14)",
        "Nothing. After each takeover: look why replication had failed before it",
    ),
    event(
        508,
        "item.mended",
        &[Warning],
        "A message was changed as little as helps, so that the target takes it; named are folder, UID and change",
        "Nothing. [Operating: many mailboxes at once](../OPERATING.md#many-mailboxes-at-once) has the changes",
    ),
    event(
        509,
        "item.skipped",
        &[Warning],
        "One item is not at the target, with the reason",
        "Bring it over by hand: `mailferry prv extract`, or from the source",
    ),
    event(510, "keywords.lost", &[Warning], "The target store cannot keep these keywords", "Nothing, or choose a store that can"),
    once(
        511,
        "beside.left",
        &[Warning],
        "An annotation of a folder is larger than a container takes, 64 KiB or 600 KiB of all, and is not brought over; or the \
names with rights in a folder are, 384 KiB, and nobody gets any there",
        "Set them at the target by hand",
    ),
    event(
        512,
        "beside.lost",
        &[Warning],
        "The target does not keep these rights or annotations of folders, or only a part of them, and why. Nobody has got more \
than at the source; whoever had more before, and keeps it because the server does not take it away, is named",
        "Set them by hand, or map the name with `RightsMap`",
    ),
    event(
        513,
        "answers.asked-for",
        &[Warning],
        "The newest container of a mailbox has had no answer for `AnswerWaitMax`: the target is asked for the answers that lack (R45)",
        "Look at the queues of both sides' transmission agents, and at the status of the target agent",
    ),
];
