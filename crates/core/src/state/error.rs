//! What can go wrong with the agent's database.

use mailferry_changeset::{Conflict, Error as ChangeSetError};
use mailferry_rules::ids::Epoch;
use rusqlite::ErrorCode;

use crate::trouble::Trouble;

#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("{0} is not a database")]
    NotADatabase(String),
    #[error("{0} is a database of another program")]
    Foreign(String),
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    #[error("the database has schema {found}; this program knows schemas up to {known}")]
    FromTheFuture { found: u32, known: u32 },
    #[error("no space left for the database")]
    NoSpace,
    #[error("another process keeps the database locked")]
    Busy,
    /// The watch over durable steps said stop.
    #[error("stopped: {0}")]
    Stopped(String),
    #[error("this node is a standby of epoch {0}: only the node that began an epoch writes in it")]
    Standby(Epoch),
    #[error("epoch {epoch} cannot begin: epoch {seen} has been seen")]
    StaleEpoch { epoch: Epoch, seen: Epoch },
    #[error(transparent)]
    Conflict(Conflict),
    /// The log does not go on where this database stands.
    #[error("the log does not fit: {0}")]
    Discontinuous(String),
    #[error("a change set could not be recorded or applied: {0}")]
    ChangeSet(ChangeSetError),
    #[error("the stream of rows broke: {0}")]
    Stream(#[from] std::io::Error),
    #[error(transparent)]
    Sqlite(rusqlite::Error),
}

impl From<rusqlite::Error> for StateError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => StateError::NotADatabase("the file".into()),
            Some(ErrorCode::DatabaseCorrupt) => StateError::Corrupt(error.to_string()),
            Some(ErrorCode::DiskFull) => StateError::NoSpace,
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => StateError::Busy,
            _ => StateError::Sqlite(error),
        }
    }
}

impl From<ChangeSetError> for StateError {
    fn from(error: ChangeSetError) -> Self {
        match error {
            ChangeSetError::Conflict(conflict) => StateError::Conflict(conflict),
            ChangeSetError::Sqlite(error) => error.into(),
            other => StateError::ChangeSet(other),
        }
    }
}

impl StateError {
    /// The error for the operator; `place` is the file of the database.
    pub fn trouble(&self, place: &str) -> Trouble {
        let trouble = Trouble::new("could not use the agent's database").place(place).cause(self);
        match self {
            StateError::NotADatabase(_) | StateError::Foreign(_) => {
                trouble.now("the file is left as it is").hint("move it away, or set another path for the database")
            }
            StateError::Corrupt(_) => {
                trouble.now("the file is left as it is").hint("copy it away; a standby node brings a good copy, and so does a backup")
            }
            StateError::FromTheFuture { .. } => trouble.now("the file is left as it is").hint("install the newer version on this node too"),
            StateError::NoSpace => trouble.now("nothing was changed").hint("free some space on this disk"),
            StateError::Standby(_) | StateError::StaleEpoch { .. } => trouble.now("nothing was changed; another node has taken over"),
            _ => trouble,
        }
    }
}

impl From<StateError> for Trouble {
    fn from(error: StateError) -> Self {
        error.trouble("the database of this agent")
    }
}
