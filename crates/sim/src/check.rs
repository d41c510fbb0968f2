//! What must be true when a story has come to its end.

use std::collections::{BTreeMap, BTreeSet};

use mailferry_core::settings::AgentKind;
use mailferry_core::state::{Connection, SqlResult, ledger};
use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence};
use mailferry_rules::moves::State;
use mailferry_rules::topology::Side;

use crate::disk::ORDERS;
use crate::flow::without_own;
use crate::server::kept_of;
use crate::store::{SimItem, SimMailbox, locked};
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
        // A container damaged before may be found, and answered for, only now.
        troubles.retain(|error| !error.contains("container.damaged") && !error.contains("store.kept-damaged"));
    }
    // What became of the request is looked at below.
    troubles.retain(|error| !(error.contains("move.failed") && error.contains("nothing is switched")));
    // Whoever was called because a mailbox had been held up for long was told of its end.
    let ends = world.told.named("mailbox.goes-on");
    let label = |text: &str| text.split("mailbox ").nth(1).and_then(|rest| rest.split(' ').next()).map(str::to_owned);
    troubles.retain(|error| {
        !error.contains("mailbox.stuck") || !ends.iter().any(|end| label(end) == label(&error.replace("mailbox.stuck", "")))
    });
    troubles.extend(world.fate.watch.broken());
    order(world, &mut troubles);
    mailboxes(world, &mut troubles);
    spools(world, damaged, &mut troubles);
    for side in [&world.source, &world.target] {
        debts(world, side, &mut troubles);
        standbys(world, side, &mut troubles);
    }
    answers(world, &mut troubles);
    requests(world, &mut troubles);
    troubles
}

/// All has arrived, and the source does not know it.
pub fn only_answers_lack(world: &World) -> bool {
    let (all, mut answers_lack) = (troubles_after(world, world.told.errors().len(), true), Vec::new());
    answers(world, &mut answers_lack);
    !all.is_empty() && all == answers_lack
}

/// Every move request has come to where it stays by itself, its durations add up, and no order lies about.
fn requests(world: &World, troubles: &mut Vec<String>) {
    let active = world.active(&world.source);
    let now_ms = world.clock_of(&active).now_ms();
    match world.database(&active, AgentKind::Source).read(|db| Ok(ledger::moves::all(db)?)) {
        Ok(requests) => {
            for kept in requests {
                let request = &kept.request;
                if !matches!(request.state, State::AutoSuspended | State::Completed | State::CompletedWithWarning) {
                    troubles.push(format!("the request of {} is {}: {}", kept.mailbox, request.state.name(), request.message));
                }
                let sum: u64 = State::ALL.into_iter().map(|state| request.spent_in(state, now_ms)).sum();
                if sum != request.overall_ms(now_ms) {
                    troubles.push(format!(
                        "the request of {} was {sum} ms in its states, and {} in all",
                        kept.mailbox,
                        request.overall_ms(now_ms)
                    ));
                }
            }
        }
        Err(error) => troubles.push(error.to_string()),
    }
    for (node, disk) in &world.disks {
        troubles.extend(disk.below(ORDERS).iter().map(|path| format!("an order lies about on {node}: {path}")));
    }
}

/// At which a mailbox is kept in step, where that is longer than three hours; 0: none is.
pub fn longest_interval_ms(world: &World) -> u64 {
    let database = world.database(&world.active(&world.source), AgentKind::Source);
    let requests = database.read(|db| Ok(ledger::moves::all(db)?)).unwrap_or_default();
    let kept = requests.iter().filter(|kept| kept.request.state == State::AutoSuspended);
    kept.map(|kept| kept.request.wishes.interval_ms).filter(|interval_ms| *interval_ms > 3 * 3_600_000).max().unwrap_or(0)
}

/// How many requests a database says are under way. Two that are completed as one count once.
pub fn under_way(world: &World, node: &str) -> u64 {
    let counted = world.database(node, AgentKind::Source).read(|db| {
        let (mut alone, mut together) = (0, BTreeSet::new());
        for kept in ledger::moves::all(db)?.iter().filter(|kept| kept.request.state.is_under_way()) {
            let led_over = ledger::switch::of(db, kept.mailbox)?.is_some_and(|kept| kept.switch.phase.is_led_over());
            match kept.tie.filter(|_| kept.request.state == State::CompletionInProgress) {
                _ if led_over => {}
                Some(tie) => drop(together.insert(kept.mailbox.min(tie.partner))),
                None => alone += 1,
            }
        }
        Ok(alone + together.len() as u64)
    });
    counted.unwrap_or_default()
}

/// Nothing lost, nothing doubled, nothing changed.
pub fn mailboxes(world: &World, troubles: &mut Vec<String>) {
    let shelf = locked(&world.shelf);
    for mailbox in &world.mailboxes {
        let (source, target) = (&shelf[&mailbox.source], &shelf[&mailbox.target]);
        let switched = source.redirected;
        let source = source.abolished.as_deref().unwrap_or(source);
        let target = if switched { &without_own(target, source) } else { target };
        for (folder, items) in &source.folders {
            let arrived = target.folders.get(folder).map(|items| contents(items)).unwrap_or_default();
            let wanted = contents(items);
            if arrived != wanted {
                troubles.push(format!("{} {folder}: wanted {wanted:?}, arrived {arrived:?}", mailbox.name));
            }
            let rights = |mailbox: &SimMailbox| mailbox.rights.get(folder).cloned().unwrap_or_default();
            if world.policy.send_rights && rights(source) != rights(target) {
                let (given, has) = (rights(source), rights(target));
                troubles.push(format!("{} {folder}: the source gives {given:?}, the target {has:?}", mailbox.name));
            }
        }
        for (folder, items) in &target.folders {
            if !source.folders.contains_key(folder) && !items.is_empty() {
                troubles.push(format!("{} {folder}: {} items that the source does not have", mailbox.name, items.len()));
            }
        }
    }
}

