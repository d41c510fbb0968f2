//! `[settings]` and `[additional-parameters]` (R90): an unknown key is a warning, a bad value an error (R91).

use std::collections::HashMap;

use super::Check;
use crate::settings::ini::Ini;
use crate::settings::key::{BadValue, Key};
use crate::settings::keys::AgentSettings;
use crate::settings::project::{Chosen, KeyTable, RawKey, RawKeys};
use crate::settings::topology::AgentKind;

impl Check<'_> {
    /// Only known keys, in canonical spelling.
    pub(super) fn settings(&mut self, raw: &RawKeys) -> KeyTable {
        self.table(raw, |check, agent, raw, value| {
            let (key, settings) = check.applied(agent, raw, value, "it is left out")?;
            let line = check.line(&raw.key.span());
            key.map(|key| Chosen { key: key.name.into(), value: settings.value(key), line })
        })
    }

    /// Every key as it is written.
    pub(super) fn additional(&mut self, raw: &RawKeys) -> KeyTable {
        self.table(raw, |check, agent, raw, value| {
            let (key, at) = (raw.key.get_ref(), raw.key.span());
            if Ini::default().set("", key, value).is_err() {
                check.error(at, format!("{} = {value:?} cannot be a line of a config.ini", key.escape_debug()));
                return None;
            }
            check.applied(agent, raw, value, "it is written to config.ini as it is")?;
            Some(Chosen { key: key.clone(), value: value.into(), line: check.line(&at) })
        })
    }

    fn table(&mut self, raw: &RawKeys, mut read: impl FnMut(&mut Self, Option<AgentKind>, &RawKey, &str) -> Option<Chosen>) -> KeyTable {
        let mut all_of = |agent: Option<AgentKind>, keys: &[RawKey]| -> Vec<Chosen> {
            self.twice(keys);
            keys.iter().filter_map(|key| self.scalar(key).and_then(|value| read(self, agent, key, value))).collect()
        };
        let all = all_of(None, &raw.all);
        KeyTable { all, own: raw.own.iter().map(|(agent, keys)| (*agent, all_of(Some(*agent), keys))).collect() }
    }

    fn scalar<'k>(&mut self, raw: &'k RawKey) -> Option<&'k str> {
        if raw.value.is_none() {
            self.error(raw.key.span(), format!("{} must be a text, a whole number, true or false", raw.key.get_ref()));
        }
        raw.value.as_deref()
    }

    /// TOML tells keys by their case, config.ini does not.
    fn twice(&mut self, keys: &[RawKey]) {
        let mut seen = HashMap::new();
        for key in keys.iter().map(|raw| &raw.key) {
            let line = self.line(&key.span());
            if let Some(earlier) = seen.insert(key.get_ref().to_ascii_lowercase(), line) {
                self.warning(key.span(), format!("{} stands in line {earlier} too; this line counts", key.get_ref()));
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
                let found = self.warning(at, format!("there is no key `{key}`; {fate}"));
                nearest.into_iter().for_each(|nearest| found.0.hint = Some(format!("did you mean {nearest}?")));
                return Some((None, settings));
            }
            Err(error @ BadValue::NotAllowed { .. }) => {
                self.error(at, error.to_string());
                return None;
            }
        }
        let key = Key::find(name)?;
        if let Some(agent) = agent.filter(|agent| !key.is_for(*agent)) {
            self.warning(at.clone(), format!("the {agent} agent does not use {key}"));
        }
        Some((Some(key), settings))
    }

    /// Values that are allowed each by itself and make no sense together.
    pub(super) fn contradictions(&mut self, settings: &KeyTable, additional: &KeyTable) {
        let mut told = Vec::new();
        for agent in AgentKind::ALL {
            let chosen: Vec<Chosen> = settings.of(agent).into_iter().chain(additional.of(agent)).collect();
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
            self.findings.push(finding);
        }
    }
}
