use mailferry_core::model::Flags;

use crate::world::{MAY, Mail, Ran, World, mail};

const ONE: &str = "Subject: secret\r\n\r\none\r\n";

/// Folders, marks, dates and twins that every store can hold.
fn mails() -> Vec<Mail> {
    vec![
        mail("INBOX", ONE),
        mail("INBOX", ONE),
        Mail { flags: Flags::ANSWERED, keywords: &["$Forwarded", "later"], ..mail("INBOX", ONE) },
        Mail { seconds: MAY - 86_400, ..mail("Sent/2024", "From: a\r\n\r\nFrom the start\r\n>From\r\n") },
        Mail { flags: Flags::NONE, ..mail("Entwürfe", "\n") },
    ]
}

fn ran(code: i32, out: &str, err: &str) -> Ran {
    Ran { code: Some(code), out: out.into(), err: err.into() }
}

#[test]
fn the_same_mail_in_another_kind_of_store_is_no_difference() {
    let world = World::new();
    let (maildir, mbox) = (world.mailbox("maildir", "a", &mails()), world.mailbox("mboxrd", "b", &mails()));
    let none =
        "source: 3 folders, 5 items, 107 bytes in maildir:DIR/a\ntarget: 3 folders, 5 items, 107 bytes in mbox:DIR/b\nno differences\n";
    assert_eq!(world.run(&["verify", &maildir, &mbox]), ran(0, none, ""));
}

#[test]
fn each_difference_is_printed_with_what_finds_it_again_and_nothing_of_the_mail() {
    let world = World::new();
    let source = world.mailbox("maildir", "a", &mails());
    let mut changed = mails();
    changed[1].flags = Flags::FLAGGED;
    changed[3].seconds += 2;
    changed.remove(4);
    changed.push(mail("INBOX", "Subject: secret too\r\n\r\n"));
    let target = world.mailbox("maildir", "b", &changed);
    let ran = world.run(&["verify", &source, &target]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), ""));
    let key = |number: u8| format!("{number:02x}").repeat(16);
    let lines: Vec<&str> = ran.out.lines().collect();
    let starts = [
        "folder-missing: Entwürfe",
        "item-missing: Entwürfe: #1 ",
        "item-extra: INBOX: #",
        "marks-differ: INBOX: #",
        "date-differs: Sent/2024: #1 ",
    ];
    assert_eq!(lines.len(), starts.len() + 3, "{}", ran.out);
    starts.iter().zip(&lines).for_each(|(start, line)| assert!(line.starts_with(start), "{line}"));
    assert!(lines[1].contains(&key(5)), "the key of the store is there: {}", lines[1]);
    assert!(lines[3].ends_with(": source \\Seen, target \\Flagged"), "{}", lines[3]);
    assert!(lines[4].ends_with("source 2024-04-30T09:30:00Z, target 2024-04-30T09:30:02Z"), "{}", lines[4]);
    assert_eq!(lines[7], "5 differences: 1 date-differs, 1 folder-missing, 1 item-extra, 1 item-missing, 1 marks-differ");
    assert!(!ran.out.contains("secret"));
}

#[test]
fn json_carries_the_same_differences() {
    let world = World::new();
    let (source, target) = (world.mailbox("maildir", "a", &mails()), world.mailbox("maildir", "b", &mails()[1..]));
    let (code, report) = world.json(&["verify", &source, &target]);
    assert_eq!(code, Some(1));
    assert_eq!(report["counts"], serde_json::json!({ "item-missing": 1 }));
    assert_eq!((&report["differences"][0]["kind"], &report["differences"][0]["item"]["size"]), (&"item-missing".into(), &24.into()));
    assert_eq!(report["source"]["items"], 5);
}

#[test]
fn what_users_added_may_be_allowed_and_the_list_may_be_short() {
    let world = World::new();
    let (all, fewer) = (world.mailbox("maildir", "a", &mails()), world.mailbox("maildir", "b", &mails()[..3]));
    let grown = world.run(&["verify", "--allow-extra", &fewer, &all]);
    assert_eq!((grown.code, grown.out.lines().last()), (Some(0), Some("no differences")));
    assert!(grown.out.contains("extra at the target, allowed: 4\n"), "{}", grown.out);
    let short = world.run(&["verify", "--limit", "1", &all, &fewer]);
    assert_eq!(short.code, Some(1));
    assert!(short.out.starts_with("folder-missing: Entwürfe\n... and 3 more: see --limit\nsource: "), "{}", short.out);
}

#[test]
fn a_doubled_item_is_never_allowed() {
    let world = World::new();
    let twice: Vec<Mail> = mails().into_iter().chain([mail("INBOX", ONE)]).collect();
    let (source, target) = (world.mailbox("maildir", "a", &mails()), world.mailbox("mboxrd", "b", &twice));
    let ran = world.run(&["verify", "--allow-extra", &source, &target]);
    assert_eq!((ran.code, ran.out.lines().last()), (Some(1), Some("1 difference: 1 item-doubled")));
}

#[test]
fn a_store_that_is_not_known_is_wrong_usage_and_one_that_is_not_there_a_failure() {
    let world = World::new();
    let known = world.mailbox("maildir", "a", &[]);
    let unknown = "error: could not tell which mail store is meant\n  where: pst:x\n  cause: `pst` is no kind of store\n  hint:  maildir:PATH, mbox:PATH, mboxo:PATH, mboxrd:PATH, mboxcl2:PATH, imap://USER@HOST, imaps://USER@HOST, or the path of a store that exists\n";
    assert_eq!(world.run(&["verify", &known, "pst:x"]), ran(2, "", unknown));
    let missing = "error: could not open a Maildir\n  where: nowhere\n  cause: there is no such directory\n  hint:  check the path; a mailbox that is to be read must exist\n";
    assert_eq!(world.run(&["verify", &known, "maildir:nowhere"]), ran(1, "", missing));
    assert!(!world.path("nowhere").exists(), "a target is only read");
}

#[test]
fn a_mailbox_is_not_compared_with_itself() {
    let world = World::new();
    let url = world.mailbox("maildir", "a", &mails());
    let refused = "error: source and target are the same mailbox\n  where: maildir:DIR/a\n  hint:  name the mailbox it was moved to\n";
    assert_eq!(world.run(&["verify", &url, "maildir:./a"]), ran(2, "", refused));
}

#[test]
fn a_folder_name_cannot_steer_the_terminal() {
    let world = World::new();
    let (source, target) = (world.mailbox("maildir", "a", &[mail("x\u{1b}[2J", "a")]), world.mailbox("maildir", "b", &[]));
    let ran = world.run(&["verify", &source, &target]);
    assert!(ran.out.starts_with("folder-missing: x\\u{1b}[2J\n"), "{:?}", ran.out);
}

#[cfg(unix)]
#[test]
fn an_item_that_cannot_be_read_is_a_difference_on_its_own_side() {
    let world = World::new();
    let source = world.mailbox("maildir", "a", &mails());
    let target = world.mailbox("maildir", "b", &mails());
    std::os::unix::fs::symlink("/etc/hostname", world.path("b/cur/1.link.h:2,")).expect("a link");
    let ran = world.run(&["verify", &source, &target]);
    assert_eq!(ran.code, Some(1));
    assert!(
        ran.out.starts_with("item-unreadable: INBOX: target #1 1.link.h: could not read a message: it is a symbolic link"),
        "{}",
        ran.out
    );
    assert_eq!(ran.out.lines().last(), Some("1 difference: 1 item-unreadable"));
}
