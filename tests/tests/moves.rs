//! A move request from its order to its removal, by the console, with real agents (R80, R81).

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use mailferry_core::settings::Side;
use mailferry_tests::moves::{done, moves, request, wait_for};
use mailferry_tests::{Plan, Services, console, damage, prove, prove_mailbox, sample, wait_until};

const PATIENCE: Duration = Duration::from_secs(60);

#[test]
fn a_request_lives_from_new_to_remove_and_survives_a_switchover() {
    let bed = Plan::new(2, 1)
        .sample("alice", 12)
        .sample("bob", 6)
        .settings("[settings.source]\nContainerItemsMax = 4\n[settings.target]\nApplyDeletions = true")
        .build();
    let services = Services::all(&bed);
    let asked = ["new", "alice", "--SuspendWhenReadyToComplete", "--BadItemLimit", "5", "--priority", "High"];
    done(&moves(&bed, &[&asked[..], &["--batch-name", "wave 1", "--incremental-sync-interval", "1m", "--wait", "60"]].concat()));
    let again = moves(&bed, &["new", "alice", "--wait", "60"]);
    assert_eq!(again.code, Some(3), "{}", again.out);
    assert!(again.out.contains("the mailbox has a move request, which is"), "{}", again.out);

    let ready = wait_for(&bed, "alice", "AutoSuspended");
    assert_eq!((ready.priority.as_str(), ready.batch.as_str(), ready.bad_items_max), ("High", "wave 1", 5));
    assert_eq!(ready.durations_ms.values().sum::<u64>(), ready.overall_ms);
    assert_eq!(ready.containers, ready.containers_answered);
    let told = moves(&bed, &["show", "alice"]).out;
    for part in ["AutoSuspended", "wave 1", "durations", "history", "InProgress after Queued", "refused"] {
        assert!(told.contains(part), "no `{part}` in:\n{told}");
    }
    assert!(told.lines().chain(moves(&bed, &["list"]).out.lines()).all(|line| line.len() <= 80), "{told}");

    done(&moves(&bed, &["suspend", "--batch", "wave 1", "--comment", "not on a Friday", "--wait", "60"]));
    bed.switch_over(Side::Source);
    let suspended = wait_for(&bed, "alice", "Suspended");
    assert_eq!(suspended.comment, "not on a Friday");
    let complete = moves(&bed, &["complete", "alice", "--wait", "60"]);
    assert_eq!(complete.code, Some(3), "{}", complete.out);

    // What comes while it is suspended stays at the source; bob, without a request, is kept in step.
    let (mut alice, mut bob) = (sample::User::of(&bed.path("mail/old/alice"), 7), sample::User::of(&bed.path("mail/old/bob"), 8));
    (0..5).for_each(|_| (alice.work(), bob.work()).0);
    let before = suspended.containers;
    done(&moves(&bed, &["resume", "alice", "--wait", "60"]));
    wait_until("alice is in step again", PATIENCE, || {
        request(&bed, "alice").is_some_and(|request| request.state == "AutoSuspended" && request.containers >= before)
    });
    let statistics = moves(&bed, &["statistics"]);
    assert!(statistics.out.contains("batch wave 1: 1 request"), "{}", statistics.out);
    done(&moves(&bed, &["remove", "alice", "--wait", "60"]));
    assert_eq!(moves(&bed, &["show", "alice"]).code, Some(2));
    drop(services);
    bed.settle();
    prove(&bed);
}

#[test]
fn a_list_is_checked_as_a_whole_before_anything_is_ordered() {
    let bed = Plan::new(1, 1).sample("alice", 2).sample("bob", 2).build();
    let list = bed.path("wave.csv");
    fs::write(&list, "mailbox,BadItemLimit,Priority\nalice,51,High\nnobody,0,\nbob,1,urgent\n").expect("writable");
    let list_word = list.display().to_string();
    let answer = moves(&bed, &["new", "--list", &list_word]);
    assert_eq!(answer.code, Some(2));
    for part in
        ["line 2: BadItemLimit is 51", "line 3: the project has no mailbox `nobody`", "line 4: priority `urgent`", "nothing was ordered"]
    {
        assert!(answer.error.contains(part), "no `{part}` in:\n{}", answer.error);
    }
    assert!(!bed.share("SRC").join("NTA/ORDERS").exists());
    fs::write(&list, "mailbox,BadItemLimit,Priority\nalice,50,High\nbob,,\n").expect("writable");
    done(&moves(&bed, &["new", "--list", &list_word, "--batch-name", "wave 2"]));
    assert_eq!(fs::read_dir(bed.share("SRC").join("NTA/ORDERS")).expect("a folder").count(), 2);
    bed.settle();
    for (mailbox, limit) in [("alice", 50), ("bob", 0)] {
        let request = request(&bed, mailbox).expect("a request");
        assert_eq!((request.state.as_str(), request.batch.as_str(), request.bad_items_max), ("AutoSuspended", "wave 2", limit));
    }
    prove(&bed);
}

