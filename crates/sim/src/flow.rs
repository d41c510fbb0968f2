//! Where mail flows to: a source that is locked takes no changes of its users; and a switch is looked at in the moment it is made (R82).

use std::collections::BTreeMap;
use std::sync::Arc;

use mailferry_core::model::FolderPath;
use mailferry_core::ports::{MailFlow, Switching};

use crate::check::contents;
use crate::guarantee::SimGuarantee;
use crate::process::Process;
use crate::store::{Shelf, SimMailbox, locked};

/// As the source agent of one node reaches it.
pub struct SimFlow {
    pub shelf: Shelf,
    pub guarantee: Arc<SimGuarantee>,
    pub process: Arc<Process>,
    /// Mailboxes are switched in this world.
    pub switches: bool,
    pub pair: Option<(String, String)>,
}

impl SimFlow {
    fn act(&self, what: Switching<'_>, word: &str, effect: impl FnOnce(&mut SimMailbox)) -> Result<(), String> {
        let url = format!("sim:{}", what.mailbox);
        let effect = || match locked(&self.shelf).get_mut(&url) {
            Some(mailbox) => {
                effect(mailbox);
                Ok(())
            }
            None => Err(format!("there is no mailbox {}", what.mailbox)),
        };
        self.process.act(|| format!("{word} {}", what.mailbox), effect, |cause| cause)
    }

    /// The other part of what is moved as one.
    fn partner(&self, mailbox: &str) -> Option<&str> {
        let (primary, archive) = self.pair.as_ref()?;
        let is_either = |name: &str| name == mailbox;
        if is_either(primary) { Some(archive) } else { Some(primary.as_str()).filter(|_| is_either(archive)) }
    }

    /// Everything of a mailbox that is locked, or led over right now, is at its target and at every copy of that. A source that leaks is
    /// asked for nothing.
    fn is_whole(&self, mailbox: &str, why: &str) {
        let (source, target) = (format!("sim:{mailbox}"), format!("sim:new-{mailbox}"));
        let shelf = locked(&self.shelf);
        let (Some(source), Some(now)) = (shelf.get(&source).filter(|source| !source.leaks), shelf.get(&target)) else { return };
        let mut copies = vec![("the target", now.clone())];
        copies.extend(self.guarantee.passive(&target).map(|passive| ("no passive copy", passive)));
        for (which, copy) in copies {
            let copy = without_own(&copy, source);
            let (wanted, arrived) = (all(source), all(&copy));
            if wanted != arrived {
                self.process.watch().breaks(format!("{why}: of {mailbox} {which} has {arrived:?} of {wanted:?}"));
            }
        }
    }

    fn stands(&self, mailbox: &str) -> (bool, bool) {
        locked(&self.shelf).get(&format!("sim:{mailbox}")).map_or((false, false), |source| (source.locked, source.redirected))
    }
}

impl MailFlow for SimFlow {
    fn can_switch(&self) -> Result<(), String> {
        if self.switches { Ok(()) } else { Err("nothing switches mailboxes here".into()) }
    }

    fn lock(&self, what: Switching<'_>) -> Result<(), String> {
        self.act(what, "lock", |mailbox| mailbox.locked = true)
    }

    fn unlock(&self, what: Switching<'_>) -> Result<(), String> {
        self.act(what, "unlock", |mailbox| mailbox.locked = false)
    }

    fn test(&self, what: Switching<'_>) -> Result<(), String> {
        self.act(what, "test", |_| ())
    }

    fn notify(&self, what: Switching<'_>) -> Result<(), String> {
        self.act(what, "notify", |_| ())
    }

    fn restore(&self, what: Switching<'_>) -> Result<(), String> {
        self.act(what, "restore", |mailbox| (mailbox.locked, mailbox.redirected, mailbox.undone) = (false, false, true))
    }

    fn redirect(&self, what: Switching<'_>) -> Result<(), String> {
        let switched = self.act(what, "redirect", |mailbox| mailbox.redirected = true);
        if !self.stands(what.mailbox).1 {
            return switched;
        }
        self.is_whole(what.mailbox, &format!("R82: {} is switched", what.mailbox));
        match self.partner(what.mailbox).map(|partner| (partner, self.stands(partner))) {
            // Led over already: that was looked at in its own moment, and its users are at work in the new mailbox.
            None | Some((_, (_, true))) => {}
            Some((partner, (true, false))) => self.is_whole(partner, &format!("R76: {} is switched with it", what.mailbox)),
            Some((partner, _)) => {
                self.process.watch().breaks(format!("R76: {} is switched, and {partner} is neither locked nor switched", what.mailbox));
            }
        }
        switched
    }
}

/// A target without what was led to it and its source has not; nor has it what went from a source whose switch was taken back, until that
/// is brought back.
pub(crate) fn without_own(target: &SimMailbox, source: &SimMailbox) -> SimMailbox {
    let mut rest = target.clone();
    for (folder, items) in &mut rest.folders {
        let mut there = source.folders.get(folder).map(|items| contents(items)).unwrap_or_default();
        // What was brought there by an agent first.
        items.sort_by_key(|item| target.led_here.contains(&item.key));
        items.retain(|item| {
            let known = contents(std::slice::from_ref(item)).first().and_then(|it| there.iter().position(|other| other == it));
            let own = source.undone || target.led_here.contains(&item.key);
            known.map(|at| there.swap_remove(at)).is_some() || !own
        });
    }
    rest
}

/// Folders with items, and these.
fn all(mailbox: &SimMailbox) -> BTreeMap<&FolderPath, Vec<String>> {
    mailbox.folders.iter().filter(|(_, items)| !items.is_empty()).map(|(folder, items)| (folder, contents(items))).collect()
}
