//! `[settings]` and `[additional-parameters]` as they are written: keys, and tables of keys for a kind of agent or for a node.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use toml::Spanned;

use super::topology::AgentKind;

/// `[settings]` or `[additional-parameters]`: keys, and a table of keys for each kind of agent. Positions are bytes.
#[derive(Default)]
pub(super) struct RawKeys {
    pub all: Vec<RawKey>,
    pub own: Vec<(AgentKind, Vec<RawKey>)>,
    /// What is said for the agents of one node.
    pub nodes: Vec<(Spanned<String>, RawKeys)>,
    /// Tables that should be there and are something else: their places, and what they are called.
    pub no_tables: Vec<Spanned<String>>,
}

pub(super) struct RawKey {
    pub key: Spanned<String>,
    /// `None`: not a text, a whole number, true or false.
    pub value: Option<String>,
}

/// How deep a table of keys lies: below it there are tables for agents, for nodes, or none.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    Project,
    Node,
    Agent,
}

impl<'de> Deserialize<'de> for RawKeys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        KeysSeed(Depth::Project).deserialize(deserializer).map(|keys| keys.unwrap_or_default())
    }
}

/// `None`: it is no table.
struct KeysSeed(Depth);

impl<'de> DeserializeSeed<'de> for KeysSeed {
    type Value = Option<RawKeys>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

/// What is no table is told with its line by whoever reads the keys.
macro_rules! no_table {
    ($($visit:ident: $type:ty),+) => { $(
        fn $visit<E>(self, _value: $type) -> Result<Self::Value, E> {
            Ok(None)
        }
    )+ };
}

impl<'de> Visitor<'de> for KeysSeed {
    type Value = Option<RawKeys>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a table of keys")
    }

    no_table!(visit_bool: bool, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut keys = RawKeys::default();
        while let Some(key) = map.next_key::<Spanned<String>>()? {
            match (key.get_ref().parse::<AgentKind>(), self.0) {
                (Ok(kind), Depth::Project | Depth::Node) => match map.next_value_seed(KeysSeed(Depth::Agent))? {
                    Some(own) => keys.own.push((kind, own.all)),
                    None => keys.no_tables.push(key),
                },
                (Err(_), Depth::Project) if key.get_ref() == "nodes" => match map.next_value_seed(NodesSeed)? {
                    Some(nodes) => keys.nodes = nodes,
                    None => keys.no_tables.push(key),
                },
                _ => keys.all.push(RawKey { key, value: scalar(map.next_value()?) }),
            }
        }
        // The parser hands them out by name; the order of the file decides which of two counts.
        keys.all.sort_by_key(|raw| raw.key.span().start);
        Ok(Some(keys))
    }
}

/// `[settings.nodes]`: a table of keys for each node.
struct NodesSeed;

impl<'de> DeserializeSeed<'de> for NodesSeed {
    type Value = Option<Vec<(Spanned<String>, RawKeys)>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NodesSeed {
    type Value = Option<Vec<(Spanned<String>, RawKeys)>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a table of nodes")
    }

    no_table!(visit_bool: bool, visit_i64: i64, visit_f64: f64, visit_str: &str);

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut nodes = Vec::new();
        while let Some(name) = map.next_key::<Spanned<String>>()? {
            match map.next_value_seed(KeysSeed(Depth::Node))? {
                Some(keys) => nodes.push((name, keys)),
                None => {
                    let no_tables = vec![name.clone()];
                    nodes.push((name, RawKeys { no_tables, ..RawKeys::default() }));
                }
            }
        }
        Ok(Some(nodes))
    }
}

fn scalar(value: toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(on) => Some(u8::from(on).to_string()),
        _ => None,
    }
}
