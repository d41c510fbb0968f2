//! Events 101 to 199: the agent.

use super::{Known, event, once};
use crate::ports::Level::{Debug, Error, Warning};

pub(super) const EVENTS: &[Known] = &[
    event(
        101,
        "agent.frozen",
        &[Warning],
        "The clock moved by more than `FreezeDetection` between two sessions. Role and epoch are asked for again (R3)",
        "Look for a suspended machine or a clock that was set. Once: nothing",
    ),
    event(
        102,
        "agent.no-signals",
        &[Warning],
        "The process cannot hear a request to end",
        "End it by force when needed; a kill loses nothing",
    ),
    once(
        103,
        "agent.not-active",
        &[Warning],
        "This node may not act: role unknown, witness away, or a newer claim (R2, R3)",
        "Reach the witness again; look at the role file. On a node that has just lost its role: nothing",
    ),
    event(
        104,
        "agent.not-ready",
        &[Error],
        "No session can start: nothing committed, wrong home, database unusable, constraint without provider. Tried again \
every 5 s, told at once and then once an hour",
        "Do what the hint says",
    ),
    event(
        105,
        "service.not-told",
        &[Warning],
        "The service manager of Windows could not be told how the agent stands",
        "Nothing, if `service status` is right; else look at cause",
    ),
    event(
        106,
        "settings.finding",
        &[Warning, Error],
        "A key that does not exist, or a value that is not allowed, with file and line (R91). Told in each session",
        "Mend the file or the project",
    ),
    event(
        107,
        "status.not-written",
        &[Warning],
        "status.json could not be written; work goes on",
        "Check space and rights of the agent's folder",
    ),
    event(108, "session.held-up", &[Debug], "A session ended early; the reason is also in the status", "Nothing"),
    once(109, "state.failed", &[Error], "config.db failed", "[Operating: the database](../OPERATING.md#the-database)"),
    once(110, "space.below-floor", &[Warning], "Less than `FreeSpaceFloor` is free: nothing is packed (R23)", "Free space"),
];
