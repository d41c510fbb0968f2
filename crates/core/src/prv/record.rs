//! Records: what is said about a mailbox, one after the other.
//!
//! The codec is written out by hand: the bytes are the contract, and no serialiser may change them.

use std::ops::Range;

use mailferry_rules::ids::{ContainerName, Epoch, MailboxId, Sequence, TEN_DIGITS_MAX};

use super::bytes::{Fields, Put, length32};
use super::error::{PrvError, within};
use super::layout::{BLOCK_RAW_BYTES_MAX, RECORD_BYTES_MAX, RECORD_HEAD_BYTES, SIZE_AT_END, SKIPPED_MAX, kind};
use crate::model::{
    Beside, Census, Counted, Digest, Envelope, Flags, FolderInfo, FolderPath, InternalDate, ItemKey, Keywords, Marks, Outcome, Receipt,
    Skipped, SwitchId, Token, Unread, Was,
};

/// One change of a mailbox, or an answer. The order in a container is the order of applying.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// Gives a folder the number by which other records name it.
    Folder { id: u32, info: FolderInfo },
    /// A new item. Its body is read with `Reader::body`, written with `Writer::item`.
    Item { folder: u32, envelope: Envelope, size: u64, digest: Digest },
    /// The item has these marks now.
    Marks { folder: u32, token: Token, marks: Marks },
    /// The item is in another folder now, under another key.
    Moved { token: Token, from: u32, to: u32, key: ItemKey, marks: Marks },
    /// The item was deleted. `was`: where it can be told, for a target that has forgotten it and whose store keeps no tokens.
    Gone { folder: u32, token: Token, was: Option<Was> },
    /// The folder was deleted.
    FolderGone { id: u32 },
    /// What became of a container (R45).
    Receipt(Receipt),
    /// The items that a mailbox holds, sent after a takeover that may have lost something (R14).
    Census(Census),
    /// Items that cannot be read at the source, as of now; `first`: in place of all that were told before, else besides them.
    Unread { first: bool, items: Vec<Unread> },
    /// The target lacks an item that a census names: it is to be sent again.
    Wanted { token: Token },
    /// The source has no answer to this container of the mailbox: where it was taken, its receipt is to be sent again (R45).
    Unanswered { sequence: Sequence, epoch: Epoch },
    /// What stands beside the items of a folder now.
    Beside { folder: u32, beside: Beside },
    /// The source asks for the switch of the mailbox: may it be locked, or, `last`, is everything up to here there (R82)?
    Ready { switch: SwitchId, last: bool },
    /// The target's answer to the question in that container; `refused`: why not.
    Confirmed { switch: SwitchId, sequence: Sequence, epoch: Epoch, refused: Option<String> },
    /// At the beginning of a container: the target may hold what is sent in it without knowing of it, and looks for it by its bytes.
    /// `spares`: what a census does not name stays (R83).
    Adopt { spares: bool },
}

/// Where a record lies in its block.
#[derive(Clone, Debug)]
pub(super) struct Framed {
    pub kind: u8,
    pub payload: Range<usize>,
    /// Body of an Item, bytes of a Part, else empty.
    pub body: Range<usize>,
    /// Where the next record begins.
    pub next: usize,
}

/// The start of an item, large or not.
pub(super) struct ItemHead {
    pub folder: u32,
    pub envelope: Envelope,
    pub size: u64,
}

/// The last record of a large item.
pub(super) struct End {
    pub withdrawn: bool,
    pub size: u64,
    pub digest: Digest,
}

/// A receipt without its skipped items, and their number.
pub(super) struct ReceiptHead(pub Receipt, pub usize);

/// Begins a record; `close` sets its length.
pub(super) fn open(out: &mut Vec<u8>, kind: u8) -> usize {
    let start = out.len();
    out.u8(kind);
    out.u32(0);
    start
}

pub(super) fn close(out: &mut [u8], start: usize) -> Result<(), PrvError> {
    let payload = out.len() - start - RECORD_HEAD_BYTES;
    let max = if out[start] == kind::PART { BLOCK_RAW_BYTES_MAX } else { RECORD_BYTES_MAX };
    within("the length of a record", payload as u64, max as u64)?;
    let length = length32("the length of a record", payload)?;
    out[start + 1..start + RECORD_HEAD_BYTES].copy_from_slice(&length.to_le_bytes());
    Ok(())
}

