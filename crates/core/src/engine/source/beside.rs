//! What stands beside items: rights and annotations of folders, sent when they have changed (T27).
//!
//! A record of rights names everybody who has some, and says that nobody else has. One of annotations names also what was named before:
//! what the source has removed goes as removed, and what somebody has written at the target stays. Both go ahead of the mail: nobody sees
//! it who could not see it at the source.

use std::collections::{BTreeMap, BTreeSet};

use super::MailboxHalt;
use super::pack::Pass;
use crate::engine::agent::Agent;
use crate::engine::policy::Policy;
use crate::model::{Beside, FolderInfo, FolderPath};
use crate::ports::{Level, SeenBeside};
use crate::prv::Record;
use crate::state::ledger::beside;

/// Of all names and letters, and of all annotations: a record takes both (docs/formats/prv.md).
const RIGHTS_BYTES_MAX: usize = 384 << 10;
const ANNOTATIONS_BYTES_MAX: usize = 600 << 10;
/// Of one text, and of all of a kind.
const TEXT_BYTES_MAX: usize = 65_535;
const NUMBER_MAX: usize = 65_535;
/// What a record spends on a text beside its bytes.
const HEAD_BYTES: usize = 5;

impl Agent {
    /// In a container of its own.
    pub(super) fn pack_beside(&mut self, pass: &mut Pass<'_>) -> Result<(), MailboxHalt> {
        let mailbox = pass.mailbox.id;
        let mut known = self.db.read(|db| Ok(beside::known(db, mailbox)?))?;
        if !self.policy.send_rights && !self.policy.send_annotations {
            // Switched on again, all of it goes again.
            if known.values().any(|known| known.sent) {
                self.db.write(|tx| Ok(beside::send_again(tx, mailbox)?))?;
            }
            return Ok(());
        }
        let mut is_news = false;
        for mut seen in pass.store.beside()? {
            let is_it = |info: &FolderInfo| info.path == seen.folder;
            let Some(id) = pass.folders.iter().find(|(_, info)| info.as_ref().is_some_and(is_it)).map(|(id, _)| *id) else { continue };
            let old = known.remove(&id).unwrap_or_default();
            let (folder, mut left) = (seen.folder.clone(), std::mem::take(&mut seen.left));
            let mut now = news(&old.beside, seen, &self.policy);
            fit(&mut now, &folder, &mut left);
            self.tell_left(pass, &left);
            if now != Beside::default() && (now != old.beside || !old.sent) {
                self.write(pass, Record::Beside { folder: id, beside: now })?;
                is_news = true;
            }
        }
        if is_news { self.seal(pass) } else { Ok(()) }
    }

    fn tell_left(&mut self, pass: &Pass<'_>, left: &[String]) {
        if !left.is_empty() {
            let text = format!("mailbox {}: too large to be brought over: {}", pass.mailbox.name, left.join(", "));
            self.tell("beside.left", Level::Warning, text);
        }
    }
}

/// What is to be said of a folder. What is not shown, or not to be sent, stays as it was said last.
fn news(old: &Beside, seen: SeenBeside, policy: &Policy) -> Beside {
    let mut now = old.clone();
    if policy.send_rights && seen.all_rights {
        now.rights = mapped(seen.beside.rights, policy);
        now.closed = true;
    }
    if policy.send_annotations && seen.all_annotations {
        now.annotations.values_mut().for_each(|value| *value = None);
        now.annotations.extend(seen.beside.annotations);
    }
    now
}

