use mailferry_core::settings::AgentKind;

use super::fixture::{Fixture, NOW_MS, name, report};
use super::*;

#[test]
fn the_project_both_sides_and_the_requests_come_together_by_the_id_of_a_mailbox() {
    let (fleet, _) = Fixture::new(20).look();
    let of = |number: usize| &fleet.mailboxes[number];
    assert_eq!((of(1).name.as_str(), of(1).collection.as_str(), of(1).state.as_str()), ("user00001", "wave 1", "InProgress"));
    let figures = Figures { containers: 4, answered: 3, items: 1_001, bytes: 50_000_001, applied: 1_000, already: 1, ..Figures::default() };
    assert_eq!(of(1).figures, figures);
    assert_eq!((of(3).state.as_str(), of(3).why.as_str()), ("Stalled", "the server says <NO> [INUSE] & closes"));
    assert_eq!((of(7).state.as_str(), of(7).request), ("InStep", None));
    let request = fleet.request(of(8));
    assert_eq!(request.map(|of| of.state.as_str()), Some("Failed"));
    assert_eq!((of(8).state.as_str(), of(8).why.as_str()), ("Failed", "=too many bad items"));
    assert_eq!(fleet.troubles, Vec::<String>::new());
}

#[test]
fn totals_are_the_sums_of_their_parts() {
    let (fleet, _) = Fixture::new(2_020).look();
    let totals = &fleet.totals;
    let mut figures = Figures::default();
    fleet.mailboxes.iter().for_each(|mailbox| figures.add(&mailbox.figures));
    assert_eq!((totals.all.mailboxes, totals.all.figures), (2_020, figures));
    let mut of_collections = Figures::default();
    totals.collections.values().for_each(|sums| of_collections.add(&sums.figures));
    assert_eq!(of_collections, figures);
    assert_eq!(totals.collections.values().map(|sums| sums.mailboxes).collect::<Vec<_>>(), [1_000, 1_000, 20]);
    assert_eq!(totals.all.states.values().sum::<u64>(), 2_020);
    assert_eq!((totals.agents, totals.active, totals.silent, totals.bad), (8, 4, 0, 1));
    assert_eq!((totals.stalls, totals.deletion_debts, totals.coverage_debts, totals.copy_queue), (1, 1, 0, 17));
    assert_eq!(totals.requests, 1_010);
}

#[test]
fn a_look_that_did_not_see_the_figures_is_in_no_chart() {
    let fixture = Fixture::new(20);
    let mut history = History::default();
    let mut look = |at_ms: u64| {
        let mut fleet = fixture.look().0;
        fleet.looked_ms = at_ms;
        history.add(&fleet);
        history.samples().len()
    };
    assert_eq!(look(NOW_MS), 1);
    std::fs::write(fixture.agent("SRC1", AgentKind::Source).join("status.json"), "{").expect("a file");
    assert_eq!(look(NOW_MS + 60_000), 1);
    fixture.write("SRC1", AgentKind::Source, "status.json", &report("SRC1", AgentKind::Source, 20));
    std::fs::write(fixture.agent("TGT1", AgentKind::Target).join("mailboxes.json"), "{").expect("a file");
    assert_eq!(look(NOW_MS + 120_000), 1);
}

#[test]
fn after_a_failover_the_files_of_the_new_active_node_count() {
    let fixture = Fixture::new(20);
    let mut new = report("SRC2", AgentKind::Source, 20);
    (new.role, new.epoch) = ("active".into(), 4);
    fixture.write("SRC2", AgentKind::Source, "status.json", &new);
    let (fleet, _) = fixture.look();
    assert_eq!(fleet.mailboxes[0].figures.items, 0, "it has not written its own yet");
    assert_eq!(fleet.moves.requests.len(), 0);
    let told = mailboxes::Told {
        mailboxes: vec![mailferry_core::engine::MailboxReport { mailbox: fleet.mailboxes[0].id.clone(), items: 9, ..Default::default() }],
    };
    fixture.write("SRC2", AgentKind::Source, "mailboxes.json", &told);
    assert_eq!(fixture.look().0.mailboxes[0].figures.items, 9);
}

