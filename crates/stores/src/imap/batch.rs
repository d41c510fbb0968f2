//! Appends that are under way. Messages of one folder go in groups: one MULTIAPPEND (RFC 3502), or commands one behind another, with
//! literals that need no permission where the server reads them so (RFC 7888). Groups are written while earlier ones are still
//! unanswered, and each keeps its bytes until its answer is there, so that a refusal can be looked into.

use std::collections::VecDeque;

use mailferry_core::model::{FolderPath, InternalDate, Marks, TargetId};
use mailferry_imap::{Code, Connection, ImapError, Kind, Tag};

use super::dates;
use super::marks::Storable;
use super::repair::{self, LADDER};

/// Bytes of one group.
pub const GROUP_BYTES: usize = 1 << 20;
/// Messages of one group.
pub const GROUP_MESSAGES: usize = 100;
/// Groups that are written and not answered.
pub const GROUPS_IN_FLIGHT: usize = 4;

/// A message to append, with its bytes as they go over the wire.
pub struct Waiting {
    /// What the caller knows it by.
    pub ticket: TargetId,
    pub marks: Marks,
    pub date: InternalDate,
    pub bytes: Vec<u8>,
}

/// Messages of one folder.
#[derive(Default)]
pub struct Group {
    pub folder: Option<FolderPath>,
    pub name: Vec<u8>,
    pub storable: Storable,
    pub messages: Vec<Waiting>,
    pub bytes: usize,
}

/// A group whose commands are written: one for all, or one for each.
pub struct Sent {
    pub group: Group,
    pub tags: Vec<Tag>,
}

pub type InFlight = VecDeque<Sent>;

/// What became of one append.
pub struct Stored {
    /// UIDVALIDITY and UID, where the server tells (RFC 4315).
    pub uid: Option<(u32, u32)>,
    pub keywords_lost: Vec<String>,
    pub repaired: Vec<&'static str>,
}

impl Group {
    pub fn is_full(&self) -> bool {
        self.messages.len() >= GROUP_MESSAGES || self.bytes >= GROUP_BYTES
    }

    /// Writes the commands of a group.
    pub async fn send(self, connection: &mut Connection) -> Result<Sent, ImapError> {
        let nonsync = connection.nonsync_bytes_max();
        let free = self.messages.iter().all(|message| message.bytes.len() as u64 <= nonsync);
        let mut tags = Vec::new();
        if free && connection.has("MULTIAPPEND") {
            let tag = connection.begin();
            connection.write(&begun(&self.name)).await?;
            for message in &self.messages {
                connection.write(&head(message, &self.storable, "+")).await?;
                connection.write(&message.bytes).await?;
            }
            connection.write(b"\r\n").await?;
            tags.push(tag);
        } else {
            for message in &self.messages {
                tags.push(append(connection, &self.name, message, &self.storable).await?);
            }
        }
        Ok(Sent { group: self, tags })
    }
}

fn begun(name: &[u8]) -> Vec<u8> {
    match mailferry_imap::quoted(name) {
        Some(name) => [b"APPEND ".as_slice(), &name].concat(),
        // A name that is no modified UTF-7 came from this server, and goes back as it came.
        None => [b"APPEND \"".as_slice(), name, b"\""].concat(),
    }
}

fn head(message: &Waiting, storable: &Storable, plus: &str) -> Vec<u8> {
    let (flags, _) = storable.write(&message.marks);
    let date = dates::format(&message.date).map(|date| format!(" {date}")).unwrap_or_default();
    format!(" {flags}{date} {{{}{plus}}}\r\n", message.bytes.len()).into_bytes()
}

/// Writes one APPEND. Where the server wants to be asked, it is; a refusal then ends the command, and its answer tells.
async fn append(connection: &mut Connection, name: &[u8], message: &Waiting, storable: &Storable) -> Result<Tag, ImapError> {
    let free = message.bytes.len() as u64 <= connection.nonsync_bytes_max();
    let tag = connection.begin();
    connection.write(&begun(name)).await?;
    connection.write(&head(message, storable, if free { "+" } else { "" })).await?;
    if free || connection.may_continue(&tag).await? {
        connection.write(&message.bytes).await?;
        connection.write(b"\r\n").await?;
    }
    Ok(tag)
}

/// Takes the answers of a group. A refused group is sent again message by message, and a refused message goes up the ladder.
pub async fn answers(connection: &mut Connection, sent: Sent) -> Result<Vec<(Waiting, Result<Stored, ImapError>)>, ImapError> {
    let Sent { group, tags } = sent;
    let Group { name, storable, messages, .. } = group;
    let mut done = Vec::with_capacity(messages.len());
    if let ([tag], true) = (&tags[..], messages.len() > 1) {
        match finished(connection, tag).await? {
            Ok(code) => {
                let uids = appended(code, messages.len());
                for (at, message) in messages.into_iter().enumerate() {
                    let keywords_lost = storable.write(&message.marks).1;
                    let uid = uids.as_ref().map(|(validity, uids)| (*validity, uids[at]));
                    done.push((message, Ok(Stored { uid, keywords_lost, repaired: Vec::new() })));
                }
            }
            // All or nothing (RFC 3502): nothing is there.
            Err(_) => {
                for message in messages {
                    let tag = append(connection, &name, &message, &storable).await?;
                    done.push(one(connection, &name, &storable, message, tag).await?);
                }
            }
        }
        return Ok(done);
    }
    // The answers of all first: what is repaired is sent behind them.
    let mut verdicts = Vec::with_capacity(tags.len());
    for tag in &tags {
        verdicts.push(finished(connection, tag).await?);
    }
    for (message, verdict) in messages.into_iter().zip(verdicts) {
        done.push(judged(connection, &name, &storable, message, verdict).await?);
    }
    Ok(done)
}

