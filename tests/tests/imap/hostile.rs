//! What servers of the field have been seen to do, and what is owed all the same. Each test sees its quirk happen.

use std::collections::BTreeMap;

use mailferry_mailbed::hostile::{Armed, DateDislike, Dislike, Hostile, Quirk, Rewrite, Setup, SizeLie, TooBig};
use serde_json::Value;

use super::kit::{run, secret_file};

struct Pair {
    source: Hostile,
    target: Hostile,
    dir: tempfile::TempDir,
}

const USER: &str = "alice";

fn mail(name: &str) -> Vec<u8> {
    format!("From: a@example.org\r\nSubject: {name}\r\nMessage-ID: <{name}@example.org>\r\n\r\nText of {name}.\r\n").into_bytes()
}

impl Pair {
    /// Eight messages in INBOX, three in Sent.
    fn new() -> Pair {
        Pair::with(Setup::default(), Setup::default())
    }

    fn with(source: Setup, target: Setup) -> Pair {
        let start = |setup| Hostile::start(setup).expect("a server");
        let pair = Pair { source: start(source), target: start(target), dir: tempfile::tempdir().expect("a temporary directory") };
        pair.source.world(USER, |world| {
            (0..8).for_each(|number| {
                world.add("INBOX", &mail(&format!("inbox{number}")), &["\\Seen", "$Label1"]);
            });
            (0..3).for_each(|number| {
                world.add("Sent", &mail(&format!("sent{number}")), &[]);
            });
        });
        pair
    }

    fn url(&self, server: &Hostile) -> String {
        let file = secret_file(self.dir.path(), "password", "sesame");
        format!("imap://{USER}@{}/?password-file={}", server.address(), file.display())
    }

    /// The summary and whether everything is said to be there.
    fn run(&self) -> (Value, bool) {
        let output = run(&self.url(&self.source), &self.url(&self.target), &self.dir.path().join("work"));
        let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(!said.contains("sesame"), "a secret is shown: {said}");
        (serde_json::from_slice(&output.stdout).unwrap_or(Value::String(said)), output.status.success())
    }

    fn run_well(&self) -> Value {
        let (summary, well) = self.run();
        assert!(well, "{summary}");
        summary
    }

    /// Messages by folder, with how often each is there.
    fn holds(server: &Hostile) -> BTreeMap<(String, Vec<u8>), usize> {
        let mut counts = BTreeMap::new();
        server.world(USER, |world| {
            for (name, mailbox) in &world.mailboxes {
                for message in &mailbox.messages {
                    *counts.entry((name.clone(), message.body.head().to_vec())).or_default() += 1;
                }
            }
        });
        counts
    }

    /// Three messages come to INBOX.
    fn more(&self) {
        self.source.world(USER, |world| {
            (0..3).for_each(|number| {
                world.add("INBOX", &mail(&format!("more{number}")), &["\\Seen"]);
            });
        });
    }

    fn is_whole(&self) {
        assert_eq!(Pair::holds(&self.source), Pair::holds(&self.target));
    }
}

fn happened(server: &Hostile) {
    assert!(!server.happened().is_empty(), "the quirk did not happen");
}

/// Runs with a quirk of the target, and demands that all is there once.
fn target_survives(quirk: impl Into<Armed>) -> Value {
    let pair = Pair::new();
    pair.target.arm(quirk);
    let summary = pair.run_well();
    happened(&pair.target);
    pair.is_whole();
    let again = pair.run_well();
    assert_eq!(again["appended"], 0, "{again}");
    pair.is_whole();
    summary
}

fn source_survives(quirk: impl Into<Armed>) {
    let pair = Pair::new();
    pair.source.arm(quirk);
    pair.run_well();
    happened(&pair.source);
    pair.is_whole();
    pair.source.calm();
    assert_eq!(pair.run_well()["appended"], 0);
    pair.is_whole();
}

/// The same in a later pass: the folders are known then, and are compared with what has become of them.
fn later_source_survives(quirk: impl Into<Armed>) {
    let pair = Pair::new();
    pair.run_well();
    pair.more();
    pair.source.arm(quirk);
    assert_eq!(pair.run_well()["appended"], 3);
    happened(&pair.source);
    pair.is_whole();
    pair.source.calm();
    assert_eq!(pair.run_well()["appended"], 0);
    pair.is_whole();
}

