//! What stands beside items: rights and annotations of folders, sent when they have changed (T27).
//!
//! A record names everything there is and everything that was named before, so that the target need not remember what it was told: a
//! right that the source has withdrawn goes as one without letters.

use std::collections::{BTreeMap, BTreeSet};

use super::MailboxHalt;
use super::pack::Pass;
use crate::engine::agent::Agent;
use crate::engine::policy::Policy;
use crate::model::{Beside, FolderInfo};
use crate::ports::{Level, SeenBeside};
use crate::prv::Record;
use crate::state::ledger::beside;

impl Agent {
    pub(super) fn pack_beside(&mut self, pass: &mut Pass<'_>) -> Result<(), MailboxHalt> {
        if !self.policy.send_rights && !self.policy.send_annotations {
            return Ok(());
        }
        let mut known = self.db.read(|db| Ok(beside::known(db, pass.mailbox.id)?))?;
        for seen in pass.store.beside()? {
            let is_it = |info: &FolderInfo| info.path == seen.folder;
            let Some(id) = pass.folders.iter().find(|(_, info)| info.as_ref().is_some_and(is_it)).map(|(id, _)| *id) else { continue };
            let old = known.remove(&id).unwrap_or_default();
            self.tell_left(pass, &seen);
            let now = news(&old.beside, seen, &self.policy);
            if now != Beside::default() && (now != old.beside || !old.sent) {
                self.write(pass, Record::Beside { folder: id, beside: now })?;
            }
        }
        Ok(())
    }

    fn tell_left(&mut self, pass: &Pass<'_>, seen: &SeenBeside) {
        if !seen.left.is_empty() {
            let text = format!("mailbox {}: too large to be brought over: {}", pass.mailbox.name, seen.left.join(", "));
            self.tell("beside.left", Level::Warning, text);
        }
    }
}

/// What is to be said of a folder. What is not shown, or not to be sent, stays as it was said last.
fn news(old: &Beside, seen: SeenBeside, policy: &Policy) -> Beside {
    let mut now = old.clone();
    if policy.send_rights && seen.all_rights {
        now.rights.values_mut().for_each(String::clear);
        now.rights.extend(mapped(seen.beside.rights, policy));
    }
    if policy.send_annotations && seen.all_annotations {
        now.annotations.values_mut().for_each(|value| *value = None);
        now.annotations.extend(seen.beside.annotations);
    }
    now
}

/// By the names of the target. Of two names that become one nobody gets what one of them alone had; what is denied to one is denied.
pub fn mapped(rights: BTreeMap<String, String>, policy: &Policy) -> BTreeMap<String, String> {
    let mut mapped: BTreeMap<String, String> = BTreeMap::new();
    for (who, letters) in rights {
        let name = policy.rights_map.of(&who);
        let letters = match mapped.get(&name) {
            Some(other) if who.starts_with('-') => letters.chars().chain(other.chars()).collect::<BTreeSet<char>>().into_iter().collect(),
            Some(other) => letters.chars().filter(|letter| other.contains(*letter)).collect(),
            None => letters,
        };
        mapped.insert(name, letters);
    }
    mapped
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FolderPath;

    fn seen(rights: &[(&str, &str)]) -> SeenBeside {
        let rights = rights.iter().map(|(who, rights)| ((*who).to_owned(), (*rights).to_owned())).collect();
        let beside = Beside { rights, ..Beside::default() };
        SeenBeside { folder: FolderPath::inbox(), beside, all_rights: true, all_annotations: true, left: Vec::new() }
    }

    fn said(old: &Beside, now: SeenBeside, map: &str) -> Vec<(String, String)> {
        let policy = Policy { send_rights: true, rights_map: map.parse().expect("a map"), ..Policy::default() };
        news(old, now, &policy).rights.into_iter().collect()
    }

    fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(who, rights)| ((*who).to_owned(), (*rights).to_owned())).collect()
    }

    #[test]
    fn a_right_that_is_withdrawn_stays_named_without_letters() {
        let old = seen(&[("anna", "lr"), ("bob", "lrs")]).beside;
        assert_eq!(said(&old, seen(&[("bob", "lr")]), ""), pairs(&[("anna", ""), ("bob", "lr")]));
        let unseen = SeenBeside { all_rights: false, ..seen(&[]) };
        assert_eq!(said(&old, unseen, ""), pairs(&[("anna", "lr"), ("bob", "lrs")]), "what is not shown is not withdrawn");
    }

    #[test]
    fn a_map_changes_names_and_two_that_become_one_keep_what_both_have() {
        let now = || seen(&[("anna", "lrs"), ("bob", "lrw"), ("-eve", "r")]);
        assert_eq!(said(&Beside::default(), now(), "anna=a.k bob=a.k eve=e2"), pairs(&[("-e2", "r"), ("a.k", "lr")]));
        let old = now().beside;
        let renamed = said(&old, now(), "bob=rob");
        assert_eq!(renamed, pairs(&[("-eve", "r"), ("anna", "lrs"), ("bob", ""), ("rob", "lrw")]), "the old name loses what it had");
    }
}
