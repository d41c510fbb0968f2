//! Names of folders, and what they are used for, against those of the target and against each other (T17).

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization;

use super::hazard::Kind;
use super::{Rehearsing, told};
use crate::model::{FolderInfo, FolderPath};
use crate::ports::{Blast, Naming, Standing, StoreError};

impl Rehearsing<'_> {
    pub(super) fn folders(&mut self, infos: &[FolderInfo], standing: &[Standing]) -> Result<(), StoreError> {
        for there in standing.iter().filter(|there| there.items.is_some_and(|items| items > 0)) {
            let items = there.items.unwrap_or(0);
            self.found(Kind::TargetHoldsMail, Some(&there.info.path), None, format!("{items} messages"));
        }
        for info in infos.iter().filter(|info| info.selectable) {
            if !standing.iter().any(|there| there.info.path == info.path) {
                self.name(&info.path)?;
            }
        }
        for (path, other, whose) in alike(infos, standing) {
            self.found(Kind::FolderNamesAlike, Some(&path), None, format!("`{other}` {whose} differs in case or normalisation only"));
        }
        let keeps = self.target.keeps_special_uses();
        for (kind, path, detail) in special_uses(infos, standing, keeps) {
            self.found(kind, Some(&path), None, detail);
        }
        Ok(())
    }

    fn name(&mut self, path: &FolderPath) -> Result<(), StoreError> {
        let (kind, detail) = match self.target.naming(path) {
            Ok(Naming::AsItIs) => return Ok(()),
            Ok(Naming::Changed(name)) => (Kind::FolderNameChanged, format!("it becomes `{name}`")),
            Ok(Naming::Long(bytes)) => (Kind::FolderNameLong, format!("its name takes {bytes} bytes")),
            Err(error) if error.blast <= Blast::Folder => (Kind::FolderNameRefused, told(&error)),
            Err(error) => return Err(error),
        };
        self.found(kind, Some(path), None, detail);
        Ok(())
    }
}

/// What is left of a name where neither case nor normalisation counts.
fn folded(path: &FolderPath) -> Vec<String> {
    path.0.iter().map(|level| level.nfkc().flat_map(char::to_lowercase).nfc().collect()).collect()
}

/// Folders whose names become one, with those they are like: the first of the source, else one of the target.
fn alike(infos: &[FolderInfo], standing: &[Standing]) -> Vec<(FolderPath, FolderPath, &'static str)> {
    let mut known: BTreeMap<Vec<String>, (&FolderPath, &'static str)> = BTreeMap::new();
    for there in standing {
        known.entry(folded(&there.info.path)).or_insert((&there.info.path, "of the target"));
    }
    let mut told = Vec::new();
    for info in infos {
        match known.get(&folded(&info.path)).copied() {
            // One whose parents alone are alike is told of by its parent.
            Some((other, whose)) if *other != info.path && other.0.last() != info.path.0.last() => {
                told.push((info.path.clone(), other.clone(), whose));
            }
            Some((other, _)) if *other != info.path => {}
            _ => drop(known.insert(folded(&info.path), (&info.path, "of the source"))),
        }
    }
    told
}

/// `keeps`: the target gives new folders a special use.
fn special_uses(infos: &[FolderInfo], standing: &[Standing], keeps: bool) -> Vec<(Kind, FolderPath, String)> {
    let mut told = Vec::new();
    let mut known: BTreeMap<&str, &FolderPath> = BTreeMap::new();
    for info in infos {
        let Some(special) = info.special_use.as_deref() else { continue };
        if let Some(other) = known.get(special) {
            told.push((Kind::SpecialUseTwice, info.path.clone(), format!("\\{special} is that of `{other}` as well")));
        }
        known.entry(special).or_insert(&info.path);
        let here = standing.iter().find(|there| there.info.path == info.path).map(|there| &there.info);
        let has = here.is_some_and(|here| here.special_use.as_deref() == Some(special));
        let other = standing.iter().find(|there| there.info.path != info.path && there.info.special_use.as_deref() == Some(special));
        if let (Some(other), false) = (other, has) {
            told.push((Kind::SpecialUseTaken, info.path.clone(), format!("\\{special} is `{}` at the target", other.info.path)));
        } else if !has && (here.is_some() || !keeps) {
            told.push((Kind::SpecialUseLost, info.path.clone(), format!("\\{special}")));
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(name: &str, special: Option<&str>) -> FolderInfo {
        let path = FolderPath(name.split('/').map(str::to_owned).collect());
        FolderInfo { special_use: special.map(str::to_owned), ..FolderInfo::plain(path) }
    }

    fn there(name: &str, special: Option<&str>) -> Standing {
        Standing { info: info(name, special), items: None }
    }

    #[test]
    fn names_that_differ_in_case_or_normalisation_only_are_alike_and_told_once() {
        let infos = ["Trash", "TRASH", "TRASH/x", "Trash/x", "e\u{301}", "\u{e9}", "other", "Stra\u{df}e"].map(|name| info(name, None));
        let told = |standing: &[Standing]| {
            let told = alike(&infos, standing);
            told.into_iter().map(|(path, other, whose)| format!("{path} like {other} {whose}")).collect::<Vec<_>>()
        };
        assert_eq!(told(&[]), ["TRASH like Trash of the source", "\u{e9} like e\u{301} of the source"]);
        assert_eq!(told(&[there("Other", None), there("Trash", None)])[2], "other like Other of the target");
    }

    #[test]
    fn a_special_use_that_is_double_taken_or_lost_is_told() {
        let infos = [info("Sent", Some("Sent")), info("Gesendet", Some("Sent")), info("Junk", Some("Junk")), info("INBOX", None)];
        let kinds = |standing: &[Standing], keeps| {
            let told = special_uses(&infos, standing, keeps);
            told.into_iter().map(|(kind, path, _)| (kind, path.to_string())).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&[], true), [(Kind::SpecialUseTwice, "Gesendet".into())]);
        let taken = kinds(&[there("Sent Items", Some("Sent")), there("Junk", None)], true);
        let wanted = [
            (Kind::SpecialUseTaken, "Sent".to_owned()),
            (Kind::SpecialUseTwice, "Gesendet".into()),
            (Kind::SpecialUseTaken, "Gesendet".into()),
            (Kind::SpecialUseLost, "Junk".into()),
        ];
        assert_eq!(taken, wanted);
        assert_eq!(kinds(&[there("Sent", Some("Sent")), there("Junk", Some("Junk"))], false).len(), 2, "the second one is told twice");
        assert_eq!(kinds(&[], false).iter().filter(|(kind, _)| *kind == Kind::SpecialUseLost).count(), 3);
    }
}
