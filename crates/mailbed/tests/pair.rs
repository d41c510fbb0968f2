//! Two Dovecots that replicate.
#![cfg(unix)]

mod common;

use common::is_ready;
use mailferry_mailbed::servers::{Dovecot, Kind, Options};

#[test]
fn what_is_appended_at_one_of_a_pair_arrives_at_the_other_and_waits_while_that_is_down() {
    if !is_ready(Kind::Dovecot) {
        return;
    }
    let [one, mut two] = Dovecot::pair(&Options::default()).expect("two Dovecots");
    let seen = |server: &mailferry_mailbed::servers::Server| {
        let listed = server.talk(1).and_then(|mut talk| talk.ok("STATUS INBOX (MESSAGES)"));
        listed.expect("an answer").all("STATUS").next().expect("a line")[2].list()[1].number()
    };
    let append = |mail: &[u8]| one.talk(1).and_then(|mut talk| talk.append("INBOX", "()", mail)).expect("a message");
    let arrives = |two: &mailferry_mailbed::servers::Server, count| common::wait_until("B has it", || seen(two) == Some(count));
    append(b"Subject: one\r\n\r\n1\r\n");
    arrives(&two, 1);
    two.kill();
    append(b"Subject: two\r\n\r\n2\r\n");
    common::wait_until("A has failed", || Dovecot::doveadm(&one, &["replicator", "status", "u01"]).is_ok_and(|said| said.contains(" y")));
    two.restart().expect("B is back");
    // A would try again after five minutes.
    Dovecot::doveadm(&one, &["replicator", "replicate", "-p", "high", "u01"]).expect("asked");
    arrives(&two, 2);
}
