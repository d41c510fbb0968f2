//! Two real Pacemaker clusters: nodes are cut off, killed, frozen, and resources moved, while users work (R2, R3, R42, R50).
//!
//! In each story mail goes on flowing, and when all is well again every item is at the target exactly once, standbys equal their active
//! nodes, nothing is owed, and no container of an older epoch was applied after one of a newer. `figures` measures how long a failover takes.
//! The road not taken: a cluster manager that is played. What two nodes believe of each other in a partition is what has to be real.

mod figures;
mod stories;
mod traces;

use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(90);
