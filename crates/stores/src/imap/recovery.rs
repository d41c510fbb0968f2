//! What became of appends whose connection broke: they are looked for in their folder, and what is not there is appended again,
//! message by message, so that one which ends the connection is found and left out (T01, T03, T04, T13).

use mailferry_core::model::FolderPath;
use mailferry_core::passage::Altered;
use mailferry_core::ports::{Blast, Retry, StoreError};
use mailferry_imap::ImapError;

use super::batch::{self, Group, Waiting};
use super::marks::Storable;
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

    fn settle_one(&mut self, folder: &FolderPath, name: &[u8], storable: &Storable, message: Waiting) -> Result<(), StoreError> {
        let wanted = message.wanted();
        for deaths in 0..=DEATHS_MAX {
            let found = match self.find(folder, &wanted)? {
                None => self.find_changed(folder, &message.bytes)?,
                found => found,
            };
            if let Some(uid) = found {
                let keywords_lost = storable.write(&message.marks).1;
                self.note(folder, &message, uid, keywords_lost, Altered::NOTHING);
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
