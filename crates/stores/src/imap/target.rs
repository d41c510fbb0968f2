//! An IMAP account as a target. Appends are written as they come and answered later; everything else waits for them and is done at
//! once.
//!
//! An append is exactly once as far as its answer arrives. Where a connection breaks before, nobody knows: the next run finds what
//! is there by size and digest (`listing`) before it appends again (R42, T01).

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Read;
use std::time::Duration;

use mailferry_core::compare::Likeness;
use mailferry_core::model::{Beside, FolderInfo, FolderPath, Marks, TargetId, Token};
use mailferry_core::passage::Altered;
use mailferry_core::ports::{Appended, Blast, KeepsBeside, MailTarget, May, NewItem, Quota, Retry, StoreError, Wanted};
use mailferry_imap::{Code, Command, Connection, ImapError, Response, Selected};

use super::access::Access;
use super::account::{Folder, Folders};
use super::batch::{self, GROUPS_IN_FLIGHT, Group, InFlight, Sent, Stored, Waiting};
use super::dates;
use super::line::Line;
use super::listing::Listing;
use super::marks::Storable;
use super::names::Form;
use super::receipts::{self, Receipts};
use super::repair;
use super::rights::Owner;
use super::room::Limits;
use super::settings::ImapUrl;
use super::{key, parse_key};

/// A message of more bytes is not held in memory: it is written as it is read, and a refusal is final.
const HELD_BYTES_MAX: u64 = 8 << 20;
/// Of all groups in flight.
const IN_FLIGHT_BYTES_MAX: usize = 6 << 20;

pub struct ImapTarget {
    pub(super) line: Line,
    pub(super) folders: Folders,
    pub(super) selected: Option<(FolderPath, Selected)>,
    /// Permanent flags of folders, as far as they were asked for.
    storable: HashMap<FolderPath, Storable>,
    pub(super) listings: HashMap<FolderPath, Listing>,
    /// Made, and not asked for yet.
    made: Vec<FolderPath>,
    /// UIDVALIDITY, and the least UID that an append can get now.
    floors: HashMap<FolderPath, (u32, u32)>,
    /// The server has named a wrong message: what it names is not believed any more (T25).
    names_wrongly: bool,
    /// Folders whose claims are known.
    claimed: HashSet<FolderPath>,
    pub(super) limits: Limits,
    receipts: Receipts,
    pub(super) owner: Owner,
    pub(super) group: Group,
    pub(super) in_flight: InFlight,
    tickets: u64,
    /// What tickets stand for.
    answers: HashMap<TargetId, (u32, u32)>,
    pub(super) settled: Vec<(TargetId, Result<Appended, StoreError>)>,
}

impl ImapTarget {
    pub fn open(url: &ImapUrl, access: &Access) -> Result<Self, StoreError> {
        let mut line = Line::open(url, access)?;
        let folders = Folders::read(&mut line, false)?;
        let limits = Limits::new(line.connection());
        Ok(ImapTarget {
            line,
            limits,
            receipts: url.receipts(),
            owner: Owner::of(url.user(), url.login()),
            folders,
            selected: None,
            storable: HashMap::new(),
            listings: HashMap::new(),
            made: Vec::new(),
            floors: HashMap::new(),
            names_wrongly: false,
            claimed: HashSet::new(),
            group: Group::default(),
            in_flight: VecDeque::new(),
            tickets: 0,
            answers: HashMap::new(),
            settled: Vec::new(),
        })
    }

    pub(super) fn place(&self, folder: &FolderPath) -> String {
        format!("{folder} in {}", self.line.url())
    }

    fn unread(&self, folder: &FolderPath, error: &std::io::Error) -> StoreError {
        StoreError::io(Blast::Item, "read the message to append", self.place(folder), error)
    }

    pub(super) fn name(&self, folder: &FolderPath) -> Result<Vec<u8>, StoreError> {
        self.folders.name(folder).map(<[u8]>::to_vec).ok_or_else(|| StoreError::no_folder(self.place(folder)))
    }

