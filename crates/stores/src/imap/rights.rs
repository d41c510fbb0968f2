//! Letters and names of rights, as servers of different kinds mean them (RFC 4314, and RFC 2086 before it). What one server cannot say
//! as the other did is given to nobody.

use std::collections::BTreeSet;

use mailferry_imap::Connection;

/// Without `c` and `d`, which stand for others there, and for which a server sets all of those.
const STANDARD: &str = "lrswipa";

/// How a server spells rights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Letters {
    /// What can be set, one by one. `None`: a server of RFC 2086, where `c` makes folders and `d` removes messages.
    modern: Option<BTreeSet<char>>,
}

impl Letters {
    pub fn of(connection: &Connection) -> Letters {
        Letters::named(connection.capabilities().find_map(|word| word.strip_prefix("RIGHTS=")))
    }

    fn named(offered: Option<&str>) -> Letters {
        let lower = |offered: &str| offered.to_ascii_lowercase();
        let modern = offered.map(|offered| STANDARD.chars().chain(lower(offered).chars()).filter(|letter| !is_virtual(*letter)).collect());
        Letters { modern }
    }

    /// What the server shows, in letters that stand for themselves.
    pub fn read(&self, shown: &str) -> String {
        let letters = shown.chars().flat_map(|letter| match (&self.modern, letter) {
            (Some(_), 'c' | 'd') => vec![],
            (None, 'c') => vec!['k'],
            (None, 'd') => vec!['e', 't'],
            (_, letter) => vec![letter],
        });
        letters.collect::<BTreeSet<char>>().into_iter().collect()
    }

    /// What to set, in its letters, and what it has no letter for. `denies`: it is a right that somebody has *not*, of which rather more.
    pub fn write(&self, rights: &str, denies: bool) -> (String, String) {
        let Some(known) = &self.modern else { return written_before(rights, denies) };
        rights.chars().partition(|letter| known.contains(letter))
    }
}

fn written_before(rights: &str, denies: bool) -> (String, String) {
    let (mut set, mut lost) = rights.chars().partition::<String, _>(|letter| STANDARD.contains(*letter));
    let has = |letter| lost.contains(letter);
    let removes = if denies { has('e') || has('t') } else { has('e') && has('t') };
    let makes = has('k');
    set.extend(makes.then_some('c'));
    set.extend(removes.then_some('d'));
    lost.retain(|letter| !(letter == 'k' && makes || removes && matches!(letter, 'e' | 't')));
    (set, lost)
}

fn is_virtual(letter: char) -> bool {
    matches!(letter, 'c' | 'd')
}

/// Which names mean a group or everybody, and not a person: each kind of server has its own. Elsewhere such a name would be taken for that
/// of a person, who may come to be one day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Names {
    Dovecot,
    Cyrus,
    Others,
}

impl Names {
    pub fn of(connection: &Connection) -> Names {
        let name = connection.server().to_ascii_lowercase();
        match () {
            () if name.starts_with("dovecot") => Names::Dovecot,
            () if name.starts_with("cyrus") => Names::Cyrus,
            () => Names::Others,
        }
    }

    /// Names of folders that this kind of server is known to refuse, as they go over the wire. What others refuse is seen when it is tried.
    pub fn refuse(self, name: &[u8], separator: Option<u8>) -> bool {
        let mut levels = name.split(|byte| Some(*byte) == separator);
        match self {
            Names::Dovecot => name.starts_with(b"~") || levels.any(|level| matches!(level, b"cur" | b"new" | b"tmp")),
            Names::Cyrus => name.starts_with(b"!") || name.iter().any(|byte| b"%\"\\{;<^|".contains(byte)),
            Names::Others => false,
        }
    }

    pub fn know(self, who: &str) -> bool {
        let who = who.strip_prefix('-').unwrap_or(who);
        let of_dovecot = who.starts_with(['$', '!', '#']) || matches!(who, "authenticated" | "owner");
        let of_cyrus = who.starts_with("group:") || who == "anonymous";
        let of_others = who.starts_with("user=") || who.starts_with("group=") || who == "administrators";
        match self {
            Names::Dovecot => !of_cyrus && !of_others,
            Names::Cyrus => !of_dovecot && !of_others,
            Names::Others => !of_cyrus && !of_dovecot,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_that_stands_for_others_is_never_set() {
        let modern = Letters::named(Some("TEKXN"));
        assert_eq!(modern.read("lrtd"), "lrt", "d is shown where t alone is held, and setting it gives e and x as well");
        assert_eq!(modern.write("lrtn0", false), ("lrtn".into(), "0".into()));
    }

    #[test]
    fn an_older_server_gets_a_right_for_several_only_where_all_of_them_are_held() {
        let old = Letters::named(None);
        assert_eq!(old.read("lrcd"), "eklrt", "what they meant there, and not x");
        assert_eq!(old.write("lrkte", false), ("lrcd".into(), String::new()));
        assert_eq!(old.write("lrtx", false), ("lr".into(), "tx".into()));
        assert_eq!(old.write("t", true), ("d".into(), String::new()), "who may not do one of them may do none");
    }

    #[test]
    fn names_of_folders_that_a_kind_of_server_refuses_are_known() {
        let refused = |kind: Names, name: &str| kind.refuse(name.as_bytes(), Some(b'/'));
        assert!(["cur", "a/tmp", "~me"].iter().all(|name| refused(Names::Dovecot, name) && !refused(Names::Cyrus, name)));
        assert!(["100%", "!x", "a;b", "a\\b"].iter().all(|name| refused(Names::Cyrus, name) && !refused(Names::Dovecot, name)));
        assert!(["curt", "a~", "a.tmp", "x!"].iter().all(|name| !refused(Names::Dovecot, name) && !refused(Names::Cyrus, name)));
    }

    #[test]
    fn the_name_of_a_group_is_not_taken_for_that_of_a_person_elsewhere() {
        assert!(Names::Dovecot.know("$staff") && Names::Dovecot.know("authenticated") && !Names::Dovecot.know("group:staff"));
        assert!(Names::Cyrus.know("-group:staff") && !Names::Cyrus.know("-$staff") && !Names::Cyrus.know("authenticated"));
        assert!(Names::Others.know("anna") && Names::Others.know("anyone") && !Names::Others.know("anonymous"));
    }
}
