//! One mailbox to move.

use mailferry_rules::ids::MailboxId;
use serde::{Deserialize, Serialize};

#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mailbox {
    #[serde(with = "id_text")]
    pub id: MailboxId,
    pub name: String,
    pub collection: String,
    /// Higher goes first (R31).
    pub priority: i32,
    /// Store with its kind, such as `maildir:/srv/mail/alice`.
    pub source: String,
    pub target: String,
    /// The mailbox of its archive. For the console alone: a move request says itself what it is tied to (R76).
    #[serde(skip)]
    pub archive: Option<MailboxId>,
}

/// The id of a mailbox that was given none: the same for the same names on every machine, whatever else the project says.
/// Names are compared without case.
pub fn mailbox_id(project: &str, mailbox: &str) -> MailboxId {
    let mut hash = blake3::Hasher::new();
    for part in ["mailferry mailbox id 1", &project.to_ascii_lowercase(), &mailbox.to_ascii_lowercase()] {
        hash.update(&(part.len() as u64).to_le_bytes()).update(part.as_bytes());
    }
    let mut id = [0; 16];
    hash.finalize_xof().fill(&mut id);
    MailboxId(id)
}

/// A mailbox id as text in TOML.
mod id_text {
    use mailferry_rules::ids::MailboxId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(id: &MailboxId, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<MailboxId, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_mailbox_depends_on_the_names_of_project_and_mailbox_alone() {
        let id = mailbox_id("contoso-to-fabrikam", "alice");
        assert_eq!(id.to_string(), "ad138b01b80ea9ffc2c5041759a594ec", "this value may never change: containers in flight carry it");
        assert_eq!(mailbox_id("Contoso-to-Fabrikam", "ALICE"), id);
        assert_ne!(mailbox_id("contoso-to-fabrikama", "lice"), id, "no name runs into the other");
    }
}
