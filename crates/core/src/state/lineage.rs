//! Which epoch began after which change set: the family tree of a log, small enough to travel with each snapshot.
//!
//! An epoch has one writer (R3), so two logs that both hold change set (epoch, lsn) hold the same one there. That decides what a
//! standby has already, and from where on a log that was overtaken has to be thrown away.

use mailferry_rules::ids::Epoch;

/// Epoch `epoch` goes on after change set `base`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Beginning {
    pub epoch: Epoch,
    pub base: u64,
}

/// Beginnings in rising order, and the last change set. Epoch 0, "no activation yet", may have been written by anybody and so
/// proves nothing beyond its empty beginning.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lineage {
    pub beginnings: Vec<Beginning>,
    pub lsn: u64,
}

/// The beginnings kept; older ones are forgotten, which can only make `common` smaller.
pub const BEGINNINGS_MAX: usize = 1000;

impl Lineage {
    /// Whether the position (epoch, lsn) lies on this log.
    pub fn contains(&self, epoch: Epoch, lsn: u64) -> bool {
        match self.beginnings.iter().position(|beginning| beginning.epoch == epoch) {
            Some(index) => self.beginnings[index].base <= lsn && lsn <= self.end(index),
            None => epoch == Epoch(0) && lsn == 0,
        }
    }

    /// The last change set that both logs are known to share.
    pub fn common(&self, other: &Lineage) -> u64 {
        let shared = self.beginnings.iter().enumerate().rev().find_map(|(index, beginning)| {
            let twin = other.beginnings.iter().position(|theirs| theirs == beginning)?;
            Some(self.end(index).min(other.end(twin)))
        });
        shared.unwrap_or(0)
    }

    fn end(&self, index: usize) -> u64 {
        self.beginnings.get(index + 1).map_or(self.lsn, |next| next.base)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lineage(beginnings: &[(u64, u64)], lsn: u64) -> Lineage {
        Lineage { beginnings: beginnings.iter().map(|&(epoch, base)| Beginning { epoch: Epoch(epoch), base }).collect(), lsn }
    }

    #[test]
    fn a_position_lies_on_a_log_within_its_epoch_only() {
        let log = lineage(&[(1, 0), (3, 10)], 15);
        for (epoch, lsn, on) in [
            (0, 0, true),
            (0, 1, false),
            (1, 0, true),
            (1, 10, true),
            (1, 11, false),
            (2, 5, false),
            (3, 9, false),
            (3, 15, true),
            (3, 16, false),
        ] {
            assert_eq!(log.contains(Epoch(epoch), lsn), on, "({epoch}, {lsn})");
        }
    }

    #[test]
    fn two_logs_share_what_came_before_the_overtaking() {
        let overtaken = lineage(&[(1, 0)], 15);
        assert_eq!(overtaken.common(&lineage(&[(1, 0), (2, 10)], 30)), 10);
        assert_eq!(overtaken.common(&lineage(&[(1, 0), (2, 15)], 30)), 15);
        assert_eq!(lineage(&[(1, 0), (2, 10)], 12).common(&lineage(&[(1, 0), (3, 11)], 30)), 10);
        assert_eq!(overtaken.common(&lineage(&[(2, 4)], 30)), 0);
        assert_eq!(lineage(&[], 7).common(&lineage(&[], 7)), 0);
    }
}
