//! CheckReplicationHealth: the four conditions of a healthy passive copy (R72).

use alloc::format;

use super::{Answer, Constraint, Copy, Means, Verdict, all};

/// Replay may be this far from its configured lag.
pub const REPLAY_BESIDE_MAX_MS: u64 = 10 * 60 * 1000;
/// Copy queue and its mean must be below.
pub const COPY_QUEUE_LIMIT: u64 = 10;

/// One question of a caller: the copy queues it finds count in the caller's means.
pub fn check_health(constraint: Constraint, copies: &[Copy], caller: &str, means: &mut Means) -> Answer {
    constraint.ask(copies, |copy| health(copy, caller, means))
}

/// Whether a passive copy is healthy, with every reason why not.
pub fn health(copy: &Copy, caller: &str, means: &mut Means) -> Verdict {
    let mean = copy.copy_queue.map_or(Verdict::Good, |queue| means.take(caller, &copy.name, queue));
    all([copy.healthy(), replay(copy), copy_queue(copy), mean])
}

fn replay(copy: &Copy) -> Verdict {
    let name = &copy.name;
    let Some(behind_ms) = copy.replay_behind_ms else {
        return Verdict::Unknown(format!("copy {name} does not say how far its replay is behind"));
    };
    let beside_ms = behind_ms.abs_diff(copy.replay_lag_ms);
    if beside_ms <= REPLAY_BESIDE_MAX_MS {
        return Verdict::Good;
    }
    Verdict::Bad(format!(
        "copy {name} replays {} behind, {} beside its lag of {} (must be within {})",
        seconds(behind_ms),
        seconds(beside_ms),
        seconds(copy.replay_lag_ms),
        seconds(REPLAY_BESIDE_MAX_MS)
    ))
}

fn copy_queue(copy: &Copy) -> Verdict {
    match copy.copy_queue {
        Some(queue) if queue < COPY_QUEUE_LIMIT => Verdict::Good,
        Some(queue) => Verdict::Bad(format!("copy {} has a copy queue of {queue} (must be below {COPY_QUEUE_LIMIT})", copy.name)),
        None => Verdict::Unknown(format!("copy {} does not say how long its copy queue is", copy.name)),
    }
}

/// Milliseconds as people read them.
pub(crate) fn seconds(ms: u64) -> alloc::string::String {
    match ms % 1000 {
        0 => format!("{} s", ms / 1000),
        rest => format!("{}.{rest:03} s", ms / 1000),
    }
}
