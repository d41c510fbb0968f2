//! The commands of the console, one module each: `run` takes the arguments, answers the exit code.

pub mod agent;
pub mod check;
pub mod commit;
mod csv;
pub mod demo;
pub mod deploy;
pub mod doctor;
pub mod guarantee;
pub mod init;
pub mod manifest;
pub mod migrate;
pub mod moves;
pub mod nodes;
pub mod pages;
mod project;
pub mod prv;
pub mod rehearse;
pub mod report;
pub mod serve;
pub mod set;
pub mod verify;
mod watch;
