use std::fs;
use std::path::PathBuf;

use mailferry_conformance::store::{Bench, Limits};
use mailferry_core::model::FolderPath;
use mailferry_core::ports::{MailSource, MailTarget};

use super::{MboxSource, MboxTarget, folders};

struct Disk(tempfile::TempDir);

impl Disk {
    fn file(&self, folder: &FolderPath) -> PathBuf {
        folders::target_file(self.0.path(), folder).expect("a folder")
    }
}

impl Bench for Disk {
    fn name(&self) -> String {
        "mbox".into()
    }

    fn target(&self) -> Box<dyn MailTarget> {
        Box::new(MboxTarget::open(self.0.path()).expect("opened"))
    }

    fn source(&self) -> Box<dyn MailSource> {
        Box::new(MboxSource::open(self.0.path(), None).expect("opened"))
    }

    fn empty_source(&self) -> Option<Box<dyn MailSource>> {
        MboxSource::open(self.0.path(), None).ok().map(|source| Box::new(source) as Box<dyn MailSource>)
    }

    fn client_marks_seen(&self, folder: &FolderPath) -> bool {
        let text = fs::read_to_string(self.file(folder)).expect("readable");
        fs::write(self.file(folder), text.replacen("Status: O", "Status: RO\nX-UID: 1", 1)).is_ok()
    }

    fn limits(&self) -> Limits {
        Limits { clients_wait: true, dates: i64::MIN..=i64::MAX, ..Limits::default() }
    }

    fn client_empties(&self, folder: &FolderPath) -> bool {
        fs::write(self.file(folder), "").is_ok()
    }
}

/// Every law of the ports.
mod conformance {
    mailferry_conformance::store!(super::Disk(super::temp()));
}

use mailferry_core::model::{Envelope, Flags, FolderInfo, InternalDate, ItemKey, Marks, Token};
use mailferry_core::ports::{Blast, NewItem, Retry, SeenItem, Wanted};
use std::io::Read;
use std::path::Path;

use super::Variant;

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn read(path: &Path, variant: Option<Variant>) -> Vec<(SeenItem, String)> {
    let mut source = MboxSource::open(path, variant).expect("opened");
    let mut items = Vec::new();
    let each = &mut |item| {
        items.push(item);
        Ok(())
    };
    source.scan(&FolderPath::inbox(), each).expect("a scan");
    let mut body = |item: SeenItem| {
        let mut text = String::new();
        source.open(&FolderPath::inbox(), &item.key).expect("an answer").expect("there").reader.read_to_string(&mut text).expect("text");
        assert_eq!(item.size, Some(text.len() as u64));
        (item, text)
    };
    items.into_iter().map(&mut body).collect()
}

fn bodies(text: &str, variant: Option<Variant>) -> Vec<String> {
    let dir = temp();
    let path = dir.path().join("box");
    fs::write(&path, text).expect("written");
    read(&path, variant).into_iter().map(|(_, body)| body).collect()
}

const FROM: &str = "From a@b Thu Nov 30 23:59:59 2017\n";

#[test]
fn each_variant_is_read_by_its_own_rule() {
    let quoted = format!("{FROM}Subject: a\n\n>From x\n>>From y\n\n");
    assert_eq!(bodies(&quoted, None), ["Subject: a\n\nFrom x\n>From y\n"], "two signs are the mark of mboxrd");
    assert_eq!(bodies(&quoted, Some(Variant::Mboxo)), ["Subject: a\n\n>From x\n>>From y\n"]);
    let ambiguous = format!("{FROM}Subject: a\n\n>From x\n\n");
    assert_eq!(bodies(&ambiguous, None), ["Subject: a\n\n>From x\n"], "no evidence, nothing touched");
    assert_eq!(bodies(&ambiguous, Some(Variant::Mboxrd)), ["Subject: a\n\nFrom x\n"]);
    let counted = format!("{FROM}Content-Length: 36\n\n\n{FROM}x\n{FROM}Subject: b\n\ny\n");
    assert_eq!(bodies(&counted, None).len(), 2);
    assert_eq!(bodies(&counted, None)[0], format!("Content-Length: 36\n\n\n{FROM}x"));
    let lying = counted.replace("36", "30");
    assert_eq!(bodies(&lying, None).len(), 2, "a length that leads nowhere is not obeyed");
}

