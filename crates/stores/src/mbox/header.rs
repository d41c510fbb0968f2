//! Header lines in which mbox readers keep flags: `Status` (R seen, O old), `X-Status` (A answered, F flagged, D deleted,
//! T draft) and `X-Keywords`.

use mailferry_core::model::{Flags, Marks};

const STATUS: [(char, Flags); 1] = [('R', Flags::SEEN)];
const X_STATUS: [(char, Flags); 4] = [('A', Flags::ANSWERED), ('F', Flags::FLAGGED), ('D', Flags::DELETED), ('T', Flags::DRAFT)];
/// Lines that readers add and change while the message stays the same.
const UNSTEADY: [&str; 8] = ["Status", "X-Status", "X-Keywords", "X-UID", "X-IMAP", "X-IMAPbase", "Content-Length", "Lines"];

/// A header line taken apart.
#[derive(Clone, Copy, Debug)]
pub(super) struct HeaderLine<'a> {
    pub(super) name: &'a str,
    pub(super) value: &'a [u8],
}

impl<'a> HeaderLine<'a> {
    pub(super) fn split(line: &'a [u8]) -> Option<Self> {
        let colon = line.iter().take(100).position(|byte| *byte == b':')?;
        let name = std::str::from_utf8(&line[..colon]).ok()?.trim_ascii_end();
        let fits = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then_some(HeaderLine { name, value: line[colon + 1..].trim_ascii() })
    }

    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    pub(super) fn is_unsteady(&self) -> bool {
        UNSTEADY.iter().any(|name| self.is(name))
    }
}

/// Takes up what a line says about marks; whether it said anything.
pub(super) fn take_marks(line: HeaderLine<'_>, marks: &mut Marks) -> bool {
    let table: &[(char, Flags)] = match () {
        () if line.is("Status") => &STATUS,
        () if line.is("X-Status") => &X_STATUS,
        () if line.is("X-Keywords") => {
            take_keywords(line.value, marks);
            return true;
        }
        () => return false,
    };
    for (_, flag) in table.iter().filter(|(letter, _)| line.value.contains(&(*letter as u8))) {
        marks.flags = marks.flags.with(*flag);
    }
    true
}

pub(super) fn take_keywords(value: &[u8], marks: &mut Marks) {
    marks.keywords.extend(String::from_utf8_lossy(value).split_ascii_whitespace().map(String::from));
}

/// The lines for these marks; `Status` is always there, so that its absence says that a reader has moved it.
pub(super) fn status_lines(marks: &Marks) -> String {
    let letters = |table: &[(char, Flags)]| {
        table.iter().filter(|(_, flag)| marks.flags.contains(*flag)).map(|(letter, _)| *letter).collect::<String>()
    };
    let mut lines = format!("Status: {}O\n", letters(&STATUS));
    let further = letters(&X_STATUS);
    if !further.is_empty() {
        lines += &format!("X-Status: {further}\n");
    }
    let keywords: Vec<&str> = marks.keywords.iter().map(String::as_str).filter(|keyword| fits(keyword)).collect();
    if !keywords.is_empty() {
        lines += &format!("X-Keywords: {}\n", keywords.join(" "));
    }
    lines
}

pub(super) fn fits(keyword: &str) -> bool {
    !keyword.is_empty() && keyword.len() <= 1000 && !keyword.chars().any(|c| c.is_whitespace() || c.is_control())
}
