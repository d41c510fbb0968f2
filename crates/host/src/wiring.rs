//! desired.toml and config.ini into an agent.
//!
//! An agent lives in a folder of its own, its home: `config.ini`, `desired.toml`, `config.db`, `status.json`, `log/`, `lock`. The
//! console writes the first two, the agent the others.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mailferry_core::engine::{Agent, Mailbox, Policy, Surroundings};
use mailferry_core::ports::{DataGuarantee, Share, Stores, StoresWithoutCopies, UnwatchedSteps};
use mailferry_core::settings::{self, AgentKind, Cluster, Desired, Loaded};
use mailferry_core::state::Database;
use mailferry_core::trouble::Trouble;
use mailferry_rules::topology::{Side, canonical};

use crate::{LocalShare, LogEvents, RoleReader, SystemClock};

/// Opens mail stores; given by the agent's main, so that this crate knows no store.
pub type StoreOpener = Arc<dyn Stores>;

/// Opens who tells about copies of target stores, by the settings; given like the stores.
pub type GuaranteeOpener = fn(&settings::AgentSettings) -> Result<Arc<dyn DataGuarantee>, Trouble>;

/// For agents that write to no store.
pub fn no_guarantee(_settings: &settings::AgentSettings) -> Result<Arc<dyn DataGuarantee>, Trouble> {
    Ok(Arc::new(StoresWithoutCopies))
}

/// Where an agent's stores, and what is known of their copies, come from.
#[derive(Clone)]
pub struct Openers {
    pub stores: StoreOpener,
    pub guarantee: GuaranteeOpener,
}

/// The folder an agent lives in.
#[derive(Clone, Debug)]
pub struct AgentHome {
    pub kind: AgentKind,
    pub config_ini: PathBuf,
}

impl AgentHome {
    pub fn new(kind: AgentKind, config_ini: impl Into<PathBuf>) -> Self {
        AgentHome { kind, config_ini: config_ini.into() }
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.config_ini.parent().unwrap_or(Path::new("")).join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.beside("config.db")
    }

    pub fn status(&self) -> PathBuf {
        self.beside("status.json")
    }

    /// The move requests, and what became of the last orders to them.
    pub fn moves(&self) -> PathBuf {
        self.beside("moves.json")
    }

    pub fn orders(&self) -> PathBuf {
        self.beside("orders.json")
    }

    /// What each mailbox has come to.
    pub fn mailboxes(&self) -> PathBuf {
        self.beside("mailboxes.json")
    }

    pub fn log(&self, settings: &settings::AgentSettings) -> PathBuf {
        let folder = if settings.log_directory.is_empty() { self.beside("log") } else { PathBuf::from(&settings.log_directory) };
        folder.join(format!("{}.log", self.kind))
    }

    /// What this agent signs with, never copied to another node.
    pub fn signing_key(&self) -> PathBuf {
        self.beside("manifest.key")
    }

    /// Made by the console: the next session tries every deletion debt.
    pub fn retry_request(&self) -> PathBuf {
        self.beside("retry-debts")
    }

    pub(crate) fn take_retry_request(&self) -> bool {
        std::fs::remove_file(self.retry_request()).is_ok()
    }

    /// The desired state, as the console last committed it.
    pub fn desired(&self) -> Result<Desired, Trouble> {
        let desired = settings::load_desired(&self.beside("desired.toml"))?;
        if desired.agent != self.kind {
            return Err(Trouble::new(format!("this is the home of a {} agent, not of a {} agent", desired.agent, self.kind))
                .place(self.beside("desired.toml").display())
                .hint("give --config the config.ini of this agent"));
        }
        Ok(desired)
    }

    /// Settings from all layers (R90); never fails.
    pub fn settings(&self, desired: Option<&Desired>, command_line: &[String]) -> Loaded {
        settings::load(self.kind, desired, &self.config_ini, command_line)
    }