#[test]
fn an_order_that_was_edited_by_hand_is_put_aside_and_told() {
    let bed = Plan::new(1, 1).sample("alice", 2).build();
    done(&moves(&bed, &["new", "alice"]));
    let orders = bed.share("SRC").join("NTA/ORDERS");
    let order = fs::read_dir(&orders).expect("a folder").next().expect("an order").expect("readable").path();
    let text = fs::read_to_string(&order).expect("readable");
    fs::write(&order, text.replace("\"new\"", "\"set\"")).expect("writable");
    bed.settle();
    assert!(request(&bed, "alice").is_none());
    assert_eq!(fs::read_dir(&orders).expect("a folder").count(), 0);
    let log = bed.log("SRC", mailferry_core::settings::AgentKind::Source);
    assert!(log.contains("its digest does not match"), "{log}");
    // The same order, whole and twice: done once.
    fs::write(&order, &text).expect("writable");
    bed.settle();
    assert!(request(&bed, "alice").is_some());
    done(&moves(&bed, &["remove", "alice"]));
    bed.settle();
    fs::write(&order, &text).expect("writable");
    bed.settle();
    assert!(request(&bed, "alice").is_none(), "an order whose file turns up again is not done again");
    assert!(!order.exists());
    prove(&bed);
}

/// A program that notes what it is called for, and refuses what a file beside it names.
#[cfg(unix)]
fn switch_program(folder: &Path) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let [program, notes, refuses] = ["switch.sh", "switch.log", "refuses"].map(|name| folder.join(name));
    let script = format!(
        "#!/bin/sh\ncase \"$(cat {} 2>/dev/null)\" in \"$1\" | \"$1 $2\") echo not now >&2; exit 1;; esac\necho \"$1 $2\" >> {}\n",
        refuses.display(),
        notes.display()
    );
    fs::write(&program, script).expect("writable");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("a file of ours");
    program
}

/// Settings by which that program switches, and more of the target.
#[cfg(unix)]
fn switched_by(folder: &Path, target: &str) -> String {
    format!("[settings.source]\nSwitchCommand = {:?}\n[settings.target]\n{target}", switch_program(folder).display().to_string())
}

