//! PRV containers: a segment of a mailbox's redo log in one file (docs/formats/prv.md).
//!
//! Holds: R6 the same records make the same bytes; R21 and R40 every byte is checked by digest; a damaged block costs only its items; memory
//! does not grow with the mail, only the index does (about 80 bytes an item).
//!
//! ```text
//! layout   the numbers of the format          writer · pack    records to bytes, in order, with or without threads
//! header · record · block · index · trailer   reader           records in order, items by number
//! error    what went wrong, by what to do     verify · salvage every byte checked; what can be read of a damaged file
//! ```
//!
//! The road not taken: an archive format of others. None has the description of the item beside a solid block and can be
//! written in one pass; and a format that is a contract for years is better small and ours. Frames are zstd frames, so that `zstd -d`
//! gets the mail out where our code is not at hand.

mod block;
mod bytes;
mod error;
mod header;
mod index;
mod layout;
mod pack;
mod reader;
mod record;
mod salvage;
mod trailer;
mod verify;
mod writer;

pub use error::PrvError;
pub use header::{Header, Kind};
pub use index::IndexEntry;
pub use layout::{ITEM_BYTES_MAX, ITEMS_MAX};
pub use reader::Reader;
pub use record::Record;
pub use salvage::{BadRange, SalvageReport, salvage};
pub use verify::{Damage, check_bytes, file_digest, verify};
pub use writer::{Options, Summary, Writer, Written};

#[cfg(test)]
mod tests;
