//! The simulated bodies of the ports hold every law that the real ones hold (`crates/host/tests/conformance.rs`, `crates/stores`).

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use mailferry_core::model::{Flags, FolderPath};
use mailferry_core::ports::{Clock, MailSource, MailTarget, RolePort, Share, SharePath, Steps, Stores};
use mailferry_core::state::Database;
use mailferry_rules::topology::Side;
use mailferry_sim::disk::{Disk, SimShare};
use mailferry_sim::process::{Fate, Process};
use mailferry_sim::store::{Shelf, SimMailbox, SimStores, locked};
use mailferry_sim::world::World;

fn process() -> Arc<Process> {
    Process::new("NODE", "agent", Arc::default())
}

mod share {
    use super::*;

    struct Bench(Arc<Disk>);

    impl mailferry_conformance::share::Bench for Bench {
        fn share(&self) -> Arc<dyn Share> {
            SimShare::new(self.0.clone(), process())
        }

        fn set_away(&self, away: bool) {
            self.0.set_away(away);
        }

        fn fill_up(&self) -> bool {
            self.0.set_full(true);
            true
        }

        fn deny_deletion(&self, _file: &SharePath) -> bool {
            self.0.set_refuses_deletion(true);
            true
        }
    }

    mailferry_conformance::share!(Bench(Disk::new("NODE", Arc::default())));
}

mod state {
    use super::*;

    #[derive(Default)]
    struct Bench(RefCell<BTreeMap<String, Arc<Disk>>>);

    impl mailferry_conformance::state::Bench for Bench {
        fn open(&self, _node: &str, steps: Arc<dyn Steps>) -> Database {
            Database::in_memory(steps).expect("a database")
        }

        /// What the world does when a process of its has died.
        fn again(&self, _node: &str, database: Database, _steps: Arc<dyn Steps>) -> Database {
            database
        }

        fn share(&self, node: &str) -> Arc<dyn Share> {
            let disk = self.0.borrow_mut().entry(node.into()).or_insert_with(|| Disk::new(node, Arc::default())).clone();
            SimShare::new(disk, process())
        }
    }

    mailferry_conformance::state!(Bench::default());
}

mod store {
    use mailferry_conformance::store::Limits;

    use super::*;

    struct Bench(Shelf);

    fn bench() -> Bench {
        let shelf = Shelf::default();
        locked(&shelf).insert("sim:a".into(), SimMailbox::default());
        Bench(shelf)
    }

    impl Bench {
        fn stores(&self) -> SimStores {
            SimStores { shelf: self.0.clone(), process: process(), trouble: Arc::default(), tokenless: false }
        }
    }

    impl mailferry_conformance::store::Bench for Bench {
        fn name(&self) -> String {
            "simulated".into()
        }

        fn target(&self) -> Box<dyn MailTarget> {
            self.stores().target("sim:a").expect("opened")
        }

        fn source(&self) -> Box<dyn MailSource> {
            self.stores().source("sim:a").expect("opened")
        }

        fn empty_source(&self) -> Option<Box<dyn MailSource>> {
            Some(self.source())
        }

        fn client_marks_seen(&self, folder: &FolderPath) -> bool {
            let mut shelf = locked(&self.0);
            let items = shelf.get_mut("sim:a").and_then(|mailbox| mailbox.folders.get_mut(folder)).expect("a folder");
            items[0].marks.flags = items[0].marks.flags.with(Flags::SEEN);
            true
        }

        fn client_empties(&self, folder: &FolderPath) -> bool {
            let mut shelf = locked(&self.0);
            shelf.get_mut("sim:a").and_then(|mailbox| mailbox.folders.get_mut(folder)).expect("a folder").clear();
            true
        }

        /// Doubling by an agent has to be seen.
        fn limits(&self) -> Limits {
            Limits { dedupes: false, dates: i64::MIN..=i64::MAX, keywords_max: usize::MAX, ..Limits::default() }
        }
    }

    mailferry_conformance::store!(bench());
}