#[cfg(unix)]
#[test]
fn a_mailbox_is_switched_once_everything_is_confirmed_and_is_no_source_any_more() {
    use mailferry_core::settings::AgentKind;
    let folder = tempfile::tempdir().expect("a folder");
    let settings = switched_by(folder.path(), "ApplyDeletions = true\nSwitchProof = true");
    let bed = Plan::new(2, 2).sample("alice", 8).sample("bob", 4).settings(&settings).build();
    let services = Services::all(&bed);
    let notes = || notes(folder.path());

    // It cannot be locked at first: the source is open again, and nothing is switched.
    let refuses = folder.path().join("refuses");
    fs::write(&refuses, "lock").expect("writable");
    done(&moves(&bed, &["new", "alice", "--wait", "60"]));
    let failed = wait_for(&bed, "alice", "Failed");
    assert!(failed.message.contains("the source could not be locked") && failed.message.contains("not now"), "{}", failed.message);
    wait_until("the source is unlocked", PATIENCE, || notes() == ["unlock alice"]);
    let refused = moves(&bed, &["complete", "alice", "--wait", "60"]);
    assert_eq!(refused.code, Some(3), "{}", refused.out);

    // Then it is locked, and mail cannot be led over at first: there is no way back but on.
    fs::write(&refuses, "redirect").expect("writable");
    let mut alice = sample::User::of(&bed.path("mail/old/alice"), 7);
    (0..5).for_each(|_| alice.work());
    done(&moves(&bed, &["resume", "alice", "--wait", "60"]));
    wait_until("mail could not be led over", PATIENCE, || bed.log("SRC1", AgentKind::Source).contains("switch.not-redirected"));
    assert_eq!(
        (notes(), request(&bed, "alice").map(|of| of.state)),
        (vec!["unlock alice".into(), "lock alice".into()], Some("CompletionInProgress".into()))
    );
    fs::remove_file(&refuses).expect("it is there");
    let completed = wait_for(&bed, "alice", "Completed");
    assert!(notes().ends_with(&["lock alice".into(), "redirect alice".into()]), "{:?}", notes());
    assert!(completed.history.iter().any(|line| line.what.contains("the source was locked for")), "{:?}", completed.history);
    prove_mailbox(bed.mailbox("alice"));
    let manifests = ["TGT1", "TGT2"].map(|node| fs::read_dir(bed.share(node).join("NTA/MANIFEST")).map_or(0, Iterator::count));
    assert!(manifests.iter().sum::<usize>() > 0, "the target was read again before the source was locked");

    // The old mailbox is emptied: that says nothing about the new one, with or without its request.
    let count = |place: &str| fs::read_dir(bed.path(place)).map_or(0, Iterator::count);
    let arrived = count("mail/new/alice/cur") + count("mail/new/alice/new");
    assert!(arrived > 0);
    done(&moves(&bed, &["remove", "alice", "--wait", "60"]));
    fs::remove_dir_all(bed.path("mail/old/alice")).expect("it is there");
    let again = moves(&bed, &["new", "alice", "--wait", "60"]);
    assert!(again.code == Some(3) && again.out.contains("has been switched"), "{}", again.out);
    drop(services);
    bed.settle();
    assert_eq!(count("mail/new/alice/cur") + count("mail/new/alice/new"), arrived);
    let log = bed.log("SRC1", AgentKind::Source);
    assert!(log.contains("switch.done"), "{log}");
}