    pub(super) fn select(&mut self, folder: &FolderPath) -> Result<Selected, StoreError> {
        match &self.selected {
            Some((path, selected)) if path == folder => return Ok(selected.clone()),
            _ => {}
        }
        let name = self.name(folder)?;
        self.selected = None;
        let selected = self.line.run(Blast::Folder, async |connection| connection.select(&name, false).await)?;
        self.storable.insert(folder.clone(), Storable::new(selected.permanent_flags.clone()));
        let floor = (selected.uid_validity, selected.uid_next.unwrap_or(1));
        let known = self.floors.entry(folder.clone()).or_insert(floor);
        *known = if known.0 == floor.0 { (floor.0, known.1.max(floor.1)) } else { floor };
        self.selected = Some((folder.clone(), selected.clone()));
        Ok(selected)
    }

    /// A server tells of every message that arrives in the folder that is open: while messages are appended, none is.
    pub(super) fn unselect(&mut self) -> Result<(), StoreError> {
        if self.selected.is_none() || !self.line.connection().has("UNSELECT") {
            return Ok(());
        }
        self.settle()?;
        self.selected = None;
        self.line.run(Blast::Mailbox, async |connection| connection.unselect().await.or_else(ImapError::unless_fatal))
    }

    fn storable(&mut self, folder: &FolderPath) -> Result<Storable, StoreError> {
        if !self.storable.contains_key(folder) {
            // Only SELECT tells which flags can be stored.
            self.settle()?;
            self.select(folder)?;
        }
        Ok(self.storable.get(folder).cloned().unwrap_or_default())
    }

    /// The same for a message: the flags of the standard are stored by every server, and a folder need not be opened for them.
    fn storable_for(&mut self, folder: &FolderPath, marks: &Marks) -> Result<Storable, StoreError> {
        if marks.keywords.is_empty() && !self.storable.contains_key(folder) {
            return Ok(Storable::default());
        }
        self.storable(folder)
    }

    /// The listing of a folder, read when it is first needed.
    fn listing(&mut self, folder: &FolderPath) -> Result<&mut Listing, StoreError> {
        if !self.listings.contains_key(folder) {
            self.settle()?;
            self.read_again(folder)?;
        }
        Ok(self.listings.entry(folder.clone()).or_default())
    }

    /// The folder as it is now; what was known of it stays known.
    pub(super) fn read_again(&mut self, folder: &FolderPath) -> Result<(), StoreError> {
        self.selected = None;
        let selected = self.select(folder)?;
        let read = async |connection: &mut Connection| Listing::read(connection, selected.uid_validity, selected.exists).await;
        let mut listing = self.line.run(Blast::Folder, read)?;
        listing.inherit(self.listings.remove(folder));
        self.listings.insert(folder.clone(), listing);
        Ok(())
    }

    /// UIDVALIDITY and UID of a message with these bytes that nobody claims; it is taken then.
    pub(super) fn find(&mut self, folder: &FolderPath, wanted: &Wanted) -> Result<Option<(u32, u32)>, StoreError> {
        self.select(folder)?;
        let Some(listing) = self.listings.get_mut(folder) else { return Ok(None) };
        let found = self.line.run(Blast::Folder, async |connection| listing.find(connection, wanted).await)?;
        Ok(found.map(|uid| (listing.validity, uid)))
    }

    /// The same of a message whose bytes the server has changed a little.
    pub(super) fn find_changed(&mut self, folder: &FolderPath, bytes: &[u8]) -> Result<Option<(u32, u32)>, StoreError> {
        if !self.listings.get(folder).is_some_and(|listing| listing.may_have_changed(bytes)) {
            return Ok(None);
        }
        self.select(folder)?;
        let Some(listing) = self.listings.get_mut(folder) else { return Ok(None) };
        let found = self.line.run(Blast::Folder, async |connection| listing.find_changed(connection, bytes).await)?;
        Ok(found.map(|uid| (listing.validity, uid)))
    }

    /// Writes the group at hand.
    fn send_group(&mut self) -> Result<(), StoreError> {
        let group = std::mem::take(&mut self.group);
        if group.messages.is_empty() {
            return Ok(());
        }
        match self.line.attempt(async |connection| group.send(connection).await) {
            Ok(tags) => self.in_flight.push_back(Sent { group, tags }),
            Err(error) => {
                self.in_flight.push_back(Sent { group, tags: Vec::new() });
                return self.recover(error);
            }
        }
        let bytes = |in_flight: &InFlight| in_flight.iter().map(|sent| sent.group.bytes).sum::<usize>();
        while self.in_flight.len() > GROUPS_IN_FLIGHT || self.in_flight.len() > 1 && bytes(&self.in_flight) > IN_FLIGHT_BYTES_MAX {
            self.take_answers()?;
        }
        Ok(())
    }

