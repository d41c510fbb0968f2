//! What each server makes of what it is given, as seen with Dovecot 2.3, Cyrus 3.6 and Courier 5: bytes, folders, special uses,
//! subscriptions. A copy is whole when the target holds what it would keep of the source.

use std::borrow::Cow;

use super::snapshot::Snapshot;
use crate::servers::Kind;

/// The bytes of a message after this server has stored them. For a message that it refuses, of the smallest change it accepts.
pub fn kept(kind: Kind, bytes: &[u8]) -> Cow<'_, [u8]> {
    let changed = match kind {
        Kind::Dovecot => without_cr_before_line_ends(bytes),
        Kind::Cyrus => with_seven_bits_in_the_header(bytes),
        Kind::Courier => with_whole_lines(bytes),
    };
    if changed == bytes { Cow::Borrowed(bytes) } else { Cow::Owned(changed) }
}

/// Whether Cyrus takes it as it is: what does not begin with a field or an empty line is no message for it.
pub fn begins_as_a_message(bytes: &[u8]) -> bool {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let name = first.split(|byte| *byte == b':').next().filter(|name| name.len() < first.len());
    first == b"\r" || bytes.starts_with(b"From ") || name.is_some_and(|name| !name.is_empty() && name.iter().all(u8::is_ascii_graphic))
}

/// Whether every line of its header is a field, goes on with one, or is mbox's first line: Cyrus takes no other, and no repair of ours
/// makes a message of it.
pub fn has_a_sound_header(bytes: &[u8]) -> bool {
    let mut lines = bytes.split(|byte| *byte == b'\n').take_while(|line| !matches!(line, [] | [b'\r']));
    lines.all(|line| line.starts_with(b" ") || line.starts_with(b"\t") || begins_as_a_message(line))
}

fn without_cr_before_line_ends(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            // One of CR CR LF, and one at the very end.
            b'\r' if bytes.get(at + 1..at + 3) == Some(b"\r\n") || at + 1 == bytes.len() => {}
            0 => out.push(0x80),
            byte => out.push(*byte),
        }
    }
    out
}

fn with_seven_bits_in_the_header(bytes: &[u8]) -> Vec<u8> {
    let mut out = if begins_as_a_message(bytes) { bytes.to_vec() } else { [b"\r\n", bytes].concat() };
    let mut line_begins = 0;
    for at in 0..out.len() {
        match out[at] {
            b'\n' if &out[line_begins..at] == b"\r" => break,
            b'\n' => line_begins = at + 1,
            0x80.. => out[at] = b'X',
            _ => {}
        }
    }
    out
}

fn with_whole_lines(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len() + 2);
    for (at, byte) in bytes.iter().enumerate() {
        if *byte != b'\r' || bytes.get(at + 1) == Some(&b'\n') {
            out.push(*byte);
        }
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

impl Snapshot {
    /// What is left of it at a target of this kind, besides the bytes of messages. `target` tells what it made by itself: parents that
    /// were no folders at the source.
    #[must_use]
    pub fn kept_by(mut self, kind: Kind, target: &Snapshot) -> Snapshot {
        for (name, folder) in &mut self.folders {
            match kind {
                Kind::Courier => folder.special_uses.clear(),
                Kind::Cyrus => {}
                // Its configuration gives them by name, as that of the bed does.
                Kind::Dovecot => {
                    folder.special_uses.clear();
                    folder.special_uses.extend(crate::fill::SPECIAL_USES.contains(&name.as_str()).then(|| format!("\\{name}")));
                }
            }
        }
        // A folder that is not there can be subscribed to nowhere but in Courier, and no client sees it among the folders.
        let folders = &self.folders;
        self.subscriptions.retain(|name| folders.contains_key(name));
        if kind == Kind::Cyrus {
            let made = target.folders.iter().filter(|(name, folder)| {
                let parent = format!("{name}/");
                folder.messages.is_empty() && self.folders.keys().any(|other| other.starts_with(&parent))
            });
            let made: Vec<_> = made.filter(|(name, _)| !self.folders.contains_key(*name)).map(|(name, _)| name.clone()).collect();
            self.folders.extend(made.into_iter().map(|name| (name, Default::default())));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_server_changes_what_it_was_seen_to_change() {
        let cases: [(Kind, &[u8], &[u8]); 9] = [
            (Kind::Dovecot, b"a: b\r\n\r\nx\r\r\ny\rz\r", b"a: b\r\n\r\nx\r\ny\rz"),
            (Kind::Dovecot, b"a: b\r\n\r\nx", b"a: b\r\n\r\nx"),
            (Kind::Cyrus, b"a: \xfc\r\nb: \xfc\r\n\r\n\xfc\r\n", b"a: X\r\nb: X\r\n\r\n\xfc\r\n"),
            (Kind::Cyrus, b"\r\n\xfc\r\n", b"\r\n\xfc\r\n"),
            (Kind::Cyrus, b"no header\r\n", b"\r\nno header\r\n"),
            (Kind::Cyrus, b"a: b\r\n\r\nx\r\r\n", b"a: b\r\n\r\nx\r\r\n"),
            (Kind::Courier, b"a: b\r\n\r\nx\ry\r\r\n", b"a: b\r\n\r\nxy\r\n"),
            (Kind::Courier, b"a: b\r\n\r\nx", b"a: b\r\n\r\nx\r\n"),
            (Kind::Courier, b"a: \xfc\r\n\r\n\r\n", b"a: \xfc\r\n\r\n\r\n"),
        ];
        for (kind, given, stored) in cases {
            assert_eq!(kept(kind, given), stored, "{kind:?} {}", String::from_utf8_lossy(given));
        }
    }
}
