//! What an agent is made of, and one session from start to end (R10).

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use mailferry_rules::ids::{Epoch, MailboxId};
use mailferry_rules::session::Replicated;
use mailferry_rules::topology::Side;

use super::moves::MovesTold;
use super::policy::Policy;
use super::queues::SeenStandbys;
use super::report::{Counts, SessionEnd, SessionReport, Stall, Standing};
use super::target::OpenStore;
use super::telling::Told;
use crate::manifest::SigningKey;
use crate::ports::{Clock, DataGuarantee, Event, EventSink, Level, MailFlow, RolePort, Share, Stores};
use crate::settings::AgentKind;
use crate::state::takeover::Takeover;
use crate::state::{Database, StateError};
use crate::trouble::Trouble;

/// Whatever waits once more after nothing has waited is told once more.
const TOLD_WHILE_SOMETHING_WAITS: [&str; 7] = [
    "agent.not-active",
    "container.not-kept",
    "container.not-rescued",
    "container.not-restored",
    "replication.not-handed-over",
    "spool.unreadable",
    "switch.waits",
];

/// A mailbox to move, as the project wants it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mailbox {
    pub id: MailboxId,
    pub name: String,
    /// Store URLs.
    pub source: String,
    pub target: String,
    /// Higher goes first.
    pub priority: i64,
}

/// Everything around an agent.
#[derive(Clone)]
pub struct Surroundings {
    pub kind: AgentKind,
    /// The agent of this side that fills OUT: source or target.
    pub packer: AgentKind,
    /// This node.
    pub me: String,
    /// The side this agent runs on, and the one it works with.
    pub own: Side,
    pub other: Side,
    /// The disks of all nodes of both sides, by node.
    pub shares: BTreeMap<String, Arc<dyn Share>>,
    /// Where epochs are claimed.
    pub witness: Arc<dyn Share>,
    pub role: Arc<dyn RolePort>,
    pub clock: Arc<dyn Clock>,
    pub events: Arc<dyn EventSink>,
    pub stores: Arc<dyn Stores>,
    pub guarantee: Arc<dyn DataGuarantee>,
    pub flow: Arc<dyn MailFlow>,
}

/// Why a session ends before its work is done.
#[derive(Debug)]
pub enum Halt {
    /// This node may not act, or not any more (R2, R3).
    NotActive(String),
    /// R11: the agent sleeps and tries the replication again.
    NotReplicated,
    /// The agent database failed.
    State(StateError),
    /// A container cannot be placed or made now; the reason has been told (R22, R23).
    Held(String),
    /// For a moment: the session is to be begun again after so long.
    Waits { why: String, ms: u64 },
    /// Someone asked the agent to stop.
    Stopped,
}

impl From<StateError> for Halt {
    fn from(error: StateError) -> Self {
        Halt::State(error)
    }
}

impl From<Halt> for Trouble {
    fn from(halt: Halt) -> Self {
        Trouble::new("this agent cannot act now").cause(halt)
    }
}

impl std::fmt::Display for Halt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Halt::NotActive(why) => write!(f, "not active: {why}"),
            Halt::NotReplicated => f.write_str("the database could not be replicated"),
            Halt::State(error) => write!(f, "the agent database failed: {error}"),
            Halt::Held(why) | Halt::Waits { why, .. } => f.write_str(why),
            Halt::Stopped => f.write_str("asked to stop"),
        }
    }
}

/// Reads the key of this agent, or makes it at first.
pub type KeySource = Arc<dyn Fn() -> Result<SigningKey, Trouble> + Send + Sync>;

