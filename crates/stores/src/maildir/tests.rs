use std::fs;
use std::path::PathBuf;

use mailferry_conformance::store::{Bench, Limits};
use mailferry_core::model::{FolderPath, InternalDate};
use mailferry_core::ports::{Blast, MailSource, MailTarget, Retry};

use super::{MaildirSource, MaildirTarget, layout};
use crate::files;

struct Disk(tempfile::TempDir);

impl Disk {
    fn dir(&self, folder: &FolderPath) -> PathBuf {
        layout::target_dir(self.0.path(), folder).expect("a folder").join("cur")
    }
}

impl Bench for Disk {
    fn name(&self) -> String {
        "Maildir++".into()
    }

    fn target(&self) -> Box<dyn MailTarget> {
        Box::new(MaildirTarget::open(self.0.path()).expect("opened"))
    }

    fn source(&self) -> Box<dyn MailSource> {
        Box::new(MaildirSource::open(self.0.path()).expect("opened"))
    }

    fn empty_source(&self) -> Option<Box<dyn MailSource>> {
        Some(self.source())
    }

    fn client_marks_seen(&self, folder: &FolderPath) -> bool {
        let entry = fs::read_dir(self.dir(folder)).expect("a directory").next().expect("an item").expect("an entry");
        let name = entry.file_name().to_string_lossy().into_owned() + "S";
        fs::rename(entry.path(), entry.path().with_file_name(name)).is_ok()
    }

    fn limits(&self) -> Limits {
        Limits { dates: i64::MIN..=i64::MAX, ..Limits::default() }
    }

    fn client_adds(&self, folder: &FolderPath, body: &[u8], date: i64) -> bool {
        let path = self.dir(folder).with_file_name("new").join(format!("{date}.M1P2.host,S={}", body.len()));
        fs::write(&path, body).expect("written");
        let time = files::time_of(InternalDate { seconds: date, nanos: 0, offset_minutes: None }).expect("a time");
        fs::File::options().write(true).open(path).and_then(|file| file.set_modified(time)).is_ok()
    }

    fn client_empties(&self, folder: &FolderPath) -> bool {
        fs::read_dir(self.dir(folder)).expect("a directory").all(|entry| fs::remove_file(entry.expect("an entry").path()).is_ok())
    }
}

