//! Time, role, and the watch over durable steps.

use std::fmt;

/// Wall clock, given to decisions as a number.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now_ms(&self) -> u64;
}

/// What the cluster says about this node (R2). Never guessed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Role {
    Active,
    /// Another node is active.
    Passive {
        active: String,
    },
    /// Nobody can tell: nothing with an effect is done.
    Unknown {
        why: String,
    },
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Active => f.write_str("active"),
            Role::Passive { active } => write!(f, "passive ({active} is active)"),
            Role::Unknown { why } => write!(f, "unknown ({why})"),
        }
    }
}

/// Asked at session start and again before every destructive step.
pub trait RolePort: Send + Sync {
    fn role(&self) -> Role;
}

/// Told of each commit of the agent database: the one durable step that is not made through another port. In production
/// it counts and times commits; in the simulator it is where a node dies.
pub trait Steps: Send + Sync {
    /// Before the commit; an error leaves the transaction undone.
    fn before_commit(&self) -> Result<(), String> {
        Ok(())
    }

    /// After the commit; an error is returned to the caller although the transaction stands.
    fn after_commit(&self) -> Result<(), String> {
        Ok(())
    }
}

#[derive(Clone, Copy, Debug, Default)]
pub struct UnwatchedSteps;

impl Steps for UnwatchedSteps {}
