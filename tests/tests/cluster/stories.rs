//! What happens to clusters.

use std::time::{Duration, Instant};

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::sample::User;
use mailferry_tests::{Bed, Clusters, Plan, RESOURCE, Tree, prove, wait_until};

use super::PATIENCE;
use super::traces::{assert_no_epoch_goes_back, events, of_side};

const SETTINGS: &str = "ContinueWithoutReplication = true\nCcrDeletedItemsTouchInterval = \"1s\"\n\
                        [settings.source]\nContainerItemsMax = 20\n[settings.target]\nApplyDeletions = true";

/// A bed, its clusters and its users.
struct Story<'b> {
    bed: &'b Bed,
    clusters: Clusters<'b>,
    users: [User; 3],
    /// When the users did something last.
    worked: Instant,
}

fn bed() -> Bed {
    let plan = Plan::new(2, 2).sample("alice", 120).sample_to("bob", 60, "mbox").sample("carol", 90).settings(SETTINGS);
    plan.role_from_pacemaker(RESOURCE).on_disk().build()
}

/// Plays a story; in the end everything must be as if nothing had happened.
fn told(fencing: bool, story: impl FnOnce(&mut Story<'_>)) {
    let bed = std::cell::OnceCell::new();
    let Some(clusters) = Clusters::up(|| bed.get_or_init(self::bed), fencing) else { return };
    let bed = bed.get().expect("the clusters have a bed");
    let users = ["alice", "bob", "carol"].map(|name| User::of(&bed.path("mail/old").join(name), 77));
    let mut told = Story { bed, clusters, users, worked: Instant::now() };
    told.mail_flows();
    story(&mut told);
    told.mail_flows();
    let before = Tree::of(&bed.path("mail/old"));
    told.clusters.settle(PATIENCE);
    drop(told);
    prove(bed);
    before.assert_same(&Tree::of(&bed.path("mail/old")));
    assert_no_epoch_goes_back(bed);
}

impl Story<'_> {
    /// Users have a busy day: several times a second.
    fn work(&mut self) {
        if self.worked.elapsed() > Duration::from_millis(300) {
            self.users.iter_mut().for_each(User::work);
            self.worked = Instant::now();
        }
    }

    fn wait(&mut self, what: &str, mut done: impl FnMut(&Clusters<'_>) -> bool) {
        wait_until(what, PATIENCE, || {
            self.work();
            done(&self.clusters)
        });
    }

    /// For as long as something may go wrong.
    fn work_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        self.wait("the time is over", |_| Instant::now() >= until);
    }

    fn applied(&self) -> usize {
        of_side(self.bed, Side::Target, AgentKind::Target, "container.applied").len()
    }

    /// Several containers come through from now on.
    fn mail_flows(&mut self) {
        let (bed, before) = (self.bed, self.applied());
        self.wait("mail flows", |_| of_side(bed, Side::Target, AgentKind::Target, "container.applied").len() >= before + 3);
    }

    fn claims(&self, node: &str, kind: AgentKind) -> usize {
        events(self.bed, node, kind, "epoch.claimed").len()
    }

    /// Both agents of a node have taken over.
    fn takes_over(&mut self, side: Side, node: &str, before: usize) {
        let bed = self.bed;
        self.wait("the other node has taken over", |_| {
            side.agents().into_iter().all(|kind| events(bed, node, kind, "epoch.claimed").len() > before)
        });
    }
}

#[test]
fn the_agents_follow_a_resource_that_is_moved() {
    told(true, |story| {
        for (side, node) in [(Side::Source, "SRC2"), (Side::Target, "TGT2"), (Side::Source, "SRC1"), (Side::Target, "TGT1")] {
            let before = story.claims(node, side.agents()[0]);
            story.clusters.move_role(node);
            story.takes_over(side, node, before);
            story.mail_flows();
        }
    });
}

#[test]
fn after_the_death_of_an_active_node_its_partner_goes_on() {
    told(true, |story| {
        for (side, [old, new]) in [(Side::Source, ["SRC1", "SRC2"]), (Side::Target, ["TGT1", "TGT2"])] {
            story.clusters.power_off(old);
            story.takes_over(side, new, 0);
            story.mail_flows();
            story.clusters.power_on(old);
        }
    });
}

/// The rings are cut and the storage network is not: each of two nodes believes that it is active, and reaches everything.
#[test]
fn of_two_nodes_that_both_believe_to_be_active_the_older_does_no_harm() {
    told(false, |story| {
        for (side, [old, new]) in [(Side::Source, ["SRC1", "SRC2"]), (Side::Target, ["TGT1", "TGT2"])] {
            let before = side.agents().map(|kind| story.claims(old, kind));
            story.clusters.cut(old, "ring");
            story.takes_over(side, new, 0);
            assert!(story.clusters.has_role(old) && story.clusters.has_role(new), "both are active for their cluster");
            story.work_for(Duration::from_secs(4));
            assert!(story.clusters.has_role(old) && story.clusters.has_role(new), "both still are");
            story.mail_flows();
            for (kind, before) in side.agents().into_iter().zip(before) {
                // In the middle of its work it stops; between two sessions it finds the newer claim, and claims anew.
                let stopped = !events(story.bed, old, kind, "has been claimed; this node holds").is_empty();
                let claimed_anew = story.claims(old, kind) > before;
                assert!(
                    stopped || claimed_anew,
                    "the {kind} agent of {old} has not seen that it was replaced:\n{}",
                    story.bed.log(old, kind)
                );
            }
            story.clusters.heal(old);
        }
    });
}

/// All networks: the node keeps its disk and its role, and reaches neither its partner nor the witness.
#[test]
fn a_node_that_is_cut_off_does_nothing() {
    told(false, |story| {
        for (side, [old, new]) in [(Side::Source, ["SRC1", "SRC2"]), (Side::Target, ["TGT1", "TGT2"])] {
            story.clusters.cut(old, "all");
            story.takes_over(side, new, 0);
            assert!(story.clusters.has_role(old), "it is active for its part of the cluster");
            let claimed = story.claims(old, side.agents()[0]);
            story.mail_flows();
            assert_eq!(story.claims(old, side.agents()[0]), claimed, "{old} cannot have claimed anything");
            story.clusters.heal(old);
        }
    });
}

#[test]
fn a_node_that_froze_and_thaws_after_it_was_replaced_does_no_harm() {
    told(false, |story| {
        for (side, [old, new]) in [(Side::Source, ["SRC1", "SRC2"]), (Side::Target, ["TGT1", "TGT2"])] {
            story.clusters.freeze(old);
            story.takes_over(side, new, 0);
            story.mail_flows();
            story.clusters.thaw(old);
            story.work_for(Duration::from_secs(2));
        }
    });
}

#[test]
fn a_frozen_node_is_fenced_before_its_partner_begins() {
    told(true, |story| {
        story.clusters.freeze("TGT1");
        story.takes_over(Side::Target, "TGT2", 0);
        assert!(!story.clusters.has_power("TGT1"), "it was shot first");
        story.clusters.power_on("TGT1");
    });
}
