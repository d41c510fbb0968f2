//! Sets of UIDs, kept sorted as ranges and written short: `1:4,7,9:12` (RFC 9051, sequence-set).

use std::fmt;

#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct UidSet(Vec<(u32, u32)>);

impl UidSet {
    pub fn one(uid: u32) -> Self {
        UidSet(vec![(uid, uid)])
    }

    pub fn range(first: u32, last: u32) -> Self {
        UidSet(vec![(first.min(last), first.max(last))])
    }

    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut set = UidSet::default();
        for part in text.split(|byte| *byte == b',') {
            let mut ends = part.splitn(2, |byte| *byte == b':');
            let first = uid(ends.next()?)?;
            let last = ends.next().map_or(Some(first), uid)?;
            set.0.push((first.min(last), first.max(last)));
        }
        Some(set)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn len(&self) -> u64 {
        self.0.iter().map(|(first, last)| u64::from(last - first) + 1).sum()
    }

    /// In the order written; a server may announce a range of four thousand million (T25), so this is lazy.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().flat_map(|(first, last)| *first..=*last)
    }

    /// Adds one at the end; joined to the last range where it follows it.
    pub fn push(&mut self, uid: u32) {
        match self.0.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(uid) => *last = uid,
            Some((first, last)) if (*first..=*last).contains(&uid) => {}
            _ => self.0.push((uid, uid)),
        }
    }
}

impl FromIterator<u32> for UidSet {
    fn from_iter<I: IntoIterator<Item = u32>>(uids: I) -> Self {
        let mut set = UidSet::default();
        uids.into_iter().for_each(|uid| set.push(uid));
        set
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(",")?;
            }
            match first == last {
                true => write!(f, "{first}")?,
                false => write!(f, "{first}:{last}")?,
            }
        }
        Ok(())
    }
}

fn uid(text: &[u8]) -> Option<u32> {
    super::cursor::parse_number(text).and_then(|number| u32::try_from(number).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_are_written_short_and_read_back() {
        let set: UidSet = [1, 2, 3, 7, 9, 10].into_iter().collect();
        assert_eq!((set.to_string().as_str(), set.len()), ("1:3,7,9:10", 6));
        assert_eq!(UidSet::parse(b"1:3,7,9:10"), Some(set));
        assert_eq!(UidSet::parse(b"4294967290:4294967295").map(|set| set.iter().count()), Some(6));
        assert_eq!(UidSet::parse(b"5:3").map(|set| set.iter().collect::<Vec<_>>()), Some(vec![3, 4, 5]));
        for bad in [&b""[..], b",", b"a", b"1:", b"4294967296"] {
            assert_eq!(UidSet::parse(bad), None);
        }
    }
}
