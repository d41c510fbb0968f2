//! What a comparison found, for people and as JSON.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Serialize, Serializer};

use crate::model::{Digest, FolderPath, ItemKey, Marks};
use crate::settings::Side;

/// The outcome of a comparison.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Comparison {
    pub source: Holding,
    pub target: Holding,
    /// How many differences of each kind there are, listed or not.
    pub counts: BTreeMap<&'static str, u64>,
    /// The first of them.
    pub differences: Vec<Difference>,
    /// What only the target has, where that was allowed.
    pub extra_allowed: u64,
    pub subscriptions_compared: bool,
    pub special_uses_compared: bool,
    #[serde(skip)]
    listed_max: usize,
}

/// What one side holds, as far as it could be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Holding {
    pub store: String,
    /// Those that can hold items.
    pub folders: u64,
    pub items: u64,
    pub bytes: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Difference {
    #[serde(serialize_with = "names")]
    pub folder: FolderPath,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum What {
    FolderMissing,
    FolderExtra,
    /// Its items are not compared.
    FolderUnreadable {
        side: Side,
        cause: String,
    },
    Subscription {
        source: bool,
        target: bool,
    },
    SpecialUse {
        source: Option<String>,
        target: Option<String>,
    },
    ItemMissing {
        item: ItemPlace,
    },
    /// The source has no such bytes in this folder.
    ItemExtra {
        item: ItemPlace,
    },
    /// The source has the same bytes in this folder fewer times.
    ItemDoubled {
        item: ItemPlace,
    },
    /// Its twin on the other side is listed as missing or extra.
    ItemUnreadable {
        side: Side,
        number: u64,
        #[serde(serialize_with = "text")]
        key: ItemKey,
        cause: String,
    },
    /// It was there when the folder was listed and not when it was to be read: someone is at work in the mailbox.
    ItemGone {
        side: Side,
        number: u64,
        #[serde(serialize_with = "text")]
        key: ItemKey,
    },
    MarksDiffer {
        item: ItemPlace,
        at_target: ItemPlace,
        source: MarksText,
        target: MarksText,
    },
    DateDiffers {
        item: ItemPlace,
        at_target: ItemPlace,
        /// Seconds since 1970-01-01T00:00:00Z.
        source_s: i64,
        target_s: i64,
    },
}

/// Where an item is found again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ItemPlace {
    /// Counted from 1 in the order of the store.
    pub number: u64,
    #[serde(serialize_with = "text")]
    pub key: ItemKey,
    pub size: u64,
    #[serde(serialize_with = "shown")]
    pub digest: Digest,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct MarksText(pub Vec<String>);

impl MarksText {
    pub fn of(marks: &Marks) -> Self {
        let flags = marks.flags.to_string();
        MarksText(flags.split_whitespace().map(String::from).chain(marks.keywords.iter().cloned()).collect())
    }
}

impl What {
    /// As in the JSON.
    pub fn kind(&self) -> &'static str {
        match self {
            What::FolderMissing => "folder-missing",
            What::FolderExtra => "folder-extra",
            What::FolderUnreadable { .. } => "folder-unreadable",
            What::Subscription { .. } => "subscription",
            What::SpecialUse { .. } => "special-use",
            What::ItemMissing { .. } => "item-missing",
            What::ItemExtra { .. } => "item-extra",
            What::ItemDoubled { .. } => "item-doubled",
            What::ItemUnreadable { .. } => "item-unreadable",
            What::ItemGone { .. } => "item-gone",
            What::MarksDiffer { .. } => "marks-differ",
            What::DateDiffers { .. } => "date-differs",
        }
    }

    /// Something that only the target has.
    pub(super) fn is_extra(&self) -> bool {
        match self {
            What::FolderExtra | What::ItemExtra { .. } => true,
            What::Subscription { source, .. } => !source,
            What::SpecialUse { source, .. } => source.is_none(),
            _ => false,
        }
    }
}

impl Comparison {
    pub(super) fn new(source: String, target: String, listed_max: usize) -> Self {
        let holding = |store| Holding { store, folders: 0, items: 0, bytes: 0 };
        Comparison {
            source: holding(source),
            target: holding(target),
            counts: BTreeMap::new(),
            differences: Vec::new(),
            extra_allowed: 0,
            subscriptions_compared: false,
            special_uses_compared: false,
            listed_max,
        }
    }

    pub(super) fn holding(&mut self, side: Side) -> &mut Holding {
        match side {
            Side::Source => &mut self.source,
            Side::Target => &mut self.target,
        }
    }

    pub(super) fn add(&mut self, difference: Difference) {
        *self.counts.entry(difference.what.kind()).or_default() += 1;
        if self.differences.len() < self.listed_max {
            self.differences.push(difference);
        }
    }

    /// All differences, listed or not.
    pub fn differing(&self) -> u64 {
        self.counts.values().sum()
    }
}

const HEX: &str = "hex:";

/// A key as a person can look for it: its text where it is one, else its bytes as hex digits.
pub fn key_text(key: &[u8]) -> String {
    match std::str::from_utf8(key) {
        Ok(text) if !text.is_empty() && !text.starts_with(HEX) && !text.chars().any(char::is_control) => text.into(),
        _ => key.iter().fold(String::from(HEX), |text, byte| text + &format!("{byte:02x}")),
    }
}

/// The key behind such a text; `None` when `key_text` writes no key so.
pub fn key_bytes(text: &str) -> Option<Vec<u8>> {
    let key = match text.strip_prefix(HEX) {
        None => text.as_bytes().to_vec(),
        Some(digits) => {
            let byte = |pair: &[u8]| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok());
            digits.as_bytes().chunks(2).map(byte).collect::<Option<_>>()?
        }
    };
    (key_text(&key) == text).then_some(key)
}

impl fmt::Display for ItemPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{} {} ({} bytes, {})", self.number, key_text(&self.key.0), self.size, self.digest)
    }
}

impl fmt::Display for MarksText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { f.write_str("none") } else { f.write_str(&self.0.join(" ")) }
    }
}

fn names<S: Serializer>(folder: &FolderPath, serializer: S) -> Result<S::Ok, S::Error> {
    folder.0.serialize(serializer)
}

fn text<S: Serializer>(key: &ItemKey, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&key_text(&key.0))
}

fn shown<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(digest)
}