/// One agent of one node. Kept between sessions only for what is cheap to lose.
pub struct Agent {
    pub(super) around: Surroundings,
    pub(super) policy: Policy,
    pub(super) db: Database,
    pub(super) mailboxes: Vec<Mailbox>,
    /// Valid after `activate` in each session.
    pub(super) epoch: Epoch,
    /// The next session claims a new epoch although this one is held.
    pub(super) reclaims: bool,
    /// This node could take over, and waits for a sound copy of the database.
    pub(super) waits_whole_since: Option<u64>,
    pub(super) replicated: Replicated,
    pub(super) replication_failed: bool,
    /// The first session of this process tries every deletion debt (R54).
    pub(super) at_start: bool,
    /// The target store of the mailbox being imported, kept open from container to container of a session.
    pub(super) open_store: Option<OpenStore>,
    /// Troubles already told: one line when trouble starts, one when it ends.
    pub(super) told: BTreeSet<String>,
    /// Mailboxes that are held up.
    pub(super) lasting: BTreeMap<MailboxId, super::lasting::Lasting>,
    /// Mailboxes whose data guarantee does not hold.
    pub(super) guarding: BTreeMap<(MailboxId, super::guarding::Question), super::guarding::Guarding>,
    /// Switches that wait for copies of the target store.
    pub(super) finishing: super::target::Finishing,
    /// What the manifest of a switch came to.
    pub(super) proved: BTreeMap<MailboxId, (crate::model::SwitchId, Result<(), String>)>,
    /// Mailboxes of which a container was kept in this round.
    pub(super) kept: BTreeSet<MailboxId>,
    /// Links of a chain that are waited for, since when (R41).
    pub(super) gaps: BTreeMap<mailferry_rules::ids::ContainerName, u64>,
    /// Nodes that did not answer (R34).
    pub(super) backoffs: BTreeMap<String, super::transmission::Backoff>,
    pub(super) counts: Counts,
    pub(super) stalls: Vec<Stall>,
    /// Move requests that wait, and for which limit (R81).
    pub(super) move_holds: BTreeMap<MailboxId, String>,
    /// What was told of them last, and whether orders have come since.
    pub(super) moves_told: Told,
    pub(super) orders_have_come: bool,
    /// What was told of mailboxes last, and when each was last gone through.
    pub(super) mailboxes_told: Told,
    pub(super) passed: BTreeMap<MailboxId, u64>,
    pub(super) packing_paused: bool,
    pub(super) stop: Arc<AtomicBool>,
    /// By which this node became active, as of the session's start.
    pub(super) takeover: Option<Takeover>,
    pub(super) seen_standbys: SeenStandbys,
    /// When the last question was put whose answer was that this node is active.
    pub(super) asked_ms: Cell<Option<u64>>,
    /// Since when the target store is left alone after a claim, and under which epoch.
    pub(super) settling: Option<(Epoch, u64)>,
    /// Where the key comes from that manifests are signed with.
    pub(super) signs: Option<KeySource>,
    again_in_ms: Option<u64>,
    next_in_ms: Option<u64>,
}

impl Agent {
    pub fn new(around: Surroundings, policy: Policy, mut db: Database) -> Self {
        db.set_clock(around.clock.clone());
        Agent {
            around,
            policy,
            db,
            mailboxes: Vec::new(),
            epoch: Epoch(0),
            reclaims: false,
            waits_whole_since: None,
            replicated: Replicated::No,
            replication_failed: false,
            at_start: true,
            open_store: None,
            told: BTreeSet::new(),
            lasting: BTreeMap::new(),
            guarding: BTreeMap::new(),
            finishing: BTreeMap::new(),
            proved: BTreeMap::new(),
            kept: BTreeSet::new(),
            gaps: BTreeMap::new(),
            backoffs: BTreeMap::new(),
            counts: Counts::default(),
            stalls: Vec::new(),
            move_holds: BTreeMap::new(),
            moves_told: Told::default(),
            orders_have_come: false,
            mailboxes_told: Told::default(),
            passed: BTreeMap::new(),
            packing_paused: false,
            stop: Arc::default(),
            takeover: None,
            seen_standbys: SeenStandbys::new(),
            asked_ms: Cell::new(None),
            settling: None,
            signs: None,
            again_in_ms: None,
            next_in_ms: None,
        }
    }