/// T01
#[test]
fn an_append_whose_answer_was_lost_is_not_done_twice() {
    target_survives(Armed::new(Quirk::LostAppendAnswer).once());
    let pair = Pair::with(Setup::default(), Setup::default().without("MULTIAPPEND"));
    pair.target.arm(Armed::new(Quirk::LostAppendAnswer).after(4).once());
    pair.run_well();
    happened(&pair.target);
    pair.is_whole();
}

/// T02
#[test]
fn messages_are_known_again_when_all_their_uids_are_new() {
    let pair = Pair::new();
    pair.run_well();
    pair.source.world(USER, |world| {
        world.find("INBOX").expect("there").renumber(77);
        world.add("INBOX", &mail("newer"), &[]);
    });
    assert_eq!(pair.run_well()["appended"], 1);
    pair.is_whole();
}

/// T02
#[test]
fn uids_that_become_new_while_a_folder_is_read_double_nothing() {
    // When it is new, and when it is compared.
    for (command, is_known) in [("FETCH", false), ("UID FETCH", true)] {
        let pair = Pair::new();
        if is_known {
            pair.run_well();
            pair.more();
        }
        // The folder is opened once more where the connection broke.
        pair.source.arm(Armed::new(Quirk::token_expires(command)).once());
        pair.source.arm(Armed::new(Quirk::ValidityBecomes(99)).in_mailbox("INBOX").after(1).once());
        pair.run();
        happened(&pair.source);
        pair.run_well();
        pair.is_whole();
    }
}

/// T21
#[test]
fn a_message_that_was_moved_is_moved_and_not_sent_again() {
    let pair = Pair::new();
    pair.run_well();
    pair.source.world(USER, |world| {
        let inbox = world.find("INBOX").expect("there");
        let (uid, message) = (inbox.messages[2].uid, inbox.messages[2].clone());
        inbox.remove(uid);
        world.find("Sent").expect("there").put(message);
    });
    assert_eq!(pair.run_well()["appended"], 0);
    pair.is_whole();
}

/// T03
#[test]
fn a_message_that_ends_every_connection_is_left_out_and_the_others_arrive() {
    let pair = Pair::new();
    pair.target.arm(Armed::new(Quirk::PoisonBye).holding(b"inbox3"));
    let (summary, well) = pair.run();
    assert!(!well && summary["skipped"] == 1, "{summary}");
    let mut wanted = Pair::holds(&pair.source);
    wanted.retain(|(_, bytes), _| !bytes.windows(6).any(|word| word == b"inbox3"));
    assert_eq!(Pair::holds(&pair.target), wanted);
}

/// T04
#[test]
fn a_server_that_hangs_up_after_ten_errors_gets_what_it_takes() {
    let pair = Pair::with(Setup::default(), Setup::default().without("MULTIAPPEND"));
    pair.source.world(USER, |world| {
        (0..25).for_each(|number| {
            world.add("Poison", &[mail(&format!("poison{number}")), vec![0]].concat(), &[]);
        });
    });
    pair.target.arm(Quirk::Dislikes(Dislike::Nul));
    pair.target.arm(Quirk::EndsAfterErrors(10));
    pair.run_well();
    let count = |server: &Hostile| Pair::holds(server).values().sum::<usize>();
    assert_eq!(count(&pair.target), count(&pair.source));
}

/// T05
#[test]
fn the_bytes_are_the_truth_whatever_the_size_says() {
    for lie in [SizeLie::Says(0), SizeLie::Says(99_999), SizeLie::Says(3), SizeLie::Grows, SizeLie::Missing, SizeLie::First] {
        later_source_survives(Quirk::Size(lie));
    }
}

/// T06
#[test]
fn a_message_without_bytes_is_never_an_empty_one_and_comes_later() {
    for quirk in [Quirk::BodyNil, Quirk::NoFetchResponse] {
        let pair = Pair::new();
        pair.source.arm(Armed::new(quirk).in_mailbox("Sent"));
        let (summary, well) = pair.run();
        assert!(!well, "{summary}");
        happened(&pair.source);
        assert!(Pair::holds(&pair.target).keys().all(|(folder, bytes)| folder == "INBOX" && !bytes.is_empty()));
        pair.source.calm();
        pair.run_well();
        pair.is_whole();
    }
}