/// Writes one whole record or, on error, nothing.
fn framed(out: &mut Vec<u8>, kind: u8, payload: impl FnOnce(&mut Vec<u8>) -> Result<(), PrvError>) -> Result<(), PrvError> {
    let start = open(out, kind);
    let done = payload(out).and_then(|()| close(out, start));
    if done.is_err() {
        out.truncate(start);
    }
    done
}

/// Every record but items, which have a body, and receipts, which may need several.
pub(super) fn encode(out: &mut Vec<u8>, record: &Record) -> Result<(), PrvError> {
    match record {
        Record::Folder { id, info } => framed(out, kind::FOLDER, |out| {
            out.u32(*id);
            put_folder(out, info)
        }),
        Record::Item { folder, envelope, size, .. } => encode_item(out, kind::ITEM, *folder, envelope, *size),
        Record::Marks { folder, token, marks } => framed(out, kind::MARKS, |out| {
            out.u32(*folder);
            out.put(&token.0);
            put_marks(out, marks)
        }),
        Record::Moved { token, from, to, key, marks } => framed(out, kind::MOVED, |out| {
            out.put(&token.0);
            out.u32(*from);
            out.u32(*to);
            out.bytes16("the length of a key", &key.0)?;
            put_marks(out, marks)
        }),
        Record::Gone { folder, token, was } => framed(out, was.map_or(kind::GONE, |_| kind::GONE_WAS), |out| {
            out.u32(*folder);
            out.put(&token.0);
            if let Some(Was { digest, size, date }) = was {
                out.put(&digest.0);
                out.u64(*size);
                out.put(&date.to_le_bytes());
            }
            Ok(())
        }),
        Record::FolderGone { id } => framed(out, kind::FOLDER_GONE, |out| {
            out.u32(*id);
            Ok(())
        }),
        Record::Receipt(receipt) => encode_receipt(out, receipt),
        Record::Census(census) => encode_census(out, census),
        Record::Unread { first, items } => framed(out, kind::UNREAD, |out| {
            out.u8((*first).into());
            out.u32(length32("the number of unread items", items.len())?);
            items.iter().try_for_each(|item| {
                out.put(&item.token.0);
                out.u32(item.folder);
                out.u64(item.size.unwrap_or(u64::MAX));
                out.bytes16("the length of a reason", item.reason.as_bytes())
            })
        }),
        Record::Wanted { token } => framed(out, kind::WANTED, |out| {
            out.put(&token.0);
            Ok(())
        }),
        Record::Unanswered { sequence, epoch } => framed(out, kind::UNANSWERED, |out| {
            out.u64(sequence.0);
            out.u64(epoch.0);
            Ok(())
        }),
        Record::Beside { folder, beside } => framed(out, if beside.closed { kind::CLOSED } else { kind::BESIDE }, |out| {
            out.u32(*folder);
            put_beside(out, beside)
        }),
        Record::Adopt { spares } => framed(out, kind::ADOPT, |out| {
            out.u8((*spares).into());
            Ok(())
        }),
        Record::Ready { switch, last } => framed(out, kind::READY, |out| {
            out.put(&switch.0);
            out.u8((*last).into());
            Ok(())
        }),
        Record::Confirmed { switch, sequence, epoch, refused } => framed(out, kind::CONFIRMED, |out| {
            out.put(&switch.0);
            out.u64(sequence.0);
            out.u64(epoch.0);
            out.u8(refused.is_some().into());
            refused.as_ref().map_or(Ok(()), |why| out.bytes16("the length of a reason", why.as_bytes()))
        }),
    }
}

fn encode_census(out: &mut Vec<u8>, census: &Census) -> Result<(), PrvError> {
    let kind = if census.incomplete { kind::CENSUS_INCOMPLETE } else { kind::CENSUS };
    framed(out, kind, |out| {
        out.put(&census.from.0);
        out.put(&census.through.0);
        out.u32(length32("the number of items of a census", census.items.len())?);
        census.items.iter().try_for_each(|item| {
            out.put(&item.token.0);
            out.u32(item.folder);
            put_marks(out, &item.marks)
        })
    })
}

/// The size comes first, so that it can be set when it is known.
pub(super) fn encode_item(out: &mut Vec<u8>, kind: u8, folder: u32, envelope: &Envelope, size: u64) -> Result<(), PrvError> {
    framed(out, kind, |out| {
        out.u64(size);
        out.u32(folder);
        out.put(&envelope.token.0);
        out.bytes16("the length of a key", &envelope.key.0)?;
        put_marks(out, &envelope.marks)?;
        put_date(out, envelope.date)?;
        out.u8(envelope.sender.is_some().into());
        envelope.sender.as_ref().map_or(Ok(()), |sender| out.bytes16("the length of a sender", sender.as_bytes()))
    })
}

