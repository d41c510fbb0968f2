//! config.ini as text: every line kept as it was, values taken literally.
//!
//! Grammar: a line is blank, a comment (`;` or `#` as its first character), `[section]`, or `key = value`. There are no
//! escapes, quotes or comments behind a value: `\\NODE1\IN$`, `D:\new` and `a;b#c"d` mean what they show. Sections and
//! keys are compared without case; of a key that comes twice the last counts (R91: with a warning). Blanks around keys
//! and values do not count.
//!
//! The road not taken: the INI crates. They run escapes in Windows paths, cut values at `;`, lose comments or a section
//! behind a byte order mark (all measured).

use super::encoding::{UTF8_MARK, decode};

/// A whole file. `text` gives back exactly what `parse` read.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ini {
    marked: bool,
    guessed: bool,
    lines: Vec<Line>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Line {
    /// With its line end.
    raw: String,
    part: Part,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    Blank,
    Comment,
    Section(String),
    Pair { key: String, value: String },
    Odd(&'static str),
}

/// A key as it stands in the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry<'a> {
    /// Counted from 1.
    pub line: u32,
    /// Empty above the first section.
    pub section: &'a str,
    pub key: &'a str,
    pub value: &'a str,
}

/// A line that is not as it should be. The rest of the file stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Oddity {
    pub line: u32,
    pub text: String,
}

/// A name or value that this format cannot hold: a line break, another control character, blanks at its ends, or a
/// character that would make the line mean something else.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{0:?} cannot stand in a config.ini")]
pub struct Unwritable(pub String);

impl Ini {
    /// `Err` says why the bytes are no text.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let decoded = decode(bytes)?;
        Ok(Ini { marked: decoded.marked, guessed: decoded.guessed, ..Ini::parse(&decoded.text) })
    }

    pub fn parse(text: &str) -> Self {
        Ini { lines: text.split_inclusive('\n').map(Line::of).collect(), ..Ini::default() }
    }

    /// The file was not Unicode; its characters were guessed.
    pub fn was_guessed(&self) -> bool {
        self.guessed
    }

    pub fn text(&self) -> String {
        self.lines.iter().map(|line| line.raw.as_str()).collect()
    }

    /// As it is written to a disk: UTF-8, with a byte order mark if the file came with one.
    pub fn bytes(&self) -> Vec<u8> {
        let mark = if self.marked { UTF8_MARK } else { "" };
        format!("{mark}{}", self.text()).into_bytes()
    }

    /// Every key in the order of the file, those that a later line overrides included.
    pub fn entries(&self) -> impl Iterator<Item = Entry<'_>> {
        let mut section = "";
        self.lines.iter().zip(1u32..).filter_map(move |(line, number)| match &line.part {
            Part::Section(name) => {
                section = name;
                None
            }
            Part::Pair { key, value } => Some(Entry { line: number, section, key, value }),
            _ => None,
        })
    }

    pub fn get(&self, section: &str, key: &str) -> Option<Entry<'_>> {
        self.entries().filter(|entry| entry.is(section, key)).last()
    }

    /// Lines that are no key, and keys that a later line overrides.
    pub fn oddities(&self) -> Vec<Oddity> {
        let odd = self.lines.iter().zip(1u32..).filter_map(|(line, number)| match line.part {
            Part::Odd(why) => Some(Oddity { line: number, text: format!("`{}` is ignored: {why}", line.content()) }),
            _ => None,
        });
        let mut all: Vec<Oddity> = odd.chain(self.overridden()).collect();
        all.sort_by_key(|oddity| oddity.line);
        all
    }

    fn overridden(&self) -> impl Iterator<Item = Oddity> {
        let mut last = std::collections::HashMap::new();
        self.entries().filter_map(move |entry| {
            let earlier = last.insert((entry.section.to_ascii_lowercase(), entry.key.to_ascii_lowercase()), entry.line)?;
            Some(Oddity { line: entry.line, text: format!("{} stands in line {earlier} too; this line counts", entry.key) })
        })
    }

    /// Gives a key a value and leaves every other character as it is.
    pub fn set(&mut self, section: &str, key: &str, value: &str) -> Result<(), Unwritable> {
        check_name(section, section.contains(']'))?;
        check_name(key, key.is_empty() || key.contains('=') || key.starts_with(['[', ';', '#', '\u{feff}']))?;
        check_name(value, false)?;
        match self.get(section, key).map(|entry| entry.line as usize - 1) {
            Some(at) => self.lines[at].replace_value(value),
            None => self.insert(section, &format!("{key} = {value}")),
        }
        Ok(())
    }

    /// Takes a key away wherever it stands in the section; says whether it was there.
    pub fn remove(&mut self, section: &str, key: &str) -> bool {
        let doomed: Vec<u32> = self.entries().filter(|entry| entry.is(section, key)).map(|entry| entry.line).collect();
        let mut number = 0;
        self.lines.retain(|_| {
            number += 1;
            !doomed.contains(&number)
        });
        !doomed.is_empty()
    }

    /// Behind the last line of the section that says something; a section that is not there comes last in the file.
    fn insert(&mut self, section: &str, content: &str) {
        let mut at = self.section_end(section).unwrap_or_else(|| {
            if self.lines.last().is_some_and(|line| line.part != Part::Blank) {
                self.push_line(self.lines.len(), "");
            }
            self.push_line(self.lines.len(), &format!("[{section}]"));
            self.lines.len()
        });
        while at > 0 && self.lines[at - 1].part == Part::Blank {
            at -= 1;
        }
        self.push_line(at, content);
    }

    /// The line behind the last block of this section.
    fn section_end(&self, section: &str) -> Option<usize> {
        let (mut inside, mut end) = (section.is_empty(), section.is_empty().then_some(0));
        for (at, line) in self.lines.iter().enumerate() {
            if let Part::Section(name) = &line.part {
                inside = name.eq_ignore_ascii_case(section);
            }
            if inside {
                end = Some(at + 1);
            }
        }
        end
    }

    fn push_line(&mut self, at: usize, content: &str) {
        let end = if self.lines.first().is_some_and(|line| line.raw.ends_with("\r\n")) { "\r\n" } else { "\n" };
        if let Some(before) = at.checked_sub(1).map(|before| &mut self.lines[before])
            && !before.raw.ends_with('\n')
        {
            before.raw.push_str(end);
        }
        self.lines.insert(at, Line::of(&format!("{content}{end}")));
    }
}

