//! The console as a person meets it: the real binary, its stdout, stderr and exit code.

mod adopt;
mod commits;
mod doctor;
mod guarantee;
mod help;
mod hints;
mod list;
mod manifest;
mod project;
mod prv;
mod rehearse;
mod role;
mod verify;
mod world;
