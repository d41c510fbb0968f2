//! What every key of config.ini has: a name, a type, limits, documentation; and the macro that makes the settings of an
//! agent, the table of its keys and the reference out of one list.

use std::fmt::{self, Display};
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::bytes::{ByteSize, Floor};
use super::choice::{Constraint, LogFormat, LogLevel};
use super::duration::{Seconds, number};
use super::finding::nearest;
use super::keys::{AgentSettings, KEYS};
use super::topology::AgentKind;

/// One key of config.ini.
#[derive(Debug)]
pub struct Key {
    /// As it is written; compared without case.
    pub name: &'static str,
    pub section: &'static str,
    /// The agents that use it.
    pub agents: &'static [AgentKind],
    /// What the key does, one sentence per line.
    pub doc: &'static str,
    /// The rules it belongs to.
    pub rules: &'static [&'static str],
    pub(super) allowed: fn() -> String,
    pub(super) read: fn(&mut AgentSettings, &str) -> bool,
    pub(super) print: fn(&AgentSettings) -> String,
}

impl Key {
    pub fn find(name: &str) -> Option<&'static Key> {
        KEYS.iter().find(|key| key.name.eq_ignore_ascii_case(name))
    }

    /// The known key that was probably meant by an unknown one.
    pub fn nearest(name: &str) -> Option<&'static str> {
        nearest(name, KEYS.iter().map(|key| key.name))
    }

    pub fn is_for(&self, agent: AgentKind) -> bool {
        self.agents.contains(&agent)
    }

    /// What a value may be, as a phrase with unit and limits.
    pub fn allowed(&self) -> String {
        (self.allowed)()
    }

    pub fn default_value(&self) -> String {
        (self.print)(&AgentSettings::default())
    }
}

/// Why a setting was not taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadValue {
    #[error("there is no key `{key}`")]
    UnknownKey { key: String, nearest: Option<&'static str> },
    #[error("{key} cannot be `{value}`: allowed is {allowed}")]
    NotAllowed { key: &'static str, value: String, allowed: String },
}

impl AgentSettings {
    /// Sets one key from text; on an error nothing has changed.
    pub fn apply(&mut self, key: &str, value: &str) -> Result<(), BadValue> {
        let known = Key::find(key).ok_or_else(|| BadValue::UnknownKey { key: key.into(), nearest: Key::nearest(key) })?;
        if (known.read)(self, value) {
            return Ok(());
        }
        Err(BadValue::NotAllowed { key: known.name, value: value.into(), allowed: known.allowed() })
    }

    /// Values that are allowed each by itself and make no sense together: the key to blame, and why.
    pub fn contradictions(&self, agent: AgentKind) -> Vec<(&'static Key, String)> {
        let (every, life) = (self.ccr_deleted_items_touch_interval, self.ccr_deleted_items_life_time);
        let never_retried = format!(
            "CcrDeletedItemsLifeTime {life} is not above CcrDeletedItemsTouchInterval {every}: a failed deletion is given up before its second try"
        );
        let lives = Key::find("CcrDeletedItemsLifeTime").filter(|_| life <= every).map(|key| (key, never_retried));
        let constraint = self.data_move_replication_constraint;
        let nobody_tells = format!(
            "DataMoveReplicationConstraint is {constraint} and CopyStatusProviders names no file: nobody tells how far the copies are"
        );
        let unprovided = constraint != Constraint::None && self.copy_status_providers.is_empty();
        let copies = Key::find("DataMoveReplicationConstraint").filter(|_| unprovided).map(|key| (key, nobody_tells));
        [lives, copies].into_iter().flatten().filter(|(key, _)| key.is_for(agent)).collect()
    }

    /// The value of a key in its canonical spelling.
    pub fn value(&self, key: &Key) -> String {
        (key.print)(self)
    }
}

/// A type that a key may have.
pub trait Value: Sized + Clone + Display + 'static {
    fn read(text: &str, range: Option<RangeInclusive<Self>>) -> Option<Self>;

    fn print(&self) -> String {
        self.to_string()
    }

    /// What is allowed, as a phrase.
    fn allowed(range: Option<RangeInclusive<Self>>) -> String;
}

fn ranged<T: FromStr + PartialOrd>(text: &str, range: Option<RangeInclusive<T>>) -> Option<T> {
    text.parse().ok().filter(|value| range.is_none_or(|range| range.contains(value)))
}

fn limits<T: Display>(range: Option<RangeInclusive<T>>) -> String {
    range.map(|range| format!(" from {} to {}", range.start(), range.end())).unwrap_or_default()
}