pub(super) fn set_size(out: &mut [u8], start: usize, size: u64) {
    let at = start + RECORD_HEAD_BYTES;
    out[at..at + 8].copy_from_slice(&size.to_le_bytes());
}

pub(super) fn encode_end(out: &mut Vec<u8>, end: &End) -> Result<(), PrvError> {
    framed(out, kind::END, |out| {
        out.u8(end.withdrawn.into());
        out.u64(end.size);
        out.put(&end.digest.0);
        Ok(())
    })
}

fn encode_receipt(out: &mut Vec<u8>, receipt: &Receipt) -> Result<(), PrvError> {
    framed(out, kind::RECEIPT, |out| {
        out.put(&receipt.container.mailbox.0);
        for number in [receipt.container.sequence.0, receipt.container.epoch.0] {
            within("a number in a container name", number, TEN_DIGITS_MAX)?;
            out.u64(number);
        }
        out.put(&receipt.digest.0);
        out.u8(match receipt.outcome {
            Outcome::Applied => 0,
            Outcome::Damaged => 1,
            Outcome::Archived => 2,
            Outcome::Refused => 3,
        });
        for number in [receipt.applied, receipt.already, receipt.found] {
            out.u64(number);
        }
        within("the number of skipped items", receipt.skipped.len() as u64, SKIPPED_MAX as u64)?;
        out.u32(length32("the number of skipped items", receipt.skipped.len())?);
        Ok(())
    })
}

/// Takes as many skipped items as one record holds well; answers how many.
pub(super) fn encode_skipped(out: &mut Vec<u8>, skipped: &[Skipped]) -> Result<usize, PrvError> {
    let mut taken = 0;
    framed(out, kind::SKIPPED, |out| {
        let full = out.len() + RECORD_BYTES_MAX / 4;
        for item in skipped {
            if out.len() >= full {
                break;
            }
            out.put(&item.token.0);
            out.bytes16("the length of a reason", item.reason.as_bytes())?;
            taken += 1;
        }
        Ok(())
    })?;
    Ok(taken)
}

fn put_folder(out: &mut Vec<u8>, info: &FolderInfo) -> Result<(), PrvError> {
    out.count16("the number of names in a path", info.path.0.len())?;
    for name in &info.path.0 {
        out.bytes16("the length of a folder name", name.as_bytes())?;
    }
    let special = info.special_use.as_deref();
    out.u8(u8::from(info.selectable) | u8::from(info.subscribed) << 1 | u8::from(special.is_some()) << 2);
    special.map_or(Ok(()), |special| out.bytes16("the length of a special use", special.as_bytes()))
}

fn put_beside(out: &mut Vec<u8>, beside: &Beside) -> Result<(), PrvError> {
    out.count16("the number of rights", beside.rights.len())?;
    for (who, rights) in &beside.rights {
        out.bytes16("the length of a name with rights", who.as_bytes())?;
        out.bytes16("the number of rights of a name", rights.as_bytes())?;
    }
    out.count16("the number of annotations", beside.annotations.len())?;
    for (entry, value) in &beside.annotations {
        out.bytes16("the length of the name of an annotation", entry.as_bytes())?;
        out.u8(value.is_some().into());
        value.as_ref().map_or(Ok(()), |value| out.bytes16("the length of an annotation", value))?;
    }
    Ok(())
}

fn put_marks(out: &mut Vec<u8>, marks: &Marks) -> Result<(), PrvError> {
    out.u8(marks.flags.bits());
    out.count16("the number of keywords", marks.keywords.len())?;
    marks.keywords.iter().try_for_each(|keyword| out.bytes16("the length of a keyword", keyword.as_bytes()))
}

fn put_date(out: &mut Vec<u8>, date: InternalDate) -> Result<(), PrvError> {
    within("the nanoseconds of a date", date.nanos.into(), 999_999_999)?;
    out.put(&date.seconds.to_le_bytes());
    out.u32(date.nanos);
    out.u8(date.offset_minutes.is_some().into());
    if let Some(minutes) = date.offset_minutes {
        out.put(&minutes.to_le_bytes());
    }
    Ok(())
}