#[test]
fn what_is_damaged_is_told_and_an_agent_without_a_report_is_silent() {
    let fixture = Fixture::new(20);
    std::fs::write(fixture.agent("SRC1", AgentKind::Source).join("moves.json"), "{\"requests\": [").expect("a file");
    std::fs::write(fixture.agent("TGT1", AgentKind::Target).join("status.json"), "").expect("a file");
    let (fleet, _) = fixture.look();
    assert_eq!(fleet.troubles.len(), 2);
    assert!(fleet.troubles[0].contains("no report of a target agent says that it is active"), "{:?}", fleet.troubles);
    assert!(fleet.troubles[1].contains("moves.json"), "{:?}", fleet.troubles);
    assert_eq!(fleet.totals.silent, 1);
    assert!(fleet.waits());
    let target = fleet.agents.iter().find(|seen| seen.node == "TGT1" && seen.agent == AgentKind::Target);
    assert!(target.is_some_and(|seen| seen.end().contains("no report") && seen.role().is_empty()));
}

#[test]
fn before_the_first_session_nothing_is_wrong_with_the_figures() {
    let fixture = Fixture::new(2);
    for node in ["TGT1", "TGT2"] {
        std::fs::remove_file(fixture.agent(node, AgentKind::Target).join("status.json")).expect("a file");
    }
    assert_eq!(fixture.look().0.troubles, Vec::<String>::new());
}

#[test]
fn a_report_grows_old_though_nobody_writes_it() {
    let (fleet, _) = Fixture::new(1).look();
    let of = |node: &str| fleet.agents.iter().find(|seen| seen.node == node).expect("an agent");
    assert_eq!(of("TGT1").health(NOW_MS), agents::Health::Good);
    assert_eq!(of("TGT1").health(NOW_MS + 3_600_000), agents::Health::Bad);
    assert_eq!(of("SRC1").health(NOW_MS), agents::Health::Waits);
    assert!(!of("TGT1").waits(NOW_MS) && of("TGT1").waits(NOW_MS + 3_600_000), "an agent that ended waits for a person");
}

#[test]
fn a_report_of_a_clock_that_is_ahead_is_not_taken_for_fresh() {
    let (fleet, _) = Fixture::new(1).look();
    let seen = fleet.agents.iter().find(|seen| seen.node == "TGT1").expect("an agent");
    let finished_ms = seen.report.as_ref().expect("a report").finished_ms;
    assert_eq!((seen.doubt(finished_ms - 60_000), seen.health(finished_ms - 60_000)), (None, agents::Health::Good));
    assert!(seen.doubt(finished_ms - 3_600_000).is_some_and(|doubt| doubt.contains("3600 s ahead")));
    assert_eq!(seen.health(finished_ms - 3_600_000), agents::Health::Bad);
}

#[test]
fn an_agent_that_was_told_to_sleep_long_is_not_doubted_before_it_is_late() {
    let fixture = Fixture::new(1);
    let text = std::fs::read_to_string(fixture.project_file()).expect("a file");
    std::fs::write(fixture.project_file(), format!("[settings]\nSleepInterval = \"1h\"\n{text}")).expect("a file");
    let (fleet, _) = fixture.look();
    let seen = fleet.agents.iter().find(|seen| seen.node == "TGT1" && seen.agent == AgentKind::Target).expect("an agent");
    assert_eq!((seen.doubt(NOW_MS + 2 * 3_600_000), seen.doubt(NOW_MS + 4 * 3_600_000).is_some()), (None, true));
}

#[test]
fn ten_thousand_mailboxes_are_looked_at_by_reading_each_file_once_and_no_file_twice() {
    let fixture = Fixture::new(10_000);
    let mut looker = Looker::new(fixture.project());
    let fleet = looker.look(NOW_MS);
    assert_eq!(fleet.mailboxes.len(), 10_000);
    assert_eq!(fleet.mailboxes[9_999].name, name(9_999));
    let first = looker.work;
    assert_eq!((first.asked, first.opened, first.bytes), (11, 11, fixture.bytes()), "eight reports, and three files of those active");
    looker.look(NOW_MS);
    assert_eq!(looker.work, Work { asked: 22, ..first }, "what has not changed is not read again");
    // `status` itself does not depend on the number of mailboxes.
    let few = Fixture::new(10);
    let (mut of_many, mut of_few) = (Looker::new(fixture.project()), Looker::new(few.project()));
    of_many.agents();
    of_few.agents();
    assert_eq!(of_many.work.opened, of_few.work.opened);
    assert!(of_many.work.bytes < of_few.work.bytes + 100);
}
