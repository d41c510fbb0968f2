//! Who is active on each side, as the cluster manager sees it; and, while it is in trouble, as each node believes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mailferry_core::ports::{Role, RolePort};
use mailferry_rules::topology::Side;

#[derive(Default)]
pub struct Roles(Mutex<State>);

#[derive(Default)]
struct State {
    leads: BTreeMap<String, String>,
    /// Nodes that believe to be active although another one leads.
    also: BTreeSet<String>,
    /// Nodes whose cluster manager does not answer.
    unknown: BTreeSet<String>,
}

impl Roles {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn leader(&self, side: &Side) -> String {
        self.lock().leads[side.name()].clone()
    }

    pub fn lead(&self, side: &Side, node: &str) {
        let mut state = self.lock();
        state.also.remove(node);
        state.leads.insert(side.name().into(), node.into());
    }

    /// Nobody has said yet who leads.
    pub fn forget(&self, side: &Side) {
        self.lock().leads.remove(side.name());
    }

    /// The role moves, and the node that had it does not notice.
    pub fn lead_both(&self, side: &Side, node: &str) {
        let mut state = self.lock();
        if let Some(old) = state.leads.insert(side.name().into(), node.into()) {
            state.also.insert(old);
        }
        state.also.remove(node);
    }

    pub fn set_unknown(&self, node: &str, unknown: bool) {
        let mut state = self.lock();
        if unknown {
            state.unknown.insert(node.into())
        } else {
            state.unknown.remove(node)
        };
    }

    /// The cluster manager has an answer for everybody, and it is one.
    pub fn set_right(&self) {
        let mut state = self.lock();
        state.also.clear();
        state.unknown.clear();
    }
}

pub struct SimRole {
    pub roles: Arc<Roles>,
    pub side: Side,
    pub me: String,
}

impl RolePort for SimRole {
    fn role(&self) -> Role {
        let state = self.roles.lock();
        if state.unknown.contains(&self.me) {
            return Role::Unknown { why: "the cluster manager does not answer".into() };
        }
        match state.leads.get(self.side.name()) {
            Some(active) if *active == self.me || state.also.contains(&self.me) => Role::Active,
            Some(active) if !self.side.nodes().contains(active) => {
                Role::Unknown { why: format!("{active} is no node of {}", self.side.name()) }
            }
            Some(active) => Role::Passive { active: active.clone() },
            None => Role::Unknown { why: "nobody has said".into() },
        }
    }
}