/// Within one activation of a target agent: the containers of a mailbox and an epoch are applied in their order (R41), and none of an
/// older epoch that stands in the chain where a newer one has begun (R3).
fn order(world: &World, troubles: &mut Vec<String>) {
    let mut last: BTreeMap<(String, MailboxId, Epoch), Sequence> = BTreeMap::new();
    let mut first: BTreeMap<(String, MailboxId, Epoch), Sequence> = BTreeMap::new();
    for (who, event) in world.told.all() {
        match event.name {
            "epoch.claimed" => {
                last.retain(|(other, ..), _| *other != who);
                first.retain(|(other, ..), _| *other != who);
            }
            "container.applied" => {
                let Some(Ok(name)) = event.text.split(' ').next().map(str::parse::<ContainerName>) else { continue };
                let key = (who.clone(), name.mailbox, name.epoch);
                let before = last.insert(key.clone(), name.sequence);
                if let Some(before) = before.filter(|before| *before >= name.sequence) {
                    troubles.push(format!("R41: {who} applied {name} after {before}"));
                }
                let newer = first.range(key.clone()..).take_while(|((other, mailbox, _), _)| *other == who && *mailbox == name.mailbox);
                if let Some(((.., epoch), begun)) =
                    newer.into_iter().find(|((.., epoch), begun)| *epoch > name.epoch && **begun <= name.sequence)
                {
                    troubles.push(format!("R3: {who} applied {name} after {begun} of epoch {epoch}"));
                }
                first.entry(key).or_insert(name.sequence);
            }
            _ => {}
        }
    }
}

/// Bytes and marks, sorted: a moved item may stand at another place among its equals.
pub(crate) fn contents(items: &[SimItem]) -> Vec<String> {
    let mut contents: Vec<String> = items
        .iter()
        .map(|item| {
            // Without what a server changes.
            format!(
                "{} [{} {:?}] {}",
                String::from_utf8_lossy(kept_of(&item.bytes)),
                item.marks.flags,
                item.marks.keywords,
                item.date.seconds
            )
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

/// R13, R51 and the invariants of the copies: before delivery the passive node holds what the active one holds, or that is
/// owed; what is finished with, the passive node holds no longer than the active one. True after every session while no node
/// is away and no role moves.
pub fn copies(world: &World) -> Vec<String> {
    let mut troubles = Vec::new();
    for side in [&world.source, &world.target] {
        let active = world.active(side);
        for node in side.others(&active) {
            let (here, there) = (spool_files(world, &active), spool_files(world, node));
            let bare = here
                .difference(&there)
                .filter(|path| path.starts_with("NTA/OUT/") && !finished(world, side, path) && !is_owed(world, side, path));
            troubles.extend(bare.map(|path| format!("{active} holds {path}, {node} does not")));
            let late = there.difference(&here).filter(|path| finished(world, side, path) && !is_buried(world, side, path));
            troubles.extend(late.map(|path| format!("{node} still holds {path}, {active} does not")));
        }
    }
    troubles
}

fn spool_files(world: &World, node: &str) -> BTreeSet<String> {
    let disk = &world.disks[node];
    let files = ["NTA/OUT", "NTA/IN"].into_iter().flat_map(|folder| disk.below(folder));
    files.filter(|path| path.ends_with(".prv")).collect()
}

/// Asks the database of the agent that deletes in this folder.
fn ask(world: &World, side: &Side, path: &str, question: impl Fn(&Connection, &str, &ContainerName) -> SqlResult<bool>) -> bool {
    let [packer, carrier] = world.kinds(side);
    let mut names = path.split('/').skip(1);
    let (Some(area), Some(folder), Some(Ok(name))) = (names.next(), names.next(), names.next().map(str::parse)) else { return false };
    let kind = if area == "OUT" { carrier } else { packer };
    let asked = world.database(&world.active(side), kind).read(|db| Ok(question(db, &format!("{area}/{folder}"), &name)?));
    asked.unwrap_or(false)
}

/// Delivered, or taken.
fn finished(world: &World, side: &Side, path: &str) -> bool {
    ask(world, side, path, |db, area, name| match area.split_once('/') {
        Some(("OUT", lane)) => ledger::delivery::is_delivered(db, lane, name),
        _ => ledger::inbound::is_taken(db, name),
    })
}

fn is_buried(world: &World, side: &Side, path: &str) -> bool {
    ask(world, side, path, ledger::debts::is_buried)
}

/// A copy that the packer of this side has noted as missing.
fn is_owed(world: &World, side: &Side, path: &str) -> bool {
    let debts = world.database(&world.active(side), world.kinds(side)[0]).read(|db| Ok(ledger::outbound::coverage_debts(db)?));
    debts.is_ok_and(|debts| debts.iter().any(|debt| path.ends_with(&format!("{}/{}", debt.lane, debt.name))))
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
