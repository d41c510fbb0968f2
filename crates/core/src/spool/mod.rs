//! The folders of a share and the safe copy between them (docs/formats/spool.md, R5, R32).
//!
//! ```text
//! NTA/OUT/<lane>/        containers for one node of the other side
//! NTA/IN/<origin>/       containers from the other side
//! NTA/WORK/<agent>/      containers being made
//! NTA/CORRUPT/<origin>/  damaged containers, kept for the operator
//! NTA/STALE/<agent>/     containers of an activation that is over
//! NTA/ARCHIVE/<origin>/  containers given up after too many attempts
//! NTA/RESTORE/<origin>/  archived containers that the operator wants applied after all
//! NTA/CLAIMS/<side>/<agent>/  epochs, at the witness
//! NTA/ROLE/<side>        who is active, at the witness, where the role is static
//! NTA/ORDERS/            orders of the console to the source agent
//! NTA/MANIFEST/          manifests of the target agent, and approvals (docs/formats/manifest.md)
//! NTA/REP/<agent>/       replicated state
//! ```

mod copy;
mod paths;

pub use copy::{CopyError, copy, digest_of, keep, matches};
pub use paths::{Area, approvals, archive, claims, corrupt, file, manifest, orders, part_name, part_of, restore, role, stale, work};
