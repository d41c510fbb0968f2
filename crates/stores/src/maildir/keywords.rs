//! Keywords of a folder: `dovecot-keywords` gives each of the letters a to z a name (T19).
//!
//! A line is `<number> <keyword>`, 0 standing for `a`. The file is only ever grown, and replaced whole.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mailferry_core::model::{Keywords, Marks};

use super::FORWARDED;
use crate::files;

const FILE: &str = "dovecot-keywords";
const LETTERS: usize = 26;
/// Far above 26 keywords of any sane length.
const FILE_BYTES_MAX: u64 = 256 * 1024;

#[derive(Clone, Debug, Default)]
pub(super) struct KeywordTable {
    names: [Option<String>; LETTERS],
    changed: bool,
}

impl KeywordTable {
    pub(super) fn read(folder: &Path) -> io::Result<Self> {
        let mut text = Vec::new();
        match files::open_plain(&path(folder)) {
            Ok(file) => file.take(FILE_BYTES_MAX).read_to_end(&mut text)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
        let mut table = KeywordTable::default();
        for line in String::from_utf8_lossy(&text).lines() {
            table.take_line(line);
        }
        Ok(table)
    }

    fn take_line(&mut self, line: &str) {
        let Some((number, name)) = line.split_once(' ') else { return };
        if let Some(slot) = number.parse().ok().and_then(|number: usize| self.names.get_mut(number)) {
            *slot = Some(name.into()).filter(|name: &String| !name.is_empty());
        }
    }

    /// Keywords of a message by the letters of its name. A letter without a name says nothing.
    pub(super) fn keywords_of(&self, letters: &[u8]) -> Keywords {
        let named = letters.iter().filter(|letter| letter.is_ascii_lowercase());
        let mut keywords: Keywords = named.filter_map(|letter| self.names[usize::from(letter - b'a')].clone()).collect();
        if letters.contains(&b'P') {
            keywords.insert(FORWARDED.into());
        }
        keywords
    }

    /// Letters for keywords, and those that found none. Names without a letter get the next free one.
    pub(super) fn letters_for(&mut self, marks: &Marks) -> (Vec<u8>, Vec<String>) {
        let (mut letters, mut lost) = (Vec::new(), Vec::new());
        for keyword in &marks.keywords {
            match self.letter(keyword) {
                Some(letter) if !letters.contains(&letter) => letters.push(letter),
                Some(_) => (),
                None => lost.push(keyword.clone()),
            }
        }
        (letters, lost)
    }

    fn letter(&mut self, keyword: &str) -> Option<u8> {
        if keyword.eq_ignore_ascii_case(FORWARDED) {
            return Some(b'P');
        }
        let known = self.names.iter().position(|name| name.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(keyword)));
        let at = known.or_else(|| self.give(keyword))?;
        Some(b'a' + at as u8)
    }

    fn give(&mut self, keyword: &str) -> Option<usize> {
        let unfit = keyword.is_empty() || keyword.len() > 1000 || keyword.chars().any(char::is_control);
        let at = self.names.iter().position(Option::is_none).filter(|_| !unfit)?;
        self.names[at] = Some(keyword.into());
        self.changed = true;
        Some(at)
    }

    /// Before any name shows a letter, the letter must have its meaning on disk.
    pub(super) fn save(&mut self, folder: &Path) -> io::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let lines = self.names.iter().enumerate().filter_map(|(at, name)| name.as_ref().map(|name| format!("{at} {name}\n")));
        files::replace(&path(folder), lines.collect::<String>().as_bytes())?;
        self.changed = false;
        Ok(())
    }
}

fn path(folder: &Path) -> PathBuf {
    folder.join(FILE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marks(keywords: impl Iterator<Item = String>) -> Marks {
        Marks { keywords: keywords.collect(), ..Marks::default() }
    }

    #[test]
    fn twenty_six_keywords_and_forwarded_are_kept_and_the_rest_reported() {
        let wanted = marks((0..30).map(|number| format!("k{number:02}")).chain([FORWARDED.into()]));
        let mut table = KeywordTable::default();
        let (letters, lost) = table.letters_for(&wanted);
        assert_eq!((letters.len(), lost), (27, (26..30).map(|number| format!("k{number}")).collect()));
        let kept = table.keywords_of(&letters);
        assert!(kept.is_subset(&wanted.keywords) && kept.len() == 27);
    }

    #[test]
    fn the_table_survives_the_disk_and_keeps_the_letters_of_others() {
        let folder = tempfile::tempdir().expect("a temporary directory");
        std::fs::write(path(folder.path()), "3 Junk\n99 far\nrubbish\n-1 x\n\n").expect("written");
        let mut table = KeywordTable::read(folder.path()).expect("read");
        assert_eq!(table.keywords_of(b"adz"), Keywords::from(["Junk".into()]));
        assert_eq!(
            table.letters_for(&marks(["junk".into(), "a b".into(), "bad\nline".into()].into_iter())),
            (vec![b'a', b'd'], vec!["bad\nline".into()])
        );
        table.save(folder.path()).expect("saved");
        let again = KeywordTable::read(folder.path()).expect("read");
        assert_eq!(again.keywords_of(b"ad"), Keywords::from(["Junk".into(), "a b".into()]));
    }
}