    /// Waits for the answers of the oldest group.
    fn take_answers(&mut self) -> Result<(), StoreError> {
        let Some(mut sent) = self.in_flight.pop_front() else { return Ok(()) };
        let mut verdicts = Vec::new();
        let done = self.line.attempt(async |connection| batch::answers(connection, &sent, &mut verdicts).await);
        let folder = sent.group.folder.clone().unwrap_or_else(FolderPath::inbox);
        let left = sent.group.messages.split_off(verdicts.len());
        let told = std::mem::replace(&mut sent.group.messages, left);
        if let Err(error) = done {
            self.in_flight.push_front(sent);
            self.judge(&folder, told, verdicts)?;
            return self.recover(error);
        }
        self.judge(&folder, told, verdicts)
    }

    pub(super) fn judge(&mut self, folder: &FolderPath, messages: Vec<Waiting>, verdicts: batch::Verdicts) -> Result<(), StoreError> {
        let mut nameless = Vec::new();
        let mut held_up = None;
        // One name too few in front moves all behind it: with one, none is believed.
        let named = verdicts.iter().flatten().filter_map(|stored| stored.uid);
        self.names_wrongly |= !named.clone().all(|uid| self.is_plausible(folder, uid)) || !named.is_sorted_by(|one, next| one < next);
        for (message, verdict) in messages.into_iter().zip(verdicts) {
            match verdict {
                Ok(stored) => match stored.uid.filter(|_| !self.names_wrongly) {
                    Some(uid) => self.note(folder, &message, uid, stored.keywords_lost, stored.repaired),
                    None => nameless.push((message, stored)),
                },
                Err(error) => {
                    let error = self.line.error(error, Blast::Item);
                    match error.blast {
                        Blast::Item => self.settled.push((message.ticket, Err(error))),
                        _ => held_up = Some(error),
                    }
                }
            }
        }
        if !nameless.is_empty() {
            self.find_nameless(folder, nameless)?;
        }
        held_up.map_or(Ok(()), |error| Err(self.with_room(folder, error)))
    }

    /// Some servers tell the UIDVALIDITY of another folder, or the UID of another message (T25).
    fn is_plausible(&self, folder: &FolderPath, (validity, uid): (u32, u32)) -> bool {
        let is_new = self.floors.get(folder).is_none_or(|(of, next)| *of == validity && uid >= *next);
        is_new && self.listings.get(folder).is_none_or(|listing| listing.validity == validity && listing.may_be_new(uid))
    }

    pub(super) fn note(&mut self, folder: &FolderPath, message: &Waiting, uid: (u32, u32), keywords_lost: Vec<String>, repaired: Altered) {
        if repaired != Altered::NOTHING {
            tracing::warn!(event = "item.mended", folder = %folder, uid = uid.1, repairs = %repaired, "a message was changed so that the server takes it");
        }
        if let Some(listing) = self.listings.get_mut(folder) {
            listing.take(uid.1);
        }
        let (_, next) = self.floors.entry(folder.clone()).or_insert((uid.0, 0));
        *next = uid.1.saturating_add(1).max(*next);
        self.answers.insert(message.ticket.clone(), uid);
        let changed = repaired != Altered::NOTHING || repair::is_odd(&message.bytes);
        let likeness = changed.then(|| Likeness::of(&message.bytes));
        let appended = Appended { id: TargetId(key(uid.0, uid.1)), keywords_lost, altered: message.altered.with(repaired), likeness };
        self.settled.push((message.ticket.clone(), Ok(appended)));
    }