/// R76, F26: asked for as one, locked, led over, taken back and removed as one; or one of the two by itself.
#[cfg(unix)]
#[test]
fn primary_and_archive_are_moved_as_one_or_one_of_them_alone() {
    let folder = tempfile::tempdir().expect("a folder");
    let bed = Plan::new(1, 1)
        .sample("alice", 6)
        .sample("alice-archive", 5)
        .sample("bob", 3)
        .sample("bob-archive", 3)
        .archive("alice", "alice-archive")
        .archive("bob", "bob-archive")
        .settings(&switched_by(folder.path(), "ApplyDeletions = true"))
        .build();
    let notes = || notes(folder.path());
    let refuses = folder.path().join("refuses");
    let state = |mailbox: &str| request(&bed, mailbox).map(|of| of.state).unwrap_or_default();
    let twice = moves(&bed, &["new", "alice", "alice-archive"]);
    assert!(twice.code == Some(2) && twice.error.contains("alice-archive is asked for twice"), "{}", twice.error);

    // The archive cannot be locked: both sources are open again, and the primary mailbox waits, by name, for the one that has failed.
    fs::write(&refuses, "lock alice-archive").expect("writable");
    done(&moves(&bed, &["new", "alice", "--comment", "both"]));
    bed.settle();
    assert_eq!([state("alice"), state("alice-archive")], ["AutoSuspended", "Failed"]);
    assert!(notes().iter().all(|line| ["lock alice", "unlock alice", "unlock alice-archive"].contains(&line.as_str())), "{:?}", notes());
    assert!(
        notes().iter().any(|line| line == "unlock alice") && notes().last().is_some_and(|line| !line.starts_with("lock")),
        "{:?}",
        notes()
    );
    let waits = request(&bed, "alice").expect("a request").message;
    assert!(waits.contains("its archive alice-archive, which is Failed") && waits.contains("could not be locked"), "{waits}");
    let told = moves(&bed, &["show", "alice-archive"]).out;
    for part in ["alice, its primary mailbox", "alice-archive, its archive"] {
        assert!(told.contains(part), "no `{part}` in:\n{told}");
    }
    let statistics = moves(&bed, &["statistics"]).out;
    assert!(statistics.contains("2 requests") && statistics.contains("1 archive moved as one"), "{statistics}");

    // An order to one is an order to both; what was asked for is the same.
    fs::remove_file(&refuses).expect("it is there");
    done(&moves(&bed, &["set", "alice-archive", "--batch-name", "wave 1"]));
    bed.settle();
    let both = moves(&bed, &["resume", "--batch", "wave 1", "--json"]).out;
    assert_eq!(both.matches("\"mailbox\"").count(), 1, "one order is enough: {both}");
    bed.settle();
    assert_eq!([state("alice"), state("alice-archive")], ["Completed", "Completed"]);
    assert_eq!(request(&bed, "alice").map(|of| (of.batch, of.comment)), Some(("wave 1".into(), "both".into())));
    let led_over = notes().iter().position(|line| line.starts_with("redirect")).expect("mail is led over");
    let locks = |mailbox: &str| notes()[..led_over].iter().rev().find(|line| line.ends_with(&format!(" {mailbox}"))).cloned();
    assert_eq!([locks("alice"), locks("alice-archive")], [Some("lock alice".into()), Some("lock alice-archive".into())]);
    prove_mailbox(bed.mailbox("alice"));
    prove_mailbox(bed.mailbox("alice-archive"));

    // What was switched together is taken back together, with or without the requests.
    done(&moves(&bed, &["remove", "alice"]));
    bed.settle();
    assert_eq!([state("alice"), state("alice-archive")], ["", ""]);
    done(&moves(&bed, &["undo", "alice-archive"]));
    bed.settle();
    assert_eq!([state("alice"), state("alice-archive")], ["Suspended", "Suspended"]);
    for line in ["restore alice", "restore alice-archive"] {
        assert!(notes().iter().any(|note| note == line), "{:?}", notes());
    }

    // One of the two alone.
    done(&moves(&bed, &["new", "bob", "--ArchiveOnly"]));
    bed.settle();
    assert_eq!([state("bob"), state("bob-archive")], ["", "Completed"]);
    done(&moves(&bed, &["new", "bob", "--primary-only"]));
    bed.settle();
    assert_eq!([state("bob"), state("bob-archive")], ["Completed", "Completed"]);
    assert!(request(&bed, "bob").is_some_and(|of| of.partner.is_empty()));
    let none = moves(&bed, &["new", "bob-archive", "--archive-only"]);
    assert!(none.code == Some(2) && none.error.contains("names no archive of mailbox bob-archive"), "{}", none.error);
}

