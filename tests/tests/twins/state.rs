//! A database in memory on simulated disks beside one on a file on folders: two nodes that write, die, take over and replicate.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use mailferry_conformance::state::{Kill, debt, debts, everything, owe, replay, ship};
use mailferry_core::ports::{Share, Steps};
use mailferry_core::replication::ReplicationError;
use mailferry_core::state::ledger::debts as table;
use mailferry_core::state::{Database, StateError};
use mailferry_host::LocalShare;
use mailferry_rules::ids::Epoch;
use mailferry_sim::dice::Dice;
use mailferry_sim::disk::{Disk, SimShare};
use mailferry_sim::process::Process;
use mailferry_tests::scratch;
use tempfile::TempDir;

use super::{Tale, live};

const STEPS: usize = 200;
const NODES: [&str; 2] = ["N1", "N2"];
const OUTBOX_BYTES_MAX: u64 = 3000;

#[test]
fn a_database_in_memory_and_one_on_a_file_answer_alike() {
    live("state", 3, |dice, tale| {
        let mut twins = Twins::new();
        for _ in 0..STEPS {
            twins.step(dice, tale);
            twins.compare(tale);
        }
        twins.nodes.iter().flatten().for_each(|database| database.integrity().expect("whole"));
    });
}

struct Twins {
    home: TempDir,
    kill: Arc<Kill>,
    disks: [Arc<Disk>; 2],
    /// Of each node: the database in memory, the one on a file.
    nodes: [[Database; 2]; 2],
    rows: u64,
}

/// Without the place, which differs.
fn said(error: &StateError) -> String {
    match error {
        StateError::Stopped(why) => why.clone(),
        error => error.to_string(),
    }
}

fn replication_said(error: &ReplicationError) -> String {
    match error {
        ReplicationError::Share(error) => format!("{:?}", error.kind),
        ReplicationError::State(error) => said(error),
        ReplicationError::Fenced { own, seen, .. } => format!("fenced: {own} {seen}"),
        ReplicationError::Damaged { why, .. } => why.clone(),
        error => error.to_string(),
    }
}

impl Twins {
    fn new() -> Self {
        let (home, kill) = (scratch(), Arc::<Kill>::default());
        let disks = NODES.map(|node| Disk::new(node, Arc::default()));
        NODES.iter().for_each(|node| fs::create_dir(home.path().join(node)).expect("a folder"));
        let nodes = NODES.map(|node| {
            let file = home.path().join(format!("{node}.db"));
            let both = [Database::in_memory(kill.clone()), Database::open(&file, kill.clone())];
            both.map(|database| database.expect("a database"))
        });
        let mut twins = Twins { home, kill, disks, nodes, rows: 0 };
        twins.nodes.iter_mut().flatten().for_each(|database| database.set_outbox_bytes_max(OUTBOX_BYTES_MAX));
        twins
    }

    fn folder(&self, node: usize) -> PathBuf {
        self.home.path().join(NODES[node])
    }

    fn shares(&self, node: usize) -> [Arc<dyn Share>; 2] {
        let process = Process::new("NODE", "agent", Arc::default());
        [SimShare::new(self.disks[node].clone(), process), Arc::new(LocalShare::new(self.folder(node)))]
    }

    fn step(&mut self, dice: &mut Dice, tale: &Tale) {
        let node = dice.below(2) as usize;
        let deadly = dice.chance(150);
        if deadly {
            let before = dice.chance(500);
            self.kill.set(before, !before);
            tale.tell(format!("killed {} the next commit", if before { "before" } else { "after" }));
        }
        match dice.below(16) {
            0..=6 => self.write(node, dice, tale),
            7 => self.fail_to_write(node, tale),
            8 => self.begin_epoch(node, dice, tale),
            9..=11 => self.ship(node, tale),
            12..=14 => self.replay(node, tale),
            _ => self.prune(node, dice, tale),
        }
        self.kill.set(false, false);
        if deadly || dice.chance(100) {
            self.again(node, tale);
        }
    }

    fn both<T: PartialEq + std::fmt::Debug>(
        &mut self,
        node: usize,
        tale: &Tale,
        what: &str,
        mut act: impl FnMut(&mut Database) -> Result<T, StateError>,
    ) {
        let [sim, real] = self.nodes[node].each_mut().map(|database| act(database).map_err(|error| said(&error)));
        tale.same(&format!("{}: {what}", NODES[node]), sim, real);
    }

