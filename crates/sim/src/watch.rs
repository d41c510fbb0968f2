//! What must be true at every step, not only in the end. Seen from the disks and stores themselves: no database is asked.
//!
//! ```text
//! R56 before delivery  a copy becomes visible in OUT of the acting node only when the other node holds it
//! R33                  a copy leaves OUT only after it has arrived in IN of its lane
//! R33                  what a node has told as delivered it does not copy there again
//! R50, R56             the acting node's copy goes only when no other node it can reach still holds one
//! R70                  a mail container leaves IN only after the data guarantee was satisfied
//! R42                  no item is appended that is there already
//! R82                  a mailbox is switched only when target and passive copy hold what the source does
//! R3                   once a node that has claimed changes a target store, none of its predecessors does any more
//! ```
//! What stands in the way of a law is said where it is asked: a node that is away, a file that came back from the dead, two
//! nodes that are both active.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use mailferry_core::model::Token;
use mailferry_core::ports::Event;
use mailferry_rules::topology::Side;

use crate::disk::Disk;
use crate::guarantee::SimGuarantee;
use crate::store::SimMailbox;

/// Who acts, and on which file.
pub struct Act<'a> {
    /// The acting process's node.
    pub node: &'a str,
    pub disk: &'a str,
    pub path: &'a str,
}

/// `NTA/OUT/<lane>/<container>` or `NTA/IN/<origin>/<container>`.
struct Spooled<'a> {
    out: bool,
    folder: &'a str,
    name: &'a str,
}

impl Act<'_> {
    fn spooled(&self) -> Option<Spooled<'_>> {
        let mut names = self.path.strip_prefix("NTA/")?.split('/');
        let (area, folder, name) = (names.next()?, names.next()?, names.next()?);
        (name.ends_with(".prv") && matches!(area, "OUT" | "IN")).then_some(Spooled { out: area == "OUT", folder, name })
    }
}

/// What the watch knows of the world around it.
pub struct Grounds {
    pub source: Side,
    pub target: Side,
    pub disks: BTreeMap<String, Arc<Disk>>,
    pub guarantee: Arc<SimGuarantee>,
    /// Target store of each mailbox, by the digits its containers begin with.
    pub stores: Mutex<BTreeMap<String, String>>,
}

#[derive(Default)]
pub struct Watch {
    grounds: OnceLock<Grounds>,
    state: Mutex<State>,
    /// R22: passive copies first, or nothing.
    covers: AtomicBool,
    /// Two nodes may be active at once: what the one has just seen the other changes.
    dual: AtomicBool,
    turns: AtomicBool,
    /// No database of this life may forget what its agent has told.
    remembers: AtomicBool,
}

#[derive(Default)]
struct State {
    /// Lane's node and container name.
    arrived: BTreeSet<(String, String)>,
    /// Node that told so, lane's node and container name.
    delivered: BTreeSet<(String, String, String)>,
    /// Containers that the guarantee has let go.
    released: BTreeSet<String>,
    /// Containers that a deletion was given up of: a tombstone stands for the copy that is left (R55).
    given_up: BTreeSet<String>,
    /// Disk and path of files that came back.
    returned: BTreeSet<(String, String)>,
    /// The node whose target agent has claimed last, and whether it has changed a store since.
    claimed: Option<(String, bool)>,
    broken: Vec<String>,
}

impl Watch {
    pub fn begin(&self, grounds: Grounds) {
        let _ = self.grounds.set(grounds);
    }

    pub fn knows_store(&self, mailbox: &str, store: &str) {
        if let Some(grounds) = self.grounds.get() {
            grounds.stores.lock().unwrap_or_else(PoisonError::into_inner).insert(mailbox.into(), store.into());
        }
    }

    pub fn demands_cover(&self, covers: bool) {
        self.covers.store(covers, Ordering::Relaxed);
    }

    /// Sessions run in turns: a slow lane may bring a copy while another is being deleted.
    pub fn expects_arrivals(&self) {
        self.turns.store(true, Ordering::Relaxed);
    }

    /// Roles stay where they are and databases are not lost: what was told stays known.
    pub fn demands_memory(&self) {
        self.remembers.store(true, Ordering::Relaxed);
    }

