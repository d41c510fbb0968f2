//! The active node's half: find out what a standby holds, bring it the rest.

use mailferry_rules::ids::Epoch;

use super::ack::{Ack, Want, read_text};
use super::change_file::{self, FILE_BYTES};
use super::codec::{Committed, Head};
use super::names::{ACK, DISCARDED, FileName, Kind, PART, WANT_SNAPSHOT};
use super::{Identity, ReplicationError, sealed, snapshot};
use crate::ports::{Share, SharePath};
use crate::state::{ChangeSet, Database, Position, Replica, StateError};

/// What a ship did. After it the standby durably holds the log up to `lsn` (R14).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Shipped {
    pub lsn: u64,
    pub files: u64,
    pub bytes: u64,
    /// Why a snapshot was needed, when one was shipped.
    pub snapshot: Option<&'static str>,
    /// The last change set of this epoch that the standby had replayed when it was looked at.
    pub applied: Option<u64>,
}

/// Brings one standby up to date: change files where it has a base in this epoch, else a snapshot. With `up_to`, later change sets are
/// held back (R13). An error leaves a folder from which the next call goes on.
pub fn ship(
    db: &mut Database,
    standby: &dyn Share,
    who: &Identity,
    standby_node: &str,
    up_to: Option<u64>,
) -> Result<Shipped, ReplicationError> {
    ship_telling(db, standby, None, who, standby_node, up_to, &mut |_| ())
}