/// Leaves out what a record has no room for, and tells it. Of rights it is all or nothing: without somebody who is denied some, others
/// would get more than they had.
fn fit(now: &mut Beside, folder: &FolderPath, left: &mut Vec<String>) {
    let bytes: usize = now.rights.iter().map(|(who, letters)| who.len() + letters.len() + HEAD_BYTES).sum();
    let is_long = now.rights.keys().any(|who| who.len() > TEXT_BYTES_MAX);
    if bytes > RIGHTS_BYTES_MAX || is_long || now.rights.len() > NUMBER_MAX {
        left.push(format!("rights of {} names in {folder}, {bytes} bytes; nobody gets any there", now.rights.len()));
        now.rights.clear();
    }
    let (mut bytes, mut number) = (0, 0);
    now.annotations.retain(|entry, value| {
        let length = value.as_ref().map_or(0, Vec::len);
        let with_it = bytes + entry.len() + length + HEAD_BYTES;
        let fits = entry.len().max(length) <= TEXT_BYTES_MAX && with_it <= ANNOTATIONS_BYTES_MAX && number < NUMBER_MAX;
        if fits {
            (bytes, number) = (with_it, number + 1);
        } else if value.is_some() {
            left.push(format!("an annotation of {folder}, {} bytes", entry.len() + length));
        }
        fits
    });
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
    use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};

    use super::*;
    use crate::prv::{Header, Kind, Options, Writer};

    fn header() -> Header {
        let name = ContainerName { mailbox: MailboxId([7; 16]), sequence: Sequence(1), epoch: Epoch(1) };
        let (cluster, node) = ("MAIL".into(), "SRC1".into());
        Header { kind: Kind::Mail, name, base: Sequence(0), previous: Epoch(0), cluster, node, created_ms: 0 }
    }

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
    fn a_right_that_is_withdrawn_is_not_named_and_nobody_has_what_is_not_named() {
        let old = seen(&[("anna", "lr"), ("bob", "lrs")]).beside;
        assert_eq!(said(&old, seen(&[("bob", "lr")]), ""), pairs(&[("bob", "lr")]));
        let unseen = || SeenBeside { all_rights: false, ..seen(&[]) };
        assert_eq!(said(&old, unseen(), ""), pairs(&[("anna", "lr"), ("bob", "lrs")]), "what is not shown is not withdrawn");
        let policy = Policy { send_rights: true, ..Policy::default() };
        assert!(news(&Beside::default(), seen(&[]), &policy).closed, "a folder that is nobody's but its owner's is told as such");
        assert!(!news(&Beside::default(), unseen(), &policy).closed, "where rights are not shown, nobody can say that there are none");
    }

    #[test]
    fn what_has_no_room_in_a_record_is_left_and_told_and_nobody_gets_half_of_the_rights() {
        let many =
            |number: usize, length: usize| (0..number).map(|name| (format!("{}{name}", "x".repeat(length)), "lr".to_owned())).collect();
        let annotation = |number: u32| (format!("/shared/{number:03}"), Some(vec![b'x'; 50_000]));
        for (rights, fits) in [(many(9_000, 30), true), (many(20_000, 30), false), (many(70_000, 1), false), (many(1, 70_000), false)] {
            let mut now = Beside { rights, closed: true, annotations: (0..20).map(annotation).collect() };
            let mut left = Vec::new();
            fit(&mut now, &FolderPath::inbox(), &mut left);
            assert_eq!(now.rights.is_empty(), !fits);
            assert_eq!(left.iter().filter(|line| line.starts_with("rights of")).count(), usize::from(!fits), "{left:?}");
            assert_eq!((now.annotations.len(), left.len() - usize::from(!fits)), (12, 8));
            let mut writer = Writer::new(Vec::new(), &header(), Options::default()).expect("a writer");
            writer.record(&Record::Beside { folder: 1, beside: now }).expect("a record that can be written");
        }
    }

    #[test]
    fn a_map_changes_names_and_two_that_become_one_keep_what_both_have() {
        let now = || seen(&[("anna", "lrs"), ("bob", "lrw"), ("-eve", "r")]);
        assert_eq!(said(&Beside::default(), now(), "anna=a.k bob=a.k eve=e2"), pairs(&[("-e2", "r"), ("a.k", "lr")]));
        let old = now().beside;
        let renamed = said(&old, now(), "bob=rob");
        assert_eq!(renamed, pairs(&[("-eve", "r"), ("anna", "lrs"), ("rob", "lrw")]), "the old name loses what it had");
    }
}
