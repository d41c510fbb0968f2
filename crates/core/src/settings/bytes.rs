//! Sizes as people write them: `64 MiB`, `10 GB`, `4096`; and a floor of free space, which may also be a share of the disk.

use std::fmt;
use std::str::FromStr;

use super::duration::number;

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 9] = [
    ("B", 1),
    ("KB", 1_000),
    ("KiB", 1 << 10),
    ("MB", 1_000_000),
    ("MiB", 1 << 20),
    ("GB", 1_000_000_000),
    ("GiB", 1 << 30),
    ("TB", 1_000_000_000_000),
    ("TiB", 1 << 40),
];

impl ByteSize {
    pub const fn kib(count: u64) -> Self {
        ByteSize(count << 10)
    }

    pub const fn mib(count: u64) -> Self {
        ByteSize(count << 20)
    }

    pub const fn gib(count: u64) -> Self {
        ByteSize(count << 30)
    }
}

impl fmt::Display for ByteSize {
    /// In the unit that gives the smallest whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exact = UNITS.iter().rev().find(|(_, length)| self.0 != 0 && self.0.is_multiple_of(*length));
        let (unit, length) = exact.copied().unwrap_or(UNITS[0]);
        write!(f, "{} {unit}", self.0 / length)
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is not a size such as 64 MiB, 10 GB or 4096")]
pub struct NotASize(pub String);

impl FromStr for ByteSize {
    type Err = NotASize;

    fn from_str(text: &str) -> Result<Self, NotASize> {
        parse(text.trim()).map(ByteSize).ok_or_else(|| NotASize(text.into()))
    }
}

fn parse(text: &str) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = (number(&text[..end])?, text[end..].trim_start());
    let length = match unit {
        "" => 1,
        unit => UNITS.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
    };
    count.checked_mul(length)
}

/// Space that must stay free on a disk (R23).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Floor {
    Bytes(ByteSize),
    /// Of the whole disk, 1 to 90.
    Percent(u8),
}

impl Floor {
    /// The floor in bytes on a disk of `total_bytes`; a percentage of an unknown whole is unknown.
    pub fn bytes(self, total_bytes: Option<u64>) -> Option<u64> {
        match self {
            Floor::Bytes(size) => Some(size.0),
            Floor::Percent(percent) => total_bytes.map(|total| (u128::from(total) * u128::from(percent) / 100) as u64),
        }
    }
}

impl fmt::Display for Floor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Floor::Bytes(size) => size.fmt(f),
            Floor::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("`{0}` is neither a size such as 10 GB nor a share of the disk from 1% to 90%")]
pub struct NotAFloor(pub String);

impl FromStr for Floor {
    type Err = NotAFloor;

    fn from_str(text: &str) -> Result<Self, NotAFloor> {
        let wrong = || NotAFloor(text.into());
        match text.trim().strip_suffix('%') {
            Some(percent) => match number(percent.trim_end()) {
                Some(percent @ 1..=90) => Ok(Floor::Percent(percent as u8)),
                _ => Err(wrong()),
            },
            None => text.parse().map(Floor::Bytes).map_err(|_| wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_units_are_powers_of_1024_and_decimal_units_powers_of_1000() {
        for (text, bytes) in
            [("4096", 4096), ("0", 0), ("64 MiB", 64 << 20), ("64mib", 64 << 20), ("10 GB", 10_000_000_000), ("1kb", 1_000), ("7 B", 7)]
        {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "MiB", "-1", "+1", "1.5 GB", "64 M", "1 PiB", "64 MiB!", "99999999999999999999", "99999999999 TiB"] {
            assert_eq!(text.parse::<ByteSize>(), Err(NotASize(text.into())));
        }
    }

    #[test]
    fn what_is_printed_reads_back_as_the_same_size() {
        for bytes in (0..5_000_000).step_by(997).chain([1, 1_000, 1_024, 64 << 20, 10_000_000_000, u64::MAX]) {
            assert_eq!(ByteSize(bytes).to_string().parse(), Ok(ByteSize(bytes)));
        }
        assert_eq!(ByteSize(10_000_000_000).to_string(), "10 GB");
        assert_eq!(ByteSize::mib(64).to_string(), "64 MiB");
    }

    #[test]
    fn a_floor_is_bytes_or_a_share_of_the_disk() {
        assert_eq!("10%".parse(), Ok(Floor::Percent(10)));
        assert_eq!("1 GiB".parse(), Ok(Floor::Bytes(ByteSize::gib(1))));
        for text in ["0%", "91%", "-5%", "%", "x"] {
            assert_eq!(text.parse::<Floor>(), Err(NotAFloor(text.into())));
        }
        assert_eq!(Floor::Percent(10).bytes(Some(u64::MAX)), Some(u64::MAX / 10));
        assert_eq!(Floor::Percent(10).bytes(None), None);
        assert_eq!(Floor::Percent(10).to_string().parse(), Ok(Floor::Percent(10)));
    }
}
