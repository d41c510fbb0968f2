//! The static role: a file at the witness, for sites without a cluster manager (R2).
//!
//! `NTA/ROLE/<SIDE>` holds the name of the active node; without the file it is the first node of the cluster. One file at one
//! place: a node that comes back from the dead cannot read an old word of its own. A standalone server is always active.

use std::io::Read;
use std::sync::Arc;

use mailferry_core::ports::{Role, RolePort, Share, ShareError};
use mailferry_core::spool;
use mailferry_rules::topology::{Side, canonical};

use super::{Answer, Origin};

pub struct StaticRole {
    pub side: Side,
    pub me: String,
    pub witness: Arc<dyn Share>,
}

impl Origin for StaticRole {
    /// Each time: the claims at the same witness are read before each step as well.
    fn ask(&self) -> Answer {
        Answer::now(self.role())
    }
}

impl RolePort for StaticRole {
    fn role(&self) -> Role {
        match active_node(&self.side, self.witness.as_ref()) {
            Ok(active) if active == self.me => Role::Active,
            Ok(active) if self.side.nodes().contains(&active) => Role::Passive { active },
            Ok(active) => Role::Unknown { why: format!("the role file names {active}, which is no node of {}", self.side.name()) },
            Err(error) => Role::Unknown { why: error.to_string() },
        }
    }
}

/// The node that the role file names.
pub fn active_node(side: &Side, witness: &dyn Share) -> Result<String, ShareError> {
    let file = spool::role(side.name());
    if !side.is_cluster() || witness.size(&file)?.is_none() {
        return Ok(side.nodes()[0].clone());
    }
    let mut text = String::new();
    let read = witness.open(&file)?.take(4096).read_to_string(&mut text);
    read.map_err(|error| ShareError {
        kind: mailferry_core::ports::ShareErrorKind::Other,
        place: format!("{}/{file}", witness.describe()),
        cause: error.to_string(),
    })?;
    Ok(canonical(text.lines().next().unwrap_or_default()))
}

/// Moves the role to `node`; takes effect at each agent's next session or durable step, whichever comes first.
pub fn set_active_node(side: &Side, node: &str, witness: &dyn Share) -> Result<(), ShareError> {
    witness.replace(&spool::role(side.name()), format!("{node}\n").as_bytes())
}
