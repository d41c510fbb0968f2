//! How an item came to the target: by which container, and what was changed on the way. For the manifest (R84).

use std::fmt;

use mailferry_rules::ids::{Epoch, Sequence};

use crate::model::Digest;

/// What a store may have changed on an item so that it could be kept, as bits. A bit never gets another meaning: they are in ledgers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct Altered(u16);

impl Altered {
    pub const NOTHING: Altered = Altered(0);
    /// As every store on disk and every client does over the wire: can be undone, and counts as no change.
    pub const CRLF: Altered = Altered(1);
    pub const FINAL_LINE: Altered = Altered(2);
    pub const LINE_ENDS: Altered = Altered(4);
    pub const NUL: Altered = Altered(8);
    pub const FOLDED: Altered = Altered(16);
    pub const HEADER: Altered = Altered(32);
    pub const DATE: Altered = Altered(64);
    pub const RECEIPT: Altered = Altered(128);

    /// Short names, as in a manifest, and what they mean.
    pub const NAMES: [(Altered, &'static str, &'static str); 8] = [
        (Altered::CRLF, "crlf", "line feeds became CRLF"),
        (Altered::FINAL_LINE, "final-line-end", "a line end was added behind the last line"),
        (Altered::LINE_ENDS, "line-ends", "bare line feeds and carriage returns became line ends"),
        (Altered::NUL, "nul", "NUL bytes became 0x80"),
        (Altered::FOLDED, "folded", "lines of over 998 bytes outside of signed parts were folded"),
        (Altered::HEADER, "header", "an empty line was put in front of a message without a header"),
        (Altered::DATE, "date", "the internal date was brought into 1970 to 2038"),
        (Altered::RECEIPT, "receipt", "a request for a receipt was disarmed"),
    ];

    pub fn bits(self) -> u16 {
        self.0
    }

    /// `None` when a bit is set that this program does not know.
    pub fn from_bits(bits: u16) -> Option<Self> {
        (bits < 256).then_some(Altered(bits))
    }

    pub fn contains(self, other: Altered) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub fn with(self, other: Altered) -> Self {
        Altered(self.0 | other.0)
    }

    /// The short names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES.into_iter().filter(move |(bit, ..)| self.contains(*bit)).map(|(_, name, _)| name)
    }
}

impl fmt::Display for Altered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let texts = Self::NAMES.into_iter().filter(|(bit, ..)| self.contains(*bit)).map(|(.., text)| text);
        f.write_str(&texts.collect::<Vec<_>>().join("; "))
    }
}

/// What the ledger remembers of an item's way. What is not known of items that older versions brought is `None`.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Passage {
    /// The container that brought its bytes.
    pub container: Option<(Sequence, Epoch)>,
    /// Bytes at the source.
    pub size: Option<u64>,
    pub altered: Altered,
    pub keywords_lost: Vec<String>,
    /// Of the bytes at the source, where a server may change them (`core::compare::Likeness`).
    pub likeness: Option<Digest>,
}
