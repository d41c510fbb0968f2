//! `migrate --list` from server to server.

use mailferry_mailbed::corpus::Corpus;
use mailferry_mailbed::fill;
use mailferry_mailbed::servers::{Dovecot, Format, Kind, Options, Server};
use mailferry_tests::console;

use super::kit::*;

const USERS: usize = 4;

fn two_dovecots(connections_per_user: usize) -> Option<(Server, Server)> {
    let start = |format| Dovecot::start(Options { users: USERS, connections_per_user, ..Options::format(format) }).expect("Dovecot starts");
    is_ready(&[Kind::Dovecot]).then(|| (start(Format::Maildir), start(Format::Mdbox)))
}

fn address(server: &Server) -> String {
    format!("imap://{}/?tls=off", server.address())
}

/// All users; of the one that is named the password is wrong.
fn list(source: &Server, target: &Server, wrong: usize) -> String {
    let mut text = String::from("source,source_user,source_password,target,target_user,target_password\n");
    for number in 1..=USERS {
        let ((from, from_password), (to, to_password)) = (source.user(number), target.user(number));
        let to_password = if number == wrong { "not sesame" } else { &to_password };
        text += &format!("{},{from},{from_password},{},{to},{to_password}\n", address(source), address(target));
    }
    text
}

/// Servers hold the limit of connections; a wrong password holds up its own mailbox; a second pass has nothing to do.
#[test]
fn a_list_is_moved_side_by_side_within_the_limits_and_one_wrong_password_stops_nobody_else() {
    // As many as the page on lists says that a mailbox takes.
    let Some((source, target)) = two_dovecots(2) else { return };
    let corpus = Corpus::new(7, USERS, 120);
    fill::users(&source, &corpus).expect("filled");
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (work, report) = (dir.path().join("work").display().to_string(), dir.path().join("report.json").display().to_string());
    let run = |wrong: usize| {
        let file = secret_file(dir.path(), "list.csv", &list(&source, &target, wrong));
        let file = file.display().to_string();
        let output =
            console(&["--json", "migrate", "--list", &file, "--work", &work, "--report", &report, "--jobs", "3", "--per-server", "6"]);
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a report");
        let said = [output.stdout, output.stderr, std::fs::read(&report).expect("a report")].concat();
        let said = String::from_utf8_lossy(&said).into_owned();
        assert!(!said.contains("not sesame") && !said.contains(&source.user(1).1), "a password was told");
        (output.status.code(), json)
    };
    let (code, first) = run(3);
    let state = |json: &serde_json::Value, number: usize| json["mailboxes"][number - 1]["state"].as_str().map(str::to_owned);
    for number in 1..=USERS {
        let wanted = if number == 3 { "failed" } else { "done" };
        assert_eq!(state(&first, number).as_deref(), Some(wanted), "{first}");
    }
    assert_eq!(code, Some(3));
    let (code, second) = run(0);
    assert_eq!(code, Some(0), "{second}");
    for number in 1..=USERS {
        let report = differences((&source, number), (&target, number));
        assert!(report.is_clean(), "user {number}: {report}");
        let appended = second["mailboxes"][number - 1]["appended"].as_u64();
        assert_eq!(appended, Some(if number == 3 { report.compared as u64 } else { 0 }), "user {number}");
    }
}