    /// Appended, and the server does not say as which (T25): found by their bytes.
    fn find_nameless(&mut self, folder: &FolderPath, messages: Vec<(Waiting, Stored)>) -> Result<(), StoreError> {
        let before = self.listings.get(folder).map_or(0, Listing::highest);
        self.read_again(folder)?;
        for (message, stored) in messages {
            let known = match self.find(folder, &message.wanted())? {
                None => self.find_changed(folder, &message.bytes)?,
                known => known,
            };
            let found = match known {
                Some(found) => Some(found),
                // A server that changes what it stores: in the order in which they came, where nothing else is under way.
                None if self.is_quiet(folder) => self.listings.get(folder).and_then(|listing| listing.first_free_behind(before)),
                None => None,
            };
            match found {
                Some(uid) => self.note(folder, &message, uid, stored.keywords_lost, stored.repaired),
                None => {
                    let cause = "the server accepted it, does not say where, and it is not found in the folder";
                    let error = StoreError::new(Blast::Item, Retry::Later, "append a message", self.place(folder), cause);
                    self.settled.push((message.ticket, Err(error)));
                }
            }
        }
        Ok(())
    }

    /// Whether no append is under way there.
    fn is_quiet(&self, folder: &FolderPath) -> bool {
        self.in_flight.iter().all(|sent| sent.group.folder.as_ref() != Some(folder))
    }

    /// Waits for all answers.
    pub(super) fn settle(&mut self) -> Result<(), StoreError> {
        self.send_group()?;
        while !self.in_flight.is_empty() {
            self.take_answers()?;
        }
        Ok(())
    }

    /// The UID behind an id, in the folder that is selected then. `None`: not of this folder as it is now.
    fn resolve(&mut self, folder: &FolderPath, id: &TargetId) -> Result<Option<u32>, StoreError> {
        self.settle()?;
        let known = self.answers.get(id).copied().or_else(|| parse_key(&id.0));
        let Some((validity, uid)) = known else { return Ok(None) };
        if self.folders.name(folder).is_none() {
            return Ok(None);
        }
        let selected = self.select(folder)?;
        Ok((selected.uid_validity == validity).then_some(uid))
    }

    /// Writes a message that is too big to be held.
    fn stream(&mut self, folder: &FolderPath, item: &NewItem<'_>, altered: Altered, body: &mut dyn Read) -> Result<Appended, StoreError> {
        self.settle()?;
        let name = self.name(folder)?;
        let (size, envelope) = (item.size, item.envelope);
        let free = size <= self.line.connection().nonsync_bytes_max();
        let storable = self.storable(folder)?;
        self.unselect()?;
        let head = batch::head(&envelope.marks, &envelope.date, size, &storable, free);
        let place = self.place(folder);
        let (mut broken, mut likeness) = (None, Likeness::default());
        let done = self.line.attempt(async |connection| {
            let tag = connection.begin();
            connection.write(&batch::begun(&name)).await?;
            connection.write(&head).await?;
            if free || connection.may_continue(&tag).await? {
                let mut left = size;
                let mut buffer = vec![0; 128 << 10];
                while left > 0 {
                    let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    match body.read(&mut buffer[..most]) {
                        Ok(0) => broken = Some("it is shorter than was said".to_owned()),
                        Ok(read) => {
                            likeness.update(&buffer[..read]);
                            connection.write(&buffer[..read]).await?;
                            left -= read as u64;
                            continue;
                        }
                        Err(error) => broken = Some(error.to_string()),
                    }
                    // Half a message on the way cannot be taken back but by ending the connection.
                    return Err(ImapError::new("append a message", mailferry_imap::Kind::Closed));
                }
                connection.write(b"\r\n").await?;
            }
            connection.finish(&tag, "append a message", |_| {}).await
        });
        match done {
            Ok(done) => {
                let told = batch::appended(done.code, 1).map(|(validity, uids)| (validity, uids[0]));
                let uid = match told.filter(|uid| self.is_plausible(folder, *uid)) {
                    Some(told) => told,
                    None => {
                        self.read_again(folder)?;
                        let listing = self.listing(folder)?;
                        (listing.validity, listing.highest())
                    }
                };
                let keywords_lost = storable.write(&envelope.marks).1;
                Ok(Appended { id: TargetId(key(uid.0, uid.1)), keywords_lost, altered, likeness: Some(likeness.finish()) })
            }
            Err(error) => Err(match broken {
                Some(cause) => StoreError::new(Blast::Mailbox, Retry::Later, "read the message to append", place, cause),
                None => {
                    let error = self.line.error(error, Blast::Item);
                    self.with_room(folder, error)
                }
            }),
        }
    }

