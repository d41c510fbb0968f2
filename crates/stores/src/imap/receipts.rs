//! Requests for receipts (RFC 8098, and what was before it). Some servers answer those of messages that were brought there, years after
//! the fact. By wish they are disarmed: the field gets a name of the same length that nobody asks for, and keeps its value (T26).

use std::io::{self, Cursor, Read};

use mailferry_core::model::{Flags, Marks};

/// Which requests are disarmed.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Receipts {
    pub of_seen: bool,
    pub of_unseen: bool,
}

/// As they are, and disarmed.
const FIELDS: [(&[u8], &[u8]); 3] = [
    (b"Disposition-Notification-To", b"X-Was-Disposition-Notify-To"),
    (b"Return-Receipt-To", b"X-Was-RReceipt-To"),
    (b"X-Confirm-Reading-To", b"X-Was-Cfm-Reading-To"),
];

/// Of a message that is not held: a longer header is left as it is from there on.
pub const HEADER_BYTES_MAX: u64 = 64 << 10;

impl Receipts {
    /// By the option of an address.
    pub fn named(text: &str) -> Option<Receipts> {
        let (of_seen, of_unseen) = match text {
            "keep" => (false, false),
            "disarm" => (true, true),
            "disarm-seen" => (true, false),
            "disarm-unseen" => (false, true),
            _ => return None,
        };
        Some(Receipts { of_seen, of_unseen })
    }

    pub fn apply_to(self, marks: &Marks) -> bool {
        if marks.flags.contains(Flags::SEEN) { self.of_seen } else { self.of_unseen }
    }
}

/// Whether there was anything to disarm.
pub fn disarm(message: &mut [u8]) -> bool {
    rename(message, |(armed, disarmed)| (armed, disarmed))
}

/// As it was before.
pub fn rearm(message: &mut [u8]) -> bool {
    rename(message, |(armed, disarmed)| (disarmed, armed))
}

/// The same of a message that is read on the way; whether anything was disarmed.
pub fn disarmed(body: &mut dyn Read) -> io::Result<(bool, impl Read)> {
    let mut head = Vec::new();
    body.take(HEADER_BYTES_MAX).read_to_end(&mut head)?;
    let changed = disarm(&mut head);
    Ok((changed, Cursor::new(head).chain(body)))
}

fn rename(message: &mut [u8], way: impl Fn((&'static [u8], &'static [u8])) -> (&'static [u8], &'static [u8])) -> bool {
    let mut changed = false;
    for line in message.split_inclusive_mut(|byte| *byte == b'\n') {
        if line.trim_ascii().is_empty() {
            break;
        }
        for (from, to) in FIELDS.map(&way) {
            let is_field = line.get(from.len()..).is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"));
            if is_field && line[..from.len()].eq_ignore_ascii_case(from) {
                line[..from.len()].copy_from_slice(to);
                changed = true;
            }
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] =
        b"Subject: x\r\nDisposition-Notification-To: a@example.org\r\nReturn-Receipt-To : b\r\n c\r\n\r\nReturn-Receipt-To: d\r\n";

    #[test]
    fn a_request_is_disarmed_in_the_header_alone_and_comes_back_as_it_was() {
        let mut mail = MAIL.to_vec();
        assert!(disarm(&mut mail));
        assert_eq!(
            mail,
            b"Subject: x\r\nX-Was-Disposition-Notify-To: a@example.org\r\nX-Was-RReceipt-To : b\r\n c\r\n\r\nReturn-Receipt-To: d\r\n"
        );
        assert!(!disarm(&mut mail.clone()));
        assert!(rearm(&mut mail));
        assert_eq!(mail, MAIL);
        let mut read = Vec::new();
        let mut mail: &[u8] = MAIL;
        let (changed, mut disarmed) = disarmed(&mut mail).expect("read");
        disarmed.read_to_end(&mut read).expect("read");
        assert!(changed);
        assert!(rearm(&mut read) && read == MAIL);
    }

    #[test]
    fn both_names_of_a_field_are_equally_long() {
        assert!(FIELDS.iter().all(|(armed, disarmed)| armed.len() == disarmed.len()));
        assert!(!disarm(&mut b"Disposition-Notification-Tongue: x\r\n\r\n".to_vec()));
        assert!(!disarm(&mut b"\r\nReturn-Receipt-To: x\r\n".to_vec()));
    }
}