    fn write(&mut self, node: usize, dice: &mut Dice, tale: &Tale) {
        self.rows += 1;
        let (row, word) = (dice.below(20), self.rows);
        match dice.below(3) {
            0 => self.both(node, tale, &format!("pay {row}"), |db| db.write(|tx| Ok(table::paid(tx, &debt(row, 0))?))),
            1 => self.both(node, tale, &format!("owe {row}"), |db| owe(db, row, word)),
            _ => self
                .both(node, tale, "owe many", |db| db.write(|tx| Ok((row..row + 9).try_for_each(|row| table::owe(tx, &debt(row, word)))?))),
        }
    }

    fn fail_to_write(&mut self, node: usize, tale: &Tale) {
        self.both(node, tale, "a write that fails", |db| {
            db.write(|tx| {
                table::owe(tx, &debt(1, 99))?;
                Err::<(), _>(StateError::Busy)
            })
        });
    }

    fn begin_epoch(&mut self, node: usize, dice: &mut Dice, tale: &Tale) {
        let seen = self.nodes.iter().map(|[sim, _]| sim.position().expect("a position").epoch.0).max().unwrap_or(0);
        let epoch = Epoch((seen + dice.below(3)).saturating_sub(1));
        self.both(node, tale, &format!("begin epoch {epoch}"), |db| db.begin_epoch(epoch));
    }

    fn prune(&mut self, node: usize, dice: &mut Dice, tale: &Tale) {
        let standbys: &[&str] = if dice.chance(700) { &NODES } else { &[] };
        self.both(node, tale, &format!("prune {standbys:?}"), |db| db.prune(standbys));
    }

    fn ship(&mut self, node: usize, tale: &Tale) {
        let to = 1 - node;
        let [sim_share, real_share] = self.shares(to);
        let [sim, real] = self.nodes[node].each_mut();
        let sim = ship(&*sim_share, NODES[node], sim, NODES[to]).map_err(|error| replication_said(&error));
        let real = ship(&*real_share, NODES[node], real, NODES[to]).map_err(|error| replication_said(&error));
        tale.same(&format!("{} ships", NODES[node]), sim, real);
    }

    fn replay(&mut self, node: usize, tale: &Tale) {
        let [sim_share, real_share] = self.shares(node);
        let [sim, real] = self.nodes[node].each_mut();
        let sim = replay(&*sim_share, NODES[node], sim).map_err(|error| replication_said(&error));
        let real = replay(&*real_share, NODES[node], real).map_err(|error| replication_said(&error));
        tale.same(&format!("{} replays", NODES[node]), sim, real);
    }

    /// The process ends and begins again: memory keeps what the file keeps.
    fn again(&mut self, node: usize, tale: &Tale) {
        tale.tell(format!("{} starts again", NODES[node]));
        let file = self.home.path().join(format!("{}.db", NODES[node]));
        let real = &mut self.nodes[node][1];
        *real = Database::in_memory(self.kill.clone()).expect("closes the file");
        *real = Database::open(&file, self.kill.clone() as Arc<dyn Steps>).expect("a database");
        real.set_outbox_bytes_max(OUTBOX_BYTES_MAX);
    }

    fn compare(&self, tale: &Tale) {
        for (at, [sim, real]) in self.nodes.iter().enumerate() {
            assert_eq!(everything(sim), everything(real), "{}: left in memory, right on a file", NODES[at]);
            let files = self.files(at);
            assert!(*self.disks[at].files() == files, "{}: the folders differ: {:?}", NODES[at], files.keys());
            tale.tell(format!("{}: {} rows, {} files", NODES[at], debts(real).len(), files.len()));
        }
    }

    fn files(&self, node: usize) -> BTreeMap<String, Vec<u8>> {
        let root = self.folder(node);
        let (mut files, mut open) = (BTreeMap::new(), vec![root.clone()]);
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let names: Vec<_> = path.strip_prefix(&root).expect("below").iter().map(|name| name.to_string_lossy()).collect();
                files.insert(names.join("/"), fs::read(&path).expect("readable"));
            }
        }
        files
    }
}
