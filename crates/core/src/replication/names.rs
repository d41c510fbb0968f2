//! Names of the files in `NTA/REP/<agent>/`. They say by themselves what a folder holds, so that one listing is enough.

use std::fmt;
use std::str::FromStr;

use mailferry_rules::ids::Epoch;

pub const ACK: &str = "ack";
pub const WANT_SNAPSHOT: &str = "want-snapshot";
pub const REFUSED: &str = "REFUSED";
pub const DISCARDED: &str = "DISCARDED";
pub const PART: &str = ".part";

/// `<first lsn, 20 digits>-<last lsn, 20 digits>-<epoch, 10 digits>.chg` or `<lsn, 20 digits>-<epoch, 10 digits>.snap`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct FileName {
    pub epoch: Epoch,
    /// Of a snapshot: the same as `last`.
    pub first: u64,
    pub last: u64,
    pub kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Changes,
    Snapshot,
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Changes => write!(f, "{:020}-{:020}-{:010}.chg", self.first, self.last, self.epoch.0),
            Kind::Snapshot => write!(f, "{:020}-{:010}.snap", self.last, self.epoch.0),
        }
    }
}

impl FromStr for FileName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (stem, kind) = match (text.strip_suffix(".chg"), text.strip_suffix(".snap")) {
            (Some(stem), _) => (stem, Kind::Changes),
            (_, Some(stem)) => (stem, Kind::Snapshot),
            _ => return Err(()),
        };
        let numbers = stem.split('-').map(|part| part.parse().map_err(|_| ())).collect::<Result<Vec<u64>, ()>>()?;
        let name = match (kind, numbers.as_slice()) {
            (Kind::Changes, &[first, last, epoch]) => FileName { epoch: Epoch(epoch), first, last, kind },
            (Kind::Snapshot, &[last, epoch]) => FileName { epoch: Epoch(epoch), first: last, last, kind },
            _ => return Err(()),
        };
        // One spelling per name.
        if name.first <= name.last && name.to_string() == text { Ok(name) } else { Err(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_reads_back_as_itself_and_has_one_spelling() {
        for kind in [Kind::Changes, Kind::Snapshot] {
            let name = FileName { epoch: Epoch(3), first: 42, last: 42, kind };
            let text = name.to_string();
            assert_eq!(text.parse(), Ok(name));
            for bad in
                [text.to_uppercase(), format!("{text}.part"), text.replacen('0', "", 1), text.replacen('0', "+", 1), text.replace('-', "_")]
            {
                assert_eq!(bad.parse::<FileName>(), Err(()), "{bad}");
            }
        }
        assert_eq!(FileName { epoch: Epoch(1), first: 5, last: 4, kind: Kind::Changes }.to_string().parse::<FileName>(), Err(()));
    }
}
