//! `[settings]` and `[additional-parameters]` (R90): an unknown key is a warning, a bad value an error (R91).

use std::collections::HashMap;

use toml::Spanned;

use super::Check;
use crate::settings::ini::Ini;
use crate::settings::key::{BadValue, Key};
use crate::settings::keys::AgentSettings;
use crate::settings::project::{Chosen, KeyTable};
use crate::settings::raw_keys::{RawKey, RawKeys};
use crate::settings::topology::{AgentKind, Side, Topology};

/// Reads one key of a table.
type Reader<'r> = dyn FnMut(&mut Check<'_>, Option<AgentKind>, &RawKey, &str) -> Option<Chosen> + 'r;

impl Check<'_> {
    /// Only known keys, in canonical spelling.
    pub(super) fn settings(&mut self, raw: &RawKeys, topology: &Topology) -> KeyTable {
        self.table(raw, topology, &mut |check, agent, raw, value| {
            let (key, settings) = check.applied(agent, raw, value, "it is left out")?;
            let line = check.line(&raw.key.span());
            key.map(|key| Chosen { key: key.name.into(), value: settings.value(key), line })
        })
    }

    /// Every key as it is written.
    pub(super) fn additional(&mut self, raw: &RawKeys, topology: &Topology) -> KeyTable {
        self.table(raw, topology, &mut |check, agent, raw, value| {
            let (key, at) = (raw.key.get_ref(), raw.key.span());
            if Ini::default().set("", key, value).is_err() {
                let text = format!("{} = {value:?} cannot be a line of a config.ini", key.escape_debug());
                check.error(at, text).hint("no line breaks, no blanks at the ends, and no = in the name");
                return None;
            }
            check.applied(agent, raw, value, "it is written to config.ini as it is")?;
            Some(Chosen { key: key.clone(), value: value.into(), line: check.line(&at) })
        })
    }

    fn table(&mut self, raw: &RawKeys, topology: &Topology, read: &mut Reader<'_>) -> KeyTable {
        for key in &raw.no_tables {
            self.error(key.span(), format!("`{}` must be a table of keys", key.get_ref()))
                .hint("write its keys below a line such as [settings.source]");
        }
        let mut all_of = |agent: Option<AgentKind>, keys: &[RawKey]| -> Vec<Chosen> {
            self.twice(keys);
            keys.iter().filter_map(|key| self.scalar(key).and_then(|value| read(self, agent, key, value))).collect()
        };
        let all = all_of(None, &raw.all);
        let own = raw.own.iter().map(|(agent, keys)| (*agent, all_of(Some(*agent), keys))).collect();
        KeyTable { all, own, nodes: raw.nodes.iter().map(|(node, keys)| self.of_node(node, keys, topology, read)).collect() }
    }

    fn of_node(&mut self, node: &Spanned<String>, keys: &RawKeys, topology: &Topology, read: &mut Reader<'_>) -> (String, KeyTable) {
        let nodes = || topology.source.nodes.iter().chain(&topology.target.nodes).map(|node| node.name.as_str());
        if !nodes().any(|known| known.eq_ignore_ascii_case(node.get_ref())) {
            let hint = format!("nodes are {}", nodes().collect::<Vec<_>>().join(", "));
            self.error(node.span(), format!("the project has no node `{}`", node.get_ref().escape_debug())).hint(hint);
        }
        (node.get_ref().clone(), self.table(keys, topology, read))
    }

    fn scalar<'k>(&mut self, raw: &'k RawKey) -> Option<&'k str> {
        if raw.value.is_none() {
            self.error(raw.key.span(), format!("{} must be a text, a whole number, true or false", raw.key.get_ref()))
                .hint("put anything else between quotes");
        }
        raw.value.as_deref()
    }

    /// TOML tells keys by their case, config.ini does not.
    fn twice(&mut self, keys: &[RawKey]) {
        let mut seen = HashMap::new();
        for key in keys.iter().map(|raw| &raw.key) {
            let line = self.line(&key.span());
            if let Some(earlier) = seen.insert(key.get_ref().to_ascii_lowercase(), line) {
                self.warning(key.span(), format!("{} stands in line {earlier} too; this line counts", key.get_ref()))
                    .hint("take one of the two out");
            }
        }
    }

    /// `None` after an error; no key when it is unknown.
    fn applied(
        &mut self,
        agent: Option<AgentKind>,
        raw: &RawKey,
        value: &str,
        fate: &str,
    ) -> Option<(Option<&'static Key>, AgentSettings)> {
        let (name, at) = (raw.key.get_ref(), raw.key.span());
        let mut settings = AgentSettings::default();
        match settings.apply(name, value) {
            Ok(()) => {}
            Err(BadValue::UnknownKey { key, nearest }) => {
                let hint =
                    nearest.map_or_else(|| "docs/reference/settings.md has all keys".into(), |nearest| format!("did you mean {nearest}?"));
                self.warning(at, format!("there is no key `{key}`; {fate}")).hint(hint);
                return Some((None, settings));
            }
            Err(error @ BadValue::NotAllowed { .. }) => {
                let hint = format!("the default is {}", Key::find(name).map(Key::default_value).unwrap_or_default());
                self.error(at, error.to_string()).hint(hint);
                return None;
            }
        }
        let key = Key::find(name)?;
        if let Some(agent) = agent.filter(|agent| !key.is_for(*agent)) {
            let users: Vec<&str> = key.agents.iter().map(|agent| agent.name()).collect();
            let hint = format!("{key} is for: {}", users.join(", "));
            self.warning(at.clone(), format!("the {agent} agent does not use {key}")).hint(hint);
        }
        Some((Some(key), settings))
    }

    /// Values that are allowed each by itself and make no sense together.
    pub(super) fn contradictions(&mut self, settings: &KeyTable, additional: &KeyTable, topology: &Topology) {
        let mut told = Vec::new();
        let sides = [Side::Source, Side::Target].into_iter();
        let agents =
            sides.flat_map(|side| topology.cluster(side).nodes.iter().flat_map(move |node| side.agents().map(|agent| (node, agent))));
        for (node, agent) in agents {
            let chosen: Vec<Chosen> = settings.of(agent, &node.name).into_iter().chain(additional.of(agent, &node.name)).collect();
            let mut whole = AgentSettings::default();
            for chosen in &chosen {
                let _unknown_or_told = whole.apply(&chosen.key, &chosen.value);
            }
            for (key, text) in whole.contradictions(agent) {
                let line = chosen.iter().rev().find(|chosen| key.name.eq_ignore_ascii_case(&chosen.key)).map_or(1, |chosen| chosen.line);
                if !told.contains(&(line, text.clone())) {
                    told.push((line, text));
                }
            }
        }
        for (line, text) in told {
            let finding = super::Finding::new(super::Level::Warning, self.file, Some(line), text);
            self.findings.push(finding.hint("docs/reference/settings.md says what each of the two does"));
        }
    }
}
