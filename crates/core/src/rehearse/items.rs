//! One message: its date, its marks, its size, and what is odd about its bytes.

use super::hazard::Kind;
use super::mail::Odd;
use crate::model::{ItemKey, Marks};
use crate::ports::SeenItem;

/// 1970 and 2038: what every server keeps.
const DATES_S: std::ops::RangeInclusive<i64> = 0..=i32::MAX as i64;
/// Clocks differ.
const FUTURE_S: i64 = 2 * 86_400;

type Told = (Kind, String);

pub fn dates(seen: &SeenItem, now_s: i64) -> Option<Told> {
    let seconds = seen.date.seconds;
    match seen.dated {
        false if seconds == 0 => Some((Kind::DateMissing, "the store gives none, and the header neither".into())),
        false => Some((Kind::DateMissing, "the store gives none that can be; this one is from its header".into())),
        true if seconds < *DATES_S.start() => Some((Kind::DateAbsurd, "before 1970".into())),
        true if seconds > *DATES_S.end() => Some((Kind::DateAbsurd, "behind 2038".into())),
        true if seconds > now_s.saturating_add(FUTURE_S) => Some((Kind::DateAbsurd, "in the future".into())),
        true => None,
    }
}

/// Keywords and system flags by their names.
pub fn marks(marks: &Marks) -> Vec<String> {
    let flags = marks.flags.to_string();
    flags.split_whitespace().map(str::to_owned).chain(marks.keywords.iter().cloned()).collect()
}

pub fn too_large(size: Option<u64>, most: Option<u64>) -> Option<Told> {
    let (size, most) = (size?, most?);
    (size > most).then(|| (Kind::MessageTooLarge, format!("it has {size} bytes at the target, which takes {most} at most")))
}

/// `said`: its size as the store told it.
pub fn bytes(odd: &Odd, said: Option<u64>) -> Vec<Told> {
    let mut told = Vec::new();
    let mut tell = |is: bool, kind: Kind, detail: String| told.extend(is.then_some((kind, detail)));
    tell(
        said.is_some_and(|said| said != odd.bytes),
        Kind::MessageSize,
        format!("{} bytes were told, {} come", said.unwrap_or(0), odd.bytes),
    );
    tell(odd.bytes == 0, Kind::MessageEmpty, "it has no byte".into());
    tell(odd.nuls > 0, Kind::MessageNul, format!("{} of its bytes are NUL", odd.nuls));
    let bare = odd.bare_cr > 0 || odd.bare_lf > 0 && !odd.is_of_unix();
    tell(bare, Kind::MessageLineEnds, format!("{} bare LF, {} bare CR, {} CRLF", odd.bare_lf, odd.bare_cr, odd.crlf));
    tell(odd.long_lines > 0, Kind::MessageLongLine, format!("{} such lines, the longest of {} bytes", odd.long_lines, odd.longest_line));
    tell(odd.header_8bit > 0, Kind::MessageHeader8Bit, format!("{} such bytes", odd.header_8bit));
    tell(odd.no_header, Kind::MessageWithoutHeader, "its first line is no field of a header".into());
    tell(odd.no_field.is_some(), Kind::MessageHeaderBroken, format!("line {} of it is no field", odd.no_field.unwrap_or(0)));
    tell(!odd.ends_line, Kind::MessageNoLastLineEnd, "its last line has no end".into());
    told
}

/// Keys and sizes of a folder, packed: a folder may hold a million.
#[derive(Default)]
pub struct Listed {
    keys: Vec<u8>,
    ends: Vec<usize>,
    /// `u64::MAX`: not known.
    sizes: Vec<u64>,
}

impl Listed {
    pub fn push(&mut self, key: &ItemKey, size: Option<u64>) {
        self.keys.extend_from_slice(&key.0);
        self.ends.push(self.keys.len());
        self.sizes.push(size.unwrap_or(u64::MAX));
    }

    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub fn keys(&self) -> impl Iterator<Item = ItemKey> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| ItemKey(self.keys[begin..*end].to_vec()))
    }

    pub fn items(&self) -> impl Iterator<Item = (ItemKey, Option<u64>)> {
        self.keys().zip(self.sizes.iter().map(|size| Some(*size).filter(|size| *size != u64::MAX)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::InternalDate;

    fn seen(seconds: i64, dated: bool) -> SeenItem {
        let date = InternalDate { seconds, ..InternalDate::default() };
        SeenItem { key: ItemKey(vec![1]), move_hint: None, identity: None, marks: Marks::default(), date, dated, sender: None, size: None }
    }

    #[test]
    fn a_date_is_absurd_before_1970_behind_2038_and_in_the_future() {
        let kind = |seconds, dated| dates(&seen(seconds, dated), 1_800_000_000).map(|(kind, _)| kind);
        assert_eq!([0, 1_800_000_000 + FUTURE_S, 946_684_800].map(|seconds| kind(seconds, true)), [None; 3]);
        let absurd = [-1, i64::from(i32::MAX) + 1, 1_800_000_001 + FUTURE_S];
        assert_eq!(absurd.map(|seconds| kind(seconds, true)), [Some(Kind::DateAbsurd); 3]);
        assert_eq!([kind(0, false), kind(946_684_800, false)], [Some(Kind::DateMissing); 2]);
    }

    #[test]
    fn a_message_of_the_largest_size_fits_and_one_byte_more_does_not() {
        assert_eq!(too_large(Some(100), Some(100)), None);
        assert!(too_large(Some(101), Some(100)).is_some_and(|(_, detail)| detail.contains("101") && detail.contains("100")));
        assert_eq!([too_large(None, Some(1)), too_large(Some(9), None)], [None, None]);
    }

    #[test]
    fn what_was_listed_comes_back_as_it_was() {
        let items = [(ItemKey(b"ab".to_vec()), Some(7)), (ItemKey(Vec::new()), None), (ItemKey(b"c".to_vec()), Some(0))];
        let mut listed = Listed::default();
        items.iter().for_each(|(key, size)| listed.push(key, *size));
        assert_eq!(listed.items().collect::<Vec<_>>(), items);
    }
}
