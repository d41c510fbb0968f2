//! An error as the operator reads it: what failed, where, the cause, what happens next, what to do.

use std::fmt;

/// Printed as
/// ```text
/// could not delete the passive copy of container 7f3a...
///   where: \\NODE2\MFExNode$\NTA\OUT\TGT1\7f3a....prv
///   cause: access denied
///   now:   the active copy stays hidden; next try 14:20
///   hint:  give the service account delete rights
/// ```
/// after the `error:` that the command line or the log puts in front.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trouble {
    what: String,
    place: Option<String>,
    cause: Option<String>,
    now: Option<String>,
    hint: Option<String>,
}

impl Trouble {
    /// `what` is a phrase such as `could not read the project file`.
    pub fn new(what: impl Into<String>) -> Self {
        Trouble { what: what.into(), place: None, cause: None, now: None, hint: None }
    }

    #[must_use]
    pub fn place(mut self, place: impl fmt::Display) -> Self {
        self.place = Some(place.to_string());
        self
    }

    #[must_use]
    pub fn cause(mut self, cause: impl fmt::Display) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// What happens next without anyone's doing.
    #[must_use]
    pub fn now(mut self, now: impl fmt::Display) -> Self {
        self.now = Some(now.to_string());
        self
    }

    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    pub fn what(&self) -> &str {
        &self.what
    }

    /// The cause alone, for a text that says the rest itself.
    pub fn why(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        for (label, text) in [("where:", &self.place), ("cause:", &self.cause), ("now:", &self.now), ("hint:", &self.hint)] {
            if let Some(text) = text {
                write!(f, "\n  {label:<6} {}", text.trim_end().replace('\n', "\n         "))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Trouble {}

impl From<crate::ports::ShareError> for Trouble {
    fn from(error: crate::ports::ShareError) -> Self {
        Trouble::new("a share did not do what was asked").place(&error.place).cause(&error.cause)
    }
}

impl From<crate::ports::StoreError> for Trouble {
    fn from(error: crate::ports::StoreError) -> Self {
        let trouble = Trouble::new(format!("could not {}", error.what)).place(&error.place).cause(&error.cause);
        match error.hint {
            Some(hint) => trouble.hint(hint),
            None => trouble,
        }
    }
}