/// The same. `own`: the share of this node, where it has kept what it once threw away; `seeding` is told why, before a snapshot is
/// made: a large one takes its time.
pub fn ship_telling(
    db: &mut Database,
    standby: &dyn Share,
    own: Option<&dyn Share>,
    who: &Identity,
    standby_node: &str,
    up_to: Option<u64>,
    seeding: &mut dyn FnMut(&'static str),
) -> Result<Shipped, ReplicationError> {
    let here = db.position()?;
    if here.epoch == Epoch(0) {
        return Err(ReplicationError::NoEpoch);
    }
    if !db.is_writer()? {
        return Err(StateError::Standby(here.epoch).into());
    }
    let road = Road { standby, who, folder: who.folder()? };
    let seen = road.look()?;
    if !seen.files.is_empty() {
        // They count as held: a ship that was killed may have left their names undurable.
        standby.settle(&road.folder)?;
    }
    seen.fence(here.epoch, standby)?;
    road.sweep(&seen, here.epoch)?;
    let target = up_to.map_or(here.lsn, |limit| limit.min(here.lsn));
    let plan = plan(&seen, db, here)?;
    match seen.unknown(db, here.epoch)? {
        Some(acked) if !thrown_away(db, own, &road.folder, acked, here.epoch)? => {
            return Err(ReplicationError::Unknown { epoch: acked.epoch, lsn: acked.lsn });
        }
        _ => {}
    }
    let shipped = match plan {
        Plan::GoOn { held } => road.ship_changes(db, here.epoch, held, target)?,
        Plan::Snapshot(_) if target < here.lsn => return Err(ReplicationError::HeldBack { up_to: target, lsn: here.lsn }),
        Plan::Snapshot(why) => {
            seeding(why);
            road.ship_snapshot(db, why)?
        }
    };
    let known = |replica: &Replica| (replica.node.as_str(), replica.epoch, replica.lsn) == (standby_node, here.epoch, shipped.lsn);
    if !db.replicas()?.iter().any(known) {
        db.saw_replica(&Replica { node: standby_node.into(), epoch: here.epoch, lsn: shipped.lsn, seen_ms: 0 })?;
    }
    Ok(Shipped { applied: seen.applied(here.epoch), ..shipped })
}

enum Plan {
    /// The standby holds the log up to `held`; the outbox has the rest.
    GoOn {
        held: u64,
    },
    Snapshot(&'static str),
}

fn plan(seen: &Seen, db: &Database, here: Position) -> Result<Plan, ReplicationError> {
    if let Some(want) = &seen.want {
        let own = db.schema();
        if let Some(other) = want.as_ref().map(|want| want.schema).filter(|schema| schema.digest != own.digest) {
            return Err(ReplicationError::OtherSchema { own: own.version, theirs: other.version });
        }
        // A snapshot that lies there serves the request; a bad one is moved away and asked for again.
        if !seen.has_snapshot(here.epoch) {
            return Ok(Plan::Snapshot("the standby asks for it"));
        }
    }
    let acked = match seen.ack.map(|ack| ack.position).filter(|acked| acked.epoch == here.epoch) {
        Some(acked) if db.digest_at(acked.lsn)?.is_some_and(|digest| digest != acked.digest) => {
            return Ok(Plan::Snapshot("the standby's log has diverged"));
        }
        acked => acked.map(|acked| acked.lsn),
    };
    let Some(held) = seen.held(here.epoch, acked) else {
        return Ok(Plan::Snapshot("the standby has no base in this epoch"));
    };
    if held > here.lsn {
        return Err(ReplicationError::Ahead { held, own: here.lsn });
    }
    let reaches = held == here.lsn || db.outbox()?.first.is_some_and(|first| first <= held + 1);
    Ok(if reaches { Plan::GoOn { held } } else { Plan::Snapshot("the outbox does not reach back far enough") })
}

/// A standby without a memory may have taken a file that this node wrote in an epoch that was overtaken, and that lay there since: this
/// node had it, has gone on after the one that overtook it, and has kept what it threw away.
fn thrown_away(db: &Database, own: Option<&dyn Share>, folder: &SharePath, acked: Position, now: Epoch) -> Result<bool, ReplicationError> {
    let overtaken = db.lineage()?.beginnings.iter().any(|beginning| beginning.epoch > acked.epoch && beginning.epoch < now);
    let (Some(own), Some(folder)) = (own.filter(|_| overtaken), folder.join(DISCARDED)) else { return Ok(false) };
    let holds =
        |name: &FileName| name.kind == Kind::Changes && name.epoch == acked.epoch && name.first <= acked.lsn && acked.lsn <= name.last;
    Ok(own.list(&folder)?.iter().filter_map(|entry| entry.name.parse().ok()).any(|name| holds(&name)))
}

/// A standby's folder as found.
struct Seen {
    files: Vec<FileName>,
    parts: Vec<String>,
    ack: Option<Ack>,
    /// Outer: there is a request; inner: it can be read.
    want: Option<Option<Want>>,
}

impl Seen {
    fn fence(&self, own: Epoch, standby: &dyn Share) -> Result<(), ReplicationError> {
        let acked = self.ack.map(|ack| ack.position.epoch);
        match self.files.iter().map(|file| file.epoch).chain(acked).max() {
            Some(seen) if seen > own => Err(ReplicationError::Fenced { own, seen, place: standby.describe() }),
            _ => Ok(()),
        }
    }

    /// A snapshot may overwrite what the standby has not acknowledged, and nothing that this node never had.
    fn unknown(&self, db: &Database, own: Epoch) -> Result<Option<Position>, ReplicationError> {
        let acked = self.ack.map(|ack| ack.position).filter(|acked| acked.epoch < own);
        let lineage = db.lineage()?;
        Ok(acked.filter(|acked| !lineage.contains(acked.epoch, acked.lsn)))
    }

    fn applied(&self, epoch: Epoch) -> Option<u64> {
        self.ack.map(|ack| ack.position).filter(|acked| acked.epoch == epoch).map(|acked| acked.lsn)
    }

    fn has_snapshot(&self, epoch: Epoch) -> bool {
        self.files.iter().any(|file| file.kind == Kind::Snapshot && file.epoch == epoch)
    }

    /// How far the standby can get with what it has applied and what lies in its folder; `None` without a base in this epoch.
    fn held(&self, epoch: Epoch, acked: Option<u64>) -> Option<u64> {
        let files = || self.files.iter().filter(|file| file.epoch == epoch);
        let base = files().filter(|file| file.kind == Kind::Snapshot).map(|file| file.last).chain(acked).max()?;
        // Sorted by first change set.
        let changes = files().filter(|file| file.kind == Kind::Changes);
        Some(changes.fold(base, |held, file| if file.first <= held + 1 { held.max(file.last) } else { held }))
    }
}

struct Road<'a> {
    standby: &'a dyn Share,
    who: &'a Identity,
    folder: SharePath,
}

impl Road<'_> {
    /// Files first, `ack` after: the standby writes its `ack` before it removes what it has applied, so nothing is missed.
    fn look(&self) -> Result<Seen, ReplicationError> {
        let entries = self.standby.list(&self.folder)?;
        let mut files: Vec<FileName> = entries.iter().filter_map(|entry| entry.name.parse().ok()).collect();
        files.sort();
        let parts = entries.iter().filter(|entry| entry.name.ends_with(PART)).map(|entry| entry.name.clone()).collect();
        let want = match entries.iter().any(|entry| entry.name == WANT_SNAPSHOT) {
            true => read_text(self.standby, &self.file(WANT_SNAPSHOT)?)?.map(|text| Want::parse(&text)),
            false => None,
        };
        let ack = read_text(self.standby, &self.file(ACK)?)?.and_then(|text| Ack::parse(&text));
        Ok(Seen { files, parts, ack, want })
    }

    fn file(&self, name: &str) -> Result<SharePath, ReplicationError> {
        self.folder.join(name).ok_or_else(|| ReplicationError::BadName(name.into()))
    }

    /// Removes what a killed ship of this node, or of one before it, left unfinished.
    fn sweep(&self, seen: &Seen, epoch: Epoch) -> Result<(), ReplicationError> {
        let stale =
            |part: &&String| part.strip_suffix(PART).and_then(|name| name.parse::<FileName>().ok()).is_some_and(|name| name.epoch <= epoch);
        for part in seen.parts.iter().filter(stale) {
            self.standby.remove(&self.file(part)?)?;
        }
        Ok(())
    }

    fn ship_changes(&self, db: &Database, epoch: Epoch, held: u64, target: u64) -> Result<Shipped, ReplicationError> {
        let mut shipped = Shipped { lsn: held, ..Shipped::default() };
        while shipped.lsn < target {
            let sets = db.changes(shipped.lsn, target, FILE_BYTES)?;
            let Some(last) = sets.last().map(|set| set.lsn) else {
                return Err(StateError::Corrupt(format!("the outbox has no change set {}", shipped.lsn + 1)).into());
            };
            shipped.bytes += self.put_changes(db, epoch, &sets)?;
            shipped.files += 1;
            shipped.lsn = last;
        }
        Ok(shipped)
    }

    fn put_changes(&self, db: &Database, epoch: Epoch, sets: &[ChangeSet]) -> Result<u64, ReplicationError> {
        put_change_file(self.standby, &self.folder, db, self.who, epoch, sets)
    }

    fn ship_snapshot(&self, db: &Database, why: &'static str) -> Result<Shipped, ReplicationError> {
        let here = db.position()?;
        let name = FileName { epoch: here.epoch, first: here.lsn, last: here.lsn, kind: Kind::Snapshot };
        let bytes = sealed::put(self.standby, &self.file(&name.to_string())?, |out| {
            db.read(|_| snapshot::write(db, self.who, here, out)).map_err(ReplicationError::from)
        })?;
        Ok(Shipped { lsn: here.lsn, files: 1, bytes, snapshot: Some(why), applied: None })
    }
}

/// Writes change sets in a row into a change file below `folder`.
pub(super) fn put_change_file(
    share: &dyn Share,
    folder: &SharePath,
    db: &Database,
    who: &Identity,
    epoch: Epoch,
    sets: &[ChangeSet],
) -> Result<u64, ReplicationError> {
    let (Some(first), Some(last)) = (sets.first(), sets.last()) else { return Ok(0) };
    let name = FileName { epoch, first: first.lsn, last: last.lsn, kind: Kind::Changes };
    let head = Head {
        kind: Kind::Changes,
        schema: db.schema(),
        epoch,
        first: first.lsn,
        last: last.lsn,
        digest: last.digest,
        committed: Committed { first_ms: first.committed_ms, last_ms: last.committed_ms },
        origin: who.clone(),
    };
    let file = folder.join(&name.to_string()).ok_or_else(|| ReplicationError::BadName(name.to_string()))?;
    sealed::put(share, &file, |out| Ok(change_file::write(&head, sets, out)?))
}
