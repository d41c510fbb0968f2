//! Proof of migration (R84): a signed file that says of every item of a mailbox where it is, read again at the target.
//!
//! ```text
//! merkle     a root over any number of lines, in flat memory
//! signing    Ed25519 keys and signatures
//! lines      what stands in a manifest, line by line
//! counts     what it comes to, and the score
//! order      which line may follow which
//! writer     a manifest in the making
//! reader     reading one, with nothing believed that is not signed
//! reread     the target, read again
//! verify     whether the target still holds what a manifest says
//! approvals  what a person has looked at and accepted
//! ```
//!
//! Holds: writing and reading take flat memory; a byte that is not as it was signed makes the whole file worthless; nothing but names of
//! folders, ids, sizes, dates, marks and digests enters it: no subject, no address.
//! The format is docs/formats/manifest.md, the reasons docs/adr/0011.

mod approvals;
mod counts;
mod lines;
pub mod merkle;
mod order;
mod reader;
pub(crate) mod reread;
mod signing;
#[cfg(test)]
mod tests;
mod verify;
mod writer;

pub use approvals::{APPROVALS_BYTES_MAX, Approval, Approvals};
pub use counts::Counts;
pub use lines::{Approved, Folder, Header, Item, Line, Root, Seal, Signer, State, Summary};
pub use reader::{Entry, ManifestError, Reader, Sealed, Trust};
pub use signing::{NotAKey, PublicKey, SigningKey};
pub use verify::{Choices, Finding, Report, VerifyError, What, verify};
pub use writer::Writer;

/// Of the format; a reader refuses a larger one.
pub const VERSION: u32 = 1;
/// A store as it is named in a manifest: what stands behind a question mark says how it is logged in to.
pub fn address(described: &str) -> String {
    described.split('?').next().unwrap_or_default().trim_end_matches('/').to_owned()
}

/// Bytes of a line at most: no store has longer names and more keywords.
pub const LINE_BYTES_MAX: usize = 1 << 20;
