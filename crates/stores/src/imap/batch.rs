//! Appends that are under way. Messages of one folder go in groups: one MULTIAPPEND (RFC 3502), or commands one behind another, with
//! literals that need no permission where the server reads them so (RFC 7888). Groups are written while earlier ones are still
//! unanswered, and each keeps its bytes until its answer is there, so that a refusal can be looked into.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::time::Duration;

use mailferry_core::model::{Digest, FolderPath, InternalDate, Marks, TargetId, Token};
use mailferry_core::passage::Altered;
use mailferry_core::ports::Wanted;
use mailferry_imap::{Code, Connection, ImapError, Kind, Tag};

use super::dates;
use super::marks::Storable;
use super::repair::{self, LADDER};
use super::room;
use super::throttle;

/// Bytes of one group.
pub const GROUP_BYTES: usize = 1 << 20;
/// Messages of one group.
pub const GROUP_MESSAGES: usize = 1_000;
/// Groups that are written and not answered.
pub const GROUPS_IN_FLIGHT: usize = 4;

/// Pauses when the server asks for one and does not say how long; each is twice as long as the one before.
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(64);

/// A message to append, with its bytes as they go over the wire.
pub struct Waiting {
    /// What the caller knows it by.
    pub ticket: TargetId,
    pub marks: Marks,
    pub date: InternalDate,
    pub bytes: Vec<u8>,
    /// What was done to the bytes that were given.
    pub altered: Altered,
}

/// A message in the form in which it is sent.
struct Form<'a> {
    marks: &'a Marks,
    date: InternalDate,
    bytes: &'a [u8],
}

impl Form<'_> {
    fn head(&self, storable: &Storable, free: bool) -> Vec<u8> {
        head(self.marks, &self.date, self.bytes.len() as u64, storable, free)
    }
}

impl Waiting {
    fn whole(&self) -> Form<'_> {
        Form { marks: &self.marks, date: self.date, bytes: &self.bytes }
    }

    /// What to look for where it is not known whether it arrived.
    pub fn wanted(&self) -> Wanted {
        Wanted { token: Token::FIRST, digest: Digest::of(&self.bytes), likeness: None, size: self.bytes.len() as u64, date: None }
    }
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
    pub repaired: Altered,
}

impl Group {
    pub fn is_full(&self) -> bool {
        self.messages.len() >= GROUP_MESSAGES || self.bytes >= GROUP_BYTES
    }

    /// Writes the commands of a group.
    pub async fn send(&self, connection: &mut Connection) -> Result<Vec<Tag>, ImapError> {
        let nonsync = connection.nonsync_bytes_max();
        let free = self.messages.iter().all(|message| message.bytes.len() as u64 <= nonsync);
        let mut tags = Vec::new();
        if free && connection.has("MULTIAPPEND") {
            let tag = connection.begin();
            connection.write(&begun(&self.name)).await?;
            for message in &self.messages {
                connection.write(&message.whole().head(&self.storable, true)).await?;
                connection.write(&message.bytes).await?;
            }
            connection.write(b"\r\n").await?;
            tags.push(tag);
        } else {
            for message in &self.messages {
                tags.push(append(connection, &self.name, &message.whole(), &self.storable).await?);
            }
        }
        Ok(tags)
    }
}

/// The beginning of an APPEND.
pub fn begun(name: &[u8]) -> Vec<u8> {
    match mailferry_imap::quoted(name) {
        Some(name) => [b"APPEND ".as_slice(), &name].concat(),
        // A name that is no modified UTF-7 came from this server, and goes back as it came.
        None => [b"APPEND \"".as_slice(), name, b"\""].concat(),
    }
}

/// What stands before the bytes of a message. `free`: the server need not be asked for them.
pub fn head(marks: &Marks, date: &InternalDate, bytes: u64, storable: &Storable, free: bool) -> Vec<u8> {
    let (flags, _) = storable.write(marks);
    let date = dates::format(date).map(|date| format!(" {date}")).unwrap_or_default();
    let plus = if free { "+" } else { "" };
    format!(" {flags}{date} {{{bytes}{plus}}}\r\n").into_bytes()
}

/// Writes one APPEND. Where the server wants to be asked, it is; a refusal then ends the command, and its answer tells.
async fn append(connection: &mut Connection, name: &[u8], message: &Form<'_>, storable: &Storable) -> Result<Tag, ImapError> {
    let free = message.bytes.len() as u64 <= connection.nonsync_bytes_max();
    let tag = connection.begin();
    connection.write(&begun(name)).await?;
    connection.write(&message.head(storable, free)).await?;
    if free || connection.may_continue(&tag).await? {
        connection.write(message.bytes).await?;
        connection.write(b"\r\n").await?;
    }
    Ok(tag)
}

/// What became of the messages of a group, in their order, as far as the connection held.
pub type Verdicts = Vec<Result<Stored, ImapError>>;

