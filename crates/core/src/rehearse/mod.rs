//! Before a byte moves: what can go wrong with a mailbox and its target, by reading the one and looking at the other (X10).
//!
//! ```text
//! hazard   what there is to be wary of, by name
//! folders  names of folders, and special uses
//! beside   rights and annotations
//! items    one message: its size, date, marks
//! mail     its bytes, as they stream by
//! report   what was found, counted
//! ```
//!
//! Holds: the source is only read (R20), the target only asked (`TargetSurvey`). Each hazard is handed on as it is found, so that memory
//! is that of the largest folder: about 40 bytes an item and its key. No subject, no address of a message and no byte of it is in a hazard.

mod beside;
mod folders;
mod hazard;
mod items;
mod mail;
mod report;

use std::collections::{BTreeSet, HashSet};

pub use hazard::{Hazard, ItemPlace, Kind, Weight, hazards_reference};
pub use mail::{LINE_BYTES_MAX, is_field};
pub use report::{FolderSum, Found, Rehearsal};

use crate::engine::Policy;
use crate::model::{FolderInfo, FolderPath, InternalDate, ItemKey};
use crate::ports::{Blast, Lack, MailSource, Shut, StoreError, TargetSurvey};
use items::Listed;
use mail::Look;

/// What the caller wants.
#[derive(Clone, Copy, Debug)]
pub struct Choices<'p> {
    /// Bytes of messages are not read.
    pub quick: bool,
    /// Whether rights and annotations are to be sent, and who is who.
    pub policy: &'p Policy,
    /// Items that are still to come, and their bytes, where an earlier run has brought some; else all of the source.
    pub to_come: Option<(u64, u64)>,
    /// Seconds since 1970, by which a date lies in the future.
    pub now_s: i64,
}

/// Who hears of hazards as they are found, and how far it is.
pub trait Hearing {
    fn hazard(&mut self, hazard: &Hazard);
    fn passed(&mut self, folder: &FolderPath, items: u64, bytes: u64);
    /// Whether to end here.
    fn ended(&self) -> bool;
}

/// Goes through both. What ends it early is a hazard as well.
pub fn rehearse(source: &mut dyn MailSource, target: &mut dyn TargetSurvey, choices: &Choices<'_>, hearing: &mut dyn Hearing) -> Rehearsal {
    let rehearsal = Rehearsal::new(source.describe(), target.describe());
    let (bytes_are_kept, names_are_told) = (target.keeps_any_bytes(), target.tells_names_apart());
    let mut rehearsing = Rehearsing { source, target, choices, hearing, rehearsal, bytes_are_kept, names_are_told };
    if let Err(error) = rehearsing.all() {
        rehearsing.found(of_store(&error), None, None, told(&error));
    }
    rehearsing.rehearsal.is_whole &= !rehearsing.hearing.ended();
    rehearsing.rehearsal
}

/// A store that cannot be opened at all.
pub fn not_opened(error: &StoreError) -> Hazard {
    let kind = of_store(error);
    Hazard { kind, weight: kind.weight(false, false), folder: None, item: None, detail: told(error) }
}

fn of_store(error: &StoreError) -> Kind {
    match error.shut {
        Some(Shut::Login) => Kind::LoginRefused,
        Some(Shut::Certificate) => Kind::CertificateNotBelieved,
        None => Kind::StoreNotOpened,
    }
}

/// On one line, with its hint, which knows more than that of the kind.
fn told(error: &StoreError) -> String {
    let hint = error.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
    format!("{error}{hint}").lines().map(str::trim).collect::<Vec<_>>().join("; ")
}

struct Rehearsing<'a> {
    source: &'a mut dyn MailSource,
    target: &'a mut dyn TargetSurvey,
    choices: &'a Choices<'a>,
    hearing: &'a mut dyn Hearing,
    rehearsal: Rehearsal,
    bytes_are_kept: bool,
    names_are_told: bool,
}

