//! The laws of durability, held against what agents did to disks: the record is played on a model that knows what a power cut
//! could still take back.
//!
//! A power cut takes back bytes of a file that were not synced since, and names whose folder was not. Every node's home and share,
//! and the mail store, are disks of their own: the sync of one says nothing about another. The model lives on from process to
//! process, killed ones included, as the cache of a disk does.
//!
//! | law | text |
//! |---|---|
//! | bytes before name | a file gets its lasting name only when its bytes are synced |
//! | disk before record | when an agent syncs its database, nothing it did elsewhere can be taken back |
//! | record before deletion | a container is deleted only when what became of it has been synced into the database |
//! | successor before deletion | a container is deleted only when nothing of its successors can be taken back, whoever made them |

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use crate::strace::Op;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Name {
    Made,
    Gone,
}

/// Something a power cut could take back, and the run that did it.
#[derive(Clone, Copy, Debug)]
struct Pending<T> {
    what: T,
    run: usize,
}

/// How often each law was asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Asked {
    pub bytes_before_name: usize,
    pub disk_before_record: usize,
    pub record_before_deletion: usize,
    pub successor_before_deletion: usize,
}

#[derive(Debug, Default)]
pub struct Disks {
    root: PathBuf,
    there: BTreeSet<PathBuf>,
    bytes: BTreeMap<PathBuf, Pending<()>>,
    names: BTreeMap<PathBuf, Pending<Name>>,
    run: usize,
    /// Containers this run has given to the next place, and whether mail: not in the database yet.
    unrecorded: BTreeSet<String>,
    mail_unrecorded: bool,
    pub asked: Asked,
    pub broken: Vec<String>,
}

impl Disks {
    pub fn below(root: &Path) -> Self {
        Disks { root: root.into(), ..Disks::default() }
    }

    /// A new process begins. What is there is there; what was pending is so still.
    pub fn begin(&mut self) {
        self.run += 1;
        self.unrecorded.clear();
        self.mail_unrecorded = false;
        self.there = crate::corpora::files_below(&self.root).into_iter().collect();
    }

    /// Plays one operation; answers how many lasting names of this run it made durable.
    pub fn play(&mut self, op: &Op) -> usize {
        let ours = |path: &Path| path.starts_with(&self.root);
        match op {
            Op::Create(path) if ours(path) && !self.there.contains(path) => {
                self.there.insert(path.clone());
                self.name(path, Name::Made);
            }
            Op::Write(path) if ours(path) => self.wrote(path),
            Op::MakeFolder(path) if ours(path) => self.name(path, Name::Made),
            Op::Remove(path) if ours(path) => self.removed(path),
            Op::Rename(from, to) if ours(to) => self.renamed(from, to),
            Op::Sync(path) if ours(path) => return self.synced(path),
            Op::SyncDisk(path) if ours(path) => {
                let disk = self.disk_of(path);
                self.bytes.retain(|path, _| !path.starts_with(&disk));
                self.names.retain(|path, _| !path.starts_with(&disk));
            }
            _ => {}
        }
        0
    }

    fn name(&mut self, path: &Path, what: Name) {
        self.names.insert(path.into(), Pending { what, run: self.run });
    }

    fn wrote(&mut self, path: &Path) {
        self.bytes.insert(path.into(), Pending { what: (), run: self.run });
        if self.is_mail(path) && is_lasting(path) {
            self.mail_unrecorded = true;
        }
    }

    fn renamed(&mut self, from: &Path, to: &Path) {
        if is_lasting(to) {
            self.asked.bytes_before_name += 1;
            if self.bytes.contains_key(from) {
                self.breaks("bytes before name", to, "its bytes are not synced");
            }
        }
        if let Some(pending) = self.bytes.remove(from) {
            self.bytes.insert(to.into(), pending);
        }
        self.name(from, Name::Gone);
        self.name(to, Name::Made);
        self.there.remove(from);
        self.there.insert(to.into());
        if self.is_mail(to) && is_lasting(to) {
            self.mail_unrecorded = true;
        } else if matches!(area(to), Some("OUT" | "IN")) && is_container(to) {
            self.unrecorded.insert(file_name(to));
        }
    }