/// T07
#[test]
fn a_message_without_a_date_has_that_of_its_header() {
    for shown in [None, Some("NIL"), Some("\"00-Jan-0000 00:00:00 +0000\"")] {
        let pair = Pair::new();
        pair.source.world(USER, |world| {
            world.add("INBOX", b"Date: Mon, 4 Jan 2010 10:00:00 +0000\r\nSubject: dated\r\n\r\nx\r\n", &[]);
        });
        pair.source.arm(Quirk::ShowsDate(shown.map(str::to_owned)));
        pair.run_well();
        happened(&pair.source);
        pair.is_whole();
        let stored = pair.target.stored();
        let dated = stored.iter().find(|stored| stored.bytes.starts_with(b"Date:")).expect("it is there");
        assert!(dated.date.as_deref().is_some_and(|date| date.contains("04-Jan-2010 10:00:00 +0000")), "{:?}", dated.date);
    }
}

/// T07
#[test]
fn a_date_that_a_server_does_not_take_is_no_reason_to_lose_a_message() {
    let pair = Pair::new();
    pair.source.world(USER, |world| {
        world.add("INBOX", &mail("old"), &[]);
        world.find("INBOX").expect("there").messages[0].internal_date = "30-Dec-1969 00:00:00 +0000".into();
    });
    pair.target.arm(Quirk::DislikesDate(DateDislike::Before1970));
    pair.target.arm(Quirk::DislikesDate(DateDislike::OneDigitDay));
    pair.run_well();
    happened(&pair.target);
    pair.is_whole();
}

/// T08, T09, T10
#[test]
fn a_refused_message_is_mended_as_little_as_helps() {
    let cases: [(Dislike, &[u8], &[u8]); 4] = [
        (Dislike::NoFinalCrlf, b"Subject: x\r\n\r\nend", b"Subject: x\r\n\r\nend\r\n"),
        (Dislike::BareLf, b"Subject: x\r\n\r\na\nb\r\n", b"Subject: x\r\n\r\na\r\nb\r\n"),
        (Dislike::BareCr, b"Subject: x\r\n\r\na\rb\r\n", b"Subject: x\r\n\r\na\r\nb\r\n"),
        (Dislike::Nul, b"Subject: x\r\n\r\na\0b\r\n", b"Subject: x\r\n\r\na\x80b\r\n"),
    ];
    for (dislike, given, kept) in cases {
        let pair = Pair::new();
        pair.source.world(USER, |world| {
            world.add("INBOX", given, &["\\Flagged"]);
        });
        pair.target.arm(Quirk::Dislikes(dislike));
        pair.run_well();
        happened(&pair.target);
        assert!(Pair::holds(&pair.target).contains_key(&("INBOX".into(), kept.to_vec())), "{dislike:?}");
        assert_eq!(pair.run_well()["appended"], 0, "{dislike:?}");
    }
}

/// T09
#[test]
fn a_long_line_is_folded_but_not_in_a_signed_message() {
    let long = |head: &str| [head.as_bytes(), b"Subject: x\r\n\r\n", &vec![b'x'; 3000][..], b"\r\n"].concat();
    let pair = Pair::new();
    pair.source.world(USER, |world| {
        world.add("INBOX", &long(""), &[]);
        world.add("INBOX", &long("Content-Type: multipart/signed; boundary=b\r\n"), &[]);
    });
    pair.target.arm(Quirk::Dislikes(Dislike::LineLongerThan(998)));
    let (summary, well) = pair.run();
    assert!(!well && summary["skipped"] == 1, "{summary}");
    assert_eq!(Pair::holds(&pair.target).values().sum::<usize>(), 12);
}

/// T11
#[test]
fn true_duplicates_are_as_many_as_at_the_source_even_when_an_answer_is_lost() {
    let pair = Pair::new();
    pair.source.world(USER, |world| {
        (0..3).for_each(|_| {
            world.add("INBOX", &mail("twin"), &[]);
        })
    });
    pair.target.world(USER, |world| {
        world.add("INBOX", &mail("twin"), &[]);
    });
    pair.target.arm(Armed::new(Quirk::LostAppendAnswer).once());
    pair.run_well();
    happened(&pair.target);
    pair.is_whole();
}

