//! `rehearse`, between mailboxes on disk: every planted hazard is told, and neither end changes.

use std::collections::BTreeSet;
use std::fs::{self, File, FileTimes};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::world::{Ran, World, mail};

/// Puts a message into a folder of a Maildir, with a date of its own.
fn plant(world: &World, folder: &str, name: &str, bytes: &[u8], date: SystemTime) {
    let dir = world.path(&format!("src/{folder}"));
    ["cur", "new", "tmp"].iter().for_each(|sub| fs::create_dir_all(dir.join(sub)).expect("made"));
    let path = dir.join("cur").join(name);
    fs::write(&path, bytes).expect("written");
    File::options().write(true).open(&path).expect("open").set_times(FileTimes::new().set_modified(date)).expect("dated");
}

fn usual() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_600_000_000)
}

fn hazards(ran: &Ran) -> Value {
    serde_json::from_str(&ran.out).expect("a document")
}

/// Hazard, weight, folder and number of the message.
fn told(document: &Value) -> BTreeSet<String> {
    let text = |hazard: &Value| {
        let levels: Vec<&str> = hazard["folder"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let number = hazard["item"]["number"].as_u64().map(|number| format!(" #{number}")).unwrap_or_default();
        let of = |key: &str| hazard[key].as_str().unwrap_or_default().to_owned();
        format!("{} {} {}{number}", of("weight"), of("kind"), levels.join("|"))
    };
    document["hazards"].as_array().expect("hazards").iter().map(text).collect()
}

/// Every file and folder, with bytes and time of change.
fn tree(root: &Path) -> Vec<(String, SystemTime, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_path_buf()];
    while let Some(path) = open.pop() {
        let meta = fs::symlink_metadata(&path).expect("there");
        let bytes = if meta.is_dir() { Vec::new() } else { fs::read(&path).expect("read") };
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).expect("listed").map(|entry| entry.expect("an entry").path()));
        }
        found.push((path.display().to_string(), meta.modified().expect("a time"), bytes));
    }
    found.sort();
    found
}

fn copied(world: &World, from: &str, to: &str) -> String {
    fs::create_dir(world.path(to)).expect("made");
    for name in world.names(from) {
        world.write(&format!("{to}/{name}"), world.read(&format!("{from}/{name}")));
    }
    format!("mbox:{}", world.path(to).display())
}

const PLAIN: &[u8] = b"Subject: plain\r\n\r\nnothing odd\r\n";

fn planted(world: &World) {
    let odd: [(&str, Vec<u8>); 11] = [
        ("1.plain", PLAIN.to_vec()),
        ("2.unix", b"Subject: of Unix\n\nnothing odd\n".to_vec()),
        ("3.again", PLAIN.to_vec()),
        ("4.nul", b"Subject: nul\r\n\r\na\0b\r\n".to_vec()),
        ("5.ends", b"Subject: ends\r\n\r\na\nb\rc\r\n".to_vec()),
        ("6.long", [&b"Subject: long\r\n\r\n"[..], &[b'x'; 2000], b"\r\n"].concat()),
        ("7.raw", b"Subject: r\xe4w\r\n\r\nbody\r\n".to_vec()),
        ("8.broken", b"Subject: x\r\nno field at all\r\n\r\nbody\r\n".to_vec()),
        ("9.text", b"no header here\r\n".to_vec()),
        ("10.empty", Vec::new()),
        ("11.last", b"Subject: last\r\n\r\nno end".to_vec()),
    ];
    for (at, (name, bytes)) in (0..).zip(&odd) {
        plant(world, "", &format!("16000000{at:02}.{name}:2,"), bytes, usual());
    }
    plant(world, ".Old", "1600000000.old:2,", b"Subject: old\r\n\r\nbody\r\n", UNIX_EPOCH - Duration::from_secs(86_400 * 365 * 20));
    plant(world, ".Old", "1600000001.new:2,", b"Subject: new\r\n\r\nbody\r\n", UNIX_EPOCH + Duration::from_secs(2_100_000_000));
    plant(world, ".Trash", "1600000000.a:2,", b"Subject: a\r\n\r\nbody\r\n", usual());
    plant(world, ".TRASH", "1600000000.b:2,", b"Subject: b\r\n\r\nbody\r\n", usual());
    plant(world, ".v1\\2e0", "1600000000.c:2,", b"Subject: c\r\n\r\nbody\r\n", usual());
}

