//! Fixed little-endian fields, written to a `Vec` and read from a slice that may hold anything.

use super::error::{PrvError, within};

/// Takes field after field; `None` where the bytes do not hold it.
pub(super) struct Fields<'a>(pub &'a [u8]);

impl<'a> Fields<'a> {
    pub fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*taken)
    }

    pub fn u8(&mut self) -> Option<u8> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    pub fn i64(&mut self) -> Option<i64> {
        self.array().map(i64::from_le_bytes)
    }

    pub fn i16(&mut self) -> Option<i16> {
        self.array().map(i16::from_le_bytes)
    }

    pub fn bytes16(&mut self) -> Option<&'a [u8]> {
        let count = self.u16()?;
        self.take(count.into())
    }

    pub fn text16(&mut self) -> Option<String> {
        std::str::from_utf8(self.bytes16()?).ok().map(str::to_owned)
    }

    /// The end of the fields must be the end of the bytes.
    pub fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

pub(super) trait Put {
    fn put(&mut self, bytes: &[u8]);

    fn u8(&mut self, value: u8) {
        self.put(&[value]);
    }

    fn u16(&mut self, value: u16) {
        self.put(&value.to_le_bytes());
    }

    fn u32(&mut self, value: u32) {
        self.put(&value.to_le_bytes());
    }

    fn u64(&mut self, value: u64) {
        self.put(&value.to_le_bytes());
    }

    /// A number of things, or the length of one.
    fn count16(&mut self, what: &'static str, count: usize) -> Result<(), PrvError> {
        let short = u16::try_from(count).map_err(|_| PrvError::Limit { what, value: count as u64, max: u16::MAX.into() })?;
        self.u16(short);
        Ok(())
    }

    fn bytes16(&mut self, what: &'static str, bytes: &[u8]) -> Result<(), PrvError> {
        self.count16(what, bytes.len())?;
        self.put(bytes);
        Ok(())
    }
}

impl Put for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A length that is known to fit, as the file states it.
pub(super) fn length32(what: &'static str, length: usize) -> Result<u32, PrvError> {
    within(what, length as u64, u32::MAX.into())?;
    Ok(u32::try_from(length).unwrap_or(u32::MAX))
}
