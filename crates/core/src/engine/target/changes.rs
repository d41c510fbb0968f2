//! Rows of the tracking map that wait for the flush of their items.

use std::collections::HashMap;

use mailferry_rules::ids::{ContainerName, MailboxId};

use crate::model::{Beside, FolderPath, TargetId, Token};
use crate::state::ledger::manifest::{self, LeftOut};
use crate::state::ledger::target::{self, Tracked};
use crate::state::ledger::unread::{self, Known};
use crate::state::ledger::{beside, serving, stock};
use crate::state::{Connection, SqlResult};

/// Rows of the tracking map that wait for the flush of their items.
#[derive(Default)]
pub(super) struct Changes {
    pub(super) tracked: HashMap<Token, Option<Tracked>>,
    order: Vec<Token>,
    /// Items that a census names and that are not here.
    wanted: Vec<Token>,
    /// The container these changes are of, if they may have to be done again after a failover of the store (R78).
    kept: Option<ContainerName>,
    /// What it takes away.
    away: Vec<Tracked>,
    /// Folders at the target, and what they are at the source.
    came_from: Vec<(FolderPath, FolderPath)>,
    left_out: Vec<LeftOut>,
    /// What cannot be read at the source; whether in place of what was known of it.
    unread: Vec<Known>,
    unread_anew: bool,
    /// What folders were given to stand beside their items.
    given: Vec<(FolderPath, Beside)>,
}

impl Changes {
    pub(super) fn of(kept: Option<ContainerName>) -> Changes {
        Changes { kept, ..Changes::default() }
    }

    /// What has been staged so far; what follows is of the same container.
    pub(super) fn batch(&mut self) -> Changes {
        let next = Changes::of(self.kept);
        std::mem::replace(self, next)
    }

    /// This item is removed from the store.
    pub(super) fn take_away(&mut self, item: Tracked) {
        self.set(item.token, None);
        self.away.push(item);
    }

    /// A folder of the source has this place at the target.
    pub(super) fn came_from(&mut self, target: FolderPath, source: FolderPath) {
        self.came_from.push((target, source));
    }

    /// This item cannot be at the target.
    pub(super) fn leave_out(&mut self, item: LeftOut) {
        self.left_out.push(item);
    }

    /// These cannot be read at the source.
    pub(super) fn unread(&mut self, anew: bool, items: impl Iterator<Item = Known>) {
        if anew {
            self.unread.clear();
            self.unread_anew = true;
        }
        self.unread.extend(items);
    }

    /// This stands beside the items of the folder now.
    pub(super) fn give(&mut self, folder: FolderPath, beside: Beside) {
        self.given.push((folder, beside));
    }

    pub(super) fn want(&mut self, token: Token) {
        self.wanted.push(token);
    }

    /// Changes that wait for a flush.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// As if nothing had been staged for this item.
    pub(super) fn forget(&mut self, token: &Token) {
        self.tracked.remove(token);
        self.order.retain(|there| there != token);
    }

    pub(super) fn set(&mut self, token: Token, tracked: Option<Tracked>) {
        if self.tracked.insert(token, tracked).is_none() {
            self.order.push(token);
        }
    }

    pub(super) fn ids_in<'a>(&'a self, folder: &'a FolderPath) -> impl Iterator<Item = TargetId> + 'a {
        self.tracked.values().flatten().filter(move |tracked| tracked.folder == *folder).map(|tracked| tracked.id.clone())
    }

    pub(super) fn write(&self, db: &Connection, mailbox: MailboxId) -> SqlResult<()> {
        let (wished, lacks) = (stock::wants_any(db, mailbox)?, manifest::leaves_out_any(db, mailbox)?);
        self.came_from.iter().try_for_each(|(target, source)| manifest::came_from(db, mailbox, target, source))?;
        for token in &self.order {
            match self.tracked.get(token) {
                Some(Some(tracked)) => target::track(db, mailbox, tracked)?,
                Some(None) => target::untrack(db, mailbox, token)?,
                None => {}
            }
            if wished {
                stock::unwant(db, mailbox, token)?;
            }
            if lacks {
                manifest::settled(db, mailbox, token)?;
            }
        }
        self.left_out.iter().try_for_each(|item| manifest::leave_out(db, mailbox, item))?;
        if self.unread_anew {
            unread::clear(db, mailbox)?;
        }
        self.unread.iter().try_for_each(|item| unread::record(db, mailbox, item))?;
        self.given.iter().try_for_each(|(folder, given)| beside::give(db, mailbox, folder, given))?;
        if let Some(kept) = &self.kept {
            self.away.iter().try_for_each(|item| serving::take_away(db, kept, item))?;
        }
        self.wanted.iter().try_for_each(|token| stock::want(db, mailbox, token))
    }
}