#[test]
fn every_planted_hazard_is_told_and_no_other_and_neither_end_changes() {
    let world = World::new();
    planted(&world);
    let before = tree(&world.path(""));
    let ran = world.run(&["--json", "rehearse", "maildir:src", "maildir:deep/down/dst"]);
    let wanted: BTreeSet<String> = [
        "note duplicate INBOX #3",
        "note message-nul INBOX #4",
        "note message-line-ends INBOX #5",
        "note message-long-line INBOX #6",
        "note message-header-8bit INBOX #7",
        "note message-header-broken INBOX #8",
        "note message-without-header INBOX #9",
        "note message-empty INBOX #10",
        "note message-no-last-line-end INBOX #11",
        "warning date-absurd Old #1",
        "warning date-absurd Old #2",
        "note folder-names-alike Trash",
        "warning folder-name-changed v1.0",
    ]
    .map(str::to_owned)
    .into();
    let document = hazards(&ran);
    assert_eq!(told(&document), wanted, "{}", ran.out);
    assert_eq!((ran.code, &document["mailboxes"][0]["items"]), (Some(3), &Value::from(16)));
    assert!(tree(&world.path("")) == before, "something was made or changed");
}

#[test]
fn what_only_the_bytes_tell_is_not_looked_for_in_a_quick_look() {
    let world = World::new();
    planted(&world);
    let ran = world.run(&["--json", "rehearse", "--quick", "maildir:src", "maildir:dst"]);
    let wanted =
        ["warning date-absurd Old #1", "warning date-absurd Old #2", "note folder-names-alike Trash", "warning folder-name-changed v1.0"];
    assert_eq!(told(&hazards(&ran)), wanted.map(str::to_owned).into());
}

#[test]
fn a_target_that_is_there_keeps_what_it_has_and_says_so() {
    let world = World::new();
    let source = world.mailbox("maildir", "a", &[mail("INBOX", "Subject: a\r\n\r\none\r\n")]);
    for kind in ["maildir", "mbox"] {
        let target = world.mailbox(
            kind,
            &format!("b-{kind}"),
            &[mail("INBOX", "Subject: b\r\n\r\ntwo\r\n"), mail("Work", "Subject: c\r\n\r\nx\r\n")],
        );
        // Another test that starts a program just now may hold the lock of an mbox for a moment: a copy has none.
        let target = match kind {
            "mbox" => copied(&world, "b-mbox", "c-mbox"),
            _ => target,
        };
        // What a killed run of `migrate` has left is not swept away either.
        if kind == "maildir" {
            world.write("b-maildir/tmp/left.over", "half a message");
        }
        let before = tree(&world.path(""));
        let ran = world.run(&["--json", "rehearse", &source, &target]);
        let wanted = ["note target-holds-mail INBOX", "note target-holds-mail Work"].map(str::to_owned);
        assert_eq!(told(&hazards(&ran)), wanted.into(), "{kind}");
        assert_eq!(ran.code, Some(0), "notes alone are no reason to wait");
        assert!(tree(&world.path("")) == before, "{kind}: something was made or changed");
    }
}

