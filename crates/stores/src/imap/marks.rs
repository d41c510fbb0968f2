//! Flags and keywords there and back (T19).
//!
//! `\Recent` belongs to a session. A flag with a backslash that RFC 9051 does not know stays as it is, as a keyword: a server that
//! cannot store it has it listed as lost.

use mailferry_core::model::{Flags, Keywords, Marks};

pub fn parse(flags: &[String]) -> Marks {
    let mut marks = Marks::default();
    for flag in flags {
        match Flags::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(flag)) {
            Some((known, _)) => marks.flags = marks.flags.with(*known),
            None if flag.eq_ignore_ascii_case("\\Recent") || flag == "\\*" || flag.is_empty() => {}
            None => {
                marks.keywords.insert(flag.clone());
            }
        }
    }
    marks
}

/// What a folder lets a client store for good.
#[derive(Clone, Default, Debug)]
pub struct Storable {
    /// `None`: the server did not say; then everything is tried.
    permanent: Option<Vec<String>>,
}

impl Storable {
    pub fn new(permanent: Option<Vec<String>>) -> Self {
        Storable { permanent }
    }

    /// The flags of the standard and no keyword.
    pub fn flags_alone() -> Self {
        Storable { permanent: Some(Flags::NAMES.iter().map(|(_, name)| (*name).to_owned()).collect()) }
    }

    fn keyword(&self, keyword: &str) -> bool {
        let named = |list: &[String]| list.iter().any(|there| there == "\\*" || there.eq_ignore_ascii_case(keyword));
        is_atom(keyword) && self.permanent.as_deref().is_none_or(named)
    }

    /// A keyword, or a flag of the standard by its name.
    pub fn keeps(&self, mark: &str) -> bool {
        let is_flag = Flags::NAMES.iter().any(|(_, name)| name.eq_ignore_ascii_case(mark));
        if is_flag { self.flag(mark) } else { self.keyword(mark) }
    }

    fn flag(&self, name: &str) -> bool {
        self.permanent.as_deref().is_none_or(|list| list.iter().any(|there| there.eq_ignore_ascii_case(name)))
    }

    /// The flags in parentheses, and the keywords that cannot be stored.
    pub fn write(&self, marks: &Marks) -> (String, Vec<String>) {
        let flags = Flags::NAMES.iter().filter(|(flag, name)| marks.flags.contains(*flag) && self.flag(name)).map(|(_, name)| *name);
        let (kept, lost): (Keywords, Keywords) = marks.keywords.iter().cloned().partition(|keyword| self.keyword(keyword));
        let all: Vec<&str> = flags.chain(kept.iter().map(String::as_str)).collect();
        (format!("({})", all.join(" ")), lost.into_iter().collect())
    }
}

/// RFC 9051, flag-keyword: an atom.
fn is_atom(keyword: &str) -> bool {
    !keyword.is_empty() && keyword.bytes().all(|byte| byte > b' ' && byte < 0x7f && !b"(){%*\"\\]".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_stored_is_named_and_the_rest_goes() {
        let flags = ["\\Seen", "\\Recent", "$Forwarded", "\\FORWARDED", "a]b", "ü"].map(str::to_owned);
        let marks = parse(&flags);
        let all = Storable::new(Some(vec!["\\Seen".into(), "\\*".into()]));
        assert_eq!(all.write(&marks), ("(\\Seen $Forwarded)".into(), vec!["\\FORWARDED".into(), "a]b".into(), "ü".into()]));
        let none = Storable::new(Some(vec!["\\Deleted".into()]));
        assert_eq!(none.write(&marks).0, "()");
        assert_eq!(none.write(&marks).1.len(), 4);
    }
}