impl Value for Seconds {
    fn read(text: &str, range: Option<RangeInclusive<Self>>) -> Option<Self> {
        ranged(text, range)
    }

    fn allowed(range: Option<RangeInclusive<Self>>) -> String {
        format!("a duration{}, written like 90s, 15m or 1d12h; a bare number is seconds", limits(range))
    }
}

impl Value for ByteSize {
    fn read(text: &str, range: Option<RangeInclusive<Self>>) -> Option<Self> {
        ranged(text, range)
    }

    fn allowed(range: Option<RangeInclusive<Self>>) -> String {
        format!("a size{}, written like 64 MiB, 10 GB or 4096; a bare number is bytes", limits(range))
    }
}

impl Value for u32 {
    fn read(text: &str, range: Option<RangeInclusive<Self>>) -> Option<Self> {
        let value = u32::try_from(number(text).filter(|_| !text.is_empty())?).ok()?;
        range.is_none_or(|range| range.contains(&value)).then_some(value)
    }

    fn allowed(range: Option<RangeInclusive<Self>>) -> String {
        format!("a whole number{}", limits(range))
    }
}

impl Value for bool {
    fn read(text: &str, _: Option<RangeInclusive<Self>>) -> Option<Self> {
        let is = |words: [&str; 4]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
        if is(["1", "true", "yes", "on"]) {
            return Some(true);
        }
        is(["0", "false", "no", "off"]).then_some(false)
    }

    fn print(&self) -> String {
        u8::from(*self).to_string()
    }

    fn allowed(_: Option<RangeInclusive<Self>>) -> String {
        "0 or 1 (also no/yes, false/true, off/on)".into()
    }
}

impl Value for Floor {
    fn read(text: &str, _: Option<RangeInclusive<Self>>) -> Option<Self> {
        text.parse().ok()
    }

    fn allowed(_: Option<RangeInclusive<Self>>) -> String {
        "a size written like 10 GB, or a share of the disk from 1% to 90%; 0 is no floor".into()
    }
}

/// A folder; empty means the default place.
impl Value for String {
    fn read(text: &str, _: Option<RangeInclusive<Self>>) -> Option<Self> {
        (!text.contains(char::is_control) && text.len() <= 4_096).then(|| text.into())
    }

    fn allowed(_: Option<RangeInclusive<Self>>) -> String {
        "the path of a folder, taken literally".into()
    }
}

/// Keys whose value is a word of a list.
macro_rules! word_values {
    ($($name:ident),+) => { $(
        impl Value for $name {
            fn read(text: &str, _: Option<RangeInclusive<Self>>) -> Option<Self> {
                text.parse().ok()
            }

            fn allowed(_: Option<RangeInclusive<Self>>) -> String {
                one_of($name::WORDS.iter().map(|(word, _)| *word))
            }
        }
    )+ };
}

word_values!(Constraint, LogLevel, LogFormat);

fn one_of(words: impl Iterator<Item = &'static str>) -> String {
    let words: Vec<&str> = words.collect();
    match words.split_last() {
        Some((last, [])) => (*last).into(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// Makes `AgentSettings` and `KEYS` from one documented list.
macro_rules! settings {
    ($(
        $(#[doc = $doc:literal])+
        $field:ident $name:literal: $type:ty = $default:expr,
        $(within $range:expr,)?
        agents [$($agent:ident),+], section $section:literal, rules [$($rule:literal),*];
    )+) => {
        /// The settings of an agent: all keys, of which an agent uses some.
        #[derive(Clone, PartialEq, Eq, Debug)]
        pub struct AgentSettings {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Default for AgentSettings {
            fn default() -> Self {
                AgentSettings { $($field: $default,)+ }
            }
        }

        /// Every key of config.ini, in the order of the reference.
        pub static KEYS: &[Key] = &[$(Key {
            name: $name,
            section: $section,
            agents: &[$(AgentKind::$agent),+],
            doc: concat!($($doc, "\n"),+),
            rules: &[$($rule),*],
            allowed: || <$type as Value>::allowed(None$(.or(Some($range)))?),
            read: |settings, text| match <$type as Value>::read(text.trim_ascii(), None$(.or(Some($range)))?) {
                Some(value) => {
                    settings.$field = value;
                    true
                }
                None => false,
            },
            print: |settings| Value::print(&settings.$field),
        },)+];
    };
}
pub(super) use settings;

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name)
    }
}
