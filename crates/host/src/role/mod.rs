//! Who is active (R2). The word has one origin, named in the project file for each side:
//!
//! ```text
//! static_role   a file at the witness, changed by a person
//! pacemaker     the node on which Pacemaker has started a resource
//! wsfc          the owner of a group of Windows Failover Clustering
//! hold          how long an answer counts
//! ```
//!
//! The engine asks before every step that another node could contradict, hundreds of times a second. A cluster manager answers in
//! 20 to 40 ms, at the cost of a process. So an answer is held for a moment (`hold`). That is sound because the role is
//! necessary and never sufficient: each of those steps also reads the newest claim at the witness, which is never held, and a node
//! becomes active only by a higher claim (R3). An answer that is a second too old lets the old active do, for
//! that second, what the claim still allows it to do; the cluster manager's own view is older than that when a node is lost.
//! What a held answer cannot do is outlive a frozen process: it counts by two clocks, of which one goes on while the machine sleeps.
//!
//! The road not taken: a thread that asks all the time. A process that hangs would act on what its thread said last, or need the same
//! limit of age; and an idle agent would cost as much as a busy one.

mod hold;
mod pacemaker;
mod static_role;
mod wsfc;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use mailferry_core::ports::{Role, RolePort, Share};
use mailferry_core::settings::{Cluster, Desired, RoleOrigin};
use mailferry_rules::topology::canonical;

pub use static_role::{StaticRole, active_node, set_active_node};

use self::hold::{Held, Kept, Moment};
use crate::rules_side;

/// What an answer of a cluster manager may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the origin said, and for how long it is worth.
struct Answer {
    role: Role,
    kept: Kept,
}

impl Answer {
    /// To be asked for again each time.
    fn now(role: Role) -> Self {
        Answer { role, kept: Kept::NotAtAll }
    }
}

/// Changes when the answer may have changed; costs next to nothing to look at.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Sign(Option<String>);

/// Where the word comes from.
trait Origin: Send + Sync {
    /// Asks now. Has its own limit of time; what cannot be told is `Role::Unknown`.
    fn ask(&self) -> Answer;

    fn sign(&self) -> Sign {
        Sign::default()
    }
}

/// The role port of an agent.
pub struct RoleReader {
    origin: Box<dyn Origin>,
    held: Mutex<Held>,
}

impl RoleReader {
    fn new(origin: impl Origin + 'static) -> Self {
        RoleReader { origin: Box::new(origin), held: Mutex::default() }
    }

    /// The role of the node that the desired state is for.
    pub fn of(desired: &Desired, witness: Arc<dyn Share>) -> Self {
        let own = desired.own_cluster();
        let resource = own.role_resource.clone().unwrap_or_default();
        match own.role {
            _ if own.is_standalone() => Self::from_file(desired, witness),
            RoleOrigin::Static => Self::from_file(desired, witness),
            RoleOrigin::Pacemaker => Self::new(pacemaker::Pacemaker::new(Members::of(own, &desired.node), resource)),
            RoleOrigin::Wsfc => Self::new(wsfc::Wsfc::new(Members::of(own, &desired.node), resource)),
        }
    }

    fn from_file(desired: &Desired, witness: Arc<dyn Share>) -> Self {
        Self::new(static_role::StaticRole { side: rules_side(desired.own_cluster()), me: canonical(&desired.node), witness })
    }

    /// How often the answer has changed so far, after asking again if it is time for a sleeper to do so. Another number than
    /// before a session means that another session is due.
    pub fn changes(&self) -> u64 {
        self.current(true).1
    }

    fn current(&self, asleep: bool) -> (Role, u64) {
        self.current_by(Moment::now, asleep)
    }

    fn current_by(&self, clock: impl Fn() -> Moment, asleep: bool) -> (Role, u64) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        // The sign and the clock are looked at first: what happens while the origin is asked is seen at the next look, and an
        // answer that was long in coming is old.
        let (sign, now) = (self.origin.sign(), clock());
        if held.is_due(&sign, &now, asleep) {
            let answer = self.origin.ask();
            held.take(answer, sign, now);
        }
        (held.role(), held.changes())
    }
}

impl RolePort for RoleReader {
    fn role(&self) -> Role {
        self.current(false).0
    }
}

/// The nodes of a side, by their names in the cluster manager and in the project.
struct Members {
    /// Name in the cluster manager, name in the project.
    nodes: Vec<(String, String)>,
    /// This node, by its name in the cluster manager.
    me: String,
}

impl Members {
    fn of(cluster: &Cluster, me: &str) -> Self {
        let nodes = cluster.nodes.iter().map(|node| (node.name_in_cluster().to_owned(), canonical(&node.name))).collect();
        let me = cluster.node(me).map_or(me, |node| node.name_in_cluster()).to_owned();
        Members { nodes, me }
    }

    fn is_me(&self, name: &str) -> bool {
        self.me.eq_ignore_ascii_case(name)
    }

    fn in_project(&self, name: &str) -> Option<&str> {
        self.nodes.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, node)| node.as_str())
    }

    /// What it means for this node that `what` is at that one.
    fn role_by_place(&self, what: &str, place: &str) -> Role {
        match self.in_project(place) {
            Some(_) if self.is_me(place) => Role::Active,
            Some(active) => Role::Passive { active: active.to_owned() },
            None => unknown(format!("{what} is on {place}, which is no node of this side; write its name as `cluster_node`")),
        }
    }
}

fn unknown(why: impl Into<String>) -> Role {
    Role::Unknown { why: why.into() }
}

#[cfg(test)]
mod tests;
