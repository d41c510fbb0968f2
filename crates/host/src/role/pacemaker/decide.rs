//! What a view of Pacemaker means for this node: no process, no file, tables over recorded views.
//!
//! A view is what one node believes. In a partition each side believes that it has quorum and the other is gone; nothing in a view
//! tells. So a view makes a node active only in combination with the newest claim (R3).
//!
//! Active is who sees: a DC, quorum, itself online and clean, nobody about to fence it, and the resource started on itself and
//! nowhere else. That the *other* node is unclean does not matter: the resource would not have been started here before that
//! node was fenced, and while fencing fails the node that has the resource is the only one that may work.

use mailferry_core::ports::Role;
use roxmltree::{Document, Node};

use super::super::{Members, unknown};

/// Our resource agent, which keeps a token.
const AGENT: &str = "ocf:mailferry:role";

/// What one node of the cluster believes.
#[derive(Debug)]
pub(super) struct View {
    /// `None`: there is no DC.
    quorum: Option<bool>,
    pub fencing: bool,
    nodes: Vec<Member>,
    /// Fencing that is going on: who is to be fenced.
    being_fenced: Vec<String>,
    /// The resource; of a group all its members, of a clone each instance.
    resources: Vec<Resource>,
}

#[derive(Debug)]
struct Member {
    name: String,
    online: bool,
    unclean: bool,
    pending: bool,
}

#[derive(Debug)]
struct Resource {
    agent: String,
    /// As Pacemaker writes it: Started, Stopped, Starting, Promoted ...
    role: String,
    failed: bool,
    blocked: bool,
    orphaned: bool,
    places: Vec<String>,
}

pub(super) struct Question<'a> {
    pub members: &'a Members,
    pub resource: &'a str,
    /// The token of the resource is on this node.
    pub token: bool,
}

impl View {
    /// Reads what `crm_mon --output-as=xml` writes. `Err` is why it says nothing.
    pub fn read(text: &str, resource: &str) -> Result<View, String> {
        let document = Document::parse(text).map_err(|error| format!("what crm_mon says cannot be read: {error}"))?;
        let root = document.root_element();
        let status = child(root, "status").ok_or("what crm_mon says has no status")?;
        if status.attribute("code") != Some("0") {
            return Err(format!("crm_mon: {}", refusal(status)));
        }
        let dc = descendants(root, "current_dc").next().ok_or("crm_mon does not say who the DC is")?;
        Ok(View {
            quorum: is(dc, "present").then(|| is(dc, "with_quorum")),
            fencing: descendants(root, "cluster_options").next().is_some_and(|options| is(options, "stonith-enabled")),
            nodes: child(root, "nodes").into_iter().flat_map(|nodes| children(nodes, "node")).map(Member::read).collect(),
            being_fenced: descendants(root, "fence_event")
                .filter(|event| event.attribute("status") == Some("pending"))
                .map(|event| text_of(event, "target"))
                .collect(),
            resources: resources(root, resource),
        })
    }

    pub fn has_token(&self) -> bool {
        self.resources.iter().any(|resource| resource.agent == AGENT)
    }
}

impl Member {
    fn read(node: Node<'_, '_>) -> Self {
        Member { name: text_of(node, "name"), online: is(node, "online"), unclean: is(node, "unclean"), pending: is(node, "pending") }
    }
}

impl Resource {
    fn read(resource: Node<'_, '_>) -> Self {
        Resource {
            agent: text_of(resource, "resource_agent"),
            role: text_of(resource, "role"),
            failed: is(resource, "failed"),
            blocked: is(resource, "blocked"),
            orphaned: is(resource, "orphaned"),
            places: children(resource, "node").map(|node| text_of(node, "name")).collect(),
        }
    }
}

/// By its id, or the ids of its instances (`id:0`), or every resource within a group, clone or bundle of that id.
fn resources(root: Node<'_, '_>, id: &str) -> Vec<Resource> {
    let is_it = |node: Node<'_, '_>| {
        node.attribute("id").is_some_and(|found| found == id || found.strip_prefix(id).is_some_and(|rest| rest.starts_with(':')))
    };
    let all = child(root, "resources").into_iter().flat_map(|list| list.descendants().filter(|node| node.has_tag_name("resource")));
    all.filter(|resource| resource.ancestors().take_while(|above| !above.has_tag_name("resources")).any(is_it))
        .map(Resource::read)
        .collect()
}

/// The role of this node.
pub(super) fn decide(view: &View, question: &Question<'_>) -> Role {
    if let Some(why) = cannot_tell(view, question) {
        return unknown(why);
    }
    let what = format!("resource {}", question.resource);
    let place = match place(view, &what) {
        Ok(place) => place,
        Err(why) => return unknown(why),
    };
    match question.members.role_by_place(&what, place) {
        Role::Active if view.has_token() && !question.token => {
            unknown(format!("{what} is being started or stopped here: its token is not there"))
        }
        role => role,
    }
}

/// Why this view is not to be trusted.
fn cannot_tell(view: &View, question: &Question<'_>) -> Option<String> {
    match view.quorum {
        None => return Some("the cluster has no DC at the moment".into()),
        Some(false) => return Some("this part of the cluster has no quorum".into()),
        Some(true) => {}
    }
    let Some(me) = view.nodes.iter().find(|node| question.members.is_me(&node.name)) else {
        return Some(format!("{} is no node of the cluster", question.members.me));
    };
    if !me.online || me.pending {
        return Some("this node has not joined the cluster".into());
    }
    if me.unclean || view.being_fenced.iter().any(|name| question.members.is_me(name)) {
        return Some("this node is about to be fenced".into());
    }
    None
}

/// The one node where all of it is started.
fn place<'v>(view: &'v View, what: &str) -> Result<&'v str, String> {
    if view.resources.is_empty() {
        return Err(format!("the cluster has no {what}"));
    }
    for resource in &view.resources {
        if resource.failed || resource.blocked || resource.orphaned {
            return Err(format!("{what} has failed, is blocked, or was removed"));
        }
        if resource.role != "Started" {
            return Err(format!("{what} is not started: {}", resource.role));
        }
    }
    let mut places: Vec<&str> = view.resources.iter().flat_map(|resource| &resource.places).map(String::as_str).collect();
    places.sort_unstable();
    places.dedup();
    match places.as_slice() {
        [only] => Ok(only),
        [] => Err(format!("{what} is on no node")),
        several => Err(format!("{what} is on several nodes: {}", several.join(", "))),
    }
}

fn refusal(status: Node<'_, '_>) -> String {
    let first = descendants(status, "error").next().and_then(|error| error.text());
    first.or_else(|| status.attribute("message")).unwrap_or("no reason given").trim().to_owned()
}

fn child<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.has_tag_name(name))
}

fn descendants<'a, 'i>(node: Node<'a, 'i>, name: &'static str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.descendants().filter(move |child| child.has_tag_name(name))
}

fn text_of(node: Node<'_, '_>, attribute: &str) -> String {
    node.attribute(attribute).unwrap_or_default().to_owned()
}

fn is(node: Node<'_, '_>, attribute: &str) -> bool {
    node.attribute(attribute) == Some("true")
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