#[test]
fn only_a_dated_from_line_after_a_blank_line_separates() {
    let text =
        format!("\n\n{FROM}Subject: a\n\nFrom here on\n{FROM}\nFrom now on\n\n{}Subject: b\r\n\r\nx\r\n\r\n", FROM.replace('\n', "\r\n"));
    assert_eq!(bodies(&text, None), [format!("Subject: a\n\nFrom here on\n{FROM}\nFrom now on\n"), "Subject: b\r\n\r\nx\r\n".into()]);
}

#[test]
fn what_is_no_mbox_is_no_folder() {
    let dir = temp();
    fs::write(dir.path().join("notes.txt"), "Dear diary").expect("written");
    assert!(MboxSource::open(dir.path(), None).is_err_and(|error| error.hint.is_some()), "no folder at all is an error");
    fs::write(dir.path().join("Inbox"), "").expect("written");
    fs::create_dir(dir.path().join("Inbox.sbd")).expect("made");
    fs::write(dir.path().join("Inbox.sbd/Old"), FROM).expect("written");
    let folders = MboxSource::open(dir.path(), None).expect("opened").folders().expect("folders");
    let paths: Vec<String> = folders.iter().map(|info| info.path.to_string()).collect();
    assert_eq!(paths, ["INBOX", "INBOX/Old"]);
}

#[test]
fn marks_of_foreign_boxes_are_read_and_change_no_key() {
    let box_of = |status: &str| {
        let dir = temp();
        let path = dir.path().join("box");
        fs::write(&path, format!("{FROM}Subject: a\n{status}\nx\n")).expect("written");
        read(&path, None).remove(0)
    };
    let (plain, _) = box_of("");
    let (marked, body) = box_of("Status: RO\nX-Status: AF\nX-Keywords: one\n two\n");
    assert_eq!(marked.key, plain.key);
    assert_eq!(marked.marks.flags, Flags::SEEN.with(Flags::ANSWERED).with(Flags::FLAGGED));
    assert_eq!(marked.marks.keywords, ["one".to_string(), "two".into()].into());
    assert!(body.contains("Status: RO"), "bytes of others stay as they are");
    assert_eq!((plain.date.seconds, plain.sender.as_deref()), (1_512_086_399, Some("a@b")));
}

#[test]
fn the_note_of_the_server_to_itself_is_no_mail() {
    let note = "Subject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\nX-IMAP: 1 2\n\nnote\n\n";
    assert_eq!(bodies(&format!("{FROM}{note}{FROM}Subject: a\n\nx\n"), None), ["Subject: a\n\nx\n"]);
}

fn append(target: &mut MboxTarget, number: u8, body: &[u8]) {
    let date = InternalDate { seconds: 1_500_000_000, nanos: 5, offset_minutes: Some(60) };
    let envelope = Envelope { token: Token([number; 16]), key: ItemKey(vec![]), marks: Marks::default(), date, sender: Some("s@t".into()) };
    let item = NewItem { envelope: &envelope, size: body.len() as u64 };
    target.append(&FolderPath::inbox(), &item, &mut &body[..]).expect("an append");
}

fn found(root: &Path, number: u8) -> bool {
    let wanted =
        Wanted { token: Token([number; 16]), digest: mailferry_core::model::Digest::default(), likeness: None, size: 0, date: None };
    let mut target = MboxTarget::open(root).expect("opened");
    target.locate(&FolderPath::inbox(), &[wanted]).expect("an answer")[0].is_some()
}

