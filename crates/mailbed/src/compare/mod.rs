//! Whether two servers hold the same mail. Both are read over IMAP with [`crate::talk`]: what the client under test believes,
//! remembers or has recorded plays no part.

mod difference;
mod snapshot;

pub use difference::{Difference, Report};
pub use snapshot::{Entry, Folder, Snapshot};

use anyhow::Result;

use crate::talk::Talk;

/// Of what both users may see. Nothing on either side is changed.
pub fn compare(source: &mut Talk, target: &mut Talk) -> Result<Report> {
    Ok(Snapshot::read(source)?.differences(&Snapshot::read(target)?))
}