    /// The session ends after its current durable step once `stop` is set.
    #[must_use]
    pub fn stopping_with(mut self, stop: Arc<AtomicBool>) -> Self {
        self.stop = stop;
        self
    }

    /// Manifests are signed with this key, which is asked for when it is needed.
    #[must_use]
    pub fn signing_with(mut self, key: KeySource) -> Self {
        self.signs = Some(key);
        self
    }

    /// Tries every deletion debt in the next session, as at the start.
    pub fn retry_debts(&mut self) {
        self.at_start = true;
    }

    pub fn policy_mut(&mut self) -> &mut Policy {
        &mut self.policy
    }

    pub fn database(&self) -> &Database {
        &self.db
    }

    /// Ends the agent and gives back its database.
    pub fn into_database(self) -> Database {
        self.db
    }

    pub fn mailboxes(&self) -> &[Mailbox] {
        &self.mailboxes
    }

    /// While paused the source agent takes receipts and finishes what is begun, and packs nothing new.
    pub fn pause_packing(&mut self, paused: bool) {
        self.packing_paused = paused;
    }

    /// The desired state as of this session: takes effect with the next one.
    pub fn set_mailboxes(&mut self, mut mailboxes: Vec<Mailbox>) {
        mailboxes.sort_by(|a, b| b.priority.cmp(&a.priority).then_with(|| a.name.cmp(&b.name)));
        self.mailboxes = mailboxes;
    }

    /// One session (R10). Whatever happens, the agent can simply run the next one.
    pub fn session(&mut self) -> SessionReport {
        let started_ms = self.now_ms();
        self.counts = Counts::default();
        self.stalls.clear();
        self.replication_failed = false;
        self.asked_ms.set(None);
        (self.again_in_ms, self.next_in_ms) = (None, None);
        let end = match self.work() {
            Ok(end) => end,
            Err(halt) => self.halted(halt),
        };
        self.open_store = None;
        if self.stalls.is_empty() && !matches!(end, SessionEnd::HeldUp(_)) {
            TOLD_WHILE_SOMETHING_WAITS.iter().for_each(|name| self.calm(name));
        }
        self.report(started_ms, end)
    }

    fn work(&mut self) -> Result<SessionEnd, Halt> {
        if !self.activate()? {
            return Ok(SessionEnd::Standby);
        }
        self.replicate();
        if self.around.kind == AgentKind::Source && self.replicated == Replicated::No {
            self.open_sources()?;
        }
        self.may_take_next_item()?;
        self.pay_deletion_debts()?;
        match self.around.kind {
            AgentKind::Source => self.source_work()?,
            AgentKind::Transmission => self.transmission_work()?,
            AgentKind::Target => self.target_work()?,
        }
        self.at_start = false;
        self.tell_takeover()?;
        self.replicate();
        Ok(if self.replicated == Replicated::Yes { SessionEnd::Completed } else { SessionEnd::HeldUp(Halt::NotReplicated.to_string()) })
    }

    fn halted(&mut self, halt: Halt) -> SessionEnd {
        let text = halt.to_string();
        match halt {
            Halt::State(_) => self.tell("state.failed", Level::Error, text.clone()),
            Halt::NotActive(_) => self.tell("agent.not-active", Level::Warning, text.clone()),
            Halt::Waits { ms, .. } => self.again_in_ms = Some(ms),
            Halt::NotReplicated | Halt::Held(_) | Halt::Stopped => {}
        }
        SessionEnd::HeldUp(text)
    }

