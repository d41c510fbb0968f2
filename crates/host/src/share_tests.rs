//! What the engine relies on when a share is a folder of this machine.

use std::fs;
use std::sync::Arc;

use mailferry_core::ports::{Claim, Removed, Share, ShareErrorKind, SharePath};
use mailferry_rules::topology::Side;

use crate::{LocalShare, active_node, set_active_node};

fn path(names: &[&str]) -> SharePath {
    SharePath::of(names).unwrap()
}

fn write(share: &LocalShare, file: &SharePath, bytes: &[u8]) {
    let mut part = share.part(file, 0).unwrap();
    part.write_all(bytes).unwrap();
    part.sync().unwrap();
}

#[test]
fn a_share_that_is_not_there_is_away_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let share = LocalShare::new(folder.path().join("missing"));
    let (file, kind) = (path(&["NTA", "x"]), ShareErrorKind::Unreachable);
    assert_eq!(share.list(&path(&["NTA"])).unwrap_err().kind, kind);
    assert_eq!(share.size(&file).unwrap_err().kind, kind);
    assert_eq!(share.remove(&file).unwrap_err().kind, kind);
    assert_eq!(share.part(&file, 0).err().unwrap().kind, kind);
    assert_eq!(share.claim(&file, b"").unwrap_err().kind, kind);
    assert!(!folder.path().join("missing").exists(), "a missing mount point must not be made");
}

#[test]
fn a_share_that_has_been_used_and_is_bare_is_away_not_empty() {
    let folder = tempfile::tempdir().unwrap();
    let share = LocalShare::new(folder.path());
    let (file, kind) = (path(&["NTA", "x"]), ShareErrorKind::Unreachable);
    write(&share, &file, b"mail");
    assert_eq!(share.size(&file).unwrap(), Some(4));
    fs::rename(folder.path().join("NTA"), folder.path().join("unmounted")).unwrap();
    assert_eq!(share.list(&path(&["NTA"])).unwrap_err().kind, kind);
    assert_eq!(share.remove(&file).unwrap_err().kind, kind);
    assert_eq!(share.part(&file, 0).err().unwrap().kind, kind);
    fs::rename(folder.path().join("unmounted"), folder.path().join("NTA")).unwrap();
    assert_eq!(share.list(&path(&["NTA"])).unwrap().len(), 1);
}

#[test]
fn a_folder_that_is_not_there_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let share = LocalShare::new(folder.path());
    assert_eq!(share.list(&path(&["NTA", "OUT"])).unwrap(), []);
    assert_eq!(share.size(&path(&["NTA", "x"])).unwrap(), None);
    assert_eq!(share.remove(&path(&["NTA", "x"])).unwrap(), Removed::NotFound);
}

#[test]
fn a_part_is_gone_on_with_behind_what_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let share = LocalShare::new(folder.path());
    let part = path(&["NTA", "x.part"]);
    write(&share, &part, b"0123456789");
    let mut more = share.part(&part, 4).unwrap();
    more.write_all(b"abc").unwrap();
    more.sync().unwrap();
    assert_eq!(fs::read(folder.path().join("NTA").join("x.part")).unwrap(), b"0123abc");
}

#[test]
fn publishing_never_replaces_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let share = LocalShare::new(folder.path());
    let (part, file) = (path(&["NTA", "x.part"]), path(&["NTA", "x"]));
    write(&share, &part, b"first");
    share.publish(&part, &file).unwrap();
    write(&share, &part, b"second");
    assert_eq!(share.publish(&part, &file).unwrap_err().kind, ShareErrorKind::Exists);
    assert_eq!(fs::read(folder.path().join("NTA").join("x")).unwrap(), b"first");
}

#[test]
fn of_many_claims_one_is_won() {
    let folder = tempfile::tempdir().unwrap();
    let share = Arc::new(LocalShare::new(folder.path()));
    for round in 0..50 {
        let file = path(&["NTA", &format!("epoch-{round}")]);
        let won = std::thread::scope(|scope| {
            let claims: Vec<_> = (0..4).map(|_| scope.spawn(|| share.claim(&file, b"me").unwrap())).collect();
            claims.into_iter().map(|claim| claim.join().unwrap()).filter(|claim| *claim == Claim::Won).count()
        });
        assert_eq!(won, 1);
    }
}

#[test]
fn the_role_file_names_the_active_node_and_without_it_the_first_is_active() {
    let folder = tempfile::tempdir().unwrap();
    let witness = LocalShare::new(folder.path());
    let pair = Side::cluster("SRC", &["SRC1", "SRC2"]);
    assert_eq!(active_node(&pair, &witness).unwrap(), "SRC1");
    set_active_node(&pair, "SRC2", &witness).unwrap();
    assert_eq!(active_node(&pair, &witness).unwrap(), "SRC2");
    assert_eq!(active_node(&Side::standalone("ALONE"), &witness).unwrap(), "ALONE");
    assert!(active_node(&pair, &LocalShare::new(folder.path().join("away"))).is_err(), "nobody can tell, so nobody may act");
}