    /// One process per agent: held as long as the file is open.
    pub fn lock(&self) -> Result<File, Trouble> {
        let path = self.beside("lock");
        let trouble = |cause: &dyn std::fmt::Display| {
            Trouble::new(format!("could not take hold of the {} agent's folder", self.kind)).place(path.display()).cause(cause)
        };
        let file = File::options().create(true).truncate(false).write(true).open(&path).map_err(|error| trouble(&error))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(std::fs::TryLockError::WouldBlock) => {
                Err(trouble(&"another process of this agent is running").hint("stop the service first, or wait for its session to end"))
            }
            Err(std::fs::TryLockError::Error(error)) => Err(trouble(&error)),
        }
    }

    /// Who says whether this node is active.
    pub fn role(&self, desired: &Desired) -> Result<Arc<RoleReader>, Trouble> {
        Ok(Arc::new(RoleReader::of(desired, witness(desired.own_cluster())?)))
    }

    /// The agent as the desired state wants it.
    pub fn agent(&self, desired: &Desired, loaded: &Loaded, role: Arc<RoleReader>, openers: Openers) -> Result<Agent, Trouble> {
        let path = self.database();
        let mut db = Database::open(&path, Arc::new(UnwatchedSteps)).map_err(|error| error.trouble(&path.display().to_string()))?;
        db.set_outbox_bytes_max(loaded.settings.replication_outbox_max.0);
        let mut agent = Agent::new(self.surroundings(desired, loaded, role, openers)?, Policy::of(&loaded.settings), db);
        agent.set_mailboxes(engine_mailboxes(desired));
        if self.kind == AgentKind::Target {
            let (file, label) = (self.signing_key(), format!("{} {}", desired.own_cluster().name, desired.node));
            agent = agent.signing_with(Arc::new(move || crate::signing_key(&file, &label)));
        }
        Ok(agent)
    }

    fn surroundings(&self, desired: &Desired, loaded: &Loaded, role: Arc<RoleReader>, openers: Openers) -> Result<Surroundings, Trouble> {
        let (own, other) = (desired.own_cluster(), desired.peer_cluster());
        let witness = witness(own)?;
        let side = rules_side(own);
        let me = canonical(&desired.node);
        Ok(Surroundings {
            kind: self.kind,
            packer: desired.side.agents()[0],
            shares: own
                .nodes
                .iter()
                .chain(&other.nodes)
                .map(|node| (canonical(&node.name), share(&node.share)))
                .collect::<BTreeMap<_, _>>(),
            role,
            me,
            own: side,
            other: rules_side(other),
            witness,
            clock: Arc::new(SystemClock),
            events: Arc::new(LogEvents),
            stores: openers.stores,
            guarantee: (openers.guarantee)(&loaded.settings)?,
            flow: crate::flow::flow_of(&loaded.settings),
        })
    }
}

fn share(path: &str) -> Arc<dyn Share> {
    Arc::new(LocalShare::new(path))
}

/// Where epochs are claimed and the static role is kept.
fn witness(cluster: &Cluster) -> Result<Arc<dyn Share>, Trouble> {
    let place = cluster.witness_place().ok_or_else(|| {
        Trouble::new(format!("cluster {} has no witness", cluster.name))
            .hint("name a folder that both nodes reach as `witness` in the project file, and commit")
    })?;
    Ok(share(place))
}

pub fn rules_side(cluster: &Cluster) -> Side {
    let nodes: Vec<&str> = cluster.nodes.iter().map(|node| node.name.as_str()).collect();
    Side::cluster(&cluster.name, &nodes)
}

pub fn engine_mailboxes(desired: &Desired) -> Vec<Mailbox> {
    let mailbox = |mailbox: &settings::Mailbox| Mailbox {
        id: mailbox.id,
        name: mailbox.name.clone(),
        source: mailbox.source.clone(),
        target: mailbox.target.clone(),
        priority: i64::from(mailbox.priority),
    };
    desired.mailboxes.iter().map(mailbox).collect()
}