    pub fn expects_two_active(&self) {
        self.dual.store(true, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was broken so far.
    pub fn broken(&self) -> Vec<String> {
        self.lock().broken.clone()
    }

    fn break_law(&self, law: &str, act: &Act<'_>) {
        self.lock().broken.push(format!("{law}: {} on {}/{}", act.node, act.disk, act.path));
    }

    /// A law that only others can see to.
    pub fn breaks(&self, law: String) {
        self.lock().broken.push(law);
    }

    /// A removed file is there again.
    pub fn returned(&self, disk: &str, path: &str) {
        self.lock().returned.insert((disk.into(), path.into()));
    }

    /// What an agent of a node tells people.
    pub fn told(&self, node: &str, event: &Event) {
        let names = || event.text.split_whitespace().filter(|word| word.ends_with(".prv")).map(str::to_owned);
        match event.name {
            "container.delivered" => {
                let lane = event.text.split_whitespace().last().unwrap_or_default();
                self.lock().delivered.extend(names().map(|name| (node.to_owned(), lane.to_owned(), name)));
            }
            "deletion.given-up" => self.lock().given_up.extend(names()),
            // Whoever pays the debt does not ask again: it was asked before the deletion began.
            "deletion.owed" => self.lock().released.extend(names()),
            _ => {}
        }
    }

    /// A file gets its final name.
    pub fn publishing(&self, act: &Act<'_>) {
        let (Some(grounds), Some(file)) = (self.grounds.get(), act.spooled()) else { return };
        if !file.out {
            let again = self.lock().delivered.contains(&(act.node.to_owned(), act.disk.to_owned(), file.name.to_owned()));
            if again && self.remembers.load(Ordering::Relaxed) {
                self.break_law("R33: delivered once more", act);
            }
            self.lock().arrived.insert((act.disk.into(), file.name.into()));
            return;
        }
        // What has arrived may be placed once more by a source agent that could not record it.
        let delivered = self.lock().arrived.contains(&(file.folder.to_owned(), file.name.to_owned()));
        if delivered || !self.covers.load(Ordering::Relaxed) || act.node != act.disk || self.dual.load(Ordering::Relaxed) {
            return;
        }
        let bare = grounds.others(act.disk).find(|disk| !disk.files().contains_key(act.path));
        if let Some(bare) = bare {
            self.break_law(&format!("R56: visible before {} holds it", bare.name()), act);
        }
    }

    /// A file is about to be removed.
    pub fn removing(&self, act: &Act<'_>, bytes: Option<&Vec<u8>>) {
        let (Some(grounds), Some(file)) = (self.grounds.get(), act.spooled()) else { return };
        if file.out && !self.lock().arrived.contains(&(file.folder.to_owned(), file.name.to_owned())) {
            self.break_law("R33: removed from OUT before it arrived", act);
        }
        if grounds.is_replaced(act, bytes) {
            return;
        }
        let at_target = !file.out && grounds.target.nodes().iter().any(|node| node == act.disk);
        if at_target && !self.lock().released.contains(file.name) {
            self.break_law("R70: removed from IN although the data guarantee did not hold", act);
        }
        let given_up = self.lock().given_up.contains(file.name);
        let sure = !self.dual.load(Ordering::Relaxed) && !self.turns.load(Ordering::Relaxed);
        if act.node == act.disk && !given_up && sure {
            let holds = |disk: &&Arc<Disk>| {
                let returned = self.lock().returned.contains(&(disk.name().to_owned(), act.path.to_owned()));
                !returned && !disk.is_in_trouble() && grounds.reaches(act.node, disk.name()) && disk.files().contains_key(act.path)
            };
            if let Some(disk) = grounds.others(act.disk).find(holds) {
                self.break_law(&format!("R50: removed while {} still holds it", disk.name()), act);
            }
        }
    }

    /// A removal is tried. Whether or not it comes off, and whether or not its failure can be recorded: it was let go.
    pub fn trying_to_remove(&self, act: &Act<'_>) {
        if let (Some(grounds), Some(file)) = (self.grounds.get(), act.spooled())
            && !file.out
            && grounds.lets_go(act.node, file.name)
        {
            self.lock().released.insert(file.name.into());
        }
    }

    /// A claim was won at a witness.
    pub fn claimed(&self, node: &str, path: &str) {
        let kind = path.rsplit('/').nth(1);
        if kind == Some("target") {
            self.lock().claimed = Some((node.into(), false));
        }
    }

    /// A target store is about to be changed by an agent that believes it may.
    pub fn changing(&self, node: &str, store: &str) {
        let mut state = self.lock();
        match &mut state.claimed {
            Some((claimer, changed)) if claimer == node => *changed = true,
            Some((claimer, true)) => {
                let text = format!("R3: {node} changes {store} although {claimer} has claimed since, and changed it");
                state.broken.push(text);
            }
            _ => {}
        }
    }

    /// An item is about to be appended.
    pub fn appending(&self, mailbox: &SimMailbox, store: &str, token: Option<Token>) {
        let there = |token: Token| mailbox.folders.values().flatten().any(|item| item.token == Some(token));
        if let Some(token) = token.filter(|token| there(*token)) {
            self.lock().broken.push(format!("R42: {token} is appended to {store}, where it is already"));
        }
    }
}

impl Grounds {
    fn lets_go(&self, node: &str, name: &str) -> bool {
        let mailbox = name.split('-').next().unwrap_or_default();
        let store = self.stores.lock().unwrap_or_else(PoisonError::into_inner).get(mailbox).cloned().unwrap_or_default();
        self.guarantee.is_satisfied(node, &store)
    }

    /// A damaged copy makes room for the sound one of another node.
    fn is_replaced(&self, act: &Act<'_>, own: Option<&Vec<u8>>) -> bool {
        self.others(act.disk).any(|disk| disk.files().get(act.path).is_some_and(|bytes| Some(bytes) != own))
    }

    /// The disks of the other nodes of a node's side.
    fn others(&self, node: &str) -> impl Iterator<Item = &Arc<Disk>> {
        let side = if self.source.nodes().iter().any(|name| name == node) { &self.source } else { &self.target };
        side.nodes().iter().filter(move |other| *other != node).filter_map(|other| self.disks.get(other))
    }

    fn reaches(&self, node: &str, disk: &str) -> bool {
        self.disks.get(disk).is_some_and(|disk| disk.is_reached_by(node))
    }
}
