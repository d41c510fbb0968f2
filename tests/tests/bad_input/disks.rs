//! Disks that are full or away.

use std::fs;
use std::path::{Path, PathBuf};

use mailferry_core::engine::SessionEnd;
use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::damage::SmallDisk;
use mailferry_tests::sample::User;
use mailferry_tests::{Bed, Plan, Tree, differences, prove};

use crate::{CONTAINERS, assert_told, clusters, delivered, everywhere};

/// A folder that is away until this is dropped.
pub struct Away(PathBuf);

impl Away {
    pub fn take(folder: PathBuf) -> Away {
        fs::rename(&folder, aside(&folder)).expect("a folder goes away");
        Away(folder)
    }
}

fn aside(folder: &Path) -> PathBuf {
    folder.with_file_name("away")
}

impl Drop for Away {
    fn drop(&mut self) {
        fs::rename(aside(&self.0), &self.0).expect("a folder comes back");
    }
}

/// A message that no small disk holds, in letters that do not compress.
fn large_message(bed: &Bed, mailbox: &str, bytes: usize) {
    let mut dice = mailferry_tests::sample::Dice::new(3);
    let mut text = String::from("Subject: large\r\n\r\n");
    while text.len() < bytes {
        text += &format!("{:016x}{:016x}{:016x}\r\n", dice.below(u64::MAX), dice.below(u64::MAX), dice.below(u64::MAX));
    }
    fs::write(bed.path("mail/old").join(mailbox).join("cur/1700000000.M1.large:2,"), text).expect("a message");
}

fn servers() -> Bed {
    Plan::new(1, 1).sample("alice", 10).sample("bob", 10).build()
}

#[test]
fn a_full_disk_at_work_stops_packing_until_there_is_room() {
    let bed = servers();
    large_message(&bed, "alice", 3 << 20);
    let before = Tree::of(&bed.path("mail/old"));
    let Some(disk) = SmallDisk::mount(&bed.share("SRC"), 600) else { return };
    let report = bed.once("SRC", AgentKind::Source);
    assert!(matches!(&report.end, SessionEnd::HeldUp(why) if why.contains("could not write a container")), "{report:?}");
    assert!(!report.stalls.is_empty());
    assert_told(
        &bed.log("SRC", AgentKind::Source),
        "could not write a container",
        &["where:", "NTA/", "cause:", "No space left", "now:", "packed again in the next session"],
    );
    disk.grow(64 << 10);
    bed.settle();
    prove(&bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
}

#[test]
fn a_full_disk_at_in_holds_the_delivery_until_there_is_room() {
    let bed = servers();
    large_message(&bed, "alice", 3 << 20);
    let Some(disk) = SmallDisk::mount(&bed.share("TGT"), 600) else { return };
    everywhere(&bed, Side::Source, AgentKind::Source);
    let report = bed.once("SRC", AgentKind::Transmission);
    assert!(report.stalls.iter().any(|stall| stall.what == "TGT"), "{report:?}");
    assert_told(
        &bed.log("SRC", AgentKind::Transmission),
        "could not deliver containers to TGT",
        &["cause:", "No space left", "now:", "wait", "hint:"],
    );
    disk.grow(64 << 10);
    bed.settle();
    prove(&bed);
}

#[test]
fn a_full_target_store_holds_its_mailbox_while_the_other_goes_on() {
    let bed = servers();
    large_message(&bed, "alice", 3 << 20);
    let Some(disk) = SmallDisk::mount(&bed.path("mail/new/alice"), 600) else { return };
    delivered(&bed);
    (0..7).for_each(|_| drop(bed.once("TGT", AgentKind::Target)));
    assert_eq!(differences(bed.mailbox("bob")).differing(), 0, "the other mailbox went on");
    let report = bed.report("TGT", AgentKind::Target).expect("a report");
    assert!(report.stalls.iter().any(|stall| stall.what == "alice"), "{report:?}");
    assert!(report.containers_bad.is_empty(), "a full disk says nothing about a container: {report:?}");
    assert_told(
        &bed.log("TGT", AgentKind::Target),
        "mailbox alice: could not",
        &["where:", "mail/new/alice", "cause:", "No space left", "now:", "the others go on"],
    );
    disk.grow(64 << 10);
    bed.settle();
    prove(&bed);
}

#[test]
fn while_the_share_of_a_passive_node_is_away_nothing_is_published_and_then_everything() {
    for (away, told) in [("SRC2", "SRC1"), ("TGT2", "TGT1")] {
        let bed = clusters();
        let gone = Away::take(bed.share(away));
        for _ in 0..2 {
            everywhere(&bed, Side::Source, AgentKind::Source);
            everywhere(&bed, Side::Source, AgentKind::Transmission);
            everywhere(&bed, Side::Target, AgentKind::Target);
        }
        let log: String = AgentKind::ALL.iter().map(|kind| bed.log(told, *kind)).collect();
        assert!(log.contains("could not be replicated: the share is not there"), "{away}: {log}");
        assert!(!bed.share(away).exists(), "a missing share is not made behind its mount point");
        drop(gone);
        bed.settle();
        prove(&bed);
    }
}

#[test]
fn an_unreachable_target_node_delays_only_itself() {
    let bed = clusters();
    let gone = Away::take(bed.share("TGT2"));
    delivered(&bed);
    assert_told(
        &bed.log("SRC1", AgentKind::Transmission),
        "could not deliver containers to TGT2",
        &["cause:", "the share is not there", "now:", "other nodes are served", "hint:"],
    );
    let in_of = |node: &str| mailferry_tests::damage::files(&bed.share(node).join("NTA/IN/SRC")).len();
    assert_eq!(in_of("TGT1") as u64, CONTAINERS, "the other node got its copies");
    drop(gone);
    bed.settle();
    prove(&bed);
}

#[test]
fn without_the_witness_nobody_acts_and_with_it_everybody_goes_on() {
    for side in [Side::Source, Side::Target] {
        let bed = clusters();
        bed.settle();
        User::of(&bed.path("mail/old/alice"), 2).receive();
        let agents = bed.agents();
        let gone = Away::take(bed.path(&format!("witness-{side}")));
        let node = bed.nodes(side)[0].clone();
        for (node, kind) in agents.iter().filter(|(name, _)| *name == node) {
            let report = bed.once(node, *kind);
            assert!(matches!(&report.end, SessionEnd::HeldUp(why) if why.contains("not active")), "{report:?}");
            assert!(!report.counts.progress(), "{report:?}");
            assert!(bed.log(node, *kind).contains("the share is not there"));
        }
        drop(gone);
        bed.settle();
        prove(&bed);
    }
}
