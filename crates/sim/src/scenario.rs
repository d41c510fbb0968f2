//! Scenarios from files: failures that were found once, told in the words of the world (tests/scenarios/*.txt). Their steps are
//! named by what they do, not by their number, so that they outlive changes of the engine.
//!
//! ```text
//! sides 2 1                          nodes of source and target; the first line
//! one-item-containers                small containers and batches
//! one-item-batches                   small batches, containers as ever
//! alone                              ContinueWithoutReplication=1
//! switches                           mailboxes can be switched
//! rights                             rights of others go along
//! tokenless                          the targets are servers that keep no tokens
//! names-alone                        of copies only the name is told, not since when they serve
//! mailbox alice                      with its folder INBOX
//! pair alice bob                     primary and archive of one user: whoever asks for one asks for both
//! alice add INBOX words              also: mark INBOX 0 · move INBOX 0 Archive · remove INBOX 0
//! alice grant INBOX bob lr           rights of somebody else; without letters he has none any more
//! target alice refuses word          messages with this word; without one it takes all of them
//! torn alice word                    messages with this word cannot be read at the source; without one all of them can
//! target alice drop INBOX            somebody removes a folder at the target, with all that is in it
//! run SRC1 source                    a session
//! round                              every agent once
//! dies SRC1 source at publish X      the first step that looks like this; also: fails, unanswered
//! overtake TGT1 target by TGT2 after store    the role moves in the middle of a session, which then goes on; also: unnoticed after
//! active SRC2 · both SRC2            the role moves; the other node does not notice
//! away SRC1 · back SRC1 · full SRC1 · refuses SRC1 · allows SRC1
//! cut SRC1 SRC2 · whole              the network
//! clock SRC1 -30                     hours beside the true time
//! wait 90                            minutes
//! damage SRC1 NTA/WORK               one bit of the first file whose path begins so; with `last` behind it, of the last
//! lose SRC2 source                   its config.db
//! moves-at-most 1                    requests under way at the same time
//! order alice new 10                 a move request with an interval in minutes; also: suspend, resume, complete, remove, undo, retry-refused, forgive 3 (BadItemLimit)
//! request alice Suspended            the active source node says so; `none`: there is none
//! locked alice · open · switched     the source takes no changes; it does; users and mail go to the target
//! arrived alice · waiting alice      the target has what the source has; it has not
//! leaks alice                        its lock holds nothing
//! abolish alice                      its source is emptied
//! bring-back alice                   what has come to its target comes to its source, where mail goes again
//! replicate alice · take-over alice  the second copy of the target store: it gets everything; it takes over without the rest
//! ```
//! In the end all is well again, everything settles and is checked; a fault that nothing met fails the scenario.

use std::sync::Arc;

use mailferry_core::model::{Beside, Flags, FolderPath, Marks};
use mailferry_core::orders::{Ask, What};
use mailferry_core::settings::AgentKind;
use mailferry_core::state::ledger::moves;
use mailferry_rules::topology::Side;

use crate::check;
use crate::process::{Fate, Outcome as Step, Trap};
use crate::store::locked;
use crate::swarm::{Faults, Outcome};
use crate::world::World;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: i64 = 3_600_000;

pub fn play(text: &str, tell: bool) -> Outcome {
    let fate = Arc::new(Fate::default());
    if tell {
        fate.tell();
    }
    let troubles = match live(text, &fate) {
        Ok(troubles) => troubles,
        Err(reason) => vec![reason],
    };
    Outcome { faults: Faults::default(), troubles, steps: fate.steps(), story: fate.story() }
}

fn live(text: &str, fate: &Arc<Fate>) -> Result<Vec<String>, String> {
    let lines = text.lines().enumerate().map(|(at, line)| (at + 1, line.split('#').next().unwrap_or_default().trim()));
    let mut lines = lines.filter(|(_, line)| !line.is_empty());
    let (_, first) = lines.next().ok_or("an empty scenario")?;
    let mut world = begin(first, fate)?;
    let mut damaged = false;
    for (number, line) in lines {
        fate.note(|| format!("      --- {line}"));
        let words: Vec<&str> = line.split_whitespace().collect();
        damaged |= words[0] == "damage";
        act(&mut world, &words).map_err(|reason| format!("line {number}, `{line}`: {reason}"))?;
    }
    let before = world.told.errors().len();
    world.set_right();
    let rest = world.come_to_rest();
    let mut troubles = check::troubles_after(&world, before, damaged);
    troubles.extend(rest.err());
    troubles.extend(fate.traps_left().iter().map(|trap| format!("no step of {} looks like `{}`", trap.who, trap.what)));
    Ok(troubles)
}

fn begin(line: &str, fate: &Arc<Fate>) -> Result<World, String> {
    let side = |name: &str, count: &str| match count {
        "1" => Some(Side::standalone(name)),
        "2" => Some(Side::cluster(name, &[&format!("{name}1"), &format!("{name}2")])),
        _ => None,
    };
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        ["sides", source, target] => {
            let sides = side("SRC", source).zip(side("TGT", target)).ok_or("a side has one node or two")?;
            World::new(sides.0, sides.1, fate.clone()).map_err(|error| error.to_string())
        }
        _ => Err("a scenario begins with `sides`".into()),
    }
}

