//! The data guarantee: whether enough copies of a target store hold what was committed (R70).

use mailferry_rules::guarantee::Answer;

/// Asked before a container is deleted at the target.
pub trait DataGuarantee: Send + Sync {
    /// `store` is the URL of the target store; `commit_ms` the time its last item was made durable.
    fn flushed(&self, store: &str, commit_ms: u64) -> Answer;
}

/// Stores that have no copies of their own: the constraint is None, the answer Satisfied (R71).
#[derive(Clone, Copy, Debug, Default)]
pub struct StoresWithoutCopies;

impl DataGuarantee for StoresWithoutCopies {
    fn flushed(&self, _store: &str, _commit_ms: u64) -> Answer {
        Answer::Satisfied
    }
}