/// A box with one flushed message, and the very bytes and journal that a killed run leaves after staging two more.
fn interrupted() -> (tempfile::TempDir, PathBuf, usize, Vec<u8>) {
    let dir = temp();
    let mut target = MboxTarget::open(dir.path()).expect("opened");
    target.ensure_folder(&FolderInfo::plain(FolderPath::inbox())).expect("a folder");
    append(&mut target, 1, b"Subject: kept\n\nx\n");
    target.flush().expect("a flush");
    let path = dir.path().join("INBOX");
    let kept = fs::metadata(&path).expect("there").len() as usize;
    append(&mut target, 2, b"Subject: staged\n\nFrom y\n\nno end");
    append(&mut target, 3, b"");
    drop(target);
    let bytes = fs::read(&path).expect("readable");
    assert!(bytes.len() > kept && dir.path().join(".INBOX.mailferry").exists());
    (dir, path, kept, bytes)
}

/// What a dying machine may leave of the bytes of a batch: a beginning, with or without NULs up to the full length, or NULs and an end.
fn torn_at(bytes: &[u8], at: usize) -> [Vec<u8>; 3] {
    let nuls = |length: usize| vec![0; length];
    [bytes[..at].to_vec(), [&bytes[..at], &nuls(bytes.len() - at)].concat(), [&nuls(at), &bytes[at..]].concat()]
}

/// Every way, with what the file holds then.
fn torn_in_every_way(found: impl Fn(&Path, &str)) {
    let (dir, path, kept, bytes) = interrupted();
    let sidecar = dir.path().join(".INBOX.mailferry");
    let journal = fs::read(&sidecar).expect("readable");
    for at in 0..=bytes.len() - kept {
        for (way, torn) in torn_at(&bytes[kept..], at).into_iter().enumerate() {
            fs::write(&path, [&bytes[..kept], &torn].concat()).expect("written");
            fs::write(&sidecar, &journal).expect("written");
            found(dir.path(), &format!("torn at {at} in the way {way}"));
            assert!(!sidecar.exists());
        }
    }
}

#[test]
fn a_tail_torn_anywhere_is_cut_back() {
    torn_in_every_way(|dir, how| {
        MboxTarget::open(dir).expect("opened");
        let left = fs::read(dir.join("INBOX")).expect("readable");
        assert!(left.ends_with(b"Subject: kept\n\nx\n\n"), "{how}: {:?}", String::from_utf8_lossy(&left));
        assert!(found(dir, 1) && !found(dir, 2) && !found(dir, 3), "{how}");
    });
}

#[test]
fn mail_of_others_behind_an_interrupted_batch_is_never_cut() {
    torn_in_every_way(|dir, how| {
        let path = dir.join("INBOX");
        let foreign = |subject: &str| format!("\n\n{FROM}Subject: {subject}\n\nfresh\n\n");
        let torn = fs::read(&path).expect("readable");
        fs::write(&path, [&torn[..], foreign("foreign").as_bytes(), foreign("more").as_bytes()].concat()).expect("written");
        let nothing_of_ours = !found(dir, 2) && !found(dir, 3);
        assert!(found(dir, 1) && nothing_of_ours, "{how}");
        let bodies: Vec<String> = read(&path, None).into_iter().map(|(_, body)| body).collect();
        // A whole `From ` line of ours with nothing behind it may be an empty message of others.
        let subjects: Vec<&str> = bodies.iter().filter_map(|body| body.lines().next()).filter(|line| !line.is_empty()).collect();
        assert_eq!(subjects, ["Subject: kept", "Subject: foreign", "Subject: more"], "{how}");
        assert!(!fs::read(&path).expect("readable").contains(&0), "{how}");
    });
}

#[test]
fn mail_that_others_append_directly_behind_nuls_is_never_cut() {
    let (dir, path, kept, bytes) = interrupted();
    let foreign = format!("{FROM}Subject: foreign\n\nfresh\n\n");
    fs::write(&path, [&bytes[..kept + 20], &[0; 50], foreign.as_bytes()].concat()).expect("written");
    assert!(found(dir.path(), 1) && !found(dir.path(), 2));
    assert_eq!(fs::read(&path).expect("readable"), [&bytes[..kept], foreign.as_bytes()].concat());
}