/// R83: what has come to the target meanwhile is brought back, everything else is known there; and switched again nothing is doubled.
#[cfg(unix)]
#[test]
fn a_switch_is_taken_back_with_what_has_come_meanwhile_and_made_again() {
    use mailferry_core::settings::AgentKind;
    let folder = tempfile::tempdir().expect("a folder");
    let program = switch_program(folder.path()).display().to_string();
    let template = folder.path().join("moved.txt");
    fs::write(&template, "To: {mailbox}\nSubject: your mailbox has moved\n\nDear {mailbox}.\n").expect("writable");
    let settings = format!(
        "[settings.source]\nSwitchCommand = {program:?}\nSwitchTest = true\nSwitchMessage = {:?}\n[settings.target]\nApplyDeletions = true",
        template.display().to_string()
    );
    let bed = Plan::new(2, 2).sample("alice", 12).settings(&settings).build();
    let services = Services::all(&bed);
    let notes = || notes(folder.path());
    let refuses = folder.path().join("refuses");

    // Completed once a delivery has arrived and the user has been told.
    fs::write(&refuses, "test").expect("writable");
    done(&moves(&bed, &["new", "alice", "--wait", "60"]));
    wait_until("a delivery does not arrive", PATIENCE, || bed.log("SRC1", AgentKind::Source).contains("switch.not-delivered"));
    assert_eq!(request(&bed, "alice").map(|of| of.state), Some("CompletionInProgress".into()));
    fs::remove_file(&refuses).expect("it is there");
    wait_for(&bed, "alice", "Completed");
    assert_eq!(notes(), ["lock alice", "redirect alice", "test alice", "notify alice"]);

    // Mail comes to the target, some of it with the bytes of what is there.
    let (old, new) = (bed.path("mail/old/alice"), bed.path("mail/new/alice"));
    let message = ["cur", "new"].iter().find_map(|sub| damage::files(&new.join(sub)).pop()).expect("a message");
    let deliver = |name: &str, bytes: &[u8]| fs::write(new.join("new").join(name), bytes).expect("writable");
    deliver("1700000001.M1P1.host", b"Subject: first\n\nAfter the switch.\n");
    deliver("1700000002.M2P1.host", &fs::read(&message).expect("readable"));

    fs::write(&refuses, "restore").expect("writable");
    done(&moves(&bed, &["undo", "alice", "--wait", "60"]));
    wait_until("mail could not be led back", PATIENCE, || bed.log("SRC1", AgentKind::Source).contains("switch.not-undone"));
    let refused = moves(&bed, &["remove", "alice", "--wait", "60"]);
    assert!(refused.code == Some(3) && refused.out.contains("its switch is not over"), "{}", refused.out);
    fs::remove_file(&refuses).expect("it is there");
    wait_until("mail goes to the source again", PATIENCE, || notes().ends_with(&["restore alice".into()]));
    assert_eq!(request(&bed, "alice").map(|of| of.state), Some("Suspended".into()));
    let again = moves(&bed, &["undo", "alice", "--wait", "60"]);
    assert!(again.code == Some(3) && again.out.contains("it is not switched"), "{}", again.out);

    // Its users work in the old mailbox again.
    let mut alice = sample::User::of(&old, 7);
    (0..6).for_each(|_| alice.work());
    let (from, to) = (format!("maildir:{}", new.display()), format!("maildir:{}", old.display()));
    let work = folder.path().join("work").display().to_string();
    let held = damage::files(&old.join("cur")).len() + damage::files(&old.join("new")).len();
    let back = console(&["migrate", &from, &to, "--adopt-existing", "--work", &work]);
    assert_eq!(back.status.code(), Some(0), "{}", String::from_utf8_lossy(&back.stderr));
    let arrived = damage::files(&old.join("cur")).into_iter().chain(damage::files(&old.join("new")));
    let arrived: Vec<Vec<u8>> = arrived.map(|path| fs::read(path).expect("readable")).collect();
    assert_eq!(arrived.iter().filter(|bytes| bytes.starts_with(b"Subject: first\n")).count(), 1);
    let came = arrived.len() - held;
    assert!(came <= 2 + 6, "{came} files came: what was there already is not brought back");

    done(&moves(&bed, &["resume", "alice", "--wait", "60"]));
    wait_for(&bed, "alice", "AutoSuspended");
    done(&moves(&bed, &["complete", "alice", "--wait", "60"]));
    wait_for(&bed, "alice", "Completed");
    drop(services);
    bed.settle();
    prove_mailbox(bed.mailbox("alice"));
}

#[cfg(unix)]
fn notes(folder: &Path) -> Vec<String> {
    fs::read_to_string(folder.join("switch.log")).unwrap_or_default().lines().map(str::to_owned).collect()
}

/// What was planted at the target is found before anything is locked (X04).
#[cfg(unix)]
#[test]
fn a_mailbox_whose_manifest_scores_poor_is_not_switched() {
    let folder = tempfile::tempdir().expect("a folder");
    let bed = Plan::new(1, 1).sample("alice", 8).settings(&switched_by(folder.path(), "SwitchProof = true")).build();
    done(&moves(&bed, &["new", "alice", "--SuspendWhenReadyToComplete"]));
    bed.settle();
    let message = ["cur", "new"].iter().find_map(|sub| damage::files(&bed.path("mail/new/alice").join(sub)).pop());
    damage::flip_a_byte(&message.expect("a message"));
    done(&moves(&bed, &["complete", "alice"]));
    bed.settle();
    let failed = request(&bed, "alice").expect("a request");
    assert!(failed.state == "Failed" && failed.message.contains("scores Poor"), "{}: {}", failed.state, failed.message);
    assert_eq!(notes(folder.path()), Vec::<String>::new(), "nothing was locked");
}

