//! What `check` looks at: configuration, folders, rights, free space, the database (R1, R4, R14, R91).

use mailferry_core::ports::{Role, RolePort, Share, ShareError, SharePath, Stores, UnwatchedSteps};
use mailferry_core::settings::{AgentKind, AgentSettings, Desired, Side};
use mailferry_core::state::Database;

use crate::{AgentHome, LocalShare, Openers, StoreOpener};

/// One thing looked at. `trouble`: `None` when it is as it should be.
#[derive(Clone, Debug)]
pub struct Check {
    pub what: String,
    pub trouble: Option<String>,
}

impl Check {
    fn of<T>(what: impl Into<String>, result: Result<T, impl std::fmt::Display>) -> Self {
        Check { what: what.into(), trouble: result.err().map(|error| error.to_string()) }
    }
}

/// Looks at everything an agent needs; changes nothing but a probe file that it deletes again.
pub fn check_agent(home: &AgentHome, openers: &Openers, overrides: &[String]) -> Vec<Check> {
    let desired = match home.desired() {
        Ok(desired) => desired,
        Err(trouble) => return vec![Check { what: "desired state".into(), trouble: Some(trouble.to_string()) }],
    };
    let loaded = home.settings(Some(&desired), overrides);
    let mut checks =
        vec![Check { what: format!("desired state, revision {} of project {}", desired.revision, desired.project), trouble: None }];
    let errors: Vec<String> = loaded.findings.iter().filter(|finding| finding.is_error()).map(ToString::to_string).collect();
    checks.push(Check { what: "settings".into(), trouble: (!errors.is_empty()).then(|| errors.join("\n")) });
    checks.extend(nodes(home.kind, &desired, &loaded.settings));
    checks.push(role(home, &desired));
    checks.push(database(home));
    if home.kind == AgentKind::Target {
        checks.push(Check::of("data guarantee", (openers.guarantee)(&loaded.settings)));
    }
    checks.extend(mailboxes(home.kind, &desired, &openers.stores));
    checks
}

fn nodes(kind: AgentKind, desired: &Desired, settings: &AgentSettings) -> Vec<Check> {
    let mut checks = Vec::new();
    let own = desired.own_cluster();
    for node in &own.nodes {
        checks.push(Check::of(format!("share of {} ({})", node.name, node.share), probe(&node.share)));
    }
    if kind == AgentKind::Transmission {
        for node in &desired.peer_cluster().nodes {
            checks.push(Check::of(format!("share of {} ({})", node.name, node.share), probe(&node.share)));
        }
    }
    match own.witness_place() {
        Some(place) => checks.push(Check::of(format!("witness of {} ({place})", own.name), probe(place))),
        None => checks.push(Check {
            what: format!("witness of {}", own.name),
            trouble: Some("none is named; add `witness` to the project file".into()),
        }),
    }
    if let Some(node) = own.node(&desired.node) {
        checks.push(Check { what: format!("free space of {}", node.name), trouble: room(&node.share, settings).err() });
    }
    checks
}

/// Whoever says who is active can be asked; active or not is as it should be.
fn role(home: &AgentHome, desired: &Desired) -> Check {
    let origin = desired.own_cluster().role;
    let what = format!("role from {}", origin.title());
    match home.role(desired).map(|reader| reader.role()) {
        Err(trouble) => Check { what, trouble: Some(trouble.to_string()) },
        Ok(Role::Unknown { why }) => Check { what, trouble: Some(why) },
        Ok(role) => Check { what: format!("{what}: {role}"), trouble: None },
    }
}

/// Writes, reads and deletes a small file.
fn probe(path: &str) -> Result<(), ShareError> {
    let share = LocalShare::new(path);
    let file = SharePath::of(&["NTA", &format!("probe-{}", std::process::id())]).unwrap_or_else(SharePath::root);
    share.replace(&file, b"mailferry check\n")?;
    share.open(&file)?;
    share.remove(&file).map(|_| ())
}

fn room(path: &str, settings: &AgentSettings) -> Result<(), String> {
    let space = LocalShare::new(path).space().map_err(|error| error.to_string())?;
    let Some(space) = space else { return Ok(()) };
    match settings.free_space_floor.bytes(Some(space.total_bytes)) {
        Some(floor) if space.free_bytes < floor => {
            Err(format!("{} bytes are free, FreeSpaceFloor is {floor}: nothing would be packed", space.free_bytes))
        }
        _ => Ok(()),
    }
}

fn database(home: &AgentHome) -> Check {
    let path = home.database();
    let what = format!("database {}", path.display());
    if !path.exists() {
        return Check { what: format!("{what} (made at the first session)"), trouble: None };
    }
    let place = path.display().to_string();
    let opened = Database::open(&path, std::sync::Arc::new(UnwatchedSteps)).and_then(|db| db.integrity());
    Check::of(what, opened.map_err(|error| error.trouble(&place)))
}

/// Stores of the side this agent works on. A target store may not be there yet: it is made.
fn mailboxes(kind: AgentKind, desired: &Desired, stores: &StoreOpener) -> Vec<Check> {
    if kind != AgentKind::Source || desired.side != Side::Source {
        return Vec::new();
    }
    let look = |stores: &dyn Stores, url: &str| stores.source(url).and_then(|mut store| store.folders());
    desired
        .mailboxes
        .iter()
        .map(|mailbox| Check::of(format!("mailbox {} ({})", mailbox.name, mailbox.source), look(stores.as_ref(), &mailbox.source)))
        .collect()
}