    fn removed(&mut self, path: &Path) {
        if let Some(area) = area(path).filter(|_| is_container(path)) {
            self.may_go(path, area);
        }
        self.bytes.remove(path);
        self.there.remove(path);
        self.name(path, Name::Gone);
    }

    fn may_go(&mut self, path: &Path, area: &str) {
        self.asked.record_before_deletion += 1;
        self.asked.successor_before_deletion += 1;
        let name = file_name(path);
        if self.unrecorded.contains(&name) || (area == "IN" && self.mail_unrecorded) {
            self.breaks("record before deletion", path, "what became of it is not in the database yet");
        }
        let next = match area {
            "WORK" => Some("OUT"),
            "OUT" => Some("IN"),
            _ => None,
        };
        let follows = |other: &Path| match next {
            Some(next) => file_name(other) == name && self::area(other) == Some(next),
            None => self.is_mail(other) && is_lasting(other),
        };
        let names = self.names.iter().filter(|(_, pending)| next.is_none() || pending.what == Name::Made).map(|(path, _)| path);
        let open: Vec<&PathBuf> = self.bytes.keys().chain(names).filter(|path| follows(path)).collect();
        if let Some(open) = open.first() {
            let why = format!("{} can still be taken back", open.display());
            self.breaks("successor before deletion", path, &why);
        }
    }

    fn synced(&mut self, path: &Path) -> usize {
        if is_database(path) {
            self.record(path);
        }
        self.bytes.remove(path);
        let settled: Vec<PathBuf> = self.names.keys().filter(|name| name.parent() == Some(path)).cloned().collect();
        let mut lasting = 0;
        for name in settled {
            let pending = self.names.remove(&name);
            lasting += usize::from(pending.is_some_and(|pending| pending.run == self.run) && is_lasting(&name));
        }
        lasting
    }

    fn record(&mut self, database: &Path) {
        self.asked.disk_before_record += 1;
        let (run, bytes, names) = (self.run, &self.bytes, &self.names);
        let bytes = bytes.iter().filter(|(_, pending)| pending.run == run).map(|(path, _)| path);
        let names = names.iter().filter(|(_, pending)| pending.run == run).map(|(path, _)| path);
        let open: Vec<String> = bytes.chain(names).filter(|path| is_lasting(path)).map(|path| path.display().to_string()).collect();
        if !open.is_empty() {
            self.breaks("disk before record", database, &format!("these can still be taken back: {}", open.join(" ")));
        }
        self.unrecorded.clear();
        self.mail_unrecorded = false;
    }

    fn breaks(&mut self, law: &str, path: &Path, why: &str) {
        self.broken.push(format!("{law}: {}: {why}", path.display()));
    }

    fn is_mail(&self, path: &Path) -> bool {
        path.starts_with(self.root.join("mail/new"))
    }

    /// `NODE/share`, `NODE/agents`, `mail/new`, or a witness.
    fn disk_of(&self, path: &Path) -> PathBuf {
        let below = path.strip_prefix(&self.root).unwrap_or(path);
        let names = if below.starts_with("witness-source") || below.starts_with("witness-target") { 1 } else { 2 };
        self.root.join(below.components().take(names).collect::<PathBuf>())
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_container(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "prv")
}

/// The folder below `NTA`.
fn area(path: &Path) -> Option<&str> {
    let mut names = path.components().map(|name| name.as_os_str().to_str().unwrap_or_default());
    names.find(|name| *name == "NTA")?;
    names.next()
}

fn is_database(path: &Path) -> bool {
    matches!(file_name(path).as_str(), "config.db" | "config.db-wal")
}

/// What somebody relies on: no temporary file, no lock, no log, and not the database, which syncs itself.
fn is_lasting(path: &Path) -> bool {
    let name = file_name(path);
    let temporary = [".part", ".mailferry-new", ".lock"].iter().any(|ending| name.ends_with(ending));
    let inside = |folder: &str| path.parent().and_then(Path::file_name).is_some_and(|parent| parent == folder);
    let own = name.starts_with("config.db") || ["lock", "log", "status.json"].contains(&name.as_str()) || inside("log");
    !temporary && !own && !inside("tmp") && name != "tmp"
}