type Verdict = (Waiting, Result<Stored, ImapError>);

async fn one(
    connection: &mut Connection,
    name: &[u8],
    storable: &Storable,
    message: Waiting,
    tag: Tag,
) -> Result<Verdict, ImapError> {
    let verdict = finished(connection, &tag).await?;
    judged(connection, name, storable, message, verdict).await
}

async fn judged(
    connection: &mut Connection,
    name: &[u8],
    storable: &Storable,
    message: Waiting,
    verdict: Result<Option<Code>, ImapError>,
) -> Result<Verdict, ImapError> {
    match verdict {
        Ok(code) => {
            let uid = appended(code, 1).map(|(validity, uids)| (validity, uids[0]));
            let keywords_lost = storable.write(&message.marks).1;
            Ok((message, Ok(Stored { uid, keywords_lost, repaired: Vec::new() })))
        }
        Err(error) if is_about_the_message(&error) => climb(connection, name, storable, message, error).await,
        Err(error) => Ok((message, Err(error))),
    }
}

/// Tries the ladder, each step on top of those before it.
async fn climb(
    connection: &mut Connection,
    name: &[u8],
    storable: &Storable,
    mut message: Waiting,
    refusal: ImapError,
) -> Result<Verdict, ImapError> {
    let original = message.bytes.clone();
    let mut repaired = Vec::new();
    let bare = Storable::new(Some(vec!["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft"].into_iter().map(str::to_owned).collect()));
    let mut steps = LADDER.iter();
    let (mut kept, mut tried_bare, mut tried_date) = (storable, false, false);
    loop {
        if !tried_bare {
            tried_bare = true;
            kept = &bare;
            if storable.write(&message.marks) == bare.write(&message.marks) {
                continue;
            }
        } else if !tried_date {
            tried_date = true;
            // Before 1970 or behind 2038, some servers take no date (T07).
            if (0..=i64::from(i32::MAX)).contains(&message.date.seconds) {
                continue;
            }
            message.date.seconds = message.date.seconds.clamp(0, i64::from(i32::MAX));
            repaired.push("the internal date was brought into 1970 to 2038");
        } else {
            let Some((what, step)) = steps.next() else {
                message.bytes = original;
                return Ok((message, Err(refusal)));
            };
            let Some(bytes) = step(&message.bytes) else { continue };
            message.bytes = bytes;
            repaired.push(*what);
        }
        let tag = append(connection, name, &message, kept).await?;
        match finished(connection, &tag).await? {
            Ok(code) => {
                let uid = appended(code, 1).map(|(validity, uids)| (validity, uids[0]));
                let keywords_lost = kept.write(&message.marks).1;
                return Ok((message, Ok(Stored { uid, keywords_lost, repaired })));
            }
            Err(error) if !is_about_the_message(&error) => return Ok((message, Err(error))),
            Err(_) => {}
        }
    }
}

/// The end of one command; the outer error is one of the connection.
async fn finished(connection: &mut Connection, tag: &Tag) -> Result<Result<Option<Code>, ImapError>, ImapError> {
    match connection.finish(tag, "append a message", |_| {}).await {
        Ok(done) => Ok(Ok(done.code)),
        Err(error) if error.is_fatal() => Err(error),
        Err(error) => Ok(Err(error)),
    }
}

/// UIDs in the order of the messages; `None` when the server did not say, or said something that cannot be (T25).
fn appended(code: Option<Code>, messages: usize) -> Option<(u32, Vec<u32>)> {
    match code {
        Some(Code::AppendUid(validity, uids)) if validity > 0 && uids.len() == messages as u64 => {
            let uids: Vec<u32> = uids.iter().collect();
            uids.iter().all(|uid| *uid > 0).then_some((validity, uids))
        }
        _ => None,
    }
}

/// Whether another form of the message may help: not when it is too big, the mailbox full, the folder gone or the server busy.
fn is_about_the_message(error: &ImapError) -> bool {
    match &error.kind {
        Kind::Bad(_) => true,
        Kind::No { code, text } => {
            let other = [Code::OverQuota, Code::TooBig, Code::TryCreate, Code::Limit, Code::InUse, Code::Unavailable, Code::Nonexistent];
            let text = text.to_ascii_lowercase();
            let full = ["quota", "throttl", "too large", "too big", "exceed"].iter().any(|word| text.contains(word));
            !full && !code.as_ref().is_some_and(|code| other.contains(code))
        }
        _ => false,
    }
}

/// The bytes as they go over the wire; see `repair`.
pub fn wire(body: Vec<u8>) -> Vec<u8> {
    match repair::on_the_wire(&body) {
        std::borrow::Cow::Owned(bytes) => bytes,
        std::borrow::Cow::Borrowed(_) => body,
    }
}