fn act(world: &mut World, words: &[&str]) -> Result<(), String> {
    match words {
        ["one-item-containers"] => (world.policy.container_items_max, world.policy.import_batch_items) = (1, 1),
        ["one-item-batches"] => world.policy.import_batch_items = 1,
        ["alone"] => world.policy.continue_without_replication = true,
        ["tokenless"] => world.tokenless = true,
        ["rights"] => world.policy.send_rights = true,
        ["switches"] => world.switches = true,
        ["pair", primary, archive] => world.pair = Some(((*primary).into(), (*archive).into())),
        ["names-alone"] => world.guarantee.tell_names_alone(),
        ["mailbox", name] => world.add_mailbox(name, 0),
        ["run", node, kind] => drop(world.session(node, agent(kind)?)),
        ["round"] => drop(world.round()),
        ["wait", minutes] => world.pass_time(number(minutes)? * MINUTE_MS),
        ["overtake", old, kind, "by", new, "after", what @ ..] => {
            overtake(world, (old, new), agent(kind)?, &what.join(" "), World::activate);
        }
        ["overtake", old, kind, "by", new, "unnoticed", "after", what @ ..] => {
            overtake(world, (old, new), agent(kind)?, &what.join(" "), |world, side, new| world.roles.lead_both(side, new));
        }
        [fault @ ("dies" | "fails" | "unanswered"), node, kind, "at", what @ ..] => {
            let outcome = [("dies", Step::Dies), ("fails", Step::Fails), ("unanswered", Step::AnswerLost)];
            let outcome = outcome.into_iter().find(|(name, _)| name == fault).map_or(Step::Happens, |(_, outcome)| outcome);
            world.fate.trap(Trap { who: format!("{node} {}", agent(kind)?), what: what.join(" "), outcome });
        }
        ["active", node] => world.activate(&side_of(world, node), node),
        ["both", node] => world.roles.lead_both(&side_of(world, node), node),
        ["cut", node, other] => world.network.cut_both_ways(node, other),
        ["whole"] => world.network.mend(),
        ["clock", node, hours] => {
            let hours: i64 = hours.parse().map_err(|_| "hours are a number")?;
            world.fate.clock.jump(node, hours * HOUR_MS);
        }
        ["damage", node, folder] => damage(world, node, folder, false)?,
        ["damage", node, folder, "last"] => damage(world, node, folder, true)?,
        ["lose", node, kind] => world.lose_database(node, agent(kind)?).map_err(|error| error.to_string())?,
        [what @ ("away" | "back" | "full" | "refuses" | "allows"), node] => disk(world, what, node)?,
        ["moves-at-most", count] => world.policy.moves.total = number(count)?,
        ["order", name, order @ ..] => {
            let order = order_of(order)?;
            world.order(name, order).ok_or("no such mailbox")?;
        }
        ["request", name, state] => request_is(world, name, state)?,
        ["locked" | "open" | "switched", name] => {
            let shelf = locked(&world.shelf);
            let source = shelf.get(&format!("sim:{name}")).ok_or("no such mailbox")?;
            let is = if source.redirected {
                "switched"
            } else if source.locked {
                "locked"
            } else {
                "open"
            };
            if is != words[0] {
                return Err(format!("it is {is}"));
            }
        }
        ["arrived" | "waiting", name] => {
            let mut troubles = Vec::new();
            check::mailboxes(world, &mut troubles);
            let waits = troubles.iter().any(|trouble| trouble.starts_with(&format!("{name} ")));
            if waits != (words[0] == "waiting") {
                return Err(format!("it is not so: {troubles:?}"));
            }
        }
        ["torn", name, word @ ..] => {
            let mut shelf = locked(&world.shelf);
            let source = shelf.get_mut(&format!("sim:{name}")).ok_or("no such mailbox")?;
            source.torn = word.first().map(|word| (*word).to_owned());
        }
        ["target", name, "refuses", word @ ..] => {
            let mut shelf = locked(&world.shelf);
            shelf.get_mut(&target_of(world, name)?).ok_or("no such mailbox")?.refuses = word.first().map(|word| (*word).to_owned());
        }
        ["target", name, "drop", folder] => {
            let (url, folder) = (target_of(world, name)?, FolderPath(vec![(*folder).into()]));
            let mut shelf = locked(&world.shelf);
            let mailbox = shelf.get_mut(&url).ok_or("no such mailbox")?;
            mailbox.folders.remove(&folder).ok_or("no such folder")?;
            mailbox.rights.remove(&folder);
        }
        ["leaks", name] => {
            locked(&world.shelf).get_mut(&format!("sim:{name}")).ok_or("no such mailbox")?.leaks = true;
        }
        ["abolish", name] => world.abolish(name),
        ["bring-back", name] => world.bring_back(name),
        ["replicate", name] => world.replicate_store(&target_of(world, name)?),
        ["take-over", name] => world.fail_over_store(&target_of(world, name)?),
        [name, what, folder, rest @ ..] => edit(world, name, what, folder, rest)?,
        _ => return Err("no such event".into()),
    }
    Ok(())
}

