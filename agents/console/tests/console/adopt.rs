//! `migrate --adopt-existing`: what stands at the target is not brought again.

use crate::world::{World, mail};

#[test]
fn what_a_target_holds_already_is_known_whatever_ends_its_lines() {
    let world = World::new();
    let wire =
        [mail("INBOX", "Subject: a\r\n\r\na\r\n"), mail("INBOX", "Subject: a\r\n\r\na\r\n"), mail("Sent", "Subject: b\r\n\r\nb\r\n")];
    // One of the twins, and the other message in another folder.
    let unix = [mail("INBOX", "Subject: a\n\na\n"), mail("Old", "Subject: b\n\nb\n")];
    let (source, target) = (world.mailbox("maildir", "a", &wire), world.mailbox("maildir", "b", &unix));
    for run in 1..=2 {
        let ran = world.run(&["migrate", &source, &target, "--adopt-existing", "--work", "work"]);
        assert_eq!(ran.code, Some(0), "run {run}: {}{}", ran.out, ran.err);
        let compared = world.run(&["verify", &source, &target]);
        assert!(compared.out.contains("target: 3 folders, 3 items, 45 bytes"), "{}", compared.out);
        assert!(!compared.out.contains("Old: #") && !compared.out.contains("Sent: #2"), "{}", compared.out);
    }
}

#[test]
fn a_target_that_cannot_adopt_is_refused_before_anything_is_copied() {
    let world = World::new();
    let (source, target) = (world.mailbox("maildir", "a", &[mail("INBOX", "a\n")]), world.mailbox("mboxrd", "b", &[mail("INBOX", "a\n")]));
    let ran = world.run(&["migrate", &source, &target, "--adopt-existing", "--work", "work"]);
    assert!(ran.code == Some(2) && ran.err.contains("--adopt-existing cannot be used with an mbox target"), "{}", ran.err);
    let compared = world.run(&["verify", &source, &target]);
    assert!(compared.out.ends_with("no differences\n"), "{}", compared.out);
}
