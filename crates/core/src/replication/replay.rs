//! The standby's half: apply what lies in the own folder, say so, then remove it.
//!
//! Order of the durable steps: apply (position and rows in one transaction) - `ack` - remove. Killed in between, the next call finds
//! files that its log contains already and removes them. What cannot be read is moved to `REFUSED`, never deleted.

use std::io::Read;

use mailferry_rules::ids::Epoch;

use super::ack::{Ack, Want, read_text};
use super::change_file::{self, FILE_BYTES_MAX};
use super::codec::{self, Head};
use super::names::{ACK, DISCARDED, FileName, Kind, REFUSED, WANT_SNAPSHOT};
use super::ship::put_change_file;
use super::snapshot::Opened;
use super::{Identity, ReplicationError, sealed, snapshot};
use crate::model::Digest;
use crate::ports::{Share, SharePath};
use crate::state::{ChangeSet, Database, Incoming, Lineage, Position, Schema, StateError};

/// A snapshot of more than this many compressed bytes has many rows.
const BULK_BYTES: u64 = 1 << 20;

/// What a replay did and what it found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Replayed {
    pub files: u64,
    pub sets: u64,
    /// Changed rows of the change sets.
    pub changes: u64,
    /// Change set at which a snapshot was taken over.
    pub snapshot: Option<u64>,
    /// Own change sets that a snapshot of a higher epoch has overwritten.
    pub discarded: Option<Discarded>,
    pub refused: Vec<Refused>,
    /// Why this standby has asked for a snapshot; until it comes, this log is not whole.
    pub wants: Option<String>,
    /// Files wait for a newer version of this program.
    pub blocked: Option<String>,
}

/// Change sets `first..=last`, written here and received by nobody; kept in `DISCARDED` as far as the outbox still had them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Discarded {
    pub first: u64,
    pub last: u64,
}

/// A file moved to `REFUSED`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    pub name: String,
    pub why: String,
}

/// Applies everything in the own folder that goes on where this database stands. May be called at any time on any node; it is how an
/// overtaken active node comes to know.
pub fn replay(db: &mut Database, own: &dyn Share, who: &Identity) -> Result<Replayed, ReplicationError> {
    let mut standby = Standby { db, own, who, folder: who.folder()?, report: Replayed::default(), rows: None };
    standby.remember()?;
    let files = standby.files()?;
    // A snapshot of a higher epoch makes stale what lies there of the epochs before it.
    let files = standby.take_snapshot(files)?;
    let files = standby.refuse_stale(files)?;
    let files = standby.take_changes(files)?;
    standby.report.wants = standby.db.wants_snapshot()?;
    standby.answer()?;
    standby.remove_applied(&files)?;
    Ok(standby.report)
}

struct Standby<'a> {
    db: &'a mut Database,
    own: &'a dyn Share,
    who: &'a Identity,
    folder: SharePath,
    report: Replayed,
    /// Digest of the rows, when a snapshot has just told.
    rows: Option<(Position, Digest)>,
}

/// What became of one file.
enum Fate {
    Applied,
    /// It stays where it is.
    Waits,
    /// It goes to `REFUSED`, and a snapshot is needed.
    Useless(String),
}

