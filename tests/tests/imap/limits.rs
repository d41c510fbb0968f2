//! What a target refuses counts against the limits of a move request, by its receipts (R81): within them the request completes with a
//! warning and lists what is left behind, above them it fails and says which. And a completion that is scheduled comes in its time.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use mailferry_core::engine::{ItemReport, MoveReport};
use mailferry_core::ports::Clock;
use mailferry_host::SystemClock;
use mailferry_mailbed::compare::Snapshot;
use mailferry_mailbed::servers::{Cyrus, Dovecot, Kind, Options, Server};
use mailferry_tests::moves::{done, moves, request, wait_for};
use mailferry_tests::{Bed, Plan, Services, wait_until};
use tempfile::TempDir;

use super::kit::*;

const PATIENCE: Duration = Duration::from_secs(60);
/// What Dovecot and Cyrus say, and how it is counted.
const TOO_LARGE: (&str, &str) = ("large", "Mail size is larger than the maximum size");
const INVALID: (&str, &str) = ("bad", "Message contains invalid header");
/// What a source has that its user changes under our eyes is looked at no later.
const EVERY_MINUTE: [&str; 2] = ["--incremental-sync-interval", "1m"];

struct Stage {
    source: Server,
    target: Server,
    bed: Bed,
    dir: TempDir,
}

impl Stage {
    /// Two mailboxes, and a program that notes when it was called.
    fn new(target: Server) -> Stage {
        let source = Dovecot::start(Options { users: 2, ..Options::default() }).expect("a Dovecot");
        let dir = tempfile::tempdir().expect("a folder");
        let [program, calls] = ["switch.sh", "calls"].map(|name| dir.path().join(name));
        fs::write(&program, format!("#!/bin/sh\necho \"$1 $2 $(date +%s%3N)\" >> {}\n", calls.display())).expect("written");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a file of ours");
        let plan = (1..=2).fold(Plan::new(1, 1), |plan, user| {
            plan.mailbox(&source.user(user).0, &url(&source, user, dir.path()), &url(&target, user, dir.path()))
        });
        let program = program.display().to_string();
        let settings =
            format!("[settings.source]\nSwitchCommand = {program:?}\n[settings.target]\nApplyDeletions = true\nSwitchAskInterval = \"1s\"");
        let bed = plan.settings(&settings).build();
        Stage { source, target, bed, dir }
    }

    fn mail(&self, user: usize, messages: &[(&str, &str)]) {
        let mut talk = self.source.talk(user).expect("a login");
        for (subject, text) in messages {
            talk.append("INBOX", "()", format!("Subject: {subject}\r\n{text}").as_bytes()).expect("appended");
        }
    }

    /// Messages that are at the target.
    fn arrived(&self, user: usize) -> usize {
        Snapshot::read(&mut self.target.talk(user).expect("a login")).expect("read").messages()
    }

    /// The program's acts for a mailbox, and when they were done.
    fn calls(&self, mailbox: &str) -> Vec<(String, u64)> {
        let text = fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default();
        let words = text.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        words.filter(|words| words[1] == mailbox).map(|words| (words[0].to_owned(), words[2].parse().expect("a time"))).collect()
    }

    /// What an administrator reads about a request.
    fn shown(&self, mailbox: &str) -> String {
        moves(&self.bed, &["show", mailbox]).out
    }
}

/// Each item that is left behind is told: its kind, where it is at the source, and what the server said. The key of an IMAP server is the
/// UIDVALIDITY and the UID, in hex digits.
fn lists(stage: &Stage, mailbox: &str, uids: &[u64], (kind, why): (&str, &str)) {
    let of = request(&stage.bed, mailbox).expect("a request");
    let uid = |item: &ItemReport| item.key.get(item.key.len() - 8..).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let mut told: Vec<u64> = of.not_there.iter().filter_map(uid).collect();
    told.sort_unstable();
    assert_eq!(told, uids, "{:?}", of.not_there);
    let is_told = |item: &ItemReport| item.kind == kind && item.folder == "INBOX" && item.reason.contains(why);
    assert!(of.not_there.iter().all(is_told), "{:?}", of.not_there);
    let shown = moves(&stage.bed, &["show", mailbox]).out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(of.not_there.iter().all(|item| shown.contains(&format!("item {} in INBOX: {}", item.key, &item.reason[..20]))), "{shown}");
}

