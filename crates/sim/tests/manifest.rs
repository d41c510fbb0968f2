//! Manifests of a simulated target (R84): what becomes of each item, whoever makes them, and whenever that one is killed.

mod common;

use std::io::BufReader;
use std::sync::Arc;

use mailferry_core::engine::Manifested;
use mailferry_core::manifest::{Entry, Item, PublicKey, Reader, State, Trust};
use mailferry_core::model::{Flags, Marks};
use mailferry_core::settings::AgentKind;
use mailferry_rules::score::Score;
use mailferry_rules::topology::Side;
use mailferry_sim::process::Fate;
use mailferry_sim::world::World;

use common::{mail, settle};

/// Whether something cannot be read at the source.
fn tear(world: &World, word: Option<&str>) {
    world.edit("alice", |source| source.torn = word.map(str::to_owned));
}

const BODIES: [&str; 4] = ["first", "second", "third", "fourth"];

/// Alice's mailbox at a target of two nodes.
fn moved(fate: Arc<Fate>) -> World {
    let mut world = World::new(Side::standalone("SRC"), Side::cluster("TGT", &["TGT1", "TGT2"]), fate).expect("a database in memory");
    world.add_mailbox("alice", 1);
    mail(&world, &BODIES);
    settle(&mut world);
    world
}

fn made(world: &mut World, node: &str) -> (Manifested, Vec<u8>) {
    world.manifest(node, "alice").expect("it lives").expect("a manifest")
}

fn reader(bytes: &[u8], key: PublicKey) -> Reader<BufReader<&[u8]>> {
    Reader::open(BufReader::new(bytes), &Trust::Keys(vec![key])).expect("the key is known")
}

fn items(bytes: &[u8], key: PublicKey) -> Vec<Item> {
    let (mut reader, mut items) = (reader(bytes, key), Vec::new());
    while let Some(entry) = reader.next().expect("sound") {
        items.extend(if let Entry::Item(item) = entry { Some(*item) } else { None });
    }
    items
}

fn states(bytes: &[u8], key: PublicKey) -> Vec<State> {
    let mut states: Vec<State> = items(bytes, key).iter().map(|item| item.state).collect();
    states.sort();
    states
}

#[test]
fn every_item_has_its_container_its_bytes_and_its_state() {
    let mut world = moved(Arc::default());
    let (first, bytes) = made(&mut world, "TGT1");
    assert_eq!((first.number, first.score, first.may_complete()), (1, Score::Perfect, true));
    for item in items(&bytes, first.key) {
        assert!(item.state == State::There && item.container.is_some_and(|(sequence, epoch)| sequence > 0 && epoch == 1), "{item:?}");
        assert!(item.size.is_some_and(|size| (5..=6).contains(&size)) && item.date.is_some() && item.reread.is_none(), "{item:?}");
    }
    world.edit("new-alice", |target| {
        let inbox = target.folders.values_mut().next().expect("an inbox");
        inbox[0].bytes = b"FIRST".to_vec();
        inbox.remove(1);
    });
    world.edit("alice", |source| drop(source.remove("INBOX", 2)));
    world.policy.apply_deletions = false;
    settle(&mut world);
    let (second, bytes) = made(&mut world, "TGT1");
    assert_eq!((second.number, second.score, second.may_complete()), (2, Score::Poor, false));
    assert_eq!(states(&bytes, second.key), [State::There, State::There, State::Damaged, State::Deleted]);
    assert_eq!(items(&bytes, second.key).iter().filter(|item| item.gone_at_source).count(), 1);
    assert_eq!(reader(&bytes, second.key).header().previous, Some(first.digest));
}

#[test]
fn a_node_that_takes_over_goes_on_with_the_chain_and_signs_with_its_own_key() {
    let mut world = moved(Arc::default());
    let (first, _) = made(&mut world, "TGT1");
    assert!(world.manifest("TGT2", "alice").expect("it lives").is_err(), "a standby makes none");
    let target = world.target.clone();
    world.fail_over(&target);
    settle(&mut world);
    let (second, bytes) = made(&mut world, "TGT2");
    assert_eq!((second.number, second.score), (2, Score::Perfect));
    assert_ne!(second.key, first.key);
    assert_eq!(reader(&bytes, second.key).header().previous, Some(first.digest));
    assert!(Reader::open(BufReader::new(&bytes[..]), &Trust::Keys(vec![first.key])).is_err(), "its key is to be known by itself");
}

