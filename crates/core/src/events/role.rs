//! Events 201 to 299: roles and takeovers.

use super::{Known, event};
use crate::ports::Level::{Info, Warning};

pub(super) const EVENTS: &[Known] = &[
    event(
        201,
        "role.no-fencing",
        &[Warning],
        "Pacemaker gives the role, and `stonith-enabled` is off: two nodes can be active at once. Told once by each process",
        "Set up fencing ([Operating: with Pacemaker](../OPERATING.md#with-pacemaker))",
    ),
    event(202, "epoch.claimed", &[Info], "This node took over under a new epoch (R3)", "Nothing, if you moved the role"),
    event(
        203,
        "takeover.reconciled",
        &[Info, Warning],
        "The first sessions after a takeover have gone through all work. Info: nothing was lost. Warning: what the node before \
had done and not replicated was found and is mended; named are containers adopted, put aside, brought over, taken \
again, answered though unknown, items found again per mailbox, deletions finished. Traces that turn up later are told \
in the same way",
        "Nothing. [Operating: after a takeover](../OPERATING.md#after-a-takeover)",
    ),
];
