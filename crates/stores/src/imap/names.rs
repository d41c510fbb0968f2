//! Names of folders there and back, one to one (T17).
//!
//! A level is modified UTF-7. What a level cannot hold is escaped as Dovecot's listescape does: `\2f` for a slash where the
//! slash separates. A backslash is escaped only where it would read as such an escape, so that usual names stay as they are.

use mailferry_core::model::FolderPath;

use crate::mutf7;

/// How a server writes names.
#[derive(Clone, Default, Debug)]
pub struct Names {
    /// Of the personal namespace, such as `INBOX.`.
    pub prefix: Vec<u8>,
    pub separator: Option<u8>,
}

impl Names {
    pub fn decode(&self, name: &[u8]) -> FolderPath {
        if name.eq_ignore_ascii_case(b"INBOX") {
            return FolderPath::inbox();
        }
        let own = strip_prefix_ignoring_case(name, &self.prefix).filter(|rest| !rest.is_empty()).unwrap_or(name);
        let levels: Vec<&[u8]> = match self.separator {
            Some(separator) => own.split(|byte| *byte == separator).collect(),
            None => vec![own],
        };
        let mut path: Vec<String> = levels.into_iter().map(level_decoded).collect();
        if path[0].eq_ignore_ascii_case("INBOX") && !own.starts_with(b"\\") && (path.len() > 1 || own.len() != name.len()) {
            path[0] = "INBOX".into();
        }
        FolderPath(path)
    }

    /// `apart`: the first character of the last level is escaped, for a name that the server does not take or takes for another.
    pub fn encode(&self, path: &FolderPath, apart: bool) -> Vec<u8> {
        if path.is_inbox() && !apart {
            return b"INBOX".to_vec();
        }
        let last = path.0.len().saturating_sub(1);
        let levels: Vec<Vec<u8>> = path.0.iter().enumerate().map(|(at, level)| self.level(level, at == 0, apart && at == last)).collect();
        let mut name = self.prefix.clone();
        for (at, level) in levels.iter().enumerate() {
            if at > 0 {
                name.extend(self.separator);
            }
            name.extend_from_slice(level);
        }
        name
    }

    fn level(&self, level: &str, first: bool, apart: bool) -> Vec<u8> {
        if level.is_empty() {
            return b"\\00".to_vec();
        }
        // `inbox` as a folder of its own would be the inbox.
        let apart = apart || first && level.eq_ignore_ascii_case("INBOX") && level != "INBOX";
        let mut text = String::with_capacity(level.len());
        for (at, c) in level.char_indices() {
            let separates = self.separator.is_some_and(|separator| c == char::from(separator));
            let reads_as_escape = c == '\\' && escape(&level[at..]).is_some();
            if c.is_ascii() && (separates || reads_as_escape || c.is_ascii_control() || apart && at == 0) {
                text.push_str(&format!("\\{:02x}", u32::from(c)));
            } else {
                text.push(c);
            }
        }
        if apart && !level.is_ascii() && !text.starts_with('\\') {
            text.insert_str(0, "\\00");
        }
        mutf7::encode(&text).into_bytes()
    }
}

fn level_decoded(level: &[u8]) -> String {
    let text = match std::str::from_utf8(level) {
        Ok(text) => mutf7::decode(text).unwrap_or_else(|| text.into()),
        // Raw bytes of an old server: each its own character.
        Err(_) => level.iter().map(|byte| char::from(*byte)).collect(),
    };
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        match escape(rest) {
            // Stands for no character: an empty level, or one set apart.
            Some('\0') => rest = &rest[3..],
            Some(c) => {
                out.push(c);
                rest = &rest[3..];
            }
            None => {
                out.push('\\');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The ASCII character of an escape at the beginning.
fn escape(text: &str) -> Option<char> {
    let digits = text.strip_prefix('\\')?.get(..2)?;
    if !digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit)) {
        return None;
    }
    u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii).map(char::from)
}

fn strip_prefix_ignoring_case<'a>(name: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = name.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(levels: &[&str]) -> FolderPath {
        FolderPath(levels.iter().map(|level| (*level).to_owned()).collect())
    }

    #[test]
    fn every_path_reads_back_and_no_two_are_one() {
        let paths = [
            path(&["INBOX"]),
            path(&["inbox"]),
            path(&["Inbox"]),
            path(&["INBOX", "x"]),
            path(&["inbox", "x"]),
            path(&["a", "INBOX"]),
            path(&["a", "inbox"]),
            path(&["a/b"]),
            path(&["a", "b"]),
            path(&["a.b"]),
            path(&["\\2f"]),
            path(&["\\2F"]),
            path(&["\\\\2f"]),
            path(&["\\"]),
            path(&["a\\b"]),
            path(&[""]),
            path(&["", ""]),
            path(&["R&D", "&-"]),
            path(&["Entwürfe"]),
            path(&["📬 x"]),
            path(&["tab\there"]),
            path(&["~x"]),
            path(&["cur"]),
        ];
        for names in [
            Names { prefix: Vec::new(), separator: Some(b'/') },
            Names { prefix: b"INBOX.".to_vec(), separator: Some(b'.') },
            Names { prefix: Vec::new(), separator: None },
        ] {
            let mut seen = std::collections::BTreeMap::new();
            for path in paths.iter().filter(|path| names.separator.is_some() || path.0.len() == 1) {
                for apart in [false, true] {
                    let name = names.encode(path, apart);
                    assert_eq!(names.decode(&name), *path, "{}", String::from_utf8_lossy(&name));
                    if let Some(other) = seen.insert(name.to_ascii_lowercase(), path) {
                        assert!(other == path || other.0.concat().eq_ignore_ascii_case(&path.0.concat()), "{other:?} {path:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn usual_names_stay_as_they_are() {
        let courier = Names { prefix: b"INBOX.".to_vec(), separator: Some(b'.') };
        assert_eq!(courier.encode(&path(&["Sent", "2020"]), false), b"INBOX.Sent.2020");
        assert_eq!(courier.decode(b"INBOX.Sent"), path(&["Sent"]));
        assert_eq!(courier.decode(b"Inbox"), path(&["INBOX"]));
        let dovecot = Names { prefix: Vec::new(), separator: Some(b'/') };
        assert_eq!(dovecot.encode(&path(&["R&D", "x.y"]), false), b"R&-D/x.y");
        assert_eq!(dovecot.decode(b"inbox/x"), path(&["INBOX", "x"]));
    }
}