/// Every law of the ports.
mod conformance {
    mailferry_conformance::store!(super::Disk(super::temp()));
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// A folder with these messages, each `(sub/name, body)`.
fn plant(dir: &std::path::Path, messages: &[(&str, &[u8])]) {
    for sub in ["cur", "new", "tmp"] {
        fs::create_dir_all(dir.join(sub)).expect("made");
    }
    for (name, body) in messages {
        fs::write(dir.join(name), body).expect("written");
    }
}

fn paths(root: &std::path::Path) -> Vec<(String, bool)> {
    let folders = MaildirSource::open(root).expect("opened").folders().expect("folders");
    folders.into_iter().map(|info| (info.path.to_string(), info.selectable)).collect()
}

fn scan(root: &std::path::Path) -> Vec<mailferry_core::ports::SeenItem> {
    let mut items = Vec::new();
    let mut source = MaildirSource::open(root).expect("opened");
    let each = &mut |item| {
        items.push(item);
        Ok(())
    };
    source.scan(&FolderPath::inbox(), each).expect("a scan");
    items
}

#[test]
fn both_layouts_are_understood_and_nothing_is_merged() {
    let root = temp();
    for dir in ["", ".A.B", ".Entw&APw-rfe", ".Entwürfe", ".INBOX", "fs/deep/er", "fs/x.y", "INBOX"] {
        plant(&root.path().join(dir), &[]);
    }
    let found = paths(root.path());
    for (name, selectable) in [
        ("INBOX", true),
        ("A", false),
        ("A/B", true),
        ("Entwürfe", true),
        ("fs", false),
        ("fs/deep", false),
        ("fs/deep/er", true),
        ("fs/x.y", true),
    ] {
        assert!(found.contains(&(name.into(), selectable)), "{name} in {found:?}");
    }
    assert_eq!(found.iter().filter(|(_, selectable)| *selectable).count(), 8, "{found:?}");
}

#[test]
fn a_mailbox_without_folders_is_an_error_with_a_hint() {
    let error = MaildirSource::open(temp().path()).and_then(|mut source| source.folders());
    assert!(error.is_err_and(|error| error.hint.is_some()));
    let root = temp();
    assert!(MaildirSource::open(root.path()).expect("opened").folders().is_err_and(|error| error.hint.is_some()));
}

#[test]
fn new_and_cur_are_read_and_the_rest_is_not() {
    let root = temp();
    plant(root.path(), &[("new/2.b", b"b"), ("cur/1.a:2,FSa", b"a"), ("cur/10.c;2,R", b"c"), ("tmp/3.t", b"t"), ("cur/.hidden", b"h")]);
    fs::write(root.path().join("dovecot-keywords"), "0 work\n").expect("written");
    let items = scan(root.path());
    let keys: Vec<&[u8]> = items.iter().map(|item| &item.key.0[..]).collect();
    assert_eq!(keys, [&b"1.a"[..], b"2.b", b"10.c"]);
    assert_eq!(items[0].marks.keywords, ["work".to_string()].into());
}

#[test]
fn two_files_of_one_base_name_are_two_items() {
    let root = temp();
    plant(root.path(), &[("cur/1.a:2,S", b"one"), ("new/1.a", b"other")]);
    let keys: Vec<Vec<u8>> = scan(root.path()).into_iter().map(|item| item.key.0).collect();
    assert_eq!(keys, [b"1.a".to_vec(), b"1.a/1".to_vec()]);
    let mut source = MaildirSource::open(root.path()).expect("opened");
    let mut read = |key: &[u8]| {
        let mut text = String::new();
        let mut item = source.open(&FolderPath::inbox(), &mailferry_core::model::ItemKey(key.into())).expect("an answer").expect("there");
        std::io::Read::read_to_string(&mut item.reader, &mut text).expect("readable");
        text
    };
    assert_eq!((read(b"1.a"), read(b"1.a/1")), ("other".into(), "one".into()));
}

#[cfg(unix)]
#[test]
fn reading_changes_nothing_at_the_source() {
    let root = temp();
    plant(root.path(), &[("new/1.a", b"a"), ("cur/2.b:2,S", b"b")]);
    let state = || {
        let subs = ["", "cur", "new", "tmp"].map(|sub| root.path().join(sub));
        let entries = |dir: &PathBuf| fs::read_dir(dir).expect("listed").map(|entry| entry.expect("an entry").path()).collect::<Vec<_>>();
        let mut all: Vec<PathBuf> = subs.iter().flat_map(entries).chain(subs.clone()).collect();
        all.sort();
        let see = |path: PathBuf| (fs::read(&path).ok(), fs::metadata(&path).and_then(|meta| meta.modified()).expect("a time"), path);
        all.into_iter().map(see).collect::<Vec<_>>()
    };
    let before = state();
    let mut source = MaildirSource::open(root.path()).expect("opened");
    source.folders().expect("folders");
    for item in scan(root.path()) {
        source.open(&FolderPath::inbox(), &item.key).expect("an answer").expect("there");
    }
    assert_eq!(state(), before);
}

#[cfg(unix)]
#[test]
fn links_are_never_followed() {
    use std::os::unix::fs::symlink;
    let (root, outside) = (temp(), temp());
    plant(outside.path(), &[("cur/9.secret", b"secret")]);
    plant(root.path(), &[]);
    symlink(outside.path().join("cur/9.secret"), root.path().join("cur/1.link")).expect("linked");
    symlink(outside.path(), root.path().join(".Linked")).expect("linked");
    fs::create_dir(root.path().join(".Planted")).expect("made");
    for sub in ["cur", "new", "tmp"] {
        symlink(outside.path().join(sub), root.path().join(".Planted").join(sub)).expect("linked");
    }
    assert_eq!(paths(root.path()), [("INBOX".to_string(), true)]);
    let key = scan(root.path()).remove(0).key;
    let error = MaildirSource::open(root.path()).expect("opened").open(&FolderPath::inbox(), &key).err().expect("refused");
    assert_eq!(error.blast, mailferry_core::ports::Blast::Item);
    let mut target = MaildirTarget::open(root.path()).expect("opened");
    for name in ["Linked", "Planted"] {
        let folder = mailferry_core::model::FolderInfo::plain(FolderPath(vec![name.into()]));
        assert!(target.ensure_folder(&folder).is_err(), "{name}");
    }
    assert_eq!(fs::read_dir(outside.path().join("tmp")).expect("listed").count(), 0);
}

#[cfg(unix)]
#[test]
fn names_that_are_no_text_survive() {
    use std::os::unix::ffi::OsStrExt;
    let root = temp();
    plant(root.path(), &[]);
    let name = std::ffi::OsStr::from_bytes(b"1.\xff\xfe:2,S");
    fs::write(root.path().join("cur").join(name), "x").expect("written");
    let item = scan(root.path()).remove(0);
    assert_eq!(item.key.0, b"1.\xff\xfe");
    assert!(MaildirSource::open(root.path()).expect("opened").open(&FolderPath::inbox(), &item.key).expect("an answer").is_some());
}

#[test]
fn a_new_run_sweeps_our_dead_files_and_no_others() {
    let root = temp();
    let ours = format!("1.M000000_{}.mailferry", "a".repeat(32));
    plant(root.path(), &[("tmp/other", b"x"), (&format!("tmp/{ours}"), b"x")]);
    plant(&root.path().join(".Sub"), &[(&format!("tmp/{ours}"), b"x")]);
    MaildirTarget::open(root.path()).expect("opened");
    assert!(root.path().join("tmp/other").exists());
    assert!(!root.path().join("tmp").join(&ours).exists() && !root.path().join(".Sub/tmp").join(&ours).exists());
}

#[test]
fn subscriptions_are_read_and_written_in_the_version_that_is_there() {
    for (before, after) in [("", "A.B\n"), ("X\n", "X\nA.B\n"), ("V\t2\n\nX\n", "V\t2\n\nX\nA\tB\n"), ("A.B", "A.B")] {
        let root = temp();
        plant(root.path(), &[]);
        fs::write(root.path().join("subscriptions"), before).expect("written");
        let mut target = MaildirTarget::open(root.path()).expect("opened");
        let path = FolderPath(vec!["A".into(), "B".into()]);
        let folder = mailferry_core::model::FolderInfo { subscribed: true, ..mailferry_core::model::FolderInfo::plain(path.clone()) };
        target.ensure_folder(&folder).expect("made");
        target.flush().expect("a flush");
        assert_eq!(fs::read_to_string(root.path().join("subscriptions")).expect("readable"), after);
        let folders = MaildirSource::open(root.path()).expect("opened").folders().expect("folders");
        assert!(folders.iter().any(|info| info.path == path && info.subscribed));
    }
}

#[test]
fn a_known_folder_whose_cur_is_away_is_not_gone() {
    let root = temp();
    plant(root.path(), &[("cur/a", b"x")]);
    for folder in [".Sent", "Old", "Above/Below"] {
        plant(&root.path().join(folder), &[("cur/b", b"y")]);
    }
    let mut source = MaildirSource::open(root.path()).expect("opened");
    for (dir, path) in [(".Sent", "Sent"), ("Old", "Old"), ("Above/Below", "Above/Below"), ("", "INBOX")] {
        let (dir, folder) = (root.path().join(dir), FolderPath(path.split('/').map(str::to_owned).collect()));
        fs::rename(dir.join("cur"), dir.join("was")).expect("renamed");
        source.scan(&folder, &mut |_| Ok(())).expect_err("not an empty folder");
        let error = source.confirm_gone(&folder).expect_err("a directory stands there");
        assert!(error.blast == Blast::Folder && error.hint.is_some(), "{error}");
        fs::rename(dir.join("was"), dir.join("cur")).expect("renamed");
    }
    let below = FolderPath(vec!["Above".into(), "Below".into()]);
    fs::remove_dir_all(root.path().join("Above/Below")).expect("removed");
    source.confirm_gone(&below).expect_err("an empty directory may be a mount point");
    fs::remove_dir_all(root.path().join("Above")).expect("removed");
    fs::remove_dir_all(root.path().join(".Sent")).expect("removed");
    for folder in [below, FolderPath(vec!["Sent".into()])] {
        source.confirm_gone(&folder).expect("now it is gone");
    }
    plant(&root.path().join("Old/Sub"), &[]);
    ["cur", "new", "tmp"].iter().for_each(|sub| fs::remove_dir_all(root.path().join("Old").join(sub)).expect("removed"));
    source.confirm_gone(&FolderPath(vec!["Old".into()])).expect("its directory is merely above another folder");
}

#[test]
fn a_folder_that_is_another_directory_in_the_middle_of_a_scan_has_lost_nothing() {
    let root = temp();
    plant(root.path(), &[("cur/a", b"x"), ("cur/b", b"y")]);
    let mut source = MaildirSource::open(root.path()).expect("opened");
    let mut unmounted = false;
    let scanned = source.scan(&FolderPath::inbox(), &mut |_| {
        if !std::mem::replace(&mut unmounted, true) {
            fs::rename(root.path().join("cur"), root.path().join("was")).expect("renamed");
            fs::create_dir(root.path().join("cur")).expect("made");
        }
        Ok(())
    });
    assert!(scanned.is_err_and(|error| error.retry == Retry::Later));
}

#[test]
fn what_a_check_of_the_file_system_has_found_is_no_folder() {
    let root = temp();
    plant(root.path(), &[]);
    plant(&root.path().join("lost+found"), &[]);
    assert_eq!(paths(root.path()), [("INBOX".into(), true)]);
}

#[cfg(unix)]
#[test]
fn an_entry_that_is_closed_to_us_stops_no_target() {
    use std::os::unix::fs::PermissionsExt;
    let dir = temp();
    drop(MaildirTarget::open(dir.path()).expect("made"));
    let closed = dir.path().join(".closed");
    plant(&closed, &[]);
    let shut = closed.join("tmp");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).expect("shut");
    // For root nothing is closed: then this proves less.
    MaildirTarget::open(dir.path()).expect("it is none of ours");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).expect("opened");
}