/// As a client has it that moves a message of ours: whole, from another file and an earlier batch.
fn moved_here() -> Vec<u8> {
    let dir = temp();
    let mut target = MboxTarget::open(dir.path()).expect("opened");
    target.ensure_folder(&FolderInfo::plain(FolderPath::inbox())).expect("a folder");
    append(&mut target, 9, b"Subject: moved\n\nFrom y\n");
    target.flush().expect("a flush");
    fs::read(dir.path().join("INBOX")).expect("readable")
}

#[test]
fn a_message_of_ours_that_a_client_has_moved_behind_an_interrupted_batch_is_never_cut() {
    let moved = moved_here();
    torn_in_every_way(|dir, how| {
        let path = dir.join("INBOX");
        let torn = fs::read(&path).expect("readable");
        fs::write(&path, [&torn[..], b"\n\n", &moved].concat()).expect("written");
        assert!(found(dir, 1) && !found(dir, 2) && !found(dir, 3) && found(dir, 9), "{how}");
        assert!(fs::read(&path).expect("readable").ends_with(&moved), "{how}");
    });
}

#[test]
fn in_a_file_that_others_have_written_anew_nothing_of_an_interrupted_batch_counts() {
    let (dir, path, kept, bytes) = interrupted();
    let sidecar = dir.path().join(".INBOX.mailferry");
    let (journal, moved) = (fs::read(&sidecar).expect("readable"), moved_here());
    let first = bytes.windows(14).position(|window| window == b"Subject: stage").expect("the first staged message") - kept;
    let foreign = format!("\n\n{FROM}Subject: foreign\n\nfresh\n\n");
    for at in [40, first, first + 10, bytes.len() - kept] {
        for torn in torn_at(&bytes[kept..], at).into_iter().take(2) {
            for header in ["", "X-UID: 1\nStatus: RO\n", "X-Long: 12345678901234567890123456789012345678901234567890\n"] {
                // A client has changed the first message and given another a header line; mail has come since.
                let (before, behind) = torn.split_at(first.min(torn.len()));
                let anew = [&bytes[..kept - 3], b"longer\n\n", before, header.as_bytes(), behind, foreign.as_bytes(), &moved].concat();
                fs::write(&path, anew).expect("written");
                fs::write(&sidecar, &journal).expect("written");
                let how = format!("torn at {at}, {header:?}");
                assert!(found(dir.path(), 1) && !found(dir.path(), 2) && !found(dir.path(), 3) && found(dir.path(), 9), "{how}");
                let left = String::from_utf8_lossy(&fs::read(&path).expect("readable")).into_owned();
                assert_eq!(left.matches("Subject: foreign").count(), 1, "{how}: {left}");
            }
        }
    }
}

#[test]
fn a_box_that_another_program_holds_waits() {
    let dir = temp();
    let mut target = MboxTarget::open(dir.path()).expect("opened");
    target.ensure_folder(&FolderInfo::plain(FolderPath::inbox())).expect("a folder");
    let lock = dir.path().join("INBOX.lock");
    fs::write(&lock, "4711").expect("written");
    let envelope =
        Envelope { token: Token([1; 16]), key: ItemKey(vec![]), marks: Marks::default(), date: InternalDate::default(), sender: None };
    let busy = target.append(&FolderPath::inbox(), &NewItem { envelope: &envelope, size: 1 }, &mut &b"x"[..]);
    assert!(busy.is_err_and(|error| error.retry == Retry::Later));
    let mut source = MboxSource::open(dir.path(), None).expect("opened");
    assert!(source.scan(&FolderPath::inbox(), &mut |_| Ok(())).is_err_and(|error| error.retry == Retry::Later));
    fs::write(&lock, "mailferry\n").expect("written");
    append(&mut target, 1, b"x");
    assert!(MboxTarget::open(dir.path()).is_err(), "our own lock holds while its owner lives");
    target.flush().expect("a flush");
    assert!(!lock.exists());
}