/// R84: a manifest takes as long as its mailbox takes to be read, and a source that is locked must not wait for that.
#[cfg(unix)]
#[test]
fn no_manifest_is_made_while_a_source_may_be_locked() {
    use mailferry_core::settings::AgentKind::{Source, Target, Transmission};
    let folder = tempfile::tempdir().expect("a folder");
    let bed = Plan::new(1, 1).sample("alice", 5).sample("bob", 5).settings(&switched_by(folder.path(), "SwitchProof = true")).build();
    let [source, target] = [Side::Source, Side::Target].map(|side| bed.nodes(side)[0].clone());
    done(&moves(&bed, &["new", "alice", "bob", "--SuspendWhenReadyToComplete"]));
    bed.settle();
    let to_target = || {
        bed.once(&source, Source);
        bed.once(&source, Transmission);
        bed.once(&target, Target)
    };
    let manifests = |name: &str| {
        let told = bed.log(&target, Target);
        told.lines().filter(|line| line.contains("manifest 1 of mailbox") && line.contains(name)).count()
    };

    done(&moves(&bed, &["complete", "bob"]));
    to_target();
    assert_eq!((manifests("alice"), manifests("bob")), (0, 1), "{}", bed.log(&target, Target));
    done(&moves(&bed, &["complete", "alice"]));
    let report = to_target();
    assert_eq!(manifests("alice"), 0, "bob's source may be locked");
    assert!(
        report.stalls.iter().any(|stall| stall.what.contains("alice") && stall.why.contains("its manifest is made when")),
        "{report:?}"
    );

    bed.once(&target, Transmission);
    to_target();
    assert_eq!(notes(folder.path()), ["lock bob"]);
    bed.settle();
    assert_eq!(manifests("alice"), 1);
    let state = |mailbox: &str| request(&bed, mailbox).map(|of| of.state).unwrap_or_default();
    assert_eq!((state("alice"), state("bob")), ("Completed".into(), "Completed".into()));
}

/// R81, at MAILFERRY_MOVES mailboxes (150): asked for by one list, never more under way than there is room for, each ready in the end,
/// none left when they are removed. Prints what it took.
#[test]
fn of_many_requests_no_more_than_the_limit_are_under_way_and_none_is_left_behind() {
    use mailferry_core::settings::AgentKind::Source;
    let count: u64 = std::env::var("MAILFERRY_MOVES").ok().map_or(150, |text| text.parse().expect("a number of mailboxes"));
    let most = (count / 20).max(7);
    let names: Vec<String> = (0..count).map(|number| format!("user-{number:05}")).collect();
    let plan = names.iter().fold(Plan::new(1, 1), |plan, name| plan.sample(name, 2));
    let bed = plan.settings(&format!("[settings.source]\nMaxActiveMoves = {most}")).build();
    let source = bed.nodes(Side::Source)[0].clone();
    let list = bed.path("all.csv");
    fs::write(&list, format!("mailbox\n{}\n", names.join("\n"))).expect("writable");
    let timed = |what: &str, act: &mut dyn FnMut()| {
        let began = std::time::Instant::now();
        act();
        println!("{count} requests: {what} in {:.1} s", began.elapsed().as_secs_f64());
    };
    let in_state = |state: &str| bed.report(&source, Source).map_or(0, |report| report.move_requests.get(state).copied().unwrap_or(0));

    timed("asked for", &mut || {
        let list = list.display().to_string();
        done(&moves(&bed, &["new", "--list", &list, "--SuspendWhenReadyToComplete", "--batch-name", "all"]));
    });
    let mut rounds = 0;
    timed("ready", &mut || {
        while in_state("AutoSuspended") < count {
            bed.agents().into_iter().for_each(|(node, kind)| drop(bed.once(&node, kind)));
            rounds += 1;
            assert!(in_state("InProgress") <= most, "{} are under way", in_state("InProgress"));
            assert!(rounds <= 50 * 20, "only {} are ready", in_state("AutoSuspended"));
        }
    });
    println!("{count} requests: {rounds} sessions of each agent, {most} at a time");
    timed("listed", &mut || {
        let listed: Vec<serde_json::Value> = serde_json::from_str(&moves(&bed, &["list", "--json"]).out).expect("a list");
        assert_eq!(listed.len() as u64, count);
    });
    timed("removed", &mut || {
        done(&moves(&bed, &["remove", "--batch", "all"]));
        bed.settle();
    });
    assert_eq!(moves(&bed, &["list", "--json"]).out.trim(), "[]");
    prove(&bed);
}
