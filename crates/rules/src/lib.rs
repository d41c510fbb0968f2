//! Every decision of the suite, and nothing else.
//!
//! An agent is a loop: it gathers facts (rows of its database, files in its folders), asks this crate for the next durable
//! step, does that one step through a port and records it. The crate is `no_std`: it cannot read a file, a clock or a byte
//! of mail, so every decision is a function of what it is given and the simulator can ask the very same questions.
//!
//! Where a rule of docs/rules.md is decided, the function names it (R-numbers).
#![no_std]
#![forbid(unsafe_code)]
extern crate alloc;

pub mod ids;
