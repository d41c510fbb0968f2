//! How well a mailbox has arrived, by what a manifest counts (X04, R84).
//!
//! | score | when | completes |
//! |---|---|---|
//! | Perfect | nothing is to be said | yes |
//! | Good | something slight, or a few messages altered on the way | yes |
//! | Investigate | something is named that is not there, or many messages altered: look before it is completed | yes |
//! | Poor | something is lost, or much was left out | no |
//!
//! What a person has approved is not counted: the caller leaves it out.

/// Items that may be missing or damaged without an approval. One more is Poor.
pub const LOST_MAX: u64 = 0;
/// Containers that were given up. One more is Poor: nobody knows what is in them.
pub const ARCHIVED_MAX: u64 = 0;
/// Of a thousand items, so many may have been left out, each with its reason. More is Poor.
pub const LEFT_OUT_PER_THOUSAND_MAX: u64 = 10;
/// Of a thousand items, so many may have been altered, each in a known way. More is Investigate.
pub const ALTERED_PER_THOUSAND_MAX: u64 = 10;

/// From best to worst.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Score {
    Perfect,
    Good,
    Investigate,
    Poor,
}

impl Score {
    pub const ALL: [Score; 4] = [Score::Perfect, Score::Good, Score::Investigate, Score::Poor];

    pub fn name(self) -> &'static str {
        match self {
            Score::Perfect => "Perfect",
            Score::Good => "Good",
            Score::Investigate => "Investigate",
            Score::Poor => "Poor",
        }
    }
}

impl core::fmt::Display for Score {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.name())
    }
}

/// What was found, without what was approved.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Items that should be at the target, of the source as it is now.
    pub items: u64,
    /// Not there, and nobody knows why.
    pub missing: u64,
    /// There with other bytes, and nobody knows why.
    pub damaged: u64,
    /// Containers that were given up (R44).
    pub archived: u64,
    /// Containers that lie in IN and are not applied: nobody knows what is in them, and it may still come.
    pub waiting: u64,
    /// Refused by the target, with its reason.
    pub refused: u64,
    /// Refused for their size.
    pub too_large: u64,
    /// Not readable at the source, with its reason.
    pub unread: u64,
    /// Seen at the target by an earlier manifest, and not there any more.
    pub deleted: u64,
    /// Other bytes, in a known way that is more than line ends.
    pub altered: u64,
    /// Items whose keywords were not all kept.
    pub keywords_lost: u64,
    /// Items with another date than at the source.
    pub dates_lost: u64,
    /// Folders with another name than at the source.
    pub renamed: u64,
}

/// One thing that was found, and how bad it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reason {
    pub what: &'static str,
    pub count: u64,
    pub score: Score,
}

impl Found {
    /// Everything that is to be said, worst first.
    pub fn reasons(&self) -> impl Iterator<Item = Reason> {
        let lost = if self.missing.saturating_add(self.damaged) > LOST_MAX { Score::Poor } else { Score::Investigate };
        let archived = if self.archived > ARCHIVED_MAX { Score::Poor } else { Score::Investigate };
        let left = self.refused.saturating_add(self.too_large).saturating_add(self.unread);
        let left = if per_thousand_exceeds(left, self.items, LEFT_OUT_PER_THOUSAND_MAX) { Score::Poor } else { Score::Investigate };
        let many = per_thousand_exceeds(self.altered, self.items, ALTERED_PER_THOUSAND_MAX);
        let altered = if many { Score::Investigate } else { Score::Good };
        let mut reasons = [
            ("missing", self.missing, lost),
            ("damaged", self.damaged, lost),
            ("in containers that were given up", self.archived, archived),
            ("containers that wait in IN", self.waiting, Score::Investigate),
            ("refused", self.refused, left),
            ("too large", self.too_large, left),
            ("not readable at the source", self.unread, left),
            ("deleted at the target", self.deleted, Score::Investigate),
            ("altered", self.altered, altered),
            ("without some keywords", self.keywords_lost, Score::Good),
            ("with another date", self.dates_lost, Score::Good),
            ("folders renamed", self.renamed, Score::Good),
        ]
        .map(|(what, count, score)| Reason { what, count, score });
        reasons.sort_by_key(|reason| core::cmp::Reverse(reason.score));
        reasons.into_iter().filter(|reason| reason.count > 0)
    }

    pub fn score(&self) -> Score {
        self.reasons().map(|reason| reason.score).max().unwrap_or(Score::Perfect)
    }
}

