//! Names of folders there and back, one to one (T17).
//!
//! A level is modified UTF-7. What a level cannot hold is escaped as Dovecot's listescape does: `\2f` for a slash where the
//! slash separates. Servers that take no backslash, or only some of Unicode, get `=2f=` instead, with the bytes of UTF-8. An escape is
//! escaped only where it would read as one, so that usual names stay as they are.

use mailferry_core::model::FolderPath;

use crate::mutf7;

/// How a server writes names.
#[derive(Clone, Default, Debug)]
pub struct Names {
    /// Of the personal namespace, such as `INBOX.`.
    pub prefix: Vec<u8>,
    pub separator: Option<u8>,
}

/// How a name can be written; the next where a server does not take one, or takes it for another folder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    Usual,
    /// The first character of the last level is escaped.
    Apart,
    /// The same by `=xx=`, with everything else that is no letter, digit, blank, `-` or `_`.
    Safe,
}

impl Form {
    pub const ALL: [Form; 3] = [Form::Usual, Form::Apart, Form::Safe];
}

impl Names {
    pub fn decode(&self, name: &[u8]) -> FolderPath {
        self.split(name, unescaped)
    }

    /// The same with escapes left as they stand: for a name that would otherwise be taken for another's.
    pub fn decode_literally(&self, name: &[u8]) -> FolderPath {
        self.split(name, str::to_owned)
    }

    fn split(&self, name: &[u8], level: impl Fn(&str) -> String) -> FolderPath {
        if name.eq_ignore_ascii_case(b"INBOX") {
            return FolderPath::inbox();
        }
        let own = strip_prefix_ignoring_case(name, &self.prefix).filter(|rest| !rest.is_empty()).unwrap_or(name);
        let levels: Vec<&[u8]> = match self.separator {
            Some(separator) => own.split(|byte| *byte == separator).collect(),
            None => vec![own],
        };
        let mut path: Vec<String> = levels.into_iter().map(|bytes| level(&text_of(bytes))).collect();
        if path[0].eq_ignore_ascii_case("INBOX")
            && !own.starts_with(b"\\")
            && !own.starts_with(b"=")
            && (path.len() > 1 || own.len() != name.len())
        {
            path[0] = "INBOX".into();
        }
        FolderPath(path)
    }

    pub fn encode(&self, path: &FolderPath, form: Form) -> Vec<u8> {
        if path.is_inbox() && form == Form::Usual {
            return b"INBOX".to_vec();
        }
        let mut name = self.prefix.clone();
        for at in 0..path.0.len() {
            if at > 0 {
                name.extend(self.separator);
            }
            name.extend(self.level(path, at, form));
        }
        name
    }

    /// Below a parent that the server writes so.
    pub fn encode_below(&self, parent: &[u8], path: &FolderPath, form: Form) -> Vec<u8> {
        let mut name = parent.to_vec();
        name.extend(self.separator);
        name.extend(self.level(path, path.0.len() - 1, form));
        name
    }

    fn level(&self, path: &FolderPath, at: usize, form: Form) -> Vec<u8> {
        let level = path.0[at].as_str();
        let last = at + 1 == path.0.len();
        // `inbox` as a folder of its own would be the inbox.
        let is_no_inbox = at == 0 && level.eq_ignore_ascii_case("INBOX") && level != "INBOX";
        let text = match form {
            Form::Safe => safe(level, last || is_no_inbox),
            Form::Usual | Form::Apart => self.escaped(level, is_no_inbox || last && form == Form::Apart),
        };
        mutf7::encode(&text).into_bytes()
    }

    fn escaped(&self, level: &str, apart: bool) -> String {
        if level.is_empty() {
            return "\\00".into();
        }
        let mut text = String::with_capacity(level.len());
        for (at, c) in level.char_indices() {
            let separates = self.separator.is_some_and(|separator| c == char::from(separator));
            let reads_as_escape = escape(&level[at..]).is_some() || safe_escape(&level[at..]).is_some();
            if c.is_ascii() && (separates || reads_as_escape || c.is_ascii_control() || apart && at == 0) {
                text.push_str(&format!("\\{:02x}", u32::from(c)));
            } else {
                text.push(c);
            }
        }
        if apart && !level.is_ascii() && !text.starts_with('\\') {
            text.insert_str(0, "\\00");
        }
        text
    }
}