#[test]
fn messages_larger_than_the_target_takes_fail_a_request_above_its_limit_and_are_listed_within_it() {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    // As Dovecot 2.3 is: it has a limit, and does not tell before it is asked to take more.
    let refuses = Options { users: 2, append_limit: Some(20_000), extra: "imap_capability =\n".into(), ..Options::default() };
    let stage = Stage::new(Dovecot::start(refuses).expect("a Dovecot"));
    let large = format!("\r\n{}", "a long line of a large message\r\n".repeat(1500));
    stage.mail(1, &[("one", "\r\n1\r\n"), ("two", &large), ("three", "\r\n3\r\n"), ("four", &large), ("five", "\r\n5\r\n")]);
    let _services = Services::all(&stage.bed);
    done(&moves(&stage.bed, &["new", "u01", "--LargeItemLimit", "1", "--wait", "60"]));
    let failed = wait_for(&stage.bed, "u01", "Failed");
    assert_eq!((failed.detail.as_str(), failed.large_items, failed.bad_items), ("FailedLargeItemLimit", 2, 0), "{}", failed.message);
    assert!(failed.message.contains("2 items too large for the target, LargeItemLimit is 1"), "{}", failed.message);
    lists(&stage, "u01", &[2, 4], TOO_LARGE);
    let shown = stage.shown("u01");
    assert!(shown.contains("not at the target") && shown.contains("2 of 1 allowed"), "{shown}");
    assert_eq!((stage.calls("u01"), stage.arrived(1)), (vec![], 3), "nothing is locked, and the others are there");

    done(&moves(&stage.bed, &["set", "u01", "--LargeItemLimit", "2", "--wait", "60"]));
    done(&moves(&stage.bed, &["resume", "u01", "--wait", "60"]));
    wait_for(&stage.bed, "u01", "CompletedWithWarning");
    lists(&stage, "u01", &[2, 4], TOO_LARGE);
    let acts: Vec<String> = stage.calls("u01").into_iter().map(|(act, _)| act).collect();
    assert_eq!((acts, stage.arrived(1)), (vec!["lock".to_owned(), "redirect".to_owned()], 3));
}

#[test]
fn messages_that_the_target_refuses_count_as_bad_until_their_user_deletes_them() {
    if !is_ready(&[Kind::Dovecot, Kind::Cyrus]) {
        return;
    }
    let stage = Stage::new(Cyrus::start(Options { users: 2, ..Options::default() }).expect("a Cyrus"));
    // Cyrus takes no header with a line that is no field, however it is mended.
    let odd = "this line is no field of a header\r\nTo: me\r\n\r\nText\r\n";
    for user in [1, 2] {
        stage.mail(user, &[("one", "\r\n1\r\n"), ("odd", odd), ("three", "\r\n3\r\n")]);
    }
    let _services = Services::all(&stage.bed);
    done(&moves(&stage.bed, &[&["new", "u01", "--wait", "60"], &EVERY_MINUTE[..]].concat()));
    done(&moves(&stage.bed, &["new", "u02", "--BadItemLimit", "1", "--wait", "60"]));
    let failed = wait_for(&stage.bed, "u01", "Failed");
    assert_eq!((failed.detail.as_str(), failed.bad_items, failed.large_items), ("FailedBadItemLimit", 1, 0), "{}", failed.message);
    assert!(failed.message.contains("1 corrupt or missing items, BadItemLimit is 0"), "{}", failed.message);
    lists(&stage, "u01", &[2], INVALID);
    assert_eq!((stage.calls("u01"), stage.arrived(1)), (vec![], 2));
    wait_for(&stage.bed, "u02", "CompletedWithWarning");
    lists(&stage, "u02", &[2], INVALID);
    assert_eq!(stage.arrived(2), 2);

    let mut talk = stage.source.talk(1).expect("a login");
    for line in ["SELECT INBOX", "STORE 2 +FLAGS (\\Deleted)", "EXPUNGE"] {
        talk.ok(line).expect(line);
    }
    done(&moves(&stage.bed, &["resume", "u01", "--wait", "60"]));
    let completed = wait_for(&stage.bed, "u01", "Completed");
    assert_eq!((completed.bad_items, completed.not_there), (0, vec![]));
    assert_eq!(stage.arrived(1), 2);
}

#[test]
fn a_scheduled_completion_is_not_seen_before_its_time_and_soon_after() {
    if !is_ready(&[Kind::Dovecot]) {
        return;
    }
    let stage = Stage::new(Dovecot::start(Options { users: 2, ..Options::default() }).expect("a Dovecot"));
    stage.mail(1, &[("one", "\r\n1\r\n"), ("two", "\r\n2\r\n")]);
    let _services = Services::all(&stage.bed);
    done(&moves(&stage.bed, &["new", "u01", "--SuspendWhenReadyToComplete", "--wait", "60"]));
    wait_for(&stage.bed, "u01", "AutoSuspended");
    done(&moves(&stage.bed, &["set", "u01", "--CompleteAfter", "6s", "--SuspendWhenReadyToComplete", "no", "--wait", "60"]));
    let due_ms = request(&stage.bed, "u01").expect("a request").complete_after_ms;
    let waits = |of: &MoveReport| of.state == "AutoSuspended" && of.detail == "CompleteAfter";
    assert!(request(&stage.bed, "u01").is_some_and(|of| waits(&of)), "{}", stage.shown("u01"));
    let mut looks = 0;
    wait_until("its time comes", PATIENCE, || {
        // The time is taken behind the look: what is seen was so before it.
        let of = request(&stage.bed, "u01").expect("a request");
        let has_come = SystemClock.now_ms() >= due_ms;
        assert!(has_come || waits(&of) && stage.calls("u01").is_empty(), "{} before its time", of.state);
        looks += u32::from(!has_come);
        has_come
    });
    let completed = wait_for(&stage.bed, "u01", "Completed");
    let [(_, locked_ms), _] = &stage.calls("u01")[..] else { panic!("{:?}", stage.calls("u01")) };
    let begun =
        completed.history.iter().find(|line| line.what.contains("CompletionInProgress after AutoSuspended")).expect("in the history");
    assert!(begun.at_ms >= due_ms && *locked_ms >= due_ms, "{} and {locked_ms}, not before {due_ms}", begun.at_ms);
    assert!(looks > 2 && begun.at_ms < due_ms + 5_000, "begun {} ms after its time; {looks} looks before", begun.at_ms - due_ms);
}
