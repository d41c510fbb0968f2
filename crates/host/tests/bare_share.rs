//! A share whose mount has gone: the folder below it is there, and bare (R34).

use std::fs;
use std::io::Write;

use mailferry_core::ports::{Share, ShareErrorKind, SharePath};
use mailferry_host::LocalShare;

fn path(names: &[&str]) -> SharePath {
    SharePath::of(names).expect("our own names are path components")
}

#[test]
fn a_share_that_has_been_used_and_is_bare_is_away_not_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let share = LocalShare::new(folder.path());
    let (file, kind) = (path(&["NTA", "x"]), ShareErrorKind::Unreachable);
    let part = path(&["NTA", "x.part"]);
    let mut writer = share.part(&part, 0).expect("a part");
    writer.write_all(b"mail").and_then(|()| writer.flush()).expect("written");
    writer.sync().expect("synced");
    drop(writer);
    share.publish(&part, &file).expect("published");
    assert_eq!(share.list(&path(&["NTA"])).expect("there").len(), 1);
    fs::rename(folder.path().join("NTA"), folder.path().join("unmounted")).expect("moved");
    assert_eq!(share.list(&path(&["NTA"])).expect_err("away").kind, kind);
    assert_eq!(share.remove(&file).expect_err("away").kind, kind);
    assert_eq!(share.part(&file, 0).err().map(|error| error.kind), Some(kind));
    fs::rename(folder.path().join("unmounted"), folder.path().join("NTA")).expect("moved back");
    assert_eq!(share.list(&path(&["NTA"])).expect("there again").len(), 1);
}