/// Whether a request whose mailbox has this score may be completed (R82).
pub fn may_complete(score: Score) -> bool {
    score < Score::Poor
}

/// Of no items at all, one is too many.
fn per_thousand_exceeds(count: u64, items: u64, max: u64) -> bool {
    u128::from(count) * 1000 > u128::from(items) * u128::from(max)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(change: impl FnOnce(&mut Found)) -> Score {
        let mut found = Found { items: 10_000, ..Found::default() };
        change(&mut found);
        found.score()
    }

    #[test]
    fn one_of_each_kind_has_the_score_of_its_kind() {
        assert_eq!(of(|_| ()), Score::Perfect);
        for (score, change) in [
            (Score::Poor, (|found| found.missing = 1) as fn(&mut Found)),
            (Score::Poor, |found| found.damaged = 1),
            (Score::Poor, |found| found.archived = 1),
            (Score::Investigate, |found| found.waiting = 1),
            (Score::Investigate, |found| found.refused = 1),
            (Score::Investigate, |found| found.too_large = 1),
            (Score::Investigate, |found| found.unread = 1),
            (Score::Investigate, |found| found.deleted = 1),
            (Score::Good, |found| found.altered = 1),
            (Score::Good, |found| found.keywords_lost = 1),
            (Score::Good, |found| found.dates_lost = 1),
            (Score::Good, |found| found.renamed = 1),
        ] {
            assert_eq!(of(change), score);
        }
    }

    #[test]
    fn the_score_changes_with_one_more_than_a_limit_and_not_with_as_many() {
        for (below, above, at, change) in [
            (Score::Perfect, Score::Poor, LOST_MAX, (|found, count| found.missing = count) as fn(&mut Found, u64)),
            (Score::Perfect, Score::Poor, LOST_MAX, |found, count| found.damaged = count),
            (Score::Perfect, Score::Poor, ARCHIVED_MAX, |found, count| found.archived = count),
            (Score::Investigate, Score::Poor, 10 * LEFT_OUT_PER_THOUSAND_MAX, |found, count| found.refused = count),
            (Score::Investigate, Score::Poor, 10 * LEFT_OUT_PER_THOUSAND_MAX, |found, count| found.too_large = count),
            (Score::Investigate, Score::Poor, 10 * LEFT_OUT_PER_THOUSAND_MAX, |found, count| {
                (found.refused, found.too_large) = (1, count - 1)
            }),
            (Score::Investigate, Score::Poor, 10 * LEFT_OUT_PER_THOUSAND_MAX, |found, count| {
                (found.refused, found.unread) = (1, count - 1)
            }),
            (Score::Good, Score::Investigate, 10 * ALTERED_PER_THOUSAND_MAX, |found, count| found.altered = count),
        ] {
            assert_eq!(of(|found| change(found, at)), below, "at the limit {at}");
            assert_eq!(of(|found| change(found, at + 1)), above, "one above {at}");
            if at > 1 {
                assert_eq!(of(|found| change(found, at - 1)), below, "one below {at}");
            }
        }
    }

    #[test]
    fn what_is_slight_stays_good_however_often_it_is() {
        let all = |found: &mut Found| {
            (found.keywords_lost, found.dates_lost, found.renamed) = (found.items, found.items, found.items);
        };
        assert_eq!(of(all), Score::Good);
        assert_eq!(of(|found| found.deleted = found.items), Score::Investigate);
        assert_eq!(of(|found| found.waiting = found.items), Score::Investigate, "what may still come is not lost");
    }

    #[test]
    fn the_worst_counts_and_comes_first_and_huge_counts_do_no_harm() {
        let found = Found { items: u64::MAX, missing: 1, damaged: u64::MAX, altered: u64::MAX, renamed: 1, ..Found::default() };
        assert_eq!(found.score(), Score::Poor);
        let scores: [Option<Score>; 4] = {
            let mut reasons = found.reasons().map(|reason| reason.score);
            core::array::from_fn(|_| reasons.next())
        };
        assert_eq!(scores, [Some(Score::Poor), Some(Score::Poor), Some(Score::Investigate), Some(Score::Good)]);
        assert_eq!(Found { refused: 1, ..Found::default() }.score(), Score::Poor, "of no items at all one is too many");
    }

    #[test]
    fn only_poor_cannot_be_completed() {
        assert_eq!(Score::ALL.map(may_complete), [true, true, true, false]);
    }
}
