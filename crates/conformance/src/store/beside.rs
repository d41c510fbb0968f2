//! What holds of that which stands beside the items of a folder: rights of others and annotations (T27). A store without such keeps
//! nothing, and says so.

use std::collections::BTreeMap;

use mailferry_core::model::{Beside, FolderPath};

use super::kit::*;

fn rights(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(who, letters)| ((*who).to_owned(), (*letters).to_owned())).collect()
}

/// As a source shows it.
fn shown(bench: &dyn Bench, folder: &FolderPath) -> Beside {
    let seen = bench.source().beside().expect("an answer");
    seen.into_iter().find(|seen| seen.folder == *folder).map(|seen| seen.beside).unwrap_or_default()
}

pub fn what_stands_beside_items_is_kept_or_told(bench: &dyn Bench) {
    let shared = folder("Shared");
    let mut target = bench.target();
    ensure(&mut *target, &shared);
    let comment = [("/shared/comment".to_owned(), Some(b"a comment".to_vec()))];
    let given = Beside { rights: rights(&[("anna", "lr"), ("bob", "lrs")]), closed: true, annotations: comment.into() };
    for _ in 0..2 {
        let lost = target.set_beside(&shared, &given).expect("an answer");
        target.flush().expect("a flush");
        let there = shown(bench, &shared).lines(&shared);
        for line in given.lines(&shared) {
            let is_told = lost.iter().any(|lost| lost.starts_with(&line));
            assert!(there.contains(&line) != is_told, "{line} is either kept or told: {there:?}, {lost:?}");
        }
    }
    let keeps = target.keeps_beside().expect("an answer");
    let there = shown(bench, &shared);
    assert_eq!(there.rights, if keeps.rights { given.rights } else { BTreeMap::new() });
    assert_eq!(there.annotations, if keeps.annotations { given.annotations } else { BTreeMap::new() });
}

pub fn nobody_keeps_a_right_that_is_not_named_where_it_is_closed(bench: &dyn Bench) {
    let shared = folder("Shared");
    let mut target = bench.target();
    ensure(&mut *target, &shared);
    let keeps = target.keeps_beside().expect("an answer").rights;
    let mut set = |pairs: &[(&str, &str)], closed| {
        let beside = Beside { rights: rights(pairs), closed, ..Beside::default() };
        let lost = target.set_beside(&shared, &beside).expect("an answer");
        target.flush().expect("a flush");
        assert!(!keeps || lost.is_empty(), "{lost:?}");
        shown(bench, &shared).rights
    };
    let kept = |pairs| if keeps { rights(pairs) } else { BTreeMap::new() };
    assert_eq!(set(&[("anna", "lr"), ("bob", "lrs")], false), kept(&[("anna", "lr"), ("bob", "lrs")]));
    assert_eq!(set(&[("bob", "lr")], false), kept(&[("anna", "lr"), ("bob", "lr")]), "where it is not, others keep theirs");
    assert_eq!(set(&[("bob", "l"), ("carl", "lr")], true), kept(&[("bob", "l"), ("carl", "lr")]));
    assert_eq!(set(&[], true), rights(&[]), "a folder of its owner alone");
}

pub fn a_new_folder_is_told_once_where_it_may_inherit_rights(bench: &dyn Bench) {
    let shared = folder("Shared");
    let mut target = bench.target();
    let keeps = target.keeps_beside().expect("an answer").rights;
    ensure(&mut *target, &shared);
    let told = target.new_folders();
    assert!(told == [shared.clone()] || !keeps && told.is_empty(), "{told:?}");
    ensure(&mut *target, &shared);
    assert!(target.new_folders().is_empty());
    target.flush().expect("a flush");
    drop(target);
    let mut later = bench.target();
    ensure(&mut *later, &shared);
    assert!(later.new_folders().is_empty(), "it was there");
}