/// T11. What is in a folder that the run itself made is known without opening it.
#[test]
fn true_duplicates_in_a_folder_that_is_made_stay_as_many_whatever_becomes_of_answers() {
    for quirk in [Quirk::LostAppendAnswer, Quirk::NoAppendUid, Quirk::WrongAppendUid, Quirk::WrongAppendUidValidity] {
        for after in [0, 2] {
            let pair = Pair::with(Setup::default(), Setup::default().without("MULTIAPPEND"));
            pair.source.world(USER, |world| {
                (0..5).for_each(|_| {
                    world.add("Twins", &mail("twin"), &["\\Seen"]);
                })
            });
            pair.target.arm(Armed::new(quirk.clone()).in_mailbox("Twins").after(after).once());
            pair.run_well();
            happened(&pair.target);
            pair.is_whole();
            assert_eq!(pair.run_well()["appended"], 0);
            pair.is_whole();
        }
    }
}

/// T12
#[test]
fn a_server_that_rewrites_what_it_stores_gets_it_once() {
    for rewrite in [Rewrite::AddsReceived, Rewrite::NewMessageId, Rewrite::HeaderNamesInCapitals, Rewrite::FinalLine] {
        let pair = Pair::new();
        pair.target.arm(Quirk::Rewrites(rewrite));
        pair.run_well();
        happened(&pair.target);
        assert_eq!(pair.run_well()["appended"], 0);
        assert_eq!(Pair::holds(&pair.target).values().sum::<usize>(), 11);
    }
}

/// T13
#[test]
fn a_message_that_is_too_big_is_left_out_with_a_reason_and_not_tried_for_ever() {
    for how in [TooBig::No, TooBig::Bad, TooBig::Reset] {
        let pair = Pair::new();
        pair.source.world(USER, |world| {
            world.add("INBOX", &[mail("big"), vec![b'x'; 5000], b"\r\n".to_vec()].concat(), &[]);
        });
        pair.target.arm(Quirk::TooBig { bytes: 4000, how });
        let (summary, well) = pair.run();
        assert!(!well && summary["skipped"] == 1, "{how:?}: {summary}");
        assert_eq!(Pair::holds(&pair.target).values().sum::<usize>(), 11);
        let tries = pair.target.commands().len();
        pair.run();
        assert!(pair.target.commands().len() < tries + 40, "{how:?}: it is tried again and again");
    }
}

/// T14
#[test]
fn a_full_mailbox_waits_and_goes_on_where_it_was() {
    let pair = Pair::with(Setup::default(), Setup::default().without("MULTIAPPEND"));
    pair.target.arm(Armed::new(Quirk::over_quota()).after(4));
    let (summary, well) = pair.run();
    assert!(!well, "{summary}");
    happened(&pair.target);
    pair.target.calm();
    pair.run_well();
    pair.is_whole();
}

/// T15
#[test]
fn a_pause_is_kept_and_the_run_goes_on_by_itself() {
    target_survives(Armed::new(Quirk::exchange_throttles("APPEND", 20)).times(2));
    target_survives(Armed::new(Quirk::google_throttles("APPEND")).once());
}

/// T16
#[test]
fn a_session_that_ends_in_mid_run_is_begun_anew() {
    source_survives(Armed::new(Quirk::token_expires("FETCH")).once());
    later_source_survives(Armed::new(Quirk::token_expires("UID FETCH")).once());
    target_survives(Armed::new(Quirk::token_expires("APPEND")).once());
}

/// T17
#[test]
fn names_that_a_server_takes_for_one_stay_two() {
    let pair = Pair::new();
    pair.source.world(USER, |world| {
        for name in ["Trash", "TRASH", "a b", "R&-D", "Entw&APw-rfe", " lead", "007"] {
            world.add(name, &mail(name), &[]);
        }
    });
    pair.target.arm(Quirk::NamesWithoutCase);
    pair.run_well();
    happened(&pair.target);
    let folders = |server: &Hostile| Pair::holds(server).len();
    assert_eq!(folders(&pair.target), folders(&pair.source));
}

