//! The commands of the console, one module each: `run` takes the arguments, answers the exit code.

pub mod check;
pub mod commit;
pub mod init;
mod project;
pub mod prv;
pub mod verify;
