//! What the three agents share.
//!
//! ```text
//! model        items, folders, flags, digests: the words every other module speaks
//! passage      how an item came to the target
//! manifest     proof of migration (docs/formats/manifest.md)
//! orders       orders to the source agent about move requests (docs/formats/order.md)
//! events       the catalogue of what is told (docs/reference/events.md)
//! ports        what the engine may ask of the outside: mail stores, shares, clock, role, events
//! prv          the container format (docs/formats/prv.md)
//! spool        OUT, IN and WORK over shares (docs/formats/spool.md)
//! state        config.db: ledger, DeletedDataFiles, tracking, epochs (docs/formats/state.md)
//! replication  change sets and snapshots to the other node, replay on the standby
//! engine       the agents: gather facts, ask mailferry-rules, do one durable step, record it
//! csv          comma-separated values, read with their lines
//! settings     project file, config.ini, reference
//! compare      whether two mailboxes hold the same mail
//! rehearse     what can go wrong, before a byte moves (docs/reference/hazards.md)
//! trouble      an error as the operator reads it
//! ```
//!
//! Absences to keep: the engine never calls the operating system; only `state` writes SQL; only `settings` knows that a
//! config.ini exists.
#![forbid(unsafe_code)]

mod chunk;
pub mod compare;
pub mod csv;
pub mod engine;
pub mod events;
pub mod manifest;
pub mod model;
pub mod orders;
pub mod passage;
pub mod ports;
pub mod prv;
pub mod rehearse;
pub mod replication;
pub mod settings;
pub mod spool;
pub mod state;
pub mod trouble;