    fn create(&mut self, info: &FolderInfo) -> Result<(), StoreError> {
        if info.path.0.is_empty() {
            return Err(StoreError::new(Blast::Folder, Retry::Never, "make a folder", self.place(&info.path), "it has no name"));
        }
        let mut refusal = None;
        for form in Form::ALL {
            let name = self.folders.encode(&info.path, form);
            let special = info.special_use.as_deref().filter(|_| self.line.connection().has("CREATE-SPECIAL-USE"));
            let made = self.line.attempt(async |connection| create(connection, &name, special).await);
            match made {
                Ok(made) => {
                    self.made.push(info.path.clone());
                    self.folders.by_path.insert(info.path.clone(), Folder { info: info.clone(), name, status: None });
                    if let Some((validity, next)) = made.empty {
                        self.listings.insert(info.path.clone(), Listing::of_new(validity));
                        self.floors.insert(info.path.clone(), (validity, next));
                    }
                    return Ok(());
                }
                Err(error) if error.is_fatal() => return Err(self.line.error(error, Blast::Mailbox)),
                Err(error) => refusal = Some(error),
            }
        }
        let error = refusal.map(|error| self.line.error(error, Blast::Folder));
        Err(error
            .unwrap_or_else(|| StoreError::new(Blast::Folder, Retry::Later, "make a folder", self.place(&info.path), "it was not tried")))
    }
}

/// A folder that was made.
struct Made {
    /// UIDVALIDITY and UIDNEXT, where the server says that there is nothing in it: then it need not be opened to know what is.
    empty: Option<(u32, u32)>,
}

/// Makes a folder. One that somebody else made meanwhile under exactly this name is as good.
async fn create(connection: &mut Connection, name: &[u8], special: Option<&str>) -> Result<Made, ImapError> {
    if let Some(special) = special {
        let command = Command::new("CREATE").string(name).text(format!(" (USE (\\{special}))"));
        match connection.run(command, |_| {}).await {
            Err(error) if !error.is_fatal() => {}
            made => return made.map(|_| Made { empty: None }),
        }
    }
    let creation = connection.send(Command::new("CREATE").string(name)).await?;
    let look = connection.send(Command::new("LIST \"\"").string(name)).await?;
    let count = connection.send(Command::new("STATUS").string(name).text(" (MESSAGES UIDNEXT UIDVALIDITY)")).await?;
    let made = connection.finish(&creation, "make a folder", |_| {}).await;
    if made.as_ref().is_err_and(ImapError::is_fatal) {
        return made.map(|_| Made { empty: None });
    }
    let mut there = false;
    let each = |response| {
        if let Response::List(listed) = response {
            there |= listed.name == name && !listed.has("\\NonExistent") && !listed.has("\\Noselect");
        }
    };
    connection.finish(&look, "look for a folder", each).await?;
    let mut empty = None;
    let each = |response| {
        if let Response::StatusOf(_, status) = response {
            let validity = status.uid_validity.filter(|validity| *validity > 0 && status.messages == Some(0));
            empty = validity.map(|validity| (validity, status.uid_next.unwrap_or(1)));
        }
    };
    connection.finish(&count, "count messages", each).await.map(|_| ()).or_else(ImapError::unless_fatal)?;
    match (made, there) {
        (Ok(_), false) => {
            let kind = mailferry_imap::Kind::Settings("the server made it under another name".into());
            Err(ImapError::new("make a folder", kind))
        }
        (Err(error), false) => Err(error),
        (_, true) => Ok(Made { empty }),
    }
}

