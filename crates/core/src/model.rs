//! The words every module speaks: items, folders, flags, dates, digests.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use mailferry_rules::ids::NotAName;

/// BLAKE3 of some bytes: of an item's RFC 5322 bytes exactly as read, of a block, of a whole container.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    pub fn of(bytes: &[u8]) -> Self {
        Digest(*blake3::hash(bytes).as_bytes())
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl std::str::FromStr for Digest {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let wrong = || NotAName { text: text.into(), wanted: "a digest (64 lower-case hex digits)" };
        let (first, second) = text.split_at_checked(32).ok_or_else(wrong)?;
        let half = |text: &str| text.parse::<mailferry_rules::ids::MailboxId>().map_err(|_| wrong());
        let mut digest = [0; 32];
        digest[..16].copy_from_slice(&half(first)?.0);
        digest[16..].copy_from_slice(&half(second)?.0);
        Ok(Digest(digest))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// Name of one item for its whole migration, given by the source agent when it first sees the item and never changed:
/// a move or a new flag keeps it. Targets store it beside the item where they can, so that an append whose answer was lost
/// is found again (R42).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub [u8; 16]);

impl Token {
    pub const FIRST: Token = Token([0; 16]);
    pub const LAST: Token = Token([0xff; 16]);
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({self})")
    }
}

impl std::str::FromStr for Token {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<mailferry_rules::ids::MailboxId>().map(|id| Token(id.0))
    }
}

/// One attempt to switch one mailbox (R82).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SwitchId(pub [u8; 16]);

impl fmt::Display for SwitchId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// A folder by the names on the way to it, outermost first. `["INBOX"]` is the inbox in any store; its spelling is exactly
/// that. Names are Unicode and may hold any character, separators of any store included: each store maps them reversibly.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FolderPath(pub Vec<String>);

impl FolderPath {
    pub fn inbox() -> Self {
        FolderPath(vec!["INBOX".into()])
    }

    pub fn is_inbox(&self) -> bool {
        self.0.len() == 1 && self.0[0] == "INBOX"
    }
}

/// For people: names joined by `/`. Not reversible; never parsed.
impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

/// What a store says is one message with the same bytes, wherever it stands and whatever its key is there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Identity(pub [u8; 16]);

/// What a folder is besides its items.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FolderInfo {
    pub path: FolderPath,
    /// Whether it can hold items (a `\Noselect` parent cannot).
    pub selectable: bool,
    pub subscribed: bool,
    /// RFC 6154 attribute without the backslash, such as `Sent`.
    pub special_use: Option<String>,
}

impl FolderInfo {
    pub fn plain(path: FolderPath) -> Self {
        FolderInfo { path, selectable: true, subscribed: false, special_use: None }
    }
}

/// What stands beside the items of a folder and is part of none.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Beside {
    /// Rights by who has them, as RFC 4314 adds them up: sorted letters without `c` and `d`, which stand for others. No letters:
    /// withdrawn.
    pub rights: BTreeMap<String, String>,
    /// Whoever is not named has none; else what is not named stays as it is.
    pub closed: bool,
    /// Values (RFC 5464) by their entry, such as `/shared/comment`. `None`: removed.
    pub annotations: BTreeMap<String, Option<Vec<u8>>>,
}

impl Beside {
    /// What is there, for people: of annotations the names alone, for they may be private.
    pub fn lines(&self, folder: &FolderPath) -> Vec<String> {
        let rights = self.rights.iter().filter(|(_, rights)| !rights.is_empty());
        let rights = rights.map(|(who, rights)| format!("rights of {who} in {folder}: {rights}"));
        let annotations = self.annotations.iter().filter(|(_, value)| value.is_some()).map(|(entry, _)| format!("{entry} of {folder}"));
        rights.chain(annotations).collect()
    }
}

/// The system flags of RFC 9051 as bits. `\Recent` belongs to a session and is no property of an item.
/// Maildir's `P` (passed) is the keyword `$Forwarded`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Flags(u8);

