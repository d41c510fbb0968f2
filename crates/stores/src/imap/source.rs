//! An IMAP account as a source. The server is asked by EXAMINE and BODY.PEEK alone, which change nothing there (R20).
//!
//! `expect` says which messages will be opened next. They are asked for together, and come one behind another while the agent packs
//! the one before: no message waits for a round trip.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::{self, Read};

use mailferry_core::model::{Digest, FolderInfo, FolderPath, InternalDate, ItemKey, Marks, TargetId};
use mailferry_core::ports::{Blast, Delta, Lack, MailSource, OpenItem, Retry, SeenBeside, SeenItem, ShownAs, StoreError, Walked};
use mailferry_imap::{Code, Command, Event, Fetch, ImapError, Kind, Response, Selected, Tag, UidSet};

use super::access::Access;
use super::account::{Folder, Folders};
use super::delta::Stamp;
use super::identity::Identities;
use super::labels::{self, Labels};
use super::line::Line;
use super::names::Form;
use super::rights::Owner;
use super::settings::ImapUrl;
use super::walk::Walk;
use super::{dates, key, marks, parse_key};

/// Messages of which a scan asks at a time, and at first: some callers want to know only whether there is any.
const WINDOW: u32 = 5_000;
const FIRST_WINDOW: u32 = 200;
/// Messages asked for in one FETCH; two are under way.
const FETCH_MESSAGES: usize = 400;
/// Of a set of UIDs as it is written: servers read lines of about a thousand (RFC 2683, 3.2.1.5).
const SET_BYTES_MAX: usize = 800;
/// Bytes of a message gathered because its UID comes behind it.
pub(super) const NAMELESS_BYTES_MAX: u64 = 64 << 20;

pub struct ImapSource {
    pub(super) line: Line,
    folders: Option<Folders>,
    /// Of Gmail, unless every label is to be a folder.
    pub(super) labels: Option<Labels>,
    pub(super) labels_once: bool,
    /// Who has all rights anyway.
    pub(super) owner: Owner,
    pub(super) identities: Identities,
    pub(super) open: Option<Opened>,
}

pub(super) struct Opened {
    pub(super) path: FolderPath,
    /// As the server writes it.
    name: Vec<u8>,
    pub(super) selected: Selected,
    pub(super) ahead: Ahead,
    pub(super) walk: Option<Walk>,
}

/// Messages that were asked for and are on their way.
#[derive(Default)]
pub(super) struct Ahead {
    /// To be asked for.
    expected: VecDeque<u32>,
    /// Asked for, by command.
    asked: VecDeque<(Tag, HashSet<u32>)>,
    /// Its bytes come next.
    pub(super) next: Option<Coming>,
}

pub(super) struct Coming {
    pub(super) uid: u32,
    pub(super) size: u64,
    /// Gathered already, where the UID came behind the bytes.
    pub(super) gathered: Option<Vec<u8>>,
}

impl ImapSource {
    pub fn open(url: &ImapUrl, access: &Access) -> Result<Self, StoreError> {
        let mut line = Line::open(url, access)?;
        line.connection().stream_bodies(true);
        let labels_once = url.reads_labels_once() && line.connection().has("X-GM-EXT-1");
        let (owner, identities) = (Owner::of(url.user(), url.login()), Identities::of(line.connection()));
        Ok(ImapSource { line, folders: None, labels: None, labels_once, owner, identities, open: None })
    }

    pub(super) fn known(&mut self) -> Result<&Folders, StoreError> {
        if self.folders.is_none() {
            self.quiet()?;
            let folders = Folders::read(&mut self.line, true)?;
            self.labels = self.labels_once.then(|| Labels::of(&folders));
            self.folders = Some(folders);
        }
        Ok(self.folders.get_or_insert_default())
    }

    /// Opens the folder, if it is not open.
    pub(super) fn examine(&mut self, path: &FolderPath, anew: bool) -> Result<(), StoreError> {
        if !anew && self.open.as_ref().is_some_and(|open| open.path == *path) {
            return Ok(());
        }
        self.quiet()?;
        self.open = None;
        let place = format!("{path} in {}", self.line.url());
        let gone = || StoreError::no_folder(place);
        let name = self.known()?.name(path).map(<[u8]>::to_vec).ok_or_else(gone)?;
        let selected = self.line.run(Blast::Folder, async |connection| connection.select(&name, true).await)?;
        self.open = Some(Opened { path: path.clone(), name, selected, ahead: Ahead::default(), walk: None });
        Ok(())
    }

