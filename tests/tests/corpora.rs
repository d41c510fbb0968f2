//! Real mail between two clusters with a failover of each side in the middle, and through `mailferry migrate` (R20, R42).
#![allow(clippy::print_stderr)]

use std::fs;
use std::path::Path;

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::{Bed, Plan, Tree, console, corpora, prove, scratch};
use tempfile::TempDir;

const MESSAGE_SETS: [&str; 5] = ["sa-dev", "enron-dev", "openbmc-dev", "mime-dev", "dict-train"];
const MBOX_SETS: [&str; 2] = ["apache-mbox-dev", "imap-dev"];

/// Between two clusters: the roles move when containers lie in OUT, and when they lie in IN half imported.
fn moves_between_clusters(bed: &Bed) {
    let before = Tree::of(&bed.path("mail/old"));
    let everywhere = |side: Side, kind: AgentKind| bed.nodes(side).iter().for_each(|node| drop(bed.once(node, kind)));
    everywhere(Side::Source, AgentKind::Source);
    bed.switch_over(Side::Source);
    everywhere(Side::Source, AgentKind::Transmission);
    bed.switch_over(Side::Target);
    everywhere(Side::Target, AgentKind::Target);
    bed.switch_over(Side::Target);
    bed.settle();
    prove(bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
}

#[test]
fn every_message_set_comes_through_two_clusters() {
    let sets: Vec<(&str, TempDir)> = MESSAGE_SETS.into_iter().filter_map(|set| Some((set, corpora::unpacked(set)?))).collect();
    if sets.is_empty() {
        return;
    }
    let plan = sets.iter().fold(Plan::new(2, 2), |plan, (set, _)| plan.mailbox(set, "maildir", "maildir"));
    let bed = plan.settings("[settings.source]\nContainerItemsMax = 1000").build();
    for (set, dir) in &sets {
        let messages = corpora::as_maildir(&dir.path().join(set), &bed.path("mail/old").join(set));
        assert!(messages > 1_000, "{set} has {messages} messages");
    }
    moves_between_clusters(&bed);
}

#[test]
fn every_mbox_comes_through_two_clusters() {
    let sets: Vec<TempDir> = MBOX_SETS.into_iter().filter_map(corpora::unpacked).collect();
    let boxes: Vec<_> = sets
        .iter()
        .flat_map(|dir| corpora::files_below(dir.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "mbox"))
        .collect();
    if boxes.is_empty() {
        return;
    }
    let name = |number: usize| format!("box{number:03}");
    let plan = (0..boxes.len())
        .fold(Plan::new(2, 2), |plan, number| plan.mailbox(&name(number), "mbox", if number % 2 == 0 { "maildir" } else { "mbox" }));
    let bed = plan.build();
    for (number, path) in boxes.iter().enumerate() {
        fs::copy(path, bed.path("mail/old").join(name(number))).expect("a copy");
    }
    moves_between_clusters(&bed);
}

/// Runs the console and demands success; answers what it says.
fn said(arguments: &[&str]) -> String {
    let output = console(arguments);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {}\n{text}", output.status);
    text
}

fn migrates(from: &str, to: &str, work: &Path) {
    said(&["migrate", from, to, "--work", &work.display().to_string()]);
    assert!(said(&["verify", from, to]).contains("no differences"), "{from} to {to}");
}

#[test]
fn migrate_moves_every_message_set_from_maildir_to_maildir_to_mbox_and_back() {
    for set in MESSAGE_SETS {
        let Some(corpus) = corpora::unpacked(set) else { continue };
        let dir = scratch();
        corpora::as_maildir(&corpus.path().join(set), &dir.path().join("old"));
        let before = Tree::of(&dir.path().join("old"));
        let store = |scheme: &str, name: &str| format!("{scheme}:{}", dir.path().join(name).display());
        let road = [store("maildir", "old"), store("maildir", "new"), store("mbox", "boxes"), store("maildir", "back")];
        for (number, leg) in road.windows(2).enumerate() {
            migrates(&leg[0], &leg[1], &dir.path().join(format!("work{number}")));
        }
        assert!(said(&["verify", &road[0], &road[3]]).contains("no differences"), "{set}");
        before.assert_same(&Tree::of(&dir.path().join("old")));
    }
}