impl Rehearsing<'_> {
    fn found(&mut self, kind: Kind, folder: Option<&FolderPath>, item: Option<ItemPlace>, detail: impl Into<String>) {
        let weight = kind.weight(self.bytes_are_kept, self.names_are_told);
        let hazard = Hazard { kind, weight, folder: folder.cloned(), item, detail: detail.into() };
        self.rehearsal.add(&hazard);
        self.hearing.hazard(&hazard);
    }

    fn all(&mut self) -> Result<(), StoreError> {
        self.capabilities();
        self.rehearsal.quotas = self.target.quotas()?;
        let standing = self.target.standing()?;
        let infos = self.source.folders()?;
        self.folders(&infos, &standing)?;
        self.beside()?;
        for info in infos.iter().filter(|info| info.selectable) {
            if self.hearing.ended() {
                return Ok(());
            }
            self.folder(info)?;
        }
        if self.rehearsal.items == 0 && self.rehearsal.is_whole {
            self.found(Kind::SourceEmpty, None, None, "no folder of it holds a message");
        }
        self.room();
        Ok(())
    }

    fn capabilities(&mut self) {
        for (side, lacks) in [("source", self.source.lacks()), ("target", self.target.lacks())] {
            for lack in lacks {
                let kind = match lack {
                    Lack::ChangeNumbers => Kind::NoChangeNumbers,
                    Lack::AppendedNames => Kind::NoAppendedNames,
                };
                self.found(kind, None, None, format!("the {side} does not offer it"));
            }
        }
    }

    fn room(&mut self) {
        let (items, bytes) = self.choices.to_come.unwrap_or((self.rehearsal.items, self.rehearsal.bytes_at_target));
        for quota in self.rehearsal.quotas.clone() {
            if quota.lacking(items, bytes) > 0 {
                self.found(Kind::QuotaTooSmall, None, None, quota.shortage(items, bytes));
            }
        }
    }

    /// One that cannot be read does not keep the others from being looked at.
    fn folder(&mut self, info: &FolderInfo) -> Result<(), StoreError> {
        let sum = FolderSum::of(&info.path);
        let mut pass = Pass { path: &info.path, sum, marks: BTreeSet::new(), size_max: None, digests: HashSet::new() };
        let read = self.read(&mut pass);
        self.rehearsal.take(pass.sum);
        match read {
            Err(error) if error.blast <= Blast::Folder => {
                self.found(Kind::FolderUnreadable, Some(&info.path), None, told(&error));
                self.rehearsal.is_whole = false;
                Ok(())
            }
            read => read,
        }
    }

    fn read(&mut self, pass: &mut Pass<'_>) -> Result<(), StoreError> {
        pass.size_max = self.target.size_max(pass.path)?;
        let mut listed = Listed::default();
        self.scan(pass, &mut listed)?;
        if self.choices.quick || listed.is_empty() {
            return Ok(());
        }
        self.source.expect(pass.path, &mut listed.keys().collect::<Vec<ItemKey>>().iter())?;
        for (number, (key, size)) in (1..).zip(listed.items()) {
            if self.hearing.ended() {
                return Ok(());
            }
            let place = ItemPlace { number, name: self.source.name_of(&key), size, date_s: None };
            self.bytes_of(pass, &key, place)?;
        }
        Ok(())
    }

    fn scan(&mut self, pass: &mut Pass<'_>, listed: &mut Listed) -> Result<(), StoreError> {
        // Names are made when the scan is over, for the source is at work until then.
        let (mut odd, mut new_marks) = (Vec::new(), Vec::new());
        let (now_s, quick) = (self.choices.now_s, self.choices.quick);
        self.source.scan(pass.path, &mut |seen| {
            let number = pass.sum.items + 1;
            pass.sum.items = number;
            pass.sum.bytes += seen.size.unwrap_or(0);
            let place = |date_s| (seen.key.clone(), ItemPlace { number, name: String::new(), size: seen.size, date_s });
            let date = items::dates(&seen, now_s)
                .map(|told| (told, place(Some(seen.date.seconds).filter(|_| seen.date != InternalDate::default()))));
            let too_large = items::too_large(seen.size.filter(|_| quick), pass.size_max).map(|told| (told, place(None)));
            odd.extend(date.into_iter().chain(too_large));
            let new = items::marks(&seen.marks).into_iter().filter(|mark| pass.marks.insert(mark.clone()));
            new_marks.extend(new.map(|mark| (mark, place(None))));
            listed.push(&seen.key, seen.size);
            Ok(())
        })?;
        self.hearing.passed(pass.path, pass.sum.items, 0);
        if quick {
            pass.sum.bytes_at_target = pass.sum.bytes;
        }
        for ((kind, detail), (key, place)) in odd {
            let name = self.source.name_of(&key);
            self.found(kind, Some(pass.path), Some(ItemPlace { name, ..place }), detail);
        }
        for (mark, (key, place)) in new_marks {
            if self.target.keeps_mark(pass.path, &mark)? == Some(false) {
                let name = self.source.name_of(&key);
                self.found(Kind::KeywordLost, Some(pass.path), Some(ItemPlace { name, ..place }), format!("{mark}, first here"));
            }
        }
        Ok(())
    }

    fn bytes_of(&mut self, pass: &mut Pass<'_>, key: &ItemKey, place: ItemPlace) -> Result<(), StoreError> {
        let (look, digest) = match self.look(pass.path, key) {
            Ok(Some(seen)) => seen,
            // Gone since the scan: somebody is at work in the mailbox.
            Ok(None) => return Ok(()),
            Err(error) if error.blast == Blast::Item => {
                self.found(Kind::MessageUnreadable, Some(pass.path), Some(place), told(&error));
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let odd = look.finish();
        pass.sum.read += 1;
        pass.sum.bytes = pass.sum.bytes - place.size.unwrap_or(0) + odd.bytes;
        let size = if self.bytes_are_kept { odd.bytes } else { odd.wire_bytes() };
        pass.sum.bytes_at_target += size;
        let too_large = items::too_large(Some(size), pass.size_max);
        let again = (!pass.digests.insert(digest)).then(|| (Kind::Duplicate, "the same bytes as a message before it".to_owned()));
        for (kind, detail) in items::bytes(&odd, place.size).into_iter().chain(too_large).chain(again) {
            self.found(kind, Some(pass.path), Some(ItemPlace { size: Some(odd.bytes), ..place.clone() }), detail);
        }
        self.hearing.passed(pass.path, pass.sum.read, odd.bytes);
        Ok(())
    }

    /// The beginning of the digest: enough to tell messages of one folder apart.
    fn look(&mut self, folder: &FolderPath, key: &ItemKey) -> Result<Option<(Look, u64)>, StoreError> {
        let Some(mut opened) = self.source.open(folder, key)? else { return Ok(None) };
        let (mut look, mut hasher) = (Look::default(), blake3::Hasher::new());
        let mut buffer = vec![0; 128 << 10];
        loop {
            let length = match opened.reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(StoreError::io(Blast::Item, "read a message", folder.to_string(), &error)),
            };
            look.update(&buffer[..length]);
            hasher.update(&buffer[..length]);
        }
        let digest = hasher.finalize();
        let beginning = digest.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Ok(Some((look, beginning)))
    }
}

/// Through one folder.
struct Pass<'f> {
    path: &'f FolderPath,
    sum: FolderSum,
    /// Keywords and flags that were asked for.
    marks: BTreeSet<String>,
    size_max: Option<u64>,
    digests: HashSet<u64>,
}
