//! A folder that a store does not name as such any more, while it cannot say that it is gone: nothing is concluded from it.

mod common;

use std::sync::Arc;

use mailferry_core::model::FolderPath;
use mailferry_rules::topology::Side;
use mailferry_sim::process::Fate;
use mailferry_sim::world::World;
use mailferry_sim::{check, store};

use common::{mail, settle};

#[test]
fn a_folder_that_cannot_be_read_as_one_loses_no_item_and_holds_up_no_other_mailbox() {
    let mut world = World::new(Side::standalone("SRC"), Side::standalone("TGT"), Arc::new(Fate::default())).expect("a database in memory");
    world.add_mailbox("alice", 1);
    world.add_mailbox("bob", 0);
    mail(&world, &["first", "second"]);
    settle(&mut world);
    let inbox = FolderPath::inbox();
    world.edit("alice", |alice| assert!(alice.hidden.insert(inbox.clone())));
    world.edit("alice", |alice| drop(alice.add("Sent", b"third", Default::default())));
    world.edit("bob", |bob| drop(bob.add("INBOX", b"for bob", Default::default())));
    settle(&mut world);
    let at_target = |name: &str| store::locked(&world.shelf)[&format!("sim:new-{name}")].folders.get(&inbox).map_or(0, Vec::len);
    assert_eq!((at_target("alice"), at_target("bob")), (2, 1));
    assert!(world.told.named("store.failed").iter().any(|text| text.contains("alice")), "{:?}", world.told.all());
    let told = world.told.errors().len();
    world.edit("alice", |alice| assert!(alice.hidden.remove(&inbox)));
    settle(&mut world);
    assert_eq!(check::troubles_after(&world, told, false), Vec::<String>::new());
}