/// Takes the answers of a group. A refused group is sent again message by message, and a refused message goes up the ladder. The
/// outer error is one of the connection: what `verdicts` does not tell is not known then.
pub async fn answers(connection: &mut Connection, sent: &Sent, verdicts: &mut Verdicts) -> Result<(), ImapError> {
    let Sent { group, tags } = sent;
    if let ([tag], true) = (&tags[..], group.messages.len() > 1) {
        match finished(connection, tag).await? {
            Ok(code) => {
                let uids = appended(code, group.messages.len());
                for (at, message) in group.messages.iter().enumerate() {
                    let keywords_lost = group.storable.write(&message.marks).1;
                    let uid = uids.as_ref().map(|(validity, uids)| (*validity, uids[at]));
                    verdicts.push(Ok(Stored { uid, keywords_lost, repaired: Altered::NOTHING }));
                }
            }
            // All or nothing (RFC 3502): nothing is there.
            Err(_) => {
                for message in &group.messages {
                    verdicts.push(alone(connection, &group.name, &group.storable, message).await?);
                }
            }
        }
        return Ok(());
    }
    // The answers of all first: what is repaired is sent behind them.
    let mut first = Vec::with_capacity(tags.len());
    for tag in tags {
        first.push(finished(connection, tag).await?);
    }
    for (message, verdict) in group.messages.iter().zip(first) {
        verdicts.push(judged(connection, &group.name, &group.storable, message, verdict).await?);
    }
    Ok(())
}

/// One message by itself, waited for.
pub async fn alone(
    connection: &mut Connection,
    name: &[u8],
    storable: &Storable,
    message: &Waiting,
) -> Result<Result<Stored, ImapError>, ImapError> {
    let tag = append(connection, name, &message.whole(), storable).await?;
    let verdict = finished(connection, &tag).await?;
    judged(connection, name, storable, message, verdict).await
}

async fn judged(
    connection: &mut Connection,
    name: &[u8],
    storable: &Storable,
    message: &Waiting,
    mut verdict: Result<Option<Code>, ImapError>,
) -> Result<Result<Stored, ImapError>, ImapError> {
    let mut pause = PAUSE_MIN;
    loop {
        match verdict {
            Ok(code) => return Ok(Ok(stored(code, storable, &message.marks, Altered::NOTHING))),
            Err(error) => match throttle::pause(&error, pause) {
                Some(asked) if pause <= PAUSE_MAX => {
                    tracing::info!(seconds = asked.as_secs_f64(), "the server asks for a pause");
                    tokio::time::sleep(asked).await;
                    pause *= 2;
                    let tag = append(connection, name, &message.whole(), storable).await?;
                    verdict = finished(connection, &tag).await?;
                }
                _ if is_about_the_message(&error) => return climb(connection, name, storable, message, error).await,
                _ => return Ok(Err(error)),
            },
        }
    }
}

fn stored(code: Option<Code>, storable: &Storable, marks: &Marks, repaired: Altered) -> Stored {
    let uid = appended(code, 1).map(|(validity, uids)| (validity, uids[0]));
    Stored { uid, keywords_lost: storable.write(marks).1, repaired }
}

/// Tries the ladder: at first keywords and date each by themselves, and the changes of bytes on top of each other; then all together.
async fn climb(
    connection: &mut Connection,
    name: &[u8],
    storable: &Storable,
    message: &Waiting,
    refusal: ImapError,
) -> Result<Result<Stored, ImapError>, ImapError> {
    let bare = Storable::flags_alone();
    let seconds = message.date.seconds.clamp(0, i64::from(i32::MAX));
    let plain_marks = storable.write(&message.marks).0 == bare.write(&message.marks).0;
    let usual_date = message.date.seconds == seconds;
    for together in [false, true] {
        if together && plain_marks && usual_date {
            break;
        }
        let mut bytes = Cow::Borrowed(&message.bytes[..]);
        let mut repaired = Altered::NOTHING;
        for step in 0..2 + LADDER.len() {
            let changed = match step {
                0 => !plain_marks && !together,
                // Before 1970 or behind 2038, some servers take no date (T07).
                1 => !usual_date,
                step => {
                    let (what, mend) = LADDER[step - 2];
                    let mended = mend(&bytes);
                    if mended.is_some() {
                        repaired = repaired.with(what);
                    }
                    mended.map(|mended| bytes = Cow::Owned(mended)).is_some()
                }
            };
            if !changed {
                continue;
            }
            let kept = if step == 0 || together { &bare } else { storable };
            let date = if step == 1 || together { InternalDate { seconds, ..message.date } } else { message.date };
            let form = Form { marks: &message.marks, date, bytes: &bytes };
            let tag = append(connection, name, &form, kept).await?;
            match finished(connection, &tag).await? {
                Ok(code) => {
                    if date.seconds != message.date.seconds {
                        repaired = repaired.with(Altered::DATE);
                    }
                    return Ok(Ok(stored(code, kept, &message.marks, repaired)));
                }
                Err(error) if !is_about_the_message(&error) => return Ok(Err(error)),
                Err(_) => {}
            }
        }
    }
    Ok(Err(refusal))
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
pub fn appended(code: Option<Code>, messages: usize) -> Option<(u32, Vec<u32>)> {
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
            let other = [Code::TryCreate, Code::Limit, Code::InUse, Code::Unavailable, Code::Nonexistent];
            room::lack(code.as_ref(), text).is_none() && !code.as_ref().is_some_and(|code| other.contains(code))
        }
        _ => false,
    }
}

/// The bytes as they go over the wire; see `repair`.
pub fn wire(body: Vec<u8>) -> Vec<u8> {
    match repair::on_the_wire(&body) {
        Cow::Owned(bytes) => bytes,
        Cow::Borrowed(_) => body,
    }
}
