//! The ladder: killed before and after each durable step, then resumed, the end is the same.

use super::*;

/// One life of a pair: seeding, change files, a gap, a damaged file, an overtaken node. Any step may die; what was made stands.
fn scenario(a: &mut Node, b: &mut Node) -> Result<(), ReplicationError> {
    a.db.begin_epoch(Epoch(1))?;
    for round in 0..3 {
        (0..3).try_for_each(|n| state::set(&mut a.db, &format!("name {n}"), &round.to_string()))?;
        a.ship_to(b)?;
        a.db.prune(&["B"])?;
        b.replay()?;
    }
    state::set(&mut a.db, "damaged", "1")?;
    a.ship_to(b)?;
    if b.disk.names().iter().any(|name| name.ends_with(".chg")) {
        b.disk.damage(".chg", disk::Damage::Cut);
    }
    b.replay()?;
    a.ship_to(b)?;
    b.replay()?;
    state::set(&mut a.db, "unshipped", "1")?;
    b.db.begin_epoch(Epoch(2))?;
    state::set(&mut b.db, "taken over", "1")?;
    b.ship_to(a)?;
    a.replay()?;
    b.ship_to(a)?;
    a.replay()?;
    Ok(())
}

/// Whoever is active after the kill goes on; with no faults left, a few rounds must make both equal.
fn settle(a: &mut Node, b: &mut Node) {
    if b.db.position().unwrap().epoch < Epoch(2) {
        if a.db.position().unwrap().epoch == Epoch(0) {
            a.db.begin_epoch(Epoch(1)).unwrap();
        }
        for _ in 0..3 {
            a.ship_to(b).unwrap();
            b.replay().unwrap();
        }
    } else {
        for _ in 0..3 {
            b.ship_to(a).unwrap();
            a.replay().unwrap();
        }
    }
}

#[test]
fn killed_before_and_after_every_step_both_nodes_end_equal() {
    let mut cut = 0;
    loop {
        cut += 1;
        let fuse = Arc::new(Fuse::default());
        let (mut a, mut b) = (Node::fused("A", &fuse), Node::fused("B", &fuse));
        fuse.arm(cut);
        let result = scenario(&mut a, &mut b);
        let done = !fuse.blown();
        fuse.arm(0);
        assert_eq!(done, result.is_ok(), "cut {cut}: {result:?}");
        settle(&mut a, &mut b);
        assert_equal(&a, &b);
        let left = |node: &Node| {
            node.disk
                .names()
                .into_iter()
                .filter(|name| !name.contains("/REFUSED/") && !name.contains("/DISCARDED/") && !name.ends_with("/ack"))
                .collect::<Vec<_>>()
        };
        assert!(left(&a).is_empty() && left(&b).is_empty(), "cut {cut}: {:?} {:?}", left(&a), left(&b));
        if done {
            break;
        }
    }
    assert!(cut > 120, "the ladder has only {cut} rungs");
}

#[test]
fn a_step_that_dies_again_and_again_still_ends_equal() {
    for first in 1..60 {
        let fuse = Arc::new(Fuse::default());
        let (mut a, mut b) = (Node::fused("A", &fuse), Node::fused("B", &fuse));
        a.db.begin_epoch(Epoch(1)).unwrap();
        a.set("a", "1");
        for cut in (1..=first).rev() {
            fuse.arm(cut);
            let _ = a.ship_to(&b).and_then(|_| b.replay());
        }
        fuse.arm(0);
        settle(&mut a, &mut b);
        assert_equal(&a, &b);
    }
}

#[test]
fn a_ship_between_any_two_steps_of_a_replay_sees_all_that_was_shipped() {
    for cut in 1.. {
        let fuse = Arc::new(Fuse::default());
        let (mut a, mut b) = (Node::new("A"), Node::fused("B", &fuse));
        a.db.begin_epoch(Epoch(1)).unwrap();
        a.ship_to(&b).unwrap();
        for n in 0..3 {
            a.set("a", &n.to_string());
            a.ship_to(&b).unwrap();
        }
        a.db.prune(&["B"]).unwrap();
        fuse.arm(cut);
        let done = b.replay().is_ok();
        fuse.arm(0);
        a.set("b", "1");
        assert_eq!(a.ship_to(&b).unwrap().snapshot, None, "cut {cut}");
        b.replay().unwrap();
        assert_equal(&a, &b);
        if done {
            break;
        }
    }
}