    fn report(&mut self, started_ms: u64, end: SessionEnd) -> SessionReport {
        let (replication, now_ms) = (self.replication_report(), self.now_ms());
        // A database that failed has been told of already; its report is empty.
        let answered = self.around.kind == AgentKind::Source;
        let moves = if answered { self.move_report(now_ms) } else { MovesTold::default() };
        let standing = self.db.read(|db| Ok(Standing::read(db, &self.mailboxes, answered)?)).unwrap_or_default();
        SessionReport {
            agent: self.around.kind.to_string(),
            node: self.around.me.clone(),
            revision: None,
            version: None,
            role: self.around.role.role().to_string(),
            epoch: self.epoch.0,
            started_ms,
            finished_ms: self.now_ms(),
            end,
            again_in_ms: self.again_in_ms,
            next_in_ms: self.next_in_ms,
            counts: self.counts,
            stalls: self.stalls.clone(),
            move_requests: moves.by_state,
            moves: moves.changed,
            fates: moves.fates,
            mailboxes: self.mailbox_report(now_ms),
            deletion_debts: standing.deletion_debts,
            coverage_debts: standing.coverage_debts,
            containers: standing.containers,
            containers_answered: standing.answered,
            containers_bad: standing.bad,
            copy_queue: self.copy_queue(),
            lsn: replication.lsn,
            replication,
        }
    }

    /// The next session is wanted after so long, or earlier.
    pub(super) fn wants_next_in(&mut self, ms: u64) {
        self.next_in_ms = Some(self.next_in_ms.map_or(ms, |before| before.min(ms)));
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.around.clock.now_ms()
    }

    pub(super) fn check_stop(&self) -> Result<(), Halt> {
        // Whoever watches this process sees by its clock that it lives.
        let _now = self.now_ms();
        if self.stop.load(Ordering::Relaxed) { Err(Halt::Stopped) } else { Ok(()) }
    }

    pub(super) fn event(&self, name: &'static str, level: Level, text: impl Into<String>) {
        self.around.events.event(Event { name, level, text: text.into() });
    }

    /// An event that is not repeated while the same trouble lasts.
    pub(super) fn tell(&mut self, name: &'static str, level: Level, text: impl Into<String>) {
        let text = text.into();
        if self.told.insert(format!("{name} {text}")) {
            self.event(name, level, text);
        }
    }

    /// The same for trouble whose words change while it lasts.
    pub(super) fn tell_while_it_lasts(&mut self, name: &'static str, level: Level, text: impl Into<String>) {
        if self.told.insert(format!("{name} ")) {
            self.event(name, level, text);
        }
    }

    /// Trouble of this name is over: the next one is told again.
    pub(super) fn calm(&mut self, name: &'static str) {
        let prefix = format!("{name} ");
        self.told.retain(|text| !text.starts_with(&prefix));
    }

    /// The same for one thing alone, which the text names.
    pub(super) fn calm_about(&mut self, name: &'static str, what: &[String]) {
        let prefix = format!("{name} ");
        self.told.retain(|text| !(text.starts_with(&prefix) && what.iter().any(|what| text.contains(what))));
    }

    pub(super) fn stall(&mut self, what: impl Into<String>, why: impl Into<String>) {
        self.stalls.push(Stall { what: what.into(), why: why.into() });
    }

    /// A switch waits for what is not there yet, or, as a warning, for a person.
    pub(super) fn switch_waits(&mut self, mailbox: MailboxId, level: Level, why: impl Into<String>) {
        let (label, why) = (self.label(mailbox), why.into());
        self.tell("switch.waits", level, format!("mailbox {label}: {why}"));
        self.stall(label, why);
    }

    /// Who writes a temporary file.
    pub(super) fn writer(&self) -> String {
        format!("{}-{}", self.around.me, self.around.kind)
    }

    pub(super) fn share(&self, node: &str) -> Arc<dyn Share> {
        self.around.shares.get(node).cloned().expect("every node of both sides has a share")
    }

    pub(super) fn own_share(&self) -> Arc<dyn Share> {
        self.share(&self.around.me)
    }

    /// The other nodes of this side.
    pub(super) fn passive_nodes(&self) -> Vec<String> {
        self.around.own.others(&self.around.me).cloned().collect()
    }

    pub(super) fn mailbox(&self, id: MailboxId) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.id == id)
    }
}
