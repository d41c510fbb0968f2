use super::run::Listener;
use super::summary::{Suite, Summary};
use super::{Optional, Test};

fn heard(text: &str) -> Vec<Suite> {
    let mut listener = Listener::default();
    text.lines().for_each(|line| listener.hear(line));
    listener.finish()
}

fn summary(suites: Vec<Suite>) -> Summary {
    let mut summary = Summary::default();
    suites.into_iter().for_each(|suite| summary.add(suite));
    summary
}

const PASSING: &str = "   Compiling mailferry-core v0.1.0
     Running unittests src/lib.rs (target/debug/deps/mailferry_core-0b8a7ae6e2d0b3f5)

running 2 tests
test prv::tests::a ... ok
test prv::tests::b ... ok

test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
   Doc-tests mailferry_core

test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
";

#[test]
fn counts_stand_under_the_name_of_their_suite() {
    let suites = heard(PASSING);
    let told: Vec<_> = suites.iter().map(|suite| (suite.name.as_str(), suite.passed, suite.failed)).collect();
    assert_eq!(told, [("mailferry-core", 2, 0), ("mailferry_core (documentation)", 1, 0)]);
    assert!(summary(suites).passed());
}

#[test]
fn one_failed_test_fails_the_command() {
    let suites = heard(&PASSING.replace("ok. 2 passed; 0 failed", "FAILED. 1 passed; 1 failed"));
    assert_eq!(suites[0].failed, 1);
    assert!(!summary(suites).passed());
}

#[test]
fn a_suite_that_crashed_has_failed() {
    let suites = heard("     Running tests/ladder.rs (target/debug/deps/ladder-0b8a7ae6e2d0b3f5)\nrunning 3 tests\nerror: test failed");
    assert_eq!(suites, [Suite::failed("ladder", "ended without its counts")]);
}

#[test]
fn nothing_run_is_nothing_passed() {
    assert!(!summary(vec![Suite::skipped("corpora", "not there")]).passed());
}

#[test]
fn what_was_skipped_is_told_with_its_reason_and_counted_apart() {
    let text = "     Running tests/corpora.rs (target/debug/deps/corpora-0b8a7ae6e2d0b3f5)
running 3 tests
SKIPPED: no corpora
test a ... ok
test b ... SKIPPED: no corpora
ok
test c ... ignored, a measurement

test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s";
    let suites = heard(text);
    assert_eq!((suites[0].passed, suites[0].skipped), (0, 3));
    let told = summary(suites).to_string();
    assert!(told.contains("SKIPPED corpora (2 times): no corpora\n"), "{told}");
    assert!(told.contains("SKIPPED corpora: c: a measurement\n"), "{told}");
}

#[test]
fn a_suite_that_cannot_run_fails_only_when_it_was_asked_for() {
    let told = |long: bool, require: Vec<Optional>| {
        let mut told = summary(vec![Suite { passed: 1, ..Suite::new("rules") }]);
        Test { long, require, fuzz_minutes: 1, kills: 1, cuts: 1, seed: None }.not_run(Optional::Windows, "no apt".into(), &mut told);
        told
    };
    let unasked = told(false, vec![Optional::Fuzz]);
    assert!(unasked.passed() && unasked.to_string().contains("SKIPPED windows: no apt"));
    for asked in [told(true, vec![]), told(false, vec![Optional::Windows])] {
        assert!(!asked.passed() && asked.to_string().contains("FAILED windows: asked for, and could not run: no apt"));
    }
}
