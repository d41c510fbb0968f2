//! Mailboxes with things in them that no program likes.

use std::fs;

use mailferry_core::settings::AgentKind;
use mailferry_tests::{Plan, Tree, corpora, differences, prove};

use crate::{assert_told, rounds, servers};

#[cfg(unix)]
#[test]
fn a_message_that_cannot_be_read_holds_up_nothing_else_and_arrives_once_it_can() {
    let bed = servers();
    let message = bed.path("mail/old/alice/cur/1700000000.M1.link:2,S");
    std::os::unix::fs::symlink("/nowhere/at/all", &message).expect("a link");
    rounds(&bed, 3);
    let report = bed.once("SRC", AgentKind::Source);
    assert!(report.stalls.iter().any(|stall| stall.what == "alice" && stall.why.contains("could not read a message")), "{report:?}");
    assert_told(
        &bed.log("SRC", AgentKind::Source),
        "mailbox alice: could not read a message",
        &["where:", "link", "cause:", "symbolic link", "now:", "hint:"],
    );
    assert_eq!(differences(bed.mailbox("bob")).differing(), 0);
    let comparison = differences(bed.mailbox("alice"));
    assert_eq!(comparison.counts.keys().copied().collect::<Vec<_>>(), ["item-unreadable"], "{comparison:#?}");
    fs::remove_file(&message).and_then(|()| fs::write(&message, "Subject: whole again\r\n\r\n")).expect("a message");
    bed.settle();
    prove(&bed);
}

#[test]
fn a_folder_in_the_place_of_a_message_is_no_message() {
    let bed = servers();
    fs::create_dir(bed.path("mail/old/alice/cur/1700000000.M1.folder:2,S")).expect("a folder");
    let before = Tree::of(&bed.path("mail/old"));
    bed.settle();
    prove(&bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
}

#[test]
fn folder_names_of_a_source_do_not_leave_the_target() {
    let bed = servers();
    // "../../evil" in modified UTF-7, a name of nothing but dots, a drive, an absolute path.
    for name in [".&AC4ALgAvAC4ALgAv-evil", "....", ".C:", ".&AC8-etc&AC8-passwd", ".%2e%2e%2f", ".NUL", ".a\\..\\b"] {
        let folder = bed.path("mail/old/alice").join(name);
        ["cur", "new", "tmp"].iter().for_each(|sub| fs::create_dir_all(folder.join(sub)).expect("a folder"));
        fs::write(folder.join("cur/1700000000.M1.x:2,"), format!("Subject: {name}\r\n\r\n")).expect("a message");
    }
    let before = Tree::of(&bed.path("mail/old"));
    bed.settle();
    prove(&bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
    let outside = corpora::files_below(&bed.path("mail/new"));
    assert!(
        outside.iter().all(|file| file.starts_with(bed.path("mail/new/alice")) || file.starts_with(bed.path("mail/new/bob"))),
        "{outside:?}"
    );
    assert_eq!(fs::read_dir(bed.path("mail")).expect("a folder").count(), 2);
}

#[test]
fn a_mailbox_that_is_not_there_is_named_and_the_other_goes_on() {
    let bed = servers();
    let (there, away) = (bed.path("mail/old/alice"), bed.path("mail/old/alice-away"));
    fs::rename(&there, &away).expect("a mailbox goes away");
    rounds(&bed, 3);
    assert_told(
        &bed.log("SRC", AgentKind::Source),
        "mailbox alice: could not open a Maildir",
        &["where:", "cause:", "no such directory", "now:", "hint:"],
    );
    assert_eq!(differences(bed.mailbox("bob")).differing(), 0);
    fs::rename(&away, &there).expect("a mailbox comes back");
    bed.settle();
    prove(&bed);
}

#[test]
fn a_target_store_that_is_not_mounted_is_not_made_anew() {
    let bed = servers();
    bed.settle();
    let (mount, elsewhere) = (bed.path("mail/new"), bed.path("mail/not-mounted"));
    fs::rename(&mount, &elsewhere).and_then(|()| fs::create_dir(&mount)).expect("a bare mount point");
    for (name, sub) in [("alice", "cur"), ("bob", "cur")] {
        fs::write(bed.path("mail/old").join(name).join(sub).join("1700000000.M1.late:2,"), "Subject: late\r\n\r\n").expect("a message");
    }
    rounds(&bed, 3);
    assert_eq!(fs::read_dir(&mount).expect("a folder").count(), 0, "nothing is made on the bare mount point");
    let expected = ["where:", "cause: items were delivered to it", "now:", "mount its file system"];
    assert_told(&bed.log("TGT", AgentKind::Target), "mailbox alice: could not use the store of a mailbox", &expected);
    fs::remove_dir(&mount).and_then(|()| fs::rename(&elsewhere, &mount)).expect("mounted again");
    bed.settle();
    prove(&bed);
}

#[test]
fn a_message_that_comes_back_with_other_bytes_replaces_what_the_target_had() {
    for deletions in ["ApplyDeletions = false", "ApplyDeletions = true"] {
        let bed = Plan::new(1, 1).sample("alice", 10).sample_to("bob", 10, "mbox").settings(deletions).build();
        let messages = ["alice", "bob"].map(|name| bed.path("mail/old").join(name).join("cur/1700000000.M1.back:2,S"));
        for message in &messages {
            fs::write(message, "Subject: once\r\n\r\n").expect("a message");
        }
        bed.settle();
        for message in &messages {
            fs::remove_file(message).expect("removed");
        }
        bed.settle();
        for message in &messages {
            fs::write(message, "X-Seen: yes\r\nSubject: once\r\n\r\n").expect("put back");
        }
        bed.settle();
        prove(&bed);
    }
}