/// The same shelf behind a network: no tokens, ids behind the flush.
mod server {
    use mailferry_conformance::store::{Limits, Names, Settled};
    use mailferry_core::model::{FolderInfo, ItemKey, TargetId};
    use mailferry_core::ports::{OpenItem, SeenBeside, SeenItem, ShownAs, StoreError};

    use super::*;

    struct Bench(SimStores, Names);

    fn bench() -> Bench {
        let shelf = Shelf::default();
        locked(&shelf).insert("sim:a".into(), SimMailbox::default());
        Bench(SimStores { shelf, process: process(), trouble: Arc::default(), tokenless: true }, Names::default())
    }

    impl mailferry_conformance::store::Bench for Bench {
        fn name(&self) -> String {
            "a simulated server".into()
        }

        fn target(&self) -> Box<dyn MailTarget> {
            let stores = self.0.clone();
            Box::new(Settled::new(move || stores.target("sim:a").expect("opened"), self.1.clone()))
        }

        fn source(&self) -> Box<dyn MailSource> {
            Box::new(Named(self.0.source("sim:a").expect("opened"), self.1.clone()))
        }

        fn limits(&self) -> Limits {
            let dates = i64::MIN..=i64::MAX;
            Limits { dedupes: false, unflushed_is_gone: false, move_hints: false, dates, keywords_max: usize::MAX, ..Limits::default() }
        }
    }

    /// Knows what the target has told. What is moved gets another id at a server: none outlives that.
    struct Named(Box<dyn MailSource>, Names);

    impl MailSource for Named {
        fn describe(&self) -> String {
            self.0.describe()
        }

        fn folders(&mut self) -> Result<Vec<FolderInfo>, StoreError> {
            self.0.folders()
        }

        fn confirm_gone(&mut self, folder: &FolderPath) -> Result<(), StoreError> {
            self.0.confirm_gone(folder)
        }

        fn scan(&mut self, folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError> {
            self.0.scan(folder, &mut |item| each(SeenItem { move_hint: None, ..item }))
        }

        fn beside(&mut self) -> Result<Vec<SeenBeside>, StoreError> {
            self.0.beside()
        }

        fn open<'a>(&'a mut self, folder: &FolderPath, key: &ItemKey) -> Result<Option<OpenItem<'a>>, StoreError> {
            self.0.open(folder, key)
        }

        fn shown_as(&mut self, folder: &FolderPath, id: &TargetId) -> Result<ShownAs, StoreError> {
            self.0.shown_as(folder, &self.1.real(id))
        }
    }

    mailferry_conformance::store!(bench());
}

mod role {
    use super::*;

    struct Bench(World);

    fn bench() -> Bench {
        let world = World::new(Side::cluster("SRC", &["SRC1", "SRC2"]), Side::standalone("TGT"), Arc::<Fate>::default());
        Bench(world.expect("a world"))
    }

    impl mailferry_conformance::role::Bench for Bench {
        fn nodes(&self) -> [String; 2] {
            ["SRC1".into(), "SRC2".into()]
        }

        fn role_of(&self, node: &str) -> Arc<dyn RolePort> {
            self.0.role_of(node)
        }

        fn alone(&self) -> Arc<dyn RolePort> {
            self.0.role_of("TGT")
        }

        fn give(&self, node: &str) {
            self.0.activate(&self.0.source, node);
        }

        fn silence(&self) {
            self.0.silence(&self.0.source);
        }
    }

    mailferry_conformance::role!(bench());
}

mod clock {
    use super::*;

    struct Bench(World);

    fn bench() -> Bench {
        Bench(World::new(Side::standalone("SRC"), Side::standalone("TGT"), Arc::<Fate>::default()).expect("a world"))
    }

    impl mailferry_conformance::clock::Bench for Bench {
        fn clock(&self) -> Arc<dyn Clock> {
            self.0.clock_of("SRC")
        }

        fn pass(&self, ms: u64) {
            self.0.pass_time(ms);
        }
    }

    mailferry_conformance::clock!(bench());
}
