//! The simulated disk beside a folder.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailferry_conformance::share::{path, put, read};
use mailferry_core::ports::{PartWriter, ReadSeek, Share, ShareError, ShareErrorKind, SharePath};
use mailferry_host::LocalShare;
use mailferry_sim::dice::Dice;
use mailferry_sim::disk::{Disk, SimShare};
use mailferry_sim::process::Process;
use mailferry_tests::scratch;

use super::{Tale, live};

const STEPS: usize = 1000;
/// Files that are folders at other times, names that differ in one letter's case, and names that are no ASCII.
const FOLDERS: &[&str] = &["IN", "IN/a", "OUT/T1", "OUT/T1/b"];
const NAMES: &[&str] = &["a", "b", "T1", "x.N1.part", "x.N2.part", "ä \u{1F4EC}", "-f ~"];

#[test]
fn a_simulated_disk_and_a_folder_answer_alike() {
    live("share", 5, |dice, tale| {
        let mut twins = Twins::new();
        for _ in 0..STEPS {
            twins.step(dice, tale);
            twins.compare();
        }
    });
}

struct Twins {
    disk: Arc<Disk>,
    root: PathBuf,
    sim: Arc<dyn Share>,
    real: LocalShare,
    /// The names they were opened by, which the other steps like to use.
    writers: Vec<(SharePath, [Box<dyn PartWriter>; 2])>,
    /// An open file that is written in place may show what is added, or not: they are closed before that.
    readers: Vec<[Box<dyn ReadSeek>; 2]>,
    _home: tempfile::TempDir,
}

fn kind<T>(answer: Result<T, ShareError>) -> Result<T, ShareErrorKind> {
    answer.map_err(|error| error.kind)
}

fn any_file(dice: &mut Dice) -> SharePath {
    let name = *dice.pick(NAMES).expect("names");
    match dice.pick(FOLDERS) {
        Some(folder) if !dice.chance(100) => path(&format!("{folder}/{name}")),
        _ => path(name),
    }
}

fn bytes(dice: &mut Dice) -> Vec<u8> {
    let (length, letter) = (dice.below(12), b'a' + dice.below(26) as u8);
    (0..length).map(|_| letter).collect()
}

/// Every file below a folder with its bytes.
fn files_below(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = format!("{prefix}{}", entry.file_name().to_str().expect("Unicode"));
        match entry.file_type().expect("a type").is_dir() {
            true => files_below(&entry.path(), &format!("{name}/"), found),
            false => drop(found.insert(name, fs::read(entry.path()).expect("readable"))),
        }
    }
}

impl Twins {
    fn new() -> Self {
        let home = scratch();
        let (disk, root) = (Disk::new("NODE", Arc::default()), home.path().join("NODE"));
        fs::create_dir(&root).expect("a folder");
        let sim = SimShare::new(disk.clone(), Process::new("NODE", "agent", Arc::default()));
        Twins { disk, real: LocalShare::new(&root), root, sim, writers: Vec::new(), readers: Vec::new(), _home: home }
    }

    fn compare(&self) {
        let mut real = BTreeMap::new();
        files_below(&self.root, "", &mut real);
        assert_eq!(*self.disk.files(), real, "left: simulated, right: real");
    }

    fn same<T: PartialEq + std::fmt::Debug>(&self, tale: &Tale, what: &str, ask: impl Fn(&dyn Share) -> T) {
        tale.same(what, ask(&*self.sim), ask(&self.real));
    }

    fn step(&mut self, dice: &mut Dice, tale: &Tale) {
        match dice.below(24) {
            0..=15 => self.ask(dice, tale),
            16 | 17 => self.open_writer(dice, tale),
            18 | 19 => self.write(dice, tale),
            20 => drop(self.writers.pop()),
            21 => self.open_reader(dice, tale),
            22 => self.read_on(dice, tale),
            _ => self.ask_while_away(dice, tale),
        }
    }

    fn likely_file(&self, dice: &mut Dice) -> SharePath {
        let open = if dice.chance(300) { dice.pick(&self.writers) } else { None };
        open.map_or_else(|| any_file(dice), |(file, _)| file.clone())
    }

