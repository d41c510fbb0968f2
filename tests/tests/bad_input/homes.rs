//! The folder an agent lives in: config.ini, desired.toml, config.db, its lock (R14, R90, R91).

use std::fs;
use std::time::Duration;

use mailferry_core::settings::{AgentKind, Side};
use mailferry_tests::sample::User;
use mailferry_tests::{Bed, Services, prove, prove_mailbox, wait_until};

use crate::{CONTAINERS, assert_told, clusters, everywhere, rounds, servers};

const PATIENCE: Duration = Duration::from_secs(30);

fn stderr_of(bed: &Bed, node: &str, kind: AgentKind) -> (Option<i32>, String) {
    let output = bed.try_once(node, kind);
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn an_unknown_key_and_a_bad_value_are_told_with_file_and_line_and_the_agent_works() {
    let bed = servers();
    let file = bed.home("SRC", AgentKind::Source).config_ini;
    let text = fs::read_to_string(&file).expect("readable") + "\n[Source]\nCompresionLevel = 9\nContainerItemsMax = many\n";
    fs::write(&file, &text).expect("writable");
    bed.settle();
    let log = bed.log("SRC", AgentKind::Source);
    let lines = text.lines().count();
    assert_told(&log, "CompresionLevel", &[&format!("config.ini:{}", lines - 1), "did you mean CompressionLevel?"]);
    assert_told(&log, "ContainerItemsMax", &["many", "it stays 10", &format!("config.ini:{lines}")]);
    prove(&bed);
}

#[test]
fn without_config_ini_or_with_a_damaged_one_an_agent_works_with_project_and_defaults() {
    let bed = servers();
    fs::remove_file(bed.home("SRC", AgentKind::Source).config_ini).expect("a deletion");
    fs::write(bed.home("TGT", AgentKind::Target).config_ini, [0xFF, 0xFE, 0x00, 0xD8, 0x00]).expect("writable");
    bed.settle();
    for (node, kind) in [("SRC", AgentKind::Source), ("TGT", AgentKind::Target)] {
        assert_told(
            &bed.log(node, kind),
            "the agent works with what the project and the defaults say",
            &["config.ini", "hint:", "mailferry commit"],
        );
    }
    prove(&bed);
}

#[test]
fn a_damaged_desired_state_stops_one_agent_until_the_next_commit() {
    let bed = servers();
    let file = bed.home("SRC", AgentKind::Source).config_ini.with_file_name("desired.toml");
    let whole = fs::read(&file).expect("readable");
    for damaged in [&whole[..whole.len() / 2], b"", b"\xFF\xFE nonsense = ["] {
        fs::write(&file, damaged).expect("writable");
        let (code, told) = stderr_of(&bed, "SRC", AgentKind::Source);
        assert_eq!(code, Some(1));
        assert_told(
            &told,
            "error: could not read what this agent shall do",
            &["where:", "desired.toml", "cause:", "hint:", "mailferry commit"],
        );
        bed.once("TGT", AgentKind::Target);
    }
    bed.commit();
    bed.settle();
    prove(&bed);
}

#[test]
fn a_database_that_is_none_is_left_alone_and_the_other_agents_go_on() {
    let bed = clusters();
    everywhere(&bed, Side::Source, AgentKind::Source);
    let file = bed.home("TGT1", AgentKind::Target).database();
    let noise = b"this is no database, but somebody may miss it".repeat(100);
    fs::write(&file, &noise).expect("writable");
    let (code, told) = stderr_of(&bed, "TGT1", AgentKind::Target);
    assert_eq!(code, Some(1));
    assert_told(&told, "error: ", &["where:", "config.db", "cause:", "hint:"]);
    assert_eq!(fs::read(&file).expect("readable"), noise, "the file is as it was");
    everywhere(&bed, Side::Source, AgentKind::Transmission);
    fs::remove_file(&file).expect("a deletion");
    bed.settle();
    prove(&bed);
}

/// What a source agent without a past packs again has new names and is found to be there: no message rides under the name of a
/// container that was taken before (R3, R6).
#[test]
fn a_standalone_agent_whose_database_is_lost_doubles_and_loses_nothing() {
    for kind in [AgentKind::Source, AgentKind::Transmission] {
        let bed = servers();
        bed.settle();
        let file = bed.home("SRC", kind).database();
        for ending in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{ending}", file.display()));
        }
        let mut user = User::of(&bed.path("mail/old/alice"), 4);
        (0..3).for_each(|_| user.receive());
        rounds(&bed, 6);
        bed.mailboxes().iter().for_each(prove_mailbox);
    }
}

#[test]
fn a_second_process_of_an_agent_is_refused() {
    let bed = servers();
    let mut services = Services::none(&bed);
    services.start("SRC", AgentKind::Source);
    wait_until("the first process works", PATIENCE, || bed.report("SRC", AgentKind::Source).is_some());
    let (code, told) = stderr_of(&bed, "SRC", AgentKind::Source);
    assert_eq!(code, Some(1));
    assert_told(
        &told,
        "error: could not take hold of the source agent's folder",
        &["where:", "lock", "cause:", "another process of this agent is running", "hint:"],
    );
    services.kill("SRC", AgentKind::Source);
    bed.settle();
    prove(&bed);
}

#[test]
fn a_service_outlives_what_a_commit_can_mend() {
    let bed = servers();
    let file = bed.home("SRC", AgentKind::Source).config_ini.with_file_name("desired.toml");
    fs::write(&file, "damaged").expect("writable");
    let mut services = Services::none(&bed);
    services.start("SRC", AgentKind::Source);
    services.start("SRC", AgentKind::Transmission);
    wait_until("the other agent works", PATIENCE, || bed.report("SRC", AgentKind::Transmission).is_some());
    services.assert_running();
    bed.commit();
    wait_until("the agent takes the commit over", PATIENCE, || {
        bed.report("SRC", AgentKind::Source).is_some_and(|report| report.containers == CONTAINERS)
    });
    drop(services);
    bed.settle();
    prove(&bed);
}