/// Finds the record at `at`: `None` when the block does not hold it whole.
pub(super) fn frame(raw: &[u8], at: usize) -> Option<Framed> {
    let mut fields = Fields(raw.get(at..)?);
    let kind = fields.u8()?;
    let length = usize::try_from(fields.u32()?).ok()?;
    let max = if kind == kind::PART { BLOCK_RAW_BYTES_MAX } else { RECORD_BYTES_MAX };
    if length > max {
        return None;
    }
    let start = at + RECORD_HEAD_BYTES;
    let end = start.checked_add(length)?;
    let payload = raw.get(start..end)?;
    let body = match kind {
        kind::ITEM => end..end.checked_add(usize::try_from(Fields(payload).u64()?).ok()?)?,
        kind::PART => start..end,
        _ => end..end,
    };
    (body.end <= raw.len()).then_some(Framed { kind, payload: start..end, next: body.end, body })
}

/// Every record but items and receipts. `None`: the payload is not what the type says.
pub(super) fn decode(kind: u8, payload: &[u8]) -> Option<Record> {
    let mut fields = Fields(payload);
    let record = match kind {
        kind::FOLDER => Record::Folder { id: fields.u32()?, info: folder(&mut fields)? },
        kind::MARKS => Record::Marks { folder: fields.u32()?, token: token(&mut fields)?, marks: marks(&mut fields)? },
        kind::MOVED => Record::Moved {
            token: token(&mut fields)?,
            from: fields.u32()?,
            to: fields.u32()?,
            key: ItemKey(fields.bytes16()?.to_vec()),
            marks: marks(&mut fields)?,
        },
        kind::GONE => Record::Gone { folder: fields.u32()?, token: token(&mut fields)?, was: None },
        kind::GONE_WAS => Record::Gone {
            folder: fields.u32()?,
            token: token(&mut fields)?,
            was: Some(Was { digest: Digest(fields.array()?), size: fields.u64()?, date: i64::from_le_bytes(fields.array()?) }),
        },
        kind::FOLDER_GONE => Record::FolderGone { id: fields.u32()? },
        kind::CENSUS | kind::CENSUS_INCOMPLETE => Record::Census(census(&mut fields, kind == kind::CENSUS_INCOMPLETE)?),
        kind::UNREAD => Record::Unread { first: yes_no(fields.u8()?)?, items: unread(&mut fields)? },
        kind::WANTED => Record::Wanted { token: token(&mut fields)? },
        kind::UNANSWERED => Record::Unanswered { sequence: Sequence(fields.u64()?), epoch: Epoch(fields.u64()?) },
        kind::BESIDE => Record::Beside { folder: fields.u32()?, beside: beside(&mut fields, false)? },
        kind::CLOSED => Record::Beside { folder: fields.u32()?, beside: beside(&mut fields, true)? },
        kind::ADOPT => Record::Adopt { spares: yes_no(fields.u8()?)? },
        kind::READY => Record::Ready { switch: SwitchId(fields.array()?), last: yes_no(fields.u8()?)? },
        kind::CONFIRMED => Record::Confirmed {
            switch: SwitchId(fields.array()?),
            sequence: Sequence(fields.u64()?),
            epoch: Epoch(fields.u64()?),
            refused: if yes_no(fields.u8()?)? { Some(fields.text16()?) } else { None },
        },
        _ => return None,
    };
    fields.end().map(|()| record)
}

pub(super) fn decode_item(kind: u8, payload: &[u8]) -> Option<ItemHead> {
    let mut fields = Fields(payload);
    let size = fields.u64()?;
    let folder = fields.u32()?;
    let envelope = Envelope {
        token: token(&mut fields)?,
        key: ItemKey(fields.bytes16()?.to_vec()),
        marks: marks(&mut fields)?,
        date: date(&mut fields)?,
        sender: sender(&mut fields)?,
    };
    fields.end()?;
    ((kind == kind::LARGE) == (size == SIZE_AT_END)).then_some(ItemHead { folder, envelope, size })
}

pub(super) fn decode_end(payload: &[u8]) -> Option<End> {
    let mut fields = Fields(payload);
    let end = End { withdrawn: yes_no(fields.u8()?)?, size: fields.u64()?, digest: Digest(fields.array()?) };
    fields.end().map(|()| end)
}

