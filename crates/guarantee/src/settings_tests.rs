//! Rows of guarantee.toml.

use super::*;
use crate::open::At;

fn parsed(text: &str) -> Result<Vec<Row>, String> {
    let clock: Arc<dyn Clock> = Arc::new(At(0));
    parse(text, &clock)
}

const NODES: &str = "active = { name = \"A\", site = \"X\" }\npassive = { name = \"B\" }\n";

#[test]
fn every_provider_has_a_row() {
    let text = format!(
        "[[stores]]\nmatch = \"imap://*@a\"\nconstraint = \"secondcopy\"\nprovider = \"dovecot\"\n{NODES}\
         [[stores]]\nmatch = \"*\"\nprovider = \"dovecot-sync\"\nremote = [\"tcp:b:1\"]\n{NODES}\
         [[stores]]\nmatch = \"*\"\nprovider = \"dovecot-sync\"\nstamp = \"/s\"\n{NODES}\
         [[stores]]\nmatch = \"*\"\nprovider = \"cyrus\"\n{NODES}\
         [[stores]]\nmatch = \"*\"\nprovider = \"exchange\"\ndatabase = \"DB1\"\nsites = {{ MBX1 = \"HQ\" }}\n\
         [[stores]]\nmatch = \"*\"\nprovider = \"command\"\nprogram = \"p\"\npatience_s = 300\n\
         [[stores]]\nmatch = \"*\"\nprovider = \"mailferry\"\nnodes = [{{ name = \"T1\", status = \"/s\" }}]\n"
    );
    let rows = parsed(&text).unwrap();
    let kinds: Vec<&str> = rows.iter().map(|row| row.kind).collect();
    assert_eq!(kinds, ["dovecot", "dovecot-sync", "dovecot-sync", "cyrus", "exchange", "command", "mailferry"]);
    assert_eq!(rows[0].constraint.unwrap().word(), "SecondCopy");
    assert!(parsed("").unwrap().is_empty());
}

#[test]
fn what_is_misspelt_is_refused() {
    let row = |more: &str| format!("[[stores]]\nmatch = \"*\"\n{more}");
    for text in [
        row("provider = \"zfs\""),
        row("provider = \"command\""),
        row("provider = \"command\"\nprogram = \"p\"\nargument = []"),
        row("provider = \"command\"\nprogram = \"p\"\nconstraint = \"ThirdCopy\""),
        row("provider = \"command\"\nprogram = \"p\"\npatience_s = 0"),
        row("provider = \"command\"\nprogram = \"p\"\npatience_s = 301"),
        row(&format!("provider = \"dovecot-sync\"\n{NODES}")),
        row(&format!("provider = \"dovecot-sync\"\nremote = [\"x\"]\nstamp = \"/s\"\n{NODES}")),
        row("provider = \"dovecot\"\nactive = { name = \"A\", sight = \"X\" }\npassive = { name = \"B\" }"),
        "[[stores]]\nprovider = \"command\"\nprogram = \"p\"".into(),
        "[[store]]\n".into(),
    ] {
        assert!(parsed(&text).is_err(), "{text}");
    }
}

#[test]
fn a_star_is_any_text() {
    for (pattern, text, expected) in [
        ("imap://*@mail.b", "imap://alice@mail.b", true),
        ("imap://*@mail.b", "imap://alice@mail.bc", false),
        ("imap://*@mail.b*", "imap://alice@mail.bc", true),
        ("maildir:/srv/*", "maildir:/srv/", true),
        ("maildir:/srv/a", "maildir:/srv/ab", false),
        ("*a*b*", "xxaxxbxx", true),
        ("*a*b*", "xxbxxaxx", false),
        ("ab*ba", "aba", false),
        ("*", "", true),
        ("", "x", false),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
}
