use std::sync::Arc;

use mailferry_rules::ids::{ContainerName, Epoch, Sequence};
use mailferry_rules::import::Arrival;

use super::super::telling::{MANY, Told};
use super::*;
use crate::model::{Digest, Outcome, Receipt};
use crate::ports::UnwatchedSteps;
use crate::state::ledger::{inbound, outbound};
use crate::state::{Database, StateError};

const ANNA: MailboxId = MailboxId([1; 16]);
const BOB: MailboxId = MailboxId([2; 16]);

fn project() -> Vec<Mailbox> {
    let mailbox = |id, name: &str| Mailbox { id, name: name.into(), source: String::new(), target: String::new(), priority: 0 };
    vec![mailbox(BOB, "bob"), mailbox(ANNA, "anna")]
}

fn name(mailbox: MailboxId, sequence: u64) -> ContainerName {
    ContainerName { mailbox, sequence: Sequence(sequence), epoch: Epoch(1) }
}

fn publish(db: &Connection, mailbox: MailboxId, sequence: u64, items: u64, bytes: u64, now_ms: u64) -> Result<(), StateError> {
    let published = outbound::Published { name: name(mailbox, sequence), base: Sequence(0), digest: Digest::of(b"x"), bytes, items };
    Ok(outbound::record(db, &published, now_ms)?)
}

fn take(db: &Connection, mailbox: MailboxId, sequence: u64, outcome: Outcome, counts: [u64; 3], now_ms: u64) -> Result<(), StateError> {
    let [applied, already, found] = counts;
    let receipt =
        Receipt { container: name(mailbox, sequence), digest: Digest::of(b"x"), outcome, applied, already, found, skipped: Vec::new() };
    let arrival = Arrival { sequence: Sequence(sequence), epoch: Epoch(1), base: Sequence(0), previous_epoch: Epoch(1) };
    Ok(inbound::take(db, &receipt, arrival, true, now_ms)?)
}

fn read(db: &Database, kind: AgentKind) -> Vec<MailboxReport> {
    let passed = BTreeMap::from([(ANNA, 9_000)]);
    db.read(|db| Ok(Mailboxes::read(db, kind, &project(), &passed)?)).expect("a ledger").mailboxes
}

#[test]
fn a_source_tells_the_sums_of_its_containers_in_the_order_of_the_project() -> Result<(), StateError> {
    let mut db = Database::in_memory(Arc::new(UnwatchedSteps))?;
    db.write(|tx| {
        publish(tx, ANNA, 1, 40, 7_000, 1_000)?;
        publish(tx, ANNA, 2, 2, 300, 2_000)?;
        outbound::answer(tx, &name(ANNA, 1), Outcome::Applied, 3_000)?;
        Ok(())
    })?;
    let told = read(&db, AgentKind::Source);
    assert_eq!((told[0].name.as_str(), told[0].containers, told[0].passed_ms), ("bob", 0, 0));
    let anna = MailboxReport {
        mailbox: ANNA.to_string(),
        name: "anna".into(),
        containers: 2,
        answered: 1,
        items: 42,
        bytes: 7_300,
        published_ms: 2_000,
        passed_ms: 9_000,
        ..MailboxReport::default()
    };
    assert_eq!(told[1], anna);
    Ok(())
}

#[test]
fn a_target_tells_what_receipts_say_and_which_containers_were_bad() -> Result<(), StateError> {
    let mut db = Database::in_memory(Arc::new(UnwatchedSteps))?;
    db.write(|tx| {
        take(tx, ANNA, 1, Outcome::Applied, [40, 1, 0], 1_000)?;
        take(tx, ANNA, 2, Outcome::Archived, [0, 0, 0], 2_000)?;
        // Restored: applied after all, and no longer bad.
        take(tx, ANNA, 2, Outcome::Applied, [5, 0, 2], 3_000)?;
        take(tx, BOB, 1, Outcome::Damaged, [0, 0, 0], 4_000)
    })?;
    let told = read(&db, AgentKind::Target);
    assert_eq!((told[0].bad_containers, told[0].applied, told[0].taken_ms), (1, 0, 4_000));
    assert_eq!((told[1].bad_containers, told[1].containers, told[1].taken_ms), (0, 2, 3_000));
    assert_eq!((told[1].applied, told[1].already, told[1].found), (45, 1, 2));
    Ok(())
}

fn many(count: usize) -> Mailboxes {
    Mailboxes { mailboxes: vec![MailboxReport::default(); count] }
}

#[test]
fn mailboxes_are_told_when_something_has_changed_and_a_pass_alone_is_no_news() {
    let (mut told, mut mailboxes) = (Told::default(), many(3));
    assert!(told.is_news(&mailboxes, 1_000), "the first time");
    mailboxes.mailboxes[1].passed_ms = 1_500;
    assert!(!told.is_news(&mailboxes, 2_000));
    mailboxes.mailboxes[1].items = 1;
    assert!(told.is_news(&mailboxes, 3_000) && !told.is_news(&mailboxes, 4_000));
    assert!(!told.is_news(&mailboxes, 62_999) && told.is_news(&mailboxes, 63_000), "after a while all the same");
}

#[test]
fn of_many_mailboxes_nothing_is_read_too_often() {
    let mut told = Told::default();
    assert!(told.may_tell(MANY + 1, 1_000) && told.is_news(&many(MANY + 1), 1_000));
    assert!(!told.may_tell(MANY + 1, 10_999) && told.may_tell(MANY + 1, 11_000));
    assert!(told.may_tell(MANY, 1_001));
}

#[test]
fn what_is_nothing_is_not_written() -> Result<(), serde_json::Error> {
    let text = serde_json::to_string(&MailboxReport { name: "anna".into(), items: 3, ..MailboxReport::default() })?;
    assert_eq!(text, r#"{"mailbox":"","name":"anna","items":3}"#);
    Ok(())
}
