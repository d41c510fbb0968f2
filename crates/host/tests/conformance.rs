//! The bodies of the ports that are the operating system's hold every law that the simulated ones hold (`crates/sim/tests`).

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mailferry_core::ports::{Clock, RolePort, Share, SharePath, Steps};
use mailferry_core::state::Database;
use mailferry_host::{LocalShare, StaticRole, SystemClock, set_active_node};
use mailferry_rules::topology::Side;
use tempfile::TempDir;

fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

fn skipped(why: &str) -> bool {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
    false
}

/// A folder that can go away.
struct Folder {
    home: TempDir,
    root: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let home = TempDir::new().expect("a temporary folder");
        let root = home.path().join("NODE");
        fs::create_dir(&root).expect("a folder");
        Folder { home, root }
    }

    fn elsewhere(&self) -> PathBuf {
        self.home.path().join("elsewhere")
    }

    fn set_away(&self, away: bool) {
        let (root, elsewhere) = (self.root.clone(), self.elsewhere());
        let (from, to) = if away { (root, elsewhere) } else { (elsewhere, root) };
        fs::rename(from, to).expect("renamed");
    }
}

mod share {
    use std::cell::RefCell;

    use super::*;

    /// Files that nobody may delete until the bench is taken down; a disk of its own, unmounted then.
    struct Bench {
        folder: Folder,
        immutable: RefCell<Option<PathBuf>>,
        mounted: RefCell<bool>,
    }

    fn bench() -> Bench {
        Bench { folder: Folder::new(), immutable: RefCell::default(), mounted: RefCell::default() }
    }

    /// A small disk, as many files on it as the folder has, and not a byte of room.
    fn mount_full(root: &Path) -> bool {
        let files = |folder: &Path| -> Vec<(PathBuf, Vec<u8>)> {
            let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path());
            entries.map(|path| (path.clone(), fs::read(path).expect("readable"))).collect()
        };
        let kept = files(&root.join("IN"));
        if !succeeds("mount", &["-t", "tmpfs", "-o", "size=64k", "tmpfs", &root.display().to_string()]) {
            return skipped("a tmpfs cannot be mounted; run as root on Linux");
        }
        fs::create_dir(root.join("IN")).expect("a folder");
        kept.iter().for_each(|(path, bytes)| fs::write(path, bytes).expect("written"));
        let filled = fs::write(root.join("filling"), vec![0; 1 << 20]);
        filled.is_err_and(|error| error.kind() == std::io::ErrorKind::StorageFull)
    }

    impl mailferry_conformance::share::Bench for Bench {
        fn share(&self) -> Arc<dyn Share> {
            Arc::new(LocalShare::new(&self.folder.root))
        }

        fn set_away(&self, away: bool) {
            self.folder.set_away(away);
        }

        fn fill_up(&self) -> bool {
            let full = mount_full(&self.folder.root);
            *self.mounted.borrow_mut() = full;
            full
        }

        fn deny_deletion(&self, file: &SharePath) -> bool {
            let place = file.names().fold(self.folder.root.clone(), |place, name| place.join(name));
            if !succeeds("chattr", &["+i", &place.display().to_string()]) {
                return skipped("chattr +i does not work here; run as root on a disk that knows it");
            }
            *self.immutable.borrow_mut() = Some(place);
            true
        }
    }

    impl Drop for Bench {
        fn drop(&mut self) {
            if let Some(place) = self.immutable.take() {
                succeeds("chattr", &["-i", &place.display().to_string()]);
            }
            if self.mounted.take() {
                succeeds("umount", &["--lazy", &self.folder.root.display().to_string()]);
            }
        }
    }

    mailferry_conformance::share!(bench());

    #[test]
    fn a_missing_mount_point_is_never_made() {
        let folder = Folder::new();
        folder.set_away(true);
        let (share, file) = (LocalShare::new(&folder.root), mailferry_conformance::share::path("NTA/a"));
        assert!(share.part(&file, 0).is_err() && share.claim(&file, b"").is_err() && share.replace(&file, b"").is_err());
        assert!(!folder.root.exists());
    }
}

mod state {
    use super::*;

    struct Bench(TempDir);

    impl Bench {
        fn node(&self, node: &str) -> PathBuf {
            let folder = self.0.path().join(node);
            fs::create_dir_all(&folder).expect("a folder");
            folder
        }
    }

    impl mailferry_conformance::state::Bench for Bench {
        fn open(&self, node: &str, steps: Arc<dyn Steps>) -> Database {
            Database::open(&self.node(node).join("config.db"), steps).expect("a database")
        }

        fn again(&self, node: &str, database: Database, steps: Arc<dyn Steps>) -> Database {
            drop(database);
            self.open(node, steps)
        }

        fn share(&self, node: &str) -> Arc<dyn Share> {
            Arc::new(LocalShare::new(self.node(node)))
        }
    }

    mailferry_conformance::state!(Bench(TempDir::new().expect("a temporary folder")));
}

/// From a file at the witness.
mod static_role {
    use super::*;

    struct Bench(Folder);

    fn pair() -> Side {
        Side::cluster("SRC", &["SRC1", "SRC2"])
    }

    impl Bench {
        fn witness(&self) -> LocalShare {
            LocalShare::new(&self.0.root)
        }

        fn asked_by(&self, side: Side, me: &str) -> Arc<dyn RolePort> {
            Arc::new(StaticRole { side, me: me.into(), witness: Arc::new(self.witness()) })
        }
    }

    impl mailferry_conformance::role::Bench for Bench {
        fn nodes(&self) -> [String; 2] {
            ["SRC1".into(), "SRC2".into()]
        }

        fn role_of(&self, node: &str) -> Arc<dyn RolePort> {
            self.asked_by(pair(), node)
        }

        fn alone(&self) -> Arc<dyn RolePort> {
            self.asked_by(Side::standalone("TGT"), "TGT")
        }

        fn give(&self, node: &str) {
            set_active_node(&pair(), node, &self.witness()).expect("written");
        }

        fn silence(&self) {
            self.0.set_away(true);
        }
    }

    mailferry_conformance::role!(Bench(Folder::new()));

    #[test]
    fn without_a_file_the_first_node_is_active_and_names_are_read_in_any_case() {
        let witness = Bench(Folder::new()).0;
        let share = LocalShare::new(&witness.root);
        assert_eq!(mailferry_host::active_node(&pair(), &share).expect("an answer"), "SRC1");
        set_active_node(&pair(), "src2", &share).expect("written");
        assert_eq!(mailferry_host::active_node(&pair(), &share).expect("an answer"), "SRC2");
    }
}

mod clock {
    use super::*;

    struct Bench;

    impl mailferry_conformance::clock::Bench for Bench {
        fn clock(&self) -> Arc<dyn Clock> {
            Arc::new(SystemClock)
        }

        /// Looked at until it has passed: the clock under test counts whole milliseconds.
        fn pass(&self, ms: u64) {
            let begun = Instant::now();
            while begun.elapsed() < Duration::from_millis(ms + 1) {
                std::hint::spin_loop();
            }
        }
    }

    mailferry_conformance::clock!(Bench);
}
