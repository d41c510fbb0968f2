//! What the tests with real servers share.
#![allow(dead_code)]

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use mailferry_core::ports::{Clock, DataGuarantee};
use mailferry_guarantee::{Guard, WallClock, parse};
use mailferry_mailbed::servers::{Kind, Server, available};
use mailferry_rules::guarantee::{Answer, Constraint};

pub const STORE: &str = "imap://u01@mail.b.example";

pub fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis() as u64
}

/// Says so where it cannot run here.
pub fn is_ready(kind: Kind) -> bool {
    available(kind).map_err(|reason| writeln!(std::io::stderr(), "SKIPPED: {reason}")).is_ok()
}

/// A in site X, B in site Y; the constraint is SecondDatacenter.
pub fn guard(provider: &str) -> Guard {
    let text = format!(
        "[[stores]]\nmatch = \"imap://*\"\nconstraint = \"SecondDatacenter\"\npatience_s = 10\n{provider}\n\
         active = {{ name = \"A\", site = \"X\" }}\npassive = {{ name = \"B\", site = \"Y\" }}\n"
    );
    let clock: Arc<dyn Clock> = Arc::new(WallClock);
    Guard::new(parse(&text, &clock).expect("a file"), Constraint::NONE, clock)
}

/// The time when it has been committed.
pub fn append(node: &Server, mail: &[u8]) -> u64 {
    node.talk(1).and_then(|mut talk| talk.append("INBOX", "()", mail)).expect("a message");
    now_ms()
}

pub fn messages(node: &Server) -> Option<u64> {
    let status = node.talk(1).and_then(|mut talk| talk.ok("STATUS INBOX (MESSAGES)")).expect("an answer");
    status.all("STATUS").next().expect("a line")[2].list()[1].number()
}

/// Asks until it is done, and does something each second meanwhile.
pub fn answers_until(guard: &Guard, commit_ms: u64, done: impl Fn(&Answer) -> bool, meanwhile: impl Fn()) -> Vec<Answer> {
    let (began, mut did, mut answers) = (Instant::now(), Instant::now(), Vec::new());
    loop {
        answers.push(guard.flushed(STORE, commit_ms));
        if answers.last().is_some_and(&done) {
            return answers;
        }
        assert!(began.elapsed() < Duration::from_secs(60), "waited in vain: {:?}", answers.last());
        if did.elapsed() > Duration::from_secs(1) {
            did = Instant::now();
            meanwhile();
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
