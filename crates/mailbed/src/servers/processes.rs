//! The processes of a server: started as a group, counted as a tree, ended together.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// What /proc counts time in, on every Linux there is.
const TICKS_PER_SECOND: f64 = 100.0;

pub(crate) struct Processes {
    child: Child,
    /// Holds the group when this process dies; its end of a pipe closes then.
    watcher: Child,
}

impl Processes {
    pub fn start(command: &mut Command) -> Result<Self> {
        let line = command.get_program().to_string_lossy().into_owned();
        let child = command.process_group(0).stdin(Stdio::null()).spawn().with_context(|| format!("could not start {line}"))?;
        let mut watcher = Command::new("sh");
        watcher.args(["-c", "read -r _; kill -s KILL -- -$0", &child.id().to_string()]);
        let watcher = watcher.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        Ok(Processes { child, watcher: watcher.context("could not start sh")? })
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Whether the first of them has ended.
    pub fn have_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    pub fn ids(&self) -> Vec<u32> {
        tree(self.child.id()).into_iter().map(|(id, _)| id).collect()
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        let _ = self.watcher.kill();
        let _ = self.watcher.wait();
        // Who forks while the first signal is on its way is met by the second, to the group.
        let members = self.ids();
        let group = format!("-{}", self.child.id());
        let mut kill = Command::new("kill");
        kill.args(["-s", "KILL", "--"]).args(members.iter().map(u32::to_string)).arg(group).stdout(Stdio::null()).stderr(Stdio::null());
        let _ = kill.status();
        let _ = self.child.wait();
        // They die by themselves, but not at once, and one that lives may write into a folder that is being removed.
        let began = Instant::now();
        while members.iter().any(|id| is_alive(*id)) && began.elapsed() < PATIENCE {
            thread::sleep(LOOK_EVERY);
        }
    }
}

/// Seconds of CPU that a process, all it has waited for, and all that descend from it have used so far.
pub fn tree_cpu_seconds(root: u32) -> f64 {
    tree(root).into_iter().map(|(_, stat)| stat.ticks).sum::<u64>() as f64 / TICKS_PER_SECOND
}

fn is_alive(id: u32) -> bool {
    fs::read_to_string(format!("/proc/{id}/stat")).ok().as_deref().and_then(stat_of).is_some_and(|stat| !stat.has_ended)
}

struct Stat {
    /// Waits for nothing but to be asked how it ended.
    has_ended: bool,
    parent: u32,
    /// Its own and those of its ended children.
    ticks: u64,
}

fn tree(root: u32) -> Vec<(u32, Stat)> {
    let mut all: BTreeMap<u32, Stat> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let id = entry.file_name().to_string_lossy().parse().ok();
        let stat = fs::read_to_string(entry.path().join("stat")).ok().as_deref().and_then(stat_of);
        all.extend(id.zip(stat));
    }
    let descends = |mut id: u32| {
        while id != root {
            match all.get(&id) {
                Some(stat) if stat.parent > 1 => id = stat.parent,
                _ => return false,
            }
        }
        true
    };
    let members: Vec<u32> = all.keys().copied().filter(|id| descends(*id)).collect();
    members.into_iter().filter_map(|id| Some((id, all.remove(&id)?))).collect()
}

/// The name stands in parentheses and may hold anything.
fn stat_of(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = fields.get(11..15)?.iter().map(|field| field.parse::<u64>().unwrap_or(0)).sum();
    Some(Stat { has_ended: matches!(*fields.first()?, "Z" | "X"), parent: fields.get(1)?.parse().ok()?, ticks })
}
