//! What can go wrong, by name: what will happen, and what to do about it. Names are stable: programs and people look for them.

use serde::{Serialize, Serializer};

use crate::model::FolderPath;

/// How much a hazard matters.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// The mailbox, or a folder of it, would not come over.
    Stop,
    /// Something would be changed, left out or lost.
    Warning,
    /// Good to know.
    Note,
}

impl Weight {
    pub const ALL: [Weight; 3] = [Weight::Stop, Weight::Warning, Weight::Note];

    pub fn word(self) -> &'static str {
        match self {
            Weight::Stop => "stop",
            Weight::Warning => "warning",
            Weight::Note => "note",
        }
    }
}

/// Where it matters less than usual.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unless {
    Never,
    /// A note where the target keeps any bytes as they are.
    BytesAreKept,
    /// A note where the target tells names of folders apart that are alike.
    NamesAreTold,
}

macro_rules! kinds {
    ($($kind:ident $name:literal $weight:ident $unless:ident $what:literal $advice:literal)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub enum Kind { $($kind),* }

        impl Kind {
            pub const ALL: &'static [Kind] = &[$(Kind::$kind),*];

            fn row(self) -> Row {
                match self { $(Kind::$kind => Row {
                    name: $name, weight: Weight::$weight, unless: Unless::$unless, what: $what, advice: $advice,
                }),* }
            }
        }
    };
}

struct Row {
    name: &'static str,
    weight: Weight,
    unless: Unless,
    what: &'static str,
    advice: &'static str,
}

kinds! {
    LoginRefused "login-refused" Stop Never
        "nothing is read or brought over" "check user, password and the option auth of the address"
    CertificateNotBelieved "certificate-not-believed" Stop Never
        "nothing is read or brought over" "name the authority's certificate with ?ca=FILE, or check host name and clock"
    StoreNotOpened "store-not-opened" Stop Never
        "nothing more is read or brought over" "see the cause, and rehearse again"
    FolderUnreadable "folder-unreadable" Stop Never
        "the mailbox waits, and says so at every pass" "mend the folder at the source, or the rights of the account in it"
    FolderNameRefused "folder-name-refused" Stop Never
        "the folder cannot be made; its messages stay in their containers" "rename the folder at the source"
    QuotaTooSmall "quota-too-small" Stop Never
        "the copy goes on until the target is full, and waits" "raise the quota of the target, or free room in it"
    SourceEmpty "source-empty" Warning Never
        "there is nothing to bring over" "check that this is the mailbox that is meant, and that its disk is mounted"
    MessageTooLarge "message-too-large" Warning Never
        "the message is skipped; it stays at the source and in its container" "raise the limit of the target for this time"
    MessageUnreadable "message-unreadable" Warning Never
        "the message is tried again at every pass, and the mailbox counts as incomplete" "open it in a mail program, or mend it at the source"
    MessageEmpty "message-empty" Warning BytesAreKept
        "servers refuse a message without a byte, which is then skipped" "nothing, or delete it at the source"
    MessageNul "message-nul" Warning BytesAreKept
        "the server changes NUL bytes; one that refuses them gets 0x80 in their place" "nothing"
    MessageLineEnds "message-line-ends" Warning BytesAreKept
        "the server changes bare CR and LF; one that refuses them gets CRLF in their place" "nothing; a signature may not hold afterwards"
    MessageLongLine "message-long-line" Warning BytesAreKept
        "a server that refuses lines of over 998 bytes gets them folded, except in signed messages" "nothing"
    MessageHeader8Bit "message-header-8bit" Warning BytesAreKept
        "Cyrus puts an X for each raw 8-bit byte in a header; others keep it" "nothing, or set reject8bit and munge8bit to 0 at Cyrus"
    MessageHeaderBroken "message-header-broken" Warning BytesAreKept
        "a server may refuse a header with a line that is no field, as Cyrus does; the message is then skipped" "nothing, or mend it at the source"
    MessageWithoutHeader "message-without-header" Warning BytesAreKept
        "a server that refuses it gets an empty line in front of it" "nothing"
    DateMissing "date-missing" Warning Never
        "the message gets the date of its last relay or its author; without one it is of 1970" "nothing"
    DateAbsurd "date-absurd" Warning Never
        "a server that refuses a date gets the nearest one from 1970 to 2038" "nothing"
    KeywordLost "keyword-lost" Warning Never
        "messages arrive without this keyword or flag" "nothing, or rename it at the source to what the target keeps"
    FolderNameChanged "folder-name-changed" Warning Never
        "the folder gets this name at the target; our own tools read it as before" "tell its user, or rename it at the source"
    FolderNamesAlike "folder-names-alike" Warning NamesAreTold
        "where the target does not tell them apart, one is named otherwise or refused; they are never merged" "rename one of them at the source"
    FolderNameLong "folder-name-long" Warning Never
        "the target may refuse the name; its messages then stay in their containers" "shorten the name at the source"
    SpecialUseTwice "special-use-twice" Warning Never
        "mail programs show one of the two folders as the one for this use" "take the special use off one of them"
    SpecialUseTaken "special-use-taken" Warning Never
        "two folders serve this use at the target" "move the mail of one into the other afterwards, or rename one before"
    SpecialUseLost "special-use-lost" Note Never
        "the folder arrives without its special use" "set it afterwards, or let the mail program find it by its name"
    RightsLost "rights-lost" Warning Never
        "nobody gets these rights" "give them by hand, or map names with RightsMap"
    AclSubject "acl-subject" Note Never
        "rights go to who has this name at the target; whether there is such a user cannot be asked" "check the names; RightsMap maps those that differ"
    RightsNotSent "rights-not-sent" Note Never
        "these rights of others stay behind" "--set SendRights=1 sends them"
    AnnotationLost "annotation-lost" Warning Never
        "these annotations stay behind" "copy them by hand where they matter"
    AnnotationsNotSent "annotations-not-sent" Note Never
        "these annotations stay behind" "--set SendAnnotations=1 sends them"
    MessageSize "message-size" Note Never
        "the bytes that come count, not the size that was told" "nothing"
    MessageNoLastLineEnd "message-no-last-line-end" Note Never
        "some servers put a line end behind the last line" "nothing"
    Duplicate "duplicate" Note Never
        "it is brought over as often as it is there" "nothing, or delete the others at the source"
    TargetHoldsMail "target-holds-mail" Note Never
        "the mail that is there stays; a message with the same bytes that nobody claims is taken for the one that was to come" "nothing"
    NoChangeNumbers "no-change-numbers" Note Never
        "without CONDSTORE each pass looks at the flags of every message" "nothing; later passes take longer"
    NoAppendedNames "no-appended-names" Note Never
        "without UIDPLUS what was appended is found by its bytes" "nothing; it takes longer"
}

