//! How long a failover takes: from the kill of the active node to the first item that the other node has processed, beside
//! what Pacemaker needed until it had started the resource there. Agents sleep for a minute: what wakes them is the role.
//!
//! MAILFERRY_FAILOVERS says how many of each side (3). The figures for docs/benchmarks.md come from here.

use std::io::Write;
use std::time::{Duration, SystemTime};

use mailferry_core::engine::SessionEnd;
use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::sample::User;
use mailferry_tests::{Bed, Clusters, Plan, RESOURCE, prove, wait_until};

use super::PATIENCE;
use super::traces::events;

/// Far less than a minute, and more than a machine under load needs: the figures are read by people.
const OURS_MAX: Duration = Duration::from_secs(15);

/// The agents of the side that is hit sleep for a minute, those of the other side for a second, or nothing would come to be processed.
fn bed(hit: Side) -> Bed {
    let settings = "ContinueWithoutReplication = true\nCcrDeletedItemsTouchInterval = \"1s\"\n[settings.source]\nSleepInterval = \"1s\"\n";
    let settings = if hit == Side::Target { settings } else { settings.split("[settings.source]").next().unwrap_or_default() };
    let plan = Plan::new(2, 2).sample("alice", 40).settings(settings).sleeping("60s");
    plan.role_from_pacemaker(RESOURCE).on_disk().build()
}

/// One failover.
struct Figure {
    pacemaker: Duration,
    whole: Duration,
}

fn failover(bed: &Bed, clusters: &Clusters<'_>, user: &mut User, side: Side) -> Figure {
    let (kind, processed) = match side {
        Side::Source => (AgentKind::Source, "container.published"),
        Side::Target => (AgentKind::Target, "container.applied"),
    };
    let nodes = bed.nodes(side);
    let (old, new) = if clusters.has_role(&nodes[0]) { (&nodes[0], &nodes[1]) } else { (&nodes[1], &nodes[0]) };
    let before = events(bed, new, kind, processed).len();
    let killed = SystemTime::now();
    clusters.power_off(old);
    (0..3).for_each(|_| user.receive());
    wait_until("the first item is processed", PATIENCE, || events(bed, new, kind, processed).len() > before);
    let whole = killed.elapsed().expect("a steady clock");
    let pacemaker = clusters.role_since(new).expect("the role").duration_since(killed).expect("a steady clock");
    clusters.power_on(old);
    wait_until("the node is back, and whole", PATIENCE * 2, || {
        let [active, standby] = [new, old].map(|node| bed.report(node, kind));
        let whole = active.is_some_and(|active| active.copy_queue == 0 && active.coverage_debts.is_empty());
        whole && standby.is_some_and(|standby| standby.end == SessionEnd::Standby) && clusters.active_by(old).as_ref() == Some(new)
    });
    Figure { pacemaker, whole }
}

/// Straight to the output: what a test that passes prints is held back.
fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").expect("an output");
}

fn told(side: Side, mut figures: Vec<Figure>) {
    let line = |name: &str, of: &dyn Fn(&Figure) -> Duration, figures: &mut Vec<Figure>| {
        figures.sort_by_key(of);
        let at = |place: usize| of(&figures[place]).as_millis();
        say(&format!("{side:<7} {name:<28} min {:>6} median {:>6} max {:>6} ms", at(0), at(figures.len() / 2), at(figures.len() - 1)));
    };
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    say(&format!("{} failovers of the {side}, load in the end {}", figures.len(), load.split(' ').next().unwrap_or_default()));
    line("Pacemaker starts the role", &|figure| figure.pacemaker, &mut figures);
    line("first item processed", &|figure| figure.whole, &mut figures);
    line("of that, the agents", &|figure| figure.whole.saturating_sub(figure.pacemaker), &mut figures);
    let ours = figures.iter().map(|figure| figure.whole.saturating_sub(figure.pacemaker)).max().unwrap_or_default();
    assert!(ours <= OURS_MAX, "the agents took {} ms of their own", ours.as_millis());
}

fn measured(side: Side) {
    let own = std::cell::OnceCell::new();
    let Some(clusters) = Clusters::up(|| own.get_or_init(|| bed(side)), true) else { return };
    let bed = own.get().expect("the clusters have a bed");
    let mut user = User::of(&bed.path("mail/old/alice"), 5);
    let count = std::env::var("MAILFERRY_FAILOVERS").ok().map_or(3, |text| text.parse().expect("a number"));
    wait_until("mail has come through", PATIENCE, || {
        !events(bed, &bed.nodes(Side::Target)[0], AgentKind::Target, "container.applied").is_empty()
    });
    let figures = (0..count).map(|_| failover(bed, &clusters, &mut user, side)).collect();
    // Agents that sleep for a minute need a few of them to come to rest.
    clusters.settle(PATIENCE * 4);
    drop(clusters);
    prove(bed);
    told(side, figures);
}

#[test]
fn a_standby_of_the_source_is_woken_by_its_role_and_not_by_its_clock() {
    measured(Side::Source);
}

#[test]
fn a_standby_of_the_target_is_woken_by_its_role_and_not_by_its_clock() {
    measured(Side::Target);
}
