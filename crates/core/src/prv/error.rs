//! What can go wrong with a container, told apart by what the caller has to do about it.

use std::io;

#[derive(Debug, thiserror::Error)]
pub enum PrvError {
    #[error("this is no PRV container: {0}")]
    NotAContainer(&'static str),
    /// No damage: a newer version reads it.
    #[error("this container needs a newer version of Mailferry: {0}")]
    FromTheFuture(String),
    #[error("the container is damaged at byte {offset}: {what}")]
    Damaged { offset: u64, what: String },
    /// Refused while writing, or declared in a file beyond what a version 1 container may hold.
    #[error("{what} is {value}, the limit is {max}")]
    Limit { what: &'static str, value: u64, max: u64 },
    /// The file, not the mail: nothing is said about the content.
    #[error("the container could not be read or written: {0}")]
    Io(#[from] io::Error),
    /// The body of an item could not be read from its store: the item is withdrawn, the writer goes on.
    #[error("the item could not be read: {0}")]
    Body(#[source] io::Error),
}

impl PrvError {
    pub(super) fn damaged(offset: u64, what: impl Into<String>) -> Self {
        PrvError::Damaged { offset, what: what.into() }
    }

    /// Whether the bytes of the file are to blame, and making the container again would help (R40).
    pub fn is_damage(&self) -> bool {
        matches!(self, PrvError::NotAContainer(_) | PrvError::Damaged { .. } | PrvError::Limit { .. })
    }
}

pub(super) fn within(what: &'static str, value: u64, max: u64) -> Result<(), PrvError> {
    if value > max { Err(PrvError::Limit { what, value, max }) } else { Ok(()) }
}
