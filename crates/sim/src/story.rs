//! Scenarios: what happens to users, nodes and roles.

use mailferry_core::model::{Flags, Marks};
use mailferry_rules::topology::Side;

use crate::process::Fate;
use crate::world::World;

const ROUNDS_MAX: usize = 60;

/// What is done about an agent that died.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Recovery {
    /// It is started again on its node.
    Restart,
    /// Its whole node stays down, the other node takes the role, and the old one comes back later as standby.
    FailOver,
}

/// What happens while mail flows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Plot {
    /// A first pass.
    Fresh,
    /// A first pass, then new, changed, moved and deleted items.
    Incremental,
    /// The passive nodes are away from the start; with ContinueWithoutReplication. They come back in the end.
    PassiveDown,
    /// The passive nodes refuse deletions for a while.
    DeletionRefused,
    /// They refuse deletions for longer than a debt lives.
    DeletionGivenUp,
    /// Both roles move between two passes.
    Switchover,
}

#[derive(Clone, Debug)]
pub struct Story {
    pub name: &'static str,
    pub source: Side,
    pub target: Side,
    pub plot: Plot,
    pub recovery: Recovery,
}

/// The four topologies with their plots.
pub fn all() -> Vec<Story> {
    let (one, two) = (Side::standalone("SRC"), Side::cluster("SRC", &["SRC1", "SRC2"]));
    let (uno, duo) = (Side::standalone("TGT"), Side::cluster("TGT", &["TGT1", "TGT2"]));
    let story =
        |name, source: &Side, target: &Side, plot, recovery| Story { name, source: source.clone(), target: target.clone(), plot, recovery };
    use Plot::*;
    use Recovery::*;
    vec![
        story("alone_to_alone_fresh", &one, &uno, Fresh, Restart),
        story("alone_to_alone_incremental", &one, &uno, Incremental, Restart),
        story("cluster_to_alone_fresh", &two, &uno, Fresh, Restart),
        story("cluster_to_alone_incremental", &two, &uno, Incremental, Restart),
        story("cluster_to_alone_source_fails_over", &two, &uno, Incremental, FailOver),
        story("cluster_to_alone_passive_node_down", &two, &uno, PassiveDown, Restart),
        story("alone_to_cluster_fresh", &one, &duo, Fresh, Restart),
        story("alone_to_cluster_incremental", &one, &duo, Incremental, Restart),
        story("alone_to_cluster_target_fails_over", &one, &duo, Incremental, FailOver),
        story("alone_to_cluster_passive_node_down", &one, &duo, PassiveDown, Restart),
        story("cluster_to_cluster_fresh", &two, &duo, Fresh, Restart),
        story("cluster_to_cluster_incremental", &two, &duo, Incremental, Restart),
        story("cluster_to_cluster_fails_over_fresh", &two, &duo, Fresh, FailOver),
        story("cluster_to_cluster_fails_over_incremental", &two, &duo, Incremental, FailOver),
        story("cluster_to_cluster_passive_nodes_down", &two, &duo, PassiveDown, Restart),
        story("cluster_to_cluster_deletions_refused", &two, &duo, DeletionRefused, Restart),
        story("cluster_to_cluster_deletions_given_up", &two, &duo, DeletionGivenUp, Restart),
        story("cluster_to_cluster_switchover", &two, &duo, Switchover, Restart),
    ]
}

impl Story {
    /// Plays the story under a fate; the world as it is in the end, or what went wrong on the way.
    pub fn play(&self, fate: std::sync::Arc<Fate>) -> Result<World, String> {
        let mut world = World::new(self.source.clone(), self.target.clone(), fate).map_err(|error| error.to_string())?;
        world.add_mailbox("alice", 0);
        world.edit("alice", |alice| {
            alice.add("INBOX", b"first", seen());
            alice.add("INBOX", b"second", Marks::default());
            alice.add("Sent", b"third", Marks::default());
        });
        match self.plot {
            Plot::Fresh => self.flow(&mut world)?,
            Plot::Incremental => {
                self.flow(&mut world)?;
                self.edit(&world);
                self.flow(&mut world)?;
            }
            Plot::PassiveDown => self.passive_down(&mut world)?,
            Plot::DeletionRefused => self.deletion_refused(&mut world)?,
            Plot::DeletionGivenUp => self.deletion_given_up(&mut world)?,
            Plot::Switchover => {
                self.flow(&mut world)?;
                self.edit(&world);
                for side in [&self.source, &self.target] {
                    world.fail_over(side);
                }
                self.flow(&mut world)?;
            }
        }
        Ok(world)
    }

    /// Lets mail flow until everything rests; whoever dies on the way is taken care of.
    fn flow(&self, world: &mut World) -> Result<(), String> {
        while let Some(side) = world.settle(ROUNDS_MAX)? {
            if self.recovery == Recovery::FailOver && side.is_cluster() {
                let dead = world.active(&side);
                world.disks[&dead].set_away(true);
                world.fail_over(&side);
                // A standby that died is as dead as an active node: whoever died here, one node goes on alone for a while.
                for _ in 0..3 {
                    world.round();
                }
                world.disks[&dead].set_away(false);
            }
        }
        Ok(())
    }

    fn edit(&self, world: &World) {
        world.edit("alice", |alice| {
            alice.add("INBOX", b"fourth", Marks::default());
            alice.change("INBOX", 1, Marks { flags: Flags::FLAGGED, keywords: ["$Work".to_owned()].into() });
            alice.move_item("INBOX", 0, "Archive");
            alice.remove("Sent", 0);
        });
    }

    fn passive_down(&self, world: &mut World) -> Result<(), String> {
        world.policy.continue_without_replication = true;
        for side in [&self.source, &self.target] {
            let active = world.active(side);
            side.others(&active).for_each(|node| world.disks[node].set_away(true));
        }
        self.flow(world)?;
        self.edit(world);
        self.flow(world)?;
        world.disks.values().for_each(|disk| disk.set_away(false));
        world.pass_time(3_600_000);
        self.flow(world)
    }

    /// R55: after its lifetime a debt is given up; then nothing keeps the active copy, and the orphan goes when it can.
    fn deletion_given_up(&self, world: &mut World) -> Result<(), String> {
        let standbys: Vec<String> = [&self.source, &self.target]
            .into_iter()
            .flat_map(|side| side.others(&world.active(side)).cloned().collect::<Vec<_>>())
            .collect();
        standbys.iter().for_each(|node| world.disks[node].set_refuses_deletion(true));
        self.flow(world)?;
        world.pass_time(2 * 86_400_000);
        self.flow(world)?;
        for (node, disk) in world.disks.iter().filter(|(node, _)| !standbys.contains(node)) {
            if let Some(file) = disk.below("NTA/OUT").iter().chain(&disk.below("NTA/IN")).next() {
                return Err(format!("{node} still keeps {file} for a debt that is given up"));
            }
        }
        world.disks.values().for_each(|disk| disk.set_refuses_deletion(false));
        self.flow(world)
    }

    fn deletion_refused(&self, world: &mut World) -> Result<(), String> {
        for side in [&self.source, &self.target] {
            let active = world.active(side);
            side.others(&active).for_each(|node| world.disks[node].set_refuses_deletion(true));
        }
        self.flow(world)?;
        world.disks.values().for_each(|disk| disk.set_refuses_deletion(false));
        world.pass_time(3_600_000);
        self.flow(world)
    }
}

fn seen() -> Marks {
    Marks { flags: Flags::SEEN, keywords: Default::default() }
}