#[test]
fn folders_that_a_target_cannot_have_stop_and_keywords_beyond_its_letters_are_named() {
    let world = World::new();
    let words: Vec<String> = (0..30).map(|number| format!("word{number:02}")).collect();
    let words: Vec<&'static str> = words.into_iter().map(|word| &*word.leak()).collect();
    let long = &*"n".repeat(200).leak();
    let mut mails =
        vec![mail("INBOX", "Subject: a\r\n\r\none\r\n"), mail("INBOX", "Subject: b\r\n\r\ntwo\r\n"), mail(long, "Subject: c\r\n\r\nx\r\n")];
    mails[1].keywords = words.leak();
    let source = world.mailbox("mbox", "a", &mails);
    let ran = world.run(&["--json", "rehearse", &source, "maildir:dst"]);
    let document = hazards(&ran);
    let lost: Vec<&str> = document["hazards"].as_array().expect("hazards").iter().filter_map(|hazard| hazard["detail"].as_str()).collect();
    assert_eq!(lost, ["word26, first here", "word27, first here", "word28, first here", "word29, first here"]);
    world.write("one", "");
    let ran = world.run(&["--json", "rehearse", &source, "mbox:one"]);
    assert_eq!(told(&hazards(&ran)), [format!("stop folder-name-refused {long}")].into());
    assert_eq!(ran.code, Some(1));
}

#[test]
fn a_source_without_mail_is_told_and_one_that_is_not_there_stops() {
    let world = World::new();
    plant(&world, "", "x:2,", b"", usual());
    fs::remove_file(world.path("src/cur/x:2,")).expect("removed");
    let ran = world.run(&["--json", "rehearse", "maildir:src", "maildir:dst"]);
    assert_eq!((ran.code, told(&hazards(&ran))), (Some(3), ["warning source-empty ".to_owned()].into()));
    let ran = world.run(&["--json", "rehearse", "maildir:nowhere", "mboxo:dst"]);
    let document = hazards(&ran);
    assert_eq!((ran.code, told(&document)), (Some(1), ["stop store-not-opened ".to_owned()].into()));
    assert_eq!(document["hazards"].as_array().map(Vec::len), Some(2), "both ends are told of");
}

#[test]
fn a_list_is_looked_at_as_a_whole_and_its_table_names_every_hazard_with_its_mailbox() {
    let world = World::new();
    planted(&world);
    let good = world.mailbox("maildir", "good", &[mail("INBOX", "Subject: a\r\n\r\none\r\n")]);
    world.write(
        "list.csv",
        format!("name,source,target\nodd,maildir:src,maildir:dst-a\ngood,{good},maildir:dst-b\nlost,maildir:none,maildir:dst-c\n"),
    );
    let ran = world.run(&["rehearse", "--list", "list.csv", "--csv", "found.csv", "--examples", "1"]);
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    assert!(ran.out.lines().all(|line| line.chars().count() <= 80), "{}", ran.out);
    let row = |name: &str| {
        ran.out.lines().find(|line| line.starts_with(name)).map(|line| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    };
    let numbers = |name: &str| row(name).map(|row| row[row.len() - 4..row.len() - 1].to_vec());
    assert_eq!(numbers("odd"), Some(["0", "3", "10"].map(str::to_owned).to_vec()), "{}", ran.out);
    assert_eq!(numbers("good"), Some(["0", "0", "0"].map(str::to_owned).to_vec()));
    assert_eq!(numbers("lost"), Some(["1", "0", "0"].map(str::to_owned).to_vec()));
    assert!(ran.out.contains("... and 1 more; --csv FILE or --json lists all"), "{}", ran.out);
    let table = world.read("found.csv");
    assert_eq!(table.lines().count(), 1 + 14, "{table}");
    assert!(table.lines().any(|line| line.starts_with("odd,warning,date-absurd,Old,1,1600000000.old,")), "{table}");
    assert_eq!(world.names(""), ["found.csv", "good", "list.csv", "src"], "something else was made");
}

#[test]
fn what_an_earlier_run_brought_over_is_not_brought_again() {
    let world = World::new();
    let source = world.mailbox("maildir", "a", &[mail("INBOX", "Subject: a\r\n\r\none\r\n")]);
    assert_eq!(world.run(&["migrate", &source, "maildir:b", "--work", "work"]).code, Some(0));
    let ran = world.run(&["rehearse", &source, "maildir:b", "--work", "work"]);
    assert!(ran.code == Some(0) && ran.out.contains("target-holds-mail: 1"), "{}\n{}", ran.out, ran.err);
}