/// Courier loses a subscription, or refuses it, while another session writes one, as that of a run which has just died may do: it is
/// looked for.
async fn subscribe(connection: &mut Connection, name: &[u8]) -> Result<(), ImapError> {
    let mut refusal = None;
    for _ in 0..5 {
        match connection.run(Command::new("SUBSCRIBE").string(name), |_| {}).await {
            Ok(_) if connection.has("LIST-EXTENDED") => return Ok(()),
            Ok(_) => {
                let listed = connection.list(Command::new("LSUB \"\"").string(name)).await?;
                if listed.iter().any(|listed| listed.name == name) {
                    return Ok(());
                }
            }
            Err(error) if error.is_fatal() => return Err(error),
            Err(error) => refusal = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    refusal.map_or(Ok(()), Err)
}

impl MailTarget for ImapTarget {
    fn describe(&self) -> String {
        self.line.url().to_owned()
    }

    fn quotas(&mut self) -> Result<Vec<Quota>, StoreError> {
        self.quotas_of(&FolderPath::inbox())
    }

    fn ensure_folder(&mut self, folder: &FolderInfo) -> Result<FolderPath, StoreError> {
        let known = self.folders.by_path.get(&folder.path);
        let there = known.is_some_and(|known| !known.name.is_empty() && (known.info.selectable || !folder.selectable));
        let subscribed = known.is_some_and(|known| known.info.subscribed);
        if !there && folder.selectable {
            self.settle()?;
            self.create(folder)?;
        }
        if folder.subscribed && !subscribed && self.folders.name(&folder.path).is_some() {
            self.settle()?;
            let name = self.name(&folder.path)?;
            match self.line.attempt(async |connection| subscribe(connection, &name).await) {
                Err(error) if error.is_fatal() => return Err(self.line.error(error, Blast::Mailbox)),
                Err(error) => {
                    tracing::warn!(event = "store.not-subscribed", folder = %folder.path, cause = %error, "a folder could not be subscribed to")
                }
                Ok(()) => {
                    if let Some(known) = self.folders.by_path.get_mut(&folder.path) {
                        known.info.subscribed = true;
                    }
                }
            }
        }
        Ok(folder.path.clone())
    }

    fn new_folders(&mut self) -> Vec<FolderPath> {
        std::mem::take(&mut self.made)
    }

    fn adopt(&mut self, _: HashSet<Token>) -> Result<(), StoreError> {
        Ok(())
    }

    fn tells_by_bytes(&self) -> bool {
        true
    }

    fn date_of(&mut self, folder: &FolderPath, id: &TargetId) -> Result<Option<i64>, StoreError> {
        let Some(uid) = self.resolve(folder, id)? else { return Ok(None) };
        let mut date = None;
        self.line.run(Blast::Item, async |connection| {
            let each = |response| {
                if let Response::Fetch(fetch) = response
                    && fetch.uid == Some(uid)
                {
                    date = fetch.internal_date.as_deref().and_then(dates::parse).map(|date| date.seconds);
                }
            };
            connection.run(Command::new(format!("UID FETCH {uid} (UID INTERNALDATE)")), each).await.map(drop)
        })?;
        Ok(date)
    }

    fn asks_for_claims(&mut self, folder: &FolderPath) -> Result<bool, StoreError> {
        if self.claimed.contains(folder) || self.folders.name(folder).is_none() {
            return Ok(false);
        }
        let empty = self.listing(folder)?.is_empty();
        self.claimed.insert(folder.clone());
        Ok(!empty)
    }

    fn claim(&mut self, folder: &FolderPath, taken: Vec<TargetId>) {
        if let Some(listing) = self.listings.get_mut(folder) {
            let validity = listing.validity;
            let uids = taken.iter().filter_map(|id| parse_key(&id.0)).filter(|(of, _)| *of == validity);
            uids.for_each(|(_, uid)| listing.take(uid));
        }
    }

    fn locate(&mut self, folder: &FolderPath, wanted: &[Wanted]) -> Result<Vec<Option<TargetId>>, StoreError> {
        if self.folders.name(folder).is_none() {
            return Ok(vec![None; wanted.len()]);
        }
        if self.listing(folder)?.is_empty() {
            return Ok(vec![None; wanted.len()]);
        }
        let mut found = Vec::with_capacity(wanted.len());
        for wanted in wanted {
            let worth_it = self.listings.get(folder).is_some_and(|listing| listing.may_have(wanted));
            let uid = if worth_it {
                self.settle()?;
                self.find(folder, wanted)?
            } else {
                None
            };
            found.push(uid.map(|(validity, uid)| TargetId(key(validity, uid))));
        }
        Ok(found)
    }

    fn append(&mut self, folder: &FolderPath, item: &NewItem<'_>, body: &mut dyn Read) -> Result<Appended, StoreError> {
        let name = self.name(folder)?;
        self.check_size(folder, item.size)?;
        let disarms = self.receipts.apply_to(&item.envelope.marks);
        if item.size > HELD_BYTES_MAX {
            return match disarms {
                true => {
                    let (disarmed, mut body) = receipts::disarmed(body).map_err(|error| self.unread(folder, &error))?;
                    self.stream(folder, item, if disarmed { Altered::RECEIPT } else { Altered::NOTHING }, &mut body)
                }
                false => self.stream(folder, item, Altered::NOTHING, body),
            };
        }
        let storable = self.storable_for(folder, &item.envelope.marks)?;
        self.unselect()?;
        let mut bytes = Vec::with_capacity(usize::try_from(item.size).unwrap_or(0));
        body.read_to_end(&mut bytes).map_err(|error| self.unread(folder, &error))?;
        let mut altered = Altered::NOTHING;
        if disarms && receipts::disarm(&mut bytes) {
            tracing::info!(folder = %folder, "a request for a receipt was disarmed");
            altered = altered.with(Altered::RECEIPT);
        }
        let given = bytes.len();
        let bytes = batch::wire(bytes);
        if bytes.len() > given {
            altered = altered.with(Altered::CRLF);
        }
        self.check_size(folder, bytes.len() as u64)?;
        if self.listings.get(folder).is_some_and(|listing| listing.may_have_changed(&bytes)) {
            self.settle()?;
            if let Some((validity, uid)) = self.find_changed(folder, &bytes)? {
                let likeness = Some(Likeness::of(&bytes));
                return Ok(Appended { altered, likeness, ..Appended::unaltered(TargetId(key(validity, uid))) });
            }
        }
        if self.group.folder.as_ref() != Some(folder) || self.group.bytes + bytes.len() > batch::GROUP_BYTES {
            self.send_group()?;
            self.group = Group { folder: Some(folder.clone()), name, storable, ..Group::default() };
        }
        self.tickets += 1;
        let ticket = TargetId([b"t".as_slice(), &self.tickets.to_be_bytes()].concat());
        self.group.bytes += bytes.len();
        let (marks, date) = (item.envelope.marks.clone(), item.envelope.date);
        self.group.messages.push(Waiting { ticket: ticket.clone(), marks, date, bytes, altered });
        if self.group.is_full() {
            self.send_group()?;
        }
        Ok(Appended::unaltered(ticket))
    }

    fn set_marks(&mut self, folder: &FolderPath, id: &TargetId, marks: &Marks) -> Result<Option<TargetId>, StoreError> {
        let Some(uid) = self.resolve(folder, id)? else { return Ok(None) };
        let (flags, _) = self.storable(folder)?.write(marks);
        let there = self.line.run(Blast::Item, async |connection| {
            let told = connection.send(Command::new("NOOP")).await?;
            let looked = connection.send(Command::new(format!("UID FETCH {uid} (UID)"))).await?;
            let stored = connection.send(Command::new(format!("UID STORE {uid} FLAGS.SILENT {flags}"))).await?;
            let mut there = false;
            let mut each = |response| there |= matches!(&response, Response::Fetch(fetch) if fetch.uid == Some(uid));
            // Dovecot may answer the second before the first.
            connection.finish(&told, "NOOP", &mut each).await?;
            connection.finish(&looked, "look for a message", each).await?;
            let done = connection.finish(&stored, "store flags", |_| {}).await;
            done.map(|_| there).or_else(|error| if there { Err(error) } else { Ok(false) })
        })?;
        Ok(there.then(|| id.clone()))
    }

    fn move_item(&mut self, from: &FolderPath, id: &TargetId, to: &FolderPath) -> Result<Option<TargetId>, StoreError> {
        let Some(uid) = self.resolve(from, id)? else { return Ok(None) };
        let name = self.name(to)?;
        let moved = self.line.run(Blast::Item, async |connection| moved(connection, uid, &name).await)?;
        if let Some(listing) = self.listings.get_mut(from) {
            listing.remove(uid);
        }
        let Moved::There(copied) = moved else { return Ok(None) };
        let (validity, uid) = match copied {
            Some(copied) => copied,
            // The server does not say (T25): it is the newest there.
            None => {
                self.listings.remove(to);
                let listing = self.listing(to)?;
                (listing.validity, listing.highest())
            }
        };
        if let Some(listing) = self.listings.get_mut(to) {
            listing.take(uid);
        }
        Ok(Some(TargetId(key(validity, uid))))
    }

    fn remove(&mut self, folder: &FolderPath, id: &TargetId) -> Result<(), StoreError> {
        let Some(uid) = self.resolve(folder, id)? else { return Ok(()) };
        self.line.run(Blast::Item, async |connection| removed(connection, uid).await)?;
        if let Some(listing) = self.listings.get_mut(folder) {
            listing.remove(uid);
        }
        Ok(())
    }

    fn keeps_beside(&mut self) -> Result<KeepsBeside, StoreError> {
        let connection = self.line.connection();
        Ok(KeepsBeside { rights: connection.has("ACL"), annotations: connection.has("METADATA") })
    }

    fn set_beside(&mut self, folder: &FolderPath, beside: &Beside) -> Result<Vec<String>, StoreError> {
        self.set_beside_of(folder, beside)
    }

    /// What was staged is written already, each step when it was called: the caller asks before each call.
    fn flush_while(&mut self, may: May<'_>) -> Result<(), StoreError> {
        may()?;
        self.settle()
    }

    fn settled(&mut self) -> Vec<(TargetId, Result<Appended, StoreError>)> {
        self.answers.clear();
        std::mem::take(&mut self.settled)
    }
}

enum Moved {
    NotThere,
    /// As which message, where the server says.
    There(Option<(u32, u32)>),
}

/// MOVE (RFC 6851), or COPY and then away with the old one.
async fn moved(connection: &mut Connection, uid: u32, to: &[u8]) -> Result<Moved, ImapError> {
    let (verb, by_copy) = if connection.has("MOVE") { ("MOVE", false) } else { ("COPY", true) };
    // NOOP first: only then may a server tell what others have removed.
    let told = connection.send(Command::new("NOOP")).await?;
    let looked = connection.send(Command::new(format!("UID FETCH {uid} (UID)"))).await?;
    let command = connection.send(Command::new(format!("UID {verb} {uid}")).string(to)).await?;
    let mut there = false;
    let mut each = |response| there |= matches!(&response, Response::Fetch(fetch) if fetch.uid == Some(uid));
    // Dovecot may answer the second before the first.
    connection.finish(&told, "NOOP", &mut each).await?;
    connection.finish(&looked, "look for a message", each).await?;
    let mut copied = None;
    let each = |response| {
        if let Response::Untagged { code: Some(Code::CopyUid(validity, _, uids)), .. } = response {
            copied = uids.iter().next().map(|uid| (validity, uid));
        }
    };
    match connection.finish(&command, "move a message", each).await {
        Ok(done) => {
            if let Some(Code::CopyUid(validity, _, uids)) = done.code {
                copied = copied.or(uids.iter().next().map(|uid| (validity, uid)));
            }
        }
        Err(error) if there || error.is_fatal() => return Err(error),
        Err(_) => return Ok(Moved::NotThere),
    }
    if !there {
        return Ok(Moved::NotThere);
    }
    if by_copy {
        removed(connection, uid).await?;
    }
    Ok(Moved::There(copied))
}

/// Without UIDPLUS, EXPUNGE takes everything that is marked: it is said only where nothing else is.
async fn removed(connection: &mut Connection, uid: u32) -> Result<(), ImapError> {
    connection.run(Command::new(format!("UID STORE {uid} +FLAGS.SILENT (\\Deleted)")), |_| {}).await?;
    if connection.has("UIDPLUS") {
        return connection.run(Command::new(format!("UID EXPUNGE {uid}")), |_| {}).await.map(|_| ());
    }
    let mut marked = Vec::new();
    let each = |response| {
        if let Response::Search(uids) = response {
            marked.extend(uids);
        }
    };
    connection.run(Command::new("UID SEARCH DELETED"), each).await?;
    if marked == [uid] {
        connection.run(Command::new("EXPUNGE"), |_| {}).await?;
    }
    Ok(())
}
