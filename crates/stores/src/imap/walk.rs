//! Through a folder of which nothing is known: flags, dates and bytes of its messages come in answer to one command, while a scan and
//! the bytes after it would be two, and the server would look at each message twice.
//!
//! Whatever is out of the ordinary is left to the scan that follows then: a message that does not come, comes twice or without bytes,
//! an answer that is no, a connection that breaks.

use std::collections::{HashMap, VecDeque};

use mailferry_core::model::FolderPath;
use mailferry_core::ports::{Blast, SeenItem, StoreError, Walked};
use mailferry_imap::{Command, Event, Fetch, Response, Status, Tag};

use super::dates;
use super::line::Line;
use super::source::{Coming, ImapSource, NAMELESS_BYTES_MAX, Opened, date_of, gathered, seen};

/// Messages asked for in one FETCH; two are under way, so that no sequence number changes its message in between (RFC 9051, 7.5.1).
const WINDOW: u32 = 1_000;
const UNDER_WAY: usize = 2;

pub struct Walk {
    /// Sequence numbers: of the first message that is not asked for yet, and of the last one.
    next: u32,
    last: u32,
    asked: VecDeque<Tag>,
    shown: u32,
    /// UID of the message shown last.
    highest: u32,
    /// Nothing out of the ordinary has come.
    is_plain: bool,
}

impl Walk {
    fn of(messages: u32) -> Walk {
        Walk { next: 1, last: messages, asked: VecDeque::new(), shown: 0, highest: 0, is_plain: true }
    }

    /// Commands whose answers are still on their way.
    pub fn into_asked(self) -> VecDeque<Tag> {
        self.asked
    }

    /// `more`: what else is asked of each message.
    fn ask(&mut self, line: &mut Line, more: &str) -> Result<(), StoreError> {
        while self.asked.len() < UNDER_WAY && self.next <= self.last {
            let (first, last) = (self.next, self.last.min(self.next.saturating_add(WINDOW - 1)));
            let command = Command::new(format!("FETCH {first}:{last} (UID FLAGS INTERNALDATE{more} BODY.PEEK[])"));
            let tag = line.run(Blast::Folder, async |connection| {
                let tag = connection.send(command).await?;
                connection.flush().await?;
                Ok(tag)
            })?;
            self.asked.push_back(tag);
            self.next = last.saturating_add(1);
        }
        Ok(())
    }

    fn end(&self) -> Walked {
        if self.is_plain && self.shown == self.last { Walked::End } else { Walked::Unsure }
    }
}

impl ImapSource {
    pub(super) fn begin_walk(&mut self, folder: &FolderPath) -> Result<bool, StoreError> {
        // Which labels are whose must be known first.
        if self.labels_once {
            return Ok(false);
        }
        self.examine(folder, true)?;
        if let Some(open) = &mut self.open {
            open.walk = Some(Walk::of(open.selected.exists));
        }
        Ok(true)
    }

    pub(super) fn next_of_walk(&mut self) -> Result<Walked, StoreError> {
        self.pass_by()?;
        loop {
            let ImapSource { line, identities, open: Some(Opened { walk: Some(walk), ahead, selected, .. }), .. } = self else {
                return Ok(Walked::Unsure);
            };
            walk.ask(line, identities.item())?;
            if walk.asked.is_empty() {
                return Ok(walk.end());
            }
            match line.run(Blast::Mailbox, async |connection| connection.event().await)? {
                Event::Body { uid, flags, internal_date, email_id, size } => {
                    let before = Fetch { uid, flags, internal_date, email_id, ..Fetch::default() };
                    let Some((fetch, coming, dates)) = come(line, before, size)? else {
                        walk.is_plain = false;
                        continue;
                    };
                    // Twice, or out of order: a scan sorts it out.
                    if coming.uid <= walk.highest {
                        walk.is_plain = false;
                        line.run(Blast::Mailbox, async |connection| connection.pass_by().await)?;
                        continue;
                    }
                    let identity = identities.identity(&fetch);
                    let Some(item) = seen(fetch, selected.uid_validity, &dates) else { continue };
                    walk.shown += 1;
                    walk.highest = coming.uid;
                    ahead.next = Some(coming);
                    return Ok(Walked::Item(SeenItem { identity, ..item }));
                }
                Event::Response(Response::Tagged { tag, status, .. }) => {
                    walk.is_plain &= status == Status::Ok || !walk.asked.iter().any(|asked| asked.is(&tag));
                    walk.asked.retain(|asked| !asked.is(&tag));
                }
                Event::Response(_) => {}
            }
        }
    }
}

/// Up to the empty line.
fn head(message: &[u8]) -> &[u8] {
    let end = memchr::memmem::find(message, b"\n\r\n").or_else(|| memchr::memmem::find(message, b"\n\n"));
    &message[..end.map_or(message.len(), |at| at + 1)]
}

type Come = (Fetch, Coming, HashMap<u32, mailferry_core::model::InternalDate>);

/// A message whose bytes come next. Where the server has not said all about it yet, or no date that can be, they are gathered first.
/// `None`: it is left out.
fn come(line: &mut Line, before: Fetch, size: u64) -> Result<Option<Come>, StoreError> {
    let (mut fetch, mut bytes, mut dates) = (before, None, HashMap::new());
    if fetch.uid.is_none() || fetch.flags.is_none() || date_of(&fetch).is_none() {
        if size > NAMELESS_BYTES_MAX {
            line.run(Blast::Mailbox, async |connection| connection.pass_by().await)?;
            return Ok(None);
        }
        let (whole, body) = line.run(Blast::Mailbox, async |connection| gathered(connection).await)?;
        let date = dates::of_header(head(&body));
        dates.extend(whole.uid.zip(date));
        (fetch, bytes) = (whole, Some(body));
    }
    let (Some(uid), true) = (fetch.uid, fetch.flags.is_some()) else { return Ok(None) };
    fetch.size = Some(size);
    Ok(Some((fetch, Coming { uid, size, gathered: bytes }, dates)))
}
