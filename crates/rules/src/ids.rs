//! Names that survive a crash: mailbox, sequence, epoch, and the container name made of them (R6).

use alloc::string::{String, ToString};
use core::fmt;
use core::str::FromStr;

/// A mailbox of the project: 16 bytes, written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MailboxId(pub [u8; 16]);

/// Position of a container in the redo log of its mailbox; grows by one with each container, starts at 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Sequence(pub u64);

/// Number of an activation (R3); 0 means "no activation yet".
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Epoch(pub u64);

/// Largest sequence and epoch that fit the ten digits of a container name.
pub const TEN_DIGITS_MAX: u64 = 9_999_999_999;

/// `<mailbox id, 32 hex>-<sequence, 10 digits>-<epoch, 10 digits>.prv` (R6). Sorts by mailbox, then sequence, then epoch,
/// both as a value and as a string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ContainerName {
    pub mailbox: MailboxId,
    pub sequence: Sequence,
    pub epoch: Epoch,
}

/// A text that is not the name it should be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotAName {
    pub text: String,
    pub wanted: &'static str,
}

impl fmt::Display for NotAName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not {}", self.text, self.wanted)
    }
}

impl core::error::Error for NotAName {}

impl fmt::Display for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MailboxId({self})")
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MailboxId {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let wrong = || NotAName { text: text.to_string(), wanted: "a mailbox id (32 lower-case hex digits)" };
        let bytes = text.as_bytes();
        if bytes.len() != 32 {
            return Err(wrong());
        }
        let mut id = [0u8; 16];
        for (slot, pair) in id.iter_mut().zip(bytes.chunks_exact(2)) {
            *slot = hex(pair[0]).zip(hex(pair[1])).map(|(high, low)| high << 4 | low).ok_or_else(wrong)?;
        }
        Ok(MailboxId(id))
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

impl fmt::Display for ContainerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:010}-{:010}.prv", self.mailbox, self.sequence.0, self.epoch.0)
    }
}

impl FromStr for ContainerName {
    type Err = NotAName;

    fn from_str(text: &str) -> Result<Self, NotAName> {
        let wrong = || NotAName { text: text.to_string(), wanted: "a container name (<32 hex>-<10 digits>-<10 digits>.prv)" };
        let stem = text.strip_suffix(".prv").ok_or_else(wrong)?;
        let mut parts = stem.split('-');
        let (Some(mailbox), Some(sequence), Some(epoch), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
            return Err(wrong());
        };
        Ok(ContainerName {
            mailbox: mailbox.parse()?,
            sequence: Sequence(ten_digits(sequence).ok_or_else(wrong)?),
            epoch: Epoch(ten_digits(epoch).ok_or_else(wrong)?),
        })
    }
}

fn ten_digits(text: &str) -> Option<u64> {
    (text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_container_name_reads_back_as_itself() {
        let name = ContainerName { mailbox: MailboxId([0xa7; 16]), sequence: Sequence(42), epoch: Epoch(3) };
        let text = name.to_string();
        assert_eq!(text, format!("{}-0000000042-0000000003.prv", "a7".repeat(16)));
        assert_eq!(text.parse::<ContainerName>(), Ok(name));
    }

    #[test]
    fn no_other_spelling_is_a_container_name() {
        let good = ContainerName { mailbox: MailboxId([1; 16]), sequence: Sequence(1), epoch: Epoch(1) }.to_string();
        for bad in [
            good.to_uppercase(),
            good.replace(".prv", ".part"),
            good.replace("0000000001-", "1-"),
            good.replace("0000000001.prv", "+000000001.prv"),
            format!("../{good}"),
            format!("{good}.prv"),
            String::new(),
        ] {
            assert!(bad.parse::<ContainerName>().is_err(), "{bad}");
        }
    }
}