    /// One call that opens nothing.
    fn ask(&mut self, dice: &mut Dice, tale: &Tale) {
        let (file, other, content) = (self.likely_file(dice), any_file(dice), bytes(dice));
        let folder = dice.pick(FOLDERS).map_or(SharePath::root(), |folder| path(folder));
        match dice.below(10) {
            0 => self.same(tale, &format!("list {folder}"), |share| kind(share.list(&folder))),
            1 => self.same(tale, "list the share", |share| kind(share.list(&SharePath::root()))),
            2 => self.same(tale, &format!("size {file}"), |share| kind(share.size(&file))),
            3 => self.same(tale, &format!("read {file}"), |share| read(share, &file)),
            4 => {
                self.readers.clear();
                let keep = dice.below(12).saturating_sub(4);
                self.same(tale, &format!("write {file} behind {keep}"), |share| put(share, &file, keep, &content));
            }
            5 => self.same(tale, &format!("publish {file} as {other}"), |share| kind(share.publish(&file, &other))),
            6 => self.same(tale, &format!("replace {file}"), |share| kind(share.replace(&file, &content))),
            7 => self.same(tale, &format!("claim {file}"), |share| kind(share.claim(&file, &content))),
            8 => self.same(tale, &format!("move {file} to {other}"), |share| kind(share.move_to(&file, &other))),
            _ => self.same(tale, &format!("remove {file}"), |share| kind(share.remove(&file))),
        }
    }

    fn ask_while_away(&mut self, dice: &mut Dice, tale: &Tale) {
        let elsewhere = self.root.with_extension("away");
        fs::rename(&self.root, &elsewhere).expect("renamed");
        self.disk.set_away(true);
        tale.tell("the node is away".into());
        self.ask(dice, tale);
        fs::rename(&elsewhere, &self.root).expect("renamed");
        self.disk.set_away(false);
    }

    fn open_writer(&mut self, dice: &mut Dice, tale: &Tale) {
        self.readers.clear();
        let (file, keep) = (self.likely_file(dice), dice.below(8).saturating_sub(4));
        let (sim, real) = (kind(self.sim.part(&file, keep)), kind(self.real.part(&file, keep)));
        tale.same(&format!("open {file} for writing behind {keep}"), sim.as_ref().err(), real.as_ref().err());
        if let (Ok(sim), Ok(real)) = (sim, real) {
            self.writers.insert(0, (file, [sim, real]));
            self.writers.truncate(3);
        }
    }

    fn write(&mut self, dice: &mut Dice, tale: &Tale) {
        self.readers.clear();
        let content = bytes(dice);
        let at = dice.below(3) as usize;
        let Some((_, writers)) = self.writers.get_mut(at) else { return };
        let [sim, real] = writers.each_mut().map(|writer| {
            writer.write_all(&content).expect("taken");
            kind(writer.sync())
        });
        tale.same(&format!("write {} bytes with writer {at}", content.len()), sim, real);
    }

    fn open_reader(&mut self, dice: &mut Dice, tale: &Tale) {
        let file = any_file(dice);
        let (sim, real) = (kind(self.sim.open(&file)), kind(self.real.open(&file)));
        tale.same(&format!("open {file} for reading"), sim.as_ref().err(), real.as_ref().err());
        if let (Ok(sim), Ok(real)) = (sim, real) {
            self.readers.insert(0, [sim, real]);
            self.readers.truncate(3);
        }
    }

    fn read_on(&mut self, dice: &mut Dice, tale: &Tale) {
        let (at, from, length) = (dice.below(3) as usize, dice.below(9), dice.below(9) as usize);
        let Some(readers) = self.readers.get_mut(at) else { return };
        let [sim, real] = readers.each_mut().map(|reader| {
            let mut read = vec![0; length];
            let stands = if from < 5 { reader.seek(SeekFrom::Start(from)) } else { reader.stream_position() };
            let got = reader.read(&mut read).expect("readable");
            (stands.expect("a position"), read[..got].to_vec())
        });
        tale.same(&format!("read {length} bytes with reader {at}"), sim, real);
    }
}
