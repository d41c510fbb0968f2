//! The token on this node: what it says beside a view, and what an agent sees of it without asking.

use std::fs::{self, File};
use std::time::{Duration, SystemTime};

use super::*;

const STARTED_HERE: &str = include_str!("recorded/started_here.xml");

fn pacemaker(folder: &Path, resource: &str) -> Pacemaker {
    let nodes = ["SRC1", "SRC2"].map(|node| (node.to_owned(), node.to_owned())).to_vec();
    Pacemaker::with_tokens_in(folder, Members { nodes, me: "SRC1".into() }, resource.into())
}

#[test]
fn a_node_is_active_for_the_time_that_its_token_is_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let [ours, other] = ["mail-role", "mail-server"].map(|resource| {
        let pacemaker = pacemaker(folder.path(), resource);
        move || pacemaker.meaning_of(&View::read(STARTED_HERE, resource).expect("a view"))
    });
    assert!(matches!(ours().role, Role::Unknown { .. }), "it is being started, or was stopped");
    fs::write(folder.path().join("mail-role"), "").expect("a token");
    assert_eq!((ours().role, ours().kept), (Role::Active, Kept::UntilTheSign));
    assert_eq!((other().role, other().kept), (Role::Active, Kept::Briefly), "it has no token that tells of a stop");
    fs::remove_file(folder.path().join("mail-role")).expect("a token");
    assert!(matches!(ours().role, Role::Unknown { .. }), "it was stopped");
}

#[test]
fn a_start_a_stop_and_a_start_again_are_three_signs() {
    let folder = tempfile::tempdir().expect("a folder");
    let (pacemaker, token) = (pacemaker(folder.path(), "mail-role"), folder.path().join("mail-role"));
    let start = |second: u64| {
        let made = File::create(&token).expect("a token");
        made.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(second)).expect("its time");
        pacemaker.sign()
    };
    let before = pacemaker.sign();
    let started = start(1_000);
    assert_eq!(pacemaker.sign(), started, "nothing has happened");
    fs::remove_file(&token).expect("a token");
    let stopped = pacemaker.sign();
    let again = start(1_001);
    assert!(started != before && stopped != started && again != stopped && again != started);
}
