//! Rights of others at servers that do as they like (T27): nobody gets a right that the source did not give, nor keeps one.

use std::collections::BTreeMap;
use std::process::Output;

use mailferry_mailbed::hostile::{Armed, Hostile, Quirk, Setup};
use mailferry_tests::console;

use super::kit::secret_file;

const USER: &str = "alice";
const MAIL: &[u8] = b"From: a@example.org\r\nSubject: one\r\n\r\nText.\r\n";

struct Pair {
    source: Hostile,
    target: Hostile,
    dir: tempfile::TempDir,
}

fn rights(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(who, letters)| ((*who).to_owned(), (*letters).to_owned())).collect()
}

fn set(server: &Hostile, folder: &str, pairs: &[(&str, &str)]) {
    server.world(USER, |world| world.create(folder).rights = rights(pairs));
}

fn of(server: &Hostile, folder: &str) -> BTreeMap<String, String> {
    server.world(USER, |world| world.create(folder).rights.clone())
}

impl Pair {
    /// A message in the folder Work, with these rights of others.
    fn giving(pairs: &[(&str, &str)]) -> Pair {
        let start = || Hostile::start(Setup::default().with("ACL").with("RIGHTS=texk")).expect("a server");
        let pair = Pair { source: start(), target: start(), dir: tempfile::tempdir().expect("a temporary directory") };
        set(&pair.source, "Work", pairs);
        pair.source.world(USER, |world| world.add("Work", MAIL, &[]));
        pair
    }

    fn run(&self, settings: &[&str]) -> Output {
        let url = |server: &Hostile| {
            let file = secret_file(self.dir.path(), "password", "sesame");
            format!("imap://{USER}@{}/?password-file={}", server.address(), file.display())
        };
        let work = self.dir.path().join("work").display().to_string();
        console(&[&["--json", "migrate", &url(&self.source), &url(&self.target), "--work", &work][..], settings].concat())
    }

    /// What was told.
    fn migrate(&self) -> String {
        let output = self.run(&["--set", "SendRights=1"]);
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{told}");
        told
    }

    /// Commands to the target that set rights or bring mail.
    fn acts(&self) -> Vec<String> {
        let words = ["SETACL", "DELETEACL", "APPEND"];
        let commands = self.target.commands().into_iter().filter_map(|line| Some(line.split_once(' ')?.1.to_owned()));
        commands.filter(|line| words.iter().any(|word| line.starts_with(word))).collect()
    }
}

#[test]
fn what_a_new_folder_inherits_and_an_older_one_has_is_taken_away_before_anybody_gets_more_and_before_any_mail_comes() {
    let pair = Pair::giving(&[("anna", "lrs"), ("bob", "lr")]);
    pair.source.world(USER, |world| world.add("Private", MAIL, &[]));
    set(&pair.target, "INBOX", &[("everybody", "lr")]);
    set(&pair.target, "Work", &[("bob", "lrswit"), ("former", "lr"), (USER, "lrswipkxtea")]);
    let told = pair.migrate();
    assert!(!told.contains("rights of"), "{told}");
    assert_eq!(of(&pair.target, "Work"), rights(&[(USER, "lrswipkxtea"), ("anna", "lrs"), ("bob", "lr")]));
    assert_eq!([of(&pair.target, "Private"), of(&pair.target, "INBOX")], [rights(&[]), rights(&[])]);
    let acts = pair.acts();
    let at = |what: &str| acts.iter().position(|act| act.contains(what)).unwrap_or_else(|| panic!("{what} is not in {acts:?}"));
    assert!(at("former") < at("anna") && at("bob") < at("anna"), "it is closed before it is opened: {acts:?}");
    let last_right = acts.iter().rposition(|act| act.contains("ACL"));
    assert!(last_right < Some(at("APPEND")), "{acts:?}");
}

#[test]
fn rights_that_the_server_adds_are_nobodys() {
    let pair = Pair::giving(&[("anna", "lr"), ("bob", "lr")]);
    pair.target.arm(Armed::new(Quirk::AddsRights("w")).holding(b"bob"));
    let told = pair.migrate();
    assert_eq!(of(&pair.target, "Work"), rights(&[("anna", "lr")]));
    assert!(told.contains("rights of bob in Work: lr (the server would add w: nothing is given)"), "{told}");
    assert_eq!(pair.target.happened(), [Quirk::AddsRights("w")]);
}

#[test]
fn where_somebody_cannot_be_denied_a_right_nobody_gets_any() {
    let pair = Pair::giving(&[("-eve", "lr"), ("anyone", "lr"), ("bob", "l")]);
    set(&pair.target, "Work", &[("anyone", "l")]);
    let refuses = Quirk::refuses("SETACL", "NO there are no negative rights here");
    pair.target.arm(Armed::new(refuses.clone()).holding(b"-eve"));
    let told = pair.migrate();
    assert_eq!(of(&pair.target, "Work"), rights(&[]));
    assert_eq!(pair.target.happened(), [refuses]);
    assert!(told.contains("rights of anyone in Work: lr (somebody cannot be denied what others would get)"), "{told}");
}

#[test]
fn what_the_server_does_not_take_away_and_what_may_be_the_owners_is_told() {
    let pair = Pair::giving(&[]);
    set(&pair.target, "Work", &[("former", "lr"), ("alice@example.org", "lrswipkxtea")]);
    pair.target.arm(Armed::new(Quirk::KeepsRights).holding(b"former"));
    let told = pair.migrate();
    assert_eq!(of(&pair.target, "Work"), rights(&[("alice@example.org", "lrswipkxtea"), ("former", "lr")]));
    assert!(told.contains("rights of former in Work: lr (not given at the source, and the server does not take them away)"), "{told}");
    assert!(told.contains("rights of alice@example.org in Work: aeiklprstwx (not given at the source, and left"), "{told}");
}

#[test]
fn rights_go_again_once_they_have_been_switched_off_and_on() {
    let pair = Pair::giving(&[("bob", "lr")]);
    pair.migrate();
    set(&pair.target, "Work", &[("former", "lr")]);
    pair.migrate();
    assert_eq!(of(&pair.target, "Work"), rights(&[("former", "lr")]), "nothing has changed at the source");
    assert!(pair.run(&[]).status.success());
    pair.migrate();
    assert_eq!(of(&pair.target, "Work"), rights(&[("bob", "lr")]));
}
