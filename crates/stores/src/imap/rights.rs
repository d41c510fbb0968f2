//! Letters and names of rights, as servers of different kinds mean them (RFC 4314, and RFC 2086 before it). What one server cannot say
//! as the other did is given to nobody.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

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

/// Rights by who has them; with a `-` in front of the name, those that somebody is denied.
pub type Rights = BTreeMap<String, String>;

/// Dovecot looks for the first of these that fits somebody, and no further: a person's own entry takes the place of that of a group.
/// Elsewhere all that fit are added up, and what is denied is taken away from the sum (RFC 4314, 2).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Breadth {
    /// A group that goes before its members.
    Overriding,
    Person,
    Group,
    Authenticated,
    Anyone,
}

fn breadth(who: &str) -> Breadth {
    match who {
        "anyone" => Breadth::Anyone,
        "authenticated" => Breadth::Authenticated,
        who if who.starts_with('!') => Breadth::Overriding,
        who if who.starts_with('$') => Breadth::Group,
        _ => Breadth::Person,
    }
}

/// What is given to all names of a breadth together, and is not denied.
fn by_breadth(rights: &Rights) -> BTreeMap<Breadth, BTreeSet<char>> {
    let mut given_to: BTreeMap<Breadth, BTreeSet<char>> = BTreeMap::new();
    given(rights).for_each(|(who, letters)| given_to.entry(breadth(who)).or_default().extend(letters.chars()));
    given_to
}

impl Names {
    /// Rights as the server shows them, in the sense of RFC 4314: what somebody's own entry keeps from him is denied to him.
    pub fn added_up(self, mut shown: Rights) -> Rights {
        if self == Names::Dovecot {
            let given_to = by_breadth(&shown);
            let denials: Vec<(String, String)> = given(&shown)
                .map(|(who, own)| {
                    let denial = format!("-{who}");
                    let broader = given_to.range((Bound::Excluded(breadth(who)), Bound::Unbounded)).flat_map(|(_, letters)| letters);
                    let kept = broader.copied().filter(|letter| !own.contains(*letter));
                    let before = shown.get(&denial).map_or("", String::as_str);
                    let all: BTreeSet<char> = kept.chain(before.chars()).collect();
                    (denial, all.into_iter().collect())
                })
                .collect();
            shown.extend(denials);
        }
        shown.retain(|_, letters| !letters.is_empty());
        shown
    }

    /// The other way round, for the server: an entry holds what everybody has as well, and lacks what is denied.
    pub fn replaced(self, rights: &Rights) -> Rights {
        let mut entries = rights.clone();
        if self != Names::Dovecot {
            return entries;
        }
        let given_to = by_breadth(rights);
        for (who, own) in given(rights).filter(|(who, own)| !own.is_empty() && breadth(who) < Breadth::Anyone) {
            let denial = format!("-{who}");
            let denied = rights.get(&denial).map_or("", String::as_str);
            let broader = given_to.range((Bound::Excluded(breadth(who)), Bound::Unbounded));
            let of_all = broader.filter(|(breadth, _)| **breadth >= Breadth::Authenticated).flat_map(|(_, letters)| letters).copied();
            let letters: BTreeSet<char> = own.chars().chain(of_all).filter(|letter| !denied.contains(*letter)).collect();
            // An entry without letters is none, and all others count: it stays denied.
            if !letters.is_empty() {
                entries.remove(&denial);
            }
            entries.insert(who.clone(), letters.into_iter().collect());
        }
        entries
    }
}

/// Those that are not denied.
fn given(rights: &Rights) -> impl Iterator<Item = (&String, &String)> {
    rights.iter().filter(|(who, _)| !who.starts_with('-'))
}

/// Who has all rights anyway: the owner, as servers call him, and whoever logs in for him. Nobody takes theirs away.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Owner {
    names: Vec<String>,
}

impl Owner {
    pub fn of(user: &str, login: &str) -> Owner {
        let master = login.split_once('*').map(|(_, master)| master);
        let names = [Some("owner"), Some(user), Some(login), master];
        Owner { names: names.into_iter().flatten().map(str::to_owned).collect() }
    }

    pub fn is(&self, who: &str) -> bool {
        let bare = who.strip_prefix('-').unwrap_or(who);
        self.names.iter().any(|name| name.eq_ignore_ascii_case(bare))
    }

    /// Perhaps the owner, with or without a domain.
    pub fn may_be(&self, who: &str) -> bool {
        let local = |name: &str| name.split('@').next().unwrap_or_default().to_ascii_lowercase();
        let bare = who.strip_prefix('-').unwrap_or(who);
        self.names.iter().any(|name| name.contains('@') != bare.contains('@') && local(name) == local(bare))
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

    fn rights(pairs: &[(&str, &str)]) -> Rights {
        pairs.iter().map(|(who, letters)| ((*who).to_owned(), (*letters).to_owned())).collect()
    }

    #[test]
    fn an_entry_that_takes_the_place_of_others_denies_what_it_lacks_and_comes_back_as_it_was() {
        let shown = rights(&[("anyone", "lr"), ("$staff", "lrs"), ("bob", "l"), ("eve", ""), ("tom", "lrsw"), ("!boss", "lrsw")]);
        let added = Names::Dovecot.added_up(shown.clone());
        for (who, denied) in [("bob", "rs"), ("eve", "lrs")] {
            assert_eq!(added.get(&format!("-{who}")).map(String::as_str), Some(denied), "{who} has less than all others have");
        }
        assert!(!added.contains_key("-tom") && !added.contains_key("-$staff") && !added.contains_key("-!boss"), "{added:?}");
        assert_eq!(Names::Cyrus.added_up(shown.clone()).get("-bob"), None, "elsewhere entries are added up already");
        let mut back = Names::Dovecot.replaced(&added);
        assert_eq!(back.remove("-eve").as_deref(), Some("lrs"), "where somebody has no letter, only a denial says so");
        assert_eq!(back, shown.into_iter().filter(|(who, _)| who != "eve").collect::<Rights>());
    }

    #[test]
    fn where_an_entry_takes_the_place_of_others_it_holds_what_all_have() {
        let added = rights(&[("anyone", "lr"), ("bob", "w"), ("-bob", "r"), ("eve", "l"), ("-eve", "lr"), ("-tom", "r")]);
        let replaced = Names::Dovecot.replaced(&added);
        assert_eq!(replaced, rights(&[("anyone", "lr"), ("bob", "lw"), ("eve", ""), ("-eve", "lr"), ("-tom", "r")]));
        assert_eq!(Names::Others.replaced(&added), added);
    }

    #[test]
    fn the_owner_is_known_by_every_name_and_a_name_that_may_be_his_is_left_alone() {
        let owner = Owner::of("alice@a.example", "alice@a.example*master");
        assert!(["owner", "Alice@A.example", "-alice@a.example", "master"].iter().all(|who| owner.is(who)));
        assert!(!owner.is("alice") && owner.may_be("alice") && owner.may_be("ALICE"));
        assert!(!owner.may_be("alice@b.example") && !owner.may_be("bob") && Owner::of("alice", "alice").may_be("alice@b.example"));
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
