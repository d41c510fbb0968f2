//! The config.ini that a commit writes: what differs from the defaults, and the additional parameters (R90).

use super::desired::{Desired, Setting};
use super::ini::{Ini, Unwritable};
use super::key::Key;
use super::keys::KEYS;

/// Section for additional parameters that no key of this version goes by.
const ADDITIONAL: &str = "Additional";

/// The text depends on nothing but what is decided for this agent, so that a commit that decides the same changes nothing.
pub(super) fn render(desired: &Desired) -> Result<String, Unwritable> {
    let mut ini = Ini::parse(&header(desired));
    for key in KEYS {
        let additional = find(&desired.additional, key.name);
        let setting = find(&desired.settings, key.name).filter(|setting| setting.value != key.default_value());
        if let Some(setting) = additional.or(setting) {
            ini.set(key.section, key.name, &setting.value)?;
        }
    }
    for unknown in desired.additional.iter().filter(|setting| Key::find(&setting.key).is_none()) {
        ini.set(ADDITIONAL, &unknown.key, &unknown.value)?;
    }
    Ok(ini.text())
}

fn find<'d>(settings: &'d [Setting], name: &str) -> Option<&'d Setting> {
    settings.iter().find(|setting| setting.key.eq_ignore_ascii_case(name))
}

fn header(desired: &Desired) -> String {
    let Desired { project, agent, cluster, node, .. } = desired;
    format!(
        "; The {agent} agent of {cluster} on {node}, as `mailferry commit` of the project {project} wrote it.\n\
         ; Keys that are not here have their defaults: docs/reference/settings.md. What you change here counts from the next\n\
         ; session of the agent until the next commit, which shows what it overwrites. To keep a change, put it into\n\
         ; [settings] or [additional-parameters] of the project file.\n"
    )
}
