//! The role from Pacemaker (R2): active is the node on which a resource is started.
//!
//! The word is read with the tools of Pacemaker and their versioned XML, never with its libraries, which change their ABI from
//! release to release: `crm_node -n` once, so that a wrong name in the project file is found, then `crm_mon`.
//!
//! Where the resource is `ocf:mailferry:role` (config/pacemaker), its token on this node is asked for too. The token comes
//! with the start and goes with the stop, so an agent knows of a stop before the cluster manager has told anybody, and a
//! sleeper need not ask. The token alone makes nobody active. Any other resource does as well, only slower.

mod decide;

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use mailferry_command::ask;
use mailferry_core::ports::Role;

use self::decide::{Question, View, decide};
use super::hold::Kept;
use super::{Answer, Members, Origin, PATIENCE, Sign};

/// Where config/pacemaker/mailferry/role puts its tokens.
const TOKENS: &str = "/run/mailferry/role";
/// All that is looked at.
const ASK: &[&str] = &["-1", "--output-as=xml", "--include=none,summary,options,nodes,resources,fencing"];

pub(super) struct Pacemaker {
    members: Members,
    resource: String,
    token: PathBuf,
    /// That this machine has the name the project says.
    is_named_so: OnceLock<()>,
    warned: OnceLock<()>,
}

impl Pacemaker {
    pub fn new(members: Members, resource: String) -> Self {
        Self::with_tokens_in(Path::new(TOKENS), members, resource)
    }

    fn with_tokens_in(folder: &Path, members: Members, resource: String) -> Self {
        let token = folder.join(&resource);
        Pacemaker { members, resource, token, is_named_so: OnceLock::new(), warned: OnceLock::new() }
    }

    fn has_its_name(&self) -> Result<(), String> {
        if self.is_named_so.get().is_some() {
            return Ok(());
        }
        let said = ask("crm_node", &["-n"], PATIENCE)?.text;
        let name = said.trim();
        match self.members.is_me(name) {
            _ if name.is_empty() => Err("Pacemaker does not run on this node, or this account may not ask it".into()),
            true => {
                self.is_named_so.get_or_init(|| ());
                Ok(())
            }
            false => Err(format!("Pacemaker calls this node {name}, not {}; write its name as `cluster_node`", self.members.me)),
        }
    }

    fn view(&self) -> Result<View, String> {
        self.has_its_name()?;
        // Whatever its exit code: the answer itself says whether it is one.
        View::read(&ask("crm_mon", ASK, PATIENCE)?.text, &self.resource)
    }

    fn meaning_of(&self, view: &View) -> Answer {
        let question = Question { members: &self.members, resource: &self.resource, token: self.token.exists() };
        Answer { role: decide(view, &question), kept: if view.has_token() { Kept::UntilTheSign } else { Kept::Briefly } }
    }

    fn warn_without_fencing(&self, view: &View) {
        if !view.fencing && self.warned.set(()).is_ok() {
            tracing::warn!(
                event = "role.no-fencing",
                "fencing is off in Pacemaker: two nodes can be active for seconds or longer; claims keep the older one from harm, but set stonith-enabled=true"
            );
        }
    }
}

impl Origin for Pacemaker {
    fn ask(&self) -> Answer {
        match self.view() {
            Ok(view) => {
                self.warn_without_fencing(&view);
                self.meaning_of(&view)
            }
            Err(why) => Answer { role: Role::Unknown { why }, kept: Kept::Briefly },
        }
    }

    /// A token that was taken away and came back is another one.
    fn sign(&self) -> Sign {
        let about = std::fs::metadata(&self.token).and_then(|about| about.modified());
        Sign(about.ok().map(|modified| format!("{modified:?}")))
    }
}

#[cfg(test)]
mod tests;
