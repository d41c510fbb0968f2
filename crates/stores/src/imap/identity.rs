//! What a server calls a message wherever it stands: EMAILID (RFC 8474), or Gmail's number of it. By it a message that was moved, or whose
//! folder has got other UIDs, is known again without its bytes.
//!
//! The standard promises that two messages of one EMAILID have the same bytes. It is believed together with size and date, and no more at
//! all once one EMAILID was seen with two of these; and the engine reads one message of each folder all the same.

use std::collections::HashMap;

use mailferry_core::model::{Digest, Identity};
use mailferry_imap::{Connection, Fetch};

use super::source::date_of;

/// Names that are remembered to catch a server that gives one twice.
const REMEMBERED_MAX: usize = 4_096;

#[derive(Default)]
pub struct Identities {
    /// What to ask for.
    item: &'static str,
    seen: HashMap<String, (u64, i64)>,
}

impl Identities {
    pub fn of(connection: &Connection) -> Identities {
        let item = match () {
            () if connection.has("OBJECTID") => " EMAILID",
            () if connection.has("X-GM-EXT-1") => " X-GM-MSGID",
            () => "",
        };
        Identities { item, seen: HashMap::new() }
    }

    /// Behind the other items of a FETCH.
    pub fn item(&self) -> &'static str {
        self.item
    }

    /// It does not hold what it offers.
    pub fn give_up(&mut self) {
        *self = Identities::default();
    }

    pub fn identity(&mut self, fetch: &Fetch) -> Option<Identity> {
        if self.item.is_empty() {
            return None;
        }
        let id = fetch.email_id.clone().or_else(|| fetch.gmail_id.map(|id| id.to_string()))?;
        let (size, date_s) = (fetch.size.filter(|size| *size > 0)?, date_of(fetch)?.seconds);
        let digest = Digest::of(format!("{size} {date_s} {id}").as_bytes());
        if self.seen.len() < REMEMBERED_MAX || self.seen.contains_key(&id) {
            let known = *self.seen.entry(id).or_insert((size, date_s));
            // A date is of the copy: only where bytes differ is it a lie.
            if known.0 != size {
                tracing::warn!(
                    event = "store.two-as-one",
                    "the server calls two different messages one: messages are known by their bytes"
                );
                self.give_up();
                return None;
            }
        }
        let mut identity = Identity([0; 16]);
        identity.0.copy_from_slice(&digest.0[..16]);
        Some(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fetch(id: &str, size: u64, day: u32) -> Fetch {
        let internal_date = Some(format!("{day:02}-Feb-2011 01:02:03 +0000"));
        Fetch { email_id: Some(id.into()), size: Some(size), internal_date, ..Fetch::default() }
    }

    fn asking() -> Identities {
        Identities { item: " EMAILID", ..Identities::default() }
    }

    #[test]
    fn a_message_is_called_the_same_by_its_id_size_and_date_together() {
        let mut identities = asking();
        let one = identities.identity(&fetch("M1", 10, 1)).expect("an identity");
        assert_eq!(identities.identity(&fetch("M1", 10, 1)), Some(one));
        assert!(identities.identity(&fetch("M2", 10, 1)).is_some_and(|other| other != one));
        assert!(identities.identity(&fetch("M1", 10, 2)).is_some_and(|other| other != one), "a copy with another date is another item");
        assert_eq!(identities.identity(&Fetch { size: None, ..fetch("M1", 10, 1) }), None);
        assert_eq!(Identities::default().identity(&fetch("M1", 10, 1)), None, "nobody has asked");
    }

    #[test]
    fn a_server_that_calls_messages_of_two_sizes_one_is_not_believed_any_more() {
        let mut identities = asking();
        assert!(identities.identity(&fetch("M1", 10, 1)).is_some());
        assert_eq!(identities.identity(&fetch("M1", 11, 1)), None);
        assert_eq!((identities.identity(&fetch("M2", 10, 1)), identities.item()), (None, ""));
    }
}
