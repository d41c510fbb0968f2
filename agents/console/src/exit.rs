//! How a command ends: its exit code, and its error as the operator reads it.

use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

use mailferry_core::trouble::Trouble;

use crate::text;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Exit {
    Ok = 0,
    Failed = 1,
    Usage = 2,
    /// Partly done, or a person is needed.
    Partly = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Behind the help of the console itself.
pub const CODES: &str = "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 partly done or a person is needed";

/// Trouble that the arguments are to blame for: exit code 2.
#[derive(Debug)]
pub struct WrongUse(pub Trouble);

impl fmt::Display for WrongUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for WrongUse {}

/// Prints an error and answers the exit code for it. A reader of our output that has gone is told nothing.
pub fn told(error: &anyhow::Error) -> Exit {
    if error.chain().any(|cause| cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)) {
        return Exit::Failed;
    }
    complain("error", &described(error));
    if error.is::<WrongUse>() { Exit::Usage } else { Exit::Failed }
}

/// A bare I/O error comes from the output: every other is said to have a place.
fn described(error: &anyhow::Error) -> String {
    if error.is::<io::Error>() {
        return Trouble::new("could not write the output").cause(error).to_string();
    }
    let mut causes = error.chain();
    let what = causes.next().map(ToString::to_string).unwrap_or_default();
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    if causes.is_empty() { what } else { Trouble::new(what).cause(causes.join(": ")).to_string() }
}

/// One message on stderr; there is nobody to tell when that fails.
pub fn complain(label: &str, message: &str) {
    let _ = writeln!(io::stderr().lock(), "{label}: {}", text::lines(message));
}
