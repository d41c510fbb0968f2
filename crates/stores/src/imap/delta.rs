//! What has changed in a folder since it was last looked at (RFC 7162): CHANGEDSINCE tells of new messages and changed flags, VANISHED
//! of those that are gone. Without QRESYNC nothing tells of these; whoever counts the messages sees that some are missing.

use mailferry_core::model::{FolderPath, ItemKey};
use mailferry_core::ports::{Blast, Delta, StoreError};
use mailferry_imap::{Command, Fetch, ImapError, Response, StatusItems, UidSet};

use super::key;
use super::source::ImapSource;

/// More is not held: a scan tells it in windows.
const SEEN_MAX: usize = 10_000;
/// A server may name every UID there ever was, whether a message had it or not.
const GONE_MAX: u64 = 100_000;

/// Messages that are new or have other flags, and the UIDs that have vanished.
type Told = (Vec<Fetch>, Vec<UidSet>);

/// The numbers of a folder that tell whether it has changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    validity: u32,
    next: u32,
    messages: u32,
    modseq: u64,
}

impl Stamp {
    /// `None` where the server keeps no mod-sequences: then nothing tells of changed flags.
    pub fn of(items: &StatusItems) -> Option<Stamp> {
        let modseq = items.highest_modseq.filter(|modseq| *modseq > 0)?;
        Some(Stamp { validity: items.uid_validity?, next: items.uid_next?, messages: items.messages?, modseq })
    }

    pub fn bytes(self) -> Vec<u8> {
        let numbers = [self.validity, self.next, self.messages];
        numbers.iter().flat_map(|number| number.to_be_bytes()).chain(self.modseq.to_be_bytes()).collect()
    }

    pub fn parse(bytes: &[u8]) -> Option<Stamp> {
        let number = |at: usize| Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
        let modseq = u64::from_be_bytes(bytes.get(12..)?.try_into().ok()?);
        Some(Stamp { validity: number(0)?, next: number(4)?, messages: number(8)?, modseq })
    }
}

impl ImapSource {
    pub(super) fn delta(&mut self, folder: &FolderPath, before: Stamp) -> Result<Option<Delta>, StoreError> {
        let resync = self.enable_resync()?;
        self.examine(folder, true)?;
        let Some(now) = self.open.as_ref().map(|open| open.selected.clone()) else { return Ok(None) };
        let Some(last) = now.uid_next.and_then(|next| next.checked_sub(1)).filter(|last| *last > 0) else { return Ok(None) };
        // One that was restored from a backup counts its mod-sequences from an earlier one.
        let goes_on = now.highest_modseq.is_some_and(|modseq| modseq >= before.modseq) && last >= before.next.saturating_sub(1);
        let surely_gone = !resync && now.exists < before.messages;
        if now.uid_validity != before.validity || !goes_on || surely_gone || now.exists == 0 {
            return Ok(None);
        }
        let Some((fetched, gone)) = self.changed_since(last, before.modseq, resync)? else { return Ok(None) };
        let mut gone: Vec<ItemKey> = gone.iter().flat_map(UidSet::iter).map(|uid| ItemKey(key(before.validity, uid))).collect();
        gone.sort();
        gone.dedup();
        let seen = self.as_seen(fetched, before.validity)?;
        Ok(Some(Delta { seen, gone, items: u64::from(now.exists) }))
    }

    /// `None`: it is too much. `last`: where a folder has lost its last messages, `*` stands for those before them.
    fn changed_since(&mut self, last: u32, modseq: u64, resync: bool) -> Result<Option<Told>, StoreError> {
        let (mut fetched, mut gone, mut too_much): (Vec<Fetch>, Vec<UidSet>, bool) = (Vec::new(), Vec::new(), false);
        let vanished = if resync { " VANISHED" } else { "" };
        let more = self.identities.item();
        let command = format!("UID FETCH 1:{last} (UID FLAGS INTERNALDATE RFC822.SIZE{more}) (CHANGEDSINCE {modseq}{vanished})");
        let refused = self.line.attempt(async |connection| {
            let each = |response| match response {
                _ if too_much => {}
                Response::Fetch(fetch) => {
                    fetched.push(*fetch);
                    too_much = fetched.len() > SEEN_MAX;
                }
                Response::Vanished { uids, .. } => {
                    gone.push(uids);
                    too_much = gone.iter().map(UidSet::len).sum::<u64>() > GONE_MAX;
                }
                _ => {}
            };
            connection.run(Command::new(command), each).await
        });
        match refused {
            Err(error) if error.is_fatal() => {
                // The connection broke, or the server ended the session (T16): a scan begins on a new one.
                tracing::info!(cause = %error, "the connection broke while changes were asked for: logging in again");
                self.open = None;
                self.line.reopen()?;
                Ok(None)
            }
            // A server that promises more than it knows (T18).
            Err(_) => Ok(None),
            Ok(_) => Ok((!too_much).then_some((fetched, gone))),
        }
    }

    fn enable_resync(&mut self) -> Result<bool, StoreError> {
        if self.open.is_some() {
            self.quiet()?;
            if self.line.connection().has("UNSELECT") {
                self.open = None;
                self.line.run(Blast::Mailbox, async |connection| connection.unselect().await.or_else(ImapError::unless_fatal))?;
            }
        }
        self.line.run(Blast::Mailbox, async |connection| connection.enable("QRESYNC").await)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_reads_back_as_itself_and_nothing_else_does() {
        let stamp = Stamp { validity: 1, next: u32::MAX, messages: 3, modseq: u64::MAX };
        assert_eq!(Stamp::parse(&stamp.bytes()), Some(stamp));
        for bytes in [&b""[..], b"0123456789abcdefghi", b"0123456789abcdefghijk"] {
            assert_eq!(Stamp::parse(bytes), None);
        }
    }
}
