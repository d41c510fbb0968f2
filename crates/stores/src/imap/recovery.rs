//! What became of appends whose connection broke: they are looked for in their folder, and what is not there is appended again,
//! message by message, so that one which ends the connection is found and left out (T01, T03, T04, T13).

use mailferry_core::model::{Digest, FolderPath, Token};
use mailferry_core::ports::{Blast, Retry, StoreError, Wanted};
use mailferry_imap::{Connection, ImapError};

use super::batch::{self, Group, Waiting};
use super::listing::Listing;
use super::target::ImapTarget;

/// How often one message may end the connection before it is taken for the cause.
const DEATHS_MAX: u32 = 2;

impl ImapTarget {
    /// After this error on the connection. A server that cannot be reached again holds up the mailbox.
    pub(super) fn recover(&mut self, error: ImapError) -> Result<(), StoreError> {
        let store_error = self.line.error(error, Blast::Mailbox);
        if !store_error.away {
            return Err(store_error);
        }
        tracing::info!(cause = store_error.cause, "the connection broke while messages were appended: looking for what arrived");
        self.selected = None;
        self.line.reopen()?;
        for sent in std::mem::take(&mut self.in_flight) {
            self.resume(sent.group)?;
        }
        Ok(())
    }

    fn resume(&mut self, group: Group) -> Result<(), StoreError> {
        let folder = group.folder.clone().unwrap_or_else(FolderPath::inbox);
        self.read_again(&folder)?;
        for message in group.messages {
            self.settle_one(&folder, &group.name, &group.storable, message)?;
        }
        Ok(())
    }

    /// The folder as it is now; what was known of it stays known.
    fn read_again(&mut self, folder: &FolderPath) -> Result<(), StoreError> {
        self.selected = None;
        let selected = self.select(folder)?;
        let before = self.listings.remove(folder);
        let read = async |connection: &mut Connection| Listing::read(connection, selected.uid_validity, selected.exists).await;
        let mut listing = self.line.run(Blast::Folder, read)?;
        listing.inherit(before);
        self.listings.insert(folder.clone(), listing);
        Ok(())
    }

    fn settle_one(
        &mut self,
        folder: &FolderPath,
        name: &[u8],
        storable: &super::marks::Storable,
        message: Waiting,
    ) -> Result<(), StoreError> {
        let wanted = Wanted { token: Token::FIRST, digest: Digest::of(&message.bytes), size: message.bytes.len() as u64 };
        for deaths in 0..=DEATHS_MAX {
            let Some(mut listing) = self.listings.remove(folder) else { break };
            let found = self.line.run(Blast::Folder, async |connection| listing.find(connection, &wanted).await);
            let validity = listing.validity;
            self.listings.insert(folder.clone(), listing);
            if let Some(uid) = found? {
                let keywords_lost = storable.write(&message.marks).1;
                self.note(folder, message.ticket, (validity, uid), keywords_lost, &[]);
                return Ok(());
            }
            if deaths == DEATHS_MAX {
                break;
            }
            match self.line.attempt(async |connection| batch::alone(connection, name, storable, &message).await) {
                Ok(verdict) => return self.judge(folder, vec![message], vec![verdict]),
                Err(error) => {
                    let error = self.line.error(error, Blast::Mailbox);
                    if !error.away {
                        return Err(error);
                    }
                }
            }
            self.line.reopen()?;
            self.read_again(folder)?;
        }
        let cause = "the server ends the connection whenever it is given this message";
        let error = StoreError::new(Blast::Item, Retry::Never, "append a message", self.place(folder), cause)
            .hint("look for NUL bytes, very long lines and its size; the message stays in its container and at the source");
        self.settled.push((message.ticket, Err(error)));
        Ok(())
    }
}
