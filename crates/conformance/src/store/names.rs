//! Folders keep their names, whatever those are, and are never merged (T17).

use std::collections::BTreeSet;

use mailferry_core::model::{FolderInfo, FolderPath, ItemKey};
use mailferry_core::ports::Blast;

use super::kit::*;

fn odd() -> Vec<FolderPath> {
    let single = [
        "INBOX",
        "inbox",
        "Inbox",
        "Trash",
        "TRASH",
        "a.b",
        "a/b",
        "a\\b",
        "\\2e",
        ".",
        "..",
        ".hidden",
        "~",
        "~root",
        " lead",
        "trail ",
        "a  b",
        "%",
        "%2e",
        "*",
        "a&b",
        "&",
        "R&D-",
        "007",
        "Entwürfe",
        "Entwu\u{308}rfe",
        "台北",
        "\u{1F4EC}",
        "cur",
        "new",
        "tmp",
        "x.lock",
        "x.sbd",
        "x.msf",
        "x.mailferry-new",
        ".INBOX.mailferry",
        "a:2,S",
        "tab\there",
        "dovecot-keywords",
        "subscriptions",
        "CON",
        "x.",
    ];
    let nested = [
        vec!["INBOX", "Sub"],
        vec!["a", "b"],
        vec!["a", "b.c", "d/e"],
        vec!["inbox", "x"],
        vec!["..", ".."],
        vec!["", "x"],
        vec!["a", ""],
        vec!["a", "INBOX"],
    ];
    let single = single.into_iter().map(|name| vec![name]);
    single.chain(nested).map(|names| FolderPath(names.into_iter().map(String::from).collect())).collect()
}

pub fn a_name_of_any_length_is_refused_at_once_or_holds_mail(bench: &dyn Bench) {
    let mut target = bench.target();
    for length in [100, 224, 225, 229, 230, 231, 239, 240, 241, 250, 255, 256, 300] {
        let path = folder(&"n".repeat(length));
        match target.ensure_folder(&FolderInfo::plain(path.clone())) {
            Ok(made) => {
                append(&mut *target, &made, &envelope(1), &body(1));
                target.flush().unwrap_or_else(|error| panic!("a name of {length} bytes was taken: {error}"));
                assert_eq!(seen(bench, &made).len(), 1, "a name of {length} bytes");
            }
            Err(error) => assert!(error.blast <= Blast::Folder, "{length}: {error}"),
        }
    }
}

pub fn odd_folder_names_come_back_and_are_never_merged(bench: &dyn Bench) {
    if !bench.limits().any_names {
        return;
    }
    let paths = odd();
    let mut target = bench.target();
    let mut made = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        match target.ensure_folder(&FolderInfo::plain(path.clone())) {
            Ok(name) => assert_eq!(name, *path),
            Err(error) => {
                assert!(is_second_in_case(&paths[..number], path) && error.blast <= Blast::Folder, "{path:?}: {error}");
                continue;
            }
        }
        append(&mut *target, path, &envelope(number as u8), &body(number as u8));
        made.push((path, number as u8));
    }
    target.flush().expect("a flush");
    drop(target);
    let there = contents(bench);
    for (path, number) in &made {
        assert_eq!(there.get(path), Some(&vec![body(*number)]), "{path:?}");
    }
    assert_eq!(there.values().flatten().count(), made.len());
}

/// Disks of Windows cannot hold two names that differ in case only: the second is refused, not merged.
fn is_second_in_case(before: &[FolderPath], path: &FolderPath) -> bool {
    let folded = |path: &FolderPath| path.0.iter().map(|name| name.to_lowercase()).collect::<Vec<_>>();
    cfg!(windows) && before.iter().any(|other| folded(other) == folded(path))
}

pub fn folders_come_parents_first_and_once(bench: &dyn Bench) {
    let mut target = bench.target();
    for names in [vec!["p", "q", "r"], vec!["p-x"], vec!["p"], vec!["INBOX"]] {
        ensure(&mut *target, &FolderPath(names.into_iter().map(String::from).collect()));
    }
    target.flush().expect("a flush");
    drop(target);
    let mut known = BTreeSet::new();
    for info in bench.source().folders().expect("folders") {
        let parent = info.path.0.len() - 1;
        assert!(parent == 0 || known.contains(&info.path.0[..parent]), "{:?} comes before its parent", info.path);
        assert!(known.insert(info.path.0.clone()), "{:?} comes twice", info.path);
    }
    assert!(known.contains(&["p".to_string(), "q".into(), "r".into()][..]));
}

pub fn a_folder_made_twice_is_made_once(bench: &dyn Bench) {
    let path = folder("Twice");
    fill(&mut *bench.target(), &path, 0..1);
    for mut target in [bench.target(), bench.target()] {
        ensure(&mut *target, &path);
        ensure(&mut *target, &path);
        target.flush().expect("a flush");
    }
    assert_eq!(contents(bench).get(&path), Some(&vec![body(0)]));
}

pub fn a_name_that_cannot_be_is_refused_and_harms_nothing(bench: &dyn Bench) {
    let mut target = bench.target();
    fill(&mut *target, &folder("INBOX"), 0..1);
    let deep = FolderPath((0..300).map(|level| format!("level{level}")).collect());
    for path in [FolderPath(vec![]), folder(&"n".repeat(300)), folder(&"ü".repeat(200)), deep] {
        if let Err(error) = target.ensure_folder(&FolderInfo::plain(path)) {
            assert!(error.blast <= Blast::Folder, "one folder only: {error}");
        }
    }
    fill(&mut *target, &folder("INBOX"), 1..2);
    drop(target);
    assert_eq!(contents(bench).get(&folder("INBOX")), Some(&vec![body(0), body(1)]));
}

/// T18: nothing to read is never a success.
pub fn a_mailbox_without_a_folder_is_an_error(bench: &dyn Bench) {
    let Some(mut source) = bench.empty_source() else { return };
    let error = source.folders().expect_err("no folders");
    assert_eq!(error.blast, Blast::Mailbox);
}

pub fn a_folder_that_is_not_there_holds_up_itself_alone(bench: &dyn Bench) {
    fill(&mut *bench.target(), &folder("INBOX"), 0..1);
    let mut source = bench.source();
    let mut seen = 0;
    let scanned = source.scan(&folder("Gone"), &mut |_| {
        seen += 1;
        Ok(())
    });
    assert_eq!((scanned.expect_err("not empty: not there").blast, seen), (Blast::Folder, 0));
    match source.open(&folder("Gone"), &ItemKey(b"key".to_vec())) {
        Ok(item) => assert!(item.is_none()),
        Err(error) => assert_eq!(error.blast, Blast::Folder),
    }
    assert_eq!(contents(bench).get(&folder("INBOX")), Some(&vec![body(0)]));
}