impl Standby<'_> {
    fn path(&self, name: &str) -> Result<SharePath, ReplicationError> {
        self.folder.join(name).ok_or_else(|| ReplicationError::BadName(name.into()))
    }

    /// The `ack` outlives the database: one that lacks what it says was lost, or is an old copy.
    fn remember(&mut self) -> Result<(), ReplicationError> {
        let acked = read_text(self.own, &self.path(ACK)?)?.and_then(|text| Ack::parse(&text)).map(|ack| ack.position);
        match acked {
            Some(acked) if !self.db.lineage()?.contains(acked.epoch, acked.lsn) && self.db.wants_snapshot()?.is_none() => {
                let why = format!("this database lacks change set {} of epoch {}, which it had", acked.lsn, acked.epoch);
                Ok(self.db.want_snapshot(&why)?)
            }
            _ => Ok(()),
        }
    }

    fn files(&self) -> Result<Vec<FileName>, ReplicationError> {
        let mut files: Vec<FileName> = self.own.list(&self.folder)?.iter().filter_map(|entry| entry.name.parse().ok()).collect();
        files.sort();
        Ok(files)
    }

    /// R3: files of a lower epoch than seen, unless they are what this log is made of.
    fn refuse_stale(&mut self, files: Vec<FileName>) -> Result<Vec<FileName>, ReplicationError> {
        let (seen, lineage) = (self.db.position()?.epoch, self.db.lineage()?);
        let (stale, rest) = files.into_iter().partition(|file| file.epoch < seen && !lineage.contains(file.epoch, file.last));
        let stale: Vec<FileName> = stale;
        for file in stale {
            self.refuse(file, format!("epoch {} has been overtaken by epoch {seen}", file.epoch))?;
        }
        Ok(rest)
    }

    /// Takes over the newest snapshot that leads anywhere; the older ones are overtaken by it.
    fn take_snapshot(&mut self, mut files: Vec<FileName>) -> Result<Vec<FileName>, ReplicationError> {
        while let Some(index) = self.next_snapshot(&files)? {
            match self.try_snapshot(files[index])? {
                Fate::Applied | Fate::Waits => break,
                Fate::Useless(why) => self.give_up(files.remove(index), why)?,
            }
        }
        Ok(files)
    }

    fn next_snapshot(&self, files: &[FileName]) -> Result<Option<usize>, ReplicationError> {
        let (here, again) = (self.db.position()?, self.may_begin_again()?);
        let leads_on = |file: &FileName| {
            file.epoch > here.epoch || (file.epoch == here.epoch && (file.last > here.lsn || (again && file.last == here.lsn)))
        };
        Ok(files.iter().rposition(|file| file.kind == Kind::Snapshot && leads_on(file)))
    }

    /// Whether a snapshot of the very position of this database serves its request. Where the change file that goes on from here was
    /// refused, only one from behind that file does: it held what the active node takes for replicated (R14).
    fn may_begin_again(&self) -> Result<bool, ReplicationError> {
        if self.db.wants_snapshot()?.is_none() {
            return Ok(false);
        }
        let here = self.db.position()?;
        let goes_on =
            |file: &FileName| file.kind == Kind::Changes && file.epoch == here.epoch && file.first <= here.lsn + 1 && here.lsn < file.last;
        let refused = self.own.list(&self.path(REFUSED)?)?;
        Ok(!refused.iter().filter_map(|entry| entry.name.parse().ok()).any(|file| goes_on(&file)))
    }

    fn try_snapshot(&mut self, name: FileName) -> Result<Fate, ReplicationError> {
        let file = self.path(&name.to_string())?;
        let sealed = match sealed::check(self.own, &file) {
            Ok(sealed) => sealed,
            Err(error) => return useless(error),
        };
        if let Some(fate) = self.too_new(name, &start_of(self.own, &file)?) {
            return Ok(fate);
        }
        let mut opened = match snapshot::open(self.own, &file, sealed.bytes) {
            Ok(opened) => opened,
            Err(error) => return useless(error),
        };
        if let Some(fate) = self.misfit(name, &opened.head) {
            return Ok(fate);
        }
        self.set_aside(&opened.lineage)?;
        match self.take_over(&mut opened) {
            Ok(()) => Ok(Fate::Applied),
            Err(error) => useless(error.into()),
        }
    }

    fn take_over(&mut self, opened: &mut Opened) -> Result<(), StateError> {
        let Head { epoch, last, digest, committed, .. } = opened.head;
        let position = Position { epoch, lsn: last, digest };
        let incoming = Incoming {
            position,
            lineage: &opened.lineage,
            rows: opened.rows_digest,
            bulk: opened.bytes > BULK_BYTES,
            committed_ms: committed.last_ms,
        };
        self.db.take_over(&incoming, &mut opened.rows)?;
        self.report.snapshot = Some(last);
        self.report.files += 1;
        self.rows = Some((position, opened.rows_digest));
        Ok(())
    }

    /// Keeps a copy of the own change sets that the snapshot does not know, before it overwrites them.
    fn set_aside(&mut self, incoming: &Lineage) -> Result<(), ReplicationError> {
        let (here, common) = (self.db.position()?, self.db.lineage()?.common(incoming));
        if here.lsn <= common || (incoming.contains(here.epoch, here.lsn)) {
            return Ok(());
        }
        self.report.discarded = Some(Discarded { first: common + 1, last: here.lsn });
        let folder = self.path(DISCARDED)?;
        let there = self.own.list(&folder)?;
        let mut after = common;
        loop {
            let sets = self.db.changes(after, here.lsn, change_file::FILE_BYTES)?;
            let (Some(first), Some(last)) = (sets.first(), sets.last()) else { return Ok(()) };
            after = last.lsn;
            let name = FileName { epoch: here.epoch, first: first.lsn, last: last.lsn, kind: Kind::Changes }.to_string();
            if !there.iter().any(|entry| entry.name == name) {
                put_change_file(self.own, &folder, self.db, self.who, here.epoch, &sets)?;
            }
        }
    }

    fn take_changes(&mut self, files: Vec<FileName>) -> Result<Vec<FileName>, ReplicationError> {
        let mut kept = Vec::new();
        for file in files {
            let waits = self.report.blocked.is_some() || self.db.wants_snapshot()?.is_some();
            let done = self.db.lineage()?.contains(file.epoch, file.last);
            if waits || done || file.kind == Kind::Snapshot {
                kept.push(file);
                continue;
            }
            match self.try_changes(file)? {
                Fate::Applied | Fate::Waits => kept.push(file),
                Fate::Useless(why) => self.give_up(file, why)?,
            }
        }
        Ok(kept)
    }

    fn try_changes(&mut self, name: FileName) -> Result<Fate, ReplicationError> {
        let file = self.path(&name.to_string())?;
        let content = match sealed::content(self.own, &file, FILE_BYTES_MAX) {
            Ok(content) => content,
            Err(error) => return useless(error),
        };
        if let Some(fate) = self.too_new(name, &content) {
            return Ok(fate);
        }
        let (head, sets) = match change_file::read(&content) {
            Ok(read) => read,
            Err(error) => return useless(error.into()),
        };
        if let Some(fate) = self.misfit(name, &head) {
            return Ok(fate);
        }
        let news = match news_of(self.db.position()?, &head, sets) {
            Ok(news) => news,
            Err(why) => {
                self.db.want_snapshot(&why)?;
                return Ok(Fate::Waits);
            }
        };
        match self.db.apply(head.epoch, &news) {
            Ok(changes) => {
                self.report.files += 1;
                self.report.sets += news.len() as u64;
                self.report.changes += changes;
                Ok(Fate::Applied)
            }
            // The file is whole, so this database is not what it should be.
            Err(error) if is_divergence(&error) => {
                self.db.want_snapshot(&format!("{name}: {error}"))?;
                Ok(Fate::Waits)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// A whole file in a format of later years.
    fn too_new(&mut self, name: FileName, start: &[u8]) -> Option<Fate> {
        let version = codec::newer_version(start)?;
        self.report.blocked = Some(format!("{name} has format version {version}, this program knows {}", codec::VERSION));
        Some(Fate::Waits)
    }

    /// A whole file that is not for this database as it is.
    fn misfit(&mut self, name: FileName, head: &Head) -> Option<Fate> {
        let told = FileName { epoch: head.epoch, first: head.first, last: head.last, kind: head.kind };
        if told != name {
            return Some(Fate::Useless(format!("its name should be {told}")));
        }
        if (&head.origin.cluster, &head.origin.agent) != (&self.who.cluster, &self.who.agent) {
            return Some(Fate::Useless(format!("it belongs to agent {} of {}", head.origin.agent, head.origin.cluster)));
        }
        let own = self.db.schema();
        match head.schema {
            // Of another version but the same shape: what it changes is here to be changed.
            schema if schema.digest == own.digest => None,
            Schema { version, .. } if version > own.version => {
                self.report.blocked = Some(format!("{name} has schema {version}, this program knows {}", own.version));
                Some(Fate::Waits)
            }
            Schema { version, .. } => Some(Fate::Useless(format!("it has schema {version}, this database {}", own.version))),
        }
    }

    fn give_up(&mut self, file: FileName, why: String) -> Result<(), ReplicationError> {
        self.db.want_snapshot(&format!("{file}: {why}"))?;
        self.refuse(file, why)
    }

    fn refuse(&mut self, file: FileName, why: String) -> Result<(), ReplicationError> {
        let folder = self.path(REFUSED)?;
        let (name, taken) = (file.to_string(), self.own.list(&folder)?);
        let free = |name: &String| !taken.iter().any(|entry| entry.name == *name);
        let new = std::iter::once(name.clone()).chain((1..).map(|n| format!("{name}.{n}"))).find(free).unwrap_or(name.clone());
        let to = folder.join(&new).ok_or(ReplicationError::BadName(new))?;
        self.own.move_to(&self.path(&name)?, &to)?;
        self.report.refused.push(Refused { name, why });
        Ok(())
    }

    /// Writes `ack` and `want-snapshot` where they do not say so already.
    fn answer(&mut self) -> Result<(), ReplicationError> {
        let want = self.report.wants.clone().map(|why| Want { schema: self.db.schema(), why }.text());
        let (want_file, ack_file) = (self.path(WANT_SNAPSHOT)?, self.path(ACK)?);
        match want {
            Some(text) if read_text(self.own, &want_file)?.as_ref() != Some(&text) => self.own.replace(&want_file, text.as_bytes())?,
            None if self.own.size(&want_file)?.is_some() => drop(self.own.remove(&want_file)?),
            _ => (),
        }
        let position = self.db.position()?;
        // A writer's log needs no ack, and epoch 0 proves nothing: what a lost database had acknowledged, it does not hold any more.
        if position.epoch == Epoch(0) && self.report.wants.is_some() {
            self.own.remove(&ack_file)?;
        }
        if position.epoch == Epoch(0) || self.db.is_writer()? {
            return Ok(());
        }
        let rows = self.rows.filter(|(at, _)| *at == position).map(|(_, rows)| rows);
        let old = read_text(self.own, &ack_file)?.and_then(|text| Ack::parse(&text));
        if old.is_none_or(|old| old.position != position) {
            self.own.replace(&ack_file, Ack { position, rows }.text().as_bytes())?;
        }
        Ok(())
    }

    fn remove_applied(&mut self, files: &[FileName]) -> Result<(), ReplicationError> {
        let (lineage, again) = (self.db.lineage()?, self.may_begin_again()?);
        let here = self.db.position()?;
        for file in files.iter().filter(|file| lineage.contains(file.epoch, file.last)) {
            // The very snapshot that a request waits for may be at this position.
            if again && file.kind == Kind::Snapshot && file.last == here.lsn {
                continue;
            }
            self.own.remove(&self.path(&file.to_string())?)?;
        }
        Ok(())
    }
}

/// Enough of a file to know its format.
fn start_of(share: &dyn Share, file: &SharePath) -> Result<Vec<u8>, ReplicationError> {
    let mut start = Vec::new();
    share.open(file)?.take(16).read_to_end(&mut start)?;
    Ok(start)
}

/// What a file brings beyond `here`; an error when it cannot go on from there.
fn news_of(here: Position, head: &Head, sets: Vec<ChangeSet>) -> Result<Vec<ChangeSet>, String> {
    if head.first > here.lsn + 1 {
        return Err(format!("change sets {} to {} are missing", here.lsn + 1, head.first - 1));
    }
    let shared = head.first == here.lsn + 1 || sets.iter().any(|set| set.lsn == here.lsn && set.digest == here.digest);
    if !shared {
        return Err(format!("this log has diverged from epoch {} at or before change set {}", head.epoch, here.lsn));
    }
    Ok(sets.into_iter().filter(|set| set.lsn > here.lsn).collect())
}

/// Errors that say "this file", as opposed to "this share" or "this database".
fn useless(error: ReplicationError) -> Result<Fate, ReplicationError> {
    match error {
        ReplicationError::Damaged { why, .. } => Ok(Fate::Useless(why)),
        ReplicationError::State(StateError::Stream(io)) if is_about_content(&io) => Ok(Fate::Useless(io.to_string())),
        ReplicationError::State(error) if is_divergence(&error) => Ok(Fate::Useless(error.to_string())),
        error => Err(error),
    }
}

fn is_about_content(error: &std::io::Error) -> bool {
    // zstd reports a damaged frame as Other; a share reports its troubles with a system code.
    error.raw_os_error().is_none()
        && matches!(error.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::Other)
}

fn is_divergence(error: &StateError) -> bool {
    matches!(error, StateError::Conflict(_) | StateError::Discontinuous(_) | StateError::ChangeSet(_))
}
