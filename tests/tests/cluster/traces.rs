//! What the logs of a side tell afterwards.

use std::collections::BTreeMap;

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::Bed;

/// Events of one name in the log of an agent.
pub fn events(bed: &Bed, node: &str, kind: AgentKind, name: &str) -> Vec<String> {
    let is_it = |line: &&str| line.contains(name);
    bed.log(node, kind).lines().filter(is_it).map(ToOwned::to_owned).collect()
}

/// Of all nodes of a side, in the order of their times.
pub fn of_side(bed: &Bed, side: Side, kind: AgentKind, name: &str) -> Vec<String> {
    let mut all: Vec<String> = bed.nodes(side).iter().flat_map(|node| events(bed, node, kind, name)).collect();
    all.sort();
    all
}

/// `<mailbox>-<sequence>-<epoch>` in a line.
fn container(line: &str) -> Option<(&str, u64)> {
    let is_name = |word: &&str| word.len() >= 54 && word.as_bytes()[32] == b'-' && word.as_bytes()[43] == b'-';
    let word = line.split([' ', '"', '`']).find(is_name)?;
    Some((&word[..32], word[44..54].parse().ok()?))
}

/// R3, as seen from the target: where a newer epoch of the source has begun, nothing of an older one is applied any more. A new
/// activation of the target begins where its node's memory ends; what the one before did alone it does again, item by item.
pub fn assert_no_epoch_goes_back(bed: &Bed) {
    let mut told = of_side(bed, Side::Target, AgentKind::Target, "container.applied");
    assert!(!told.is_empty(), "nothing was applied");
    told.extend(of_side(bed, Side::Target, AgentKind::Target, "epoch.claimed"));
    told.sort();
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    for line in &told {
        let Some((mailbox, epoch)) = container(line) else {
            newest.clear();
            continue;
        };
        let newest = newest.entry(mailbox.to_owned()).or_default();
        assert!(epoch >= *newest, "a container of epoch {epoch} was applied after one of epoch {newest}:\n{}", told.join("\n"));
        *newest = epoch;
    }
}
