//! Two real Dovecots: what their replicator and `doveadm sync` say of the second copy.
#![cfg(unix)]

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mailferry_core::ports::{Clock, DataGuarantee};
use mailferry_guarantee::{Guard, parse};
use mailferry_mailbed::servers::{Dovecot, Kind, Options, Server, available};
use mailferry_rules::guarantee::{Answer, Constraint};

struct SystemTimes;

impl Clock for SystemTimes {
    fn now_ms(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as u64
    }
}

const STORE: &str = "imap://u01@mail.b.example";

/// Says so where it cannot run here.
fn pair() -> Option<[Server; 2]> {
    match available(Kind::Dovecot) {
        Ok(()) => Some(Dovecot::pair(&Options::default()).expect("two Dovecots")),
        Err(reason) => {
            let _ = writeln!(std::io::stderr(), "SKIPPED: {reason}");
            None
        }
    }
}

fn guard(node: &Server, provider: &str) -> Guard {
    let text = format!(
        "[[stores]]\nmatch = \"imap://*\"\nconstraint = \"SecondDatacenter\"\npatience_s = 60\n{provider}\n\
         options = [\"-c\", {:?}]\nactive = {{ name = \"A\", site = \"X\" }}\npassive = {{ name = \"B\", site = \"Y\" }}\n",
        node.folder().join("dovecot.conf")
    );
    let clock: Arc<dyn Clock> = Arc::new(SystemTimes);
    Guard::new(parse(&text, &clock).expect("a file"), Constraint::NONE, clock)
}

fn append(node: &Server, mail: &[u8]) -> u64 {
    node.talk(1).and_then(|mut talk| talk.append("INBOX", "()", mail)).expect("a message");
    SystemTimes.now_ms()
}

fn messages(node: &Server) -> Option<u64> {
    let status = node.talk(1).and_then(|mut talk| talk.ok("STATUS INBOX (MESSAGES)")).expect("an answer");
    status.all("STATUS").next().expect("a line")[2].list()[1].number()
}

/// Asks until it is satisfied, and has the store rolled each second.
fn answer_until(guard: &Guard, commit_ms: u64, done: impl Fn(&Answer) -> bool) -> Vec<Answer> {
    let (began, mut rolled, mut answers) = (Instant::now(), Instant::now(), Vec::new());
    loop {
        answers.push(guard.flushed(STORE, commit_ms));
        if answers.last().is_some_and(&done) {
            return answers;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain: {:?}", answers.last());
        if rolled.elapsed() > Duration::from_secs(1) {
            rolled = Instant::now();
            let _told_by_the_next_answer = guard.roll(STORE);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_commit_counts_as_flushed_only_when_the_second_node_holds_it() {
    let Some([one, mut two]) = pair() else { return };
    let guard = guard(&one, "provider = \"dovecot\"");
    let commit_ms = append(&one, b"Subject: one\r\n\r\n1\r\n");
    let answers = answer_until(&guard, commit_ms, Answer::is_satisfied);
    assert!(SystemTimes.now_ms() > commit_ms + 5_000, "never within the five seconds that clocks may differ by: {answers:?}");
    assert_eq!(messages(&two), Some(1));
    let health = guard.healthy("u01", STORE);
    assert_eq!(health, Answer::Satisfied);

    two.kill();
    let commit_ms = append(&one, b"Subject: two\r\n\r\n2\r\n");
    let failed = |answer: &Answer| {
        guard.healthy("u01", STORE) != Answer::Satisfied && SystemTimes.now_ms() > commit_ms + 7_000 && !answer.is_satisfied()
    };
    let answers = answer_until(&guard, commit_ms, failed);
    assert!(!answers.iter().any(Answer::is_satisfied), "the second node is down: {answers:?}");
    let health = guard.healthy("u01", STORE);
    assert!(health.reason().is_some_and(|why| why.contains("copy B is SyncFailed")), "{health:?}");

    two.restart().expect("it comes back");
    assert_eq!(messages(&two), Some(1));
    answer_until(&guard, commit_ms, Answer::is_satisfied);
    assert_eq!(messages(&two), Some(2));
}

#[test]
fn a_sync_that_was_run_proves_what_was_committed_before_it_began() {
    let Some([one, mut two]) = pair() else { return };
    let guard = guard(&one, "provider = \"dovecot-sync\"\nremote = [\"-d\"]");
    let commit_ms = append(&one, b"Subject: one\r\n\r\n1\r\n");
    assert!(!guard.flushed(STORE, commit_ms).is_satisfied(), "not within five seconds");
    answer_until(&guard, commit_ms, Answer::is_satisfied);
    assert_eq!(messages(&two), Some(1));
    two.kill();
    assert!(matches!(guard.flushed(STORE, 0), Answer::Retry(_)), "a sync that cannot be run tells nothing");
    assert!(matches!(guard.healthy("u01", STORE), Answer::Retry(_)));
}

#[test]
fn a_replicator_that_does_not_run_or_does_not_know_the_user_leaves_the_answer_open() {
    let Some([mut one, _two]) = pair() else { return };
    let guard = guard(&one, "provider = \"dovecot\"");
    let stranger = guard.flushed("imap://stranger@mail.b.example", 0);
    assert_eq!(stranger, Answer::Retry("the replicator does not know user stranger".into()));
    one.kill();
    assert!(matches!(guard.flushed(STORE, 0), Answer::Retry(_)));
}
