//! The data guarantee: whether enough copies of a target store hold what was committed (R70).

use mailferry_rules::guarantee::Answer;

/// Asked before a container is deleted at the target.
pub trait DataGuarantee: Send + Sync {
    /// CheckReplicationFlush: `store` is the URL of the target store; `commit_ms` the time its last item was made durable.
    fn flushed(&self, store: &str, commit_ms: u64) -> Answer;

    /// CheckReplicationHealth, before more is copied: `caller` has a mean copy queue of its own (R72).
    fn healthy(&self, _caller: &str, _store: &str) -> Answer {
        Answer::Satisfied
    }

    /// Which copy serves users, by a name that changes when another takes over, or the same again after another (R78). `Ok(None)`: no
    /// copies are asked for. `Err` is why it cannot be told.
    fn serving(&self, _store: &str) -> Result<Option<String>, String> {
        Ok(None)
    }

    /// Asks the store to bring what is committed to its copies now (R75). `Err` is why it could not be asked.
    fn roll(&self, _store: &str) -> Result<(), String> {
        Ok(())
    }
}

/// Stores that have no copies of their own: the constraint is None, the answer Satisfied (R71).
#[derive(Clone, Copy, Debug, Default)]
pub struct StoresWithoutCopies;

impl DataGuarantee for StoresWithoutCopies {
    fn flushed(&self, _store: &str, _commit_ms: u64) -> Answer {
        Answer::Satisfied
    }
}
