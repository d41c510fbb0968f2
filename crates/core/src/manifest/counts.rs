//! What the lines of a manifest come to. Writer and reader count the same way.

use mailferry_rules::score::{Found, Score};
use serde::{Deserialize, Serialize};

use super::lines::{Folder, Item, State};
use crate::passage::Altered;

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    pub folders: u64,
    pub items: u64,
    /// Bytes at the source, as far as they are known.
    pub bytes: u64,
    pub there: u64,
    /// Altered in line ends alone, which counts as no change.
    pub crlf: u64,
    pub altered: u64,
    pub damaged: u64,
    pub missing: u64,
    pub deleted: u64,
    pub refused: u64,
    pub too_large: u64,
    pub keywords_lost: u64,
    pub dates_lost: u64,
    pub renamed: u64,
    /// Gone at the source and kept: no part of what should be there.
    pub gone_at_source: u64,
    /// Items that are in none of the numbers from `altered` to `dates_lost`, because a person has accepted them.
    pub approved: u64,
    pub archived: u64,
    /// Containers that were in IN and not applied.
    #[serde(default, skip_serializing_if = "is_none_at_all")]
    pub waiting: u64,
    /// Not readable at the source.
    #[serde(default, skip_serializing_if = "is_none_at_all")]
    pub unread: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_none_at_all(count: &u64) -> bool {
    *count == 0
}

impl Counts {
    pub(super) fn folder(&mut self, folder: &Folder) {
        self.folders += u64::from(folder.target.is_some());
        let renamed = folder.target.is_some() && folder.source.is_some() && folder.target != folder.source;
        self.renamed += u64::from(renamed);
    }

    pub(super) fn item(&mut self, item: &Item) {
        self.items += 1;
        self.bytes += item.size.unwrap_or(0);
        if item.gone_at_source {
            self.gone_at_source += 1;
            return;
        }
        let crlf_alone = item.altered.len() == 1 && item.altered.iter().eq(Altered::CRLF.names());
        if item.approved.is_some() {
            self.approved += 1;
            return;
        }
        *match item.state {
            State::There => &mut self.there,
            State::Altered if crlf_alone => &mut self.crlf,
            State::Altered => &mut self.altered,
            State::Damaged => &mut self.damaged,
            State::Missing => &mut self.missing,
            State::Deleted => &mut self.deleted,
            State::Refused => &mut self.refused,
            State::TooLarge => &mut self.too_large,
            State::Unread => &mut self.unread,
        } += 1;
        self.keywords_lost += u64::from(!item.keywords_lost.is_empty());
        self.dates_lost += u64::from(item.reread_date.is_some());
    }

    pub fn found(&self) -> Found {
        Found {
            items: self.items - self.gone_at_source,
            missing: self.missing,
            damaged: self.damaged,
            archived: self.archived,
            waiting: self.waiting,
            refused: self.refused,
            too_large: self.too_large,
            unread: self.unread,
            deleted: self.deleted,
            altered: self.altered,
            keywords_lost: self.keywords_lost,
            dates_lost: self.dates_lost,
            renamed: self.renamed,
        }
    }

    pub fn score(&self) -> Score {
        self.found().score()
    }
}
