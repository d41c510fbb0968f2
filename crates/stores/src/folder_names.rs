//! The name of a folder as the name of a file or directory, and back (T17).
//!
//! Names are stored as Dovecot does by default: modified UTF-7, and what a file name cannot hold escaped as its listescape
//! plugin does, `\2e` for a dot. On Windows, where a backslash cannot be in a name, the escape sign is `%`.
//! The map is one to one: two folders never share a name, and no name leads out of its directory.
//!
//! The road not taken: replacing what does not fit by `_`, as many tools do, merges folders.

use crate::mutf7;

/// Longest name on the file systems we serve, in bytes.
pub(crate) const NAME_BYTES_MAX: usize = 255;

/// How one kind of store writes names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Codec {
    escape: char,
    windows: bool,
    /// Maildir++ separates levels by dots, so that none may stand in a name.
    dots: bool,
}

impl Codec {
    /// For one level of a Maildir++ directory name.
    pub(crate) const MAILDIR: Codec = Codec::on(cfg!(windows), true);
    /// For a file or directory of its own.
    pub(crate) const FILE: Codec = Codec::on(cfg!(windows), false);

    const fn on(windows: bool, dots: bool) -> Self {
        Codec { escape: if windows { '%' } else { '\\' }, windows, dots }
    }

    pub(crate) fn encode(self, name: &str) -> String {
        if name.is_empty() {
            return self.hex('\0');
        }
        // Maildir++ names begin with a dot, which is enough.
        if self.windows && !self.dots && is_device(name) {
            return self.encode_apart(name);
        }
        let last = name.chars().count() - 1;
        let escaped: String =
            name.chars().enumerate().map(|(at, c)| if self.unsafe_at(c, at, last) { self.hex(c) } else { c.into() }).collect();
        mutf7::encode(&escaped)
    }

    fn unsafe_at(self, c: char, at: usize, last: usize) -> bool {
        let (first, ends) = (at == 0, at == last);
        match c {
            '/' | '\\' => true,
            '.' => self.dots || first || (self.windows && ends),
            '~' => first,
            ' ' => self.windows && ends,
            '<' | '>' | ':' | '"' | '|' | '?' | '*' => self.windows,
            _ => c == self.escape,
        }
    }

    fn hex(self, c: char) -> String {
        format!("{}{:02x}", self.escape, u32::from(c))
    }

    /// The name as people know it. A name that was not written by such a codec stands for itself, as far as possible.
    pub(crate) fn decode(self, stored: &[u8]) -> String {
        let text = match std::str::from_utf8(stored) {
            Ok(text) => mutf7::decode(text).unwrap_or_else(|| text.into()),
            Err(_) => stored.iter().map(|byte| char::from(*byte)).collect(),
        };
        self.unescape(&text)
    }

    fn unescape(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(self.escape) {
            let (plain, escaped) = rest.split_at(at);
            out.push_str(plain);
            let code = escaped.get(1..3).filter(|code| code.bytes().all(|digit| digit.is_ascii_hexdigit()));
            match code.and_then(|code| u8::from_str_radix(code, 16).ok()).filter(u8::is_ascii) {
                Some(0) => rest = &escaped[3..],
                Some(byte) => {
                    out.push(char::from(byte));
                    rest = &escaped[3..];
                }
                None => {
                    out.push(self.escape);
                    rest = &escaped[1..];
                }
            }
        }
        out.push_str(rest);
        out
    }

    /// Escapes the first letter as well: for a name that would otherwise be taken for another one.
    pub(crate) fn encode_apart(self, name: &str) -> String {
        let mut letters = name.chars();
        match letters.next().filter(char::is_ascii) {
            Some(first) => self.hex(first) + &self.encode_tail(letters.as_str()),
            None => self.encode(name),
        }
    }

    fn encode_tail(self, tail: &str) -> String {
        if tail.is_empty() { String::new() } else { self.encode(tail) }
    }
}

/// Names that Windows takes for a device, whatever folder they stand in and whatever extension they have.
fn is_device(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_uppercase();
    let numbered = |kind| stem.strip_prefix(kind).is_some_and(|number: &str| number.len() == 1 && number.as_bytes()[0].is_ascii_digit());
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"].contains(&stem.as_str()) || numbered("COM") || numbered("LPT")
}

/// Whether servers would take this first level for the inbox although it is spelled otherwise.
pub(crate) fn shadows_inbox(name: &str) -> bool {
    name != "INBOX" && name.eq_ignore_ascii_case("INBOX")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 30] = [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "\\2e",
        "~root",
        "a.b",
        ".hidden",
        "x.",
        "x ",
        " x",
        "a  b",
        "%",
        "%2e",
        "*",
        "a&b",
        "C:",
        "a:b|c?",
        "ü",
        "u\u{308}",
        "Trash",
        "TRASH",
        "a\0b",
        "\n",
        "\u{1F4EC}",
        "CON",
        "nul .txt",
        "Com1",
        "CONS",
    ];

    #[test]
    fn every_name_reads_back_and_no_two_share_one() {
        for codec in [Codec::on(false, true), Codec::on(false, false), Codec::on(true, true), Codec::on(true, false)] {
            let mut stored: Vec<String> = NAMES.iter().map(|name| codec.encode(name)).collect();
            for (name, stored) in NAMES.iter().zip(&stored) {
                assert_eq!(codec.decode(stored.as_bytes()), *name, "{stored} {codec:?}");
            }
            stored.sort();
            stored.dedup();
            assert_eq!(stored.len(), NAMES.len());
        }
    }

    #[test]
    fn no_stored_name_leads_out_of_its_directory() {
        for codec in [Codec::on(false, true), Codec::on(false, false), Codec::on(true, true), Codec::on(true, false)] {
            for name in NAMES.iter().map(|name| codec.encode(name)) {
                assert!(!name.is_empty() && name != "." && name != ".." && !name.contains('/'), "{name}");
                assert!(!name.starts_with(['.', '~']) && !name.bytes().any(|byte| byte.is_ascii_control()), "{name}");
                let bad = |c| "\\:*?\"<>|".contains(c);
                assert!(!codec.windows || !(name.contains(bad) || name.ends_with(['.', ' '])), "{name}");
                assert!(!codec.windows || codec.dots || !is_device(&name), "{name}");
            }
        }
    }

    #[test]
    fn dovecot_spellings_are_understood() {
        assert_eq!(Codec::on(false, true).decode(b"Entw&APw-rfe\\2ealt"), "Entwürfe.alt");
        assert_eq!(Codec::on(false, true).decode("Entwürfe".as_bytes()), "Entwürfe");
        assert_eq!(Codec::on(false, true).decode(b"R&D \\x \\"), "R&D \\x \\");
        assert_eq!(Codec::on(false, true).decode(b"caf\xe9"), "café");
    }

    #[test]
    fn a_name_set_apart_reads_back() {
        for name in ["inbox", "Inbox", "i"] {
            let stored = Codec::MAILDIR.encode_apart(name);
            assert!(!stored.eq_ignore_ascii_case("inbox"));
            assert_eq!(Codec::MAILDIR.decode(stored.as_bytes()), name);
        }
    }
}
