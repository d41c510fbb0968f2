//! DeletedDataFiles from end to end: a copy on a passive node that cannot be deleted (R50-R55).

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mailferry_core::ports::UnwatchedSteps;
use mailferry_core::settings::{AgentKind, Side};
use mailferry_core::state::{Database, ledger::debts};
use mailferry_tests::damage::{Undeletable, files};
use mailferry_tests::{Bed, Plan, Services, console, prove, wait_until};

const PATIENCE: Duration = Duration::from_secs(30);
const DAY_MS: u64 = 86_400_000;

/// Where a container is deleted: by which agent, in which folder, on which nodes.
struct Scene {
    kind: AgentKind,
    side: Side,
    active: &'static str,
    passive: &'static str,
    folder: &'static str,
}

const OUT: Scene = Scene { kind: AgentKind::Transmission, side: Side::Source, active: "SRC1", passive: "SRC2", folder: "OUT/TGT1" };
const IN: Scene = Scene { kind: AgentKind::Target, side: Side::Target, active: "TGT1", passive: "TGT2", folder: "IN/SRC" };

impl Scene {
    /// One container lies in the folder on both nodes, right before the agent would take it and delete it.
    fn bed(&self) -> Bed {
        let settings = "CcrDeletedItemsTouchInterval = \"1s\"\nCcrDeletedItemsLifeTime = \"1m\"";
        let bed = Plan::new(2, 2).sample("alice", 20).settings(settings).build();
        bed.nodes(Side::Source).iter().for_each(|node| drop(bed.once(node, AgentKind::Source)));
        if self.side == Side::Target {
            bed.nodes(Side::Source).iter().for_each(|node| drop(bed.once(node, AgentKind::Transmission)));
        }
        bed
    }

    fn copy(&self, bed: &Bed, node: &str) -> Option<PathBuf> {
        files(&bed.share(node).join("NTA").join(self.folder)).pop()
    }

    fn attempts(&self, bed: &Bed) -> Option<u64> {
        bed.report(self.active, self.kind)?.deletion_debts.first().map(|debt| debt.attempts)
    }

    fn database(&self, bed: &Bed) -> Database {
        Database::open(&bed.home(self.active, self.kind).database(), Arc::new(UnwatchedSteps)).expect("a database")
    }

    /// A day passes for every row of DeletedDataFiles.
    fn let_a_day_pass(&self, bed: &Bed) {
        let aged = |db: &mut Database| {
            let rows = db.read(|db| Ok(debts::all(db)?)).expect("rows");
            assert!(!rows.is_empty());
            for mut row in rows {
                row.time.first_failure_ms -= DAY_MS;
                db.write(|tx| Ok(debts::owe(tx, &row)?)).expect("a row");
            }
        };
        aged(&mut self.database(bed));
    }
}

fn debts_told(bed: &Bed) -> (Option<i32>, String) {
    let output = console(&["debts", "--project", &bed.path("project.toml").display().to_string()]);
    (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
}

/// R50-R54: owed, shown, tried again, paid.
fn is_owed_until_it_can_be_deleted(scene: &Scene) {
    let bed = scene.bed();
    let passive = scene.copy(&bed, scene.passive).expect("a copy on the passive node");
    let active = scene.copy(&bed, scene.active).expect("a copy on the active node");
    let lock = Undeletable::make(&passive);
    let mut services = Services::all(&bed);
    wait_until("the deletion has been tried three times", PATIENCE, || scene.attempts(&bed) >= Some(3));
    services.assert_running();
    assert!(active.is_file(), "the active copy is kept");
    let (code, told) = debts_told(&bed);
    assert_eq!(code, Some(3), "{told}");
    let name = passive.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    for part in [&format!("deletion owed on {} by the {} agent of {}", scene.passive, scene.kind, scene.active), name, "cause:", "attempts"]
    {
        assert!(told.contains(part), "no `{part}` in:\n{told}");
    }
    drop(lock);
    services.settle(PATIENCE);
    drop(services);
    assert!(!active.exists() && !passive.exists());
    assert_eq!(debts_told(&bed), (Some(0), "nothing is owed\n".into()));
    prove(&bed);
}

/// R55: given up after its lifetime; the orphan goes when it can, and is neither sent nor imported.
fn is_given_up_after_its_lifetime_and_the_orphan_deleted_on_sight(scene: &Scene) {
    let bed = scene.bed();
    let passive = scene.copy(&bed, scene.passive).expect("a copy on the passive node");
    let lock = Undeletable::make(&passive);
    bed.once(scene.active, scene.kind);
    assert_eq!(scene.attempts(&bed), Some(1));
    scene.let_a_day_pass(&bed);
    let report = bed.once(scene.active, scene.kind);
    assert_eq!((report.counts.debts_given_up, report.deletion_debts.len()), (1, 0), "{report:?}");
    let log = bed.log(scene.active, scene.kind);
    assert!(log.contains("gave up deleting container") && log.contains("the file is an orphan"), "{log}");
    assert_eq!(scene.copy(&bed, scene.active), None, "the active copy is not kept any longer");
    let buried = scene.database(&bed).read(|db| Ok(debts::tombstones(db)?)).expect("tombstones");
    assert_eq!(buried.iter().map(|doomed| doomed.area.as_str()).collect::<Vec<_>>(), [scene.folder]);
    drop(lock);
    assert!(passive.is_file(), "the orphan turns up again");
    bed.settle();
    assert!(!passive.exists(), "the orphan is deleted on sight");
    prove(&bed);
}

/// The orphan turns up on the node that is active by then.
fn as_an_orphan_on_the_new_active_node_is_neither_sent_nor_imported(scene: &Scene) {
    let bed = scene.bed();
    let passive = scene.copy(&bed, scene.passive).expect("a copy on the passive node");
    let bytes = fs::read(&passive).expect("readable");
    let lock = Undeletable::make(&passive);
    bed.once(scene.active, scene.kind);
    scene.let_a_day_pass(&bed);
    bed.once(scene.active, scene.kind);
    drop(lock);
    bed.settle();
    bed.switch_over(scene.side);
    bed.settle();
    fs::write(&passive, bytes).expect("writable");
    let report = bed.once(scene.passive, scene.kind);
    assert_eq!((report.role.as_str(), report.counts.delivered, report.counts.taken), ("active", 0, 0), "{report:?}");
    assert!(!passive.exists());
    bed.settle();
    prove(&bed);
}

macro_rules! scenes {
    ($($name:ident: $scene:expr,)+) => {
        $(mod $name {
            #[test]
            fn is_owed_until_it_can_be_deleted() {
                super::is_owed_until_it_can_be_deleted(&$scene);
            }

            #[test]
            fn is_given_up_after_its_lifetime_and_the_orphan_deleted_on_sight() {
                super::is_given_up_after_its_lifetime_and_the_orphan_deleted_on_sight(&$scene);
            }

            #[test]
            fn as_an_orphan_on_the_new_active_node_is_neither_sent_nor_imported() {
                super::as_an_orphan_on_the_new_active_node_is_neither_sent_nor_imported(&$scene);
            }
        })+
    };
}

scenes! {
    a_container_in_out: super::OUT,
    a_container_in_in: super::IN,
}