pub(super) fn decode_receipt(payload: &[u8]) -> Option<ReceiptHead> {
    let mut fields = Fields(payload);
    let container =
        ContainerName { mailbox: MailboxId(fields.array()?), sequence: Sequence(ten(&mut fields)?), epoch: Epoch(ten(&mut fields)?) };
    let digest = Digest(fields.array()?);
    let outcome = match fields.u8()? {
        0 => Outcome::Applied,
        1 => Outcome::Damaged,
        2 => Outcome::Archived,
        3 => Outcome::Refused,
        _ => return None,
    };
    let (applied, already, found) = (fields.u64()?, fields.u64()?, fields.u64()?);
    let count = usize::try_from(fields.u32()?).ok().filter(|count| *count <= SKIPPED_MAX)?;
    fields.end()?;
    Some(ReceiptHead(Receipt { container, digest, outcome, applied, already, found, skipped: Vec::new() }, count))
}

pub(super) fn decode_skipped(payload: &[u8], skipped: &mut Vec<Skipped>) -> Option<()> {
    let mut fields = Fields(payload);
    while fields.end().is_none() {
        skipped.push(Skipped { token: token(&mut fields)?, reason: fields.text16()? });
    }
    Some(())
}

/// Tokens rise, and lie between the ends.
fn census(fields: &mut Fields<'_>, incomplete: bool) -> Option<Census> {
    let (from, through) = (token(fields)?, token(fields)?);
    let mut items: Vec<Counted> = Vec::new();
    for _ in 0..fields.u32()? {
        let item = Counted { token: token(fields)?, folder: fields.u32()?, marks: marks(fields)? };
        let rises = items.last().is_none_or(|last| last.token < item.token);
        if !rises || item.token < from || item.token > through {
            return None;
        }
        items.push(item);
    }
    Some(Census { from, through, incomplete, items })
}

fn unread(fields: &mut Fields<'_>) -> Option<Vec<Unread>> {
    let mut items = Vec::new();
    for _ in 0..fields.u32()? {
        let (token, folder, size) = (token(fields)?, fields.u32()?, fields.u64()?);
        items.push(Unread { token, folder, size: Some(size).filter(|size| *size != u64::MAX), reason: fields.text16()? });
    }
    Some(items)
}

fn token(fields: &mut Fields<'_>) -> Option<Token> {
    fields.array().map(Token)
}

fn ten(fields: &mut Fields<'_>) -> Option<u64> {
    fields.u64().filter(|number| *number <= TEN_DIGITS_MAX)
}

fn yes_no(byte: u8) -> Option<bool> {
    (byte < 2).then_some(byte == 1)
}

fn folder(fields: &mut Fields<'_>) -> Option<FolderInfo> {
    let names = fields.u16()?;
    let path = FolderPath((0..names).map(|_| fields.text16()).collect::<Option<_>>()?);
    let bits = fields.u8().filter(|bits| *bits < 8)?;
    let special_use = if bits & 4 == 0 { None } else { Some(fields.text16()?) };
    Some(FolderInfo { path, selectable: bits & 1 != 0, subscribed: bits & 2 != 0, special_use })
}

/// Names and entries rise, each once.
fn beside(fields: &mut Fields<'_>, closed: bool) -> Option<Beside> {
    let mut beside = Beside { closed, ..Beside::default() };
    for _ in 0..fields.u16()? {
        let (who, rights) = (fields.text16()?, fields.text16()?);
        if beside.rights.last_key_value().is_some_and(|(last, _)| *last >= who) {
            return None;
        }
        beside.rights.insert(who, rights);
    }
    for _ in 0..fields.u16()? {
        let entry = fields.text16()?;
        let value = if yes_no(fields.u8()?)? { Some(fields.bytes16()?.to_vec()) } else { None };
        if beside.annotations.last_key_value().is_some_and(|(last, _)| *last >= entry) {
            return None;
        }
        beside.annotations.insert(entry, value);
    }
    Some(beside)
}

fn marks(fields: &mut Fields<'_>) -> Option<Marks> {
    let flags = Flags::from_bits(fields.u8()?)?;
    let mut keywords = Keywords::new();
    for _ in 0..fields.u16()? {
        let keyword = fields.text16()?;
        if keywords.last().is_some_and(|last| *last >= keyword) {
            return None;
        }
        keywords.insert(keyword);
    }
    Some(Marks { flags, keywords })
}

fn date(fields: &mut Fields<'_>) -> Option<InternalDate> {
    let seconds = fields.i64()?;
    let nanos = fields.u32().filter(|nanos| *nanos < 1_000_000_000)?;
    let offset_minutes = if yes_no(fields.u8()?)? { Some(fields.i16()?) } else { None };
    Some(InternalDate { seconds, nanos, offset_minutes })
}

fn sender(fields: &mut Fields<'_>) -> Option<Option<String>> {
    if yes_no(fields.u8()?)? { fields.text16().map(Some) } else { Some(None) }
}
