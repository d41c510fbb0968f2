//! Containers that are not what they should be.

use std::fs;
use std::path::PathBuf;

use mailferry_core::model::{Digest, Envelope, FolderInfo, FolderPath, InternalDate, ItemKey, Marks, Token};
use mailferry_core::prv::{self, Kind, Record};
use mailferry_core::settings::{AgentKind, Side};
use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use mailferry_stores::{StoreUrl, open_source};
use mailferry_tests::{Bed, Plan, damage, differences, prove};

use crate::{CONTAINERS, assert_told, clusters, delivered, servers};

fn inbox(bed: &Bed, node: &str) -> PathBuf {
    bed.share(node).join("NTA/IN/SRC")
}

/// The second container of alice.
fn second_of_alice(bed: &Bed, node: &str) -> PathBuf {
    let id = bed.mailbox("alice").id.to_string();
    damage::files(&inbox(bed, node)).into_iter().filter(|file| file.display().to_string().contains(&id)).nth(1).expect("a second container")
}

#[test]
fn of_a_damaged_container_the_sound_copy_of_the_passive_node_is_used() {
    let bed = clusters();
    delivered(&bed);
    let file = second_of_alice(&bed, "TGT1");
    damage::flip_a_byte(&file);
    bed.settle();
    let log = bed.log("TGT1", AgentKind::Target);
    assert_told(
        &log,
        "is damaged",
        &["where:", "NTA/IN/SRC", "cause:", "now:", "the sound copy of the other node takes its place", "hint:"],
    );
    assert!(bed.share("TGT1").join("NTA/CORRUPT/SRC").join(file.file_name().unwrap_or_default()).is_file(), "the damaged bytes are kept");
    assert_eq!(bed.report("SRC1", AgentKind::Source).map(|report| report.containers), Some(CONTAINERS), "nothing had to be sent again");
    prove(&bed);
}

#[test]
fn a_container_damaged_on_both_nodes_is_kept_and_its_content_sent_again() {
    let bed = clusters();
    delivered(&bed);
    let file = second_of_alice(&bed, "TGT1");
    ["TGT1", "TGT2"].iter().for_each(|node| damage::flip_a_byte(&second_of_alice(&bed, node)));
    bed.once("TGT1", AgentKind::Target);
    assert_eq!(differences(bed.mailbox("bob")).differing(), 0, "the other mailbox went on");
    bed.settle();
    let log = bed.log("TGT1", AgentKind::Target);
    assert_told(&log, "is damaged", &["where:", "cause:", "now:", "kept in CORRUPT", "asked to send its content again", "hint:"]);
    assert!(bed.share("TGT1").join("NTA/CORRUPT/SRC").join(file.file_name().unwrap_or_default()).is_file());
    assert!(bed.log("SRC1", AgentKind::Source).contains("arrived damaged: its content is sent again"));
    prove(&bed);
}

#[test]
fn a_truncated_or_empty_container_is_damage_like_any_other() {
    let bed = servers();
    delivered(&bed);
    for (file, bytes) in damage::files(&inbox(&bed, "TGT")).iter().zip([0, 100, 5_000]) {
        fs::File::options().write(true).open(file).and_then(|file| file.set_len(bytes)).expect("a cut");
    }
    bed.settle();
    assert_eq!(damage::files(&bed.share("TGT").join("NTA/CORRUPT/SRC")).len(), 3);
    prove(&bed);
}

/// A container as someone else might write it.
fn forge(bed: &Bed, node: &str, mailbox: MailboxId, numbers: [u64; 4], folder: &[&str]) -> ContainerName {
    let [sequence, epoch, base, previous] = numbers;
    let name = ContainerName { mailbox, sequence: Sequence(sequence), epoch: Epoch(epoch) };
    let header = prv::Header {
        kind: Kind::Mail,
        name,
        base: Sequence(base),
        previous: Epoch(previous),
        cluster: "SRC".into(),
        node: "SRC1".into(),
        created_ms: 0,
    };
    let mut writer = prv::Writer::new(Vec::new(), &header, prv::Options::default()).expect("a writer");
    let info = FolderInfo::plain(FolderPath(folder.iter().map(ToString::to_string).collect()));
    writer.record(&Record::Folder { id: 1, info }).expect("a folder record");
    let envelope = Envelope {
        token: Token(*b"sixteen bytes ok"),
        key: ItemKey(b"key".to_vec()),
        marks: Marks::default(),
        date: InternalDate::default(),
        sender: None,
    };
    writer.item(1, &envelope, &mut &b"Subject: forged\r\n\r\nbody\r\n"[..]).expect("an item");
    let (bytes, summary) = writer.finish().expect("a container");
    assert_eq!(summary.digest, Digest::of(&bytes));
    fs::create_dir_all(inbox(bed, node))
        .and_then(|()| fs::write(inbox(bed, node).join(name.to_string()), bytes))
        .expect("a planted container");
    name
}