/// `apart`: at least one character is escaped.
fn safe(level: &str, apart: bool) -> String {
    let plain = |at: usize, c: char| match c {
        ' ' => at > 0 && at + 1 < level.len(),
        '-' | '_' => true,
        // Behind that, modified UTF-7 has surrogates.
        _ => c.is_alphanumeric() && u32::from(c) < 0xffff,
    };
    let all_plain = level.char_indices().all(|(at, c)| plain(at, c));
    let mut text = if level.is_empty() { "=00=".to_owned() } else { String::new() };
    for (at, c) in level.char_indices() {
        if plain(at, c) && !(apart && all_plain && at == 0) {
            text.push(c);
        } else {
            c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| text.push_str(&format!("={byte:02x}=")));
        }
    }
    text
}

fn text_of(level: &[u8]) -> String {
    match std::str::from_utf8(level) {
        Ok(text) => mutf7::decode(text).unwrap_or_else(|| text.into()),
        // Raw bytes of an old server: each its own character.
        Err(_) => level.iter().map(|byte| char::from(*byte)).collect(),
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (read, length) = match (escape(rest), safe_text(rest)) {
            (Some(c), _) => (c.to_string(), 3),
            (None, Some(read)) => read,
            (None, None) => (c.to_string(), c.len_utf8()),
        };
        // NUL stands for no character: an empty level, or one set apart.
        out.extend(read.chars().filter(|c| *c != '\0'));
        rest = &rest[length..];
    }
    out
}

/// The ASCII character of an escape at the beginning.
fn escape(text: &str) -> Option<char> {
    hexadecimal(text.strip_prefix('\\')?).filter(u8::is_ascii).map(char::from)
}

/// The byte of `=xx=` at the beginning.
fn safe_escape(text: &str) -> Option<u8> {
    let rest = text.strip_prefix('=')?;
    hexadecimal(rest).filter(|_| rest[2..].starts_with('='))
}

/// What a row of `=xx=` at the beginning stands for, and how long it is.
fn safe_text(text: &str) -> Option<(String, usize)> {
    let mut bytes = Vec::new();
    while let Some(byte) = text.get(bytes.len() * 4..).and_then(safe_escape) {
        bytes.push(byte);
        if let Ok(read) = std::str::from_utf8(&bytes) {
            return Some((read.to_owned(), bytes.len() * 4));
        }
    }
    None
}

/// Two small digits.
fn hexadecimal(text: &str) -> Option<u8> {
    let digits = text.get(..2)?;
    let small = digits.bytes().all(|digit| digit.is_ascii_digit() || (b'a'..=b'f').contains(&digit));
    small.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
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
            path(&["=2f="]),
            path(&["a=41=42="]),
            path(&["=f0==9f="]),
            path(&["100% \"x\" {3}; <y>", "child"]),
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
                for form in Form::ALL {
                    let name = names.encode(path, form);
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
        assert_eq!(courier.encode(&path(&["Sent", "2020"]), Form::Usual), b"INBOX.Sent.2020");
        assert_eq!(courier.decode(b"INBOX.Sent"), path(&["Sent"]));
        assert_eq!(courier.decode(b"Inbox"), path(&["INBOX"]));
        let dovecot = Names { prefix: Vec::new(), separator: Some(b'/') };
        assert_eq!(dovecot.encode(&path(&["R&D", "x.y"]), Form::Usual), b"R&-D/x.y");
        assert_eq!(dovecot.decode(b"inbox/x"), path(&["INBOX", "x"]));
    }

    #[test]
    fn a_server_without_backslash_and_surrogates_gets_letters_and_digits() {
        let cyrus = Names { prefix: Vec::new(), separator: Some(b'/') };
        assert_eq!(cyrus.encode(&path(&["100%"]), Form::Safe), b"100=25=");
        assert_eq!(cyrus.encode(&path(&["back\\slash", "TRASH"]), Form::Safe), b"back=5c=slash/=54=RASH");
        assert_eq!(cyrus.encode_below(b"100=25=", &path(&["100%", "x"]), Form::Usual), b"100=25=/x");
        assert_eq!(cyrus.encode(&path(&["Emoji 😀"]), Form::Safe), b"Emoji =f0==9f==98==80=");
        assert_eq!(cyrus.decode(b"Emoji =f0==9f==98==80="), path(&["Emoji 😀"]));
        assert_eq!(cyrus.decode_literally(b"100=25="), path(&["100=25="]));
    }
}
