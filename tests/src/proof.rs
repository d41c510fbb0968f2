//! What must hold when mail has settled: every item at the target exactly once, no container anywhere, every standby equal to
//! its active node (R14, R42, R43).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailferry_core::compare::{self, Choices, Comparison};
use mailferry_core::model::Digest;
use mailferry_core::ports::UnwatchedSteps;
use mailferry_core::settings::{AgentKind, Mailbox, Side};
use mailferry_core::state::Database;
use mailferry_stores::{StoreUrl, open_source};

use crate::bed::Bed;

/// Everything.
pub fn prove(bed: &Bed) {
    bed.mailboxes().iter().for_each(prove_mailbox);
    for side in [Side::Source, Side::Target] {
        for node in bed.nodes(side) {
            let left = containers_below(&bed.share(&node));
            assert!(left.is_empty(), "containers are left: {left:?}");
        }
        side.agents().into_iter().for_each(|kind| standbys_equal(bed, side, kind));
    }
}

pub fn prove_mailbox(mailbox: &Mailbox) {
    let comparison = differences(mailbox);
    assert_eq!(comparison.differing(), 0, "{}: {:#?}", mailbox.name, comparison.differences);
    assert_eq!(comparison.source.items, comparison.target.items, "{}", mailbox.name);
}

pub fn differences(mailbox: &Mailbox) -> Comparison {
    let open = |url: &str| open_source(&StoreUrl::parse(url).expect("a store URL")).expect("a store");
    let (mut source, mut target) = (open(&mailbox.source), open(&mailbox.target));
    let choices = Choices { allow_extra: false, listed_max: 20 };
    compare::compare(source.as_mut(), target.as_mut(), choices, &mut |_| {}).expect("both sides can be read")
}

/// Files of OUT, IN and WORK, half-written ones included.
pub fn containers_below(share: &Path) -> Vec<PathBuf> {
    ["OUT", "IN", "WORK"].iter().flat_map(|area| files_below(&share.join("NTA").join(area))).collect()
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let paths = entries.map(|entry| entry.expect("an entry").path());
    paths.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

fn standbys_equal(bed: &Bed, side: Side, kind: AgentKind) {
    let digests: Vec<(String, Digest)> = bed.nodes(side).into_iter().map(|node| (node.clone(), row_digest(bed, &node, kind))).collect();
    assert!(digests.iter().all(|(_, digest)| *digest == digests[0].1), "the {kind} databases differ: {digests:?}");
}

/// Of a copy: nothing of an agent is touched by looking.
fn row_digest(bed: &Bed, node: &str, kind: AgentKind) -> Digest {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (original, copy) = (bed.home(node, kind).database(), dir.path().join("config.db"));
    for ending in ["", "-wal"] {
        let from = PathBuf::from(format!("{}{ending}", original.display()));
        if from.exists() {
            fs::copy(&from, format!("{}{ending}", copy.display())).expect("a copy");
        }
    }
    let db = Database::open(&copy, Arc::new(UnwatchedSteps)).expect("a database");
    db.integrity().expect("an intact database");
    db.row_digest().expect("a digest")
}