#[test]
fn a_container_of_an_activation_that_is_over_is_put_aside_and_never_imported() {
    let bed = clusters();
    bed.settle();
    bed.switch_over(Side::Source);
    mailferry_tests::sample::User::of(&bed.path("mail/old/alice"), 1).receive();
    bed.settle();
    let forged = forge(&bed, "TGT1", bed.mailbox("alice").id, [40, 1, 0, 1], &["INBOX"]);
    bed.settle();
    let aside = bed.share("TGT1").join("NTA/STALE/target").join(forged.to_string());
    assert!(aside.is_file(), "{} is not there", aside.display());
    assert_told(
        &bed.log("TGT1", AgentKind::Target),
        "a file was put aside",
        &["where:", "NTA/IN/SRC", "cause:", "already been replaced", "now:"],
    );
    prove(&bed);
}

#[test]
fn a_container_that_was_taken_before_is_deleted_and_not_taken_twice() {
    let bed = clusters();
    delivered(&bed);
    let kept = tempfile::tempdir().expect("a temporary folder");
    let files = damage::files(&inbox(&bed, "TGT1"));
    for file in files {
        fs::copy(&file, kept.path().join(file.file_name().unwrap_or_default())).expect("a copy");
    }
    bed.settle();
    for file in damage::files(kept.path()) {
        let name = file.file_name().unwrap_or_default();
        for node in ["TGT1", "TGT2"] {
            fs::copy(&file, inbox(&bed, node).join(name)).expect("a copy");
        }
    }
    bed.settle();
    prove(&bed);
}

#[test]
fn a_folder_name_in_a_forged_container_does_not_leave_the_mailbox() {
    for scheme in ["maildir", "mbox"] {
        let bed = Plan::new(1, 1).mailbox("alice", "maildir", scheme).build();
        forge(&bed, "TGT", bed.mailbox("alice").id, [1, 1, 0, 0], &["..", "../..", "/etc", "..\\evil\0"]);
        bed.once("TGT", AgentKind::Target);
        let came = mailferry_tests::corpora::files_below(&bed.path("mail"));
        let inside = if scheme == "maildir" { bed.path("mail/new/alice/") } else { bed.path("mail/new/alice") };
        assert!(!came.is_empty() && came.iter().all(|file| file.starts_with(&inside)), "{scheme}: {came:?}");
        let mut store = open_source(&StoreUrl::parse(&bed.mailbox("alice").target).expect("a store")).expect("a store");
        let folders = store.folders().expect("folders");
        let wanted = FolderPath(["..", "../..", "/etc", "..\\evil\0"].map(str::to_owned).to_vec());
        assert!(folders.iter().any(|folder| folder.path == wanted), "{scheme}: {folders:?}");
        assert!(!bed.path("mail/new/evil").exists() && !bed.path("mail/etc").exists());
    }
}

#[test]
fn a_container_whose_header_is_not_its_name_is_damaged() {
    let bed = servers();
    bed.settle();
    let bob = bed.mailbox("bob").id;
    let name = forge(&bed, "TGT", bob, [40, 1, 0, 1], &["INBOX"]);
    let other = ContainerName { sequence: Sequence(41), ..name };
    fs::rename(inbox(&bed, "TGT").join(name.to_string()), inbox(&bed, "TGT").join(other.to_string())).expect("a rename");
    bed.once("TGT", AgentKind::Target);
    assert_told(&bed.log("TGT", AgentKind::Target), &format!("{other} is damaged"), &["where:", "cause:", "its header says", "now:"]);
    assert_eq!(differences(bed.mailbox("bob")).differing(), 0);
}
