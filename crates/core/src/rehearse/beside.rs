//! Rights of others and annotations: whether they are to go along, and whether the target would keep them (T27).

use super::Rehearsing;
use super::hazard::Kind;
use crate::engine::mapped_rights;
use crate::model::{Beside, FolderPath};
use crate::ports::{KeepsBeside, SeenBeside, StoreError};

impl Rehearsing<'_> {
    pub(super) fn beside(&mut self) -> Result<(), StoreError> {
        let seen = self.source.beside()?;
        if seen.is_empty() {
            return Ok(());
        }
        let keeps = self.target.keeps_beside();
        let mut subjects = std::collections::BTreeSet::new();
        for seen in seen {
            self.annotations(&seen, keeps);
            self.rights(seen, keeps, &mut subjects);
        }
        for who in subjects {
            self.found(Kind::AclSubject, None, None, who);
        }
        Ok(())
    }

    fn annotations(&mut self, seen: &SeenBeside, keeps: KeepsBeside) {
        let kind = match (self.choices.policy.send_annotations, keeps.annotations) {
            (false, _) => Some(Kind::AnnotationsNotSent),
            (true, false) => Some(Kind::AnnotationLost),
            (true, true) => None,
        };
        let entries = Beside { annotations: seen.beside.annotations.clone(), ..Beside::default() }.lines(&seen.folder);
        if let Some(kind) = kind.filter(|_| !entries.is_empty()) {
            self.found(kind, Some(&seen.folder), None, entries.join(", "));
        }
        for left in &seen.left {
            self.found(Kind::AnnotationLost, Some(&seen.folder), None, format!("too large to be brought over: {left}"));
        }
    }

    fn rights(&mut self, seen: SeenBeside, keeps: KeepsBeside, subjects: &mut std::collections::BTreeSet<String>) {
        let folder = &seen.folder;
        if !self.choices.policy.send_rights {
            let lines = Beside { rights: seen.beside.rights, ..Beside::default() }.lines(folder);
            if !lines.is_empty() {
                self.found(Kind::RightsNotSent, Some(folder), None, lines.join(", "));
            }
            return;
        }
        for (who, rights) in mapped_rights(seen.beside.rights, self.choices.policy) {
            match keeps.rights {
                true => self.right(folder, &who, &rights, subjects),
                false => self.found(Kind::RightsLost, Some(folder), None, format!("{who}: {rights} (the target has no ACL)")),
            }
        }
    }

    fn right(&mut self, folder: &FolderPath, who: &str, rights: &str, subjects: &mut std::collections::BTreeSet<String>) {
        let lost = self.target.rights_lost(who, rights);
        if lost.as_ref().is_none_or(|(lost, _)| lost != rights) && who != "anyone" {
            subjects.insert(who.to_owned());
        }
        if let Some((lost, why)) = lost {
            self.found(Kind::RightsLost, Some(folder), None, format!("{who}: {lost} ({why})"));
        }
    }
}
