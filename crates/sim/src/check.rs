//! What must be true when a story has come to its end.

use mailferry_core::settings::AgentKind;
use mailferry_core::state::ledger;
use mailferry_rules::topology::Side;

use crate::store::{SimItem, locked};
use crate::world::World;

/// Everything that is not as it must be.
pub fn troubles(world: &World) -> Vec<String> {
    troubles_after(world, 0, false)
}

/// The same after a stormy past: of the errors told, the first `told_before` were to be expected. Where containers were
/// `damaged`, they lie in CORRUPT.
pub fn troubles_after(world: &World, told_before: usize, damaged: bool) -> Vec<String> {
    let mut troubles = world.told.errors().split_off(told_before);
    if damaged {
        troubles.retain(|error| !error.contains("container.damaged"));
    }
    mailboxes(world, &mut troubles);
    spools(world, damaged, &mut troubles);
    for side in [&world.source, &world.target] {
        debts(world, side, &mut troubles);
        standbys(world, side, &mut troubles);
    }
    answers(world, &mut troubles);
    troubles
}

/// Nothing lost, nothing doubled, nothing changed.
fn mailboxes(world: &World, troubles: &mut Vec<String>) {
    let shelf = locked(&world.shelf);
    for mailbox in &world.mailboxes {
        let (source, target) = (&shelf[&mailbox.source], &shelf[&mailbox.target]);
        for (folder, items) in &source.folders {
            let arrived = target.folders.get(folder).map(|items| contents(items)).unwrap_or_default();
            let wanted = contents(items);
            if arrived != wanted {
                troubles.push(format!("{} {folder}: wanted {wanted:?}, arrived {arrived:?}", mailbox.name));
            }
        }
        for (folder, items) in &target.folders {
            if !source.folders.contains_key(folder) && !items.is_empty() {
                troubles.push(format!("{} {folder}: {} items that the source does not have", mailbox.name, items.len()));
            }
        }
    }
}

/// Bytes and marks, sorted: a moved item may stand at another place among its equals.
fn contents(items: &[SimItem]) -> Vec<String> {
    let mut contents: Vec<String> = items
        .iter()
        .map(|item| {
            format!("{} [{} {:?}] {}", String::from_utf8_lossy(&item.bytes), item.marks.flags, item.marks.keywords, item.date.seconds)
        })
        .collect();
    contents.sort();
    contents
}

/// Nothing stranded.
fn spools(world: &World, damaged: bool, troubles: &mut Vec<String>) {
    for (node, disk) in &world.disks {
        for folder in ["NTA/OUT", "NTA/IN", "NTA/WORK", "NTA/CORRUPT", "NTA/ARCHIVE"] {
            if damaged && folder == "NTA/CORRUPT" {
                continue;
            }
            // What is cut off in IN is gone on with by whoever sends the container again.
            let counts = |path: &&String| {
                path.ends_with(".prv")
                    || folder == "NTA/OUT" && path.ends_with("-source.part")
                    || folder == "NTA/OUT" && path.ends_with("-target.part")
            };
            troubles.extend(disk.below(folder).iter().filter(counts).map(|path| format!("stranded on {node}: {path}")));
        }
    }
}

fn debts(world: &World, side: &Side, troubles: &mut Vec<String>) {
    let active = world.active(side);
    for kind in world.kinds(side) {
        let owed = world.database(&active, kind).read(|db| Ok((ledger::debts::all(db)?, ledger::outbound::coverage_debts(db)?)));
        match owed {
            Ok((deletions, coverage)) => {
                troubles.extend(deletions.iter().map(|debt| format!("{active} {kind}: deletion owed {} on {}", debt.path, debt.node)));
                troubles.extend(coverage.iter().map(|debt| format!("{active} {kind}: coverage owed {} on {}", debt.name, debt.node)));
            }
            Err(error) => troubles.push(error.to_string()),
        }
    }
}

/// Every standby holds the rows of its active node.
fn standbys(world: &World, side: &Side, troubles: &mut Vec<String>) {
    let active = world.active(side);
    for kind in world.kinds(side) {
        let wanted = world.database(&active, kind).row_digest().ok();
        for node in side.others(&active) {
            if world.database(node, kind).row_digest().ok() != wanted {
                troubles.push(format!("the {kind} database of {node} differs from that of {active}"));
            }
        }
    }
}

/// The source knows of every container that it was applied.
fn answers(world: &World, troubles: &mut Vec<String>) {
    let active = world.active(&world.source);
    for mailbox in &world.mailboxes {
        match world.database(&active, AgentKind::Source).read(|db| Ok(ledger::outbound::unanswered(db, mailbox.id)?)) {
            Ok(names) => troubles.extend(names.iter().map(|name| format!("{}: {name} is not answered", mailbox.name))),
            Err(error) => troubles.push(error.to_string()),
        }
    }
}