    /// Lets everything pass by that was asked for, so that the connection is free.
    pub(super) fn quiet(&mut self) -> Result<(), StoreError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let ahead = std::mem::take(&mut open.ahead);
        let walked = open.walk.take().map(Walk::into_asked).unwrap_or_default();
        let asked: Vec<Tag> = ahead.asked.into_iter().map(|(tag, _)| tag).chain(walked).collect();
        if ahead.next.is_none() && asked.is_empty() {
            return Ok(());
        }
        self.line.run(Blast::Mailbox, async |connection| {
            connection.pass_by().await?;
            for tag in &asked {
                connection.finish(tag, "FETCH", |_| {}).await.map(|_| ()).or_else(ImapError::unless_fatal)?;
            }
            Ok(())
        })
    }

    /// Sends the next FETCH when little is on its way.
    fn ask(&mut self, wanted: u32) -> Result<(), StoreError> {
        let Some(open) = &mut self.open else { return Ok(()) };
        let ahead = &mut open.ahead;
        while ahead.asked.len() < 2 {
            let first = ahead.asked.is_empty();
            let mut uids: Vec<u32> = Vec::new();
            if first && ahead.next.is_none() {
                // What comes before the wanted one will not be opened any more.
                match ahead.expected.iter().position(|uid| *uid == wanted) {
                    Some(at) => drop(ahead.expected.drain(..at)),
                    None => uids.push(wanted),
                }
            }
            if uids.is_empty() {
                uids = first_set(&mut ahead.expected);
            }
            if uids.is_empty() {
                return Ok(());
            }
            let set: UidSet = uids.iter().copied().collect();
            let command = Command::new(format!("UID FETCH {set} (UID BODY.PEEK[])"));
            let tag = self.line.run(Blast::Folder, async |connection| {
                let tag = connection.send(command).await?;
                connection.flush().await?;
                Ok(tag)
            })?;
            ahead.asked.push_back((tag, uids.into_iter().collect()));
        }
        Ok(())
    }

    /// Goes on until the bytes of this message come next. False when the server does not have them any more.
    fn seek(&mut self, wanted: u32) -> Result<bool, StoreError> {
        loop {
            let Some(open) = &mut self.open else { return Ok(false) };
            match &open.ahead.next {
                Some(coming) if coming.uid == wanted => return Ok(true),
                Some(coming) if coming.uid > wanted && open.ahead.is_asked(coming.uid) => return Ok(false),
                Some(_) => self.pass_by()?,
                None => {
                    self.ask(wanted)?;
                    if self.advance(wanted)? == Advance::NotThere {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Lets the message at hand pass by.
    pub(super) fn pass_by(&mut self) -> Result<(), StoreError> {
        let coming = self.open.as_mut().and_then(|open| open.ahead.next.take());
        if coming.is_none_or(|coming| coming.gathered.is_some()) {
            return Ok(());
        }
        self.line.run(Blast::Mailbox, async |connection| connection.pass_by().await)
    }

    fn advance(&mut self, wanted: u32) -> Result<Advance, StoreError> {
        let Some(open) = &mut self.open else { return Ok(Advance::NotThere) };
        let event = self.line.run(Blast::Mailbox, async |connection| connection.event().await)?;
        let ahead = &mut open.ahead;
        match event {
            Event::Body { uid: Some(uid), size, .. } => ahead.next = Some(Coming { uid, size, gathered: None }),
            Event::Body { uid: None, size, .. } => {
                if size > NAMELESS_BYTES_MAX {
                    let cause = format!("it has {size} bytes, and the server says only behind them which one it is");
                    return Err(StoreError::new(Blast::Item, Retry::Never, "read a message", open.path.to_string(), cause));
                }
                let (fetch, bytes) = self.line.run(Blast::Mailbox, async |connection| gathered(connection).await)?;
                ahead.next = fetch.uid.map(|uid| Coming { uid, size: bytes.len() as u64, gathered: Some(bytes) });
            }
            Event::Response(Response::Tagged { tag, status, code, text }) => {
                let Some(at) = ahead.asked.iter().position(|(asked, _)| asked.is(&tag)) else { return Ok(Advance::On) };
                // A message that was read already and is wanted once more comes by a later command.
                let had = ahead.asked.remove(at).is_some_and(|(_, uids)| uids.contains(&wanted)) && !ahead.is_asked(wanted);
                let ended = mailferry_imap::ended_as(status, code, text, "read a message");
                if had {
                    return match ended {
                        Ok(_) => Ok(Advance::NotThere),
                        // Some refuse a FETCH of what somebody has removed: it is looked for before it counts as gone.
                        Err(error) if matches!(error.kind, Kind::No { .. }) && !self.is_there(wanted)? => Ok(Advance::NotThere),
                        Err(error) => Err(self.line.error(error, Blast::Item)),
                    };
                }
            }
            // `BODY[] NIL`: there, and without bytes (T06).
            Event::Response(Response::Fetch(fetch)) if fetch.body == Some(None) && fetch.uid == Some(wanted) => {
                ahead.forget(wanted);
                let place = format!("UID {wanted} in {}", open.path);
                return Err(StoreError::new(Blast::Item, Retry::Later, "read a message", place, "the server gives no bytes for it"));
            }
            Event::Response(_) => {}
        }
        Ok(Advance::On)
    }
}

/// As many as fit into one command.
fn first_set(expected: &mut VecDeque<u32>) -> Vec<u32> {
    let mut set = UidSet::default();
    let mut uids = Vec::new();
    while let Some(uid) = expected.front().copied().filter(|_| uids.len() < FETCH_MESSAGES && set.to_string().len() < SET_BYTES_MAX) {
        expected.pop_front();
        set.push(uid);
        uids.push(uid);
    }
    uids
}

#[derive(PartialEq, Eq)]
enum Advance {
    On,
    NotThere,
}

impl Ahead {
    fn is_asked(&self, uid: u32) -> bool {
        self.asked.iter().any(|(_, uids)| uids.contains(&uid))
    }

    /// On a new connection, what was asked for behind this message.
    fn ask_again(&mut self, behind: u32) {
        let asked: Vec<u32> = self.asked.drain(..).flat_map(|(_, uids)| uids).filter(|uid| *uid > behind).collect();
        let mut expected: Vec<u32> = asked.into_iter().chain(self.expected.drain(..)).collect();
        expected.sort_unstable();
        expected.dedup();
        self.expected = expected.into();
        self.next = None;
    }

    fn forget(&mut self, uid: u32) {
        self.asked.iter_mut().for_each(|(_, uids)| {
            uids.remove(&uid);
        });
    }

    /// Its bytes have come, by the first command that asked for them; a later one may ask again.
    fn came(&mut self, uid: u32) {
        if let Some((_, uids)) = self.asked.iter_mut().find(|(_, uids)| uids.contains(&uid)) {
            uids.remove(&uid);
        }
    }
}

/// A message of which the server says something behind its bytes.
pub(super) async fn gathered(connection: &mut mailferry_imap::Connection) -> Result<(Fetch, Vec<u8>), ImapError> {
    let mut bytes = Vec::new();
    loop {
        let there = connection.body().await?;
        if there.is_empty() {
            break;
        }
        bytes.extend_from_slice(there);
        let used = there.len();
        connection.body_used(used);
    }
    match connection.event().await? {
        Event::Response(Response::Fetch(fetch)) => Ok((*fetch, bytes)),
        _ => Ok((Fetch::default(), bytes)),
    }
}

impl MailSource for ImapSource {
    fn describe(&self) -> String {
        self.line.url().to_owned()
    }

    fn folders(&mut self) -> Result<Vec<FolderInfo>, StoreError> {
        self.folders = None;
        let url = self.line.url().to_owned();
        self.known()?.infos(&url)
    }

    /// A folder that can still be opened is there, whatever LIST says (T18).
    fn confirm_gone(&mut self, folder: &FolderPath) -> Result<(), StoreError> {
        self.quiet()?;
        self.open = None;
        let names = &self.known()?.names;
        let names = Form::ALL.map(|form| names.encode(folder, form));
        for name in names {
            let opened = self.line.attempt(async |connection| connection.select(&name, true).await);
            match opened {
                Ok(_) => {
                    let cause = "the server does not list it any more, and opens it all the same";
                    let place = format!("{folder} in {}", self.line.url());
                    return Err(StoreError::new(Blast::Folder, Retry::Later, "find a folder", place, cause)
                        .hint("look for it with another client; if it is gone, nothing needs to be done"));
                }
                Err(error)
                    if error.is_fatal()
                        || error.code().is_some_and(|code| matches!(code, Code::InUse | Code::Unavailable | Code::Limit)) =>
                {
                    return Err(self.line.error(error, Blast::Folder));
                }
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn name_of(&self, key: &ItemKey) -> String {
        parse_key(&key.0).map_or_else(|| key.text(), |(_, uid)| format!("UID {uid}"))
    }

    fn lacks(&mut self) -> Vec<Lack> {
        let connection = self.line.connection();
        let has = connection.has("CONDSTORE") || connection.has("QRESYNC");
        (!has).then_some(Lack::ChangeNumbers).into_iter().collect()
    }

    /// A server that counts messages need not show them.
    fn holds_any(&mut self) -> bool {
        let Ok(folders) = self.folders() else { return true };
        let Ok(known) = self.known() else { return true };
        let counted = |folder: &Folder| folder.status.as_ref().and_then(|status| status.messages);
        if known.by_path.values().any(|folder| counted(folder).is_some_and(|messages| messages > 0)) {
            return true;
        }
        folders.iter().filter(|folder| folder.selectable).any(|folder| match self.examine(&folder.path, true) {
            Ok(()) => self.open.as_ref().is_none_or(|open| open.selected.exists > 0),
            Err(_) => true,
        })
    }

    /// While its numbers stay, nothing has changed.
    fn stamp(&mut self, folder: &FolderPath) -> Result<Option<Vec<u8>>, StoreError> {
        let known = self.known()?;
        let stamp = |folder: &Folder| folder.status.as_ref().and_then(Stamp::of).map(Stamp::bytes);
        let own = known.by_path.get(folder).and_then(stamp);
        if !self.labels_once {
            return Ok(own);
        }
        // What is read of a folder depends on the others.
        let all: Option<Vec<Vec<u8>>> = self.known()?.by_path.values().filter(|folder| folder.info.selectable).map(stamp).collect();
        Ok(own.and(all).map(|all| Digest::of(&all.concat()).0.to_vec()))
    }

    fn changes_since(&mut self, folder: &FolderPath, stamp: &[u8]) -> Result<Option<Delta>, StoreError> {
        match Stamp::parse(stamp) {
            Some(before) => self.delta(folder, before),
            None => Ok(None),
        }
    }

    fn scan(&mut self, folder: &FolderPath, each: &mut dyn FnMut(SeenItem) -> Result<(), StoreError>) -> Result<(), StoreError> {
        self.scan_after(folder, None, &mut |item| each(item).map(|()| true))
    }

    fn scan_after(
        &mut self,
        folder: &FolderPath,
        after: Option<&ItemKey>,
        each: &mut dyn FnMut(SeenItem) -> Result<bool, StoreError>,
    ) -> Result<(), StoreError> {
        self.look_at_labels()?;
        self.examine(folder, true)?;
        let Some(open) = &self.open else { return Ok(()) };
        let (validity, exists) = (open.selected.uid_validity, open.selected.exists);
        let after = after.and_then(|key| parse_key(&key.0)).filter(|(of, _)| *of == validity).map_or(0, |(_, uid)| uid);
        let mut first = if after == 0 { 1 } else { self.sequence_behind(after)? };
        let mut size = FIRST_WINDOW;
        while first <= exists {
            let last = exists.min(first.saturating_add(size - 1));
            size = WINDOW;
            for item in self.window(first, last, validity)? {
                if parse_key(&item.key.0).is_some_and(|(_, uid)| uid > after) && !each(item)? {
                    return Ok(());
                }
            }
            first = last + 1;
        }
        Ok(())
    }

    fn beside(&mut self) -> Result<Vec<SeenBeside>, StoreError> {
        self.look_beside()
    }

    fn expect(&mut self, folder: &FolderPath, keys: &mut dyn Iterator<Item = &ItemKey>) -> Result<(), StoreError> {
        self.examine(folder, false)?;
        if let Some(open) = &mut self.open {
            let validity = open.selected.uid_validity;
            let uids = keys.filter_map(|key| parse_key(&key.0)).filter(|(of, _)| *of == validity).map(|(_, uid)| uid);
            open.ahead.expected = uids.collect();
        }
        Ok(())
    }

    fn shown_as(&mut self, folder: &FolderPath, id: &TargetId) -> Result<ShownAs, StoreError> {
        let Some((validity, _)) = parse_key(&id.0) else { return Ok(ShownAs::NotThere) };
        self.examine(folder, false)?;
        let now = self.open.as_ref().map_or(0, |open| open.selected.uid_validity);
        Ok(match now == validity {
            true => ShownAs::Key(ItemKey(id.0.clone())),
            false => ShownAs::Renamed(format!("its UIDVALIDITY was {validity} and is {now}")),
        })
    }

    fn open<'a>(&'a mut self, folder: &FolderPath, key: &ItemKey) -> Result<Option<OpenItem<'a>>, StoreError> {
        self.examine(folder, false)?;
        let validity = self.open.as_ref().map_or(0, |open| open.selected.uid_validity);
        let Some((_, uid)) = parse_key(&key.0).filter(|(of, _)| *of == validity) else { return Ok(None) };
        let found = match self.find(uid) {
            Err(error) if error.away => {
                tracing::info!(cause = error.cause, "the connection broke while messages were read: logging in again");
                self.come_back(folder, uid, validity)?
            }
            found => found?,
        };
        if !found {
            return Ok(None);
        }
        let ImapSource { line, open: Some(open), .. } = self else { return Ok(None) };
        let Some(coming) = open.ahead.next.take() else { return Ok(None) };
        open.ahead.came(coming.uid);
        let size = coming.size;
        Ok(Some(OpenItem {
            reader: match coming.gathered {
                Some(bytes) => Box::new(io::Cursor::new(bytes)),
                None => Box::new(Body { line, open, uid, size, left: size, came_back: false }),
            },
        }))
    }

    fn walk(&mut self, folder: &FolderPath) -> Result<bool, StoreError> {
        self.begin_walk(folder)
    }

    fn step(&mut self) -> Result<Walked, StoreError> {
        match self.next_of_walk() {
            Err(error) if error.away => {
                tracing::info!(cause = error.cause, "the connection broke while messages were read: logging in again");
                self.open = None;
                self.folders = None;
                self.line.reopen()?;
                Ok(Walked::Unsure)
            }
            walked => walked,
        }
    }
}

impl ImapSource {
    /// Goes on until the bytes of this message come next. False when it is gone; one that is there and does not come is an error (T06).
    fn find(&mut self, uid: u32) -> Result<bool, StoreError> {
        if self.seek(uid)? {
            return Ok(true);
        }
        let Some(place) = self.open.as_ref().map(|open| format!("UID {uid} in {}", open.path)) else { return Ok(false) };
        if self.open.as_ref().is_some_and(|open| open.ahead.next.is_some()) {
            // The bytes of another come next: whether this one is there is seen at the next pass.
            return Ok(false);
        }
        let there = self.is_there(uid)?;
        let cause = "it is there, and the server does not give it";
        if there { Err(StoreError::new(Blast::Item, Retry::Later, "read a message", place, cause)) } else { Ok(false) }
    }

    /// NOOP first: only then may a server tell what others have removed (RFC 2180, 4.1.2).
    fn is_there(&mut self, uid: u32) -> Result<bool, StoreError> {
        let mut there = false;
        self.line.run(Blast::Folder, async |connection| {
            let told = connection.send(Command::new("NOOP")).await?;
            let asked = connection.send(Command::new(format!("UID SEARCH UID {uid}"))).await?;
            let mut each = |response| there |= matches!(&response, Response::Search(uids) if uids.contains(&uid));
            // Dovecot may answer the second before the first.
            connection.finish(&told, "NOOP", &mut each).await?;
            connection.finish(&asked, "look for a message", each).await
        })?;
        Ok(there)
    }

    /// A connection that broke between two messages, or a token that ran out (T16): the same again, once.
    fn come_back(&mut self, folder: &FolderPath, uid: u32, validity: u32) -> Result<bool, StoreError> {
        let mut ahead = self.open.take().map(|open| open.ahead).unwrap_or_default();
        ahead.ask_again(uid.saturating_sub(1));
        self.line.reopen()?;
        self.folders = None;
        self.examine(folder, true)?;
        let Some(open) = self.open.as_mut().filter(|open| open.selected.uid_validity == validity) else { return Ok(false) };
        open.ahead = ahead;
        self.find(uid)
    }
}

impl ImapSource {
    /// The sequence number of the first message behind this UID. Numbers count from the front: what has gone meanwhile only makes
    /// it smaller.
    fn sequence_behind(&mut self, uid: u32) -> Result<u32, StoreError> {
        let Some(next) = uid.checked_add(1) else { return Ok(u32::MAX) };
        let mut first = u32::MAX;
        self.line.run(Blast::Folder, async |connection| {
            let each = |response| match response {
                Response::Search(found) => first = found.into_iter().min().unwrap_or(u32::MAX),
                Response::Esearch(found) => first = found.iter().min().unwrap_or(u32::MAX),
                _ => {}
            };
            let command = if connection.has("ESEARCH") { "SEARCH RETURN (ALL)" } else { "SEARCH" };
            connection.run(Command::new(format!("{command} UID {next}:*")), each).await
        })?;
        Ok(first)
    }

    fn window(&mut self, first: u32, last: u32, validity: u32) -> Result<Vec<SeenItem>, StoreError> {
        let mut fetched: Vec<Fetch> = Vec::with_capacity((last - first + 1) as usize);
        loop {
            let more = if self.labels.is_some() { labels::ITEMS } else { self.identities.item() };
            let command = format!("FETCH {first}:{last} (UID FLAGS INTERNALDATE RFC822.SIZE{more})");
            let asked = self.line.attempt(async |connection| {
                let each = |response| {
                    if let Response::Fetch(fetch) = response {
                        fetched.push(*fetch);
                    }
                };
                connection.run(Command::new(command), each).await
            });
            match asked {
                Ok(_) => break,
                // It does not know what it offers.
                Err(error) if matches!(error.kind, Kind::Bad(_)) && self.labels.is_none() && !more.is_empty() => self.identities.give_up(),
                Err(error) => return Err(self.line.error(error, Blast::Folder)),
            }
        }
        self.at_home(&mut fetched);
        self.as_seen(fetched, validity)
    }

    /// Messages as a scan shows them, by UID.
    pub(super) fn as_seen(&mut self, mut fetched: Vec<Fetch>, validity: u32) -> Result<Vec<SeenItem>, StoreError> {
        // A change of flags by somebody else comes as a second, shorter answer.
        fetched.retain(|fetch| fetch.uid.is_some() && fetch.flags.is_some());
        fetched.sort_by_key(|fetch| fetch.uid);
        fetched.dedup_by_key(|fetch| fetch.uid);
        let undated: Vec<u32> = fetched.iter().filter(|fetch| date_of(fetch).is_none()).filter_map(|fetch| fetch.uid).collect();
        let dates = if undated.is_empty() { HashMap::new() } else { self.dates_by_header(&undated)? };
        let identities = &mut self.identities;
        let named = fetched.into_iter().map(|fetch| (identities.identity(&fetch), fetch));
        Ok(named.filter_map(|(identity, fetch)| Some(SeenItem { identity, ..seen(fetch, validity, &dates)? })).collect())
    }

    /// Messages without a usable internal date have that of their last relay, else that of their author (T07).
    fn dates_by_header(&mut self, uids: &[u32]) -> Result<HashMap<u32, InternalDate>, StoreError> {
        let mut found = HashMap::new();
        for some in uids.chunks(50) {
            let set: UidSet = some.iter().copied().collect();
            let command = Command::new(format!("UID FETCH {set} (UID BODY.PEEK[HEADER.FIELDS (RECEIVED DATE)])"));
            self.line.run(Blast::Folder, async |connection| {
                let each = |response| {
                    if let Response::Fetch(fetch) = response
                        && let (Some(uid), Some(date)) = (fetch.uid, fetch.header.as_deref().and_then(dates::of_header))
                    {
                        found.insert(uid, date);
                    }
                };
                connection.run(command, each).await
            })?;
        }
        Ok(found)
    }
}

/// Before 1900 and behind 2100 it is a mistake of the server.
pub(super) fn date_of(fetch: &Fetch) -> Option<InternalDate> {
    fetch.internal_date.as_deref().and_then(dates::parse).filter(|date| (-2_208_988_800..4_102_444_800).contains(&date.seconds))
}

pub(super) fn seen(fetch: Fetch, validity: u32, dates: &HashMap<u32, InternalDate>) -> Option<SeenItem> {
    let uid = fetch.uid?;
    let given = date_of(&fetch);
    let date = given.or_else(|| dates.get(&uid).copied()).unwrap_or_default();
    let marks: Marks = fetch.flags.map(|flags| marks::parse(&flags)).unwrap_or_default();
    // A size of zero is a lie (T05).
    let size = fetch.size.filter(|size| *size > 0);
    Some(SeenItem {
        key: ItemKey(key(validity, uid)),
        move_hint: None,
        identity: None,
        marks,
        date,
        dated: given.is_some(),
        sender: None,
        size,
    })
}

/// The bytes of one message as they come. A connection that breaks among them is made anew, once: the message is asked for again, and
/// what was read of it already passes by.
struct Body<'a> {
    line: &'a mut Line,
    open: &'a mut Opened,
    uid: u32,
    size: u64,
    left: u64,
    came_back: bool,
}

impl Read for Body<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || out.is_empty() {
            return Ok(0);
        }
        let length = match self.some(out) {
            Err(error) if error.is_fatal() && !self.came_back => {
                tracing::info!(cause = %error, "the connection broke within a message: logging in again");
                self.came_back = true;
                self.come_back().map_err(|error| io::Error::new(io::ErrorKind::NotConnected, error.cause))?;
                self.some(out)
            }
            read => read,
        };
        let length = length.map_err(|error| {
            let kind = match &error.kind {
                Kind::Silent(_) => io::ErrorKind::TimedOut,
                _ => io::ErrorKind::NotConnected,
            };
            io::Error::new(kind, error)
        })?;
        if length == 0 {
            // Never the end of a message that has not come to its end.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= length as u64;
        Ok(length)
    }
}

impl Body<'_> {
    fn some(&mut self, out: &mut [u8]) -> Result<usize, ImapError> {
        self.line.attempt(async |connection| {
            let there = connection.body().await?;
            let length = there.len().min(out.len());
            out[..length].copy_from_slice(&there[..length]);
            connection.body_used(length);
            Ok(length)
        })
    }

    fn come_back(&mut self) -> Result<(), StoreError> {
        self.line.reopen()?;
        self.open.ahead.ask_again(self.uid);
        // What a scan finds to be left of it comes later.
        self.open.walk = None;
        let Opened { name, selected, .. } = &*self.open;
        let (uid, size, read) = (self.uid, self.size, self.size - self.left);
        self.line.run(Blast::Folder, async |connection| {
            let changed = || ImapError::new("read a message again", Kind::Protocol("it is not the same as before".into()));
            if connection.select(name, true).await?.uid_validity != selected.uid_validity {
                return Err(changed());
            }
            let tag = connection.send(Command::new(format!("UID FETCH {uid} (UID BODY.PEEK[])"))).await?;
            loop {
                match connection.event().await? {
                    Event::Body { uid: Some(there), size: bytes, .. } if there == uid && bytes == size => break,
                    Event::Body { .. } => return Err(changed()),
                    Event::Response(Response::Tagged { tag: ended, .. }) if tag.is(&ended) => return Err(changed()),
                    Event::Response(_) => {}
                }
            }
            let mut left = read;
            while left > 0 {
                let there = connection.body().await?.len();
                let step = there.min(usize::try_from(left).unwrap_or(there));
                connection.body_used(step);
                left -= step as u64;
            }
            Ok(())
        })
    }
}

/// What was not read passes by: the next message begins behind it.
impl Drop for Body<'_> {
    fn drop(&mut self) {
        let _ = self.line.attempt(async |connection| connection.pass_by().await);
    }
}