impl Kind {
    pub fn name(self) -> &'static str {
        self.row().name
    }

    pub fn what(self) -> &'static str {
        self.row().what
    }

    pub fn advice(self) -> &'static str {
        self.row().advice
    }

    pub(super) fn weight(self, bytes_are_kept: bool, names_are_told: bool) -> Weight {
        let row = self.row();
        match row.unless {
            Unless::BytesAreKept if bytes_are_kept => Weight::Note,
            Unless::NamesAreTold if names_are_told => Weight::Note,
            _ => row.weight,
        }
    }
}

impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// One hazard, where it is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Hazard {
    pub kind: Kind,
    pub weight: Weight,
    #[serde(serialize_with = "levels")]
    pub folder: Option<FolderPath>,
    pub item: Option<ItemPlace>,
    /// What exactly, with its numbers.
    pub detail: String,
}

/// Which message of a folder.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ItemPlace {
    /// Counted from 1 in the order of the store.
    pub number: u64,
    /// As people look for it in this store.
    pub name: String,
    pub size: Option<u64>,
    /// Its date, where that is what is wrong, in seconds since 1970.
    pub date_s: Option<i64>,
}

fn levels<S: Serializer>(folder: &Option<FolderPath>, serializer: S) -> Result<S::Ok, S::Error> {
    folder.as_ref().map(|folder| &folder.0).serialize(serializer)
}

/// docs/reference/hazards.md
pub fn hazards_reference() -> String {
    let rows = Kind::ALL.iter().map(|kind| {
        let row = kind.row();
        let weight = match row.unless {
            Unless::Never => row.weight.word().to_owned(),
            Unless::BytesAreKept => format!("{}; note where the target is a Maildir or mbox", row.weight.word()),
            Unless::NamesAreTold => format!("{}; note where the target is a Maildir or mbox on Unix", row.weight.word()),
        };
        format!("| `{}` | {weight} | {} | {} |\n", row.name, row.what, row.advice)
    });
    REFERENCE.to_owned() + &rows.collect::<String>()
}

const REFERENCE: &str = "\
<!-- Generated by `cargo xtask gen`; edit crates/core/src/rehearse/hazard.rs instead. -->
# Hazards

What `mailferry rehearse` looks for. **stop**: the mailbox or a folder of it would not come over; **warning**: something would be
changed, left out or lost; **note**: good to know.

| hazard | weight | what happens | what to do |
|---|---|---|---|
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hazard_has_one_name_and_says_what_happens_and_what_to_do() {
        let names: std::collections::BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            let plain = |text: &str| !text.is_empty() && !text.ends_with('.') && !text.contains('|');
            assert!(plain(kind.what()) && plain(kind.advice()), "{kind:?}");
        }
    }
}