#[test]
#[cfg(unix)]
fn a_lock_that_another_program_took_for_dead_is_not_given_back_for_it() {
    let dir = temp();
    let mut target = MboxTarget::open(dir.path()).expect("opened");
    target.ensure_folder(&FolderInfo::plain(FolderPath::inbox())).expect("a folder");
    append(&mut target, 1, b"x");
    let lock = dir.path().join("INBOX.lock");
    fs::remove_file(&lock).expect("there");
    fs::write(&lock, "4711").expect("written");
    drop(target);
    assert_eq!(fs::read(&lock).expect("still there"), b"4711");
}

#[test]
fn other_readers_see_an_ordinary_mbox() {
    let (dir, path, kept, bytes) = interrupted();
    let text = String::from_utf8_lossy(&bytes[..kept]).into_owned();
    assert!(text.starts_with("From s@t Fri Jul 14 02:40:00 2017\nX-Mailferry: 1 "), "{text}");
    assert!(text.contains("\nStatus: O\n") && text.ends_with("Subject: kept\n\nx\n\n"), "{text}");
    MboxTarget::open(dir.path()).expect("opened");
    let (item, body) = read(&path, None).remove(0);
    assert_eq!((item.date.nanos, item.date.offset_minutes, item.sender.as_deref()), (5, Some(60), Some("s@t")));
    assert_eq!(body, "Subject: kept\n\nx\n");
}

#[test]
fn a_known_mbox_whose_first_bytes_are_damaged_is_not_gone() {
    let dir = temp();
    fs::create_dir(dir.path().join("Inbox.sbd")).expect("made");
    fs::write(dir.path().join("inbox"), FROM).expect("written");
    for name in ["Sent", "Inbox.sbd/Old"] {
        fs::write(dir.path().join(name), FROM).expect("written");
    }
    let mut source = MboxSource::open(dir.path(), None).expect("opened");
    let folder = |path: &str| FolderPath(path.split('/').map(str::to_owned).collect());
    for (name, path) in [("Sent", "Sent"), ("inbox", "INBOX"), ("Inbox.sbd/Old", "Inbox/Old")] {
        let file = dir.path().join(name);
        fs::write(&file, FROM.replacen("From", "\0\0\0\0", 1)).expect("written");
        let folders = source.folders().expect("the other folders");
        assert!(folders.iter().all(|info| info.path != folder(path) || !info.selectable), "{path} in {folders:?}");
        let error = source.confirm_gone(&folder(path)).expect_err("a file stands there");
        assert!(error.blast == Blast::Folder && error.hint.is_some(), "{error}");
        fs::remove_file(&file).expect("removed");
        if name == "Inbox.sbd/Old" {
            source.confirm_gone(&folder(path)).expect_err("an empty directory may be a mount point");
            fs::remove_dir(dir.path().join("Inbox.sbd")).expect("removed");
        }
        source.confirm_gone(&folder(path)).expect("now it is gone");
        fs::write(dir.path().join("inbox"), FROM).expect("written");
    }
    source.confirm_gone(&folder("Drafts")).expect("never there");
}

#[cfg(unix)]
#[test]
fn an_entry_that_is_closed_to_us_stops_no_target() {
    use std::os::unix::fs::PermissionsExt;
    let dir = temp();
    drop(MboxTarget::open(dir.path()).expect("made"));
    let closed = dir.path().join("closed");
    fs::create_dir(&closed).expect("made");
    let shut = closed.clone();
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o000)).expect("shut");
    // For root nothing is closed: then this proves less.
    MboxTarget::open(dir.path()).expect("it is none of ours");
    fs::set_permissions(&shut, fs::Permissions::from_mode(0o700)).expect("opened");
}
