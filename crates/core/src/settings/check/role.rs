//! Who says which node is active (R2), and by what.

use toml::Spanned;

use super::Check;
use crate::settings::project::RawCluster;
use crate::settings::topology::{RoleOrigin, Side};

const RESOURCE_HINT: &str = "write the id of the resource in Pacemaker: letters, digits, `-`, `_` and `.`, a letter or `_` first";
const GROUP_HINT: &str = "write the name of the group as the Failover Cluster Manager shows it";

impl Check<'_> {
    pub(super) fn role(&mut self, side: Side, raw: &RawCluster) -> (RoleOrigin, Option<String>) {
        let origin = raw.role.as_ref().map_or(RoleOrigin::Static, |word| self.origin(word));
        match (&raw.role, origin) {
            (Some(word), RoleOrigin::Pacemaker | RoleOrigin::Wsfc) => self.managed(side, raw, word, origin),
            _ => self.unmanaged(raw),
        }
        (origin, raw.role_resource.as_ref().map(|resource| resource.get_ref().clone()))
    }

    /// A word that nobody knows counts as `static` for what else is checked; the project is refused anyway.
    fn origin(&mut self, word: &Spanned<String>) -> RoleOrigin {
        let found = RoleOrigin::ALL.into_iter().find(|origin| origin.name() == word.get_ref());
        if found.is_none() {
            let text = format!("nobody called `{}` can say which node is active", word.get_ref().escape_debug());
            self.error(word.span(), text).hint("write static, pacemaker or wsfc");
        }
        found.unwrap_or_default()
    }

    fn managed(&mut self, side: Side, raw: &RawCluster, word: &Spanned<String>, origin: RoleOrigin) {
        if raw.nodes.get_ref().len() == 1 {
            self.error(word.span(), format!("the {side} is a standalone server: it is always active"))
                .hint("leave `role` out, or write both nodes of the cluster");
        }
        match &raw.role_resource {
            None => self
                .error(word.span(), format!("the role comes from {}, and `role_resource` is missing", origin.title()))
                .hint(if origin == RoleOrigin::Wsfc { GROUP_HINT } else { RESOURCE_HINT }),
            Some(name) if origin == RoleOrigin::Pacemaker && !is_resource(name.get_ref()) => {
                self.error(name.span(), format!("`{}` is no id of a resource", name.get_ref().escape_debug())).hint(RESOURCE_HINT)
            }
            Some(name) if !is_name(name.get_ref()) => {
                self.error(name.span(), format!("`{}` is no name of a group", name.get_ref().escape_debug())).hint(GROUP_HINT)
            }
            Some(_) => {}
        }
        self.names_in_cluster(raw);
    }

    /// Both nodes are told apart by these names.
    fn names_in_cluster(&mut self, raw: &RawCluster) {
        let mut seen: Vec<&str> = Vec::new();
        for node in raw.nodes.get_ref() {
            let written = node.cluster_node.as_ref().unwrap_or(&node.name);
            let name = written.get_ref();
            if !is_name(name) {
                self.error(written.span(), format!("`{}` is no name of a node", name.escape_debug())).hint("no blanks at the ends");
            }
            if seen.iter().any(|earlier| earlier.eq_ignore_ascii_case(name)) {
                self.error(written.span(), format!("two nodes are called {name} in the cluster manager"))
                    .hint("write what `crm_node -n` prints on each node");
            }
            seen.push(name);
        }
    }

    fn unmanaged(&mut self, raw: &RawCluster) {
        if let Some(resource) = &raw.role_resource {
            self.error(resource.span(), "role_resource is given, and no cluster manager is asked for the role")
                .hint("write role = \"pacemaker\" or role = \"wsfc\", or leave role_resource out");
        }
        for name in raw.nodes.get_ref().iter().filter_map(|node| node.cluster_node.as_ref()) {
            self.warning(name.span(), "cluster_node is not used: no cluster manager is asked for the role")
                .hint("write role = \"pacemaker\" or role = \"wsfc\", or leave cluster_node out");
        }
    }
}

/// An id of XML, as Pacemaker wants it; it becomes the name of a file, too.
fn is_resource(id: &str) -> bool {
    let begins_well = id.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_');
    begins_well && id.len() <= 100 && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.trim() == name && name.len() <= 255 && !name.contains(char::is_control)
}