impl Entry<'_> {
    fn is(&self, section: &str, key: &str) -> bool {
        self.section.eq_ignore_ascii_case(section) && self.key.eq_ignore_ascii_case(key)
    }
}

impl Line {
    fn of(raw: &str) -> Self {
        let content = raw.trim_ascii();
        let part = match content.chars().next() {
            None => Part::Blank,
            Some(';' | '#') => Part::Comment,
            Some('[') => section_of(content),
            Some(_) => pair_of(content),
        };
        Line { raw: raw.into(), part }
    }

    fn content(&self) -> &str {
        self.raw.trim_ascii()
    }

    fn replace_value(&mut self, value: &str) {
        let Some(equals) = self.raw.find('=') else { return };
        let behind = &self.raw[equals + 1..];
        let blank = behind.len() - behind.trim_ascii_start().len();
        let lead = if behind.trim_ascii().is_empty() { " " } else { &behind[..blank] };
        let tail = &behind[behind.trim_ascii_end().len()..];
        let tail = &tail[tail.find(['\r', '\n']).unwrap_or(tail.len())..];
        *self = Line::of(&format!("{}={lead}{value}{tail}", &self.raw[..equals]));
    }
}

fn section_of(content: &str) -> Part {
    match content[1..].split_once(']') {
        Some((name, _)) => Part::Section(name.trim_ascii().into()),
        None => Part::Odd("the bracket `]` is missing"),
    }
}

fn pair_of(content: &str) -> Part {
    match content.split_once('=') {
        Some(("", _)) => Part::Odd("there is no key before `=`"),
        Some((key, value)) => Part::Pair { key: key.trim_ascii_end().into(), value: value.trim_ascii_start().into() },
        None => Part::Odd("there is no `=`"),
    }
}

fn check_name(text: &str, wrong: bool) -> Result<(), Unwritable> {
    if wrong || text.contains(char::is_control) || text.trim_ascii() != text { Err(Unwritable(text.into())) } else { Ok(()) }
}

#[cfg(test)]
#[path = "ini_tests.rs"]
mod tests;