impl Flags {
    pub const NONE: Flags = Flags(0);
    pub const SEEN: Flags = Flags(1);
    pub const ANSWERED: Flags = Flags(2);
    pub const FLAGGED: Flags = Flags(4);
    pub const DELETED: Flags = Flags(8);
    pub const DRAFT: Flags = Flags(16);
    /// As RFC 9051 writes them.
    pub const NAMES: [(Flags, &'static str); 5] = [
        (Flags::SEEN, "\\Seen"),
        (Flags::ANSWERED, "\\Answered"),
        (Flags::FLAGGED, "\\Flagged"),
        (Flags::DELETED, "\\Deleted"),
        (Flags::DRAFT, "\\Draft"),
    ];

    pub fn bits(self) -> u8 {
        self.0
    }

    /// `None` when a bit is set that has no meaning yet.
    pub fn from_bits(bits: u8) -> Option<Self> {
        (bits < 32).then_some(Flags(bits))
    }

    pub fn contains(self, other: Flags) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub fn with(self, other: Flags) -> Self {
        Flags(self.0 | other.0)
    }
}

impl fmt::Display for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = Self::NAMES.iter().filter(|(flag, _)| self.contains(*flag)).map(|(_, name)| *name).collect();
        f.write_str(&names.join(" "))
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Flags({self})")
    }
}

/// Keywords (RFC 9051), sorted, as spelled by the source.
pub type Keywords = BTreeSet<String>;

/// What may change on an item without its bytes changing.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    pub flags: Flags,
    pub keywords: Keywords,
}

/// Internal date: an instant, as precisely as the store knows it, with the offset it was given in where there is one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct InternalDate {
    /// Seconds since 1970-01-01T00:00:00Z; may be negative.
    pub seconds: i64,
    /// 0..=999_999_999.
    pub nanos: u32,
    pub offset_minutes: Option<i16>,
}

/// Where an item stands in its source folder: chosen by the store, unique in the folder for as long as the item lives
/// there, and the same at every pass. Opaque to everyone else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey(pub Vec<u8>);

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

impl ItemKey {
    /// As a person can look for it.
    pub fn text(&self) -> String {
        key_text(&self.0)
    }
}

impl fmt::Debug for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ItemKey({})", String::from_utf8_lossy(&self.0))
    }
}

/// Where an item stands in a target folder: chosen by the target store, opaque to everyone else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TargetId(pub Vec<u8>);

impl fmt::Debug for TargetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TargetId({})", String::from_utf8_lossy(&self.0))
    }
}

/// The description of an item that travels with its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope {
    pub token: Token,
    pub key: ItemKey,
    pub marks: Marks,
    pub date: InternalDate,
    /// mbox envelope sender (the address of the `From ` line), where the source has one.
    pub sender: Option<String>,
}

/// What became of a container at the target (R43, R45).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Every item is there, or is listed as skipped.
    Applied,
    /// The bytes were not what the source wrote: the source sends its content again in a new container (R40).
    Damaged,
    /// Given up after too many attempts; kept in the archive for the operator (R44).
    Archived,
    /// From an activation that had been replaced; put aside (R3). The source takes stock.
    Refused,
}

/// Stock taken at the source: of the tokens `from..=through`, these items are all there are; `incomplete`: all that can be read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Census {
    pub from: Token,
    pub through: Token,
    /// What is not named may be there all the same, and stays at the target.
    pub incomplete: bool,
    /// In rising order of their tokens.
    pub items: Vec<Counted>,
}

/// An item as a census knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counted {
    pub token: Token,
    pub folder: u32,
    pub marks: Marks,
}

/// An item that the source could not read: the target has not got it, and cannot know of it otherwise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Unread {
    pub token: Token,
    pub folder: u32,
    pub size: Option<u64>,
    pub reason: String,
}

/// What an item was before it was deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Was {
    pub digest: Digest,
    pub size: u64,
    /// Internal date in seconds since 1970.
    pub date: i64,
}

/// An item that was not applied, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    pub token: Token,
    pub reason: String,
}

/// In the words of servers that refuse a message for its size.
pub const TOO_LARGE: [&str; 6] = ["appendlimit", "too large", "too big", "maximum size", "mail size", "message size"];

impl Skipped {
    /// Whether it is larger than the target takes; the reason says so.
    pub fn is_too_large(&self) -> bool {
        let reason = self.reason.to_ascii_lowercase();
        TOO_LARGE.iter().any(|words| reason.contains(words))
    }
}

/// The target's answer to one container; travels back in a container of its own (R45).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Receipt {
    pub container: mailferry_rules::ids::ContainerName,
    /// Digest of the whole file as the target read it.
    pub digest: Digest,
    pub outcome: Outcome,
    /// Records that changed the target.
    pub applied: u64,
    /// Records whose effect was there already.
    pub already: u64,
    /// Items found again at the target after an interrupted run instead of being appended twice (R42).
    pub found: u64,
    pub skipped: Vec<Skipped>,
}
