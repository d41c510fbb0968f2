//! The second opinion sees what is missing, doubled, altered or marked otherwise, and nothing else.

use mailferry_mailbed::compare::{Difference, Report, compare};
use mailferry_mailbed::hostile::{Hostile, Setup, World};
use mailferry_mailbed::talk::Talk;

fn mail(number: u32) -> Vec<u8> {
    format!("Subject: {number}\r\nMessage-ID: <{number}@example.com>\r\n\r\nbody {number}\r\n").into_bytes()
}

/// Two servers with the same mail, of which the second is changed.
fn report(change: impl FnOnce(&mut World)) -> Report {
    let servers = [(); 2].map(|()| Hostile::start(Setup::default()).expect("a port"));
    for server in &servers {
        server.world("u", |world| {
            for number in 1..=4 {
                world.add("INBOX", &mail(number), &["\\Seen", "Work"]);
            }
            // A true double.
            world.add("INBOX", &mail(4), &[]);
            world.add("a/b", &mail(5), &[]);
            world.create("Sent").attributes.push("\\Sent".into());
            world.subscriptions.insert("a/b".into());
        });
    }
    servers[1].world("u", change);
    let [mut source, mut target] = servers.each_ref().map(|server| Talk::login(server.address(), "u", "x").expect("a login"));
    let report = compare(&mut source, &mut target).expect("both are read");
    assert_eq!(report.compared, 6);
    report
}

fn folder() -> String {
    "INBOX".into()
}

#[test]
fn equal_mailboxes_have_no_differences_whatever_their_uids_are() {
    let equal = report(|world| world.create("INBOX").renumber(77));
    assert!(equal.is_clean(), "{equal}");
}

#[test]
fn a_missing_message_is_missing() {
    let found = report(|world| world.create("INBOX").remove(2)).differences;
    assert_eq!(found, [Difference::Missing { folder: folder(), uid: 2, bytes: mail(2).len() as u64 }]);
}

#[test]
fn a_double_that_the_source_has_is_none_and_a_third_is_one() {
    let found = report(|world| drop(world.add("INBOX", &mail(4), &[]).to_string())).differences;
    assert_eq!(found, [Difference::Doubled { folder: folder(), uid: 6 }]);
    let found = report(|world| world.create("INBOX").remove(4)).differences;
    assert!(matches!(found[..], [Difference::Missing { uid: 4 | 5, .. }]), "{found:?}");
}

#[test]
fn a_message_with_other_bytes_is_altered_and_one_of_nobody_is_extra() {
    let found = report(|world| {
        world.create("INBOX").remove(3);
        world.add("INBOX", &[mail(3), b"\r\n".to_vec()].concat(), &["\\Seen", "Work"]);
    });
    let length = mail(3).len() as u64;
    assert_eq!(found.differences, [Difference::Altered { folder: folder(), uid: 3, bytes: [length, length + 2] }]);
    let found = report(|world| drop(world.add("INBOX", &mail(99), &[]).to_string())).differences;
    assert_eq!(found, [Difference::Extra { folder: folder(), uid: 6 }]);
}

#[test]
fn marks_and_dates_of_the_same_message_are_compared() {
    let found = report(|world| {
        world.create("INBOX").set_flags(1, ["\\Flagged".into(), "\\Seen".into()].into());
        world.create("INBOX").messages[1].internal_date = "04-Jan-2010 10:00:01 +0000".into();
        world.create("INBOX").messages[2].internal_date = "04-Jan-2010 11:00:00 +0100".into();
    });
    assert_eq!(found.differences.len(), 2, "the same moment in another zone is the same: {found}");
    assert_eq!(
        found.differences[0],
        Difference::Flags { folder: folder(), uid: 1, lost: vec!["Work".into()], extra: vec!["\\Flagged".into()] }
    );
    assert!(matches!(found.differences[1], Difference::Date { uid: 2, .. }));
}

#[test]
fn folders_their_roles_and_subscriptions_are_compared() {
    let found = report(|world| {
        world.mailboxes.remove("a/b");
        world.create("Other");
        world.create("Sent").attributes.clear();
        world.subscriptions = ["Other".into()].into();
    });
    assert_eq!(
        found.differences[..],
        [
            Difference::SpecialUses { folder: "Sent".into(), source: ["\\Sent".into()].into(), target: [].into() },
            Difference::FolderMissing("a/b".into()),
            Difference::Missing { folder: "a/b".into(), uid: 1, bytes: mail(5).len() as u64 },
            Difference::FolderExtra("Other".into()),
            Difference::NotSubscribed("a/b".into()),
            Difference::SubscribedExtra("Other".into()),
        ]
    );
    assert!(found.to_string().starts_with("6 messages compared, 1 folders extra, 1 folders missing, 1 messages missing"), "{found}");
}
