//! Whether two servers hold the same mail. Both are read over IMAP with [`crate::talk`]: what the client under test believes,
//! remembers or has recorded plays no part.

mod difference;
#[cfg(unix)]
mod kept;
mod snapshot;

pub use difference::{Difference, Report};
#[cfg(unix)]
pub use kept::{begins_as_a_message, has_a_sound_header, kept};
pub use snapshot::{Entry, Folder, Snapshot};

use anyhow::Result;

use crate::talk::Talk;

/// Of what both users may see. Nothing on either side is changed.
pub fn compare(source: &mut Talk, target: &mut Talk) -> Result<Report> {
    Ok(Snapshot::read(source)?.differences(&Snapshot::read(target)?))
}

/// The same, but for what a server of this kind does not keep; and how many messages it cannot keep as they are.
#[cfg(unix)]
pub fn compare_kept(source: &mut Talk, target: &mut Talk, kind: crate::servers::Kind) -> Result<(Report, usize)> {
    let mut changed = 0;
    let source = Snapshot::read_as(source, &mut |bytes| {
        let kept = kept(kind, bytes);
        changed += usize::from(*kept != *bytes);
        kept
    })?;
    let target = Snapshot::read(target)?;
    Ok((source.kept_by(kind, &target).differences(&target), changed))
}
