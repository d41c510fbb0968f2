//! A node that has lost its role in the middle of a session, and does not know it yet (R2, R3).

use std::sync::Arc;

use mailferry_core::model::Marks;
use mailferry_core::settings::AgentKind;
use mailferry_rules::topology::Side;
use mailferry_sim::check;
use mailferry_sim::process::Fate;
use mailferry_sim::world::World;

/// Moments tried: every so many turns of the session.
const TURNS_BETWEEN: usize = 4;

/// Two clusters with mail on its way everywhere: containers in OUT, in IN, taken and to be deleted.
fn world() -> (World, Arc<Fate>) {
    let fate = Arc::new(Fate::default());
    let (source, target) = (Side::cluster("SRC", &["SRC1", "SRC2"]), Side::cluster("TGT", &["TGT1", "TGT2"]));
    let mut world = World::new(source, target, fate.clone()).expect("a database in memory can be made");
    world.policy.container_items_max = 2;
    world.policy.import_batch_items = 1;
    world.add_mailbox("alice", 0);
    let mail = |world: &World, count: u32| {
        world.edit("alice", |alice| (0..count).for_each(|_| drop(alice.add("INBOX", b"mail", Marks::default()))));
    };
    mail(&world, 3);
    world.round();
    mail(&world, 3);
    world.session("SRC1", AgentKind::Source);
    world.session("SRC1", AgentKind::Transmission);
    mail(&world, 3);
    world.session("SRC1", AgentKind::Source);
    mail(&world, 3);
    (world, fate)
}

/// What the old active node still does after the new one has run, when it is overtaken after so many turns. `None`: its
/// session has fewer.
fn afterwards(old: &str, new: &str, kind: AgentKind, turns: usize) -> Option<Vec<String>> {
    let (mut world, fate) = world();
    let side = if old.starts_with("SRC") { world.source.clone() } else { world.target.clone() };
    let (mut taken, mut claimed_at) = (0, None);
    fate.tell();
    world.interleaved(&[(old.into(), kind), (new.into(), kind)], &mut |world, players| {
        taken += 1;
        if taken == turns {
            world.activate(&side, new);
        }
        // The new node runs to its end once the role is its own.
        if claimed_at.is_none() && taken > turns && players == 1 {
            claimed_at = Some(fate.story().len());
        }
        (usize::from(taken >= turns && players == 2), 1)
    });
    let from = claimed_at.filter(|_| world.active(&side) == new)?;
    let acts = |line: &String| line.contains(&format!("{old} {kind}")) && !line.contains(" says: ");
    Some(fate.story().into_iter().skip(from).filter(acts).collect())
}

fn overtaken(old: &str, new: &str, kind: AgentKind) {
    let (mut worst, mut any) = (0, 0);
    for turns in (1..).step_by(TURNS_BETWEEN) {
        let Some(after) = afterwards(old, new, kind, turns) else { break };
        let effects: Vec<&String> = after
            .iter()
            .filter(|line| {
                line.contains("store ")
                    || ["NTA/OUT", "NTA/IN"]
                        .iter()
                        .any(|folder| line.contains(folder) && !line.contains("begin") && !line.contains("write"))
            })
            .collect();
        any += after.len();
        worst = worst.max(effects.len());
        // One act was under way: a container being placed has four copies, any other act is one step.
        let placing = effects.iter().all(|line| line.contains("publish") && line.contains("NTA/OUT"));
        assert!(effects.len() <= if placing { 4 } else { 1 }, "overtaken after {turns} turns: {effects:#?}");
    }
    assert!(any > 0 && worst > 0, "no moment was found in which an act was under way");
}

/// A target agent freezes after so many turns of its session; its successor claims, waits, imports; then it thaws and goes on. It is never
/// told that its role has moved. `None`: its session has fewer turns.
fn thaws_after(turns: usize, frozen_ms: u64, clock_ms: i64) -> Option<Vec<String>> {
    let fate = Arc::new(Fate::default());
    let (source, target) = (Side::standalone("SRC"), Side::cluster("TGT", &["TGT1", "TGT2"]));
    let mut world = World::new(source, target, fate.clone()).expect("a database in memory can be made");
    world.policy.import_batch_items = 100;
    world.add_mailbox("alice", 0);
    world.round();
    world.edit("alice", |alice| (0..6).for_each(|n| drop(alice.add("INBOX", format!("mail {n}").as_bytes(), Marks::default()))));
    world.session("SRC", AgentKind::Source);
    world.session("SRC", AgentKind::Transmission);
    let (side, mut taken) = (world.target.clone(), 0);
    let mut old_waits = false;
    world.interleaved(&[("TGT1".into(), AgentKind::Target), ("TGT2".into(), AgentKind::Target)], &mut |world, players| {
        taken += 1;
        if taken == turns {
            old_waits = players == 2;
            world.roles.lead_both(&side, "TGT2");
            world.pass_time(frozen_ms);
            world.fate.clock.jump("TGT1", clock_ms);
        }
        (usize::from(taken >= turns && players == 2), 1)
    });
    old_waits.then_some(())?;
    world.set_right();
    let rest = world.come_to_rest();
    Some(check::troubles(&world).into_iter().chain(rest.err()).collect())
}

#[test]
fn a_target_agent_that_froze_in_the_middle_of_a_flush_appends_nothing_after_its_successor() {
    for (frozen_ms, clock_ms) in [(0, 0), (0, -200), (60_000, 0), (60_000, -60_000)] {
        let mut moments = 0;
        for turns in 1.. {
            let Some(troubles) = thaws_after(turns, frozen_ms, clock_ms) else { break };
            moments += 1;
            assert!(troubles.is_empty(), "frozen for {frozen_ms} ms, clock {clock_ms} ms, after {turns} turns: {troubles:#?}");
        }
        assert!(moments > 20, "{moments} moments");
    }
}

#[test]
fn an_overtaken_source_agent_ends_the_act_under_way_and_begins_no_other() {
    overtaken("SRC1", "SRC2", AgentKind::Source);
}

#[test]
fn an_overtaken_transmission_agent_ends_the_act_under_way_and_begins_no_other() {
    overtaken("SRC1", "SRC2", AgentKind::Transmission);
}

#[test]
fn an_overtaken_target_agent_ends_the_act_under_way_and_begins_no_other() {
    overtaken("TGT1", "TGT2", AgentKind::Target);
}