fn order_of(words: &[&str]) -> Result<What, String> {
    Ok(match words {
        ["new", minutes] => What::New(Box::new(Ask { interval_ms: Some(number(minutes)? * MINUTE_MS), ..Ask::default() })),
        ["forgive", limit] => What::Set(Box::new(Ask { bad_items_max: Some(number(limit)?), ..Ask::default() })),
        ["suspend"] => What::Suspend { comment: String::new() },
        ["resume"] => What::Resume,
        ["complete"] => What::Complete,
        ["remove"] => What::Remove,
        ["undo"] => What::Undo,
        ["retry-refused"] => What::RetryRefused,
        _ => return Err("no such order".into()),
    })
}

fn request_is(world: &World, name: &str, state: &str) -> Result<(), String> {
    let mailbox = world.mailboxes.iter().find(|mailbox| mailbox.name == name).ok_or("no such mailbox")?.id;
    let active = world.active(&world.source);
    let kept = world.database(&active, AgentKind::Source).read(|db| Ok(moves::of(db, mailbox)?)).map_err(|error| error.to_string())?;
    let is = kept.as_ref().map_or("none", |kept| kept.request.state.name());
    if is == state { Ok(()) } else { Err(format!("it is {is}: {}", kept.map_or_else(String::new, |kept| kept.request.message))) }
}

fn target_of(world: &World, name: &str) -> Result<String, String> {
    let mailbox = world.mailboxes.iter().find(|mailbox| mailbox.name == name).ok_or("no such mailbox")?;
    Ok(mailbox.target.clone())
}

fn disk(world: &World, what: &str, node: &str) -> Result<(), String> {
    let disk = world.disks.get(node).ok_or("no such node")?;
    match what {
        "away" => world.power_cut(node),
        "back" => disk.set_away(false),
        "full" => disk.set_full(true),
        _ => disk.set_refuses_deletion(what == "refuses"),
    }
    Ok(())
}

fn edit(world: &World, name: &str, what: &str, folder: &str, rest: &[&str]) -> Result<(), String> {
    let at = rest.first().and_then(|word| word.parse::<usize>().ok());
    let known = world.mailboxes.iter().any(|mailbox| mailbox.name == name);
    match (what, at, rest.get(1)) {
        _ if !known => return Err("neither an event nor a mailbox".into()),
        ("add", ..) => world.edit(name, |mailbox| drop(mailbox.add(folder, rest.join(" ").as_bytes(), Marks::default()))),
        ("mark", Some(at), _) => {
            world.edit(name, |mailbox| mailbox.change(folder, at, Marks { flags: Flags::SEEN, keywords: Default::default() }));
        }
        ("move", Some(at), Some(to)) => world.edit(name, |mailbox| mailbox.move_item(folder, at, to)),
        ("remove", Some(at), _) => world.edit(name, |mailbox| drop(mailbox.remove(folder, at))),
        ("grant", None, letters) => world.edit(name, |mailbox| {
            let letters = letters.unwrap_or(&"");
            let rights = [(rest[0].to_owned(), (*letters).to_owned())].into();
            mailbox.folders.entry(FolderPath(vec![folder.into()])).or_default();
            mailbox.set_rights(&FolderPath(vec![folder.into()]), &Beside { rights, ..Beside::default() });
        }),
        _ => return Err("a user adds, marks, moves, removes or grants".into()),
    }
    Ok(())
}

fn damage(world: &World, node: &str, beginning: &str, last: bool) -> Result<(), String> {
    let mut files = world.disks.get(node).ok_or("no such node")?.files();
    let mut there = files.iter_mut().filter(|(path, _)| path.starts_with(beginning));
    let file = if last { there.next_back() } else { there.next() };
    let (_, bytes) = file.ok_or("there is no file to damage")?;
    if let Some(byte) = bytes.last_mut() {
        *byte ^= 1;
    }
    Ok(())
}

/// The session of the old node stops right after a step; the new node gets the role and runs its own; then the old one goes on.
fn overtake(world: &mut World, (old, new): (&str, &str), kind: AgentKind, what: &str, lead: fn(&World, &Side, &str)) {
    let fate = world.fate.clone();
    let waits = fate.traps_left().len();
    fate.trap(Trap { who: format!("{old} {kind}"), what: what.into(), outcome: Step::Happens });
    let side = side_of(world, new);
    let mut moved = false;
    world.interleaved(&[(old.to_owned(), kind), (new.to_owned(), kind)], &mut |world, players| {
        if fate.traps_left().len() > waits {
            return (0, 1);
        }
        if !moved {
            lead(world, &side, new);
            moved = true;
        }
        (players - 1, 1)
    });
}

fn agent(word: &str) -> Result<AgentKind, String> {
    AgentKind::ALL.into_iter().find(|kind| kind.to_string() == word).ok_or_else(|| format!("`{word}` is no agent"))
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("`{word}` is no number"))
}

fn side_of(world: &World, node: &str) -> Side {
    if node.starts_with("SRC") { world.source.clone() } else { world.target.clone() }
}
