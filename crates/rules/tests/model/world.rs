//! The state of the model: disks, ledgers, claims, roles and sessions of both sides, in about 150 bytes.
//!
//! A container is its name: sequence and epoch. Container *s* carries item *s*, because a chain is packed item by item; its
//! bytes are its name. One mailbox; the way back (receipts) is not here.

/// 0 is the source side, 1 the target side.
pub type Side = usize;
/// 0 or 1 on its side.
pub type Node = usize;
/// Position in a set of names: sorted as names are, by sequence, then epoch.
pub type Name = u8;
/// A set of names, one bit each.
pub type Names = u16;

pub const SEQUENCES: u8 = 3;
pub const EPOCHS: u8 = 4;

pub fn name(sequence: u8, epoch: u8) -> Name {
    (sequence - 1) * EPOCHS + epoch - 1
}

pub fn sequence_of(name: Name) -> u8 {
    name / EPOCHS + 1
}

pub fn epoch_of(name: Name) -> u8 {
    name % EPOCHS + 1
}

pub fn bit(name: Name) -> Names {
    1 << name
}

/// The members of a set, in order.
pub fn members(mut set: Names) -> impl Iterator<Item = Name> {
    std::iter::from_fn(move || {
        let at = (set != 0).then(|| set.trailing_zeros() as Name)?;
        set &= set - 1;
        Some(at)
    })
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    Source = 0,
    Transmission = 1,
    Target = 2,
}

pub const KINDS: [Kind; 3] = [Kind::Source, Kind::Transmission, Kind::Target];

impl Kind {
    pub fn side(self) -> Side {
        usize::from(self == Kind::Target)
    }
}

/// Where a session is. Whatever is not said here it reads again from disks and ledgers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Pc {
    /// No session; a standby; or a session that has to replicate before anything else.
    #[default]
    Idle,
    /// Between two items of a session.
    Work,
    /// The claim is made, not recorded.
    Claimed,
    /// `name` is sealed in WORK; `slots` says which copies are placed.
    Placing,
    /// "Published", "delivered" or "taken" is committed; the replication after it comes next.
    Recorded,
    /// `name` has arrived at the other side, and is not recorded as delivered.
    Copied,
    /// `name` is being deleted; `slots` says which copies.
    Deleting,
    /// The item of `name` stands in the store, and is not recorded.
    Appended,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Verb {
    #[default]
    Nothing,
    Claim,
    TakeUp,
    Ship,
    EndSession,
    ClearWork,
    Seal,
    Place,
    RecordPublished,
    Adopt,
    PutAside,
    PayCoverage,
    Rescue,
    Copy,
    RecordDelivered,
    Delete,
    PayDebt,
    GiveUp,
    Append,
    Take,
    Quarantine,
    Fetch,
}

/// One durable effect, decided with all it needs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Act {
    pub verb: Verb,
    pub name: Name,
    pub lane: u8,
    /// Node of the own side that is acted on; slot of a placement; number of a claim.
    pub at: u8,
}

impl Act {
    pub fn of(verb: Verb) -> Self {
        Act { verb, ..Act::default() }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Agent {
    pub pc: Pc,
    pub epoch: u8,
    pub name: Name,
    pub lane: u8,
    /// Two bits for each copy.
    pub slots: u8,
    /// This session has cleared the leftovers, and may pack.
    pub cleared: bool,
    /// A replication of this session failed and the setting lets it go on.
    pub failed: bool,
    /// Its right was checked before it was lost: this act is under way and will happen.
    pub held: Act,
}

impl Agent {
    pub fn is_holding(&self) -> bool {
        self.held.verb != Verb::Nothing
    }
}

/// An epoch and the node that claimed it; epoch 0 is none.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Claim {
    pub epoch: u8,
    pub node: u8,
}

/// Ledger of a source agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Published {
    pub recorded: Claim,
    /// Epoch of the container of each sequence; 0 is not published.
    pub epochs: [u8; SEQUENCES as usize],
    /// Coverage debts by lane.
    pub uncovered: [Names; 2],
}

/// Ledger of a transmission agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Delivered {
    pub recorded: Claim,
    pub delivered: [Names; 2],
    /// Deletion debts by lane and node.
    pub owed: [[Names; 2]; 2],
    pub buried: [Names; 2],
}

/// Ledger of a target agent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Taken {
    pub recorded: Claim,
    pub taken: Names,
    /// Items that the tracking map knows, one bit each.
    pub tracked: u8,
    /// Position of the incoming chain: last sequence, newest epoch, its base.
    pub last: u8,
    pub epoch: u8,
    pub base: u8,
    /// Deletion debts by node.
    pub owed: [Names; 2],
    pub buried: Names,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct World {
    /// Nodes that are there: two bits for each side.
    pub up: u8,
    /// The node that the cluster manager calls active, by side.
    pub role: [u8; 2],
    /// The newest claim at the witness, by kind.
    pub claims: [Claim; 3],
    pub agents: [[Agent; 2]; 3],
    pub published: [Published; 2],
    pub delivered: [Delivered; 2],
    pub taken: [Taken; 2],
    /// The container in WORK of each source node, as name + 1.
    pub work: [u8; 2],
    /// OUT by node and lane.
    pub out: [[Names; 2]; 2],
    /// IN by node.
    pub inbox: [Names; 2],
    /// How often each item stands in the target store.
    pub store: [u8; SEQUENCES as usize],
    /// What the headers of the containers say: five bits each.
    pub headers: u64,
    /// Not part of the state: names packed since the role of the source last moved, and a law of steps that the last step broke.
    pub fresh: Names,
    pub broken: Option<&'static str>,
}

/// What the header of a container says of its chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    pub previous: u8,
    pub base: u8,
}

impl World {
    pub fn is_up(&self, side: Side, node: Node) -> bool {
        self.up & 1 << (2 * side + node) != 0
    }

    pub fn header(&self, name: Name) -> Header {
        let bits = self.headers >> (5 * u64::from(name));
        Header { previous: (bits & 7) as u8, base: (bits >> 3 & 3) as u8 }
    }

    pub fn set_header(&mut self, name: Name, header: Header) {
        let shift = 5 * u64::from(name);
        self.headers = self.headers & !(31 << shift) | (u64::from(header.previous) | u64::from(header.base) << 3) << shift;
    }

    /// Forgets the headers of containers of which no copy is left: nobody can read them.
    pub fn forget_headers(&mut self) {
        let agents = self.agents.iter().flatten().filter(|agent| agent.pc != Pc::Idle || agent.is_holding());
        let named = agents.fold(0, |set, agent| set | bit(agent.name) | bit(agent.held.name));
        let sealed = self.work.iter().filter(|work| **work > 0).fold(0, |set, work| set | bit(work - 1));
        let copies = self.out.iter().flatten().chain(&self.inbox).fold(named | sealed, |set, names| set | names);
        let mut mask = 0;
        for name in members(copies) {
            mask |= 31 << (5 * u64::from(name));
        }
        self.headers &= mask;
    }
}