#[test]
fn killed_at_any_step_it_is_made_once_more_and_numbers_have_no_gap() {
    let steps = |fate: &Arc<Fate>| fate.steps();
    let fate = Arc::<Fate>::default();
    let mut world = moved(fate.clone());
    let before = steps(&fate);
    made(&mut world, "TGT1");
    let after = steps(&fate);
    assert!(after > before + 3, "parts, names and rows are steps: {before} to {after}");
    for step in before + 1..=after {
        let mut world = moved(Fate::dying_before(step));
        let killed = world.manifest("TGT1", "alice");
        assert!(killed.is_none(), "step {step} is one of the manifest");
        let (first, bytes) = made(&mut world, "TGT1");
        let expected = reader(&bytes, first.key).check().expect("sound").1.digest;
        assert_eq!((first.digest, first.score), (expected, Score::Perfect), "step {step}");
        assert!(first.number <= 2, "step {step}: the row of a killed run may stand, and its file with it");
        let (next, bytes) = made(&mut world, "TGT1");
        assert_eq!((next.number, reader(&bytes, next.key).header().previous), (first.number + 1, Some(first.digest)), "step {step}");
    }
}

#[test]
fn marks_and_moves_after_the_delivery_change_the_line_and_not_the_proof() {
    let mut world = moved(Arc::default());
    world.edit("alice", |source| {
        source.change("INBOX", 0, Marks { flags: Flags::FLAGGED, ..Marks::default() });
        source.move_item("INBOX", 1, "Sent");
    });
    settle(&mut world);
    let (made, bytes) = made(&mut world, "TGT1");
    assert_eq!((made.score, made.counts.there, made.counts.folders), (Score::Perfect, 4, 2));
    assert!(items(&bytes, made.key).iter().any(|item| item.marks == ["\\Flagged"]));
}

/// Nobody knows what is in them, and they may still come: no loss, and not Perfect.
#[test]
fn containers_that_wait_in_in_are_named_and_no_manifest_is_perfect_before_they_are_applied() {
    let mut world = moved(Arc::default());
    mail(&world, &["fifth"]);
    for kind in [AgentKind::Source, AgentKind::Transmission] {
        world.session("SRC", kind).expect("it lives");
    }
    let (early, bytes) = made(&mut world, "TGT1");
    assert_eq!((early.score, early.counts.waiting, early.may_complete()), (Score::Investigate, 1, true));
    let (_, sealed) = reader(&bytes, early.key).check().expect("sound");
    assert_eq!(sealed.summary.waiting.len(), 1);
    settle(&mut world);
    let (late, bytes) = made(&mut world, "TGT1");
    assert_eq!((late.score, late.counts.waiting), (Score::Perfect, 0));
    assert!(!String::from_utf8_lossy(&bytes).contains("waiting"), "where nothing waits a manifest is what it always was");
}

#[test]
fn what_the_source_cannot_read_is_named_until_it_is_there() {
    let mut world = moved(Arc::default());
    tear(&world, Some("f"));
    mail(&world, &["fifth", "of late", "sixth"]);
    settle(&mut world);
    let (first, bytes) = made(&mut world, "TGT1");
    // Three of seven: what was read before it was torn is there.
    assert_eq!((first.counts.unread, first.counts.there, first.score), (2, 5, Score::Poor));
    for item in items(&bytes, first.key).iter().filter(|item| item.state == State::Unread) {
        assert!(item.size.is_some() && item.reason.as_ref().is_some_and(|why| why.contains("it is torn")), "{item:?}");
        assert_eq!(item.source.as_deref(), Some(&["INBOX".to_owned()][..]), "{item:?}");
    }
    // One is deleted, the other can be read again.
    world.edit("alice", |source| drop(source.remove("INBOX", 5)));
    settle(&mut world);
    let (second, _) = made(&mut world, "TGT1");
    assert_eq!((second.counts.unread, second.counts.there), (1, 5));
    tear(&world, None);
    settle(&mut world);
    let (third, _) = made(&mut world, "TGT1");
    assert_eq!((third.counts.unread, third.counts.there, third.score), (0, 6, Score::Perfect));
}

#[test]
fn what_cannot_be_read_is_told_again_when_its_container_was_damaged_or_the_target_has_forgotten_it() {
    let mut world = moved(Arc::default());
    tear(&world, Some("fifth"));
    mail(&world, &["fifth", "sound"]);
    world.session("SRC", AgentKind::Source).expect("it lives");
    let damaged =
        world.disks["SRC"].files().iter_mut().filter(|(path, _)| path.starts_with("NTA/OUT")).map(|(_, bytes)| bytes[300] ^= 1).count();
    assert_eq!(damaged, 2, "what tells of it, for either node");
    settle(&mut world);
    let (first, _) = made(&mut world, "TGT1");
    assert_eq!((first.counts.unread, first.counts.there), (1, 5));
    world.lose_database("TGT1", AgentKind::Target).expect("a new one");
    world.lose_database("TGT2", AgentKind::Target).expect("a new one");
    mail(&world, &["late"]);
    settle(&mut world);
    let (second, _) = made(&mut world, "TGT1");
    assert_eq!((second.counts.unread, second.counts.there), (1, 6), "what can be read is counted meanwhile");
    tear(&world, None);
    settle(&mut world);
    let (third, _) = made(&mut world, "TGT1");
    assert_eq!((third.counts.unread, third.counts.there, third.score), (0, 7, Score::Perfect));
}
