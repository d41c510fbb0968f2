//! What stands in a manifest: one JSON object a line, each with `line` as its first name.

use std::fmt::Display;
use std::str::FromStr;

use mailferry_rules::ids::MailboxId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::counts::Counts;
use super::signing::PublicKey;
use crate::model::{Digest, Token};

#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "kebab-case")]
pub enum Line {
    Manifest(Header),
    Folder(Folder),
    Item(Item),
    Root(Root),
    Summary(Summary),
    Seal(Seal),
}

/// First line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    pub version: u32,
    #[serde(with = "text")]
    pub mailbox: MailboxId,
    /// For people.
    pub label: String,
    pub signer: Signer,
    #[serde(with = "text")]
    pub key: PublicKey,
    /// The target store, without secrets.
    pub target: String,
    pub created_ms: u64,
    /// Rises by one with each manifest of a mailbox.
    pub number: u64,
    /// Digest of the whole manifest before this one.
    #[serde(with = "text_or_null")]
    pub previous: Option<Digest>,
    /// The last container applied.
    pub sequence: u64,
    pub epoch: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// Cluster or server of the target side.
    pub organisation: String,
    pub agent: String,
    pub node: String,
}

/// What follows until the next `root` stands in this folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Folder {
    /// `None`: what is not at the target and has no place there. It comes last.
    pub target: Option<Vec<String>>,
    pub source: Option<Vec<String>>,
}

/// An item of the mailbox.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    #[serde(with = "text")]
    pub token: Token,
    pub state: State,
    /// Its name in the target store: its text where it is one, else `hex:` and its bytes. Of IMAP, UIDVALIDITY and UID in four bytes each.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Of the container that brought it: sequence and epoch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<(u64, u64)>,
    /// Of the bytes at the source.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text_or_null")]
    pub digest: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Internal date, in seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<i64>,
    /// Flags and keywords, as last applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub marks: Vec<String>,
    /// What was changed on the way: names of `Altered`, and `server` for what the server did by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keywords_lost: Vec<String>,
    /// Of the bytes that were read at the target, where they are others.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "text_or_null")]
    pub reread: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reread_size: Option<u64>,
    /// The date at the target, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reread_date: Option<i64>,
    /// Gone at the source, and kept at the target.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone_at_source: bool,
    /// Folder at the source, of an item that has no place at the target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

impl Item {
    /// Nothing is known but its name and what became of it.
    pub fn of(token: Token, state: State) -> Self {
        Item {
            token,
            state,
            id: None,
            container: None,
            digest: None,
            size: None,
            date: None,
            marks: Vec::new(),
            altered: Vec::new(),
            keywords_lost: Vec::new(),
            reread: None,
            reread_size: None,
            reread_date: None,
            gone_at_source: false,
            source: None,
            reason: None,
            approved: None,
        }
    }

    /// Digest of the bytes that stood at the target when the manifest was made; `None` when none did.
    pub fn at_target(&self) -> Option<Digest> {
        self.state.is_at_target().then(|| self.reread.or(self.digest)).flatten()
    }
}

/// What became of an item.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Read again with the bytes of the source.
    There,
    /// Read again with other bytes, in a known way.
    Altered,
    /// Other bytes, and nobody knows why; or they cannot be read.
    Damaged,
    /// It was delivered and is not there, or it has not come.
    Missing,
    /// It was there for an earlier manifest, and is not there any more.
    Deleted,
    /// The target did not take it.
    Refused,
    /// The target did not take it for its size.
    TooLarge,
    /// The source could not read it.
    Unread,
}

impl State {
    pub fn is_at_target(self) -> bool {
        matches!(self, State::There | State::Altered | State::Damaged)
    }

    /// As in the JSON.
    pub fn name(self) -> &'static str {
        match self {
            State::There => "there",
            State::Altered => "altered",
            State::Damaged => "damaged",
            State::Missing => "missing",
            State::Deleted => "deleted",
            State::Refused => "refused",
            State::TooLarge => "too-large",
            State::Unread => "unread",
        }
    }
}

/// Who has accepted it, when and why.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approved {
    pub who: String,
    pub when_ms: u64,
    pub why: String,
}

/// Ends a folder: the root over its folder line and its item lines.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    #[serde(with = "text")]
    pub root: Digest,
    pub items: u64,
}

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    pub score: String,
    pub counts: Counts,
    /// Names of containers that were given up (R44).
    pub archived: Vec<String>,
    /// Names of containers that were in IN and not applied.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub waiting: Vec<String>,
}

/// Last line.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// Over the roots of all folders.
    #[serde(with = "text")]
    pub root: Digest,
    /// Of every byte before this line.
    #[serde(with = "text")]
    pub content: Digest,
    #[serde(with = "text")]
    pub signature: Signature,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Signature(pub [u8; 64]);

impl Display for Signature {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for Signature {
    type Err = mailferry_rules::ids::NotAName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || mailferry_rules::ids::NotAName { text: text.into(), wanted: "a signature (128 lower-case hex digits)" };
        let (first, second) = text.split_at_checked(64).ok_or_else(wrong)?;
        let half = |text: &str| text.parse::<Digest>().map_err(|_| wrong());
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&half(first)?.0);
        signature[32..].copy_from_slice(&half(second)?.0);
        Ok(Signature(signature))
    }
}

impl Line {
    /// As it stands in the file, without its end.
    pub fn bytes(&self) -> std::io::Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }
}

/// Values that are written as text.
mod text {
    use super::*;

    pub fn serialize<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(value)
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<T, D::Error> {
        std::borrow::Cow::<str>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

mod text_or_null {
    use super::*;

    pub fn serialize<T: Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
        match value {
            Some(value) => serializer.collect_str(value),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, T: FromStr<Err: Display>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| text.parse().map_err(serde::de::Error::custom)).transpose()
    }
}