/// T18
#[test]
fn an_account_without_a_folder_is_an_error_and_changes_nothing() {
    let pair = Pair::new();
    pair.run_well();
    let fresh = Pair::new();
    for (pair, appended) in [(&pair, 11), (&fresh, 0)] {
        pair.source.arm(Quirk::ListsNothing);
        let (said, well) = pair.run();
        assert!(!well, "{said}");
        happened(&pair.source);
        assert_eq!(Pair::holds(&pair.target).values().sum::<usize>(), appended);
    }
}

/// T18
#[test]
fn a_list_that_lies_does_not_hide_a_folder() {
    source_survives(Quirk::ListExtendedBad);
    source_survives(Quirk::NoChildrenOnParent);
}

/// T19
#[test]
fn a_keyword_that_cannot_be_stored_costs_the_keyword_alone() {
    for quirk in [Quirk::KeywordsMax(0), Quirk::RefusesKeywordsWith("$"), Quirk::LosesFlagOnAppend("\\Seen")] {
        let pair = Pair::new();
        pair.target.arm(quirk);
        pair.run_well();
        happened(&pair.target);
        pair.is_whole();
    }
}

/// T21
#[test]
fn what_is_removed_while_it_is_read_is_no_error_and_costs_nobody_else() {
    let pair = Pair::new();
    pair.source.arm(Armed::new(Quirk::ExpungedBeforeFetch).in_mailbox("INBOX").once());
    pair.run();
    happened(&pair.source);
    pair.source.calm();
    pair.run_well();
    pair.is_whole();
}

/// T22
#[test]
fn a_command_line_is_never_longer_than_servers_read() {
    let pair = Pair::new();
    pair.source.world(USER, |world| {
        (0..1500).for_each(|number| {
            world.add("Archive", &mail(&format!("a{number}")), &[]);
        });
        let uids = world.find("Archive").expect("there").uids();
        uids.iter().filter(|uid| **uid % 2 == 0).for_each(|uid| world.find("Archive").expect("there").remove(*uid));
    });
    pair.source.arm(Quirk::CommandLineMax(1000));
    pair.target.arm(Quirk::CommandLineMax(1000));
    pair.run_well();
    pair.is_whole();
}

/// T25
#[test]
fn an_append_is_known_again_though_the_server_does_not_say_or_lies() {
    target_survives(Quirk::NoAppendUid);
    target_survives(Quirk::WrongAppendUidValidity);
    target_survives(Quirk::WrongAppendUid);
    let pair =
        Pair::with(Setup::default().without("UIDPLUS"), Setup::default().without("UIDPLUS").without("LITERAL+").without("MULTIAPPEND"));
    pair.run_well();
    pair.is_whole();
}

/// T25
#[test]
fn a_server_that_names_the_wrong_message_does_not_have_it_removed() {
    for quirk in [Quirk::WrongAppendUid, Quirk::WrongAppendUidValidity] {
        for together in [true, false] {
            let target = if together { Setup::default() } else { Setup::default().without("MULTIAPPEND") };
            let pair = Pair::with(Setup::default(), target);
            pair.target.arm(quirk.clone());
            pair.run_well();
            happened(&pair.target);
            pair.source.world(USER, |world| {
                let inbox = world.find("INBOX").expect("there");
                [5, 2].map(|at| inbox.messages[at].uid).into_iter().for_each(|uid| inbox.remove(uid));
            });
            pair.run_well();
            pair.is_whole();
        }
    }
}

/// T25
#[test]
fn odd_answers_are_read_all_the_same() {
    source_survives(Quirk::SplitPackets);
    source_survives(Quirk::ShuffledItems);
    source_survives(Quirk::ExistsJumps);
    source_survives(Quirk::ExpungeAfterSelect);
    target_survives(Quirk::SplitPackets);
}

/// T25
#[test]
fn a_server_that_says_goodbye_at_once_is_an_error_that_ends() {
    let pair = Pair::new();
    pair.target.arm(Quirk::ByeAtGreeting);
    let (said, well) = pair.run();
    assert!(!well, "{said}");
    happened(&pair.target);
    pair.target.calm();
    pair.run_well();
    pair.is_whole();
}
